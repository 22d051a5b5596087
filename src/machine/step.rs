//! One op of a script.

use crate::machine::action::{PowerOrder, ProbeTarget};
use crate::machine::package::{Frame, Wait};
use crate::machine::proof::ProofKind;
use crate::machine::setup::{DataPolicy, NodeId, PackageId};
use crate::machine::survey::Survey;
use crate::machine::{Action, Event, Machine};
use crate::script::program::{Op, Probe, Question, Text, Who};

impl Machine {
    /// Runs the op at the script's `pc`.
    pub(super) fn step(&mut self, p: PackageId) {
        let program = self.program(p);
        let pc = self.packages[p].run.pc;
        let Some(op) = program.ops.get(pc) else {
            return self.hold(p, "the script ran past its end");
        };
        let now = self.now;
        match op {
            Op::Send { who, text } => self.with(p, *who, |m, n| m.send(p, n, text)),
            Op::Break { who } => self.with(p, *who, |m, n| m.step_break(p, n)),
            Op::Expect { who, within, .. } => self.with(p, *who, |m, n| {
                let since = m.nodes[n].spoke.max(m.packages[p].run.entered);
                m.wait(
                    p,
                    Wait::Expect {
                        node: n,
                        since,
                        deadline: now + *within,
                    },
                );
            }),
            Op::Question {
                who,
                question,
                within,
            } => self.with(p, *who, |m, n| {
                let value = match question {
                    Question::Set { value, .. } | Question::Verify { value, .. } => {
                        m.text(p, value)
                    }
                    _ => String::new(),
                };
                m.ask_question(n, question, &value, now + *within);
                m.wait(p, Wait::Answer { node: n });
            }),
            Op::Reset { who, within } => {
                self.with(p, *who, |m, n| m.step_reset(p, n, now + *within))
            }
            Op::Siege { who } => self.with(p, *who, |m, n| m.step_siege(p, n)),
            Op::Dark { who, within } => self.with(p, *who, |m, n| {
                m.wait(
                    p,
                    Wait::Dark {
                        node: n,
                        since: now,
                        deadline: now + *within,
                        next_look: now,
                    },
                );
            }),
            Op::PowerOff { who, within } => {
                self.with(p, *who, |m, n| m.step_power(p, n, PowerOrder::Off, *within));
            }
            Op::PowerStatus { who, within, .. } => {
                self.with(p, *who, |m, n| {
                    m.step_power(p, n, PowerOrder::Status, *within)
                });
            }
            Op::Word { who, .. } => self.with(p, *who, |m, n| m.step_word(p, n)),
            Op::Assume { who, because } => self.with(p, *who, |m, n| m.step_assume(p, n, because)),
            Op::Fence { who, .. } => self.with(p, *who, |m, n| m.begin_fence(p, n)),
            Op::Boot { who, .. } => self.with(p, *who, |m, n| m.begin_boot(p, n)),
            Op::Resume { who, .. } => self.with(p, *who, |m, n| m.begin_resume(p, n)),
            Op::Call {
                procedure,
                arguments,
                otherwise,
            } => {
                let nodes: Option<Vec<NodeId>> =
                    arguments.iter().map(|w| self.who(p, *w)).collect();
                let Some(arguments) = nodes else {
                    return self.fail(p, "a role is not bound to a node");
                };
                let run = &mut self.packages[p].run;
                run.frames.push(Frame::Call {
                    back: pc + 1,
                    otherwise: *otherwise,
                    arguments,
                });
                run.pc = program.procedures[*procedure].entry;
            }
            Op::Retry { count, every, end } => {
                let frame = Frame::Retry {
                    start: pc + 1,
                    left: *count,
                    every: *every,
                    began: now,
                    end: *end,
                };
                let run = &mut self.packages[p].run;
                run.frames.push(frame);
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
            Op::Goto(state) => {
                let run = &mut self.packages[p].run;
                let cause = if run.cause.is_empty() {
                    format!(
                        "{} says so at {}",
                        program.state_name(run.state),
                        program.place_text(pc)
                    )
                } else {
                    std::mem::take(&mut run.cause)
                };
                self.enter(p, *state, &cause);
            }
            Op::Wait(span) => self.wait(
                p,
                Wait::Sleep {
                    until: now + *span,
                    then: pc + 1,
                },
            ),
            Op::WaitLink {
                who,
                within,
                otherwise,
            } => self.with(p, *who, |m, n| {
                m.wait(
                    p,
                    Wait::Link {
                        node: n,
                        deadline: now + *within,
                        otherwise: *otherwise,
                    },
                );
            }),
            Op::Survey { within, .. } => {
                let nodes = self.setup.packages[p].nodes.clone();
                let survey = Survey::new(&nodes, now, now + *within);
                self.wait(p, Wait::Survey(Box::new(survey)));
            }
            Op::Run { .. } | Op::Probe { .. } => self.step_edge(p, op),
            Op::Alarm {
                severity,
                code,
                text,
            } => {
                let text = self.text(p, text);
                self.alarm(p, *severity, code, text);
                self.packages[p].run.pc += 1;
            }
            Op::Clear { code } => {
                self.clear(p, code);
                self.packages[p].run.pc += 1;
            }
            Op::Log(text) => {
                let text = self.text(p, text);
                let package = self.setup.packages[p].name.to_string();
                self.event(Event::Log { package, text });
                self.packages[p].run.pc += 1;
            }
            Op::Let { slot, value } => {
                let value = self.text(p, value);
                self.keep(p, *slot, value);
                self.packages[p].run.pc += 1;
            }
            Op::End => self.wait(p, Wait::Idle),
        }
    }

    pub(super) fn wait(&mut self, p: PackageId, wait: Wait) {
        self.packages[p].run.wait = wait;
    }

    pub(super) fn keep(&mut self, p: PackageId, slot: usize, value: String) {
        if let Some(place) = self.packages[p].run.slots.get_mut(slot) {
            *place = value;
        }
    }

    fn with(&mut self, p: PackageId, who: Who, act: impl FnOnce(&mut Machine, NodeId)) {
        match self.who(p, who) {
            Some(n) => act(self, n),
            None => self.fail(p, "a role is not bound to a node"),
        }
    }

    /// Text on a console: RETURN and harmless words go out; what starts a system goes
    /// through the gate, and only behind an open `boot` or `resume` for that node.
    fn send(&mut self, p: PackageId, n: NodeId, text: &Text) {
        let text = self.text(p, text);
        if self.starts(n, &text) {
            use crate::machine::package::Door;
            return match self.packages[p].run.door() {
                Some((Door::Boot | Door::Resume, node)) if node == n => {
                    self.begin_gate(p, n, &text)
                }
                _ => self.hold(
                    p,
                    &format!(
                        "the script wants to type {:?} outside boot and resume",
                        text.trim()
                    ),
                ),
            };
        }
        let harmless = text.chars().all(char::is_control);
        if let (crate::machine::node::Identity::Wrong(why), false) =
            (&self.nodes[n].identity, harmless)
        {
            let why = format!("nothing is typed to a console that shows {why}");
            return self.fail(p, &why);
        }
        self.type_text(n, &text);
        if self.nodes[n].epoch().is_none() {
            self.nodes[n].spoke = self.now;
        }
        self.packages[p].run.pc += 1;
    }

    /// BREAK, only behind a fence's door for that node, whose evidence was judged.
    fn step_break(&mut self, p: PackageId, n: NodeId) {
        use crate::machine::package::Door;
        if self.packages[p].run.door() != Some((Door::Fence, n)) {
            return self.hold(p, "the script wants to send BREAK outside a fence");
        }
        self.send_break(n);
        if self.nodes[n].epoch().is_none() {
            return self.fail(p, "the console is not connected");
        }
        self.packages[p].run.pc += 1;
    }

    fn step_reset(&mut self, p: PackageId, n: NodeId, deadline: crate::clock::Moment) {
        use crate::machine::package::Door;
        let Some(firmware) = self.firmware(n) else {
            return self.fail(p, "no firmware block speaks to this platform");
        };
        let marked = self.nodes[n].making.mark().is_some();
        if self.packages[p].run.door() != Some((Door::Fence, n)) || !marked {
            return self.fail(
                p,
                "no word was defined before the reset, or something came between",
            );
        }
        if !self.type_text(n, &firmware.reset) {
            return self.fail(p, "the console is not connected");
        }
        let wait = Wait::Reset {
            node: n,
            since: self.now,
            deadline,
            banners: 0,
        };
        self.wait(p, wait);
    }

    fn step_siege(&mut self, p: PackageId, n: NodeId) {
        if let Err(why) = self.darkness_counts(p, n) {
            return self.fail(p, &why);
        }
        self.begin_siege(n);
        self.packages[p].run.pc += 1;
    }

    fn step_power(
        &mut self,
        p: PackageId,
        n: NodeId,
        order: PowerOrder,
        within: std::time::Duration,
    ) {
        if self.setup.nodes[n].power_legs == 0 {
            return self.fail(p, "it has no power leg");
        }
        let ticket = self.ticket();
        self.actions.push_back(Action::Power {
            ticket,
            node: n,
            order,
            within,
        });
        let wait = Wait::Power {
            ticket,
            node: n,
            deadline: self.now + within,
        };
        self.wait(p, wait);
    }

    fn step_word(&mut self, p: PackageId, n: NodeId) {
        if !self.word_lives(n) {
            return self.fail(p, "nobody has said that it is stopped");
        }
        // One intent: the word is used up.
        self.nodes[n].word = None;
        self.prove(n, ProofKind::OperatorWord);
        self.packages[p].run.pc += 1;
    }

    fn step_assume(&mut self, p: PackageId, n: NodeId, because: &Text) {
        if self.setup.packages[p].data_policy == DataPolicy::Integrity {
            return self.fail(p, "data_policy integrity: nothing is assumed");
        }
        let because = self.text(p, because);
        let package = self.setup.packages[p].name.to_string();
        let node = self.setup.node_name(n);
        let text = format!("{node} is ASSUMED to be stopped: {because}");
        self.event(Event::Log { package, text });
        self.prove(n, ProofKind::Assumed);
        self.packages[p].run.pc += 1;
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
                let deadline = now + *within + std::time::Duration::from_secs(2);
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
                let argv = argv.iter().map(|text| self.text(p, text)).collect();
                self.actions.push_back(Action::Run {
                    ticket,
                    argv,
                    within: *within,
                });
                let deadline = now + *within + std::time::Duration::from_secs(2);
                self.wait(p, Wait::Run { ticket, deadline });
            }
            _ => {}
        }
    }
}
