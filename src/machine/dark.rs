//! A dark node (design rule 7): no byte, no ping, no answer to RETURN and BREAK, without a
//! break for longer than its start takes, with the path proved alive.

use std::time::Duration;

use crate::clock::{Moment, Span};
use crate::machine::node::{Condition, Node};
use crate::machine::package::Wait;
use crate::machine::proof::ProofKind;
use crate::machine::setup::{DataPolicy, NodeId, PackageId};
use crate::machine::{Machine, WITNESS_LIFE};
use crate::mutant::Guard;

/// From one look at the path to the next.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Those who can vouch for the path are asked for at least so long.
const VOUCH: Duration = Duration::from_secs(20);

impl Machine {
    /// Whether the script waits until this node counts as dark.
    pub(super) fn waits_for_darkness(&self, n: NodeId) -> bool {
        let dark = |wait: &Wait| matches!(wait, Wait::Dark { node, .. } if *node == n);
        self.packages.iter().any(|p| dark(&p.run.wait))
    }

    /// What the data policy says before any waiting: `Err` is why darkness proves nothing here.
    pub(super) fn darkness_counts(&self, p: PackageId, n: NodeId) -> Result<(), String> {
        let node = &self.nodes[n];
        match self.setup.packages[p].data_policy {
            DataPolicy::Integrity if Guard::DarkIntegrity.stands() => Err(
                "data_policy integrity: a dark node is never taken for stopped; a power leg or an operator's `confirm` must say so".to_owned(),
            ),
            DataPolicy::Adaptability if !node.break_worked && Guard::DarkBreakWorked.stands() => Err(
                "data_policy adaptability: no BREAK has ever worked on this console".to_owned(),
            ),
            DataPolicy::Adaptability if !node.guard_read && Guard::DarkGuardRead.stands() => Err(
                "data_policy adaptability: the standing guard of this node is not known".to_owned(),
            ),
            DataPolicy::Integrity | DataPolicy::Adaptability | DataPolicy::Availability => Ok(()),
        }
    }

    /// Since when nothing at all came from the node: no byte on a link without a break, and no
    /// ping that it may have answered.
    fn dark_since(&self, p: PackageId, n: NodeId) -> Option<Moment> {
        let node = &self.nodes[n];
        let link = node.link_since()?;
        let link = if Guard::DarkLink.stands() {
            link
        } else {
            Moment::ZERO
        };
        let since = node.heard.map_or(link, |heard| heard.max(link));
        // What it said while clusterd stood still may not be read yet.
        let since = since.max(node.watched_since);
        let ping = self.may_have_answered(p, n);
        let ping = ping.filter(|_| Guard::DarkPing.stands());
        Some(ping.map_or(since, |at| at.max(since)))
    }

    /// When the service address answered last, unless the console of another node shows that
    /// it serves.
    pub(super) fn may_have_answered(&self, p: PackageId, n: NodeId) -> Option<Moment> {
        let serves = |other: &NodeId| self.nodes[*other].condition == Condition::Running;
        let explained = self.others(p, n).iter().any(serves);
        self.packages[p].answered.filter(|_| !explained)
    }

    /// Whether the path to a silent node is proved alive, or what is missing.
    fn path(&self, p: PackageId, n: NodeId) -> Result<(), String> {
        let node = &self.nodes[n];
        if node.heard_ever.is_none() && Guard::PathHeard.stands() {
            return Err(
                "path unproved: this port has carried nothing since clusterd runs".to_owned(),
            );
        }
        if !self.witness_answers(WITNESS_LIFE) && Guard::PathWitness.stands() {
            return Err("path unproved: no witness answers".to_owned());
        }
        let server = &self.setup.nodes[n].server;
        let vouches = |other: &NodeId| {
            let same = self.setup.nodes[*other].server == *server;
            let fresh = Node::fresh(self.nodes[*other].heard, WITNESS_LIFE, self.now);
            (same || Guard::PathServer.gone()) && fresh
        };
        if !self.others(p, n).iter().any(vouches) && Guard::PathPort.stands() {
            return Err(
                "path unproved: no other port of its terminal server carried bytes".to_owned(),
            );
        }
        Ok(())
    }

    /// Looks again whether a node counts as dark: nothing came from it since its fence
    /// `began`. `None`: not yet.
    pub(super) fn look_at_darkness(
        &mut self,
        p: PackageId,
        n: NodeId,
        began: Moment,
        looks_since: Moment,
    ) -> Option<Result<(), String>> {
        if let Err(why) = self.darkness_counts(p, n) {
            return Some(Err(why));
        }
        let Some(since) = self.dark_since(p, n) else {
            return Some(Err("path unproved: its console is not connected".to_owned()));
        };
        if self.nodes[n].heard.is_some_and(|at| at > began) && Guard::DarkHeard.stands() {
            return Some(Err("it shows life on its console".to_owned()));
        }
        let answered = self.may_have_answered(p, n).is_some_and(|at| at > began);
        if answered && Guard::DarkAddress.stands() {
            return Some(Err("the service address answers".to_owned()));
        }
        let after = self.setup.nodes[n].dark_after;
        if self.now.since(since) < after && Guard::DarkAfter.stands() {
            return None;
        }
        match self.path(p, n) {
            Ok(()) => {
                self.prove(n, ProofKind::Dark);
                Some(Ok(()))
            }
            Err(_) if self.now.since(looks_since) < VOUCH => None,
            Err(why) => Some(Err(why)),
        }
    }

    /// Other consoles of the same terminal server vouch for its path: they are asked.
    pub(super) fn ask_to_vouch(&mut self, p: PackageId, n: NodeId) -> Moment {
        let server = self.setup.nodes[n].server.clone();
        for other in self.others(p, n) {
            let node = &self.nodes[other];
            let known = matches!(node.condition, Condition::Prompt | Condition::Running);
            let typed = node.typed_at(self.now) && Guard::VouchKeyboard.stands();
            let free = node.asking.is_none() && !typed;
            if self.setup.nodes[other].server == server && known && free {
                self.type_text(other, "\r");
            }
        }
        self.now + LOOK_EVERY
    }

    /// How long darkness has to last yet, for people.
    pub(super) fn darkness_left(&self, p: PackageId, n: NodeId) -> String {
        let after = self.setup.nodes[n].dark_after;
        match self.dark_since(p, n) {
            Some(since) => Span(after.saturating_sub(self.now.since(since))).to_string(),
            None => "unknown".to_owned(),
        }
    }
}
