//! A machine and a bench in one virtual time: what the daemon's edges do with real sockets,
//! this does with a [`Rig`]. The same [`Machine`], the same ears, the same journal order.
//!
//! ```text
//!   Rig ─ bytes ─► Ear ─ heard ─► Machine ─ actions ─► journal model ─► Durable
//!    ▲                                                └► Rig (type, BREAK), probes, power legs
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Moment;
use crate::machine::action::{Action, Entry, PenWord, PowerOrder, ProbeTarget};
use crate::machine::input::{Deed, Input, Order, PowerState, Ticket};
use crate::machine::memory::Memory;
use crate::machine::setup::{DataPolicy, Setup};
use crate::machine::{Attention, Event, Machine};
use crate::matcher::{Ear, PatternSet};
use crate::script::program::{OperatorWord, Severity};
use crate::sim::rig::{ConsoleLink, Rig};
use crate::sim::rules::{self, Broken};

/// An echo is back after so long.
const WIRE: Duration = Duration::from_millis(1);
/// The journal of the model takes so long.
const FSYNC: Duration = Duration::from_millis(1);
/// A link that was mended is connected again after so long.
const RECONNECT: Duration = Duration::from_millis(250);
/// A link that carries nothing is found dead after so long (TCP keepalive and user timeout).
const HALF_DEAD: Duration = Duration::from_secs(15);
/// Witnesses are asked so often.
const WITNESS_EVERY: Duration = Duration::from_secs(5);
/// A person's pause ends after so long without a key.
pub const PERSON_IDLE: Duration = Duration::from_secs(60);
/// The clock of the monitoring host at the beginning: 2026-01-01.
const WALL_ZERO: u64 = 1_767_225_600;

/// A raised alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaisedAlarm {
    /// How urgent.
    pub severity: Severity,
    /// Its code.
    pub code: String,
    /// Its text.
    pub text: String,
    /// When it was raised first.
    pub first: Moment,
    /// How often.
    pub count: u32,
}

#[derive(Clone, Debug)]
struct Port {
    epoch: u64,
    up: bool,
    mended: Option<Moment>,
    dead_since: Option<Moment>,
    ear: Ear,
    /// A person has the pen.
    person: bool,
}

/// A cluster on the bench, watched by a machine.
#[derive(Clone, Debug)]
pub struct World {
    /// The bench, to do things to it.
    pub rig: Rig,
    machine: Machine,
    setup: Arc<Setup>,
    set: Arc<PatternSet>,
    ports: Vec<Port>,
    now: Moment,
    next_ping: Moment,
    next_witness: Moment,
    rng: fastrand::Rng,
    results: VecDeque<(Moment, Input)>,
    unsynced: VecDeque<(Moment, Ticket, Entry, Memory)>,
    memory: Memory,
    journal: Vec<(Moment, Entry)>,
    events: Vec<(Moment, Event)>,
    open: BTreeMap<String, RaisedAlarm>,
    raised: Vec<(Moment, RaisedAlarm)>,
    /// Whether every node has a working power leg.
    pub power_legs: bool,
    /// clusterd is killed when it has written so many journal entries more.
    kill_after: Option<u32>,
    alive: bool,
    /// Something was sent to a node: its echo is due.
    sent: bool,
    /// What a person types when they have the pen.
    typing: Option<(usize, String, Vec<u8>)>,
    pen_words: Vec<(Moment, usize, PenWord)>,
    /// The first rule that was broken.
    broken: Option<Broken>,
}

impl World {
    /// A world at its beginning, with what the journal remembers. `ping_every` is the
    /// interval at which the package's address is asked.
    pub fn new(
        setup: Arc<Setup>,
        set: Arc<PatternSet>,
        rig: Rig,
        memory: Memory,
        seed: u64,
    ) -> World {
        let now = Moment::ZERO;
        let port = |_| Port {
            epoch: 0,
            up: false,
            mended: Some(now),
            dead_since: None,
            ear: Ear::new(Arc::clone(&set)),
            person: false,
        };
        World {
            ports: (0..rig.len()).map(port).collect(),
            machine: Machine::new(Arc::clone(&setup), &memory, now, WALL_ZERO),
            rig,
            setup,
            set,
            now,
            next_ping: now + Duration::from_millis(100),
            next_witness: now + Duration::from_millis(50),
            rng: fastrand::Rng::with_seed(seed),
            results: VecDeque::new(),
            unsynced: VecDeque::new(),
            memory,
            journal: Vec::new(),
            events: Vec::new(),
            open: BTreeMap::new(),
            raised: Vec::new(),
            power_legs: false,
            kill_after: None,
            alive: true,
            sent: false,
            typing: None,
            pen_words: Vec::new(),
            broken: None,
        }
    }

