//! A world in which a machine that has lived elsewhere goes on: for `emulate`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::driven::Driven;
use super::{AlarmWord, World};
use crate::clock::Moment;
use crate::machine::Machine;
use crate::machine::input::Input;
use crate::matcher::PatternSet;
use crate::sim::rig::Rig;

impl World {
    /// `machine` goes on from `now` on this bench, its links as it knows them, its journal well.
    pub fn continuing(machine: Machine, set: Arc<PatternSet>, rig: Rig, now: Moment) -> World {
        let setup = machine.setup();
        let memory = machine.memory();
        let mut world = World::new(setup, set, rig, memory, 1);
        world.now = now;
        world.next_ping = now + Duration::from_millis(100);
        world.next_witness = now + Duration::from_millis(50);
        for (n, port) in world.ports.iter_mut().enumerate() {
            let epoch = machine.link_epoch(n);
            port.up = epoch.is_some();
            port.epoch = epoch.unwrap_or_default();
            port.mended = None;
        }
        let legs = world.setup.nodes.iter().all(|node| node.power_legs > 0);
        world.power_legs = legs;
        world.machine = Driven::new(machine);
        world.open = BTreeMap::new();
        // What the journal was still writing is written.
        for ticket in world.machine.awaited_entries() {
            let durable = Input::Durable { ticket };
            world.results.push_back((now, durable));
        }
        world
    }

    /// A console says this line, by itself.
    pub fn console_says(&mut self, node: usize, line: &str) {
        let port = &mut self.ports[node];
        let epoch = port.epoch;
        let mut heard = Vec::new();
        let bytes = format!("\r\n{line}\r\n");
        port.ear.hear(bytes.as_bytes(), self.now, &mut heard);
        if port.up {
            self.tell(Input::Console { node, epoch, heard });
        }
    }

    /// All that was said of alarms, each time.
    pub fn alarm_words(&self) -> &[(Moment, AlarmWord)] {
        &self.alarms
    }
}
