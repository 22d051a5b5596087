//! Looks at every rule all the time, in a world: at each byte that clusterd types, at each BREAK, at
//! each event and at the truth on the bench after each step. What it finds stands in `rules.rs`.

mod bench;
mod truth;
mod typed;

pub use truth::{Open, Window};

pub(super) use bench::Truth;

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::excuse::Excuse;
use super::needs;
use super::rules::{Broken, Rule};
use crate::clock::Moment;
use crate::machine::action::{Entry, EntryKind};
use crate::machine::alarm_code;
use crate::machine::memory::Memory;
use crate::machine::setup::{Cap, DataPolicy, Setup};

/// The engine's alarms that say nothing of a service, whenever they are raised.
const OF_THE_STANDBY: [&str; 2] = [alarm_code::GUARD_UNKNOWN, alarm_code::UNFENCED_STANDBY];

/// What is known of a node.
#[derive(Clone, Debug, Default)]
struct Known {
    /// When a line of a person's started a system here or let one go on.
    by_hand: Option<Moment>,
    /// How often that happened, from before the first look on.
    hands: Option<u32>,
    /// A person changed its standing guard behind clusterd's back, and no full fence has set it anew.
    guard_changed: bool,
    /// It was taken for stopped because it was dark, and why that was wrong.
    dark: Option<Excuse>,
    /// The intent of this process that is durable, by its first word.
    intent: Option<Intent>,
    /// It is under siege by what the journal holds.
    siege: bool,
    /// When its Host ID was right last.
    identified: Option<Moment>,
    /// What stands typed on its input line.
    line: String,
    /// It is in maintenance until then.
    maintained: Option<Moment>,
    /// It is out of service by a person's word, and clusterd has heard nothing of it since.
    out: bool,
    /// A person said that it is stopped, and clusterd has heard nothing of it since.
    confirmed: bool,
    /// A BREAK went out while a person had the console: it must be theirs.
    break_of_person: bool,
}

impl Known {
    /// A person answers for what runs on it.
    fn is_a_persons(&self) -> bool {
        self.by_hand.is_some() || self.guard_changed
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Intent {
    Stop,
    Boot,
    Resume,
}

impl Intent {
    /// Of an entry's words. An order's own intent names neither: what it comes to has one of its own.
    fn of(text: &str) -> Option<Intent> {
        if text.starts_with("stop ") {
            Some(Intent::Stop)
        } else if text.starts_with("tell ") {
            Some(Intent::Resume)
        } else {
            text.ends_with("; boot it").then_some(Intent::Boot)
        }
    }
}

/// The watcher.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    policy: DataPolicy,
    cap: Cap,
    /// Nothing serves and nobody is told for no longer than this: the script's own longest wait, and a little.
    patience: Duration,
    nodes: Vec<Known>,
    /// The whole cluster is in maintenance until then.
    maintained: Option<Moment>,
    /// A person said `hold`, and not `release` since.
    held: bool,
    swapped_at: Option<Moment>,
    /// When cables were seen crossed last, while two nodes wrote.
    crossed_at: Option<Moment>,
    /// When a console lost what a person's writer said last, while two nodes wrote.
    blurred_at: Option<Moment>,
    /// Something happened to the nodes, their cables or by people since the scene began; `None`
    /// where nobody keeps account.
    nodes_suffered: Option<bool>,
    /// Answers of service addresses are lost on their way, some or all.
    pings_lost: bool,
    /// The journal lost what it knew of switches, or the clock jumped.
    forgot_switches: bool,
    moves: Vec<Moment>,
    booted_last: Option<String>,
    quiet_since: Option<Moment>,
    /// Since when nothing serves.
    lost_at: Option<Moment>,
    /// When anybody was told last of anything, above a notice.
    told_at: Option<Moment>,
    /// Somebody was told of something since the script entered its state.
    told_here: bool,
    /// The node whose boot has no result yet.
    in_flight: Option<usize>,
    seen_boots: usize,
    /// Which nodes ran, or could go on, when it was looked last.
    seen_holders: Vec<usize>,
    /// Boots of the disk whose writes a person or the policy answers for.
    answered_for: BTreeSet<u32>,
    seen_writers: usize,
    pub windows: Vec<Window>,
    window: Option<Moment>,
    /// Since when everything is whole again, and nothing more was done to it.
    whole: Option<Moment>,
    /// When anybody was last told of anything while two nodes wrote.
    untold: Option<Moment>,
    pub excused: Vec<Excuse>,
    pub broken: Option<Broken>,
}

impl Watch {
    /// `grace`: beyond the script's longest wait, nothing serves and nobody is told for no longer than this.
    pub fn new(setup: &Setup, grace: Duration) -> Watch {
        let package = setup.packages.first();
        let waits = setup.packages.iter();
        let longest = waits.map(|p| needs::longest_wait(&p.program)).max();
        Watch {
            policy: package.map_or(DataPolicy::Integrity, |p| p.data_policy),
            cap: package.map_or(
                Cap {
                    max: u32::MAX,
                    within: Duration::ZERO,
                },
                |p| p.switches,
            ),
            patience: longest.unwrap_or_default() + grace,
            nodes: vec![Known::default(); setup.nodes.len()],
            maintained: None,
            held: false,
            swapped_at: None,
            crossed_at: None,
            blurred_at: None,
            nodes_suffered: None,
            pings_lost: false,
            forgot_switches: false,
            moves: Vec::new(),
            booted_last: None,
            quiet_since: None,
            lost_at: None,
            told_at: None,
            told_here: false,
            in_flight: None,
            seen_boots: 0,
            seen_holders: Vec::new(),
            answered_for: BTreeSet::new(),
            seen_writers: 0,
            windows: Vec::new(),
            window: None,
            whole: None,
            untold: None,
            excused: Vec::new(),
            broken: None,
        }
    }

