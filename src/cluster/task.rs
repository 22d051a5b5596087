//! The loop of one cluster.

use std::collections::{BTreeSet, VecDeque};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Sleep, sleep_until};

use super::asks::{Asker, Told};
use super::boots::Boots;
use super::clock::JumpWatch;
use super::errand::Errands;
use super::handover::{Handover, Leaving, take_over};
use super::hooks::{Hooks, News};
use super::line::{self, Line};
use super::mailbox::Receiver;
use super::message::{ClusterNow, Message, Said as Answered};
use super::recorder::Recorder;
use super::serving::Serving;
use super::tally::Tally;
use super::targets::Course;
use super::upkeep::Orders;
use super::visitors::Visitors;
use super::{Blueprint, Host};
use crate::clock::Moment;
use crate::console::Said;
use crate::control::{ConsoleReport, Wish};
use crate::machine::input::{Input, Order};
use crate::machine::memory::Memory;
use crate::machine::setup::NodeId;
use crate::machine::{Cause, Machine};
use crate::script::program::OperatorWord;

/// A turn of the loop comes at least so often.
const TURN: Duration = Duration::from_secs(2);

/// Clusters at rest have their turns at moments that are so far apart: five hundred of them make the
/// program wake up four times a second then.
const TOGETHER: Duration = Duration::from_millis(250);

/// A turn that comes later than this begins to count as late. It is less than [`TURN`]: how far in its
/// sleep a standstill began nobody knows, and as long a one is found as with a turn each second.
const PROMPT: Duration = Duration::from_secs(1);

/// Console output goes before a deadline that is due: it may hold the answer that the deadline
/// is about. It does so at most this many times in a row, each time a piece of some KiB.
const PASSED_OVER: u32 = 32;

/// How long the last entries may take at the end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How a cluster's task is, for the supervisor: when it last had a turn, since when its cluster
/// is dark, and what of this host's own trouble holds takeovers.
#[derive(Debug)]
pub struct Pulse {
    last: AtomicU64,
    lost: AtomicU64,
    trouble: Mutex<Vec<(Cause, String)>>,
}

/// Not dark.
const LIT: u64 = u64::MAX;

/// Nothing of it is known that could be dark.
const UNKNOWN: u64 = u64::MAX - 1;

impl Default for Pulse {
    fn default() -> Pulse {
        Pulse {
            last: AtomicU64::new(0),
            lost: AtomicU64::new(UNKNOWN),
            trouble: Mutex::default(),
        }
    }
}

impl Pulse {
    /// The moment of the last turn.
    pub fn last(&self) -> Moment {
        Moment::from_micros(self.last.load(Ordering::Relaxed))
    }

    /// A turn.
    pub fn beat(&self, now: Moment) {
        self.last.store(now.micros(), Ordering::Relaxed);
    }

    /// Since when the cluster is dark ([`Machine::lost_since`]), if it is.
    pub fn dark_since(&self) -> Option<Moment> {
        let lost = self.lost.load(Ordering::Relaxed);
        (lost != LIT && lost != UNKNOWN).then(|| Moment::from_micros(lost))
    }

    /// Whether the cluster can be dark at all ([`Machine::can_be_lost`]).
    pub fn can_be_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed) != UNKNOWN
    }

    /// What of this host's own trouble holds takeovers here, in words.
    pub fn trouble(&self) -> Vec<(Cause, String)> {
        let trouble = self.trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn has_trouble(&self, machine: &Machine) {
        let trouble = self.trouble.lock();
        let mut known = trouble.unwrap_or_else(PoisonError::into_inner);
        let now = || machine.trouble_of_host();
        let same = known.len() == now().count()
            && known
                .iter()
                .zip(now())
                .all(|((_, why), doubt)| *why == doubt.why);
        if !same {
            *known = now()
                .map(|doubt| (doubt.cause, doubt.why.clone()))
                .collect();
        }
    }

    fn lost_since(&self, machine: &Machine) {
        let lit = match machine.can_be_lost() {
            true => LIT,
            false => UNKNOWN,
        };
        let lost = machine.lost_since().map_or(lit, Moment::micros);
        self.lost.store(lost, Ordering::Relaxed);
    }
}

