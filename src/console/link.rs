//! One link of a console: it settles, carries bytes both ways, does the steps of orders, and says
//! why it ended.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::LinkSettings;
use super::aside::{Aside, Came, Piece};
use super::codec::{Codec, Told};
use super::keeper::{Shared, lock};
use super::pulse::Pulse;
use super::steps::{Step, steps_of};
use super::waiting::{Awaited, Waiting};
use super::wire::{self, Wire};
use crate::clock::Span;
use crate::config::ConsoleSpec;
use crate::machine::action::UNDONE;

/// The most that is read at once, bytes.
const READ: usize = 8 << 10;

/// A turn comes at least so often, for no reason.
const IDLE_TURN: Duration = Duration::from_secs(3600);

thread_local! {
    /// Where bytes are read to before they are known to be there: one for all consoles of a thread.
    static SCRATCH: RefCell<Box<[u8; READ]>> = RefCell::new(Box::new([0; READ]));
}

/// Waits for the next bytes; none at the end of the stream. It is cancel safe.
fn read_some(
    reader: &mut ReadHalf<Box<dyn wire::Stream>>,
) -> impl Future<Output = std::io::Result<Vec<u8>>> {
    poll_fn(|context| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(&mut scratch[..]);
            ready!(Pin::new(&mut *reader).poll_read(context, &mut buffer))?;
            Poll::Ready(Ok(buffer.filled().to_vec()))
        })
    })
}

/// How long a reader that is behind is waited for, with the rest left in the kernel's buffers and at
/// the sender; then the oldest is dropped, for a console must not stand still with its reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of a connection's first output is kept to explain its sudden end, bytes.
const FIRST_WORDS: usize = 80;

/// What a node may say before its link is up, bytes: seconds of a fast line. The latest is kept.
const EARLY: usize = 64 << 10;

/// What a node may say before a talk comes to wait for it, bytes. The latest is kept.
const BEFORE_AWAITED: usize = 4 << 10;

