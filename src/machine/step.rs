//! One op of a script: what moves the script itself, and what the edges do for it. Ops that
//! speak to a node stand in `talk.rs`.

use std::time::Duration;

use crate::machine::action::ProbeTarget;
use crate::machine::package::{Frame, Wait};
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::survey::Survey;
use crate::machine::{Action, Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{
    Op, Pc, Piece, Probe, ProcedureId, Severity, StateId, Text, Value, Who,
};

/// The edge's own deadline comes first; this is for an edge that says nothing.
const EDGE_GRACE: Duration = Duration::from_secs(2);

/// The exit code of a `run "{stop}"` where the cluster file has no `stop:`, as a shell has it for a
/// command that is not there.
const NO_STOP: i32 = 127;

impl Machine {
    /// Runs the op at the script's `pc`.
    pub(super) fn step(&mut self, p: PackageId) {
        let program = self.program(p);
        let pc = self.packages[p].run.pc;
        let Some(op) = program.ops.get(pc) else {
            return self.hold(p, "the script ran past its end");
        };
        match op.who() {
            Some(who) => match self.who(p, who) {
                Some(n) => self.talk(p, n, op),
                None => self.fail(p, "a role is not bound to a node"),
            },
            None => self.flow(p, pc, op),
        }
    }

    fn flow(&mut self, p: PackageId, pc: Pc, op: &Op) {
        let now = self.now;
        match op {
            Op::Call {
                procedure,
                arguments,
                otherwise,
            } => self.call(p, *procedure, arguments, *otherwise),
            Op::Retry { count, every, end } => {
                let run = &mut self.packages[p].run;
                run.frames.push(Frame::Retry {
                    start: pc + 1,
                    left: *count,
                    every: *every,
                    began: now,
                    end: *end,
                });
                run.pc = pc + 1;
            }
            Op::Again => {
                if !self.try_again(p) {
                    self.fail(p, "it was tried as often as allowed");
                }
            }
            Op::Done => self.done(p),
            Op::Fail(why) => {
                let why = self.text(p, why);
                self.fail(p, &why);
            }
            Op::Jump(to) => self.packages[p].run.pc = *to,
            Op::Goto(state) => self.go_to(p, pc, *state),
            Op::Wait(span) => {
                let until = now + *span;
                let then = pc + 1;
                self.wait(p, Wait::Sleep { until, then });
            }
            Op::Survey { within, .. } => {
                let nodes = self.in_service(p);
                let survey = Survey::new(&nodes, now, now + *within);
                self.wait(p, Wait::Survey(Box::new(survey)));
            }
            Op::End => self.wait(p, Wait::Idle),
            Op::Run { .. } | Op::Probe { .. } => self.step_edge(p, op),
            _ => {
                self.say(p, op);
                self.packages[p].run.pc += 1;
            }
        }
    }

    /// Ops that tell people something or keep a value, and wait for nothing.
    fn say(&mut self, p: PackageId, op: &Op) {
        match op {
            Op::Alarm {
                severity,
                code,
                text,
            } => {
                let text = self.text(p, text);
                if *severity > Severity::Notice {
                    self.drill_problem(p, &text);
                }
                self.alarm(p, *severity, code, text);
            }
            Op::Clear { code } => self.clear(p, code),
            Op::Log(text) => {
                let text = self.text(p, text);
                let package = self.setup.packages[p].name.to_string();
                self.event(Event::Log { package, text });
            }
            Op::Let { slot, value } => {
                let value = self.text(p, value);
                self.keep(p, *slot, value);
            }
            _ => {}
        }
    }

    fn call(
        &mut self,
        p: PackageId,
        procedure: ProcedureId,
        arguments: &[Who],
        otherwise: Option<Pc>,
    ) {
        let nodes: Option<Vec<NodeId>> = arguments.iter().map(|w| self.who(p, *w)).collect();
        let Some(arguments) = nodes else {
            return self.fail(p, "a role is not bound to a node");
        };
        let entry = self.setup.packages[p].program.procedures[procedure].entry;
        let run = &mut self.packages[p].run;
        run.frames.push(Frame::Call {
            back: run.pc + 1,
            otherwise,
            arguments,
        });
        run.pc = entry;
    }

    fn go_to(&mut self, p: PackageId, pc: Pc, state: StateId) {
        let program = self.program(p);
        let run = &mut self.packages[p].run;
        let cause = if run.cause.is_empty() {
            let from = program.state_name(run.state);
            format!("{from} says so at {}", program.place_text(pc))
        } else {
            std::mem::take(&mut run.cause)
        };
        self.enter(p, state, &cause);
    }

    pub(super) fn wait(&mut self, p: PackageId, wait: Wait) {
        self.packages[p].run.wait = wait;
    }

    pub(super) fn keep(&mut self, p: PackageId, slot: usize, value: String) {
        if let Some(place) = self.packages[p].run.slots.get_mut(slot) {
            *place = value;
        }
    }

    fn step_edge(&mut self, p: PackageId, op: &Op) {
        let ticket = self.ticket();
        let now = self.now;
        match op {
            Op::Probe {
                probe,
                within,
                answers,
                silent,
            } => {
                let probe = match probe {
                    Probe::Ping(text) => ProbeTarget::Ping(self.text(p, text)),
                    Probe::Tcp(text) => ProbeTarget::Tcp(self.text(p, text)),
                    Probe::Service => ProbeTarget::Service(p),
                };
                self.actions.push_back(Action::Probe {
                    ticket,
                    probe,
                    within: *within,
                });
                let deadline = now + *within + EDGE_GRACE;
                self.wait(
                    p,
                    Wait::Probe {
                        ticket,
                        deadline,
                        answers: *answers,
                        silent: *silent,
                    },
                );
            }
            Op::Run { argv, within, .. } => {
                let argv = match stops(argv) {
                    true => match self.stop_argv(p) {
                        Ok(argv) => argv,
                        Err(code) => return self.run_ended(p, code),
                    },
                    false => argv.iter().map(|text| self.text(p, text)).collect(),
                };
                self.actions.push_back(Action::Run {
                    ticket,
                    argv,
                    within: *within,
                });
                let deadline = now + *within + EDGE_GRACE;
                self.wait(p, Wait::Run { ticket, deadline });
            }
            _ => {}
        }
    }

    /// The command that stops the primary in good order: only a person's order runs it.
    fn stop_argv(&self, p: PackageId) -> Result<Vec<String>, Result<i32, String>> {
        let package = &self.packages[p];
        if package.ordered.is_none() && Guard::StopOrdered.stands() {
            return Err(Err("nobody ordered that the system is stopped".to_owned()));
        }
        let argv = package.primary.map(|n| self.stop_command(p, n));
        let argv = argv.filter(|argv| !argv.is_empty());
        argv.ok_or(Ok(NO_STOP))
    }
}

/// Whether a `run` is the cluster file's `stop:`.
fn stops(argv: &[Text]) -> bool {
    matches!(argv, [only] if only.0 == [Piece::Value(Value::Stop)])
}
