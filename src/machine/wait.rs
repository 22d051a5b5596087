//! What ends a script's wait.

use crate::machine::action::PowerOrder;
use crate::machine::input::{PowerState, Ticket};
use crate::machine::making::Piece;
use crate::machine::package::{AfterDurable, Frame, Wait};
use crate::machine::proof::ProofKind;
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Event, Machine};
use crate::matcher::Hit;
use crate::mutant::Guard;
use crate::script::program::{Arm, Op, Pc};

impl Machine {
    /// Ends the present wait if its time has come or its condition holds.
    pub(super) fn progress(&mut self, p: PackageId) {
        let now = self.now;
        match self.packages[p].run.wait.clone() {
            Wait::Expect {
                node,
                since,
                deadline,
            } if now >= deadline => self.silence(p, node, since),
            Wait::Answer { node } => match self.nodes[node].answer.take() {
                Some(Ok(())) => self.go(p, None),
                Some(Err(why)) => self.fail(p, &why),
                None if self.nodes[node].asking.is_none() => {
                    self.fail(p, "the question was given up");
                }
                None => {}
            },
            Wait::Suspicion { node } => {
                if self.nodes[node].asking.is_none() {
                    self.nodes[node].answer = None;
                    self.intend_fence(p, node);
                }
            }
            Wait::Reset { node, deadline, .. } => {
                let lost = self.nodes[node].epoch().is_none();
                if now >= deadline {
                    self.fail(p, "no prompt after the reset");
                } else if self.nodes[node].making.mark().is_none() && Guard::ResetVoided.stands() {
                    let what = match lost {
                        true => "the console was lost during the reset",
                        false => "something came between during the reset",
                    };
                    self.fail(p, what);
                }
            }
            Wait::Sleep { until, then } if now >= until => self.go(p, Some(then)),
            Wait::Link {
                node,
                deadline,
                otherwise,
            } => {
                if self.nodes[node].epoch().is_some() {
                    self.go(p, None);
                } else if now >= deadline {
                    let why = format!("the console of {} is lost", self.setup.node_name(node));
                    self.packages[p].run.reason = why;
                    self.go(p, Some(otherwise));
                }
            }
            Wait::Probe {
                deadline, silent, ..
            } if now >= deadline => self.go(p, Some(silent)),
            Wait::Run { deadline, .. } if now >= deadline => {
                self.run_ended(p, Err("it did not end in time".to_owned()));
            }
            Wait::Power { deadline, .. } if now >= deadline => self.power_ended(p, None),
            Wait::Hook { deadline, .. } if now >= deadline => self.hook_is_late(p),
            Wait::Dark { node, .. } => self.progress_dark(p, node),
            Wait::Survey(survey) => self.progress_survey(p, *survey),
            Wait::Gate { .. } => self.tick_gate(p),
            Wait::Person { .. } => self.progress_person(p),
            // Something else than time ends these, or their time has not come.
            Wait::Ready
            | Wait::Idle
            | Wait::Impaired
            | Wait::Maintenance
            | Wait::Durable { .. }
            | Wait::Expect { .. }
            | Wait::Sleep { .. }
            | Wait::Probe { .. }
            | Wait::Run { .. }
            | Wait::Hook { .. }
            | Wait::Power { .. } => {}
        }
    }

    /// Goes on at `pc`, or behind the present op.
    pub(super) fn go(&mut self, p: PackageId, pc: Option<Pc>) {
        let run = &mut self.packages[p].run;
        run.pc = pc.unwrap_or(run.pc + 1);
        run.wait = Wait::Ready;
    }

    fn silence(&mut self, p: PackageId, n: NodeId, since: crate::clock::Moment) {
        let program = self.program(p);
        let Op::Expect { silence, .. } = &program.ops[self.packages[p].run.pc] else {
            return;
        };
        if self.nodes[n].returned.is_some_and(|at| at >= since)
            && self.nodes[n].returned == Some(self.nodes[n].spoke)
        {
            self.unanswered(n, since);
        }
        match silence {
            Some(pc) => self.go(p, Some(*pc)),
            None => {
                let why = format!("{} did not answer as expected", self.setup.node_name(n));
                self.fail(p, &why);
            }
        }
    }

