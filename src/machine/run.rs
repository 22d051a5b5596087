//! Driving a script: enter states, run ops until one waits, let triggers interrupt.

use std::time::Duration;

use crate::machine::action::EntryKind;
use crate::machine::order::Ordered;
use crate::machine::package::{Frame, Package, Wait};
use crate::machine::serves::Serves;
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{Role, StateId, StateKind, When, Who};

/// Ops run at most between two waits.
const OPS_AT_ONCE: u32 = 10_000;
/// States entered at most between two waits.
const HOPS_AT_ONCE: u32 = 32;
/// A state that lasted so long was no part of a round without a pause.
const PAUSE: Duration = Duration::from_secs(1);
/// States entered at most one after the other of which none lasted for [`PAUSE`], and none of whose
/// triggers was a line on a console or an operator's word.
const HOPS_IN_HASTE: u32 = 256;

impl Machine {
    /// Before anything is known: the journalled primary, or the first of the list as a guess.
    pub(super) fn choose_provisional_roles(&mut self, p: PackageId) {
        let nodes = &self.setup.packages[p].nodes;
        let package = &mut self.packages[p];
        if let Some(heir) = package.heir.filter(|heir| nodes.contains(heir)) {
            // A takeover was under way when clusterd ended: its aim stays.
            package.primary = package.primary.or(Some(heir));
        }
        let primary = package.primary.or_else(|| nodes.first().copied());
        package.primary = primary;
        package.secondary = nodes.iter().copied().find(|n| Some(*n) != primary);
    }

    /// Trouble begins when the service is gone, and ends when it is there again and the script has asked
    /// all that it wanted to know.
    pub(super) fn note_trouble(&mut self, p: PackageId) {
        let is = self.serves(p);
        let (package, now) = (&mut self.packages[p], self.now);
        let run = &mut package.run;
        match is {
            Serves::Down => {
                let since = package.missing_since.unwrap_or(now);
                run.trouble.get_or_insert(since);
            }
            Serves::Up | Serves::Degraded if run.wait == Wait::Idle => run.trouble = None,
            Serves::Up | Serves::Degraded | Serves::Unknown => {}
        }
    }

    /// Enters the start state.
    pub(super) fn start_script(&mut self, p: PackageId, cause: &str) {
        let start = self.setup.packages[p].program.start;
        self.enter(p, start, cause);
    }

    /// Enters a state: what was going on ends, what it was proving is void.
    pub(super) fn enter(&mut self, p: PackageId, state: StateId, cause: &str) {
        let program = self.program(p);
        self.abandon(p);
        let now = self.now;
        let chosen = &program.states[state];
        let run = &mut self.packages[p].run;
        run.haste = if now.since(run.entered) < PAUSE {
            run.haste + 1
        } else {
            0
        };
        run.state = state;
        run.entered = now;
        run.pc = chosen.entry;
        run.wait = Wait::Ready;
        run.frames.clear();
        run.pending.clear();
        run.stuck = false;
        run.hops += 1;
        run.slots.resize(program.slots.len(), String::new());
        run.answered = vec![false; chosen.triggers.len()];
        run.due = chosen
            .triggers
            .iter()
            .map(|t| match &t.when {
                When::After(span) | When::Every(span) => Some(now + *span),
                _ => None,
            })
            .collect();
        let package = self.setup.packages[p].name.to_string();
        self.event(Event::State {
            package,
            state: chosen.name.clone(),
            about: chosen.about.clone(),
            cause: cause.to_owned(),
            place: format!(
                "{}:{}",
                program
                    .files
                    .get(chosen.place.file)
                    .map_or("?", String::as_str),
                chosen.place.line
            ),
        });
        self.note_hold(p, chosen.kind);
        let run = &self.packages[p].run;
        let why = if run.hops > HOPS_AT_ONCE {
            "the script runs in a circle of states without a wait"
        } else if run.haste > HOPS_IN_HASTE {
            "the script runs in a circle of states, and none of them lasts a second"
        } else {
            return;
        };
        if Guard::HopsEnd.stands() {
            self.hold_circle(p, why);
        }
    }

    /// HOLD for a circle; an operator's `release` lets the script begin anew.
    fn hold_circle(&mut self, p: PackageId, why: &str) {
        let run = &mut self.packages[p].run;
        (run.hops, run.haste) = (0, 0);
        self.hold(p, why);
    }

    /// HOLD begins or ends with its states.
    fn note_hold(&mut self, p: PackageId, kind: StateKind) {
        let why = match kind {
            StateKind::Hold => {
                let reason = &self.packages[p].run.reason;
                let state = self.setup.packages[p]
                    .program
                    .state_name(self.packages[p].run.state);
                Some(if reason.is_empty() {
                    state.to_owned()
                } else {
                    format!("{state}: {reason}")
                })
            }
            StateKind::Ordinary => None,
        };
        let package = &mut self.packages[p];
        if package.hold.is_some() == why.is_some() {
            package.hold = why;
        } else {
            package.hold.clone_from(&why);
            let text = why.unwrap_or_else(|| "HOLD ended".to_owned());
            self.journal(EntryKind::Hold, None, text);
        }
    }

