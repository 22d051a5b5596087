//! The machine as the world drives it: it is asked when it wants to be told the time only after it was
//! told something, for nothing else changes that.

use std::cell::OnceCell;
use std::ops::Deref;

use crate::clock::Moment;
use crate::machine::action::Action;
use crate::machine::{Input, Machine};

#[derive(Clone, Debug)]
pub(super) struct Driven {
    machine: Machine,
    /// What [`Machine::poll_timeout`] said, until the machine is told something.
    due: OnceCell<Option<Moment>>,
}

impl Driven {
    pub(super) fn new(machine: Machine) -> Driven {
        let due = OnceCell::new();
        Driven { machine, due }
    }

    pub(super) fn handle(&mut self, input: Input, now: Moment) {
        self.due.take();
        self.machine.handle(input, now);
    }

    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.machine.poll_action()
    }

    /// When the machine wants to be told the time at the latest.
    pub(super) fn due(&self) -> Option<Moment> {
        let asks = || self.machine.poll_timeout().map(|(at, _)| at);
        *self.due.get_or_init(asks)
    }
}

impl Deref for Driven {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}