    /// The virtual time.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The machine, to look at.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Everything that happened.
    pub fn events(&self) -> &[(Moment, Event)] {
        &self.events
    }

    /// What clusterd would remember if it were started again now.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What the journal holds.
    pub fn journal(&self) -> &[(Moment, Entry)] {
        &self.journal
    }

    /// Alarms that are open now.
    pub fn open_alarms(&self) -> impl Iterator<Item = &RaisedAlarm> {
        self.open.values()
    }

    /// Whether an alarm of this code was raised since.
    pub fn alarmed(&self, code: &str, since: Moment) -> bool {
        self.raised
            .iter()
            .any(|(at, alarm)| *at >= since && alarm.code == code)
    }

    /// The first rule that was broken, by the truth on the bench.
    pub fn broken(&self) -> Option<Broken> {
        self.broken
            .clone()
            .or_else(|| rules::disk(&self.rig, self.now))
    }

    /// Whether the first package's script rests: it listens, and no step is under way.
    pub fn rests(&self) -> bool {
        self.machine.rests(0)
    }

    /// The state of the first package's script.
    pub fn state(&self) -> &str {
        self.machine.state(0)
    }

    /// An operator says something.
    pub fn operator(&mut self, word: OperatorWord, node: Option<usize>) {
        let order = Order {
            who: "op".to_owned(),
            word,
            node,
        };
        self.tell(Input::Operator(order));
    }

    /// A person at a console of clusterd's own asks to type, and types `line` with its RETURN
    /// as soon as they may. What they are told stands in [`World::pen_words`].
    pub fn person_types(&mut self, node: usize, who: &str, line: &str) {
        self.typing = Some((node, who.to_owned(), format!("{line}\r").into_bytes()));
        let idle = PERSON_IDLE;
        self.person(node, who, Deed::Asks { idle });
    }

    /// They leave the console.
    pub fn person_leaves(&mut self, node: usize, who: &str) {
        self.typing = None;
        let why = "detached".to_owned();
        self.person(node, who, Deed::Leaves { why });
    }

    /// A person does something at a console.
    pub fn person(&mut self, node: usize, who: &str, deed: Deed) {
        let who = who.to_owned();
        self.tell(Input::Person { node, who, deed });
        self.type_if_granted();
    }

    /// What people at consoles were told.
    pub fn pen_words(&self) -> &[(Moment, usize, PenWord)] {
        &self.pen_words
    }

    fn type_if_granted(&mut self) {
        let granted = |(_, node, word): &(Moment, usize, PenWord)| {
            let typist = self.typing.as_ref().map(|(node, ..)| node);
            typist == Some(node) && *word == PenWord::Granted
        };
        if self.pen_words.last().is_some_and(granted)
            && let Some((node, who, bytes)) = self.typing.take()
        {
            self.tell(Input::Person {
                node,
                who,
                deed: Deed::Types { bytes },
            });
        }
    }

    /// The line behind a console tells that it has a carrier, or has lost it.
    pub fn carrier(&mut self, node: usize, present: bool) {
        let epoch = self.ports[node].epoch;
        self.tell(Input::Carrier {
            node,
            epoch,
            present,
        });
    }

    /// clusterd is killed after `entries` more journal entries are on disk, at once with 0.
    pub fn kill_after(&mut self, entries: u32) {
        self.kill_after = Some(entries);
        if entries == 0 {
            self.alive = false;
        }
    }

    /// Whether clusterd lives.
    pub fn is_alive(&self) -> bool {
        self.alive
    }

    /// clusterd is started again, with what the journal holds; `keep` says whether the journal
    /// is still there.
    pub fn restart(&mut self, keep: bool) {
        if !keep {
            self.memory = Memory::default();
        }
        self.kill_after = None;
        self.alive = true;
        self.unsynced.clear();
        self.results.clear();
        for (n, port) in self.ports.iter_mut().enumerate() {
            port.up = false;
            port.person = false;
            port.mended = Some(self.now);
            port.ear = Ear::new(Arc::clone(&self.set));
            self.rig.read(n);
        }
        self.machine = Machine::new(Arc::clone(&self.setup), &self.memory, self.now, WALL_ZERO);
        self.drain();
    }

    /// Lets time pass until the condition holds; false when `limit` is over before.
    pub fn until(&mut self, limit: Duration, mut holds: impl FnMut(&mut World) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            if holds(self) {
                return true;
            }
            if self.now >= end {
                return false;
            }
            self.step(end);
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Duration) {
        self.until(span, |_| false);
    }

