//! The truth on the bench: who mounts the disk, who writes, and for how long nobody was told.

use std::time::Duration;

use super::{Truth, Watch};
use crate::clock::{Moment, Span};
use crate::sim::disk::DiskFault;
use crate::sim::rules::{Broken, Rule};

/// Nothing serves and nobody is told for no longer than this: the longest waits of the shipped scripts
/// (`boot_limit` and what follows it) together.
pub(super) const QUIET: Duration = Duration::from_secs(25 * 60);
/// Two nodes that a person made write beside each other are told of within this.
const WINDOW: Duration = Duration::from_secs(300);

/// A time in which two nodes wrote to the disk because a person had started one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Since when.
    pub began: Moment,
    /// How long, so far or in all.
    pub lasted: Duration,
}

impl Watch {
    /// Looks at the truth after a step. `told`: an alarm above a notice is open.
    pub fn looks(&mut self, rig: &dyn Truth, alive: bool, told: bool, at: Moment) {
        if !alive {
            // It was killed between the BREAK and the word that a person sent it.
            for known in &mut self.nodes {
                known.break_of_person = false;
            }
        }
        if self.nodes.iter().any(|known| known.break_of_person) {
            let what = "a BREAK was sent under the hands of a person".to_owned();
            self.breaks_rule(at, Rule::UnderHands, what);
        }
        self.looks_at_boots(rig, at);
        self.looks_at_writers(rig, told || !alive, at);
        let served = (0..rig.len()).any(|n| rig.node(n).serves());
        if served || told || !alive {
            self.quiet_since = None;
        } else {
            let since = *self.quiet_since.get_or_insert(at);
            if at.since(since) > self.patience {
                let what = format!(
                    "for {} nothing has served, and nobody was told",
                    Span(self.patience)
                );
                self.breaks_rule(at, Rule::SilentOutage, what);
                self.quiet_since = None;
            }
        }
    }

    /// A system mounted the disk: was anybody else alive, or able to go on?
    fn looks_at_boots(&mut self, rig: &dyn Truth, at: Moment) {
        let boots = rig.disk().boots();
        for boot in &boots[self.seen_boots.min(boots.len())..] {
            let Some(mounted) = rig.find(&boot.node) else {
                continue;
            };
            for n in 0..self.nodes.len() {
                let node = rig.node(n);
                if n == mounted || !node.holds_the_disk() || self.by_hand(&[n, mounted]) {
                    continue;
                }
                let excuse = self.nodes[n].dark.or(self.nodes[mounted].dark);
                if let Some(excuse) = excuse {
                    self.excused.push(excuse);
                    continue;
                }
                let what = format!(
                    "{} runs while {} is {:?}",
                    boot.node,
                    node.spec().name,
                    node.condition()
                );
                self.broken.get_or_insert(Broken {
                    at,
                    rule: Rule::BesideResumable,
                    what,
                });
            }
        }
        self.seen_boots = boots.len();
    }

    fn by_hand(&self, nodes: &[usize]) -> bool {
        nodes.iter().any(|n| self.nodes[*n].is_a_persons())
    }

    fn looks_at_writers(&mut self, rig: &dyn Truth, told: bool, at: Moment) {
        let writers = rig.disk().two_writers();
        for found in &writers[self.seen_writers.min(writers.len())..] {
            let both: Vec<usize> = [&found.node, &found.other]
                .iter()
                .filter_map(|name| rig.find(name))
                .collect();
            let answered_for = |boot: &u32| self.answered_for.contains(boot);
            if self.by_hand(&both) || [found.boot, found.other_boot].iter().any(answered_for) {
                continue;
            }
            let excuse = both.iter().find_map(|n| self.nodes[*n].dark);
            if let Some(excuse) = excuse {
                self.excused.push(excuse);
                continue;
            }
            self.broken.get_or_insert(Broken {
                at,
                rule: Rule::TwoWriters,
                what: format!("{found:?}"),
            });
        }
        self.seen_writers = writers.len();
        self.looks_at_windows(rig, told, at);
    }

    fn looks_at_windows(&mut self, rig: &dyn Truth, told: bool, at: Moment) {
        let live: Vec<usize> = (0..rig.len()).filter(|n| rig.node(*n).writes()).collect();
        match (live.len() >= 2, self.window) {
            (true, None) => {
                let answered_for = |n: &usize| {
                    let known = &self.nodes[*n];
                    let name = &rig.node(*n).spec().name;
                    let dead = rig.disk().fault_for(name) == Some(DiskFault::DeadPath);
                    known.is_a_persons() || known.dark.is_some() || dead
                };
                if !live.iter().any(answered_for) {
                    let names: Vec<&str> =
                        live.iter().map(|n| &*rig.node(*n).spec().name).collect();
                    let what = format!("{} write to it", names.join(" and "));
                    self.breaks_rule(at, Rule::TwoWriters, what);
                }
                self.window = Some(at);
                self.windows.push(Window {
                    began: at,
                    lasted: Duration::ZERO,
                });
            }
            (true, Some(since)) => {
                if let Some(window) = self.windows.last_mut() {
                    window.lasted = at.since(since);
                }
                if told {
                    // An alarm of something else that ends while they write leaves time to see them.
                    self.untold = Some(at);
                }
                let untold = at.since(self.untold.map_or(since, |last| last.max(since)));
                if untold > WINDOW {
                    let what = format!("two nodes write, and nobody was told for {}", Span(untold));
                    self.breaks_rule(at, Rule::WindowStays, what);
                }
            }
            (false, Some(since)) => {
                if let Some(window) = self.windows.last_mut() {
                    window.lasted = at.since(since);
                }
                self.window = None;
            }
            (false, None) => {}
        }
    }
}