/// What a task begins with.
#[derive(Debug)]
pub struct Beginning {
    /// The cluster.
    pub blueprint: Arc<Blueprint>,
    /// What the journal remembers of it.
    pub memory: Memory,
    /// What the task before it has left.
    pub handover: Option<Handover>,
}

/// How a task ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// It gives way to another one, or to none.
    GaveWay(Box<Handover>),
}

/// Guards one cluster until it is told to stop, or until it gives way.
pub async fn guard(
    beginning: Box<Beginning>,
    host: Arc<Host>,
    mail: Receiver<Message>,
    pulse: Arc<Pulse>,
) -> Ended {
    let mut guard = Guard::new(beginning, host, mail);
    let now = guard.host.clock.now();
    guard.drain(now);
    guard.greet_links(now);
    guard.watch_addresses(now);
    let mut jumps = JumpWatch::start(now);
    // One timer for the life of the task: to put it off costs next to nothing.
    let mut alarm = pin!(sleep_until(guard.host.clock.instant(now)));
    loop {
        let wake = guard.wait(alarm.as_mut()).await;
        let now = guard.host.clock.now();
        pulse.beat(now);
        for irregular in jumps.turn(now, PROMPT) {
            tracing::warn!("{}: {irregular:?}", guard.blueprint.name());
            guard.feed(Input::Host(irregular.fact()), now);
        }
        match wake {
            Wake::Mail(Message::Stop) => {
                Box::pin(guard.recorder.finish(LAST_WORDS)).await;
                return Ended::Stopped;
            }
            Wake::Journal(news) => news.into_iter().for_each(|input| guard.feed(input, now)),
            Wake::Mail(message) => guard.read(message, now),
            Wake::Told(told) => guard.told(told, now),
            Wake::Errand(input) => guard.feed(input, now),
            Wake::Hook(news) => guard.hook_news(news, now),
            Wake::Said(node, said) => guard.said(node, said, now),
            Wake::Wish(id, wish) => {
                let errands = guard.visitors.wish(id, wish, now);
                guard.run_for_visitors(errands, now);
            }
            Wake::Deadline => guard.passed_over = PASSED_OVER,
        }
        guard.deadlines(now);
        pulse.lost_since(&guard.machine);
        pulse.has_trouble(&guard.machine);
        guard.look_at_course(now);
        guard.look_at_boots(now);
        guard.look_for_hooks(now);
        guard.look_at_service(now);
        let errands = guard.visitors.sweep();
        guard.run_for_visitors(errands, now);
        if guard.gives_way() {
            Box::pin(guard.recorder.finish(LAST_WORDS)).await;
            return Ended::GaveWay(Box::new(guard.into_handover()));
        }
    }
}

/// Why the loop has a turn.
enum Wake {
    Journal(Vec<Input>),
    Mail(Message),
    Told(Told),
    Errand(Input),
    Hook(News),
    Said(NodeId, Said),
    Wish(u64, Wish),
    Deadline,
}