    /// Feeds `hasher` with all that decides what it will find, `at` this moment. Left out is what it has found, and the
    /// moves, which the machine's own count of switches tells apart.
    pub fn tell_apart<H: Hasher>(&self, at: Moment, hasher: &mut H) {
        for known in &self.nodes {
            let Known {
                by_hand,
                // As the node counts them, which tells nothing apart.
                hands: _,
                guard_changed,
                dark,
                intent,
                siege,
                identified,
                line,
                maintained,
                out,
                confirmed,
                break_of_person,
            } = known;
            (by_hand, dark, intent, siege, line, break_of_person).hash(hasher);
            guard_changed.hash(hasher);
            (maintained, out, confirmed).hash(hasher);
            self.swapped_at.and(*identified).hash(hasher);
        }
        (self.swapped_at, self.nodes_suffered, self.forgot_switches).hash(hasher);
        self.window.and(self.blurred_at).is_some().hash(hasher);
        (self.maintained, self.held).hash(hasher);
        (self.quiet_since, self.window, self.window.and(self.untold)).hash(hasher);
        (self.lost_at, self.told_at, self.told_here, self.in_flight).hash(hasher);
        self.booted_last.hash(hasher);
        // How long it has been waiting already for somebody to be told tells two situations apart for as
        // long as it waits, which is longer than a hasher tells times apart.
        let longest = self.patience.max(truth::WINDOW);
        for since in [self.quiet_since, self.window, self.window.and(self.untold)] {
            let waited = since.map(|since| at.since(since).min(longest).as_secs() / 10);
            waited.hash(hasher);
        }
    }

    fn breaks_rule(&mut self, at: Moment, rule: Rule, what: String) {
        self.broken.get_or_insert(Broken { at, rule, what });
    }

    /// From here on account is kept of what happens to nodes and by people.
    pub fn keep_account(&mut self) {
        self.nodes_suffered = Some(false);
    }

    /// Something happened to a node, its cables, or a person did something.
    pub fn nodes_suffer(&mut self) {
        if let Some(suffered) = &mut self.nodes_suffered {
            *suffered = true;
        }
    }

    /// Everything was made whole, or something more was done.
    pub fn made_whole(&mut self, whole: Option<Moment>) {
        self.whole = whole;
    }

    /// Cables were crossed.
    pub fn swapped(&mut self, at: Moment) {
        self.swapped_at = Some(at);
    }

    /// What clusterd knew of switches is lost, or their times mean nothing any more.
    pub fn forgets_switches(&mut self) {
        self.forgot_switches = true;
        // So do the hours of a maintenance.
        self.maintained = None;
        for known in &mut self.nodes {
            known.maintained = None;
        }
    }

