//! Performing what the machine wants.

use std::sync::Arc;
use std::time::SystemTime;

use super::Happened;
use super::errand::Place;
use super::task::Guard;
use crate::alarm::Subject;
use crate::console::{Order, Placed};
use crate::machine::action::{Action, ProbeTarget, UNDONE};
use crate::machine::event::Event;
use crate::machine::input::{Input, PowerState, Ticket};
use crate::machine::setup::{NodeId, PackageId};
use crate::probe::Target;
use crate::scribe::{Book, one_line, stamp};

/// Random numbers given at a time.
const NONCES: usize = 64;

/// What a BREAK became that was not queued.
const MERGED: &str = "a BREAK is already waiting; what is ordered more is one with it";

impl Guard {
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Type { node, epoch, bytes } => self.order(node, Order::Type { epoch, bytes }),
            Action::Pass { node, epoch, bytes } => self.pass(node, epoch, bytes),
            Action::Pen { node, word } => {
                let inputs = self.visitors.pen_word(node, word);
                self.inputs.extend(inputs);
            }
            Action::Break { node, epoch } => self.send_break(node, epoch),
            Action::BreakWorked { node } => {
                if let Some(line) = self.lines.get(node) {
                    line.break_worked();
                }
            }
            Action::Journal {
                ticket,
                entry,
                memory,
            } => {
                self.recorder.entry(ticket, entry, *memory);
            }
            Action::Event(event) => {
                let event = self.as_sent(event);
                self.event(event);
            }
            Action::Alarm {
                package,
                severity,
                code,
                text,
            } => {
                let subject = self.subject(package);
                self.host.alarms.raise(&subject, severity, &code, &text);
            }
            Action::ClearAlarm { package, code } => {
                self.host.alarms.clear(&self.subject(package), &code);
            }
            Action::Probe {
                ticket,
                probe,
                within,
            } => match self.place(probe) {
                Some(place) => self.errands.probe(&self.host.asks, ticket, place, within),
                None => self.not_there(ticket),
            },
            Action::Run {
                ticket,
                argv,
                within,
            } => self.errands.run(ticket, argv, within),
            Action::Hook {
                ticket,
                hook,
                node,
                cause,
            } => self.ask_hook(ticket, hook, node, cause),
            Action::Power {
                ticket,
                node,
                order,
                within,
            } => {
                let legs = self.blueprint.legs.get(node).cloned().unwrap_or_default();
                self.errands.power(ticket, legs, order, within);
            }
            Action::Answer { id, outcome } => self.answered(id, outcome),
            Action::WantNonces => self.inputs.push_back(Input::Nonces(nonces())),
        }
    }

    /// clusterd stood still between a decision and its doing.
    pub(super) fn leave_undone(&mut self, action: Action) {
        match action {
            Action::Type { node, epoch, .. }
            | Action::Pass { node, epoch, .. }
            | Action::Break { node, epoch } => {
                if let Some(line) = self.lines.get(node) {
                    line.too_late(epoch);
                }
            }
            Action::Power { ticket, node, .. } => {
                let legs = self.blueprint.legs.get(node).map_or(0, Vec::len);
                let legs = vec![PowerState::Unknown(UNDONE.to_owned()); legs];
                self.inputs.push_back(Input::PowerDone { ticket, legs });
            }
            action => self.perform(action),
        }
    }

    /// Behind a slow BREAK so many wait that one more would be sent after the machine has stopped: it
    /// is one with the last of them, and does not stand in the record as one that was ordered.
    fn send_break(&mut self, node: NodeId, epoch: u64) {
        let book = self.console_book(node);
        let Some(line) = self.lines.get_mut(node) else {
            return;
        };
        let order = Order::Break { epoch };
        if line.order(order.clone()) != Placed::Merged {
            self.merged = None;
            self.tally.broke(&self.names[node]);
            return self.host.scribe.ordered(book, order);
        }
        // A siege orders five a second: the first of them says it for all.
        if self.merged.replace(node) != Some(node) {
            self.host.scribe.remark(book, MERGED);
        }
    }

    /// A person's BREAK as it went: its event follows the order.
    fn as_sent(&self, event: Event) -> Event {
        match event {
            Event::PersonBreak { node, who }
                if self.merged.is_some() && self.merged == self.node_of(&node) =>
            {
                Event::PersonBreakMerged { node, who }
            }
            event => event,
        }
    }

    fn order(&mut self, node: NodeId, order: Order) {
        let book = self.console_book(node);
        if let Some(line) = self.lines.get_mut(node) {
            line.order(order.clone());
            self.host.scribe.ordered(book, order);
        }
    }

    /// To the activity log at once, to the journal in time.
    pub(super) fn event(&mut self, event: Event) {
        self.note_person(&event);
        self.tally.note(&event);
        self.run_hooks_beside(&event);
        self.note_boot(&event);
        let text = one_line(&event.to_string());
        let line = format!("{}  {text}", stamp(SystemTime::now()));
        let book = Book::Activity(Arc::clone(&self.name));
        self.host.scribe.line(book, &line);
        tracing::debug!(target: "activity", cluster = self.blueprint.name(), "{text}");
        self.recorder.event(event.clone());
        super::on_purpose::fault(self.blueprint.name(), &text);
        if let Some(overheard) = &mut self.overheard {
            overheard.push(text);
        }
        let happened = Happened {
            at: self.host.clock.now(),
            cluster: Arc::clone(&self.name),
            event,
        };
        // An error means that nobody listens.
        let _ = self.host.happened.send(happened);
    }

    pub(super) fn console_book(&self, node: NodeId) -> Book {
        let name = self.names.get(node).cloned();
        Book::Console(Arc::clone(&self.name), name.unwrap_or_default())
    }

    pub(super) fn subject(&self, package: PackageId) -> Subject {
        let setup = &self.blueprint.setup;
        let name = setup.packages.get(package).map_or("", |p| p.name.as_str());
        Subject::package(setup.cluster.as_str(), name)
    }

    fn place(&self, probe: ProbeTarget) -> Option<Place> {
        match probe {
            ProbeTarget::Ping(host) => Some(Place::Host(host)),
            ProbeTarget::Tcp(port) => Some(Place::Port(port)),
            ProbeTarget::Service(package) => {
                let service: Option<&(Target, _)> = self.blueprint.services.get(package);
                service.map(|(target, _)| Place::Target(*target))
            }
        }
    }

    fn not_there(&mut self, ticket: Ticket) {
        let answered = false;
        self.inputs.push_back(Input::ProbeDone { ticket, answered });
    }
}

/// Numbers that no console could know (getrandom(2)).
fn nonces() -> Vec<u32> {
    let mut bytes = [0; NONCES * 4];
    if let Err(err) = getrandom::fill(&mut bytes) {
        // Without them no proof can be made; the machine asks again with its next need.
        tracing::error!("the system gives no random numbers: {err}");
        return Vec::new();
    }
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks
        .iter()
        .map(|four| u32::from_le_bytes(*four))
        .collect()
}
