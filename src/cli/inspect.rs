//! Everything that a home directory needs before its clusters can be guarded: its files,
//! and the programs, sockets and scripts that they name. `check` prints what is found;
//! `run` guards what is left.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::Home;
use crate::config::{self, Cluster, Fault, Loaded, Node, Weight};

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Inspected {
    /// The files; clusters with anything wrong, here or elsewhere, are among the refused.
    pub loaded: Loaded,
}

/// Reads all files and looks at all that they name.
pub fn inspect(home: &Home) -> Inspected {
    let mut loaded = config::load(home);
    let mut faults = Vec::new();
    for cluster in &loaded.clusters {
        for (name, node) in &cluster.nodes {
            faults.extend(power_programs(cluster, name.as_str(), node, home, &loaded));
            faults.extend(console_socket(cluster, name.as_str(), node, &loaded));
        }
    }
    loaded.add(faults);
    Inspected { loaded }
}

/// The first word of each power command must be a program.
fn power_programs(
    cluster: &Cluster,
    name: &str,
    node: &Node,
    home: &Home,
    loaded: &Loaded,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (n, leg) in node.power.iter().enumerate() {
        let n = n.to_string();
        let commands = [
            ("off", Some(&leg.off)),
            ("status", Some(&leg.status)),
            ("on", leg.on.as_ref()),
        ];
        for (key, argv) in commands {
            let Some(program) = argv.and_then(|argv| argv.first()) else {
                continue;
            };
            if let Err((message, help)) = find_program(program, home.dir()) {
                let path = ["nodes", name, "power", &n, key, "0"];
                faults.push(loaded.error_at(&cluster.file, &path, message, help));
            }
        }
    }
    faults
}

/// Where a program is that a file names: a path, taken from the home directory, or a name
/// that is looked for in `PATH`.
pub fn find_program(program: &str, home: &Path) -> Result<PathBuf, (String, &'static str)> {
    let shown = program.escape_debug();
    if program.contains('/') {
        let path = home.join(program);
        return match fs::metadata(&path) {
            Ok(meta) if meta.is_file() && may_run(&path) => Ok(path),
            Ok(meta) if meta.is_file() => {
                Err((format!("this user may not execute {shown}"), "chmod +x it"))
            }
            Ok(_) => Err((format!("{shown} is no program"), "")),
            Err(error) => Err((format!("{shown}: {error}"), "")),
        };
    }
    let runs =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| meta.is_file()) && may_run(path);
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(program))
        .find(runs)
        .ok_or((
            format!("there is no program {shown} in PATH"),
            "write its full path: the daemon's PATH may be shorter than yours",
        ))
}

fn may_run(path: &Path) -> bool {
    access(path, AccessFlags::X_OK).is_ok()
}

/// A unix socket may come later, so its absence is no error.
fn console_socket(cluster: &Cluster, name: &str, node: &Node, loaded: &Loaded) -> Option<Fault> {
    let path = node.console.as_str().strip_prefix("unix:")?;
    if fs::metadata(path).is_ok() {
        return None;
    }
    let mut fault = loaded.error_at(
        &cluster.file,
        &["nodes", name, "console"],
        format!("there is no socket {path} now"),
        "start what serves this console",
    );
    fault.weight = Weight::Warning;
    Some(fault)
}
