//! The truth on the bench: who mounts the disk, who writes, and for how long nobody was told.

use std::time::Duration;

use super::{Truth, Watch};
use crate::clock::{Moment, Span};
use crate::machine::alarm_code;
use crate::sim::disk::DiskFault;
use crate::sim::rules::{Broken, Rule};

/// An alarm of what took the service was raised no longer before its loss than this.
const BEFORE: Duration = Duration::from_secs(60);
/// Everything being whole, such a window is closed within the script's longest wait, a boot, and this for what
/// follows it.
const CLOSED: Duration = Duration::from_secs(5 * 60);
/// Two nodes that a person made write beside each other are told of within this.
pub(super) const WINDOW: Duration = Duration::from_secs(300);

/// A time in which two nodes wrote to the disk because a person had started one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Since when.
    pub began: Moment,
    /// How long, so far or in all.
    pub lasted: Duration,
}

/// What alarms above a notice are open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open {
    /// Any.
    pub any: bool,
    /// One of [`Open::BESIDE`].
    pub beside: bool,
    /// One of [`Open::HOLDS_STILL`].
    pub holds_still: bool,
    /// [`Open::STANDBY`].
    pub standby: bool,
    /// [`Open::HOLD`].
    pub hold: bool,
    /// [`Open::STRANGER`].
    pub stranger: bool,
}

impl Open {
    /// Codes of the engine's alarms that tell of a second writer, whenever they were raised: one is seen to
    /// run, or nothing is seen of a node.
    const BESIDE: [&str; 2] = [alarm_code::RUNS_BESIDE, alarm_code::CONSOLE_LOST];
    /// Codes of those that say that clusterd holds still, and that people must watch as long.
    const HOLDS_STILL: [&str; 2] = [alarm_code::IMPAIRED, alarm_code::HELD];

    /// The code of the scripts' alarm that a standby does not answer.
    const STANDBY: &str = "standby_lost";
    /// The code of the engine's and the scripts' alarm that only a person ends this HOLD.
    const HOLD: &str = alarm_code::HOLD;
    /// The code of the engine's alarm that a console shows another machine than it should.
    const STRANGER: &str = alarm_code::WRONG_IDENTITY;

    /// Of alarms, by whether their code is among those that are open.
    pub fn new(any: bool, is_open: impl Fn(&str) -> bool) -> Open {
        Open {
            any,
            beside: Open::BESIDE.into_iter().any(&is_open),
            holds_still: Open::HOLDS_STILL.into_iter().any(&is_open),
            standby: is_open(Open::STANDBY),
            hold: is_open(Open::HOLD),
            stranger: is_open(Open::STRANGER),
        }
    }
}

impl Watch {
    /// Looks at the truth after a step.
    pub fn looks(&mut self, rig: &dyn Truth, alive: bool, open: Open, at: Moment) {
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
        self.sees_hands(rig, at);
        self.looks_at_boots(rig, at);
        self.looks_at_holders(rig, at);
        self.looks_at_writers(rig, open, alive, at);
        if rig.serves() || !alive {
            self.lost_at = None;
            self.quiet_since = None;
            let counts = |told: &Moment| self.window.is_some() || at.since(*told) <= BEFORE;
            self.told_at = self.told_at.filter(counts);
            return;
        }
        self.lost_at.get_or_insert(at);
        if self.is_told(open) {
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

    /// Whether somebody was told of the service's loss, if it is lost: an alarm is open, and one was
    /// raised or said again since, or shortly before, or where the script is still; or it says that clusterd
    /// holds still. What else was open when the script came here tells of something else.
    pub fn is_told(&self, open: Open) -> bool {
        let since = |lost: Moment| self.told_at.is_some_and(|told| told + BEFORE >= lost);
        open.holds_still || open.any && (self.told_here || self.lost_at.is_none_or(since))
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
                if n != mounted && node.holds_the_disk() {
                    self.stands_beside(mounted, n, rig, at);
                }
            }
        }
        self.seen_boots = boots.len();
    }

    /// A node has begun to run, or was stopped so that it could go on, beside another such one.
    fn looks_at_holders(&mut self, rig: &dyn Truth, at: Moment) {
        let holds = |n: &usize| rig.node(*n).holds_the_disk();
        if (0..rig.len())
            .filter(holds)
            .eq(self.seen_holders.iter().copied())
        {
            return;
        }
        let holders: Vec<usize> = (0..rig.len()).filter(holds).collect();
        let before = std::mem::replace(&mut self.seen_holders, holders.clone());
        for &n in holders.iter().filter(|n| !before.contains(n)) {
            for &other in holders.iter().filter(|other| **other != n) {
                self.stands_beside(n, other, rig, at);
            }
        }
    }

