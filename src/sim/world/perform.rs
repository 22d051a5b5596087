//! What the machine orders, done to the bench and to the model of the journal.

use std::time::Duration;

use super::trouble::FSYNC;
use super::{AlarmWord, RaisedAlarm, World};
use crate::machine::Attention;
use crate::machine::action::{Action, PenWord, ProbeTarget, UNDONE};
use crate::machine::input::{Input, PowerState, Ticket, Verdict};
use crate::script::program::Severity;
use crate::sim::service_processor::ProcessorOrder;

/// A power leg answers after so long.
const LEG_ANSWERS: Duration = Duration::from_millis(300);

impl World {
    pub(super) fn drain(&mut self) {
        let decided = self.now;
        while let Some(action) = self.machine.poll_action() {
            if !self.lives_to_act() {
                return;
            }
            match action.too_late(self.now.since(decided)) {
                true => self.leaves_undone(action),
                false => self.perform(action),
            }
            if !self.lives_on() {
                return;
            }
        }
        for n in 0..self.ports.len() {
            let wanted = self.machine.attention(n) == Attention::Dialogue;
            self.ports[n].ear.set_text(wanted);
        }
        self.tell_standstill();
    }

    /// clusterd stood still between a decision and its doing: the link is made anew instead, as the
    /// daemon's consoles do.
    fn leaves_undone(&mut self, action: Action) {
        match action {
            Action::Type { node, epoch, .. }
            | Action::Pass { node, epoch, .. }
            | Action::Break { node, epoch } => self.hang_up(node, epoch),
            Action::Power { ticket, .. } => {
                let legs = vec![PowerState::Unknown(UNDONE.to_owned())];
                let done = Input::PowerDone { ticket, legs };
                self.results.push_back((self.now + LEG_ANSWERS, done));
            }
            action => self.perform(action),
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
                let person = self.ports[node].person;
                if self.is_up(node, epoch) {
                    self.watch
                        .types(node, &bytes, person, &self.machine, &self.rig, now);
                }
                self.type_on(node, epoch, &bytes);
            }
            Action::Pass { node, epoch, bytes } => {
                if self.is_up(node, epoch) {
                    self.sent = true;
                    self.ports[node].ear.sent(&bytes);
                    self.rig.pass_to(node, &bytes, now);
                    drop(self.rig.take_orders(node));
                }
            }
            Action::Break { node, epoch } => {
                if self.is_up(node, epoch) {
                    self.sent = true;
                    self.watch.sends_break(node, self.ports[node].person, now);
                    self.rig.send_break(node, now);
                }
            }
            Action::Journal {
                ticket,
                entry,
                memory,
            } => {
                self.write(ticket, entry, *memory);
            }
            Action::Event(event) => {
                self.watch.hears(&event, &self.rig, now);
                self.events.push((now, event));
            }
            Action::Alarm {
                severity,
                code,
                text,
                ..
            } => self.raise(severity, code, text),
            Action::ClearAlarm { code, .. } => {
                if self.open.remove(&code).is_some() {
                    self.alarms.push((now, AlarmWord::Over(code)));
                }
            }
            Action::Probe { ticket, probe, .. } => {
                let probe_of = probe.clone();
                let answered = match probe {
                    ProbeTarget::Service(_) | ProbeTarget::Ping(_) => self.rig.address_answers(now),
                    ProbeTarget::Tcp(_) => self.rig.service_answers(now),
                };
                let asked = !matches!(probe_of, ProbeTarget::Tcp(_));
                let answered = answered && !(asked && self.ping_is_lost());
                let took = Duration::from_millis(if answered { 2 } else { 1000 });
                self.results
                    .push_back((now + took, Input::ProbeDone { ticket, answered }));
            }
            Action::Run { ticket, argv, .. } => self.run_command(ticket, &argv),
            Action::Hook { ticket, .. } => self.runs_hook(ticket),
            Action::Power {
                ticket,
                node,
                order,
                ..
            } => {
                if let Some(legs) = self.power(node, order) {
                    let done = Input::PowerDone { ticket, legs };
                    self.results.push_back((now + LEG_ANSWERS, done));
                }
            }
            Action::BreakWorked { .. } | Action::Answer { .. } => {}
            Action::WantNonces => {
                let numbers = (0..16).map(|_| self.rng.u32(..)).collect();
                self.machine.handle(Input::Nonces(numbers), now);
            }
        }
    }

    fn raise(&mut self, severity: Severity, code: String, text: String) {
        let now = self.now;
        let alarm = self.open.entry(code.clone()).or_insert(RaisedAlarm {
            severity,
            code,
            text: text.clone(),
            first: now,
            count: 0,
            stale: false,
        });
        alarm.stale = false;
        alarm.severity = alarm.severity.max(severity);
        alarm.count += 1;
        alarm.text = text;
        let word = AlarmWord::Raised(alarm.clone());
        self.alarms.push((now, word));
        if severity != Severity::Notice {
            self.watch.alarms(&alarm.code, now);
        }
        // A notice is said, and does not stay open.
        self.open
            .retain(|_, alarm| alarm.severity != Severity::Notice);
    }

    fn runs_hook(&mut self, ticket: Ticket) {
        let said = self.hooks.pop_front();
        let (took, verdict) = said.unwrap_or((FSYNC, Verdict::GoOn));
        let done = Input::HookDone { ticket, verdict };
        self.results.push_back((self.now + took, done));
    }

    fn type_on(&mut self, node: usize, epoch: u64, bytes: &[u8]) {
        if self.is_up(node, epoch) {
            self.sent = true;
            self.ports[node].ear.sent(bytes);
            self.rig.type_to(node, bytes, self.now);
            for order in self.rig.take_orders(node) {
                let person = self.ports[node].person;
                match order {
                    ProcessorOrder::Break => self.watch.sends_break(node, person, self.now),
                    ProcessorOrder::Off => self.watch.orders_off(node, self.now),
                }
            }
        }
    }

    fn is_up(&self, node: usize, epoch: u64) -> bool {
        self.ports[node].up && self.ports[node].epoch == epoch
    }
}
