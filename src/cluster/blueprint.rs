//! All that one cluster's task needs to begin: made once from the cluster file and its
//! compiled scripts, used again after a restart of the task.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::hooks;
use super::setup::{exactly, setup};
use crate::config::{Cluster, ConsoleSettings, ConsoleSpec, Hook, Reach, Settings, Targets};
use crate::console::LinkSettings;
use crate::exec::PowerLeg;
use crate::home::{Programs, power};
use crate::machine::setup::{Setup, listens_for};
use crate::matcher::{PatternError, PatternSet, PatternSets};
use crate::probe::Target;
use crate::script::program::Program;
use crate::secret;

/// A cluster, ready to be guarded.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// What the machine is made of.
    pub setup: Arc<Setup>,
    /// The file that it comes from, as a path from the home.
    pub file: String,
    /// What is listened for on the consoles.
    pub(super) patterns: Arc<PatternSet>,
    /// Each node's console.
    pub(super) consoles: Vec<Arc<ConsoleSpec>>,
    /// How each node's console is dialled and held.
    pub(super) links: Vec<Arc<LinkSettings>>,
    /// After so long without a key a person's pause of the script ends.
    pub(super) keyboard_idle: Duration,
    /// Each node's power legs.
    pub(super) legs: Vec<Vec<PowerLeg>>,
    /// How each package's service address is asked, and how often.
    pub(super) services: Vec<(Target, Duration)>,
    /// The witnesses.
    pub(super) witnesses: Vec<Target>,
    /// How long the package's takeovers are meant to take.
    pub(super) targets: Targets,
    /// Commands before and after what happens; the machine's gates name them by their place here.
    pub(super) hooks: Vec<Arc<Hook>>,
}

/// Why a cluster cannot be guarded although its file can be read.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The patterns of the script.
    #[error("the patterns of {script} do not compile: {why}")]
    Patterns {
        /// The script.
        script: String,
        /// Why.
        why: PatternError,
    },
    /// This version guards one package in a cluster.
    #[error("the cluster has {0} packages, this version guards one")]
    Packages(usize),
}

impl Blueprint {
    /// Puts the parts together, with what `settings` of the host say of them. Programs and secrets of power legs that are named by a path
    /// are found from `home`; clusters that listen for the same patterns share a set of `sets`.
    ///
    /// # Errors
    /// Something fits the file's rules but not this version.
    pub fn new(
        cluster: &Cluster,
        programs: &Programs,
        home: &Path,
        settings: &Settings,
        sets: &mut PatternSets,
    ) -> Result<Blueprint, Unfit> {
        let setup = setup(cluster, programs);
        let [package] = setup.packages.as_slice() else {
            return Err(Unfit::Packages(setup.packages.len()));
        };
        let patterns = patterns(&package.program, sets)?;
        let nodes = cluster.nodes.values();
        let consoles = nodes.map(|node| Arc::new(files_from_home(&node.console, home)));
        let links = cluster.nodes.values();
        let links = links.map(|node| link_settings(&settings.console, &node.console).shared());
        let legs = cluster.nodes.values().map(|node| power::legs(node, home));
        let services = setup.packages.iter().filter_map(|package| {
            let meant = cluster.packages.get(&package.name)?;
            let target = match meant.reach {
                Reach::Ping => Target::Icmp(meant.address),
                Reach::Tcp(port) => Target::Tcp(SocketAddr::new(meant.address, port)),
            };
            Some((target, package.program.ping_every))
        });
        let targets = cluster.packages.get(&package.name);
        let targets = targets.map(|package| package.targets).unwrap_or_default();
        Ok(Blueprint {
            targets,
            hooks: hooks::of(cluster, &package.name, home),
            file: cluster.file.clone(),
            patterns,
            consoles: exactly(consoles),
            links: exactly(links),
            keyboard_idle: settings.keyboard_idle,
            legs: exactly(legs),
            services: exactly(services),
            witnesses: cluster
                .witnesses
                .iter()
                .map(|w| Target::Icmp(w.address))
                .collect(),
            setup: Arc::new(setup),
        })
    }

    /// Who is asked whether this host's own path is alive.
    pub fn witnesses(&self) -> &[Target] {
        &self.witnesses
    }

    /// What it listens for, to be shared with others.
    pub fn patterns(&self) -> &Arc<PatternSet> {
        &self.patterns
    }

    /// The power legs of a node, if there is such a node.
    pub fn legs_of(&self, node: &str) -> Option<&[PowerLeg]> {
        let mut nodes = self.setup.nodes.iter();
        let place = nodes.position(|known| known.name.as_str() == node)?;
        self.legs.get(place).map(Vec::as_slice)
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        self.setup.cluster.as_str()
    }
}

/// The host's settings, where the console has none of its own.
fn link_settings(host: &ConsoleSettings, console: &ConsoleSpec) -> LinkSettings {
    LinkSettings {
        connect_timeout: host.connect_timeout,
        backoff_first: host.backoff_first,
        backoff_max: host.backoff_max,
        keepalive_idle: console.keepalive.unwrap_or(host.keepalive),
        user_timeout: console.lost_after.unwrap_or(host.lost_after),
        ..LinkSettings::default()
    }
}

/// A console whose files, of its SSH login, are found from the home directory.
fn files_from_home(console: &ConsoleSpec, home: &Path) -> ConsoleSpec {
    let found = |file: &str| home.join(file).display().to_string();
    let secret = |file: &str| secret::place(home, file).display().to_string();
    let mut console = console.clone();
    if let Some(login) = &mut console.ssh {
        login.key = login.key.as_deref().map(secret);
        login.password_file = login.password_file.as_deref().map(secret);
        login.known_hosts = found(&login.known_hosts);
    }
    console
}

fn patterns(program: &Program, sets: &mut PatternSets) -> Result<Arc<PatternSet>, Unfit> {
    sets.of(&listens_for(program))
        .map_err(|why| Unfit::Patterns {
            script: program.name.clone(),
            why,
        })
}