/// One cluster's task.
pub(super) struct Guard {
    pub(super) blueprint: Arc<Blueprint>,
    pub(super) host: Arc<Host>,
    mail: Receiver<Message>,
    pub(super) name: Arc<str>,
    /// The nodes' names.
    pub(super) names: Vec<Arc<str>>,
    pub(super) lines: Vec<Line>,
    /// One of the lines has said something.
    pub(super) news: Arc<Notify>,
    pub(super) recorder: Recorder,
    pub(super) errands: Errands,
    pub(super) hooks: Option<Box<Hooks>>,
    pub(super) boots: Boots,
    pub(super) visitors: Visitors,
    /// Inputs that came of performing actions.
    pub(super) inputs: VecDeque<Input>,
    /// What happens while an operator's word is worked on, for the answer.
    pub(super) overheard: Option<Vec<String>>,
    pub(super) machine: Machine,
    pub(super) course: Course,
    pub(super) serving: Serving,
    pub(super) tally: Arc<Tally>,
    pub(super) asker: Asker,
    /// Keys of the asker: the packages' services, the witnesses.
    pub(super) services: Vec<Option<u64>>,
    pub(super) witnesses: Vec<Option<u64>>,
    /// Keys that this host could not ask, at last.
    pub(super) troubled: BTreeSet<u64>,
    /// Where the last BREAK that was ordered is one with another that waits.
    pub(super) merged: Option<NodeId>,
    passed_over: u32,
    first: usize,
    /// The last turn was somebody's who asks or looks on.
    served: bool,
    /// It is to end, as soon as its machine is at rest.
    pub(super) leaving: Option<Box<Leaving>>,
    /// Orders of people whose outcome is awaited.
    pub(super) orders: Orders,
}

impl Guard {
    fn new(beginning: Box<Beginning>, host: Arc<Host>, mail: Receiver<Message>) -> Guard {
        let Beginning {
            blueprint,
            memory,
            handover,
        } = *beginning;
        let now = host.clock.now();
        let setup = Arc::clone(&blueprint.setup);
        let nodes = blueprint.setup.nodes.iter();
        let names: Vec<Arc<str>> = nodes.map(|node| Arc::from(node.name.as_str())).collect();
        let (news, lines, visitors) = take_over(&blueprint, &names, handover, now);
        let name = Arc::from(blueprint.name());
        Guard {
            names,
            lines,
            news,
            recorder: Recorder::new(Arc::clone(&host.journal), &name),
            errands: Errands::at(&host.switches),
            hooks: Hooks::new(&blueprint.hooks),
            boots: Boots::default(),
            visitors,
            inputs: VecDeque::new(),
            name,
            overheard: None,
            machine: Machine::new(setup, &memory, now, host.clock.wall_zero()),
            course: Course::default(),
            serving: Serving::default(),
            tally: host.tallies.of(blueprint.name()),
            asker: host.asks.asker(),
            services: Vec::new(),
            witnesses: Vec::new(),
            troubled: BTreeSet::new(),
            merged: None,
            passed_over: 0,
            first: 0,
            served: false,
            leaving: None,
            orders: Orders::default(),
            blueprint,
            host,
            mail,
        }
    }

    /// Waits for something to do. What the journal says goes first: a BREAK may hang on it.
    async fn wait(&mut self, mut alarm: Pin<&mut Sleep>) -> Wake {
        let deadline = self.host.clock.instant(self.next_deadline());
        alarm.as_mut().reset(deadline);
        self.first = self.first.wrapping_add(1);
        if std::mem::take(&mut self.served) {
            // Whoever asks without end must not keep a console unheard, or a time unseen.
            tokio::select! {
                biased;
                (node, said) = line::next(&mut self.lines, &self.news, self.first) => return Wake::Said(node, said),
                () = alarm.as_mut() => return Wake::Deadline,
                () = std::future::ready(()) => {}
            }
        }
        let wake = tokio::select! {
            biased;
            news = self.recorder.next() => Wake::Journal(news),
            message = self.mail.recv() => Wake::Mail(message),
            told = self.asker.next() => Wake::Told(told),
            input = self.errands.next() => Wake::Errand(input),
            news = Hooks::next(&mut self.hooks) => Wake::Hook(news),
            // Before the consoles, which may never be at their end.
            (id, wish) = self.visitors.next() => Wake::Wish(id, wish),
            (node, said) = line::next(&mut self.lines, &self.news, self.first) => Wake::Said(node, said),
            () = alarm => Wake::Deadline,
        };
        self.served = matches!(wake, Wake::Mail(_) | Wake::Wish(..));
        wake
    }

