//! Maintenance (design rule 15): people work on a cluster, or on one node, and clusterd writes nothing to
//! its consoles and does nothing by itself, until an end that was given beforehand.
//!
//! ```text
//!  asked ─► journal ─► durable: in force ─┬─► reminders ─► its time is over ─┐
//!    └─ a switch is under way: refused    └─► ended by hand ─────────────────┴─► who runs, who waits
//! ```
//!
//! A cluster's maintenance lets its scripts rest: no step, no trigger, no proof. That of one node keeps
//! every byte from that node and, where it has the package, lets the script rest too; where it stands by,
//! the package has no standby. Evidence is read all the time, and people may type through `console`. A
//! siege goes on (rule 7). What comes after a maintenance is what comes after a restart of clusterd.

mod order;
mod time;

use std::time::Duration;

use crate::machine::alarm_code;
use crate::machine::making::Making;
use crate::machine::memory::{Memory, WordMemory};
use crate::machine::package::Wait;
use crate::machine::persons_word::PersonsWord;
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Event, Machine};
use crate::mutant::Guard;
use crate::script::program::Op;

pub(super) use order::Upkept;

/// A maintenance lasts no longer; said again, it begins its time anew.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A node, or the whole cluster.
type Scope = Option<NodeId>;

impl Machine {
    // --- who is in maintenance --------------------------------------------------------------

    /// The maintenance that keeps every byte from this node.
    pub(super) fn maintenance(&self, n: NodeId) -> Option<&PersonsWord> {
        let node = self.nodes[n].maintenance.as_deref();
        self.cluster_maintenance().or(node)
    }

    /// The maintenance of the whole cluster.
    pub(super) fn cluster_maintenance(&self) -> Option<&PersonsWord> {
        self.upkept.cluster.as_deref()
    }

    /// Whether nothing is written to this node.
    pub fn in_maintenance(&self, n: NodeId) -> bool {
        self.maintenance(n).is_some()
    }

    /// The maintenance that lets a package's script rest: the cluster's, or that of the node that has it.
    pub(super) fn resting(&self, p: PackageId) -> Option<&PersonsWord> {
        let package = &self.packages[p];
        let primary = package.primary.filter(|_| package.known);
        let primary = primary.and_then(|n| self.nodes[n].maintenance.as_deref());
        self.cluster_maintenance().or(primary)
    }

    /// Another node of the package that is in maintenance and not proved stopped: nothing can be started.
    pub(super) fn maintained_beside(&self, p: PackageId, n: NodeId) -> Option<NodeId> {
        let beside = |other: &NodeId| self.in_maintenance(*other) && !self.proved(*other);
        self.others(p, n).into_iter().find(beside)
    }

    fn scope_nodes(&self, scope: Scope) -> Vec<NodeId> {
        scope.map_or_else(|| (0..self.nodes.len()).collect(), |n| vec![n])
    }

    fn scope_packages(&self, scope: Scope) -> Vec<PackageId> {
        let packages = self.setup.packages.iter().enumerate();
        let concerned = packages.filter(|(_, p)| scope.is_none_or(|n| p.nodes.contains(&n)));
        concerned.map(|(p, _)| p).collect()
    }

    fn scope_name(&self, scope: Scope) -> String {
        match scope {
            Some(n) => self.setup.node_name(n).to_owned(),
            None => self.setup.cluster.to_string(),
        }
    }

    fn place(&self, scope: Scope) -> Option<&PersonsWord> {
        match scope {
            Some(n) => self.nodes[n].maintenance.as_deref(),
            None => self.cluster_maintenance(),
        }
    }

