//! The links to the consoles: made, cut, found dead, and made again.

use std::sync::Arc;
use std::time::Duration;

use super::World;
use crate::clock::Moment;
use crate::machine::input::Input;
use crate::matcher::{Ear, PatternSet};
use crate::sim::rig::ConsoleLink;

/// A link that was mended is connected again after so long.
pub(super) const RECONNECT: Duration = Duration::from_millis(250);
/// A link that carries nothing is found dead after so long (TCP keepalive and user timeout).
pub(super) const HALF_DEAD: Duration = Duration::from_secs(15);

/// One console as clusterd holds it.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) epoch: u64,
    pub(super) up: bool,
    pub(super) mended: Option<Moment>,
    pub(super) dead_since: Option<Moment>,
    pub(super) ear: Ear,
    /// A person has the pen.
    pub(super) person: bool,
}

impl Port {
    /// A console whose link can be made at `now`.
    pub(super) fn new(set: &Arc<PatternSet>, now: Moment) -> Port {
        Port {
            epoch: 0,
            up: false,
            mended: Some(now),
            dead_since: None,
            ear: Ear::new(Arc::clone(set)),
            person: false,
        }
    }
}

impl World {
    /// Whether [`World::carry_links`] has nothing to do before a deadline of its own.
    pub(super) fn links_rest(&self) -> bool {
        self.ports.iter().enumerate().all(|(n, port)| {
            let carries = self.rig.link_up(n) && self.rig.link(n) == ConsoleLink::Up;
            match (port.up, carries) {
                (true, true) => port.dead_since.is_none(),
                (true, false) => {
                    self.rig.link(n) != ConsoleLink::Refused && port.dead_since.is_some()
                }
                (false, true) => port.mended.is_some(),
                (false, false) => port.mended.is_none(),
            }
        })
    }

    pub(super) fn carry_links(&mut self) {
        for n in 0..self.ports.len() {
            let can = self.rig.link_up(n);
            let carries = can && self.rig.link(n) == ConsoleLink::Up;
            let port = &mut self.ports[n];
            let now = self.now;
            port.dead_since = match (port.up && !carries, port.dead_since) {
                (true, None) => Some(now),
                (true, since) => since,
                (false, _) => None,
            };
            let cut = port.up && self.rig.link(n) == ConsoleLink::Refused;
            let dead = port.dead_since.is_some_and(|at| now.since(at) >= HALF_DEAD);
            if cut || dead {
                port.up = false;
                port.dead_since = None;
                port.mended = Some(now);
                let why = if cut {
                    "reset by the terminal server"
                } else {
                    "no answer from the terminal server"
                };
                self.tell(Input::LinkDown {
                    node: n,
                    why: why.to_owned(),
                });
            } else if !port.up && carries {
                let since = *port.mended.get_or_insert(now);
                if now.since(since) >= RECONNECT {
                    port.up = true;
                    port.mended = None;
                    port.epoch += 1;
                    port.ear.reset();
                    let epoch = port.epoch;
                    self.rig.read(n);
                    self.tell(Input::LinkUp { node: n, epoch });
                }
            } else if !port.up {
                port.mended = None;
            }
        }
    }
}
