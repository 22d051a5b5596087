//! What the hooks of a cluster need of this machine: their programs.

use super::Home;
use super::programs::find_program;
use crate::config::{Cluster, Fault, Hook, Loaded};

/// Programs that are not there, or that this user may not execute.
pub(super) fn faults(cluster: &Cluster, home: &Home, loaded: &Loaded) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut look = |hooks: &[Hook], path: &[&str]| {
        for (number, hook) in hooks.iter().enumerate() {
            let number = number.to_string();
            let commands = [("run", Some(&hook.run)), ("recover", hook.recover.as_ref())];
            for (key, argv) in commands {
                let Some(program) = argv.and_then(|argv| argv.first()) else {
                    continue;
                };
                if let Err((message, help)) = find_program(program, home.dir()) {
                    let path = [path, &["hooks", &number, key, "0"]].concat();
                    faults.push(loaded.error_at(&cluster.file, &path, message, help));
                }
            }
        }
    };
    look(&cluster.hooks, &[]);
    for (name, package) in &cluster.packages {
        look(&package.hooks, &["packages", name.as_str()]);
    }
    faults
}
