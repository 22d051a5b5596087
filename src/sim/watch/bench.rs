//! What the rules look at: the nodes, the disk and the cables as they really are, on whatever bench.

use crate::clock::Moment;
use crate::sim::disk::SharedDisk;
use crate::sim::node::Node;
use crate::sim::rig::Rig;

/// A bench, as it really is.
pub trait Truth {
    /// How many nodes there are, and ports.
    fn len(&self) -> usize;

    /// A node.
    fn node(&self, node: usize) -> &Node;

    /// The shared disk and its record.
    fn disk(&self) -> &SharedDisk;

    /// The node that a port's cable leads to.
    fn node_of(&self, port: usize) -> usize;

    /// Whether what a port's node says comes far too late, or not at all.
    fn cut_off(&self, port: usize, now: Moment) -> bool;

    /// Whether BREAKs come to a port's node later than they were sent.
    fn delays_breaks(&self, port: usize) -> bool;

    /// Whether the service runs on any node.
    fn serves(&self) -> bool {
        (0..self.len()).any(|n| self.node(n).serves())
    }

    /// The number of the node with this name.
    fn find(&self, name: &str) -> Option<usize> {
        (0..self.len()).find(|n| self.node(*n).spec().name == name)
    }
}

impl Truth for Rig {
    fn len(&self) -> usize {
        Rig::len(self)
    }

    fn node(&self, node: usize) -> &Node {
        Rig::node(self, node)
    }

    fn disk(&self) -> &SharedDisk {
        Rig::disk(self)
    }

    fn node_of(&self, port: usize) -> usize {
        Rig::node_of(self, port)
    }

    fn cut_off(&self, port: usize, now: Moment) -> bool {
        Rig::cut_off(self, port, now)
    }

    fn delays_breaks(&self, port: usize) -> bool {
        Rig::delays_breaks(self, port)
    }
}
