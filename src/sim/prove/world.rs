//! The small world: two simulated nodes, their shared disk, one package, and the machine that
//! watches them, in virtual time without jitter. The nodes are those of the other scenes, byte for
//! byte; the ears and the machine are the real ones. What is small is the rest: bytes take one
//! [`WIRE`], the journal one [`FSYNC`], and pings and witnesses are asked at the same moments.
//!
//! [`World::step`] goes to the next moment at which anything is due. Between two steps a fault may
//! strike; some faults are twists of the step itself ([`Twist`]).

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::judge::Bench;
use super::model::Model;
use super::print::{Ladder, Print};
use crate::clock::Moment;
use crate::machine::action::Entry;
use crate::machine::input::{Input, Order, Ticket};
use crate::machine::memory::Memory;
use crate::machine::setup::Setup;
use crate::machine::{Attention, Machine};
use crate::matcher::{Ear, PatternSet};
use crate::script::program::OperatorWord;
use crate::sim::disk::SharedDisk;
use crate::sim::node::Node;
use crate::sim::watch::Watch;

/// Bytes go over a console in this time.
const WIRE: Duration = Duration::from_millis(10);
/// The journal is durable after this time.
pub(super) const FSYNC: Duration = Duration::from_millis(10);
/// A link that can be connected is connected after this time.
const RECONNECT: Duration = Duration::from_millis(200);
/// A link that carries nothing is found dead after this time.
const HALF_DEAD: Duration = Duration::from_secs(15);
/// Bytes that come late come so late: later than a nonce lives.
const LATE: Duration = Duration::from_secs(4);
/// A journal that cannot be written can be written again after this time.
const JOURNAL_MENDED: Duration = Duration::from_secs(30);
/// After a restart, alarms that nobody says again are over after so long.
const FORGETS: Duration = Duration::from_secs(900);
/// What comes beside the script's longest wait: everything is short here.
const GRACE: Duration = Duration::from_secs(60);
/// The clock of the monitoring host at the beginning: 2026-01-01.
const WALL_ZERO: u64 = 1_767_225_600;

/// A fault that is a twist of one step: it takes hold where it fits first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Twist {
    /// clusterd is killed when it has done so many of the step's actions.
    KillAfter(u8),
    /// The step's BREAK does not arrive.
    LoseBreak,
    /// What the step's `setenv` writes is gone with the next reset.
    LoseNvram,
    /// The power leg says that it obeys, and does nothing.
    LegLies,
    /// The bytes that come in this step come late.
    LateBytes,
    /// The `boot` that the step types fails without a reason.
    FailBoot,
    /// The reset that the step orders ends in a self test without end.
    FailReset,
}

/// What a step did that could have gone wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a chance of its own")]
pub(super) struct Chances {
    /// Actions at the edge: bytes, BREAKs, journal entries, orders to power legs.
    pub actions: u8,
    pub breaks: bool,
    pub setenv: bool,
    pub power: bool,
    pub bytes: bool,
    pub boot: bool,
    pub reset: bool,
}

/// A console port.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub cut: bool,
    pub up: bool,
    epoch: u64,
    mended: Option<Moment>,
    dead_since: Option<Moment>,
    late: Option<(Moment, Vec<u8>)>,
    ear: Ear,
}

impl Port {
    /// Whether bytes of it are under way for too long.
    pub fn is_late(&self) -> bool {
        self.late.is_some()
    }
}

/// A journal entry on its way to the disk.
#[derive(Clone, Debug)]
struct Unsynced {
    at: Moment,
    ticket: Ticket,
    entry: Entry,
    memory: Memory,
}

/// The small world.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub nodes: Vec<Node>,
    pub ports: Vec<Port>,
    pub machine: Machine,
    pub(super) setup: Arc<Setup>,
    set: Arc<PatternSet>,
    pub now: Moment,
    memory: Memory,
    unsynced: VecDeque<Unsynced>,
    results: VecDeque<(Moment, Ticket, Input)>,
    /// Alarms that are open, and whether they were said by this process of clusterd.
    pub(super) open: BTreeMap<String, bool>,
    /// What a killed process had said and this one did not is over then.
    forgets_at: Option<Moment>,
    /// It began adopted: the script did not take the package there and back.
    pub(super) adopted: bool,
    next_ping: Moment,
    ping_every: Duration,
    /// The monitoring host's cable to the service network.
    pub cable: bool,
    /// The journal cannot be written until then; whether that was said.
    pub journal_fails: Option<(Moment, bool)>,
    pub(super) legs: bool,
    nonces: u32,
    pub twist: Option<Twist>,
    pub(super) chances: Chances,
    alive: bool,
    /// Looks at the rules.
    pub(super) watch: Watch,
    pub(super) disk: SharedDisk,
    /// What happened, for people; kept only where a trace is wanted.
    pub story: Option<Vec<(Moment, String)>>,
}

