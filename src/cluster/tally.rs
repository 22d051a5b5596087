//! What is counted of each cluster since clusterd started: for the metrics, whatever becomes of the
//! cluster's task meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::machine::Event;

/// The tallies of all clusters, by name.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<BTreeMap<String, Arc<Tally>>>);

/// One cluster's.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of each package.
    pub packages: ByName<PackageCounts>,
    /// Runs of hooks by what they run on: those that succeeded, those that did not.
    pub hooks: ByName<(u64, u64)>,
    /// Of each node.
    pub nodes: ByName<NodeCounts>,
}

/// Counts by name, in the order of the names. Names come from the cluster file, so there are few, and
/// a tree has room for eleven in its first leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByName<T>(Vec<(Box<str>, T)>);

impl<T> Default for ByName<T> {
    fn default() -> ByName<T> {
        ByName(Vec::new())
    }
}

impl<T: Default> ByName<T> {
    /// The count of a name, if anything was counted.
    pub fn get(&self, name: &str) -> Option<&T> {
        let at = self.place(name).ok()?;
        Some(&self.0[at].1)
    }

    /// The count of a name; a new one begins at nothing.
    pub fn of(&mut self, name: &str) -> &mut T {
        let at = self.place(name).unwrap_or_else(|at| {
            self.0.reserve_exact(1);
            self.0.insert(at, (name.into(), T::default()));
            at
        });
        &mut self.0[at].1
    }

    /// All names with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, count)| (&**name, count))
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

/// Of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageCounts {
    /// Where it was seen last.
    on: Option<String>,
    /// It came up on another node than before.
    pub switchovers: u64,
    /// Boots that ended with a service.
    pub boots_done: u64,
    /// Boots that did not.
    pub boots_failed: u64,
    /// How often its address was asked.
    pub asked: u64,
    /// How often it did not answer.
    pub unanswered: u64,
}

/// Of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeCounts {
    /// Fences that ended with a proof.
    pub proved: u64,
    /// Ways to stop it that made no proof.
    pub fence_failed: u64,
    /// BREAKs.
    pub breaks: u64,
}

impl Tallies {
    /// The tally of a cluster; a new one begins at nothing.
    pub fn of(&self, cluster: &str) -> Arc<Tally> {
        let mut all = lock(&self.0);
        Arc::clone(all.entry(cluster.to_owned()).or_default())
    }
}

impl Tally {
    /// What was counted up to now.
    pub fn counts(&self) -> Counts {
        lock(&self.0).clone()
    }

    /// The package's address was asked.
    pub(super) fn asked(&self, package: &str, answered: bool) {
        let mut counts = lock(&self.0);
        let package = counts.packages.of(package);
        package.asked += 1;
        package.unanswered += u64::from(!answered);
    }

    /// A BREAK was ordered; of many in a row not each is an event.
    pub(super) fn broke(&self, node: &str) {
        lock(&self.0).nodes.of(node).breaks += 1;
    }

    /// A hook has run.
    pub(super) fn hook_ran(&self, on: &str, good: bool) {
        let mut counts = lock(&self.0);
        let (done, failed) = counts.hooks.of(on);
        *(if good { done } else { failed }) += 1;
    }

    /// Something happened.
    pub(super) fn note(&self, event: &Event) {
        let mut counts = lock(&self.0);
        let Counts {
            packages, nodes, ..
        } = &mut *counts;
        match event {
            Event::Roles {
                package, primary, ..
            } => packages.of(package).on = Some(primary.clone()),
            Event::BootDone { package, node, .. } => {
                let package = packages.of(package);
                package.boots_done += 1;
                let before = package.on.replace(node.clone());
                package.switchovers += u64::from(before.is_some_and(|before| before != *node));
            }
            Event::BootFailed { package, .. } => packages.of(package).boots_failed += 1,
            Event::Proved { node, .. } => nodes.of(node).proved += 1,
            Event::FenceFailed { node, .. } => nodes.of(node).fence_failed += 1,
            _ => {}
        }
    }
}

/// Every change is made whole under the lock, so a poisoned one is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_in_place_is_no_switchover() {
        let tallies = Tallies::default();
        let tally = tallies.of("pki");
        let name = str::to_owned;
        let up = |node| Event::BootDone {
            package: name("ca"),
            node: name(node),
            took_ms: 1,
        };
        tally.note(&Event::Roles {
            package: name("ca"),
            primary: name("ca1"),
            secondary: name("ca2"),
            how: String::new(),
        });
        for node in ["ca1", "ca2", "ca2", "ca1"] {
            tally.note(&up(node));
        }
        tally.asked("ca", true);
        tally.asked("ca", false);
        // The task begins again: it finds what was counted before.
        let counts = tallies.of("pki").counts();
        let ca = counts.packages.get("ca").unwrap();
        assert_eq!((ca.switchovers, ca.boots_done), (2, 4));
        assert_eq!((ca.asked, ca.unanswered), (2, 1));
    }
}
