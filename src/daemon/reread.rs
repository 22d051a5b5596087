//! All files of the home once more, whole: the new configuration, or every fault of it. Blocks.

use std::sync::Arc;

use crate::cluster::Blueprint;
use crate::config::{Settings, Weight};
use crate::home::{Home, Programs, inspect};
use crate::matcher::{PatternSet, PatternSets};

/// A configuration without a fault.
#[derive(Debug)]
pub(super) struct Reread {
    pub settings: Settings,
    pub blueprints: Vec<Arc<Blueprint>>,
}

/// Reads, compiles and checks; `sets` are in use already, and shared with what is new.
///
/// # Errors
/// What is wrong, each fault with its file and line. One is enough: nothing is to change then.
pub(super) fn reread(home: &Home, sets: Vec<Arc<PatternSet>>) -> Result<Reread, Vec<String>> {
    let inspected = inspect(home);
    let loaded = inspected.loaded;
    let errors = loaded.faults.iter();
    let errors = errors.filter(|fault| fault.weight == Weight::Error);
    let mut faults: Vec<String> = errors.map(ToString::to_string).collect();
    let scripts = inspected.scripts.iter();
    let scripts = scripts.filter(|fault| fault.weight == Weight::Error);
    faults.extend(scripts.map(ToString::to_string));
    let mut sets = PatternSets::known(sets);
    let mut blueprints = Vec::new();
    for cluster in &loaded.clusters {
        let none = Programs::new();
        let programs = inspected.programs.get(&cluster.name).unwrap_or(&none);
        match Blueprint::new(cluster, programs, home.dir(), &loaded.settings, &mut sets) {
            Ok(blueprint) => blueprints.push(Arc::new(blueprint)),
            Err(unfit) => faults.push(format!("{}: {unfit}", cluster.file)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Reread {
        settings: loaded.settings,
        blueprints,
    })
}
