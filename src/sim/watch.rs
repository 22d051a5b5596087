//! Looks at every rule all the time, in a world: at each byte that clusterd types, at each BREAK, at
//! each event and at the truth on the bench after each step. What it finds stands in `rules.rs`.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::disk::DiskFault;
use super::excuse::Excuse;
use super::node::{Condition, Node};
use super::rules::{Broken, Rule};
use super::truth::Truth;
use crate::clock::{Moment, Span};
use crate::machine::action::{Entry, EntryKind};
use crate::machine::memory::Memory;
use crate::machine::proof::ProofKind;
use crate::machine::setup::{Cap, DataPolicy, Setup};
use crate::machine::{Event, Machine};

/// Nothing serves and nobody is told for no longer than this: the longest waits of the shipped scripts
/// (`boot_limit` and what follows it) together.
const QUIET: Duration = Duration::from_secs(25 * 60);
/// Two nodes that a person made write beside each other are told of within this.
const WINDOW: Duration = Duration::from_secs(300);
/// A conversation with one prompt takes no longer than this.
const CONVERSATION: Duration = Duration::from_secs(900);
/// What a person types so shortly before a boot command could not be seen.
const UNSEEN: Duration = Duration::from_secs(10);

/// A time in which two nodes wrote to the disk because a person had started one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Since when.
    pub began: Moment,
    /// How long, so far or in all.
    pub lasted: Duration,
}

/// What is known of a node.
#[derive(Clone, Debug, Default)]
struct Known {
    /// When a person typed something here that starts or resumes a system.
    by_hand: Option<Moment>,
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
    /// A BREAK went out while a person had the console: it must be theirs.
    break_of_person: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Intent {
    Stop,
    Boot,
    Resume,
}

/// The watcher.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    policy: DataPolicy,
    cap: Cap,
    /// Nothing serves and nobody is told for no longer than this.
    patience: Duration,
    nodes: Vec<Known>,
    swapped_at: Option<Moment>,
    /// Something happened to the nodes, their cables or by people since the scene began; `None`
    /// where nobody keeps account.
    nodes_suffered: Option<bool>,
    /// The journal lost what it knew of switches, or the clock jumped.
    forgot_switches: bool,
    moves: Vec<Moment>,
    booted_last: Option<String>,
    quiet_since: Option<Moment>,
    seen_boots: usize,
    seen_writers: usize,
    pub windows: Vec<Window>,
    window: Option<Moment>,
    /// When anybody was last told of anything while two nodes wrote.
    untold: Option<Moment>,
    pub excused: Vec<Excuse>,
    pub broken: Option<Broken>,
}

impl Watch {
    pub fn new(setup: &Setup) -> Watch {
        let package = setup.packages.first();
        Watch {
            policy: package.map_or(DataPolicy::Integrity, |p| p.data_policy),
            cap: package.map_or(
                Cap {
                    max: u32::MAX,
                    within: Duration::ZERO,
                },
                |p| p.switches,
            ),
            patience: QUIET,
            nodes: vec![Known::default(); setup.nodes.len()],
            swapped_at: None,
            nodes_suffered: None,
            forgot_switches: false,
            moves: Vec::new(),
            booted_last: None,
            quiet_since: None,
            seen_boots: 0,
            seen_writers: 0,
            windows: Vec::new(),
            window: None,
            untold: None,
            excused: Vec::new(),
            broken: None,
        }
    }

    /// The same where nothing that the script waits for takes longer than `patience`.
    pub fn with_patience(self, patience: Duration) -> Watch {
        Watch { patience, ..self }
    }

