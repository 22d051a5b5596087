//! What comes to the machine from outside: bytes, answers, and what the journal holds now.

use std::time::Duration;

use super::{JournalState, World};
use crate::machine::input::Input;

/// A console's queue holds so much; the oldest bytes are dropped first.
const QUEUE: usize = 256 << 10;
/// Witnesses are asked so often.
pub(super) const WITNESS_EVERY: Duration = Duration::from_secs(5);

impl World {
    pub(super) fn carry_bytes(&mut self) {
        for n in 0..self.ports.len() {
            let mut bytes = self.rig.read(n);
            if !self.ports[n].up {
                continue;
            }
            if bytes.len() > QUEUE {
                let lost = bytes.len() - QUEUE;
                bytes.drain(..lost);
                let lost = u64::try_from(lost).unwrap_or(u64::MAX);
                self.tell(Input::Gap { node: n, lost });
            }
            let port = &mut self.ports[n];
            let mut heard = Vec::new();
            if !bytes.is_empty() {
                port.ear.hear(&bytes, self.now, &mut heard);
            }
            if port.ear.poll_timeout().is_some_and(|at| at <= self.now) {
                port.ear.handle_timeout(self.now, &mut heard);
            }
            if bytes.is_empty() && heard.is_empty() {
                continue;
            }
            let epoch = port.epoch;
            if bytes.is_empty() {
                self.tell(Input::Quiet {
                    node: n,
                    epoch,
                    heard,
                });
            } else {
                self.tell(Input::Console {
                    node: n,
                    epoch,
                    heard,
                });
            }
        }
    }

    pub(super) fn carry_results(&mut self) {
        let fails = self.trouble.journal == JournalState::Fails;
        while !fails
            && self
                .unsynced
                .front()
                .is_some_and(|(at, ..)| *at <= self.now)
        {
            let Some((at, ticket, entry, memory)) = self.unsynced.pop_front() else {
                return;
            };
            self.memory_before = std::mem::replace(&mut self.memory, memory);
            self.watch.durable(&entry, &self.rig, at);
            self.journal.push((at, entry));
            if let Some(left) = &mut self.kill_after {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.alive = false;
                    return;
                }
            }
            self.tell(Input::Durable { ticket });
            if !self.alive {
                return;
            }
        }
        while let Some(index) = self.results.iter().position(|(at, _)| *at <= self.now) {
            if let Some((_, input)) = self.results.remove(index) {
                self.tell(input);
            }
            if !self.alive {
                return;
            }
        }
    }

    /// How often the address of the package is asked.
    pub(super) fn ping_every(&self) -> Duration {
        let package = self.setup.packages.first();
        package.map_or(WITNESS_EVERY, |p| p.program.ping_every)
    }

    pub(super) fn ask_addresses(&mut self) {
        let now = self.now;
        if now >= self.next_ping {
            self.next_ping = now + self.ping_every();
            for package in 0..self.setup.packages.len() {
                self.ping(package);
            }
        }
        if now >= self.next_witness {
            self.next_witness = now + WITNESS_EVERY;
            for witness in 0..self.setup.witnesses.len() {
                let answered = self.witness_answers();
                self.tell(Input::Witness { witness, answered });
            }
        }
    }
}
