//! What the engine itself tells of, whatever state the script is in: during a boot or a takeover, too,
//! somebody must hear that a console stays lost, or that a second node runs.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::Machine;
use crate::machine::alarm_code;
use crate::machine::node::{Condition, Link};
use crate::machine::setup::{NodeId, PackageId};
use crate::mutant::Guard;
use crate::script::program::Severity;

/// What lasts for so long is told of. A terminal server that is started again is back sooner, and a
/// script that listens has stopped a second node sooner.
const LASTS: Duration = Duration::from_secs(60);
/// A console that is connected anew and does not show what the node is, is told of so long after it was
/// lost: a script that has nothing else to do has asked it meanwhile.
const ASKED: Duration = Duration::from_secs(120);

/// A standby that waits for so long at its prompt without a full fence gets none from its script.
const UNFENCED: Duration = Duration::from_secs(120);

/// What was told of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Told {
    /// Consoles that stay lost.
    lost: Vec<NodeId>,
    /// A node that runs beside the one that has the package, and since when.
    beside: Option<(NodeId, Moment)>,
    /// The alarm about it is open.
    raised: bool,
    /// A standby that failed, waits, and was not fully fenced since; and since when it waits.
    unfenced: Option<(NodeId, Moment)>,
    /// The alarm about it is open.
    unfenced_raised: bool,
    /// Its service is down during a maintenance.
    pub(super) down: bool,
    /// The alarm about guards that are not known is open.
    pub(super) guard: bool,
}

impl Machine {
    /// Tells of what lasts, and when it is over.
    pub(super) fn tell_what_lasts(&mut self) {
        for node in &mut self.nodes {
            // It shows something, or it was asked: that is dealt with elsewhere.
            let seen = node.epoch().is_some() && node.condition != Condition::Unknown;
            node.unseen = node.unseen.filter(|_| !seen);
        }
        for p in 0..self.packages.len() {
            self.tell_lost(p);
            self.tell_beside(p);
            self.tell_unfenced(p);
        }
    }

    fn tell_lost(&mut self, p: PackageId) {
        let told = &self.packages[p].told.lost;
        // What was told stays told until something is seen: a link alone shows nothing.
        let due = |n: &NodeId| {
            let from = self.lost_from(*n);
            from.is_some_and(|at| at <= self.now || told.contains(n))
        };
        let lost = self.setup.packages[p].nodes.iter().copied().filter(due);
        // After every input, so without a list; and one by one, for `memcmp` of two empty lists costs a
        // fault of the processor on some machines: it was 15 % of all time in the simulator.
        if lost.clone().eq(told.iter().copied()) {
            return;
        }
        let lost: Vec<NodeId> = lost.collect();
        if lost.is_empty() {
            self.clear(p, alarm_code::CONSOLE_LOST);
        } else if Guard::LostConsoleTold.stands() {
            let names: Vec<&str> = lost.iter().map(|n| self.setup.node_name(*n)).collect();
            let whose = match names.as_slice() {
                [one] => format!("the console of {one} was"),
                several => format!("the consoles of {} were", several.join(" and ")),
            };
            let text = format!("{whose} lost, and what runs there has not been seen since");
            self.alarm(p, Severity::Warning, alarm_code::CONSOLE_LOST, text);
        }
        self.packages[p].told.lost = lost;
    }

    /// From when on a console that is lost is told of.
    pub(super) fn lost_from(&self, n: NodeId) -> Option<Moment> {
        let node = &self.nodes[n];
        let lasts = match node.link {
            _ if Guard::LostConsoleTime.gone() => Duration::ZERO,
            Link::Down { .. } => LASTS,
            Link::Up { .. } => ASKED,
        };
        // A node without power may well have a console without a link.
        let unseen = node.unseen.filter(|_| !self.put_out(n));
        unseen.map(|since| since + lasts)
    }