    /// What a script leaves behind when it is interrupted: open questions, and a boot whose
    /// RETURN was not pressed.
    pub(super) fn abandon(&mut self, p: PackageId) {
        let open_boot = self.packages[p].run.roles_before.take();
        let open_boot = open_boot.filter(|_| Guard::AbandonRoles.stands());
        if let Some(before) = open_boot {
            self.packages[p].take_back(before);
            self.journal(
                EntryKind::Result,
                None,
                "the boot was given up before it was typed".to_owned(),
            );
        }
        if let Wait::Gate { node, .. } = self.packages[p].run.wait
            && Guard::AbandonWipes.stands()
        {
            self.wipe_line(node);
        }
        for n in self.setup.packages[p].nodes.clone() {
            self.nodes[n].end_question();
            self.nodes[n].answer = None;
            if Guard::AbandonVoids.stands() {
                self.nodes[n].making = crate::machine::making::Making::default();
            }
        }
    }

    /// Runs a script as far as it goes.
    pub(super) fn drive(&mut self, p: PackageId) {
        for _ in 0..OPS_AT_ONCE {
            if self.packages[p].run.stuck {
                return;
            }
            if self.packages[p].run.wait == Wait::Ready {
                self.step(p);
                continue;
            }
            self.progress(p);
            if self.packages[p].run.wait == Wait::Ready {
                continue;
            }
            if !self.fire_triggers(p) {
                self.packages[p].run.hops = 0;
                self.at_rest(p);
                return;
            }
        }
        self.hold(p, "the script runs in a circle without a wait");
    }

    /// Nothing is under way and nothing is due: an operator's order that no state took up is
    /// not in force any more, and in an ordinary state no takeover is.
    fn at_rest(&mut self, p: PackageId) {
        if self.packages[p].run.wait != Wait::Idle {
            return;
        }
        let state = &self.setup.packages[p].program.states[self.packages[p].run.state];
        let ordinary = state.kind == StateKind::Ordinary;
        let now = self.now;
        let package = &mut self.packages[p];
        if now.since(package.run.entered) >= PAUSE {
            package.run.haste = 0;
        }
        if Guard::OrderEnds.stands() {
            package.ordered = None;
            package.adopting = None;
        }
        self.order_rests(p);
        let begins = self.packages[p].order.as_deref();
        let begins = begins.is_some_and(Ordered::is_to_begin);
        if ordinary && !begins && !self.packages[p].run.stuck && Guard::HeldEnds.stands() {
            // The one that came with a person's `fence`: somebody else made the package serve since.
            self.end_held(p, "the script, in an ordinary state again,");
        }
        let package = &mut self.packages[p];
        if ordinary && !begins && Guard::HeirEnds.stands() && package.end_takeover() {
            self.journal(
                EntryKind::Result,
                None,
                "no takeover is under way".to_owned(),
            );
        }
    }

    /// The node behind a role or an argument.
    pub(super) fn who(&self, p: PackageId, who: Who) -> Option<NodeId> {
        let package: &Package = &self.packages[p];
        match who {
            Who::Role(Role::Primary) => package.primary,
            Who::Role(Role::Secondary) => package.secondary,
            Who::Argument(index) => package.run.argument(index),
        }
    }

    /// `done`: ends the innermost retry, procedure or door well.
    pub(super) fn done(&mut self, p: PackageId) {
        let Some(frame) = self.packages[p].run.frames.last().cloned() else {
            self.packages[p].run.wait = Wait::Idle;
            return;
        };
        let run = &mut self.packages[p].run;
        match frame {
            Frame::Retry { end, .. } => {
                run.frames.pop();
                run.pc = end;
            }
            Frame::Call { back, .. } => {
                run.frames.pop();
                run.pc = back;
            }
            Frame::Fence { .. } => self.end_fence(p),
            Frame::Boot { .. } => self.end_boot(p),
            Frame::Resume { .. } => self.end_resume(p, Ok(())),
        }
    }

    /// Fails the innermost retry's try, procedure or door.
    pub(super) fn fail(&mut self, p: PackageId, why: &str) {
        why.clone_into(&mut self.packages[p].run.reason);
        loop {
            let Some(frame) = self.packages[p].run.frames.last().cloned() else {
                return self.hold(p, &format!("a step failed that nothing answers: {why}"));
            };
            match frame {
                Frame::Retry { .. } => {
                    if self.try_again(p) {
                        return;
                    }
                }
                Frame::Call { otherwise, .. } => {
                    self.packages[p].run.frames.pop();
                    if let Some(pc) = otherwise {
                        self.order_problem(p, why);
                        let run = &mut self.packages[p].run;
                        run.pc = pc;
                        run.wait = Wait::Ready;
                        return;
                    }
                }
                Frame::Fence { .. } => return self.fence_failed(p, why),
                Frame::Boot { .. } => return self.boot_failed(p, why),
                Frame::Resume { .. } => return self.end_resume(p, Err(why.to_owned())),
            }
        }
    }

    /// The next try of the innermost retry; false when there is none left.
    pub(super) fn try_again(&mut self, p: PackageId) -> bool {
        let now = self.now;
        let run = &mut self.packages[p].run;
        let Some(Frame::Retry {
            start,
            left,
            every,
            began,
            ..
        }) = run.frames.last_mut()
        else {
            return false;
        };
        if *left <= 1 && Guard::TriesEnd.stands() {
            run.frames.pop();
            return false;
        }
        *left = left.saturating_sub(1);
        let next = (*began + *every).max(now);
        *began = next;
        let start = *start;
        if next > now {
            run.wait = Wait::Sleep {
                until: next,
                then: start,
            };
        } else {
            run.pc = start;
            run.wait = Wait::Ready;
        }
        true
    }
}
