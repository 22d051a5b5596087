//! A machine on a desk: a person plays its two consoles, its journal, its power legs and its host,
//! and says to the millisecond what each of them does. Where a scene shows that a guard is of use,
//! this shows what exactly it does. The scripts here are compiled past the checker: what is refused,
//! the machine refuses.

mod console;
mod plan;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::action::{Action, Entry, PowerOrder};
use clusterd::machine::input::{
    Deed, Demand, HostFact, Input, Order, PowerState, Ticket, Upkeep, UpkeepOrder,
};
use clusterd::machine::memory::Memory;
use clusterd::machine::setup::Setup;
use clusterd::machine::snapshot::NodeSnapshot;
use clusterd::machine::{Attention, Event, Machine};
use clusterd::matcher::{Ear, PatternSet};
use clusterd::script::program::{OperatorWord, Severity};

pub use console::{Console, Shows};
pub use plan::{Plan, desk, remembered};

/// The first primary.
pub const ALPHA: usize = 0;
/// Its standby.
pub const BETA: usize = 1;

/// The wall clock at the beginning.
pub const WALL_ZERO: u64 = 1_000_000;

/// More happens in no test; where time stands still it does.
const STEPS: u32 = 50_000;

/// The machine and all that it is told and does.
pub struct Desk {
    pub machine: Machine,
    setup: Arc<Setup>,
    set: Arc<PatternSet>,
    ears: Vec<Ear>,
    epochs: Vec<u64>,
    pub now: Moment,
    pub consoles: Vec<Console>,
    output: VecDeque<(usize, String)>,
    /// An entry of the journal with this text is not on the disk before [`Desk::sync`]; all others are
    /// at once.
    pub slow_entry: Option<&'static str>,
    pub unsynced: VecDeque<Ticket>,
    pub journal: Vec<Entry>,
    pub memory: Memory,
    pub events: Vec<(Moment, Event)>,
    pub alarms: Vec<String>,
    /// Those of them that were critical.
    pub critical: Vec<String>,
    pub cleared: Vec<String>,
    /// What was asked of power legs and not answered yet.
    pub power: Vec<(Ticket, usize, PowerOrder)>,
    /// Commands that were run, and have not ended.
    pub runs: Vec<(Ticket, Vec<String>)>,
    /// Probes that were not answered yet.
    pub probes: Vec<Ticket>,
    pub pen_words: Vec<String>,
    /// What came of orders about maintenance.
    pub answers: Vec<Result<String, String>>,
    /// The service address answers.
    pub address: bool,
    /// The witness answers.
    pub witness: bool,
    /// The address is asked at all; the witness is, whatever this says.
    pub pings: bool,
    next_ping: Moment,
    nonce: u32,
    /// No random numbers are given.
    pub no_nonces: bool,
}

impl Desk {
    /// A console is connected, or connected anew.
    pub fn connect(&mut self, n: usize) {
        self.epochs[n] += 1;
        self.ears[n] = Ear::new(Arc::clone(&self.set));
        let epoch = self.epochs[n];
        self.tell(Input::LinkUp { node: n, epoch });
    }

    /// clusterd is killed and started again after `away`, with what the journal holds; its clock began
    /// at `wall_zero`.
    pub fn restart(&mut self, away: Duration, wall_zero: u64) {
        self.now = self.now + away;
        self.unsynced.clear();
        self.output.clear();
        self.machine = Machine::new(Arc::clone(&self.setup), &self.memory, self.now, wall_zero);
        self.drain();
        self.connect(ALPHA);
        self.connect(BETA);
    }

    pub fn disconnect(&mut self, n: usize) {
        let why = "the cable".to_owned();
        self.tell(Input::LinkDown { node: n, why });
    }

    /// An operator's word.
    pub fn order(&mut self, word: OperatorWord, node: Option<usize>) {
        let who = "op".to_owned();
        self.tell(Input::Operator(Order { who, word, node }));
    }

    /// An order that is weighed first.
    pub fn demand(&mut self, word: OperatorWord, node: Option<usize>, force: bool) {
        self.tell(Input::Demand(Demand {
            who: "op".to_owned(),
            word,
            node,
            reason: None,
            force,
        }));
    }

    /// An operator takes a node, or the whole cluster, into maintenance, or ends that; what came of it,
    /// if that is clear at once.
    pub fn upkeep(&mut self, node: Option<usize>, word: Upkeep) -> Option<Result<String, String>> {
        let who = "op".to_owned();
        let id = 1;
        self.tell(Input::Upkeep(UpkeepOrder {
            id,
            who,
            node,
            word,
        }));
        self.answers.pop()
    }

    /// Begins the act: ordered by an operator, which is evidence enough for a fence of the primary.
    pub fn act(&mut self) {
        self.order(OperatorWord::Switchover, None);
    }