/// How long the rest of a broken connection may take to be read.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// One connection.
pub(super) struct Session<'a> {
    wire: Wire,
    codec: Codec,
    spec: &'a ConsoleSpec,
    settings: &'a LinkSettings,
    shared: &'a Shared,
    /// What is encoded and waits to be written.
    out: Vec<u8>,
    /// What follows it.
    steps: VecDeque<Step>,
    /// The step that is being waited through.
    waiting: Option<Box<Waiting>>,
    /// What was said since the talk began, or since its last awaited text.
    before_awaited: Vec<u8>,
    /// Since when the peer has taken nothing of `out`.
    waiting_since: Instant,
    opened: Instant,
    pulse: Pulse<'a>,
    /// Whether the far end has to say something before this counts as a link: its last session did
    /// not answer, or this one does not now.
    pub(super) doubted: bool,
    /// Why nothing can be done over this connection, by the far end's word.
    unfit: Option<Box<str>>,
    /// What the node said before the link was up.
    early: Vec<u8>,
    /// The carrier as it was told last.
    carrier: Option<bool>,
    /// Since when the inbox is crowded.
    crowded: Option<Instant>,
    /// The node's first bytes, for the case that they are all that ever comes.
    first_words: Vec<u8>,
    /// A talk with what stands between, while there is one.
    aside: Option<Box<Aside>>,
    epoch: u64,
    pub(super) up_since: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        wire: Wire,
        spec: &'a ConsoleSpec,
        settings: &'a LinkSettings,
        shared: &'a Shared,
    ) -> Session<'a> {
        let now = Instant::now();
        let codec = Codec::new(&spec.at);
        Session {
            wire,
            out: codec.greeting().to_vec(),
            codec,
            spec,
            settings,
            shared,
            steps: VecDeque::new(),
            waiting: None,
            before_awaited: Vec::new(),
            waiting_since: now,
            opened: now,
            pulse: Pulse::new(settings, now),
            doubted: false,
            unfit: None,
            early: Vec::new(),
            carrier: None,
            crowded: None,
            first_words: Vec::new(),
            aside: None,
            epoch: 0,
            up_since: None,
        }
    }

    /// Carries bytes until the connection ends, and says why it did. `epochs` counts the links that
    /// were told; this one becomes the next as soon as it settles.
    pub(super) async fn carry(&mut self, epochs: &mut u64) -> String {
        // One timer for the life of the link: to put it off costs next to nothing.
        let mut alarm = pin!(sleep_until(self.opened));
        loop {
            let writing = !self.out.is_empty();
            let (turn, reading) = self.next_turn();
            alarm.as_mut().reset(turn);
            // Writing comes first: a console that floods us must not keep a BREAK back.
            tokio::select! {
                biased;
                written = self.wire.writer.write(&self.out), if writing => match written {
                    Ok(count) if count > 0 => {
                        self.out.drain(..count);
                        if self.out.is_empty() {
                            self.out = Vec::new();
                        }
                        self.waiting_since = Instant::now();
                    }
                    Ok(_) => return format!("{} takes no more bytes", self.wire.peer),
                    Err(error) => {
                        Box::pin(self.hear_the_rest(epochs)).await;
                        return self.ended(Some(&error));
                    }
                },
                () = self.shared.stir.notified() => {}
                read = read_some(&mut self.wire.reader), if reading => match read {
                    Ok(bytes) if bytes.is_empty() => return self.ended(None),
                    Ok(bytes) => self.hear(bytes, epochs),
                    Err(error) => return self.ended(Some(&error)),
                },
                present = self.wire.carrier.next(), if self.up_since.is_some() => {
                    self.carrier(present);
                }
                () = alarm.as_mut() => {}
            }
            let now = Instant::now();
            if let Err(why) = self.settle(now, epochs) {
                return why;
            }
            if let Some(why) = self.deaf().or_else(|| self.half_dead(now)) {
                return why;
            }
            if let Err(error) = self.advance(now) {
                return self.ended(Some(&error));
            }
        }
    }

    /// While the inbox is crowded nothing is read, until then: so a burst of any size waits at its
    /// sender, and nothing of it is lost, as long as the reader goes on reading.
    fn patient_until(&mut self) -> Option<Instant> {
        if !self.shared.is_crowded() {
            self.crowded = None;
            return None;
        }
        let now = Instant::now();
        let until = *self.crowded.get_or_insert(now) + PATIENCE;
        (now < until).then_some(until)
    }

    /// When there is something to do at the latest though nothing comes, and whether the console is
    /// read until then.
    fn next_turn(&mut self) -> (Instant, bool) {
        let turn = self.next_errand();
        match self.patient_until() {
            Some(until) => (until.min(turn), false),
            None => (turn, true),
        }
    }

    fn next_errand(&self) -> Instant {
        let writing =
            (!self.out.is_empty()).then(|| self.waiting_since + self.settings.write_timeout);
        let settling = self.up_since.is_none().then(|| self.settled());
        let step = self.waiting.as_ref().map(|waiting| waiting.until);
        let question = self.pulse.question().filter(|_| self.may_ask());
        let far = self.opened + IDLE_TURN;
        [writing, settling, step, question, self.pulse.gone()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| far.max(Instant::now() + IDLE_TURN))
    }

    /// When a connection without a byte counts as a link, or as none.
    fn settled(&self) -> Instant {
        let ready = self.codec.is_ready() && !self.doubted;
        let longest = self.settings.set_line.max(self.settings.settle);
        self.opened + if ready { self.settings.settle } else { longest }
    }

    /// Whether it has lived for so short a time that an end now were one of a port that is taken.
    fn ends_at_once(&self, now: Instant) -> bool {
        now < self.opened + self.settings.settle
    }

    /// Lets the link come up when it is time; says why it never will.
    fn settle(&mut self, now: Instant, epochs: &mut u64) -> Result<(), String> {
        if let Some(why) = self.unfit.take() {
            return Err(format!("{} {why}", self.wire.peer));
        }
        if self.up_since.is_some() || now < self.settled() {
            if self.up_since.is_some() && !self.ends_at_once(now) {
                self.first_words = Vec::new();
            }
            return Ok(());
        }
        let (peer, within) = (&self.wire.peer, Span(self.settings.set_line));
        if self.doubted {
            return Err(format!(
                "{peer} accepts the connection and nothing answers behind it, for {within} now"
            ));
        }
        if !self.codec.is_ready() {
            match self.codec.overdue() {
                Err(why) => return Err(format!("{peer} {why} (waited for {within})")),
                Ok(why) => tracing::warn!(peer, "{why}; the link is used all the same"),
            }
        }
        self.come_up(epochs);
        Ok(())
    }

    fn come_up(&mut self, epochs: &mut u64) {
        *epochs += 1;
        let epoch = *epochs;
        self.epoch = epoch;
        self.up_since = Some(Instant::now());
        tracing::info!(epoch, peer = self.wire.peer, "console up");
        lock(&self.shared.orders).open(epoch);
        let early = std::mem::take(&mut self.early);
        self.shared.say(|inbox| {
            inbox.up(epoch);
            inbox.bytes(epoch, &early);
        });
        if let Some(present) = self.carrier {
            self.shared.say(|inbox| inbox.carrier(epoch, present));
        }
    }

    /// Takes what came off the wire: the node's bytes to the inbox, answers to the wire.
    fn hear(&mut self, mut bytes: Vec<u8>, epochs: &mut u64) {
        self.doubted = false;
        self.come_up_if_ready(epochs);
        let now = Instant::now();
        self.pulse.heard(now);
        let (shared, epoch) = (self.shared, self.epoch);
        let waited = !self.out.is_empty();
        let discipline = self.spec.discipline;
        let last = self.no_more_awaited();
        let early = self.up_since.is_none().then_some(&mut self.early);
        let explains = early.is_some() || self.opened + self.settings.settle > now;
        let (first_words, waiting, mut early) = (&mut self.first_words, &mut self.waiting, early);
        let before_awaited = &mut self.before_awaited;
        let aside = &mut self.aside;
        let mut told = Vec::new();
        self.codec.receive(
            &mut bytes,
            &mut self.out,
            |text| {
                discipline.decode(text);
                let room = FIRST_WORDS.saturating_sub(first_words.len());
                let room = if explains { room } else { 0 };
                first_words.extend_from_slice(&text[..text.len().min(room)]);
                let came = match waiting {
                    Some(waiting) if waiting.awaits_text() => waiting.hear(text),
                    _ if last => None,
                    _ => {
                        keep_last(before_awaited, text, BEFORE_AWAITED);
                        None
                    }
                };
                match (&mut early, &mut *aside) {
                    (Some(early), _) => keep_last(early, text, EARLY),
                    (None, None) => shared.say(|inbox| inbox.bytes(epoch, text)),
                    (None, Some(aside)) => {
                        let came = came.map(|(end, length)| Came { end, length, last });
                        tell(shared, epoch, aside.take(text, came));
                    }
                }
            },
            |word| told.push(word),
        );
        for word in told {
            self.told(word, now);
        }
        if self.unfit.is_none() {
            self.come_up_if_ready(epochs);
        }
        if !waited {
            self.waiting_since = now;
        }
    }

    /// The first byte of a far end that is ready makes the link.
    fn come_up_if_ready(&mut self, epochs: &mut u64) {
        if self.up_since.is_none() && self.codec.is_ready() {
            self.come_up(epochs);
        }
    }

    fn told(&mut self, word: Told, now: Instant) {
        match word {
            Told::Alive => self.pulse.answered(),
            Told::Carrier(present) => self.carrier(present),
            Told::Warning(words) => tracing::warn!(peer = self.wire.peer, "{words}"),
            Told::Unfit(why) => self.unfit = self.unfit.take().or(Some(why.into())),
            Told::Held(held) => {
                if let Some(waiting) = &mut self.waiting
                    && matches!(waiting.what, Awaited::Acknowledgement(of) if of == held)
                {
                    waiting.what = Awaited::Time;
                    waiting.until = now;
                    self.acknowledged(true);
                }
            }
        }
    }

    fn carrier(&mut self, present: bool) {
        let epoch = self.epoch;
        self.carrier = Some(present);
        if self.up_since.is_some() {
            self.shared.say(|inbox| inbox.carrier(epoch, present));
        }
    }

    /// The peer takes nothing more: what it said before that, its last words perhaps, is still here.
    async fn hear_the_rest(&mut self, epochs: &mut u64) {
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(Ok(bytes)) = timeout_at(deadline, read_some(&mut self.wire.reader)).await {
            if bytes.is_empty() {
                return;
            }
            self.hear(bytes, epochs);
        }
    }

    /// Whether the peer takes too little of what is to be written. This is asked in every round: a
    /// peer that floods us leaves no room for timers.
    fn deaf(&self) -> Option<String> {
        let peer = &self.wire.peer;
        let limit = self.settings.order_bytes;
        if lock(&self.shared.orders).late() {
            return Some(UNDONE.to_owned());
        }
        // Doubled bytes, and answers of the codec, are not in the orders' count.
        let too_much = self.out.len() > limit.max(READ) * 2;
        if too_much || lock(&self.shared.orders).overflowed() {
            return Some(format!(
                "{peer} takes fewer bytes than are to be written: more than {limit} bytes wait"
            ));
        }
        let within = self.settings.write_timeout;
        let late = !self.out.is_empty() && self.waiting_since.elapsed() >= within;
        late.then(|| format!("{peer} takes no bytes, for {} now", Span(within)))
    }

    /// Asks a peer that has been silent whether it is there; says why the link ends if it answered
    /// that before and does not now. One that never answered is asked once and never ended for it.
    fn half_dead(&mut self, now: Instant) -> Option<String> {
        let peer = &self.wire.peer;
        if self.pulse.gone().is_some_and(|gone| now >= gone) {
            self.doubted = true;
            let silence = Span(self.pulse.silence(now));
            return Some(format!(
                "{peer} is connected and its session no longer answers, for {silence} now"
            ));
        }
        if self.may_ask() && self.pulse.question().is_some_and(|due| now >= due) {
            self.out = self.codec.ask()?;
            self.waiting_since = now;
            self.pulse.asked(now);
        }
        None
    }

    /// Whether a question can be asked now: never in the midst of what is being typed.
    fn may_ask(&self) -> bool {
        let idle = self.out.is_empty() && self.steps.is_empty() && self.waiting.is_none();
        self.up_since.is_some() && idle && self.codec.may_ask()
    }

    /// Does the steps that are due, and takes orders when none is left.
    fn advance(&mut self, now: Instant) -> std::io::Result<()> {
        while self.out.is_empty() {
            if let Some(waiting) = &self.waiting {
                if !waiting.over(now) {
                    return Ok(());
                }
                self.end_waiting();
            }
            match self.steps.pop_front() {
                Some(step) => self.begin(step, now)?,
                None if self.take_order() => {}
                None => {
                    self.steps.shrink_to(0);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, step: Step, now: Instant) -> std::io::Result<()> {
        match step {
            Step::Write(bytes) => {
                self.waiting_since = now;
                self.out = bytes;
            }
            Step::Talk => self.aside = Some(Box::default()),
            Step::Hold(hold) => {
                if let Some(soon) = self.wire.hold(hold, self.settings.write_timeout)? {
                    self.steps.push_front(step);
                    self.wait(now + soon, Awaited::Time);
                }
            }
            Step::Pause(span) => self.wait(now + span, Awaited::Time),
            Step::Await(text, within) => {
                self.wait(now + within, Awaited::Text(text, Vec::new()));
                self.look_back();
            }
            Step::Acknowledge { held, within } => {
                self.wait(now + within, Awaited::Acknowledgement(held));
            }
            Step::Broke(broke) => {
                if !broke.sent {
                    tracing::warn!(
                        peer = self.wire.peer,
                        "a BREAK was not sent: {}",
                        broke.kind
                    );
                    self.shared.count_dropped(1);
                }
                self.end_talk();
                let epoch = self.epoch;
                self.shared.say(|inbox| inbox.broke(epoch, broke));
            }
        }
        Ok(())
    }

    /// What a talk held back was the node's.
    pub(super) fn end_talk(&mut self) {
        let held = self.aside.take().map(|aside| aside.end());
        let held = held.unwrap_or_default();
        let epoch = self.epoch;
        if !held.is_empty() {
            self.shared.say(|inbox| inbox.bytes(epoch, &held));
        }
    }

    /// What is awaited may have come already, during a pause.
    fn look_back(&mut self) {
        let before = std::mem::take(&mut self.before_awaited);
        let last = self.no_more_awaited();
        let came = self.waiting.as_mut().and_then(|w| w.hear(&before));
        if let (Some((end, length)), Some(aside)) = (came, &mut self.aside) {
            let pieces = aside.came_before(before.len() - end, length, last);
            tell(self.shared, self.epoch, pieces);
        }
    }

    /// Whether the talk under way awaits nothing after the present step.
    fn no_more_awaited(&self) -> bool {
        let mut talk = self.steps.iter();
        !talk
            .by_ref()
            .take_while(|step| !matches!(step, Step::Broke(_)))
            .any(|step| matches!(step, Step::Await(..)))
    }

    fn wait(&mut self, until: Instant, what: Awaited) {
        self.waiting = Some(Box::new(Waiting { until, what }));
    }

    /// A wait is over: a talk that got no answer gives the rest of its steps up.
    fn end_waiting(&mut self) {
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        match waiting.what {
            Awaited::Text(text, _) if text.is_empty() => {}
            Awaited::Text(..) => {
                while !matches!(self.steps.front(), Some(Step::Broke(_)) | None) {
                    self.steps.pop_front();
                }
                if let Some(Step::Broke(broke)) = self.steps.front_mut() {
                    broke.sent = false;
                }
            }
            Awaited::Acknowledgement(_) => self.acknowledged(false),
            Awaited::Time => {}
        }
    }

    /// Notes at the BREAK under way whether the far end acknowledged it: each of its steps must be.
    fn acknowledged(&mut self, yes: bool) {
        let broke = self.steps.iter_mut().find_map(|step| match step {
            Step::Broke(broke) => Some(broke),
            _ => None,
        });
        if let Some(broke) = broke {
            broke.acknowledged = Some(yes && broke.acknowledged != Some(false));
        }
    }

    /// Makes steps of the next orders: of all typing that can leave at once, or of one order.
    fn take_order(&mut self) -> bool {
        if self.up_since.is_none() {
            return false;
        }
        let mut orders = lock(&self.shared.orders);
        let Some(order) = orders.take() else {
            return false;
        };
        self.before_awaited.clear();
        let mut rotation = lock(&self.shared.rotation);
        steps_of(
            &order,
            self.spec,
            &self.codec,
            &mut rotation,
            &mut self.steps,
        );
        true
    }

    /// Why the connection ended: by an error, or because the peer closed it.
    fn ended(&self, error: Option<&std::io::Error>) -> String {
        let peer = &self.wire.peer;
        if let Some(why) = error.and_then(wire::last_words) {
            return why;
        }
        let at_once = self.ends_at_once(Instant::now());
        let never_up = self.up_since.is_none();
        match error {
            _ if !self.first_words.is_empty() && (never_up || at_once) => {
                let said = String::from_utf8_lossy(&self.first_words);
                let busy = ["busy", "in use"]
                    .iter()
                    .any(|word| said.to_lowercase().contains(word));
                let port = if busy { "port busy: " } else { "" };
                format!(
                    "{port}closed by the terminal server ({peer}) at once, after it said {said:?}"
                )
            }
            None if never_up && at_once => {
                format!("port busy: {peer} accepted the connection and closed it at once")
            }
            None if never_up => format!("{peer} closed the connection before it could be used"),
            Some(error) if never_up && at_once => {
                let lost = wire::lost(peer, error);
                format!("port busy: {peer} accepted the connection and dropped it at once ({lost})")
            }
            None => format!("closed by the terminal server ({peer})"),
            Some(error) => wire::lost(peer, error),
        }
    }
}

fn tell(shared: &Shared, epoch: u64, pieces: Vec<Piece>) {
    for piece in pieces {
        shared.say(|inbox| match piece {
            Piece::Node(bytes) => inbox.bytes(epoch, &bytes),
            Piece::Between(bytes) => inbox.aside(epoch, bytes),
        });
    }
}

fn keep_last(kept: &mut Vec<u8>, text: &[u8], most: usize) {
    kept.extend_from_slice(text);
    kept.drain(..kept.len().saturating_sub(most));
}