    /// A match, offered to what the script waits for, then to its triggers.
    pub(super) fn offer(&mut self, p: PackageId, n: NodeId, hit: &Hit) {
        match self.packages[p].run.wait.clone() {
            Wait::Expect { node, .. } if node == n => {
                let program = self.program(p);
                let pc = self.packages[p].run.pc;
                if let Op::Expect { arms, .. } = &program.ops[pc] {
                    let fits = |arm: &&Arm| arm.patterns.contains(&hit.pattern);
                    if let Some(arm) = arms.iter().find(fits) {
                        return self.take_arm(p, arm, hit);
                    }
                }
            }
            Wait::Reset { node, .. } if node == n => return self.reset_says(p, n, hit),
            _ => {}
        }
        self.offer_to_triggers(p, n, hit);
    }

    fn take_arm(&mut self, p: PackageId, arm: &Arm, hit: &Hit) {
        for (name, slot) in &arm.keep {
            let value = hit.captures.iter().find(|(n, _)| n == name);
            let value = value.map(|(_, v)| v.clone()).unwrap_or_default();
            self.keep(p, *slot, value);
        }
        self.go(p, Some(arm.then));
        self.drive(p);
    }

    /// While a reset is under way: one banner, then the prompt; a boot text voids it.
    fn reset_says(&mut self, p: PackageId, n: NodeId, hit: &Hit) {
        let Wait::Reset {
            node,
            since,
            deadline,
            banners,
        } = self.packages[p].run.wait
        else {
            return;
        };
        let Some(firmware) = self.firmware(n) else {
            return;
        };
        if hit.pattern == firmware.prompt {
            self.record(n, &Piece::Reset, &firmware);
            self.go(p, None);
            self.drive(p);
        } else if hit.pattern == firmware.banner {
            if banners > 0 && Guard::ResetBanner.stands() {
                return self.fail(
                    p,
                    "a second banner: the machine was reset by something else",
                );
            }
            self.packages[p].run.wait = Wait::Reset {
                node,
                since,
                deadline,
                banners: banners + 1,
            };
        } else if (firmware.booting.contains(&hit.pattern) || firmware.login.contains(&hit.pattern))
            && Guard::ResetBooting.stands()
        {
            self.fail(p, "the machine starts a system instead of its prompt");
        }
    }

    fn progress_dark(&mut self, p: PackageId, n: NodeId) {
        let Wait::Dark {
            node,
            since,
            deadline,
            next_look,
        } = self.packages[p].run.wait
        else {
            return;
        };
        let frames = self.packages[p].run.frames.iter().rev();
        let began = frames.clone().find_map(|frame| match frame {
            Frame::Fence { began, .. } => Some(*began),
            _ => None,
        });
        match self.look_at_darkness(p, n, began.unwrap_or(since), since) {
            Some(Ok(())) => self.go(p, None),
            Some(Err(why)) => self.fail(p, &why),
            None if self.now >= deadline => self.fail(
                p,
                "it was not dark for long enough in the time that the script gives",
            ),
            None if self.now >= next_look => {
                let next_look = self.ask_to_vouch(p, n);
                self.packages[p].run.wait = Wait::Dark {
                    node,
                    since,
                    deadline,
                    next_look,
                };
            }
            None => {}
        }
    }

    // --- results from the edge ------------------------------------------------------------

    pub(super) fn durable(&mut self, done: Ticket) {
        self.order_durable(done);
        self.upkeep_durable(done);
        self.out_durable(done);
        self.siege_durable(done);
        for p in 0..self.packages.len() {
            let Wait::Durable { ticket, then } = self.packages[p].run.wait.clone() else {
                continue;
            };
            if ticket != done && Guard::DurableTicket.stands() {
                continue;
            }
            self.packages[p].run.wait = Wait::Ready;
            match then {
                AfterDurable::Fence { node } => self.fence_durable(p, node),
                AfterDurable::Boot { node } => self.boot_durable(p, node),
                AfterDurable::Resume { node } => self.resume_durable(p, node),
            }
        }
    }

