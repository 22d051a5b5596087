//! A machine and a bench in one virtual time: what the daemon's edges do with real sockets,
//! this does with a [`Rig`]. The same [`Machine`], the same ears, the same journal order.
//!
//! ```text
//!   Rig ─ bytes ─► Ear ─ heard ─► Machine ─ actions ─► journal model ─► Durable
//!    ▲                                                └► Rig (type, BREAK), probes, power legs
//! ```

mod carry;
mod continuing;
mod driven;
mod interrupt;
mod links;
mod ordered;
mod people;
mod perform;
mod quiet;
mod reload;
mod trouble;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Moment;
use crate::machine::action::{Entry, PenWord};
use crate::machine::input::{HostFact, Input, Ticket, Verdict};
use crate::machine::memory::Memory;
use crate::machine::setup::Setup;
use crate::machine::{Event, Machine};
use crate::matcher::{Ear, PatternSet};
use crate::script::program::Severity;
use crate::sim::excuse::Excuse;
use crate::sim::rig::Rig;
use crate::sim::rules::Broken;
use crate::sim::watch::{Open, Truth, Watch, Window};

use driven::Driven;
pub use interrupt::{Interrupt, Interruption};
use links::{HALF_DEAD, Port, RECONNECT};
pub use ordered::StopWay;
use quiet::Answered;
use reload::Reload;
use trouble::Trouble;
pub use trouble::{JournalState, LegWay, PingWay};

/// An echo is back after so long.
const WIRE: Duration = Duration::from_millis(1);
/// After a restart, alarms that nobody says again are over after so long.
const FORGETS: Duration = Duration::from_secs(900);
/// What comes beside the script's longest wait, a boot: the asking before it and a fence.
pub const GRACE: Duration = Duration::from_secs(300);
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
    /// It was not said again since clusterd was started.
    pub stale: bool,
}

/// What is said of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlarmWord {
    /// It is raised, or said once more.
    Raised(RaisedAlarm),
    /// The alarm of this code is over.
    Over(String),
}

impl fmt::Display for AlarmWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AlarmWord::Raised(alarm) => {
                let severity = alarm.severity.text();
                write!(f, "alarm {severity} {}: {}", alarm.code, alarm.text)
            }
            AlarmWord::Over(code) => write!(f, "alarm {code} is over"),
        }
    }
}

/// At which heartbeats on the shared disk the world stands still, so that it can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beats {
    /// At each: ten a second, whoever looks at them.
    Each,
    /// At those of which somebody notices something. The others happen all the same, with the next
    /// thing that does; and pings that change nothing are left out.
    Noticed,
}

/// A cluster on the bench, watched by a machine.
#[derive(Clone, Debug)]
pub struct World {
    /// The bench, to do things to it.
    pub rig: Rig,
    machine: Driven,
    setup: Arc<Setup>,
    set: Arc<PatternSet>,
    ports: Vec<Port>,
    /// When clusterd was started first.
    began: Moment,
    now: Moment,
    next_ping: Moment,
    next_witness: Moment,
    rng: fastrand::Rng,
    /// What was answered since the machine was told anything else.
    answered: Answered,
    results: VecDeque<(Moment, Input)>,
    unsynced: VecDeque<(Moment, Ticket, Entry, Memory)>,
    memory: Memory,
    /// What the journal held before its last record.
    memory_before: Memory,
    /// The monitoring host's clock at the beginning, as it shows it now.
    wall_zero: u64,
    trouble: Trouble,
    /// Alarms that nobody has said again since the last restart are over then.
    forgets_at: Option<Moment>,
    journal: Vec<(Moment, Entry)>,
    events: Vec<(Moment, Event)>,
    open: BTreeMap<String, RaisedAlarm>,
    alarms: Vec<(Moment, AlarmWord)>,
    /// Whether every node has a working power leg.
    pub power_legs: bool,
    /// What the cluster file's `stop:` does.
    pub stop_way: StopWay,
    /// What the next hooks say that hold up a boot, and after how long; later ones say at once that it
    /// may go on.
    pub hooks: VecDeque<(Duration, Verdict)>,
    /// clusterd is killed when it has written so many journal entries more.
    kill_after: Option<u32>,
    alive: bool,
    /// A new configuration waits.
    reload: Option<Reload>,
    /// A clusterd that was killed by an interruption is started again then.
    back_at: Option<Moment>,
    /// Links that were ended from this side, of which the machine does not know yet.
    undone: Vec<usize>,
    /// Something was sent to a node: its echo is due.
    sent: bool,
    /// What a person types when they have the pen.
    typing: Option<(usize, String, Vec<u8>)>,
    pen_words: Vec<(Moment, usize, PenWord)>,
    /// Looks at the rules.
    watch: Watch,
    /// How finely [`World::pass`] goes.
    pub(super) beats: Beats,
}