    /// Whether answers of service addresses are lost on their way from now on, some or all.
    pub fn pings_are_lost(&mut self, lost: bool) {
        self.pings_lost = lost;
    }

    /// clusterd reads a byte of this console: what a person said of its node counts no more.
    pub fn heard(&mut self, port: usize) {
        self.nodes[port].out = false;
        self.nodes[port].confirmed = false;
    }

    /// A person says that this node is stopped.
    pub fn person_confirms(&mut self, node: usize) {
        self.nodes[node].confirmed = true;
    }

    /// A person says `release`.
    pub fn person_releases(&mut self) {
        self.held = false;
    }

    /// Looks where a person's line has started something.
    fn sees_hands(&mut self, rig: &dyn Truth, at: Moment) {
        for (n, known) in self.nodes.iter_mut().enumerate() {
            let hands = rig.node(n).started_by_hand();
            let before = known.hands.replace(hands);
            if before.is_some_and(|before| before != hands) {
                known.by_hand = Some(at);
            }
        }
    }

    /// A person set a variable of a node's firmware behind clusterd's back: what starts by itself from
    /// now on is theirs.
    pub fn person_sets(&mut self, node: usize, variable: &str) {
        self.nodes[node].guard_changed |= ["auto-boot?", "boot-device"].contains(&variable);
    }

    /// An alarm above a notice is raised, or said again.
    pub fn alarms(&mut self, code: &str, at: Moment) {
        if OF_THE_STANDBY.contains(&code) {
            return;
        }
        self.told_at = Some(at);
        self.told_here = true;
    }

    /// clusterd begins anew with what the journal holds.
    pub fn restarted(&mut self, memory: &Memory, rig: &dyn Truth) {
        // What a torn record held nobody remembers.
        let kept = memory.maintenance.is_some();
        self.maintained = self.maintained.filter(|_| kept);
        self.held &= memory.packages.iter().any(|known| known.held.is_some());
        for (n, known) in self.nodes.iter_mut().enumerate() {
            let name = &rig.node(n).spec().name;
            let mut nodes = memory.nodes.iter();
            let kept = nodes.any(|node| node.node == *name && node.maintenance.is_some());
            known.maintained = known.maintained.filter(|_| kept);
            let mut nodes = memory.nodes.iter();
            known.out &= nodes.any(|node| node.node == *name && node.out_of_service.is_some());
            known.siege = memory
                .nodes
                .iter()
                .any(|node| node.node == *name && node.siege);
            known.intent = None;
            known.identified = None;
            known.line.clear();
        }
        self.lost_at = None;
        self.quiet_since = None;
        self.in_flight = None;
    }

    /// An entry is durable, and clusterd is told so.
    pub fn durable(&mut self, entry: &Entry, rig: &dyn Truth, at: Moment) {
        let named = |n: &usize| entry.node.as_deref() == Some(&rig.node(*n).spec().name);
        let Some(n) = (0..self.nodes.len()).find(named) else {
            return;
        };
        match entry.kind {
            EntryKind::Intent => {
                let Some(intent) = Intent::of(&entry.text) else {
                    return;
                };
                if intent == Intent::Boot {
                    self.one_switch(Some(n), rig, at);
                }
                self.nodes[n].intent = Some(intent);
                if intent == Intent::Stop {
                    self.acts("a node was to be stopped", at);
                }
            }
            EntryKind::Result => self.one_switch(None, rig, at),
            EntryKind::Siege => self.nodes[n].siege = entry.text.contains("begun"),
            _ => {}
        }
    }

    /// A switch to a node begins, or something has ended.
    fn one_switch(&mut self, begun: Option<usize>, rig: &dyn Truth, at: Moment) {
        let before = std::mem::replace(&mut self.in_flight, begun);
        if let (Some(first), Some(second)) = (before, begun)
            && first != second
        {
            let name = |n: usize| rig.node(n).spec().name.clone();
            let what = format!(
                "{} was to be booted, and what became of {} had not been said",
                name(second),
                name(first)
            );
            self.breaks_rule(at, Rule::OneSwitch, what);
        }
    }
}
