//! The machine: inputs -> actions. Pure: it reads no clock, opens nothing, and gives the
//! same actions for the same inputs.
//!
//! The contract with its driver: one [`Input`] mutates the machine; then
//! [`Machine::poll_action`] is drained until it is empty; then the driver waits for the next
//! input or for [`Machine::poll_timeout`], whatever comes first.

pub mod action;
pub mod event;
pub mod input;
pub mod memory;
pub mod proof;
pub mod setup;
pub mod snapshot;

use std::sync::Arc;

pub use action::Action;
pub use event::Event;
pub use input::Input;

use crate::clock::Moment;
use memory::Memory;
use setup::{NodeId, Setup};
use snapshot::Snapshot;

/// One cluster's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    setup: Arc<Setup>,
}

/// How much of a console's output the machine wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Only that bytes came, and pattern matches: `Ear::set_text(false)`.
    Matches,
    /// All cleaned text.
    Dialogue,
}

impl Machine {
    /// A machine that knows only what `memory` says. `wall_zero` is the wall clock, in
    /// seconds since 1970, at [`Moment::ZERO`].
    pub fn new(setup: Arc<Setup>, _memory: &Memory, _now: Moment, _wall_zero: u64) -> Machine {
        Machine { setup }
    }

    /// Tells the machine one thing.
    pub fn handle(&mut self, _input: Input, _now: Moment) {}

    /// The next thing to be done.
    pub fn poll_action(&mut self) -> Option<Action> {
        None
    }

    /// When the machine wants [`Input::Time`] at the latest, and why.
    pub fn poll_timeout(&self) -> Option<(Moment, String)> {
        None
    }

    /// What it wants to be told of a console.
    pub fn attention(&self, _node: NodeId) -> Attention {
        Attention::Dialogue
    }

    /// Its state, for people.
    pub fn snapshot(&self, _now: Moment) -> Snapshot {
        Snapshot {
            cluster: self.setup.cluster.to_string(),
            impaired: None,
            packages: Vec::new(),
            nodes: Vec::new(),
        }
    }
}