impl World {
    /// A world at its beginning, with what the journal remembers. clusterd starts at the moment that the
    /// bench has come to.
    pub fn new(
        setup: Arc<Setup>,
        set: Arc<PatternSet>,
        rig: Rig,
        memory: Memory,
        seed: u64,
    ) -> World {
        let now = rig.now();
        let nodes = rig.len();
        let mut watch = Watch::new(&setup, GRACE);
        watch.restarted(&memory, &rig);
        World {
            ports: (0..rig.len()).map(|_| Port::new(&set, now)).collect(),
            machine: Driven::new(Machine::new(Arc::clone(&setup), &memory, now, WALL_ZERO)),
            rig,
            setup,
            set,
            began: now,
            now,
            next_ping: now + Duration::from_millis(100),
            next_witness: now + Duration::from_millis(50),
            rng: fastrand::Rng::with_seed(seed),
            answered: Answered::default(),
            results: VecDeque::new(),
            unsynced: VecDeque::new(),
            memory_before: memory.clone(),
            memory,
            wall_zero: WALL_ZERO,
            trouble: Trouble::new(nodes),
            forgets_at: None,
            journal: Vec::new(),
            events: Vec::new(),
            open: BTreeMap::new(),
            alarms: Vec::new(),
            power_legs: false,
            stop_way: StopWay::Halts,
            hooks: VecDeque::new(),
            kill_after: None,
            alive: true,
            reload: None,
            back_at: None,
            undone: Vec::new(),
            sent: false,
            typing: None,
            pen_words: Vec::new(),
            watch,
            beats: Beats::Noticed,
        }
    }

    /// The virtual time.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// How long after clusterd's start `at` is.
    pub fn since_start(&self, at: Moment) -> Duration {
        at.since(self.began)
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
        let raised =
            |word: &AlarmWord| matches!(word, AlarmWord::Raised(alarm) if alarm.code == code);
        let mut words = self.alarms.iter();
        words.any(|(at, word)| *at >= since && raised(word))
    }

    /// The first rule that was broken, by the truth on the bench.
    pub fn broken(&self) -> Option<Broken> {
        self.watch.broken.clone()
    }

    /// Times in which two nodes wrote because a person had started one of them past the guard.
    pub fn windows(&self) -> &[Window] {
        &self.watch.windows
    }

    /// What happened that the data policy accepts.
    pub fn excused(&self) -> &[Excuse] {
        &self.watch.excused
    }

    /// Whoever watches the rules, to tell them of what is done to the bench.
    pub(super) fn watch(&mut self) -> &mut Watch {
        &mut self.watch
    }

    /// Whether the first package's script rests: it listens, and no step is under way.
    pub fn rests(&self) -> bool {
        self.machine.rests(0)
    }

    /// The state of the first package's script.
    pub fn state(&self) -> &str {
        self.machine.state(0)
    }

