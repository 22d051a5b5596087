//! The siege (design rule 7): a node taken for stopped without its own word meets BREAK, a
//! line kill and RETURN, again and again, so that it stops before it can write when it
//! wakes or powers up. It outlives restarts and HOLD, and ends when the node is fully fenced.

use std::time::Duration;

use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::input::Ticket;
use crate::machine::node::{Condition, Siege};
use crate::machine::setup::NodeId;
use crate::machine::{Event, Machine};
use crate::mutant::Guard;

/// From one BREAK of a siege to the next.
const SIEGE_EVERY: Duration = Duration::from_secs(1);

impl Machine {
    /// Begins a siege.
    pub(super) fn begin_siege(&mut self, n: NodeId) {
        if self.nodes[n].siege.is_none() {
            self.enter_siege(n);
        }
    }

    /// Begins a siege that no intent of a fence stands behind: its first BREAK waits for the journal.
    pub(super) fn begin_siege_by_journal(&mut self, n: NodeId) {
        let ticket = self.enter_siege(n);
        if let Some(siege) = &mut self.nodes[n].siege {
            siege.awaits = Some(ticket);
        }
    }

    /// The ticket is that of its entry.
    fn enter_siege(&mut self, n: NodeId) -> Ticket {
        let now = self.now;
        self.nodes[n].siege = Some(Siege {
            since: now,
            next: now,
            answered: false,
            awaits: None,
        });
        let node = self.setup.node_name(n).to_owned();
        self.event(Event::SiegeBegan { node });
        self.journal(EntryKind::Siege, Some(n), "siege begun".to_owned())
    }

    /// An entry is on the disk: the siege that waits for it sends its first BREAK.
    pub(super) fn siege_durable(&mut self, ticket: Ticket) {
        let sieges = self.nodes.iter_mut().filter_map(|node| node.siege.as_mut());
        for siege in sieges.filter(|siege| siege.awaits == Some(ticket)) {
            siege.awaits = None;
        }
    }

    /// Ends a siege, if there is one.
    pub(super) fn end_siege(&mut self, n: NodeId, why: &str) {
        if self.nodes[n].siege.take().is_none() {
            return;
        }
        let node = self.setup.node_name(n).to_owned();
        self.event(Event::SiegeEnded {
            node,
            why: why.to_owned(),
        });
        self.journal(EntryKind::Siege, Some(n), format!("siege ended: {why}"));
        if let Some(p) = self.package_of(n) {
            self.clear(p, alarm_code::SIEGE_ANSWERED);
            self.clear(p, alarm_code::OUT_OF_SERVICE_WOKE);
        }
    }

    /// Whether a besieged node is to be sent BREAK just now: not while a procedure talks to
    /// it, not before the consoles have said who has the package, never the one that has it.
    fn besieges(&self, n: NodeId) -> bool {
        let node = &self.nodes[n];
        let Some(p) = self.package_of(n) else {
            return false;
        };
        let package = &self.packages[p];
        let open = package.run.talks() && self.door_on(n).is_some() && !self.waits_for_darkness(n);
        let talked_to = (node.asking.is_some() || open) && Guard::SiegeTalks.stands();
        // Confirmed or not: a node that was given the package is no intruder (rule 9).
        let has_it = package.primary == Some(n) && !self.waits_for_darkness(n);
        let has_it = has_it && Guard::SiegePrimary.stands();
        // A silent node is besieged even while it is not clear who has the package.
        let known = package.bound || node.condition == Condition::Silent;
        let known = known || Guard::SiegeKnown.gone();
        // A siege that is suspended, or whose entry is not on the disk yet.
        let suspended = self.put_out(n) && Guard::SiegeSuspended.stands();
        let written = |siege: &Siege| siege.awaits.is_none() || Guard::SiegeDurable.gone();
        let sends = node
            .siege
            .as_ref()
            .is_some_and(|siege| written(siege) && !suspended);
        sends && node.epoch().is_some() && known && !talked_to && !has_it
    }

    /// Sends what is due.
    pub(super) fn tick_sieges(&mut self) {
        let now = self.now;
        for n in 0..self.nodes.len() {
            let due = self.nodes[n].siege.as_ref().is_some_and(|s| now >= s.next);
            if !due || !self.besieges(n) {
                continue;
            }
            if let Some(siege) = &mut self.nodes[n].siege {
                siege.next = now + SIEGE_EVERY;
            }
            let kill = self.firmware(n).map(|f| f.kill.clone()).unwrap_or_default();
            self.besiege(n, &format!("{kill}\r"));
        }
    }

    /// When the next BREAK of a siege is due.
    pub(super) fn siege_timeout(&self) -> Option<crate::clock::Moment> {
        let nodes = (0..self.nodes.len()).filter(|n| self.besieges(*n));
        nodes
            .filter_map(|n| self.nodes[n].siege.as_ref().map(|s| s.next))
            .min()
    }
}
