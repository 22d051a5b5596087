//! From a home directory to all that the supervisor needs. Blocks: it is done once, before
//! anything is guarded.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::cluster::{Blueprint, Happened};
use crate::config::{Loaded, SETTINGS, Settings, Weight};
use crate::home::{Home, Programs, inspect};
use crate::matcher::PatternSets;
use crate::scribe::Scribe;
use crate::store::{Journal, Retention, StoreError};

/// Events that a slow listener may be behind.
const LISTENERS_LAG: usize = 4096;

/// Why the daemon cannot start at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another daemon has the home, or the journal cannot be used.
    #[error(transparent)]
    Journal(#[from] StoreError),
    /// `logs/` cannot be made.
    #[error("cannot write logs in {}: {why}", .path.display())]
    Logs {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The control socket cannot be made.
    #[error("cannot make the control socket {}: {why}; `control_socket` in clusterd.yaml gives it another path", .path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
}

/// A home, locked and read.
#[derive(Debug)]
pub struct Prepared {
    pub(super) home: Home,
    pub(super) settings: Settings,
    pub(super) journal: Arc<Journal>,
    /// The writer of all logs.
    pub scribe: Arc<Scribe>,
    pub(super) guarded: Vec<Arc<Blueprint>>,
    pub(super) refused: Vec<Unguarded>,
    /// What is wrong with the host's own settings.
    pub(super) unsettled: Option<String>,
    /// Subscribe here before the start, and nothing that happens is missed.
    pub happened: broadcast::Sender<Happened>,
}

/// A cluster that cannot be guarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unguarded {
    /// Its name, or its file's where that cannot be read.
    pub cluster: String,
    /// Its file, as a path from the home.
    pub file: String,
    /// What is wrong, in lines for people.
    pub why: String,
}

impl Unguarded {
    /// What is wrong, in one line.
    pub(super) fn first(&self) -> String {
        let mut lines = self.why.lines();
        let first = lines.next().unwrap_or_default();
        match lines.count() {
            0 => first.to_owned(),
            more => format!("{first}; and {more} more: clusterd check lists them"),
        }
    }
}

/// Locks the home, opens journal and logs, reads every file and compiles every script.
///
/// # Errors
/// Another daemon has this home, or its journal or logs cannot be used. Faults of single
/// files are none: their clusters are not guarded, and that is an alarm.
pub fn prepare(home: Home) -> Result<Prepared, StartError> {
    let inspected = inspect(&home);
    let loaded = inspected.loaded;
    let retention = Retention {
        age: loaded.settings.journal.age,
        most: loaded.settings.journal.most,
        ..Retention::default()
    };
    let journal = Journal::open_with(home.dir(), retention)?;
    let scribe = Scribe::start(home.dir(), &loaded.settings).map_err(|why| StartError::Logs {
        path: home.path("logs"),
        why,
    })?;
    let mut guarded = Vec::new();
    let mut sets = PatternSets::default();
    let mut refused = refused(&loaded);
    let unsettled = unsettled(&loaded);
    for cluster in &loaded.clusters {
        let none = Programs::new();
        let programs = inspected.programs.get(&cluster.name).unwrap_or(&none);
        let settings = &loaded.settings;
        match Blueprint::new(cluster, programs, home.dir(), settings, &mut sets) {
            Ok(blueprint) => guarded.push(Arc::new(blueprint)),
            Err(unfit) => refused.push(Unguarded {
                cluster: cluster.name.to_string(),
                file: cluster.file.clone(),
                why: unfit.to_string(),
            }),
        }
    }
    Ok(Prepared {
        settings: loaded.settings,
        home,
        journal: Arc::new(journal),
        scribe: Arc::new(scribe),
        guarded,
        refused,
        unsettled,
        happened: broadcast::Sender::new(LISTENERS_LAG),
    })
}

/// The first error of `clusterd.yaml`, and how many more there are.
fn unsettled(loaded: &Loaded) -> Option<String> {
    let mut errors = loaded
        .faults_of(SETTINGS)
        .filter(|fault| fault.weight == Weight::Error);
    let first = errors.next()?;
    let more = match errors.count() {
        0 => String::new(),
        more => format!("; and {more} more: clusterd check lists them"),
    };
    Some(format!(
        "{SETTINGS} is wrong, what is wrong in it is left out: {first}{more}"
    ))
}

fn refused(loaded: &Loaded) -> Vec<Unguarded> {
    let faults = |file: &str| {
        let errors = loaded
            .faults_of(file)
            .filter(|fault| fault.weight == Weight::Error);
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        errors.join("\n")
    };
    let refused = loaded.refused.iter().map(|refused| Unguarded {
        cluster: refused.name.clone().unwrap_or_else(|| stem(&refused.file)),
        file: refused.file.clone(),
        why: faults(&refused.file),
    });
    refused.collect()
}

/// `clist/pki-ca.yaml` is `pki-ca`.
fn stem(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".yaml").unwrap_or(name).to_owned()
}
