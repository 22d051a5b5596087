//! The shared disk: who booted from it in which order, who writes to it, and every moment at which
//! it had two writers. The rule is the judge's of the test bed (`../shared/testbed/README.md`):
//! before each write a node looks who wrote last; somebody else's record there, since its own last
//! write of this boot, means two writers, though the other one be stopped again by then.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::clock::Moment;

/// Violations kept; more are only counted.
const KEPT: usize = 10_000;

/// One boot from the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Which boot of the disk it is, from 1.
    pub number: u32,
    /// Which boot of this node it is, from 1.
    pub of_node: u32,
    /// The node.
    pub node: String,
    /// When its system mounted the disk.
    pub at: Moment,
}

/// A node's last heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The boot that it belongs to.
    pub boot: u32,
    /// Heartbeats of this boot so far.
    pub count: u64,
    /// When it was written.
    pub at: Moment,
}

/// A moment at which the disk had two writers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When it was found.
    pub at: Moment,
    /// Who found it, before its own write.
    pub node: String,
    /// The finder's boot.
    pub boot: u32,
    /// Whose record was found.
    pub other: String,
    /// The other one's boot.
    pub other_boot: u32,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (boot {} of the disk) found that {} (boot {}) had written since",
            self.node, self.boot, self.other, self.other_boot
        )
    }
}

/// What is wrong with the disk for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// Label and boot block cannot be read as such.
    CorruptLabel,
    /// The node's reads and writes fail.
    DeadPath,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Written.
    Done,
    /// Written, and somebody else had written since: the other node's name.
    SecondWriter(String),
    /// The node's path to the disk is dead.
    Failed,
}

/// The disk that all nodes of a rig share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedDisk {
    boots: Vec<Boot>,
    beats: BTreeMap<String, Beat>,
    last_writer: Option<(String, u32)>,
    two_writers: Vec<Violation>,
    violations: u64,
    corrupt: bool,
    dead_for: BTreeSet<String>,
}

impl SharedDisk {
    /// A healthy disk that nobody has booted from.
    pub fn new() -> SharedDisk {
        SharedDisk::default()
    }

    /// All boots in their order.
    pub fn boots(&self) -> &[Boot] {
        &self.boots
    }

    /// The names of the nodes that booted, in the order of their boots.
    pub fn boot_order(&self) -> Vec<&str> {
        self.boots.iter().map(|boot| boot.node.as_str()).collect()
    }

    /// The last heartbeat of a node.
    pub fn beat(&self, node: &str) -> Option<&Beat> {
        self.beats.get(node)
    }

    /// Who wrote last.
    pub fn last_writer(&self) -> Option<&str> {
        self.last_writer.as_ref().map(|(node, _)| node.as_str())
    }

    /// Every moment at which two writers were found, oldest first (the first ten thousand).
    pub fn two_writers(&self) -> &[Violation] {
        &self.two_writers
    }

    /// How many such moments there were.
    pub fn violations(&self) -> u64 {
        self.violations
    }

    /// Damages the label, or repairs it: for all nodes, at their next boot.
    pub fn set_label_corrupt(&mut self, corrupt: bool) {
        self.corrupt = corrupt;
    }

    /// Cuts a node's path to the disk, or mends it.
    pub fn set_path_dead(&mut self, node: &str, dead: bool) {
        if dead {
            self.dead_for.insert(node.to_owned());
        } else {
            self.dead_for.remove(node);
        }
    }

    /// What hinders this node from booting.
    pub fn fault_for(&self, node: &str) -> Option<DiskFault> {
        if self.dead_for.contains(node) {
            Some(DiskFault::DeadPath)
        } else {
            self.corrupt.then_some(DiskFault::CorruptLabel)
        }
    }

    /// A system mounts the disk: its first write. `None` if the node's path is dead.
    pub fn mount(&mut self, node: &str, now: Moment) -> Option<Boot> {
        if self.dead_for.contains(node) {
            return None;
        }
        let mine = self.boots.iter().filter(|boot| boot.node == node).count();
        let boot = Boot {
            number: u32::try_from(self.boots.len()).unwrap_or(u32::MAX - 1) + 1,
            of_node: u32::try_from(mine).unwrap_or(u32::MAX - 1) + 1,
            node: node.to_owned(),
            at: now,
        };
        self.last_writer = Some((node.to_owned(), boot.number));
        self.boots.push(boot.clone());
        Some(boot)
    }

