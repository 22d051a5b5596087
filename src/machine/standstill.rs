//! clusterd stood still (SIGSTOP, a suspended host, a hypervisor that paused it): what the consoles
//! said meanwhile is not read yet, and nothing was asked. So the time does not count: every wait,
//! question and silence under way is prolonged by it, and a takeover under way is broken off and
//! looked at anew, when the doubt is over. Nothing is decided by a clock that ran unwatched.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::Machine;
use crate::machine::action::EntryKind;
use crate::machine::node::{Link, Node};
use crate::machine::package::{AfterDurable, Door, Frame, Run, Wait};
use crate::machine::setup::PackageId;
use crate::mutant::Guard;

impl Machine {
    /// Takes `span` out of everything that time alone would end.
    pub(super) fn stood_still(&mut self, span: Duration, why: &str) {
        self.host.stood_still(self.now);
        for p in 0..self.packages.len() {
            if self.takeover_under_way(p) && Guard::StandstillBreaksOff.stands() {
                self.break_off_takeover(p, why);
            }
            let package = &mut self.packages[p];
            if Guard::StandstillAddress.stands() {
                later(&mut package.missing_since, span);
                // Whether it still is so is asked anew.
                package.lost = None;
            }
            if Guard::StandstillWaits.stands() {
                package.run.prolong(span);
            }
        }
        for n in 0..self.nodes.len() {
            if Guard::StandstillVoids.stands() {
                self.console_unsure(n, why);
            }
            if Guard::StandstillAnswers.stands() {
                self.nodes[n].prolong(span);
            }
            if Guard::StandstillDark.stands() {
                self.nodes[n].watched_since = self.now;
            }
            self.unheard(n);
        }
    }

    /// The primary is being stopped, or a node is about to be started: no RETURN was pressed yet.
    fn takeover_under_way(&self, p: PackageId) -> bool {
        let package = &self.packages[p];
        let primary = |n: usize| package.primary == Some(n);
        let opened = |frame: &Frame| match frame {
            Frame::Fence { node, .. } => primary(*node),
            Frame::Boot { typed, .. } | Frame::Resume { typed, .. } => !typed,
            Frame::Call { .. } | Frame::Retry { .. } => false,
        };
        let meant = match &package.run.wait {
            Wait::Durable { then, .. } => match then {
                AfterDurable::Fence { node } => primary(*node),
                AfterDurable::Boot { .. } | AfterDurable::Resume { .. } => true,
            },
            Wait::Suspicion { node } => primary(*node),
            _ => false,
        };
        !package.run.stuck && (meant || package.run.frames.iter().any(opened))
    }

    fn break_off_takeover(&mut self, p: PackageId, why: &str) {
        self.note_given_up(p, why);
        self.abandon(p);
        self.packages[p].run.frames.clear();
        why.clone_into(&mut self.packages[p].run.reason);
        self.wait_until_well(p);
    }

    /// The journal has the end of every intent, also of one that was broken off.
    pub(super) fn note_given_up(&mut self, p: PackageId, why: &str) {
        let Some((door, n)) = self.packages[p].run.door() else {
            return;
        };
        let what = match door {
            Door::Fence => "the fence is given up",
            Door::Boot => "the boot is given up",
            Door::Resume => "the resumption is given up",
        };
        self.journal(EntryKind::Result, Some(n), format!("{what}: {why}"));
    }
}

fn later(at: &mut Option<Moment>, span: Duration) {
    *at = at.map(|at| at + span);
}

impl Run {
    fn prolong(&mut self, span: Duration) {
        for due in &mut self.due {
            later(due, span);
        }
        for frame in &mut self.frames {
            if let Frame::Fence { began, .. } | Frame::Retry { began, .. } = frame {
                *began = *began + span;
            }
        }
        match &mut self.wait {
            Wait::Expect { deadline, .. }
            | Wait::Reset { deadline, .. }
            | Wait::Link { deadline, .. }
            | Wait::Probe { deadline, .. }
            | Wait::Run { deadline, .. }
            | Wait::Power { deadline, .. }
            | Wait::Hook { deadline, .. }
            | Wait::Gate { deadline, .. } => *deadline = *deadline + span,
            Wait::Sleep { until, .. } => *until = *until + span,
            Wait::Dark {
                since,
                deadline,
                next_look,
                ..
            } => {
                for at in [since, deadline, next_look] {
                    *at = *at + span;
                }
            }
            Wait::Survey(survey) => survey.prolong(span),
            Wait::Ready
            | Wait::Idle
            | Wait::Answer { .. }
            | Wait::Durable { .. }
            | Wait::Suspicion { .. }
            | Wait::Impaired
            | Wait::Maintenance
            | Wait::Person { .. } => {}
        }
    }
}

impl Node {
    fn prolong(&mut self, span: Duration) {
        if let Some(asking) = &mut self.asking {
            asking.deadline = asking.deadline + span;
        }
        later(&mut self.owed_until, span);
        later(&mut self.unseen, span);
        later(&mut self.evidence.silent_since, span);
        if let Link::Down { since, .. } = &mut self.link {
            *since = *since + span;
        }
    }
}
