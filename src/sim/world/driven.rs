//! The machine as the world drives it: it is asked when it wants to be told the time only after it was
//! told something, for nothing else changes that.

use std::cell::Cell;
use std::ops::Deref;

use crate::clock::Moment;
use crate::machine::action::Action;
use crate::machine::{Input, Machine};

#[derive(Clone, Debug)]
pub(super) struct Driven {
    machine: Machine,
    /// What [`Machine::poll_timeout`] said, until the machine is told something.
    due: Cell<Option<Option<Moment>>>,
}

impl Driven {
    pub(super) fn new(machine: Machine) -> Driven {
        let due = Cell::new(None);
        Driven { machine, due }
    }

    pub(super) fn handle(&mut self, input: Input, now: Moment) {
        self.due.set(None);
        self.machine.handle(input, now);
    }

    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.machine.poll_action()
    }

    /// When the machine wants to be told the time at the latest.
    pub(super) fn due(&self) -> Option<Moment> {
        let said = || self.machine.poll_timeout().map(|(at, _)| at);
        let due = self.due.get().unwrap_or_else(said);
        self.due.set(Some(due));
        due
    }
}

impl Deref for Driven {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}
