//! Who looks at the truth after every step: the watcher of the other scenes (`sim/watch/`), with
//! the same rules and the same closed list of what a policy accepts (`sim/excuse.rs`).

use super::world::{Port, World};
use crate::clock::Moment;
use crate::machine::Event;
use crate::sim::disk::SharedDisk;
use crate::sim::excuse::Excuse;
use crate::sim::node::Node;
use crate::sim::rules::Broken;
use crate::sim::watch::{Open, Truth};

/// What a person may do who knows better, under every policy.
const BY_HAND: &str = "a node that somebody started at its own keyboard wrote beside another one";

/// Beyond those of [`Excuse::ALL`]: that of [`BY_HAND`].
const BIT_BY_HAND: usize = Excuse::ALL.len();

/// The small world as it really is.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub nodes: &'a [Node],
    pub ports: &'a [Port],
    pub disk: &'a SharedDisk,
}

impl Truth for Bench<'_> {
    fn len(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    fn disk(&self) -> &SharedDisk {
        self.disk
    }

    fn node_of(&self, port: usize) -> usize {
        port
    }

    fn cut_off(&self, port: usize, _now: Moment) -> bool {
        self.ports[port].cut || self.ports[port].is_late()
    }

    /// They are lost here, or come at once.
    fn delays_breaks(&self, _port: usize) -> bool {
        false
    }
}

impl World {
    /// The rule that is broken, if one is.
    pub fn broken(&self) -> Option<&Broken> {
        self.watch.broken.as_ref()
    }

    /// Which of [`exceptions`] were met, a bit each; it tells no situation from another.
    pub(super) fn met(&self) -> u8 {
        let excused = &self.watch.excused;
        let met = |excuse: &Excuse| excused.contains(excuse);
        let mut bits = 0;
        for (n, _) in Excuse::ALL.iter().enumerate().filter(|(_, e)| met(e)) {
            bits |= 1 << n;
        }
        if excused.is_empty() && !self.watch.windows.is_empty() {
            bits |= 1 << BIT_BY_HAND;
        }
        bits
    }

    /// The watcher hears what the machine says it does.
    pub(super) fn hear(&mut self, event: &Event) {
        let bench = Bench {
            nodes: &self.nodes,
            ports: &self.ports,
            disk: &self.disk,
        };
        self.watch.hears(event, &bench, self.now);
    }

    /// The watcher sees what the machine types.
    pub(super) fn see_typed(&mut self, n: usize, bytes: &[u8]) {
        let bench = Bench {
            nodes: &self.nodes,
            ports: &self.ports,
            disk: &self.disk,
        };
        self.watch
            .types(n, bytes, false, &self.machine, &bench, self.now);
    }

    /// The watcher looks at the world after a step.
    pub(super) fn look(&mut self) {
        let bench = Bench {
            nodes: &self.nodes,
            ports: &self.ports,
            disk: &self.disk,
        };
        let open = Open::new(!self.open.is_empty(), |code| self.open.contains_key(code));
        self.watch.looks(&bench, true, open, self.now);
    }
}

/// What these bits say was met, in words.
pub(super) fn exceptions(met: u8) -> Vec<String> {
    let excuses = Excuse::ALL.iter().enumerate();
    let mut words: Vec<String> = excuses
        .filter(|(n, _)| met >> n & 1 == 1)
        .map(|(_, excuse)| format!("the policy took a node for stopped: {excuse}"))
        .collect();
    if met >> BIT_BY_HAND & 1 == 1 {
        words.push(BY_HAND.to_owned());
    }
    words
}
