//! What the machine orders, done to the bench and to the model of the journal.

use std::time::Duration;

use super::{RaisedAlarm, World};
use crate::machine::Attention;
use crate::machine::action::{Action, PenWord, PowerOrder, ProbeTarget};
use crate::machine::input::{Input, PowerState};
use crate::machine::setup::DataPolicy;
use crate::script::program::Severity;
use crate::sim::rules;

/// The journal of the model takes so long.
const FSYNC: Duration = Duration::from_millis(1);

impl World {
    pub(super) fn drain(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            self.perform(action);
        }
        for n in 0..self.ports.len() {
            let wanted = self.machine.attention(n) == Attention::Dialogue;
            self.ports[n].ear.set_text(wanted);
        }
    }

    fn perform(&mut self, action: Action) {
        let now = self.now;
        match action {
            Action::Pen { node, word } => {
                self.ports[node].person = word == PenWord::Granted;
                self.pen_words.push((now, node, word));
            }
            Action::Type { node, epoch, bytes } => {
                assert!(
                    !self.ports[node].person,
                    "rule 16: typed under a person's hands\n{}",
                    self.timeline()
                );
                self.type_on(node, epoch, &bytes);
            }
            Action::Pass { node, epoch, bytes } => self.type_on(node, epoch, &bytes),
            Action::Break { node, epoch } => {
                if self.ports[node].up && self.ports[node].epoch == epoch {
                    self.sent = true;
                    self.rig.send_break(node, now);
                }
            }
            Action::Journal {
                ticket,
                entry,
                memory,
            } => {
                self.unsynced
                    .push_back((now + FSYNC, ticket, entry, *memory));
            }
            Action::Event(event) => {
                let policy = self.setup.packages.first().map(|p| p.data_policy);
                let policy = policy.unwrap_or(DataPolicy::Integrity);
                let nodes = (0..self.rig.len()).map(|n| self.rig.node(n));
                let broken = rules::boot(nodes, policy, &event, now);
                self.broken = self.broken.take().or(broken);
                self.events.push((now, event));
            }
            Action::Alarm {
                severity,
                code,
                text,
                ..
            } => {
                let alarm = self.open.entry(code.clone()).or_insert(RaisedAlarm {
                    severity,
                    code,
                    text: text.clone(),
                    first: now,
                    count: 0,
                });
                alarm.severity = alarm.severity.max(severity);
                alarm.count += 1;
                alarm.text = text;
                self.raised.push((now, alarm.clone()));
                // A notice is said, and does not stay open.
                self.open
                    .retain(|_, alarm| alarm.severity != Severity::Notice);
            }
            Action::ClearAlarm { code, .. } => {
                self.open.remove(&code);
            }
            Action::Probe { ticket, probe, .. } => {
                let answered = match probe {
                    ProbeTarget::Service(_) | ProbeTarget::Ping(_) => self.rig.address_answers(now),
                    ProbeTarget::Tcp(_) => self.rig.service_answers(now),
                };
                let took = Duration::from_millis(if answered { 2 } else { 1000 });
                self.results
                    .push_back((now + took, Input::ProbeDone { ticket, answered }));
            }
            Action::Run { ticket, .. } => {
                let code = Err("the simulated host runs no commands".to_owned());
                self.results
                    .push_back((now + FSYNC, Input::RunDone { ticket, code }));
            }
            Action::Power {
                ticket,
                node,
                order,
                ..
            } => {
                let legs = self.power(node, order);
                self.results.push_back((
                    now + Duration::from_millis(300),
                    Input::PowerDone { ticket, legs },
                ));
            }
            Action::BreakWorked { .. } => {}
            Action::WantNonces => {
                let numbers = (0..16).map(|_| self.rng.u32(..)).collect();
                self.machine.handle(Input::Nonces(numbers), now);
            }
        }
    }

    fn type_on(&mut self, node: usize, epoch: u64, bytes: &[u8]) {
        if self.ports[node].up && self.ports[node].epoch == epoch {
            self.sent = true;
            self.ports[node].ear.sent(bytes);
            self.rig.type_to(node, bytes, self.now);
        }
    }

    fn power(&mut self, node: usize, order: PowerOrder) -> Vec<PowerState> {
        if !self.power_legs {
            return vec![PowerState::Unknown("the leg does not answer".to_owned())];
        }
        if order == PowerOrder::Off {
            let now = self.now;
            self.rig.power(node, false, now);
        }
        let off = self.rig.node(node).condition() == crate::sim::Condition::Off;
        vec![if off { PowerState::Off } else { PowerState::On }]
    }
}