    /// Feeds one input and does all that comes of it.
    pub(super) fn feed(&mut self, input: Input, now: Moment) {
        self.machine.handle(input, now);
        self.drain(now);
    }

    fn drain(&mut self, now: Moment) {
        loop {
            while let Some(action) = self.machine.poll_action() {
                match action.too_late(self.host.clock.now().since(now)) {
                    true => self.leave_undone(action),
                    false => self.perform(action),
                }
            }
            let Some(input) = self.inputs.pop_front() else {
                break;
            };
            self.machine.handle(input, now);
        }
        // A cluster at rest does nothing for minutes.
        self.inputs.shrink_to(0);
        for (node, line) in self.lines.iter_mut().enumerate() {
            line.attend(self.machine.attention(node));
        }
    }

    fn said(&mut self, node: NodeId, said: Said, now: Moment) {
        let book = self.console_book(node);
        let Some(line) = self.lines.get_mut(node) else {
            return;
        };
        let input = match &said {
            Said::Up { epoch } => {
                line.up(*epoch, now);
                self.visitors.note(node, "the console is connected");
                Input::LinkUp {
                    node,
                    epoch: *epoch,
                }
            }
            Said::Down { why, .. } => {
                line.down(why, now);
                self.visitors
                    .note(node, &format!("the console is not connected: {why}"));
                Input::LinkDown {
                    node,
                    why: why.clone(),
                }
            }
            Said::Bytes { epoch, bytes } => {
                self.visitors.hear(node, bytes);
                self.boots.hear(node, bytes, now);
                line.received = line.received.saturating_add(bytes.len() as u64);
                let mut heard = Vec::new();
                line.ear.hear(bytes, now, &mut heard);
                Input::Console {
                    node,
                    epoch: *epoch,
                    heard,
                }
            }
            Said::Gap { lost, .. } => {
                self.visitors.gap(node, *lost);
                line.lost = line.lost.saturating_add(*lost);
                Input::Gap { node, lost: *lost }
            }
            Said::Carrier { epoch, present } => {
                line.carrier(*present);
                Input::Carrier {
                    node,
                    epoch: *epoch,
                    present: *present,
                }
            }
            Said::Aside { bytes, .. } => {
                self.visitors.hear(node, bytes);
                return self.host.scribe.heard(book, said);
            }
            // It is in the transcript; what it did the console itself shows.
            Said::Broke { .. } => return self.host.scribe.heard(book, said),
        };
        self.host.scribe.heard(book, said);
        self.feed(input, now);
    }

    /// When the loop must have a turn at the latest.
    fn next_deadline(&self) -> Moment {
        let tick = together(self.host.clock.now() + TURN);
        let ears = self.lines.iter().filter_map(|line| line.ear.poll_timeout());
        let machine = self.machine.poll_timeout().map(|(at, _)| at);
        ears.chain(machine).chain([tick]).min().unwrap_or(tick)
    }

    /// Tells what is due, unless console output may hold the answer.
    fn deadlines(&mut self, now: Moment) {
        let due = |at: Moment| at <= now;
        let ears = self
            .lines
            .iter()
            .filter_map(|line| line.ear.poll_timeout())
            .any(due);
        let machine = self.machine.poll_timeout().is_some_and(|(at, _)| due(at));
        if !ears && !machine {
            self.passed_over = 0;
            return;
        }
        if self.passed_over < PASSED_OVER {
            self.passed_over += 1;
            return;
        }
        self.passed_over = 0;
        for node in 0..self.lines.len() {
            let mut heard = Vec::new();
            let line = &mut self.lines[node];
            line.ear.handle_timeout(now, &mut heard);
            if let (Some(epoch), false) = (line.epoch(), heard.is_empty()) {
                // No byte came: the end of a silence is no sign of life, and answers nothing.
                self.feed(Input::Quiet { node, epoch, heard }, now);
            }
        }
        if self.machine.poll_timeout().is_some_and(|(at, _)| due(at)) {
            self.feed(Input::Time, now);
        }
    }