    /// Everything that happened, as people read it.
    pub fn timeline(&self) -> String {
        let mut text = String::new();
        for (at, event) in &self.events {
            text.push_str(&format!(
                "{:>10.3}  {event}\n",
                at.since(Moment::ZERO).as_secs_f64()
            ));
        }
        text
    }

    /// To the next moment at which anything is due.
    fn step(&mut self, end: Moment) {
        let mut next = end;
        let mut note = |at: Option<Moment>| next = at.map_or(next, |at| next.min(at));
        note(self.rig.poll_timeout());
        if !self.alive {
            self.now = next.max(self.now).min(end.max(self.now));
            self.rig.advance(self.now);
            return;
        }
        note(self.sent.then(|| self.now + WIRE));
        self.sent = false;
        note(Some(self.next_ping));
        note(Some(self.next_witness));
        note(self.results.iter().map(|(at, _)| *at).min());
        note(self.unsynced.front().map(|(at, ..)| *at));
        note(self.machine.poll_timeout().map(|(at, _)| at));
        for (n, port) in self.ports.iter().enumerate() {
            note(port.ear.poll_timeout().filter(|_| port.up));
            note(
                port.mended
                    .filter(|_| self.rig.link_up(n))
                    .map(|at| at + RECONNECT),
            );
            note(port.dead_since.map(|at| at + HALF_DEAD));
        }
        self.now = next
            .max(self.now + Duration::from_micros(1))
            .min(end.max(self.now));
        self.rig.advance(self.now);
        self.carry_links();
        self.carry_bytes();
        self.carry_results();
        self.ask_addresses();
        let due = self.machine.poll_timeout();
        if due.is_some_and(|(at, _)| at <= self.now) {
            self.tell(Input::Time);
        }
    }

    fn tell(&mut self, input: Input) {
        if !self.alive {
            return;
        }
        self.machine.handle(input, self.now);
        self.drain();
        if self.typing.is_some() {
            self.type_if_granted();
        }
    }

    fn carry_links(&mut self) {
        for n in 0..self.ports.len() {
            let can = self.rig.link_up(n);
            let carries = can && self.rig.link(n) == ConsoleLink::Up;
            let port = &mut self.ports[n];
            let now = self.now;
            port.dead_since = match (port.up && !carries, port.dead_since) {
                (true, None) => Some(now),
                (true, since) => since,
                (false, _) => None,
            };
            let cut = port.up && self.rig.link(n) == ConsoleLink::Refused;
            let dead = port.dead_since.is_some_and(|at| now.since(at) >= HALF_DEAD);
            if cut || dead {
                port.up = false;
                port.dead_since = None;
                port.mended = Some(now);
                let why = if cut {
                    "reset by the terminal server"
                } else {
                    "no answer from the terminal server"
                };
                self.tell(Input::LinkDown {
                    node: n,
                    why: why.to_owned(),
                });
            } else if !port.up && carries {
                let since = *port.mended.get_or_insert(now);
                if now.since(since) >= RECONNECT {
                    port.up = true;
                    port.mended = None;
                    port.epoch += 1;
                    port.ear.reset();
                    let epoch = port.epoch;
                    self.rig.read(n);
                    self.tell(Input::LinkUp { node: n, epoch });
                }
            } else if !port.up {
                port.mended = None;
            }
        }
    }

    fn carry_bytes(&mut self) {
        for n in 0..self.ports.len() {
            let bytes = self.rig.read(n);
            let port = &mut self.ports[n];
            if !port.up {
                continue;
            }
            let mut heard = Vec::new();
            if !bytes.is_empty() {
                port.ear.hear(&bytes, self.now, &mut heard);
            }
            if port.ear.poll_timeout().is_some_and(|at| at <= self.now) {
                port.ear.handle_timeout(self.now, &mut heard);
            }
            if bytes.is_empty() && heard.is_empty() {
                continue;
            }
            let epoch = port.epoch;
            if bytes.is_empty() {
                self.tell(Input::Quiet {
                    node: n,
                    epoch,
                    heard,
                });
            } else {
                self.tell(Input::Console {
                    node: n,
                    epoch,
                    heard,
                });
            }
        }
    }

