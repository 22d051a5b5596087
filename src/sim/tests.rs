//! Scenes on a bench of two simulated nodes: something is done to them, and what was seen is said.

use std::time::Duration;

mod cables;
mod kernel;
mod machine;
mod service_processor;

use super::{Condition, NodeSpec, Rig, Times};
use crate::clock::Moment;

const LOGIN: &str = "service console login: ";

/// Two nodes, alpha on port 0 and beta on port 1, and the time.
struct Bench {
    rig: Rig,
    now: Moment,
}

impl Bench {
    fn new(specs: [NodeSpec; 2]) -> Bench {
        let mut rig = Rig::new(specs);
        for node in 0..2 {
            let guarded = rig.node_at(node, Moment::ZERO);
            guarded.set_variable("auto-boot?", "false");
            guarded.set_variable("boot-device", "clusterd-none");
            rig.power(node, true, Moment::ZERO);
        }
        let now = Moment::ZERO;
        let mut bench = Bench { rig, now };
        bench.pass(4000);
        bench.rig.read(0);
        bench.rig.read(1);
        bench
    }

    fn bed() -> Bench {
        Bench::new([
            NodeSpec::openbios("alpha", 0x8077_0001),
            NodeSpec::openbios("beta", 0x8077_0002),
        ])
    }

    fn suns() -> Bench {
        let sun = |name, id| NodeSpec::sun(name, id).with_times(Times::BED);
        Bench::new([sun("ca1", 0x8323_4567), sun("ca2", 0x8323_4568)])
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.rig.advance(self.now);
    }

    /// Types, lets `millis` pass, and gives what came back.
    fn say(&mut self, port: usize, typed: &str, millis: u64) -> String {
        self.rig.type_to(port, typed.as_bytes(), self.now);
        self.pass(millis);
        self.read(port)
    }

    fn press_break(&mut self, port: usize) -> String {
        self.rig.send_break(port, self.now);
        self.read(port)
    }

    fn read(&mut self, port: usize) -> String {
        String::from_utf8(self.rig.read(port)).unwrap()
    }

    fn boot(&mut self, port: usize) {
        let shown = self.say(port, "boot disk\r", 12_000);
        assert!(shown.contains(LOGIN), "{shown}");
    }

    fn condition(&self, node: usize) -> Condition {
        self.rig.node(node).condition()
    }

    fn beats(&self, name: &str) -> u64 {
        self.rig.disk().beat(name).map_or(0, |beat| beat.count)
    }

    fn ping(&mut self) -> bool {
        self.rig.address_answers(self.now)
    }
}

const AT_PROMPT: Condition = Condition::Prompt { resumable: false };
const STOPPED: Condition = Condition::Prompt { resumable: true };
