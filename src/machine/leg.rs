//! The silence of one leg alone, the network's or the console's, which moves what the cluster file says
//! (design rule 6).

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::node::Condition;
use crate::machine::setup::{LegPolicy, NodeId, PackageId};
use crate::machine::{Machine, WITNESS_LIFE};
use crate::mutant::Guard;

/// Of so many misses behind a witness's answer the last is of a ping that was sent after it.
const MISSES: u8 = 2;

/// The two ways to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// Pings of the service address.
    Network,
    /// Its console.
    Console,
}

/// The address is silent, and a witness vouches for this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lost {
    /// Since when that is so. What no witness answered in does not count.
    pub since: Moment,
    /// It has lasted for as long as it should, and is looked at once more.
    pub looked: Looked,
}

/// The last look before the network's silence alone moves anything: this side's own cable may just be
/// out, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Looked {
    /// No witness has answered since.
    Not,
    /// One has, and so many pings were lost behind that.
    Way(u8),
    /// One has answered again.
    Sure,
}

impl Machine {
    /// Whether the silence of one leg alone is due to be acted upon.
    pub(super) fn leg_due(&self, p: PackageId, leg: Leg) -> bool {
        let package = &self.packages[p];
        let panicked = package.primary.is_some_and(|n| self.panicked(n));
        let since = self.leg_since(p, leg);
        if leg == Leg::Console && since.is_some() && panicked {
            // A panic and an unanswered RETURN are more than one leg's silence.
            return true;
        }
        let Some(after) = self.leg_moves(p, leg) else {
            return false;
        };
        let looked = package.lost.is_some_and(|lost| lost.looked == Looked::Sure);
        let looked = looked || leg == Leg::Console || Guard::LegLook.gone();
        let vouched = looked && self.witness_answers(WITNESS_LIFE) || Guard::LegWitness.gone();
        since.is_some_and(|at| self.now.since(at) >= after) && vouched
    }

    /// When the console's silence is, by time alone. The network's waits for a witness's answer.
    pub(super) fn console_leg_time(&self, p: PackageId) -> Option<Moment> {
        match self.setup.packages[p].console_silent {
            LegPolicy::SwitchAfter(after) => self.leg_since(p, Leg::Console).map(|at| at + after),
            LegPolicy::Alarm => None,
        }
    }

    fn leg_since(&self, p: PackageId, leg: Leg) -> Option<Moment> {
        let package = &self.packages[p];
        match leg {
            Leg::Network if Guard::LegLook.gone() => package.missing_since,
            Leg::Network => package.lost.map(|lost| lost.since),
            Leg::Console => {
                let primary = package.primary.map(|n| &self.nodes[n]);
                primary.and_then(|n| n.evidence.silent_since)
            }
        }
    }

    /// After how long its silence moves anything, if it does.
    fn leg_moves(&self, p: PackageId, leg: Leg) -> Option<Duration> {
        let setup = &self.setup.packages[p];
        let policy = match leg {
            Leg::Network => setup.network_loss,
            Leg::Console => setup.console_silent,
        };
        match policy {
            LegPolicy::SwitchAfter(after) if Guard::LegTime.stands() => Some(after),
            LegPolicy::Alarm if Guard::LegPolicyAlarm.stands() => None,
            _ => Some(Duration::ZERO),
        }
    }

    /// A ping of the package's address is lost.
    pub(super) fn leg_misses(&mut self, p: PackageId) {
        let now = self.now;
        let vouched = self.witness_answers(WITNESS_LIFE) || Guard::LegWitness.gone();
        if !vouched || !self.leg_counts(p) {
            self.packages[p].lost = None;
            return;
        }
        let lost = self.packages[p].lost.get_or_insert(Lost {
            since: now,
            looked: Looked::Not,
        });
        if let Looked::Way(misses) = &mut lost.looked {
            *misses = u8::saturating_add(*misses, 1);
        }
    }

    /// Whether the silence of the network counts: its console says that the primary runs, and nobody keeps
    /// the script from acting. It is another silence when another node has the package, or that one has
    /// started anew.
    fn leg_counts(&self, p: PackageId) -> bool {
        let package = &self.packages[p];
        let runs =
            |n: NodeId| self.nodes[n].condition == Condition::Running || Guard::LegRuns.gone();
        let free = |n: &NodeId| !self.in_maintenance(*n) || Guard::LegMaintained.gone();
        let held = package.hold.is_some() && Guard::LegHeld.stands();
        !held && package.primary.filter(free).is_some_and(runs)
    }

    /// A witness answers, and is not noted yet.
    pub(super) fn leg_vouched(&mut self) {
        let gap = !self.witness_answers(WITNESS_LIFE) && Guard::LegGap.stands();
        for p in 0..self.packages.len() {
            let after = self.leg_moves(p, Leg::Network);
            let now = self.now;
            let lost = self.packages[p].lost.filter(|_| !gap);
            self.packages[p].lost = lost.map(|mut lost| {
                let due = after.is_some_and(|after| now.since(lost.since) >= after);
                lost.looked = match lost.looked {
                    Looked::Not if due => Looked::Way(0),
                    Looked::Way(misses) if misses >= MISSES || Guard::LegMisses.gone() => {
                        Looked::Sure
                    }
                    looked => looked,
                };
                lost
            });
        }
    }
}