impl World {
    /// The world of `model`: all nodes off, clusterd just started without a journal.
    pub fn new(model: &Model) -> World {
        let now = Moment::ZERO;
        let port = |_| Port {
            cut: false,
            up: false,
            epoch: 0,
            mended: Some(now),
            dead_since: None,
            late: None,
            ear: Ear::new(Arc::clone(&model.set)),
        };
        let memory = Memory::default();
        World {
            nodes: model.specs.iter().cloned().map(Node::new).collect(),
            ports: (0..model.specs.len()).map(port).collect(),
            machine: Machine::new(Arc::clone(&model.setup), &memory, now, WALL_ZERO),
            setup: Arc::clone(&model.setup),
            set: Arc::clone(&model.set),
            now,
            memory,
            unsynced: VecDeque::new(),
            results: VecDeque::new(),
            open: BTreeMap::new(),
            next_ping: now,
            ping_every: model.ping_every(),
            cable: true,
            journal_fails: None,
            legs: model.power_legs,
            nonces: 0,
            twist: None,
            chances: Chances::default(),
            alive: true,
            watch: Watch::new(&model.setup, GRACE),
            disk: SharedDisk::new(),
            forgets_at: None,
            adopted: false,
            story: None,
        }
    }

    /// Goes to the next moment at which anything is due, and does it.
    pub fn step(&mut self) {
        self.chances = Chances::default();
        self.now = self.next().max(self.now + Duration::from_micros(1));
        self.advance_nodes();
        if self.forgets_at.is_some_and(|at| at <= self.now) {
            self.forgets_at = None;
            self.open.retain(|_, said| *said);
        }
        self.carry_links();
        self.carry_bytes();
        self.carry_results();
        self.ask_addresses();
        if self
            .machine
            .poll_timeout()
            .is_some_and(|(at, _)| at <= self.now)
        {
            self.tell(Input::Time);
        }
        self.twist = None;
        if !self.alive {
            self.restart();
        }
        self.look();
    }

    fn next(&self) -> Moment {
        let mut next = self.next_ping;
        let mut note = |at: Option<Moment>| next = at.map_or(next, |at| next.min(at));
        // What was sent and is not answered needs no look.
        let answered = self.nodes.iter().any(Node::has_output);
        note(answered.then(|| self.now + WIRE));
        note(self.nodes.iter().filter_map(Node::poll_timeout).min());
        note(self.results.iter().map(|(at, ..)| *at).min());
        let mended = self.journal_fails.map(|(end, _)| end);
        note(
            self.unsynced
                .front()
                .map(|u| mended.map_or(u.at, |end| u.at.max(end))),
        );
        note(mended);
        note(self.forgets_at);
        note(self.machine.poll_timeout().map(|(at, _)| at));
        for port in &self.ports {
            note(port.ear.poll_timeout().filter(|_| port.up));
            note(port.mended.filter(|_| !port.cut).map(|at| at + RECONNECT));
            note(port.dead_since.map(|at| at + HALF_DEAD));
            note(port.late.as_ref().map(|(at, _)| *at));
        }
        next
    }

    fn advance_nodes(&mut self) {
        for node in &mut self.nodes {
            node.advance(self.now, &mut self.disk);
        }
    }

    /// Time passes for the nodes alone; then clusterd is started.
    pub fn without_clusterd(&mut self, span: Duration) {
        self.now = self.now + span;
        self.advance_nodes();
        for node in &mut self.nodes {
            node.take_output();
        }
        self.restart();
    }

    /// Tells the machine one thing, and does what it wants done.
    pub(super) fn tell(&mut self, input: Input) {
        if !self.alive {
            return;
        }
        self.machine.handle(input, self.now);
        while let Some(action) = self.machine.poll_action() {
            self.perform(action);
            if !self.alive {
                return;
            }
        }
        for n in 0..self.ports.len() {
            let wanted = self.machine.attention(n) == Attention::Dialogue;
            self.ports[n].ear.set_text(wanted);
        }
    }

