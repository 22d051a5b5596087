//! Whether the service of a package is there, for those who count its hours. No rule asks for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::node::{Condition, Link};
use super::order::Ordered;
use super::setup::{NodeId, PackageId};
use super::stage::Stage;
use crate::clock::Moment;

/// Answers missed in a row after which an address counts as silent: one may get lost.
const SILENT: u32 = 3;

/// Whether the service is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Serves {
    /// Its address answers, and another node is ready to take over.
    Up,
    /// Its address answers, and nothing would take over.
    Degraded,
    /// It is not there.
    Down,
    /// It is not known: nothing was seen yet, or the monitor doubts what it sees.
    Unknown,
}

impl fmt::Display for Serves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Serves::Up => "up",
            Serves::Degraded => "degraded",
            Serves::Down => "DOWN",
            Serves::Unknown => "unknown",
        })
    }
}

/// How a package's service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footing {
    /// Whether it is there.
    pub is: Serves,
    /// The node that has the package, as far as is known.
    pub node: Option<NodeId>,
    /// A person moves it, or works on it, by their word.
    pub ordered: bool,
    /// It stands in HOLD, or is being stopped without such a word.
    pub trouble: bool,
}

impl Machine {
    /// How the service of a package stands. It is cheap: every turn of a task asks for it.
    pub fn footing(&self, p: PackageId) -> Footing {
        let package = &self.packages[p];
        // People at work on it have said so; an order is in force from its weighing to its end.
        let begun = |order: &Ordered| order.asks.is_none();
        let ordered = package.ordered.is_some() || self.order_in_force(p).is_some_and(begun);
        let ordered = ordered || self.resting(p).is_some();
        let held = package.hold.is_some();
        Footing {
            is: self.serves(p),
            node: self.primary(p),
            ordered: ordered && !held,
            trouble: held || (self.stage(p) == Stage::Stopping && !ordered),
        }
    }

    pub(super) fn serves(&self, p: PackageId) -> Serves {
        let package = &self.packages[p];
        let primary = self.primary(p).map(|n| &self.nodes[n]);
        if self.stage(p) != Stage::Settled {
            return Serves::Down;
        }
        if package.misses >= SILENT {
            // A monitor that doubts itself says nothing about others; and as long as nobody has said who has the
            // package, nobody has said that it should be there.
            return match (&self.host.impaired, primary) {
                (None, Some(_)) => Serves::Down,
                (Some(_), _) | (None, None) => Serves::Unknown,
            };
        }
        if package.answered.is_none() {
            return Serves::Unknown;
        }
        if primary.is_some_and(|node| node.condition == Condition::Panicked) {
            return Serves::Down;
        }
        if self.would_move(p) {
            Serves::Up
        } else {
            Serves::Degraded
        }
    }

    /// Whether a takeover could begin now, and a node is there for it.
    fn would_move(&self, p: PackageId) -> bool {
        let package = &self.packages[p];
        let primary = self.primary(p);
        let held = package.hold.is_some() || self.host.impaired.is_some();
        let held = held || self.resting(p).is_some();
        let mut others = self.setup.packages[p].nodes.iter();
        primary.is_some() && !held && others.any(|&n| Some(n) != primary && self.stands_by(n))
    }

    fn stands_by(&self, n: NodeId) -> bool {
        let node = &self.nodes[n];
        let up = matches!(node.link, Link::Up { .. });
        let fit = up && node.siege.is_none() && !self.in_maintenance(n) && !self.put_out(n);
        fit && node.condition == Condition::Prompt
    }

    /// Why a service is not simply up, for people; since when it is down, where that was seen later
    /// than it began.
    pub fn footing_why(&self, p: PackageId) -> (String, Option<Moment>) {
        let package = &self.packages[p];
        let setup = &self.setup.packages[p];
        let name = |n: Option<NodeId>| n.map_or("nobody", |n| self.setup.node_name(n));
        let primary = self.primary(p);
        match (self.footing(p).is, self.stage(p)) {
            (Serves::Up, _) => (String::new(), None),
            (Serves::Degraded, _) => (self.why_degraded(p), None),
            (Serves::Unknown, _) => match &self.host.impaired {
                Some(why) => (format!("the monitor doubts itself: {why}"), None),
                None if package.misses >= SILENT => {
                    let why = format!("nobody has said yet who has {}", setup.name);
                    (why, None)
                }
                None => (format!("{} was not asked yet", setup.address), None),
            },
            (Serves::Down, Stage::Stopping) => {
                let why = format!("{} is being stopped", name(primary));
                (why, package.missing_since)
            }
            (Serves::Down, Stage::Starting) => {
                let why = format!("{} has it, and is not seen to serve yet", name(primary));
                (why, package.missing_since)
            }
            (Serves::Down, Stage::Settled) if package.misses >= SILENT => {
                let why = format!("{} does not answer", setup.address);
                (why, package.missing_since)
            }
            (Serves::Down, Stage::Settled) => {
                let since = package.missing_since;
                (format!("{} panicked", name(primary)), since)
            }
        }
    }

    fn why_degraded(&self, p: PackageId) -> String {
        let package = &self.packages[p];
        let primary = self.primary(p);
        if let Some(hold) = &package.hold {
            return format!("HOLD: {hold}");
        }
        if let Some(why) = &self.host.impaired {
            return format!("the monitor doubts itself: {why}");
        }
        if let Some(kept) = self.resting(p) {
            return format!("in maintenance by {}", kept.who);
        }
        if primary.is_none() {
            return "it is not known who has it".to_owned();
        }
        let others = self.setup.packages[p].nodes.iter();
        let others = others.filter(|n| Some(**n) != primary).map(|&n| {
            let node = &self.nodes[n];
            let is = match &node.link {
                _ if self.put_out(n) => "out of service",
                Link::Down { .. } => "console lost",
                Link::Up { .. } if node.siege.is_some() => "dark",
                Link::Up { .. } if self.in_maintenance(n) => "in maintenance",
                Link::Up { .. } => node.condition.word(),
            };
            format!("{} ({is})", self.setup.node_name(n))
        });
        let others = others.collect::<Vec<_>>().join(", ");
        match others.as_str() {
            "" => "there is no standby".to_owned(),
            others => format!("no standby is ready: {others}"),
        }
    }
}