    /// clusterd is killed after `entries` more journal entries are on disk, at once with 0.
    pub fn kill_after(&mut self, entries: u32) {
        self.kill_after = Some(entries);
        if entries == 0 {
            self.alive = false;
            self.back_at = None;
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
            self.memory_before = Memory::default();
            self.watch.forgets_switches();
        }
        self.kill_after = None;
        self.trouble.kill_at = None;
        self.trouble.journal_told = false;
        self.alive = true;
        self.back_at = None;
        for alarm in self.open.values_mut() {
            alarm.stale = true;
        }
        self.forgets_at = Some(self.now + FORGETS);
        self.unsynced.clear();
        self.undone.clear();
        self.results.clear();
        for (n, port) in self.ports.iter_mut().enumerate() {
            port.up = false;
            port.person = false;
            port.mended = Some(self.now);
            port.ear = Ear::new(Arc::clone(&self.set));
            self.rig.read(n);
        }
        self.watch.restarted(&self.memory, &self.rig);
        self.take_new_files();
        let setup = Arc::clone(&self.setup);
        let machine = Machine::new(setup, &self.memory, self.now, self.wall_zero);
        self.machine = Driven::new(machine);
        self.answered = Answered::default();
        self.drain();
        if self.trouble.gateway_silent {
            self.tell_gateway();
        }
    }

    /// Lets time pass until the condition holds; false when `limit` is over before.
    /// It is looked at after everything that happens, every heartbeat on the disk among it.
    pub fn until(&mut self, limit: Duration, holds: impl FnMut(&mut World) -> bool) -> bool {
        self.run(limit, Beats::Each, holds)
    }

    /// The same for a condition that no heartbeat on the disk changes.
    pub(super) fn until_noticed(
        &mut self,
        limit: Duration,
        holds: impl FnMut(&mut World) -> bool,
    ) -> bool {
        self.run(limit, self.beats, holds)
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Duration) {
        self.run(span, self.beats, |_| false);
    }

    fn run(
        &mut self,
        limit: Duration,
        beats: Beats,
        mut holds: impl FnMut(&mut World) -> bool,
    ) -> bool {
        let end = self.now + limit;
        loop {
            if holds(self) {
                return true;
            }
            if self.now >= end {
                return false;
            }
            self.step(end, beats);
        }
    }

    /// Everything that happened, as people read it.
    pub fn timeline(&self) -> String {
        let mut text = String::new();
        for (at, line) in self.story() {
            let at = self.since_start(at).as_secs_f64();
            text.push_str(&format!("{at:>10.3}  {line}\n"));
        }
        text
    }

    /// What was seen and done, and what was said of alarms, in the order of their times. An open alarm that
    /// is said in the same words again is no news.
    pub fn story(&self) -> Vec<(Moment, String)> {
        let mut open = BTreeMap::new();
        let words = self.alarms.iter();
        let news = words.filter(|(_, word)| match word {
            AlarmWord::Raised(alarm) if alarm.severity == Severity::Notice => true,
            AlarmWord::Raised(alarm) => {
                let said = (alarm.severity, alarm.text.as_str());
                open.insert(alarm.code.as_str(), said) != Some(said)
            }
            AlarmWord::Over(code) => open.remove(code.as_str()).is_some(),
        });
        let news: Vec<_> = news.map(|(at, word)| (*at, word.to_string())).collect();
        let events = self.events.iter();
        let events = events.map(|(at, event)| (*at, event.to_string()));
        let mut story: Vec<(Moment, String)> = events.chain(news).collect();
        // What was seen and done in a moment comes before what was said of it.
        story.sort_by_key(|(at, _)| *at);
        story
    }

