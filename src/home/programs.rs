//! Programs that a file names: whether they are there, and may be executed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// Where a program is that a file names: a path, taken from the home directory, or a name
/// that is looked for in `PATH`.
pub(super) fn find_program(program: &str, home: &Path) -> Result<PathBuf, (String, &'static str)> {
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