    /// Feeds `hasher` with all that decides what it will find. Left out is what it has found, and the
    /// moves, which the machine's own count of switches tells apart.
    pub fn tell_apart<H: Hasher>(&self, hasher: &mut H) {
        for known in &self.nodes {
            let Known {
                by_hand,
                dark,
                intent,
                siege,
                identified,
                line,
                break_of_person,
            } = known;
            (by_hand, dark, intent, siege, line, break_of_person).hash(hasher);
            self.swapped_at.and(*identified).hash(hasher);
        }
        (self.swapped_at, self.nodes_suffered, self.forgot_switches).hash(hasher);
        (self.quiet_since, self.window, self.window.and(self.untold)).hash(hasher);
        self.booted_last.hash(hasher);
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

    /// Cables were crossed.
    pub fn swapped(&mut self, at: Moment) {
        self.swapped_at = Some(at);
    }

    /// What clusterd knew of switches is lost, or their times mean nothing any more.
    pub fn forgets_switches(&mut self) {
        self.forgot_switches = true;
    }

    /// A person typed this at a node.
    pub fn person_types(&mut self, node: usize, text: &str, at: Moment) {
        let starts = ["boot", "go", ":c"];
        let words = text.split(|c: char| c.is_whitespace() || c.is_control());
        if words.into_iter().any(|word| starts.contains(&word)) {
            self.nodes[node].by_hand = Some(at);
        }
    }

    /// clusterd begins anew with what the journal holds.
    pub fn restarted(&mut self, memory: &Memory, rig: &dyn Truth) {
        for (n, known) in self.nodes.iter_mut().enumerate() {
            let name = &rig.node(n).spec().name;
            known.siege = memory
                .nodes
                .iter()
                .any(|node| node.node == *name && node.siege);
            known.intent = None;
            known.identified = None;
            known.line.clear();
        }
        self.quiet_since = None;
    }

    /// An entry is durable, and clusterd is told so.
    pub fn durable(&mut self, entry: &Entry, rig: &dyn Truth) {
        let named = |n: &usize| entry.node.as_deref() == Some(&rig.node(*n).spec().name);
        let Some(n) = (0..self.nodes.len()).find(named) else {
            return;
        };
        match entry.kind {
            EntryKind::Intent if entry.text.starts_with("stop ") => {
                self.nodes[n].intent = Some(Intent::Stop);
            }
            EntryKind::Intent if entry.text.starts_with("tell ") => {
                self.nodes[n].intent = Some(Intent::Resume);
            }
            EntryKind::Intent => self.nodes[n].intent = Some(Intent::Boot),
            EntryKind::Siege => self.nodes[n].siege = entry.text.contains("begun"),
            _ => {}
        }
    }

    /// clusterd types, and no person has the console's pen unless `person` says so.
    pub fn types(
        &mut self,
        port: usize,
        bytes: &[u8],
        person: bool,
        machine: &Machine,
        rig: &dyn Truth,
        at: Moment,
    ) {
        if person {
            let what = format!(
                "typed under the hands of a person: {:?}",
                String::from_utf8_lossy(bytes)
            );
            return self.breaks_rule(at, Rule::UnderHands, what);
        }
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.nodes[port].line);
                    self.enters(port, line.trim(), machine, rig, at);
                }
                0x03 | 0x15 => self.nodes[port].line.clear(),
                byte if self.nodes[port].line.len() < 256 => {
                    self.nodes[port].line.push(char::from(byte));
                }
                _ => {}
            }
        }
    }

    /// clusterd ends a line with RETURN.
    fn enters(&mut self, port: usize, line: &str, machine: &Machine, rig: &dyn Truth, at: Moment) {
        let first = line.split_whitespace().next().unwrap_or("");
        let node = rig.node_of(port);
        if matches!(first, "setenv" | "reset-all" | "boot") && node != port {
            let identified = self.nodes[port].identified;
            let within = self
                .swapped_at
                .zip(identified)
                .is_some_and(|(swap, identified)| {
                    swap > identified && at.since(identified) < CONVERSATION
                });
            if !within {
                let what = format!(
                    "{line:?} was typed to {}, which is not the node meant",
                    rig.node(node).spec().name
                );
                self.breaks_rule(at, Rule::Stranger, what);
            }
        }
        if first != "boot" {
            return;
        }
        if self.nodes[port].intent != Some(Intent::Boot) {
            let what = format!("{line:?} was typed, and no intent of it was durable");
            self.breaks_rule(at, Rule::JournalFirst, what);
        }
        let snapshot = machine.snapshot(at);
        let unproved = snapshot
            .nodes
            .iter()
            .enumerate()
            .find(|(n, node)| *n != port && node.proof.is_none());
        if let Some((_, other)) = unproved {
            let what = format!(
                "{line:?} was typed without a living proof for {}",
                other.node
            );
            self.breaks_rule(at, Rule::NoProof, what);
        }
    }

    /// clusterd sends a BREAK.
    pub fn sends_break(&mut self, port: usize, person: bool, at: Moment) {
        if person {
            self.nodes[port].break_of_person = true;
            return;
        }
        let known = &self.nodes[port];
        if known.intent != Some(Intent::Stop) && !known.siege {
            let what = "a BREAK was sent, and no intent of it was durable".to_owned();
            self.breaks_rule(at, Rule::JournalFirst, what);
        }
        if self.nodes_suffered == Some(false) {
            let what =
                "a BREAK was sent, and nothing had happened but to the monitoring host".to_owned();
            self.breaks_rule(at, Rule::OwnTrouble, what);
        }
    }

    /// clusterd says that something happened.
    pub fn hears(&mut self, event: &Event, rig: &dyn Truth, at: Moment) {
        let number = |name: &str| rig.find(name);
        match event {
            Event::PersonBreak { node, .. } => {
                if let Some(n) = number(node) {
                    self.nodes[n].break_of_person = false;
                }
            }
            Event::Piece { node, text } if text.starts_with("Host ID") => {
                if let Some(n) = number(node) {
                    self.nodes[n].identified = Some(at);
                }
            }
            Event::Proved { node, kind, .. } => {
                if let Some(n) = number(node) {
                    self.proved(n, *kind, rig);
                }
            }
            Event::BootTyped { node, .. } => self.booted(node, rig, at),
            _ => {}
        }
    }

    fn proved(&mut self, n: usize, kind: ProofKind, rig: &dyn Truth) {
        let node = rig.node(n);
        self.nodes[n].dark = match kind {
            ProofKind::Dark => Excuse::of(node, rig.cut_off(n), self.policy),
            _ => None,
        };
        if kind == ProofKind::FirmwareReset {
            self.nodes[n].by_hand = None;
        }
    }

    /// A boot command left.
    fn booted(&mut self, booted: &str, rig: &dyn Truth, at: Moment) {
        if let Some(n) = rig.find(booted) {
            self.nodes[n].by_hand = None;
            self.nodes[n].dark = None;
        }
        for n in 0..self.nodes.len() {
            let node = rig.node(n);
            if node.spec().name == booted || !could_write(node) {
                continue;
            }
            let unseen = |hand: Moment| at.since(hand) < UNSEEN;
            if self.nodes[n].by_hand.is_some_and(unseen) {
                continue;
            }
            if let Some(excuse) = self.nodes[n].dark {
                self.excused.push(excuse);
                continue;
            }
            let what = format!(
                "{booted} is booted while {} is {:?}",
                node.spec().name,
                node.condition()
            );
            self.breaks_rule(at, Rule::BootBesideLife, what);
        }
        if self
            .booted_last
            .as_deref()
            .is_some_and(|last| last != booted)
        {
            self.moves.push(at);
            let within = |moved: &&Moment| at.since(**moved) <= self.cap.within;
            let moves = self.moves.iter().filter(within).count();
            if moves > usize::try_from(self.cap.max).unwrap_or(usize::MAX) && !self.forgot_switches
            {
                let what = format!("{moves} switches within {}", Span(self.cap.within));
                self.breaks_rule(at, Rule::Cap, what);
            }
        }
        self.booted_last = Some(booted.to_owned());
    }

    /// Looks at the truth after a step. `told`: an alarm above a notice is open.
    pub fn looks(&mut self, rig: &dyn Truth, alive: bool, told: bool, at: Moment) {
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
        nodes.iter().any(|n| self.nodes[*n].by_hand.is_some())
    }

    fn looks_at_writers(&mut self, rig: &dyn Truth, told: bool, at: Moment) {
        let writers = rig.disk().two_writers();
        for found in &writers[self.seen_writers.min(writers.len())..] {
            let both: Vec<usize> = [&found.node, &found.other]
                .iter()
                .filter_map(|name| rig.find(name))
                .collect();
            if self.by_hand(&both) {
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
                    known.by_hand.is_some() || known.dark.is_some() || dead
                };
                if !live.iter().any(answered_for) {
                    let names: Vec<&str> = live.iter().map(|n| &*rig.node(*n).spec().name).collect();
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

/// Whether a machine writes to the disk, or would after a `go` or by itself.
fn could_write(node: &Node) -> bool {
    match node.condition() {
        Condition::Off | Condition::Prompt { resumable: false } => false,
        Condition::Post => node.will_boot(),
        _ => true,
    }
}
