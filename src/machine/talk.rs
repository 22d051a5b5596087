//! Ops that speak to a node, or about one.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::action::PowerOrder;
use crate::machine::node::Identity;
use crate::machine::package::{Door, Wait};
use crate::machine::proof::ProofKind;
use crate::machine::setup::{DataPolicy, NodeId, PackageId};
use crate::machine::{Action, Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{Op, Question, Text};

impl Machine {
    /// Runs an op that names a node.
    pub(super) fn talk(&mut self, p: PackageId, n: NodeId, op: &Op) {
        if self.awaits_maintenance(p, op) || self.talk_in_maintenance(p, n, op) {
            return;
        }
        if self.talk_out_of_service(p, n, op) {
            return;
        }
        if self.yields(p, n, op) {
            return;
        }
        let stops = matches!(
            op,
            Op::Siege { .. }
                | Op::Dark { .. }
                | Op::PowerOff { .. }
                | Op::Word { .. }
                | Op::Assume { .. }
        );
        if stops && !self.fences(p, n) && Guard::StopFence.stands() {
            return self.hold(p, "the script wants to stop a node outside a fence of it");
        }
        let now = self.now;
        match op {
            Op::Send { text, .. } => self.send(p, n, text),
            Op::Break { .. } => self.step_break(p, n),
            Op::Expect { within, .. } => {
                let since = self.nodes[n].spoke.max(self.packages[p].run.entered);
                let deadline = now + *within;
                self.wait(
                    p,
                    Wait::Expect {
                        node: n,
                        since,
                        deadline,
                    },
                );
            }
            Op::Question {
                question, within, ..
            } => self.step_question(p, n, question, now + *within),
            Op::Reset { within, .. } => self.step_reset(p, n, now + *within),
            Op::Siege { .. } => self.step_siege(p, n),
            Op::Dark { within, .. } => {
                let wait = Wait::Dark {
                    node: n,
                    since: now,
                    deadline: now + *within,
                    next_look: now,
                };
                self.wait(p, wait);
            }
            Op::PowerOff { within, .. } => self.step_power(p, n, PowerOrder::Off, *within),
            Op::PowerStatus { within, .. } => self.step_power(p, n, PowerOrder::Status, *within),
            Op::Word { .. } => self.step_word(p, n),
            Op::Assume { because, .. } => self.step_assume(p, n, because),
            Op::Fence { .. } => self.begin_fence(p, n),
            Op::Boot { .. } => self.begin_boot(p, n),
            Op::Resume { .. } => self.begin_resume(p, n),
            Op::WaitLink {
                within, otherwise, ..
            } => {
                let wait = Wait::Link {
                    node: n,
                    deadline: now + *within,
                    otherwise: *otherwise,
                };
                self.wait(p, wait);
            }
            _ => self.hold(p, "an op names a node and does nothing with it"),
        }
    }

    fn step_question(&mut self, p: PackageId, n: NodeId, question: &Question, deadline: Moment) {
        let value = match question {
            Question::Set { value, .. } | Question::Verify { value, .. } => self.text(p, value),
            Question::Opens => self.setup.packages[p].boot_device.clone(),
            _ => String::new(),
        };
        let changes = matches!(question, Question::Set { .. } | Question::Mark);
        if changes && !self.nodes[n].making.identified() && Guard::ChangeIdentified.stands() {
            return self.fail(p, "nothing is changed before prompt and Host ID were asked");
        }
        self.ask_question(n, question, &value, deadline);
        self.wait(p, Wait::Answer { node: n });
    }

    /// Text on a console: RETURN and harmless words go out; what starts a system goes
    /// through the gate, and only behind an open `boot` or `resume` for that node.
    fn send(&mut self, p: PackageId, n: NodeId, text: &Text) {
        let text = self.text(p, text);
        // With what stands on the line already: a command may come in pieces.
        let whole = format!("{}{text}", self.nodes[n].line);
        let pieces = self.starts(n, &whole) && Guard::SendPieces.stands();
        if self.starts(n, &text) || pieces {
            return match self.packages[p].run.door() {
                Some((Door::Boot | Door::Resume, node))
                    if node == n || Guard::SendDoorNode.gone() =>
                {
                    self.begin_gate(p, n, &text);
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
        if let (Identity::Wrong(why), false) = (&self.nodes[n].identity, harmless)
            && Guard::SendIdentity.stands()
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

    /// Whether the script is in a fence of this node.
    fn fences(&self, p: PackageId, n: NodeId) -> bool {
        self.packages[p].run.door() == Some((Door::Fence, n))
    }

    /// BREAK, only behind a fence's door for that node, whose evidence was judged.
    fn step_break(&mut self, p: PackageId, n: NodeId) {
        if !self.fences(p, n) && Guard::BreakFence.stands() {
            return self.hold(p, "the script wants to send BREAK outside a fence");
        }
        self.send_break(n);
        if self.nodes[n].epoch().is_none() {
            return self.fail(p, "the console is not connected");
        }
        self.packages[p].run.pc += 1;
    }

    fn step_reset(&mut self, p: PackageId, n: NodeId, deadline: Moment) {
        let Some(firmware) = self.firmware(n) else {
            return self.fail(p, "no firmware block speaks to this platform");
        };
        let marked = self.nodes[n].making.mark().is_some();
        let fences = self.fences(p, n) || Guard::ResetFence.gone();
        if !fences || !(marked || Guard::ResetMarked.gone()) {
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
        if let Err(why) = self.darkness_counts(p, n)
            && Guard::SiegeCounts.stands()
        {
            return self.fail(p, &why);
        }
        self.begin_siege(n);
        self.packages[p].run.pc += 1;
    }

    fn step_power(&mut self, p: PackageId, n: NodeId, order: PowerOrder, within: Duration) {
        if self.setup.nodes[n].power_legs == 0 {
            return self.fail(p, "it has no power leg");
        }
        let wait = self.tell_legs(n, order, within);
        self.wait(p, wait);
    }

    /// Orders or asks every power leg of a node: the wait for their answer.
    pub(super) fn tell_legs(&mut self, n: NodeId, order: PowerOrder, within: Duration) -> Wait {
        let ticket = self.ticket();
        self.actions.push_back(Action::Power {
            ticket,
            node: n,
            order,
            within,
        });
        Wait::Power {
            ticket,
            node: n,
            order,
            deadline: self.now + within,
        }
    }

    fn step_word(&mut self, p: PackageId, n: NodeId) {
        if !self.word_lives(n) && Guard::WordNeeded.stands() {
            return self.fail(p, "nobody has said that it is stopped");
        }
        // One intent: the word is used up.
        if Guard::WordOnce.stands() {
            self.nodes[n].word = None;
        }
        self.prove(n, ProofKind::OperatorWord);
        self.packages[p].run.pc += 1;
    }

    fn step_assume(&mut self, p: PackageId, n: NodeId, because: &Text) {
        let policy = self.setup.packages[p].data_policy;
        if policy == DataPolicy::Integrity && Guard::AssumeIntegrity.stands() {
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
}
