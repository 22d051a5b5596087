//! How a cluster stands, in one word, and how bad that is. One place for `status`, `status --check` and
//! all later faces; it looks at the report alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::report::{ClusterReport, ConsoleReport, Report};
use crate::alarm::Alarm;
use crate::machine::Stage;
use crate::machine::snapshot::{NodeSnapshot, PackageSnapshot, Snapshot};
use crate::script::program::Severity;

/// Answers missed in a row after which an address counts as silent: one may get lost.
const SILENT: u32 = 3;

/// How a cluster stands; the worst comes last, so that the greatest is the worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The package serves, and another node stands by.
    Ok,
    /// One leg is left, console or network: with that gone too, nothing can be known.
    Jeopardy,
    /// The package serves, and no healthy standby is there: not highly available until repaired.
    Degraded,
    /// People work there: nothing is written, and nothing is done by itself.
    Maintenance,
    /// It is being found out who has the package.
    #[default]
    Unknown,
    /// Something is wrong with the primary, and no takeover has begun yet.
    Suspect,
    /// A takeover is under way.
    Switching,
    /// The monitor doubts itself: every takeover is held.
    Impaired,
    /// Nobody guards it: its file is wrong, or its task does not answer.
    NotGuarded,
    /// Nothing goes on by itself: a person must help.
    Hold,
}

impl Word {
    /// Every word, the best first.
    pub const ALL: [Word; 10] = [
        Word::Ok,
        Word::Jeopardy,
        Word::Degraded,
        Word::Maintenance,
        Word::Unknown,
        Word::Suspect,
        Word::Switching,
        Word::Impaired,
        Word::NotGuarded,
        Word::Hold,
    ];

    /// How bad it is, for a check.
    pub fn level(self) -> Level {
        match self {
            Word::Ok => Level::Ok,
            Word::Jeopardy
            | Word::Degraded
            | Word::Maintenance
            | Word::Unknown
            | Word::Suspect
            | Word::Switching => Level::Warning,
            Word::Impaired | Word::NotGuarded | Word::Hold => Level::Critical,
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Word::Ok => "ok",
            Word::Jeopardy => "JEOPARDY",
            Word::Degraded => "DEGRADED",
            Word::Maintenance => "MAINTENANCE",
            Word::Unknown => "UNKNOWN",
            Word::Suspect => "SUSPECT",
            Word::Switching => "SWITCHING",
            Word::Impaired => "IMPAIRED",
            Word::NotGuarded => "NOT GUARDED",
            Word::Hold => "HOLD",
        })
    }
}

/// How bad something is, as Nagios and its kin count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing is wrong.
    Ok,
    /// Somebody should look at it by day.
    Warning,
    /// Somebody should look at it now.
    Critical,
    /// It could not be found out.
    Unknown,
}

/// How a cluster stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// In one word.
    pub word: Word,
    /// Why, in one line; empty when it is well.
    pub why: String,
}

impl Standing {
    fn new(word: Word, why: impl Into<String>) -> Standing {
        let why = why.into();
        Standing { word, why }
    }

    /// How a cluster stands by its report. Of several things the worst counts.
    pub fn of(cluster: &ClusterReport) -> Standing {
        let Some(snapshot) = &cluster.snapshot else {
            let why = cluster.not_guarded.as_deref();
            let why = why.and_then(|why| why.lines().next());
            return Standing::new(Word::NotGuarded, why.unwrap_or("its task does not answer"));
        };
        let packages = snapshot.packages.iter();
        let worst = packages
            .map(|package| of_package(package, snapshot, &cluster.consoles))
            .max_by_key(|standing| standing.word)
            .unwrap_or_default();
        match &snapshot.impaired {
            Some(why) if worst.word < Word::Impaired => Standing::new(Word::Impaired, why),
            _ => worst,
        }
    }
}