    fn read(&mut self, message: Message, now: Moment) {
        match message {
            Message::Status(answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.now(now));
            }
            Message::Whole(answer) => {
                let _ = answer.send(self.whole(now));
            }
            Message::Attach {
                node,
                arrival,
                answer,
            } => {
                let visit = self.attach(&node, arrival, now);
                // Whoever asked may have gone: the next sweep finds that.
                let _ = answer.send(visit);
            }
            Message::Order(wanted) => self.hear_order(wanted, now),
            Message::Upkeep {
                who,
                word,
                node,
                answer,
            } => self.order_upkeep((who, word), node.as_deref(), answer, now),
            Message::WeighOut {
                node,
                lasts,
                answer,
            } => {
                // Whoever asked may have gone.
                let _ = answer.send(self.weigh_out(&node, lasts));
            }
            Message::Copy(give) => {
                // Whoever asked may have gone.
                let _ = give.send(Box::new(self.machine.clone()));
            }
            Message::Host(fact) => self.feed(Input::Host(fact), now),
            Message::Yield(wish) => self.asked_to_yield(wish, now),
            Message::Stay => self.stays(),
            // The loop ends with it.
            Message::Stop => {}
            #[cfg(test)]
            Message::Crash => panic!("told to crash"),
            Message::Say {
                who,
                word,
                node,
                answer,
            } => {
                // Whoever spoke may have gone; the word was heard all the same.
                let _ = answer.send(self.hear_operator(who, word, node.as_deref(), now));
            }
        }
    }

    pub(super) fn now(&self, now: Moment) -> ClusterNow {
        let names = self
            .blueprint
            .setup
            .nodes
            .iter()
            .map(|node| node.name.as_str());
        let consoles = self.lines.iter().zip(names);
        ClusterNow {
            snapshot: self.machine.snapshot(now),
            unready: self.unready(),
            boots: Vec::new(),
            consoles: consoles
                .enumerate()
                .map(|(node, (line, name))| ConsoleReport {
                    visitors: self.visitors.report(node, now),
                    ..line.report(name, now)
                })
                .collect(),
        }
    }

    /// With all that is shown of one cluster alone.
    fn whole(&self, now: Moment) -> ClusterNow {
        let mut all = self.now(now);
        all.boots = self.boots_now(now);
        for (node, console) in all.consoles.iter_mut().enumerate() {
            console.last_lines = self.visitors.screen(node).shown();
        }
        all
    }

    fn hear_operator(
        &mut self,
        who: String,
        word: OperatorWord,
        node: Option<&str>,
        now: Moment,
    ) -> Answered {
        let names: Vec<&str> = self
            .blueprint
            .setup
            .nodes
            .iter()
            .map(|n| n.name.as_str())
            .collect();
        let node = match node.map(|name| names.iter().position(|known| *known == name)) {
            Some(None) => {
                return Answered::NoSuchNode(names.into_iter().map(str::to_owned).collect());
            }
            Some(Some(node)) => Some(node),
            None => None,
        };
        if let Some(said) = self.overtaken(word) {
            return said;
        }
        self.overheard = Some(Vec::new());
        self.feed(Input::Operator(Order { who, word, node }), now);
        Answered::Heard(self.overheard.take().unwrap_or_default())
    }
}

/// The last of the common moments that is not after `due`.
fn together(due: Moment) -> Moment {
    let apart = Duration::as_micros(&TOGETHER);
    Moment::from_micros(due.micros() - due.micros() % u64::try_from(apart).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much room what `begin` gives takes until it ends.
    fn room<A, B, C, D, F>(_begin: fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    /// A monitoring host has hundreds of them. What is seldom there belongs in a box.
    #[test]
    fn a_task_takes_no_more_than_two_kib() {
        let room = room(guard);
        assert!(room <= 1920, "{room} bytes");
    }
}
