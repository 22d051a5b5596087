//! A console that stays lost is told of by the engine, whatever state the script is in: during a boot
//! or a takeover, too, somebody must hear that nothing can be seen there.

use std::time::Duration;

use crate::clock::{Moment, Span};
use crate::machine::Machine;
use crate::machine::node::Link;
use crate::machine::setup::{NodeId, PackageId};
use crate::mutant::Guard;
use crate::script::program::Severity;

/// A console that is lost for so long is told of. A terminal server that is started again is back sooner.
const LOST: Duration = Duration::from_secs(60);

/// The code of that alarm.
const CODE: &str = "console_lost";

impl Machine {
    /// Tells of consoles that stay lost, and when all are back.
    pub(super) fn tell_lost_consoles(&mut self) {
        for p in 0..self.packages.len() {
            let lost = self.lost_consoles(p);
            if lost == self.packages[p].lost_told {
                continue;
            }
            if lost.is_empty() {
                self.clear(p, CODE);
            } else if Guard::LostConsoleTold.stands() {
                let names: Vec<&str> = lost.iter().map(|n| self.setup.node_name(*n)).collect();
                let whose = match names.as_slice() {
                    [one] => format!("the console of {one} has"),
                    several => format!("the consoles of {} have", several.join(" and ")),
                };
                let text = format!("{whose} not been connected for {} or longer", Span(LOST));
                self.alarm(p, Severity::Warning, CODE, text);
            }
            self.packages[p].lost_told = lost;
        }
    }

    fn lost_consoles(&self, p: PackageId) -> Vec<NodeId> {
        let lost = |n: &NodeId| self.lost_from(*n).is_some_and(|at| at <= self.now);
        self.setup.packages[p]
            .nodes
            .iter()
            .copied()
            .filter(lost)
            .collect()
    }

    /// From when on a console that is lost counts as lost for good.
    fn lost_from(&self, n: NodeId) -> Option<Moment> {
        match self.nodes[n].link {
            Link::Down { since, .. } if Guard::LostConsoleTime.stands() => Some(since + LOST),
            Link::Down { since, .. } => Some(since),
            Link::Up { .. } => None,
        }
    }

    /// When the next console counts as lost.
    pub(super) fn lost_timeout(&self) -> Option<Moment> {
        let times = (0..self.nodes.len()).filter_map(|n| self.lost_from(n));
        times.filter(|at| *at > self.now).min()
    }
}
