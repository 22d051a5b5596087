//! Where no person may type just now: rules 1, 7 and 14 come before rule 16.

use crate::machine::Machine;
use crate::machine::node::Node;
use crate::machine::package::{Door, Frame, Package};
use crate::machine::setup::NodeId;
use crate::mutant::Guard;

impl Machine {
    /// Where no person may type just now, and why: rules 1, 7 and 14 come before rule 16.
    pub(super) fn refuses_person(&self, n: NodeId) -> Option<String> {
        let name = |n: NodeId| self.setup.node_name(n);
        let node: &Node = &self.nodes[n];
        if node.epoch().is_none() {
            return Some(format!("the console of {} is not connected", name(n)));
        }
        let besieged = node.siege.is_some() && !self.put_out(n);
        if besieged && Guard::RefuseSiege.stands() {
            return Some(format!(
                "{} is under siege: it was taken for stopped without its own word, and nothing may keep BREAK from it",
                name(n)
            ));
        }
        let mut packages = self.setup.packages.iter().zip(&self.packages);
        packages.find_map(|(setup, package)| {
            let concerned = setup.nodes.contains(&n);
            concerned.then(|| self.package_refuses_person(package, n))?
        })
    }

    fn package_refuses_person(&self, package: &Package, n: NodeId) -> Option<String> {
        let name = |n: NodeId| self.setup.node_name(n);
        let starts = |frame: &Frame| match frame {
            Frame::Boot { node, typed, .. } => Some(*node).filter(|node| *typed && *node != n),
            _ => None,
        };
        let started = package.run.frames.iter().find_map(starts);
        if let Some(other) = started.filter(|_| Guard::RefuseBoot.stands()) {
            return Some(format!(
                "{} is being started, and {} must stay stopped until it is up",
                name(other),
                name(n)
            ));
        }
        if !package.bound || package.hold.is_some() || package.run.stuck {
            return None;
        }
        let primary = package.primary?;
        // Its kernel is intact, and a word would let it go on beside the primary.
        let intact = |other: NodeId| {
            let node = &self.nodes[other];
            let stops = package.run.door() == Some((Door::Fence, other));
            stops && node.evidence.resumable.is_some() && !node.settled
        };
        let intrudes = |other: &NodeId| {
            let runs = self.nodes[*other].loads || intact(*other);
            // Nobody stops it there: whoever works on it may type.
            *other != primary && runs && !self.in_maintenance(*other)
        };
        let intruder = if n == primary {
            let nodes = 0..self.nodes.len();
            let mut ours = nodes.filter(|n| package.secondary == Some(*n));
            ours.find(intrudes)
        } else {
            Some(n).filter(intrudes)
        };
        let intruder = intruder.filter(|_| Guard::RefuseIntruder.stands())?;
        Some(format!(
            "{} runs or loads a system while {} has the package: clusterd stops it first",
            name(intruder),
            name(primary)
        ))
    }
}