    /// To the next moment at which anything is due.
    fn step(&mut self, end: Moment, beats: Beats) {
        let mut next = end;
        let mut note = |at: Option<Moment>| next = at.map_or(next, |at| next.min(at));
        // What was done to the bench since the last step is noticed with the very next beat.
        let rests = !self.alive || !self.sent && self.rig.is_read() && self.links_rest();
        note(match beats {
            Beats::Noticed if rests => self.rig.next_noticed(),
            Beats::Noticed | Beats::Each => self.rig.poll_timeout(),
        });
        if !self.alive {
            note(self.back_at);
            self.now = next.max(self.now).min(end.max(self.now));
            self.rig.advance(self.now);
            self.watch
                .looks(&self.rig, false, Open::default(), self.now);
            self.comes_back();
            return;
        }
        note(self.sent.then(|| self.now + WIRE));
        self.sent = false;
        note(self.results.iter().map(|(at, _)| *at).min());
        let written = self.trouble.journal != JournalState::Fails;
        note(
            self.unsynced
                .front()
                .map(|(at, ..)| *at)
                .filter(|_| written),
        );
        note(self.machine.due());
        for (n, port) in self.ports.iter().enumerate() {
            note(port.ear.poll_timeout().filter(|_| port.up));
            note(
                port.mended
                    .filter(|_| self.rig.link_up(n))
                    .map(|at| at + RECONNECT),
            );
            note(port.dead_since.map(|at| at + HALF_DEAD));
        }
        if beats == Beats::Noticed && rests {
            self.leave_out_answers(next);
        }
        let next = next.min(self.next_ping).min(self.next_witness);
        self.now = next
            .max(self.now + Duration::from_micros(1))
            .min(end.max(self.now));
        self.rig.advance(self.now);
        if self.forgets_at.is_some_and(|at| at <= self.now) {
            self.forgets_at = None;
            let stale = self.open.values().filter(|alarm| alarm.stale);
            let over = stale.map(|alarm| (self.now, AlarmWord::Over(alarm.code.clone())));
            self.alarms.extend(over);
            self.open.retain(|_, alarm| !alarm.stale);
        }
        self.carry_links();
        self.carry_bytes();
        self.carry_results();
        self.ask_addresses();
        if self.machine.due().is_some_and(|at| at <= self.now) {
            self.tell(Input::Time);
        }
        if self.alive {
            self.gives_way();
        }
        let open = self.what_is_open();
        self.watch.looks(&self.rig, self.alive, open, self.now);
        if self.alive && self.watch.is_window_open_though_whole() && self.stands_aside() {
            self.watch.made_whole(Some(self.now));
        }
    }

    /// Whether clusterd has a reason to do nothing here: HOLD, maintenance, its own trouble, a console at
    /// which somebody is logged in (what runs there cannot be asked; `runs_beside` tells of it), one that
    /// says nothing of what runs there, its userland being hung (`standby_lost` tells of it), or a primary
    /// that does not serve, beside which a standby's login may mean that cables or the service were moved.
    fn stands_aside(&self) -> bool {
        let (machine, rig) = (&self.machine, &self.rig);
        let mut nodes = 0..rig.len();
        let unserved = machine.primary(0).is_none_or(|n| !rig.node(n).serves());
        let hangs = |n: usize| rig.node(n).writes() && !rig.node(n).serves();
        unserved
            || machine.held_for(0).is_some()
            || nodes.any(|n| rig.node(n).shows_a_shell() || hangs(n) || machine.in_maintenance(n))
            || machine.snapshot(self.now).impaired.is_some()
    }

    fn what_is_open(&self) -> Open {
        let urgent = |alarm: &RaisedAlarm| alarm.severity != Severity::Notice;
        let any = self.open.values().any(urgent);
        Open::new(any, |code| self.open.contains_key(code))
    }

    /// Whether the service runs on any node.
    pub fn serves(&self) -> bool {
        self.rig.serves()
    }

    /// Whether somebody was told that the service is lost, if it is.
    pub fn is_told(&self) -> bool {
        self.watch.is_told(self.what_is_open())
    }

    /// clusterd stands still for so long (SIGSTOP, a paused virtual machine) and goes on: what the
    /// consoles said meanwhile waits for it.
    pub fn stand_still(&mut self, span: Duration) {
        let lives = std::mem::replace(&mut self.alive, false);
        self.pass(span);
        self.alive = lives;
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let counted = millis;
        self.tell(Input::Host(HostFact::Standstill { millis, counted }));
    }

    /// Tells the machine something that no part of the bench does: a fact about its host, a journal
    /// that fails.
    pub fn tell(&mut self, input: Input) {
        if !self.alive {
            return;
        }
        if let Input::Console { node, .. } = &input {
            self.watch.heard(*node);
        }
        self.answered.hears(&input);
        self.machine.handle(input, self.now);
        self.drain();
        if self.typing.is_some() {
            self.type_if_granted();
        }
    }
}