    /// The monitor has a reason to doubt itself.
    pub fn doubts(&mut self) {
        self.tell(Input::Host(HostFact::ClockJump { millis: 9000 }));
    }

    /// Begins the act, and orders nothing.
    pub fn act_unordered(&mut self) {
        self.order(OperatorWord::Release, None);
    }

    /// A person at a console of clusterd's own.
    pub fn person(&mut self, node: usize, deed: Deed) {
        let who = "bob".to_owned();
        self.tell(Input::Person { node, who, deed });
    }

    /// They want to type.
    pub fn asks(&mut self, node: usize) {
        let idle = Duration::from_secs(60);
        self.person(node, Deed::Asks { idle });
    }

    /// A console shows this from now on, and says so.
    pub fn turns(&mut self, n: usize, shows: Shows) {
        self.consoles[n].shows = shows;
        match shows {
            Shows::Prompt => self.says(n, "\r\nok "),
            Shows::Login => self.says(n, "\r\nnode console login: "),
            Shows::Nothing => {}
        }
    }

    /// The next line that begins so is answered with this.
    pub fn instead(&mut self, n: usize, begins: &str, answer: &str) {
        self.consoles[n]
            .instead
            .push((begins.to_owned(), answer.to_owned()));
    }

    /// A silence on the link of that epoch ends: what a console said before counts as a prompt now.
    pub fn quiet_on(&mut self, node: usize, epoch: u64, text: &str) {
        let mut ear = Ear::new(Arc::clone(&self.set));
        let mut heard = Vec::new();
        ear.hear(text.as_bytes(), self.now, &mut heard);
        heard.clear();
        ear.handle_timeout(self.now + Duration::from_secs(1), &mut heard);
        assert!(!heard.is_empty(), "no prompt in {text:?}");
        self.tell(Input::Quiet { node, epoch, heard });
    }

    /// A console says something by itself, now.
    pub fn says(&mut self, n: usize, text: &str) {
        let epoch = self.epochs[n];
        self.says_on(n, epoch, text);
    }

    /// The same, on the link of that epoch.
    pub fn says_on(&mut self, n: usize, epoch: u64, text: &str) {
        let mut heard = Vec::new();
        self.ears[n].hear(text.as_bytes(), self.now, &mut heard);
        let node = n;
        self.tell(Input::Console { node, epoch, heard });
    }

    /// The epoch of a console's link.
    pub fn epoch(&self, n: usize) -> u64 {
        self.epochs[n]
    }

    /// Tells the machine something, and does what it wants.
    pub fn tell(&mut self, input: Input) {
        self.machine.handle(input, self.now);
        self.drain();
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Duration) {
        self.until(span, |_| false);
    }

    /// Lets time pass until it holds; whether it came to.
    pub fn until(&mut self, limit: Duration, holds: impl Fn(&Desk) -> bool) -> bool {
        let end = self.now + limit;
        for _ in 0..STEPS {
            if holds(self) {
                return true;
            }
            if self.now >= end {
                return false;
            }
            self.step(end);
        }
        panic!(
            "the machine wants to be told the time again and again\n{}",
            self.story()
        );
    }

    /// The same; it must.
    #[track_caller]
    pub fn reach(&mut self, what: &str, holds: impl Fn(&Desk) -> bool) {
        let there = self.until(Duration::from_secs(600), holds);
        assert!(there, "{what} was not reached\n{}", self.story());
    }

    /// The script comes into this state.
    #[track_caller]
    pub fn comes_to(&mut self, state: &str) {
        self.reach(state, |desk| desk.machine.state(0) == state);
    }

    fn step(&mut self, end: Moment) {
        let mut next = end.min(self.next_ping);
        let mut note = |at: Option<Moment>| next = at.map_or(next, |at| next.min(at));
        note((!self.output.is_empty()).then(|| self.now + Duration::from_millis(1)));
        note(self.machine.poll_timeout().map(|(at, _)| at));
        for ear in &self.ears {
            note(ear.poll_timeout());
        }
        self.now = next.max(self.now + Duration::from_micros(10));
        self.carry();
        if self.now >= self.next_ping {
            self.next_ping = self.now + Duration::from_secs(5);
            if self.pings {
                let answered = self.address;
                self.tell(Input::Address {
                    package: 0,
                    answered,
                });
            }
            let answered = self.witness;
            self.tell(Input::Witness {
                witness: 0,
                answered,
            });
        }
        if self
            .machine
            .poll_timeout()
            .is_some_and(|(at, _)| at <= self.now)
        {
            self.tell(Input::Time);
        }
    }

