//! What the small world does with the machine's actions.

use std::time::Duration;

use super::world::{FSYNC, Twist, World};
use crate::machine::action::{Action, PowerOrder, ProbeTarget};
use crate::machine::input::{Input, PowerState, Verdict};
use crate::script::program::Severity;
use crate::sim::node::{Condition, Node};
use crate::sim::nvram::NvramFault;

/// A probe that is answered takes so long.
const ANSWERS: Duration = Duration::from_millis(10);
/// A power leg takes so long.
const LEG: Duration = Duration::from_millis(300);

/// Whether every leg says off.
pub(super) fn all_off(legs: &[PowerState]) -> bool {
    legs.iter().all(|leg| *leg == PowerState::Off)
}

impl World {
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Type { node, epoch, bytes } | Action::Pass { node, epoch, bytes } => {
                if self.may_go_on() {
                    self.type_on(node, epoch, &bytes);
                }
            }
            Action::Break { node, epoch } => {
                if self.may_go_on() {
                    self.send_break(node, epoch);
                }
            }
            Action::Journal {
                ticket,
                entry,
                memory,
            } => {
                if self.may_go_on() {
                    self.journal(ticket, entry, *memory);
                }
            }
            Action::Power {
                ticket,
                node,
                order,
                ..
            } => {
                if self.may_go_on() {
                    let legs = self.power(node, order);
                    self.result(LEG, ticket, Input::PowerDone { ticket, legs });
                }
            }
            Action::Event(event) => {
                self.hear(&event);
                self.note(|| event.to_string());
            }
            Action::Alarm {
                severity,
                code,
                text,
                ..
            } => {
                self.note(|| format!("alarm {code}: {text}"));
                if severity != Severity::Notice {
                    self.watch.alarms(&code, self.now);
                    self.open.insert(code, true);
                }
            }
            Action::ClearAlarm { code, .. } => {
                if self.open.remove(&code).is_some() {
                    self.note(|| format!("alarm {code} ends"));
                }
            }
            Action::Probe {
                ticket,
                probe,
                within,
            } => {
                let answered = match probe {
                    ProbeTarget::Service(_) | ProbeTarget::Ping(_) => self.address_answers(),
                    ProbeTarget::Tcp(_) => {
                        let serves = |node: &Node| node.serves() && node.answers_ping();
                        self.cable && self.nodes.iter().any(serves)
                    }
                };
                let took = if answered { ANSWERS } else { within };
                self.result(took, ticket, Input::ProbeDone { ticket, answered });
            }
            Action::Run { ticket, .. } => {
                let code = Err("the small world runs no commands".to_owned());
                self.result(FSYNC, ticket, Input::RunDone { ticket, code });
            }
            Action::Hook { ticket, .. } => {
                let verdict = Verdict::GoOn;
                self.result(FSYNC, ticket, Input::HookDone { ticket, verdict });
            }
            Action::WantNonces => {
                let numbers = self.fresh_nonces();
                self.machine.handle(Input::Nonces(numbers), self.now);
            }
            Action::BreakWorked { .. } | Action::Pen { .. } | Action::Answer { .. } => {}
        }
    }

    fn type_on(&mut self, n: usize, epoch: u64, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        self.chances.setenv |= text.contains("setenv ");
        self.chances.reset |= text.contains("reset-all");
        self.chances.boot |= text.starts_with("boot ");
        if !self.carries(n, epoch) {
            return;
        }
        self.see_typed(n, bytes);
        self.note_typed(n, bytes);
        let (twist, fault) = (self.twist, NvramFault::LostAtReset);
        match twist {
            Some(Twist::LoseNvram) if text.contains("setenv ") => {
                self.nodes[n].set_nvram_fault(fault);
                self.twist = None;
            }
            Some(Twist::FailBoot) if text.starts_with("boot ") => {
                self.nodes[n].fail_boots(1);
                self.twist = None;
            }
            Some(Twist::FailReset) if text.contains("reset-all") => {
                self.nodes[n].fail_resets(1);
                self.twist = None;
            }
            _ => {}
        }
        self.nodes[n].type_bytes(bytes, self.now);
        if twist == Some(Twist::LoseNvram) {
            self.nodes[n].set_nvram_fault(NvramFault::None);
        }
    }

    fn send_break(&mut self, n: usize, epoch: u64) {
        self.chances.breaks = true;
        if !self.carries(n, epoch) {
            return;
        }
        self.watch.sends_break(n, false, self.now);
        if self.twist == Some(Twist::LoseBreak) {
            self.twist = None;
            return;
        }
        self.nodes[n].send_break(self.now);
    }

    fn power(&mut self, n: usize, order: PowerOrder) -> Vec<PowerState> {
        if !self.legs {
            return vec![PowerState::Unknown("the leg does not answer".to_owned())];
        }
        if order == PowerOrder::Off {
            self.chances.power = true;
            if self.twist == Some(Twist::LegLies) {
                self.twist = None;
            } else {
                self.nodes[n].power(false, self.now);
            }
        }
        let off = self.nodes[n].condition() == Condition::Off;
        vec![if off { PowerState::Off } else { PowerState::On }]
    }
}
