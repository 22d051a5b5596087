//! The task behind a console: dial, settle, carry bytes both ways, and dial again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::backoff::Backoff;
use super::codec::{Codec, Told};
use super::inbox::Inbox;
use super::orders::{Orders, Placed};
use super::steps::{Rotation, Step, steps_of};
use super::wire::{self, Wire};
use super::{LinkSettings, Order, Said};
use crate::clock::Span;
use crate::config::ConsoleSpec;

/// The most that is read at once, bytes.
const READ: usize = 8 << 10;

/// A turn comes at least so often, for no reason.
const IDLE_TURN: Duration = Duration::from_secs(3600);

thread_local! {
    /// Where bytes are read to before they are known to be there: one for all consoles of a thread.
    static SCRATCH: RefCell<Box<[u8; READ]>> = RefCell::new(Box::new([0; READ]));
}

/// Waits for the next bytes; none at the end of the stream. It is cancel safe.
async fn read_some(reader: &mut ReadHalf<Box<dyn wire::Stream>>) -> std::io::Result<Vec<u8>> {
    poll_fn(|context| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(&mut scratch[..]);
            ready!(Pin::new(&mut *reader).poll_read(context, &mut buffer))?;
            Poll::Ready(Ok(buffer.filled().to_vec()))
        })
    })
    .await
}

/// How long a reader that is behind is waited for, with the rest left in the kernel's buffers and at
/// the sender; then the oldest is dropped, for a console must not stand still with its reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of a connection's first output is kept to explain its sudden end, bytes.
const FIRST_WORDS: usize = 80;

/// How long the rest of a broken connection may take to be read.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Keeps a link to the console until the task is aborted.
pub(super) async fn run(spec: ConsoleSpec, settings: LinkSettings, shared: Arc<Shared>) {
    let mut keeper = Keeper {
        shared,
        epoch: 0,
        last_told: None,
    };
    let mut backoff = Backoff::new(&settings);
    loop {
        // In a box, for it is large, and gone while the link lives.
        match Box::pin(wire::dial(&spec, &settings)).await {
            Err(why) => keeper.failed(why),
            Ok(wire) => {
                let mut session = Session::new(wire, &spec, &settings, &keeper.shared);
                let why = session.carry(&mut keeper.epoch).await;
                let up_since = session.up_since;
                // The socket goes first: once the loss is told nothing of this link moves any more.
                drop(session);
                if let Some(since) = up_since {
                    backoff.lived(since.elapsed());
                    keeper.lost(why);
                } else {
                    keeper.failed(why);
                }
            }
        }
        sleep(backoff.next()).await;
    }
}

/// What the task and the [`super::Console`] share.
#[derive(Debug)]
pub(super) struct Shared {
    inbox: Mutex<Inbox>,
    orders: Mutex<Orders>,
    said: Notify,
    ordered: Notify,
    /// The inbox is no longer crowded.
    room: Notify,
    rotation: Mutex<Rotation>,
    dropped: AtomicU64,
}