    fn tell_beside(&mut self, p: PackageId) {
        let now = self.now;
        let beside = self.runs_beside(p);
        let told = &mut self.packages[p].told;
        if told.beside.map(|(n, _)| n) != beside {
            told.beside = beside.map(|n| (n, now));
            if std::mem::take(&mut told.raised) {
                self.clear(p, alarm_code::RUNS_BESIDE);
            }
        }
        let told = &self.packages[p].told;
        let Some((n, since)) = told.beside.filter(|_| !told.raised) else {
            return;
        };
        let lasts = now.since(since) >= LASTS || Guard::BesideTime.gone();
        if lasts && Guard::BesideTold.stands() {
            let primary = self.packages[p].primary;
            let text = format!(
                "{} runs a system while {} has the package: two may write to the disk",
                self.setup.node_name(n),
                primary.map_or("another node", |primary| self.setup.node_name(primary)),
            );
            self.packages[p].told.raised = true;
            self.alarm(p, Severity::Critical, alarm_code::RUNS_BESIDE, text);
        }
    }

    /// A node whose console shows that a system loads or runs there, and which has not the package.
    fn runs_beside(&self, p: PackageId) -> Option<NodeId> {
        let package = &self.packages[p];
        if !package.known {
            return None;
        }
        let runs = |n: &NodeId| {
            let node = &self.nodes[*n];
            package.primary != Some(*n) && node.loads && node.proof.is_none()
        };
        self.setup.packages[p].nodes.iter().copied().find(runs)
    }

    /// A node that was stopped by its power or a person's word alone, and is back at its prompt,
    /// looks like a standby; but nothing is switched to it before it was fully fenced (rule 10).
    fn tell_unfenced(&mut self, p: PackageId) {
        let now = self.now;
        let told = &self.packages[p].told;
        let waits = self.waits_unfenced(p, told.unfenced.map(|(n, _)| n));
        let since = told.unfenced.filter(|(n, _)| Some(*n) == waits);
        let is = waits.map(|n| since.unwrap_or((n, now)));
        let told = &mut self.packages[p].told;
        told.unfenced = is;
        if waits.is_none() && std::mem::take(&mut told.unfenced_raised) {
            self.clear(p, alarm_code::UNFENCED_STANDBY);
        }
        let due = |(_, since): &(NodeId, Moment)| {
            now.since(*since) >= UNFENCED || Guard::UnfencedTime.gone()
        };
        let raised = self.packages[p].told.unfenced_raised;
        let Some((n, _)) = is.filter(due).filter(|_| !raised) else {
            return;
        };
        if self.door_on(n).is_none() && Guard::UnfencedTold.stands() {
            let text = format!(
                "{} waits at its prompt, but failed and was not fully fenced since: nothing will be switched to it, and the next failure ends in HOLD",
                self.setup.node_name(n),
            );
            self.packages[p].told.unfenced_raised = true;
            self.alarm(p, Severity::Warning, alarm_code::UNFENCED_STANDBY, text);
        }
    }

    /// The node of a package that waits as a standby and was not fully fenced since it failed. One
    /// that is known as such stays so until it is fenced, or has the package.
    fn waits_unfenced(&self, p: PackageId, known: Option<NodeId>) -> Option<NodeId> {
        let package = &self.packages[p];
        if !package.known {
            return None;
        }
        let raised = package.told.unfenced_raised;
        let waits = |n: &NodeId| {
            let node = &self.nodes[*n];
            let stays = raised && known == Some(*n);
            let prompt = node.condition == Condition::Prompt;
            package.primary != Some(*n) && node.unfenced_failure && (prompt || stays)
        };
        self.setup.packages[p].nodes.iter().copied().find(waits)
    }

    /// When something has lasted long enough to be told of.
    pub(super) fn tell_timeout(&self) -> Option<Moment> {
        let lost = (0..self.nodes.len()).filter_map(|n| self.lost_from(n));
        let untold = self.packages.iter().filter(|p| !p.told.raised);
        let beside = untold.filter_map(|p| p.told.beside.map(|(_, since)| since + LASTS));
        let untold = self.packages.iter().filter(|p| !p.told.unfenced_raised);
        let unfenced = untold.filter_map(|p| p.told.unfenced.map(|(_, since)| since + UNFENCED));
        let all = lost.chain(beside).chain(unfenced);
        all.filter(|at| *at > self.now).min()
    }
}