    /// A node runs or could go on, beside another one that has the disk or could go on: who answers for it?
    fn stands_beside(&mut self, n: usize, other: usize, rig: &dyn Truth, at: Moment) {
        if self.by_hand(&[n, other]) {
            return;
        }
        if let Some(excuse) = self.nodes[n].dark.or(self.nodes[other].dark) {
            self.excused.push(excuse);
            return;
        }
        let (node, other) = (rig.node(n), rig.node(other));
        let what = format!(
            "{} is {} while {} is {}",
            node.spec().name,
            node.condition(),
            other.spec().name,
            other.condition()
        );
        self.breaks_rule(at, Rule::BesideResumable, what);
    }

    fn by_hand(&self, nodes: &[usize]) -> bool {
        nodes.iter().any(|n| self.nodes[*n].is_a_persons())
    }

    fn looks_at_writers(&mut self, rig: &dyn Truth, open: Open, alive: bool, at: Moment) {
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
                what: found.to_string(),
            });
        }
        self.seen_writers = writers.len();
        self.looks_at_windows(rig, open, alive, at);
    }

    /// Whether two nodes write though everything is whole.
    pub fn is_window_open_though_whole(&self) -> bool {
        self.window.is_some() && self.whole.is_some()
    }

    /// clusterd closes a window when nothing stands in its way.
    fn looks_whether_it_closes(&mut self, began: Moment, at: Moment) {
        let Some(whole) = self.whole else {
            return;
        };
        let closed = self.patience + CLOSED;
        if at.since(whole.max(began)) > closed {
            let what = format!(
                "two nodes write, and nothing has stood in clusterd's way for {}",
                Span(closed)
            );
            self.breaks_rule(at, Rule::WindowStays, what);
        }
    }

    /// A person started a writer where clusterd cannot tell: cables are crossed, or were until a moment ago, and it
    /// is at a console that is in their own hands, or beside one whose userland hangs: clusterd says nothing of a
    /// node in maintenance, and sees one login, as it should. Or cables were crossed, and clusterd holds still; or it
    /// has said that a console shows another machine.
    fn works_at_the_wrong_one(&mut self, rig: &dyn Truth, open: Open, at: Moment) -> bool {
        let own = (0..rig.len()).all(|port| rig.node_of(port) == port);
        if !own {
            self.crossed_at = Some(at);
        }
        let crossed = self.crossed_at.is_some_and(|last| at.since(last) <= WINDOW);
        let in_hands = |n: usize| {
            let mut ports = (0..rig.len()).filter(|port| rig.node_of(*port) == n);
            let kept = ports.any(|p| self.in_maintenance(p, at));
            self.nodes[n].is_a_persons() && kept
        };
        let misled = |n: usize| {
            let node = rig.node(n);
            node.writes() && (in_hands(n) || !node.serves())
        };
        let held = self.swapped_at.is_some() && open.holds_still;
        held || crossed && (open.stranger || (0..rig.len()).any(misled))
    }

    /// A person started a writer behind a console that loses what it says, or its userland hangs and says nothing:
    /// all that can be told is that it does not answer as a standby does; or, if it lost that at first, that nothing
    /// is asked, in HOLD or maintenance.
    fn cannot_be_heard(&mut self, rig: &dyn Truth, open: Open, at: Moment) -> bool {
        let writes = |n: usize| rig.node(n).writes() && self.nodes[n].is_a_persons();
        let blurred = |port: usize| writes(rig.node_of(port)) && rig.cut_off(port, at);
        let hangs = (0..rig.len()).any(|n| writes(n) && !rig.node(n).serves());
        let now = (0..rig.len()).any(blurred);
        if now {
            self.blurred_at = Some(at);
        }
        // A window is open here, so that no blur at all is none since it began.
        let was = self.blurred_at >= self.window;
        let kept = (0..rig.len()).any(|port| self.in_maintenance(port, at));
        (now || hangs) && open.standby || was && (kept || open.hold || open.holds_still)
    }

    fn looks_at_windows(&mut self, rig: &dyn Truth, open: Open, alive: bool, at: Moment) {
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
                let of_it = |told: Moment| told + BEFORE >= since;
                let told = open.beside || open.any && self.told_at.is_some_and(of_it);
                let unheard = self.cannot_be_heard(rig, open, at);
                let misled = self.works_at_the_wrong_one(rig, open, at);
                let told = told || unheard || misled;
                if told || !alive {
                    // An alarm of something else that ends while they write leaves time to see them.
                    self.untold = Some(at);
                }
                self.looks_whether_it_closes(since, at);
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