    fn carry(&mut self) {
        for (n, text) in std::mem::take(&mut self.output) {
            self.says(n, &text);
        }
        for n in [ALPHA, BETA] {
            let mut heard = Vec::new();
            self.ears[n].handle_timeout(self.now, &mut heard);
            if !heard.is_empty() {
                let epoch = self.epochs[n];
                self.tell(Input::Quiet {
                    node: n,
                    epoch,
                    heard,
                });
            }
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            self.perform(action);
        }
        for n in [ALPHA, BETA] {
            let wanted = self.machine.attention(n) == Attention::Dialogue;
            self.ears[n].set_text(wanted);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Type { node, bytes, .. } | Action::Pass { node, bytes, .. } => {
                self.ears[node].sent(&bytes);
                let text: String = bytes.iter().copied().map(char::from).collect();
                let said = self.consoles[node].hears(&text);
                if !said.is_empty() {
                    self.output.push_back((node, said));
                }
            }
            Action::Break { node, .. } => {
                self.consoles[node].breaks += 1;
                if self.consoles[node].shows != Shows::Nothing {
                    let ran = self.consoles[node].shows == Shows::Login;
                    self.consoles[node].shows = Shows::Prompt;
                    let go = if ran { "\r\nType  'go' to resume" } else { "" };
                    self.output.push_back((node, format!("{go}\r\nok ")));
                }
            }
            Action::Journal {
                ticket,
                entry,
                memory,
            } => {
                let slow = self
                    .slow_entry
                    .is_some_and(|part| entry.text.contains(part));
                self.journal.push(entry);
                self.memory = *memory;
                if slow {
                    self.unsynced.push_back(ticket);
                } else {
                    self.machine.handle(Input::Durable { ticket }, self.now);
                }
            }
            Action::Event(event) => self.events.push((self.now, event)),
            Action::Alarm { severity, code, .. } => {
                if severity == Severity::Critical {
                    self.critical.push(code.clone());
                }
                self.alarms.push(code);
            }
            Action::ClearAlarm { code, .. } => self.cleared.push(code),
            Action::Probe { ticket, .. } => self.probes.push(ticket),
            Action::Run { ticket, argv, .. } => self.runs.push((ticket, argv)),
            Action::Power {
                ticket,
                node,
                order,
                ..
            } => self.power.push((ticket, node, order)),
            Action::Answer { outcome, .. } => self.answers.push(outcome),
            Action::Pen { word, .. } => self.pen_words.push(format!("{word:?}")),
            Action::WantNonces if !self.no_nonces => {
                let numbers = (0..16).map(|i| self.nonce + i * 7).collect();
                self.nonce += 1000;
                self.machine.handle(Input::Nonces(numbers), self.now);
            }
            _ => {}
        }
    }

    /// All that was written is on the disk.
    pub fn sync(&mut self) {
        while let Some(ticket) = self.unsynced.pop_front() {
            self.tell(Input::Durable { ticket });
        }
    }

    /// Whether the journal has a line with this text.
    pub fn wrote(&self, text: &str) -> bool {
        self.journal.iter().any(|entry| entry.text.contains(text))
    }

    /// The last order to power legs is answered.
    pub fn legs_say(&mut self, legs: &[PowerState]) {
        let (ticket, ..) = self.power.pop().expect("legs were asked");
        let legs = legs.to_vec();
        self.tell(Input::PowerDone { ticket, legs });
    }

    /// The command that runs is over.
    pub fn command_ends(&mut self, code: Result<i32, String>) {
        let (ticket, _) = self.runs.pop().expect("a command runs");
        self.tell(Input::RunDone { ticket, code });
    }

    /// A node as `status` shows it.
    pub fn node(&self, n: usize) -> NodeSnapshot {
        self.machine.snapshot(self.now).nodes[n].clone()
    }

    /// Whether a node has a living proof.
    pub fn proved(&self, n: usize) -> bool {
        self.node(n).proof.is_some()
    }

    /// Whether the script is in this state.
    pub fn is_in(&self, state: &str) -> bool {
        self.machine.state(0) == state
    }

    /// Whether the package is in HOLD.
    pub fn held(&self) -> bool {
        self.machine.snapshot(self.now).packages[0].hold.is_some()
    }

    /// Whether an event says this.
    pub fn said(&self, text: &str) -> bool {
        self.events
            .iter()
            .any(|(_, event)| event.to_string().contains(text))
    }

    /// Whether this was typed on a console.
    pub fn typed(&self, n: usize, text: &str) -> bool {
        self.consoles[n].typed.contains(text)
    }

    /// Everything that happened, for a test that fails.
    pub fn story(&self) -> String {
        let mut text = format!("state {}\n", self.machine.state(0));
        for (at, event) in &self.events {
            let at = at.since(Moment::ZERO).as_secs_f64();
            text.push_str(&format!("{at:>9.3} {event}\n"));
        }
        for console in &self.consoles {
            text.push_str(&format!("typed: {:?}\n", console.typed));
        }
        text
    }
}