impl Shared {
    pub(super) fn new(settings: &LinkSettings) -> Shared {
        Shared {
            inbox: Mutex::new(Inbox::new(settings.queue_bytes)),
            orders: Mutex::new(Orders::new(settings.order_bytes)),
            said: Notify::new(),
            ordered: Notify::new(),
            room: Notify::new(),
            rotation: Mutex::default(),
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) async fn next(&self) -> Said {
        loop {
            if let Some(said) = self.take() {
                return said;
            }
            self.said.notified().await;
        }
    }

    fn take(&self) -> Option<Said> {
        let mut inbox = lock(&self.inbox);
        let crowded = inbox.is_crowded();
        let said = inbox.next();
        if crowded && !inbox.is_crowded() {
            self.room.notify_one();
        }
        said
    }

    pub(super) fn order(&self, order: Order) {
        let epoch = order.epoch();
        let placed = lock(&self.orders).place(order);
        if placed == Placed::Stale {
            tracing::debug!(epoch, "dropped an order that was meant for another link");
            self.count_dropped(1);
        } else {
            self.ordered.notify_one();
        }
    }

    pub(super) fn dropped_orders(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn break_worked(&self) {
        lock(&self.rotation).worked();
    }

    fn count_dropped(&self, orders: usize) {
        self.dropped.fetch_add(orders as u64, Ordering::Relaxed);
    }

    /// Whether the newest thing said and not read is bytes, or nothing.
    #[cfg(test)]
    pub(super) fn last_said_is_bytes(&self) -> bool {
        lock(&self.inbox).ends_with_bytes()
    }

    fn say(&self, put: impl FnOnce(&mut Inbox)) {
        put(&mut lock(&self.inbox));
        self.said.notify_one();
    }

    /// Ends the orders of the present link: none of them reaches another one.
    fn close_orders(&self) {
        let dropped = lock(&self.orders).close();
        if dropped > 0 {
            tracing::warn!(dropped, "dropped orders that waited for a link now lost");
            self.count_dropped(dropped);
        }
    }
}

/// A panic while a queue was locked leaves it as usable as before: each change of it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The numbers of the links, and what was last told of them.
struct Keeper {
    shared: Arc<Shared>,
    epoch: u64,
    last_told: Option<String>,
}

impl Keeper {
    fn lost(&mut self, why: String) {
        self.shared.close_orders();
        self.tell(why);
    }

    /// An attempt failed; the same failure again is not told again.
    fn failed(&mut self, why: String) {
        if self.last_told.as_ref() != Some(&why) {
            self.tell(why);
        }
    }

    fn tell(&mut self, why: String) {
        let epoch = self.epoch;
        tracing::info!(epoch, why, "console down");
        self.last_told = Some(why.clone());
        self.shared.say(|inbox| inbox.down(epoch, why));
    }
}

/// A console whose task ended, by a fault of ours, must not look merely silent.
impl Drop for Keeper {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lost("its task in this program has failed".to_owned());
        }
    }
}

/// One connection.
struct Session<'a> {
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
    waiting: Option<Waiting>,
    /// Since when the peer has taken nothing of `out`.
    waiting_since: Instant,
    opened: Instant,
    /// When the peer was last heard, and asked whether it is there.
    heard: Instant,
    asked: Option<Instant>,
    /// Whether it has ever answered that question.
    answers: bool,
    /// Since when the inbox is crowded.
    crowded: Option<Instant>,
    /// The node's first bytes, for the case that they are all that ever comes.
    first_words: Vec<u8>,
    epoch: u64,
    up_since: Option<Instant>,
}

/// A step that takes its time.
struct Waiting {
    until: Instant,
    what: Awaited,
}

enum Awaited {
    /// Nothing but the time.
    Time,
    /// These bytes; what came of late that may hold their beginning.
    Text(Vec<u8>, Vec<u8>),
    /// The far end's word that the line is held, or let go.
    Acknowledgement,
}