    fn carry_results(&mut self) {
        while self
            .unsynced
            .front()
            .is_some_and(|(at, ..)| *at <= self.now)
        {
            let Some((at, ticket, entry, memory)) = self.unsynced.pop_front() else {
                return;
            };
            self.memory = memory;
            self.journal.push((at, entry));
            if let Some(left) = &mut self.kill_after {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.alive = false;
                    return;
                }
            }
            self.tell(Input::Durable { ticket });
        }
        while let Some(index) = self.results.iter().position(|(at, _)| *at <= self.now) {
            if let Some((_, input)) = self.results.remove(index) {
                self.tell(input);
            }
        }
    }

    fn ask_addresses(&mut self) {
        let now = self.now;
        if now >= self.next_ping {
            let every = self
                .setup
                .packages
                .first()
                .map_or(WITNESS_EVERY, |p| p.program.ping_every);
            self.next_ping = now + every;
            for package in 0..self.setup.packages.len() {
                let answered = self.rig.address_answers(now);
                self.tell(Input::Address { package, answered });
            }
        }
        if now >= self.next_witness {
            self.next_witness = now + WITNESS_EVERY;
            for witness in 0..self.setup.witnesses.len() {
                let answered = self.rig.witness_answers();
                self.tell(Input::Witness { witness, answered });
            }
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            self.perform(action);
        }
        for n in 0..self.ports.len() {
            let wanted = self.machine.attention(n) == Attention::Dialogue;
            self.ports[n].ear.set_text(wanted);
        }
    }

    fn perform(&mut self, action: Action) {
        let now = self.now;
        match action {
            Action::Pen { node, word } => {
                self.ports[node].person = word == PenWord::Granted;
                self.pen_words.push((now, node, word));
            }
            Action::Type { node, epoch, bytes } => {
                assert!(
                    !self.ports[node].person,
                    "rule 16: typed under a person's hands\n{}",
                    self.timeline()
                );
                self.type_on(node, epoch, &bytes);
            }
            Action::Pass { node, epoch, bytes } => self.type_on(node, epoch, &bytes),
            Action::Break { node, epoch } => {
                if self.ports[node].up && self.ports[node].epoch == epoch {
                    self.sent = true;
                    self.rig.send_break(node, now);
                }
            }
            Action::Journal {
                ticket,
                entry,
                memory,
            } => {
                self.unsynced
                    .push_back((now + FSYNC, ticket, entry, *memory));
            }
            Action::Event(event) => {
                let policy = self.setup.packages.first().map(|p| p.data_policy);
                let policy = policy.unwrap_or(DataPolicy::Integrity);
                let nodes = (0..self.rig.len()).map(|n| self.rig.node(n));
                let broken = rules::boot(nodes, policy, &event, now);
                self.broken = self.broken.take().or(broken);
                self.events.push((now, event));
            }
            Action::Alarm {
                severity,
                code,
                text,
                ..
            } => {
                let alarm = self.open.entry(code.clone()).or_insert(RaisedAlarm {
                    severity,
                    code,
                    text: text.clone(),
                    first: now,
                    count: 0,
                });
                alarm.severity = alarm.severity.max(severity);
                alarm.count += 1;
                alarm.text = text;
                self.raised.push((now, alarm.clone()));
                // A notice is said, and does not stay open.
                self.open
                    .retain(|_, alarm| alarm.severity != Severity::Notice);
            }
            Action::ClearAlarm { code, .. } => {
                self.open.remove(&code);
            }
            Action::Probe { ticket, probe, .. } => {
                let answered = match probe {
                    ProbeTarget::Service(_) | ProbeTarget::Ping(_) => self.rig.address_answers(now),
                    ProbeTarget::Tcp(_) => self.rig.service_answers(now),
                };
                let took = Duration::from_millis(if answered { 2 } else { 1000 });
                self.results
                    .push_back((now + took, Input::ProbeDone { ticket, answered }));
            }
            Action::Run { ticket, .. } => {
                let code = Err("the simulated host runs no commands".to_owned());
                self.results
                    .push_back((now + FSYNC, Input::RunDone { ticket, code }));
            }
            Action::Power {
                ticket,
                node,
                order,
                ..
            } => {
                let legs = self.power(node, order);
                self.results.push_back((
                    now + Duration::from_millis(300),
                    Input::PowerDone { ticket, legs },
                ));
            }
            Action::BreakWorked { .. } => {}
            Action::WantNonces => {
                let numbers = (0..16).map(|_| self.rng.u32(..)).collect();
                self.machine.handle(Input::Nonces(numbers), now);
            }
        }
    }

    fn type_on(&mut self, node: usize, epoch: u64, bytes: &[u8]) {
        if self.ports[node].up && self.ports[node].epoch == epoch {
            self.sent = true;
            self.ports[node].ear.sent(bytes);
            self.rig.type_to(node, bytes, self.now);
        }
    }

    fn power(&mut self, node: usize, order: PowerOrder) -> Vec<PowerState> {
        if !self.power_legs {
            return vec![PowerState::Unknown("the leg does not answer".to_owned())];
        }
        if order == PowerOrder::Off {
            let now = self.now;
            self.rig.power(node, false, now);
        }
        let off = self.rig.node(node).condition() == crate::sim::Condition::Off;
        vec![if off { PowerState::Off } else { PowerState::On }]
    }
}