    fn place_mut(&mut self, scope: Scope) -> &mut Option<Box<PersonsWord>> {
        match scope {
            Some(n) => &mut self.nodes[n].maintenance,
            None => &mut self.upkept.cluster,
        }
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> + use<> {
        [None].into_iter().chain((0..self.nodes.len()).map(Some))
    }

    // --- beginning and end ------------------------------------------------------------------

    /// It is in force.
    fn begin_maintenance(&mut self, scope: Scope, begins: Box<PersonsWord>) {
        for n in self.scope_nodes(scope) {
            // The last byte: nothing of ours is left under the hands of whoever works there.
            self.nodes[n].end_question();
            self.wipe_line(n);
            if Guard::MaintenanceVoids.stands() {
                self.kill_proof(n, "maintenance begins");
                self.nodes[n].making = Making::default();
                self.nodes[n].word = None;
            }
        }
        let event = Event::Maintenance {
            name: self.scope_name(scope),
            who: begins.who.clone(),
            reason: begins.reason.clone(),
            lasts_ms: begins.lasts_ms(),
        };
        self.event(event);
        *self.place_mut(scope) = Some(begins);
        self.say_maintenance(scope);
        for p in self.scope_packages(scope) {
            self.clear(p, alarm_code::MAINTENANCE_ENDS);
            self.rest_or_go_on(p);
        }
    }

    /// After a change: the script of a package rests, or one that waits for nothing any more looks anew.
    fn rest_or_go_on(&mut self, p: PackageId) {
        let waits = self.packages[p].run.wait == Wait::Maintenance;
        if self.resting(p).is_some() {
            self.rest(p);
        } else if waits {
            self.look_after_maintenance(p, "a maintenance begins beside it");
        }
    }

    /// The script stands still: what it was doing ends, what it was proving is void.
    fn rest(&mut self, p: PackageId) {
        if Guard::MaintenanceRests.gone() {
            return;
        }
        self.drill_problem(p, "a maintenance began");
        self.abandon(p);
        let package = &mut self.packages[p];
        package.adopting = None;
        package.ordered = None;
        package.run.frames.clear();
        package.run.pending.clear();
        package.run.stuck = false;
        package.run.wait = Wait::Maintenance;
    }

    /// What a machine that begins remembers of maintenance.
    pub(super) fn restore_maintenance(&mut self, memory: &Memory) {
        if Guard::MaintenanceKept.gone() {
            return;
        }
        let (now, wall) = (self.now, self.wall_now());
        let restored = |memory| Box::new(PersonsWord::restored(memory, LONGEST, now, wall));
        self.upkept.cluster = memory.maintenance.as_ref().map(restored);
        for known in &memory.nodes {
            let nodes = self.setup.nodes.iter();
            let at = nodes
                .enumerate()
                .find(|(_, node)| node.name.as_str() == known.node);
            if let (Some((n, _)), Some(memory)) = (at, &known.maintenance) {
                self.nodes[n].maintenance = Some(restored(memory));
            }
        }
        for p in 0..self.packages.len() {
            if self.resting(p).is_some() {
                self.rest(p);
            }
        }
    }

    /// What is to be remembered: what was asked for last, or is in force.
    pub(super) fn remembered_maintenance(&self, scope: Scope) -> Option<WordMemory> {
        let kept = self.upkept.asked_last(scope).or(self.place(scope))?;
        Some(kept.remembered(self.now, self.wall_now()))
    }

    fn end_maintenance(&mut self, scope: Scope, why: &str) {
        let ended = self.place_mut(scope).take();
        if ended.is_some() {
            let event = Event::MaintenanceEnded {
                name: self.scope_name(scope),
                why: why.to_owned(),
            };
            self.event(event);
        }
        for p in self.scope_packages(scope) {
            for code in [
                alarm_code::MAINTENANCE,
                alarm_code::MAINTENANCE_ENDS,
                alarm_code::MAINTENANCE_DOWN,
            ] {
                self.clear(p, code);
            }
            self.packages[p].told.down = false;
            let waited = ended.is_some() || self.packages[p].run.wait == Wait::Maintenance;
            if waited && self.resting(p).is_none() {
                self.look_after_maintenance(p, &format!("the maintenance is over: {why}"));
            }
        }
        // Another maintenance of the same package is still one, and its end is told again.
        for scope in self.scopes() {
            if let Some(kept) = self.place_mut(scope) {
                kept.warned = false;
            }
            self.say_maintenance(scope);
        }
    }

    /// As after a restart: nothing is known that the consoles have not said again.
    fn look_after_maintenance(&mut self, p: PackageId, cause: &str) {
        self.note_given_up(p, cause);
        let now = self.now;
        let package = &mut self.packages[p];
        package.bound &= Guard::MaintenanceUnbinds.gone();
        package.awaited = (package.primary_is_known() && !package.confirmed).then_some(now);
        self.start_script(p, cause);
        if Guard::HeldMaintained.stands() {
            self.stay_held(p);
        }
    }

    // --- a node in maintenance and the script -----------------------------------------------

    /// An op that would speak to a node in maintenance; true when it was dealt with.
    pub(super) fn talk_in_maintenance(&mut self, p: PackageId, n: NodeId, op: &Op) -> bool {
        if !self.in_maintenance(n) || Guard::MaintenanceUnasked.gone() {
            return false;
        }
        match op {
            Op::Send { .. } => {
                // Nothing was typed, so nothing is unanswered.
                self.nodes[n].spoke = self.now;
                self.packages[p].run.pc += 1;
                true
            }
            Op::Question { .. } | Op::Reset { .. } => {
                let why = format!("{} is in maintenance", self.setup.node_name(n));
                self.fail(p, &why);
                true
            }
            _ => false,
        }
    }
}