    pub(super) fn probe_done(&mut self, done: Ticket, answered: bool) {
        for p in 0..self.packages.len() {
            match self.packages[p].run.wait {
                Wait::Probe {
                    ticket,
                    answers,
                    silent,
                    ..
                } if ticket == done || Guard::ProbeTicket.gone() => {
                    if answered {
                        let pc = self.packages[p].run.pc;
                        let program = self.program(p);
                        let service = crate::script::program::Probe::Service;
                        if matches!(&program.ops[pc], Op::Probe { probe, .. } if *probe == service)
                        {
                            self.address(p, true);
                        }
                    }
                    self.go(p, Some(if answered { answers } else { silent }));
                }
                _ => {}
            }
        }
    }

    pub(super) fn run_done(&mut self, done: Ticket, code: Result<i32, String>) {
        for p in 0..self.packages.len() {
            if matches!(self.packages[p].run.wait, Wait::Run { ticket, .. } if ticket == done) {
                return self.run_ended(p, code);
            }
        }
    }

    pub(super) fn run_ended(&mut self, p: PackageId, code: Result<i32, String>) {
        let program = self.program(p);
        let Op::Run {
            codes, otherwise, ..
        } = &program.ops[self.packages[p].run.pc]
        else {
            return;
        };
        let to = match &code {
            Ok(code) => codes
                .iter()
                .find(|(c, _)| c == code)
                .map_or(*otherwise, |(_, pc)| *pc),
            Err(_) => *otherwise,
        };
        if self.packages[p].ordered.is_some() {
            // What it was ordered for comes now: a shutdown takes its time.
            self.packages[p].ordered = Some(self.now);
        }
        self.packages[p].run.reason = match code {
            Ok(code) => format!("the command ended with exit code {code}"),
            Err(why) => format!("the command failed: {why}"),
        };
        self.go(p, Some(to));
    }

    pub(super) fn power_done(&mut self, done: Ticket, legs: &[PowerState]) {
        for p in 0..self.packages.len() {
            let ours = |ticket| ticket == done || Guard::PowerTicket.gone();
            if matches!(self.packages[p].run.wait, Wait::Power { ticket, .. } if ours(ticket)) {
                return self.power_ended(p, Some(legs));
            }
        }
    }

    fn power_ended(&mut self, p: PackageId, legs: Option<&[PowerState]>) {
        let Wait::Power {
            node,
            order,
            deadline,
            ..
        } = self.packages[p].run.wait
        else {
            return;
        };
        let program = self.program(p);
        let every = |state: &PowerState| {
            let count = self.setup.nodes[node].power_legs;
            let whole = |legs: &&[PowerState]| legs.len() == count || Guard::PowerCount.gone();
            let all = |legs: &[PowerState]| match Guard::PowerAll.stands() {
                true => !legs.is_empty() && legs.iter().all(|leg| leg == state),
                false => legs.contains(state),
            };
            legs.filter(whole).is_some_and(all)
        };
        match &program.ops[self.packages[p].run.pc] {
            // A leg that says off once may speak of the order, not of the outlet: it is asked again.
            Op::PowerOff { .. }
                if every(&PowerState::Off)
                    && order == PowerOrder::Off
                    && Guard::PowerTwice.stands() =>
            {
                let left = deadline.since(self.now);
                self.packages[p].run.wait = self.tell_legs(node, PowerOrder::Status, left);
            }
            Op::PowerOff { .. } if every(&PowerState::Off) => {
                let node_name = self.setup.node_name(node).to_owned();
                self.event(Event::Evidence {
                    node: node_name,
                    text: "every power leg reports off, asked twice".to_owned(),
                });
                self.prove(node, ProofKind::PowerOff);
                self.go(p, None);
            }
            Op::PowerOff { .. } => {
                let said = match legs {
                    Some(legs) => format!("{legs:?}"),
                    None => "nothing in time".to_owned(),
                };
                self.fail(p, &format!("not every power leg reports off: {said}"));
            }
            Op::PowerStatus {
                on, off, unknown, ..
            } => {
                let any_on = legs.is_some_and(|legs| legs.contains(&PowerState::On));
                let to = if every(&PowerState::Off) {
                    *off
                } else if any_on {
                    *on
                } else {
                    *unknown
                };
                self.go(p, Some(to));
            }
            _ => {}
        }
    }
}