    fn carry_links(&mut self) {
        let now = self.now;
        for n in 0..self.ports.len() {
            let port = &mut self.ports[n];
            if port.up && port.cut {
                let since = *port.dead_since.get_or_insert(now);
                if now.since(since) >= HALF_DEAD {
                    self.drop_link(n, "no answer from the terminal server");
                }
                continue;
            }
            port.dead_since = None;
            if port.cut {
                port.mended = None;
            } else if !port.up && now.since(*port.mended.get_or_insert(now)) >= RECONNECT {
                port.up = true;
                port.mended = None;
                port.epoch += 1;
                port.ear.reset();
                let epoch = port.epoch;
                self.nodes[n].take_output();
                self.tell(Input::LinkUp { node: n, epoch });
            }
        }
    }

    /// The connection of a port ends; it is made again as soon as it can be.
    pub fn drop_link(&mut self, n: usize, why: &str) {
        let port = &mut self.ports[n];
        port.up = false;
        port.dead_since = None;
        port.late = None;
        port.mended = Some(self.now);
        let why = why.to_owned();
        self.tell(Input::LinkDown { node: n, why });
    }

    fn carry_bytes(&mut self) {
        let now = self.now;
        for n in 0..self.ports.len() {
            let mut bytes = self.nodes[n].take_output();
            let port = &mut self.ports[n];
            if !port.up {
                continue;
            }
            if port.cut {
                bytes.clear();
            }
            self.chances.bytes |= !bytes.is_empty();
            if !bytes.is_empty() && self.twist == Some(Twist::LateBytes) {
                self.twist = None;
                port.late = Some((now + LATE, Vec::new()));
            }
            if let Some((at, late)) = &mut port.late {
                late.append(&mut bytes);
                if *at <= now {
                    bytes = std::mem::take(late);
                    port.late = None;
                }
            }
            let mut heard = Vec::new();
            if !bytes.is_empty() {
                port.ear.hear(&bytes, now, &mut heard);
            }
            if port.ear.poll_timeout().is_some_and(|at| at <= now) {
                port.ear.handle_timeout(now, &mut heard);
            }
            let (node, epoch) = (n, port.epoch);
            if !bytes.is_empty() {
                self.tell(Input::Console { node, epoch, heard });
            } else if !heard.is_empty() {
                self.tell(Input::Quiet { node, epoch, heard });
            }
        }
    }

    fn carry_results(&mut self) {
        let now = self.now;
        if self.journal_fails.is_some_and(|(end, _)| end <= now) {
            let said = self.journal_fails.take().is_some_and(|(_, said)| said);
            if said {
                self.tell(Input::JournalWell);
            }
        }
        while self.alive && self.unsynced.front().is_some_and(|u| u.at <= now) {
            if let Some((end, said)) = self.journal_fails {
                if !said {
                    self.journal_fails = Some((end, true));
                    let why = "input/output error".to_owned();
                    self.tell(Input::JournalFailed { why });
                }
                break;
            }
            let Some(Unsynced {
                ticket,
                entry,
                memory,
                ..
            }) = self.unsynced.pop_front()
            else {
                break;
            };
            self.memory = memory;
            let bench = Bench {
                nodes: &self.nodes,
                ports: &self.ports,
                disk: &self.disk,
            };
            self.watch.durable(&entry, &bench, self.now);
            self.tell(Input::Durable { ticket });
        }
        while let Some(index) = self.results.iter().position(|(at, ..)| *at <= now) {
            if let Some((_, _, input)) = self.results.remove(index) {
                self.tell(input);
            }
        }
    }

    fn ask_addresses(&mut self) {
        if self.now < self.next_ping {
            return;
        }
        self.next_ping = self.now + self.ping_every;
        let answered = self.address_answers();
        self.tell(Input::Address {
            package: 0,
            answered,
        });
        for witness in 0..self.setup.witnesses.len() {
            let answered = self.cable;
            self.tell(Input::Witness { witness, answered });
        }
    }

    /// Whether the monitoring host gets an answer from the service address.
    pub(super) fn address_answers(&self) -> bool {
        self.cable && self.nodes.iter().any(Node::answers_ping)
    }