    /// Whether a write of this boot goes unnoticed: the path works, and nobody else wrote since.
    pub(super) fn takes_unnoticed(&self, node: &str, boot: u32) -> bool {
        let last = self.last_writer.as_ref();
        last.is_some_and(|(writer, of)| writer == node && *of == boot)
            && !self.dead_for.contains(node)
    }

    /// So many heartbeats in a row, the last of them at `last`, all of which go unnoticed.
    pub(super) fn write_unnoticed(&mut self, node: &str, boot: u32, count: u64, last: Moment) {
        debug_assert!(self.takes_unnoticed(node, boot));
        if !self.beats.contains_key(node) {
            let none = Beat {
                boot,
                count: 0,
                at: last,
            };
            self.beats.insert(node.to_owned(), none);
        }
        if let Some(beat) = self.beats.get_mut(node) {
            let before = if beat.boot == boot { beat.count } else { 0 };
            (beat.boot, beat.count, beat.at) = (boot, before + count, last);
        }
    }

    /// A heartbeat, or any other write of a mounted system.
    pub fn write(&mut self, node: &str, boot: u32, now: Moment) -> Write {
        if self.dead_for.contains(node) {
            return Write::Failed;
        }
        if self.takes_unnoticed(node, boot) {
            self.write_unnoticed(node, boot, 1, now);
            return Write::Done;
        }
        let me = (node.to_owned(), boot);
        let found = self.last_writer.replace(me.clone()).filter(|w| *w != me);
        let beat = self.beats.entry(node.to_owned()).or_insert(Beat {
            boot,
            count: 0,
            at: now,
        });
        beat.count = if beat.boot == boot { beat.count + 1 } else { 1 };
        (beat.boot, beat.at) = (boot, now);
        let Some((other, other_boot)) = found else {
            return Write::Done;
        };
        self.violations += 1;
        if self.two_writers.len() < KEPT {
            self.two_writers.push(Violation {
                at: now,
                node: me.0,
                boot,
                other: other.clone(),
                other_boot,
            });
        }
        Write::SecondWriter(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn one_writer_after_the_other_is_no_violation() {
        let mut disk = SharedDisk::new();
        let a = disk.mount("alpha", at(0)).unwrap().number;
        assert_eq!(disk.write("alpha", a, at(100)), Write::Done);
        let b = disk.mount("beta", at(500)).unwrap().number;
        assert_eq!(disk.write("beta", b, at(600)), Write::Done);
        assert_eq!(disk.boot_order(), ["alpha", "beta"]);
        assert_eq!(disk.violations(), 0);
        assert_eq!(disk.last_writer(), Some("beta"));
    }

    #[test]
    fn a_writer_that_comes_back_finds_the_other_ones_record() {
        let mut disk = SharedDisk::new();
        let a = disk.mount("alpha", at(0)).unwrap().number;
        disk.write("alpha", a, at(100));
        disk.mount("beta", at(500)).unwrap();
        let found = disk.write("alpha", a, at(9000));
        assert_eq!(found, Write::SecondWriter("beta".to_owned()));
        let violation = &disk.two_writers()[0];
        assert_eq!((violation.boot, violation.other_boot), (1, 2));
        assert_eq!(violation.at, at(9000));
    }

    #[test]
    fn both_of_two_live_writers_find_each_other_and_the_count_goes_on() {
        let mut disk = SharedDisk::new();
        let a = disk.mount("alpha", at(0)).unwrap().number;
        let b = disk.mount("beta", at(0)).unwrap().number;
        for step in 1..4 {
            disk.write("alpha", a, at(step * 100));
            disk.write("beta", b, at(step * 100 + 50));
        }
        assert_eq!(disk.violations(), 6);
        assert_eq!(disk.beat("alpha").unwrap().count, 3);
    }

    #[test]
    fn a_dead_path_writes_nothing_and_a_corrupt_label_is_for_all() {
        let mut disk = SharedDisk::new();
        let a = disk.mount("alpha", at(0)).unwrap().number;
        disk.set_path_dead("alpha", true);
        assert_eq!(disk.write("alpha", a, at(1)), Write::Failed);
        assert_eq!(disk.fault_for("alpha"), Some(DiskFault::DeadPath));
        assert_eq!(disk.fault_for("beta"), None);
        disk.set_label_corrupt(true);
        assert_eq!(disk.fault_for("beta"), Some(DiskFault::CorruptLabel));
        assert!(disk.mount("alpha", at(2)).is_none());
    }
}
