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
    pub packages: BTreeMap<String, PackageCounts>,
    /// Runs of hooks by what they run on: those that succeeded, those that did not.
    pub hooks: BTreeMap<String, (u64, u64)>,
    /// Of each node.
    pub nodes: BTreeMap<String, NodeCounts>,
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
        let package = of(&mut counts.packages, package);
        package.asked += 1;
        package.unanswered += u64::from(!answered);
    }

    /// A BREAK was ordered; of many in a row not each is an event.
    pub(super) fn broke(&self, node: &str) {
        of(&mut lock(&self.0).nodes, node).breaks += 1;
    }

    /// A hook has run.
    pub(super) fn hook_ran(&self, on: &str, good: bool) {
        let mut counts = lock(&self.0);
        let (done, failed) = of(&mut counts.hooks, on);
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
            } => of(packages, package).on = Some(primary.clone()),
            Event::BootDone { package, node, .. } => {
                let package = of(packages, package);
                package.boots_done += 1;
                let before = package.on.replace(node.clone());
                package.switchovers += u64::from(before.is_some_and(|before| before != *node));
            }
            Event::BootFailed { package, .. } => of(packages, package).boots_failed += 1,
            Event::Proved { node, .. } => of(nodes, node).proved += 1,
            Event::FenceFailed { node, .. } => of(nodes, node).fence_failed += 1,
            _ => {}
        }
    }
}

/// The count of a name; names come from the cluster file, so there are few.
fn of<'a, T: Default>(counts: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    if !counts.contains_key(name) {
        counts.insert(name.to_owned(), T::default());
    }
    counts.get_mut(name).expect("it was put there")
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
        let ca = &counts.packages["ca"];
        assert_eq!((ca.switchovers, ca.boots_done), (2, 4));
        assert_eq!((ca.asked, ca.unanswered), (2, 1));
    }
}