impl<'a> Session<'a> {
    fn new(
        wire: Wire,
        spec: &'a ConsoleSpec,
        settings: &'a LinkSettings,
        shared: &'a Shared,
    ) -> Session<'a> {
        let now = Instant::now();
        Session {
            wire,
            codec: Codec::new(&spec.at),
            spec,
            settings,
            shared,
            out: Vec::new(),
            steps: VecDeque::new(),
            waiting: None,
            waiting_since: now,
            opened: now,
            heard: now,
            asked: None,
            answers: false,
            crowded: None,
            first_words: Vec::new(),
            epoch: 0,
            up_since: None,
        }
    }

    /// Carries bytes until the connection ends, and says why it did. `epochs` counts the links that
    /// were told; this one becomes the next as soon as it settles.
    async fn carry(&mut self, epochs: &mut u64) -> String {
        let settled = self.opened + self.settings.settle;
        loop {
            let writing = !self.out.is_empty();
            let patient = self.patient_until();
            let turn = self
                .next_turn(settled)
                .min(patient.unwrap_or(settled + IDLE_TURN));
            // Writing comes first: a console that floods us must not keep a BREAK back.
            tokio::select! {
                biased;
                written = self.wire.writer.write(&self.out), if writing => match written {
                    Ok(count) if count > 0 => {
                        self.out.drain(..count);
                        self.waiting_since = Instant::now();
                    }
                    Ok(_) => return format!("{} takes no more bytes", self.wire.peer),
                    Err(error) => {
                        self.hear_the_rest(epochs).await;
                        return self.ended(Some(&error));
                    }
                },
                () = self.shared.ordered.notified(), if self.up_since.is_some() => {}
                () = self.shared.room.notified(), if patient.is_some() => {}
                read = read_some(&mut self.wire.reader), if patient.is_none() => match read {
                    Ok(bytes) if bytes.is_empty() => return self.ended(None),
                    Ok(bytes) => self.hear(bytes, epochs),
                    Err(error) => return self.ended(Some(&error)),
                },
                Some(present) = self.wire.carrier.next() => self.carrier(present),
                () = sleep_until(turn) => {}
            }
            let now = Instant::now();
            if self.up_since.is_none() && now >= settled {
                self.come_up(epochs);
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
        if !lock(&self.shared.inbox).is_crowded() {
            self.crowded = None;
            return None;
        }
        let now = Instant::now();
        let until = *self.crowded.get_or_insert(now) + PATIENCE;
        (now < until).then_some(until)
    }

    /// When there is something to do at the latest though nothing comes.
    fn next_turn(&self, settled: Instant) -> Instant {
        let writing =
            (!self.out.is_empty()).then(|| self.waiting_since + self.settings.write_timeout);
        let settling = self.up_since.is_none().then_some(settled);
        let step = self.waiting.as_ref().map(|waiting| waiting.until);
        let asking = match self.asked {
            Some(asked) if self.answers => Some(asked + self.settings.user_timeout),
            Some(asked) => Some(asked + self.settings.keepalive_idle),
            None => self
                .codec
                .are_you_there()
                .map(|_| self.heard + self.settings.keepalive_idle),
        };
        let far = self.opened + IDLE_TURN;
        [writing, settling, step, asking]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| far.max(Instant::now() + IDLE_TURN))
    }

    fn come_up(&mut self, epochs: &mut u64) {
        *epochs += 1;
        let epoch = *epochs;
        self.epoch = epoch;
        self.up_since = Some(Instant::now());
        tracing::info!(epoch, peer = self.wire.peer, "console up");
        lock(&self.shared.orders).open(epoch);
        self.shared.say(|inbox| inbox.up(epoch));
    }

    /// Takes what came off the wire: the node's bytes to the inbox, answers to the wire.
    fn hear(&mut self, mut bytes: Vec<u8>, epochs: &mut u64) {
        if self.up_since.is_none() {
            self.come_up(epochs);
        }
        self.heard = Instant::now();
        self.asked = None;
        let (shared, epoch) = (self.shared, self.epoch);
        let waited = !self.out.is_empty();
        let discipline = self.spec.discipline;
        let (first_words, waiting) = (&mut self.first_words, &mut self.waiting);
        let mut told = Vec::new();
        self.codec.receive(
            &mut bytes,
            &mut self.out,
            |text| {
                discipline.decode(text);
                let room = FIRST_WORDS.saturating_sub(first_words.len());
                first_words.extend_from_slice(&text[..text.len().min(room)]);
                if let Some(waiting) = waiting {
                    waiting.hear(text);
                }
                shared.say(|inbox| inbox.bytes(epoch, text));
            },
            |word| told.push(word),
        );
        for word in told {
            match word {
                Told::Alive => self.answers = true,
                Told::Carrier(present) => self.carrier(present),
                Told::BreakDone => {
                    if let Some(waiting) = &mut self.waiting
                        && matches!(waiting.what, Awaited::Acknowledgement)
                    {
                        waiting.what = Awaited::Time;
                        waiting.until = self.heard;
                        self.acknowledged(true);
                    }
                }
            }
        }
        if !waited {
            self.waiting_since = Instant::now();
        }
    }

    fn carrier(&mut self, present: bool) {
        let epoch = self.epoch;
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
    /// that before and does not now.
    fn half_dead(&mut self, now: Instant) -> Option<String> {
        let (idle, within) = (self.settings.keepalive_idle, self.settings.user_timeout);
        match self.asked {
            None if self.up_since.is_some() && now >= self.heard + idle => {
                let question = self.codec.are_you_there()?;
                if self.out.is_empty() && self.steps.is_empty() {
                    self.waiting_since = now;
                    self.out = question;
                }
                self.asked = Some(now);
                None
            }
            Some(asked) if self.answers && now >= asked + within => Some(format!(
                "{} is connected and its session no longer answers, for {} now",
                self.wire.peer,
                Span(now - self.heard)
            )),
            // A peer that never answered such a question is not asked for ever in vain.
            Some(asked) if !self.answers && now >= asked + idle => {
                self.heard = now;
                self.asked = None;
                None
            }
            _ => None,
        }
    }

    /// Does the steps that are due, and takes orders when none is left.
    fn advance(&mut self, now: Instant) -> std::io::Result<()> {
        while self.out.is_empty() {
            if let Some(waiting) = &self.waiting {
                if !waiting.over(now) {
                    return Ok(());
                }
                self.end_waiting(now);
            }
            match self.steps.pop_front() {
                Some(step) => self.begin(step, now)?,
                None if self.take_order() => {}
                None => return Ok(()),
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
            Step::Hold(hold) => self.wire.hold(hold)?,
            Step::Pause(span) => self.wait(now + span, Awaited::Time),
            Step::Await(text, within) => self.wait(now + within, Awaited::Text(text, Vec::new())),
            Step::Acknowledge(within) => self.wait(now + within, Awaited::Acknowledgement),
            Step::Broke(broke) => {
                if !broke.sent {
                    tracing::warn!(
                        peer = self.wire.peer,
                        "a BREAK was not sent: {}",
                        broke.kind
                    );
                    self.shared.count_dropped(1);
                }
                let epoch = self.epoch;
                self.shared.say(|inbox| inbox.broke(epoch, broke));
            }
        }
        Ok(())
    }

    fn wait(&mut self, until: Instant, what: Awaited) {
        self.waiting = Some(Waiting { until, what });
    }

    /// A wait is over: a talk that got no answer gives the rest of its steps up.
    fn end_waiting(&mut self, now: Instant) {
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
            Awaited::Acknowledgement if now >= waiting.until => self.acknowledged(false),
            Awaited::Acknowledgement | Awaited::Time => {}
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
        match error {
            None if self.up_since.is_none() => {
                format!("port busy: {peer} accepted the connection and closed it at once")
            }
            Some(error) if self.up_since.is_none() => {
                let lost = wire::lost(peer, error);
                format!("port busy: {peer} accepted the connection and dropped it at once ({lost})")
            }
            None if self.opened.elapsed() < self.settings.settle => {
                let said = String::from_utf8_lossy(&self.first_words);
                let busy = ["busy", "in use"]
                    .iter()
                    .any(|word| said.to_lowercase().contains(word));
                let port = if busy { "port busy: " } else { "" };
                format!(
                    "{port}closed by the terminal server ({peer}) at once, after it said {said:?}"
                )
            }
            None => format!("closed by the terminal server ({peer})"),
            Some(error) => wire::lost(peer, error),
        }
    }
}

impl Waiting {
    fn over(&self, now: Instant) -> bool {
        let heard = matches!(&self.what, Awaited::Text(text, _) if text.is_empty());
        heard || now >= self.until
    }

    /// Looks for the awaited text in what the node says; it is taken away once it came.
    fn hear(&mut self, bytes: &[u8]) {
        let Awaited::Text(text, window) = &mut self.what else {
            return;
        };
        if text.is_empty() {
            return;
        }
        window.extend_from_slice(bytes);
        if window
            .windows(text.len())
            .any(|part| part == text.as_slice())
        {
            text.clear();
            window.clear();
        } else {
            let kept = text.len() - 1;
            window.drain(..window.len().saturating_sub(kept));
        }
    }
}
