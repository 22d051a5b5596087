//! Quiet time: while nothing else happens, a ping that is answered as the one before it changes
//! nothing but when that was. Of such pings, and of answers of witnesses, the last alone is told to the
//! machine. What comes out is the same (tests/scenes/beats.rs), several times faster.

use std::time::Duration;

use super::World;
use super::carry::WITNESS_EVERY;
use super::trouble::PingWay;
use crate::clock::Moment;
use crate::machine::input::Input;

/// What was answered since the machine was told anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    address: bool,
    witness: bool,
}

impl Answered {
    /// The machine is told this.
    pub(super) fn hears(&mut self, input: &Input) {
        match input {
            Input::Address { answered: true, .. } => self.address = true,
            Input::Witness { answered: true, .. } => self.witness = true,
            _ => *self = Answered::default(),
        }
    }
}

impl World {
    /// Nothing but pings and witnesses is due before `until`: of those that change nothing, all but the
    /// last are left out.
    pub(super) fn leave_out_answers(&mut self, until: Moment) {
        if !self.is_quiet() {
            return;
        }
        let until = match self.forgets_at {
            Some(at) => until.min(at),
            None => until,
        };
        let last = |next: Moment, every: Duration| {
            let every = every.as_micros().max(1);
            let more = until.since(next).as_micros() / every;
            let span = u64::try_from(more * every).unwrap_or_default();
            next + Duration::from_micros(span)
        };
        self.next_ping = last(self.next_ping, self.ping_every());
        self.next_witness = last(self.next_witness, WITNESS_EVERY);
    }

    fn is_quiet(&mut self) -> bool {
        let Answered { address, witness } = self.answered;
        let told = address && (witness || self.setup.witnesses.is_empty());
        let waits = self.reload.is_some() || self.typing.is_some();
        let lone = self.setup.packages.len() == 1;
        let well = self.trouble.pings == PingWay::Well && self.witness_answers();
        let slow = |n: usize| !self.rig.node(n).faults().slow.is_zero();
        let slow = (0..self.rig.len()).any(slow);
        told && lone && well && !waits && !slow && self.rig.address_answers(self.now)
    }
}