fn of_package(
    package: &PackageSnapshot,
    snapshot: &Snapshot,
    consoles: &[ConsoleReport],
) -> Standing {
    let of_primary_node = |node: &&NodeSnapshot| Some(&node.node) == package.primary.as_ref();
    let primary = snapshot.nodes.iter().find(of_primary_node);
    let kept = primary.and_then(|node| node.maintenance.as_ref());
    if let Some(kept) = snapshot.maintenance.as_ref().or(kept) {
        let why = format!("{} works on it: {}", kept.who, kept.reason);
        return Standing::new(Word::Maintenance, why);
    }
    if let Some(why) = &package.hold {
        return Standing::new(Word::Hold, why);
    }
    let name = |node: &Option<String>| node.clone().unwrap_or_else(|| "nobody".to_owned());
    match (package.stage, &package.primary) {
        (Stage::Starting, primary) => {
            let why = format!("{} has it, and is not seen to serve yet", name(primary));
            return Standing::new(Word::Switching, why);
        }
        (Stage::Stopping, primary) => {
            let why = format!("{} is being stopped", name(primary));
            return Standing::new(Word::Switching, why);
        }
        (Stage::Settled, None) => {
            let why = "it is not known who has it: the consoles are asked";
            return Standing::new(Word::Unknown, why);
        }
        (Stage::Settled, Some(_)) => {}
    }
    let node = |wanted: &Option<String>| {
        let mut nodes = snapshot.nodes.iter();
        nodes.find(|node| Some(&node.node) == wanted.as_ref())
    };
    if let Some(primary) = node(&package.primary)
        && let Some(standing) = of_primary(primary, package, consoles)
    {
        return standing;
    }
    let others = snapshot.nodes.iter();
    let mut others = others.filter(|node| Some(&node.node) != package.primary.as_ref());
    if others.any(|node| unfit(node, consoles).is_none()) {
        return Standing::new(Word::Ok, "");
    }
    let why = match node(&package.secondary) {
        Some(standby) => unfit(standby, consoles).unwrap_or_default(),
        None => "there is no standby".to_owned(),
    };
    Standing::new(Word::Degraded, why)
}

/// What is wrong with the primary.
fn of_primary(
    node: &NodeSnapshot,
    package: &PackageSnapshot,
    consoles: &[ConsoleReport],
) -> Option<Standing> {
    let name = &node.node;
    let lost = !connected(node, consoles);
    let silent = package.address_misses >= SILENT;
    let address = &package.address;
    match (lost, silent) {
        (true, true) => {
            let why = format!("the console of {name} is lost, and {address} does not answer");
            Some(Standing::new(Word::Suspect, why))
        }
        (true, false) => {
            let why = format!("the console of {name} is lost: only {address} tells of it");
            Some(Standing::new(Word::Jeopardy, why))
        }
        (false, false) if node.condition == "silent" => {
            let why = format!("the console of {name} does not answer: only {address} tells of it");
            Some(Standing::new(Word::Jeopardy, why))
        }
        (false, _) if node.condition != "running" && node.condition != "unknown" => {
            let why = format!("{name} is {}", node.condition);
            Some(Standing::new(Word::Suspect, why))
        }
        (false, true) => {
            let why = format!("{address} does not answer: only the console tells of {name}");
            Some(Standing::new(Word::Jeopardy, why))
        }
        (false, false) => None,
    }
}

/// Why a node cannot take over, if it cannot.
fn unfit(node: &NodeSnapshot, consoles: &[ConsoleReport]) -> Option<String> {
    let name = &node.node;
    if let Some(kept) = &node.maintenance {
        let who = &kept.who;
        return Some(format!("the standby {name} is in maintenance by {who}"));
    }
    if let Some(out) = &node.out_of_service {
        let who = &out.who;
        return Some(match out.over {
            false => {
                format!("the standby {name} is out of service by {who}: no node can take over")
            }
            true => {
                format!("the standby {name} was out of service, and its time is over: is it back?")
            }
        });
    }
    if !connected(node, consoles) {
        return Some(format!("the console of the standby {name} is lost"));
    }
    if node.siege {
        return Some(format!("the standby {name} is dark, and under siege"));
    }
    match node.condition.as_str() {
        "at its prompt" => None,
        condition => Some(format!(
            "the standby {name} is {condition}, not at its prompt"
        )),
    }
}

fn connected(node: &NodeSnapshot, consoles: &[ConsoleReport]) -> bool {
    let mut consoles = consoles.iter();
    consoles.any(|console| console.node == node.node && console.up)
}

impl Report {
    /// Says of each cluster how it stands, and puts the worst first; those that stand alike by name.
    pub fn judge(&mut self) {
        for cluster in &mut self.clusters {
            cluster.standing = Standing::of(cluster);
        }
        self.clusters.sort_by(|one, other| {
            let worse = other.standing.word.cmp(&one.standing.word);
            worse.then_with(|| one.cluster.cmp(&other.cluster))
        });
    }

    /// How bad all of it is: the worst cluster, or the worst open alarm.
    pub fn level(&self) -> Level {
        let clusters = self.clusters.iter().map(|one| one.standing.word.level());
        clusters
            .chain(self.alarms.iter().map(alarm_level))
            .max()
            .unwrap_or(Level::Ok)
    }
}

fn alarm_level(alarm: &Alarm) -> Level {
    match alarm.severity {
        Severity::Critical => Level::Critical,
        Severity::Warning => Level::Warning,
        Severity::Notice => Level::Ok,
    }
}

#[cfg(test)]
mod tests;