    /// An operator says something.
    pub fn operator(&mut self, word: OperatorWord) {
        let who = "op".to_owned();
        self.tell(Input::Operator(Order {
            who,
            word,
            node: None,
        }));
    }

    /// Whether a journal entry is on its way to the disk.
    pub fn journal_is_open(&self) -> bool {
        !self.unsynced.is_empty()
    }

    /// clusterd is killed, with the entries that are on their way on the disk or lost.
    pub fn kill(&mut self, entries_are_on_disk: bool) {
        if entries_are_on_disk && self.journal_fails.is_none() {
            while let Some(entry) = self.unsynced.pop_front() {
                self.memory = entry.memory;
            }
        }
        self.restart();
    }

    /// clusterd starts with what the journal holds.
    fn restart(&mut self) {
        self.alive = true;
        self.unsynced.clear();
        self.results.clear();
        for port in &mut self.ports {
            port.up = false;
            port.dead_since = None;
            port.late = None;
            port.mended = Some(self.now);
            port.ear = Ear::new(Arc::clone(&self.set));
        }
        let setup = Arc::clone(&self.setup);
        self.machine = Machine::new(setup, &self.memory, self.now, WALL_ZERO);
        self.next_ping = self.now;
        for said in self.open.values_mut() {
            *said = false;
        }
        self.forgets_at = (!self.open.is_empty()).then(|| self.now + FORGETS);
        let bench = Bench {
            nodes: &self.nodes,
            ports: &self.ports,
            disk: &self.disk,
        };
        self.watch.restarted(&self.memory, &bench);
        self.tell(Input::Time);
    }

    /// Its fingerprint.
    pub fn print(&self, ladder: Ladder) -> u128 {
        let mut print = Print::new(self.now, ladder);
        let into = &mut print;
        self.machine.tell_apart(into);
        for (n, node) in self.nodes.iter().enumerate() {
            node.tell_apart(self.now, self.machine.mark(n), into);
        }
        for port in &self.ports {
            (port.cut, port.up, port.mended, port.dead_since, &port.late).hash(into);
            port.ear.tell_apart(into);
        }
        for entry in &self.unsynced {
            (entry.at, self.machine.awaits(entry.ticket)).hash(into);
        }
        for (at, ticket, input) in &self.results {
            let said = match input {
                Input::ProbeDone { answered, .. } => u8::from(*answered),
                Input::PowerDone { legs, .. } => 2 + u8::from(super::perform::all_off(legs)),
                _ => 4,
            };
            (at, self.machine.awaits(*ticket), said).hash(into);
        }
        (self.next_ping, self.cable, self.journal_fails).hash(into);
        self.open.hash(into);
        (self.forgets_at, self.disk.last_writer()).hash(into);
        self.watch.tell_apart(self.now, into);
        print.value()
    }

    pub(super) fn may_go_on(&mut self) -> bool {
        self.chances.actions = self.chances.actions.saturating_add(1);
        match &mut self.twist {
            Some(Twist::KillAfter(0)) => {
                self.alive = false;
                false
            }
            Some(Twist::KillAfter(left)) => {
                *left -= 1;
                true
            }
            _ => true,
        }
    }

    /// The port carries bytes of this link.
    pub(super) fn carries(&self, n: usize, epoch: u64) -> bool {
        let port = &self.ports[n];
        port.up && port.epoch == epoch && !port.cut
    }

    pub(super) fn note_typed(&mut self, n: usize, bytes: &[u8]) {
        self.ports[n].ear.sent(bytes);
    }

    pub(super) fn journal(&mut self, ticket: Ticket, entry: Entry, memory: Memory) {
        let at = self.now + FSYNC;
        self.unsynced.push_back(Unsynced {
            at,
            ticket,
            entry,
            memory,
        });
    }

    pub(super) fn result(&mut self, after: Duration, ticket: Ticket, input: Input) {
        self.results.push_back((self.now + after, ticket, input));
    }

    pub(super) fn fresh_nonces(&mut self) -> Vec<u32> {
        let first = self.nonces;
        self.nonces += 16;
        (first..first + 16).map(super::print::nonce).collect()
    }

    /// The journal cannot be written from now on, for a while.
    pub fn fail_journal(&mut self) {
        self.journal_fails = Some((self.now + JOURNAL_MENDED, false));
    }

    /// Notes something for the trace.
    pub fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push((self.now, text()));
        }
    }
}
