//! The task behind a console: dial, settle, carry bytes both ways, and dial again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::backoff::Backoff;
use super::codec::Codec;
use super::inbox::Inbox;
use super::orders::{Orders, Placed};
use super::wire::{self, Wire};
use super::{Address, LinkSettings, Order, Said};
use crate::clock::Span;

/// The most that is read at once, bytes.
const READ: usize = 8 << 10;

/// How much of a connection's first output is kept to explain its sudden end, bytes.
const FIRST_WORDS: usize = 80;

/// How long the rest of a broken connection may take to be read.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Keeps a link to `address` until the task is aborted.
pub(super) async fn run(address: Address, settings: LinkSettings, shared: Arc<Shared>) {
    let mut keeper = Keeper {
        shared,
        epoch: 0,
        last_told: None,
    };
    let mut backoff = Backoff::new(&settings);
    loop {
        match wire::dial(&address, &settings).await {
            Err(why) => keeper.failed(why),
            Ok(wire) => {
                let mut session = Session::new(wire, &address, &settings, &keeper.shared);
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
    dropped: AtomicU64,
}

impl Shared {
    pub(super) fn new(settings: &LinkSettings) -> Shared {
        Shared {
            inbox: Mutex::new(Inbox::new(settings.queue_bytes)),
            orders: Mutex::new(Orders::new(settings.order_bytes)),
            said: Notify::new(),
            ordered: Notify::new(),
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) async fn next(&self) -> Said {
        loop {
            if let Some(said) = lock(&self.inbox).next() {
                return said;
            }
            self.said.notified().await;
        }
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
    settings: &'a LinkSettings,
    shared: &'a Shared,
    /// What is encoded and waits to be written.
    out: Vec<u8>,
    /// Since when the peer has taken nothing of `out`.
    waiting_since: Instant,
    opened: Instant,
    /// The node's first bytes, for the case that they are all that ever comes.
    first_words: Vec<u8>,
    epoch: u64,
    up_since: Option<Instant>,
}

impl<'a> Session<'a> {
    fn new(
        wire: Wire,
        address: &Address,
        settings: &'a LinkSettings,
        shared: &'a Shared,
    ) -> Session<'a> {
        let now = Instant::now();
        Session {
            wire,
            codec: Codec::new(address),
            settings,
            shared,
            out: Vec::new(),
            waiting_since: now,
            opened: now,
            first_words: Vec::new(),
            epoch: 0,
            up_since: None,
        }
    }

    /// Carries bytes until the connection ends, and says why it did. `epochs` counts the links that
    /// were told; this one becomes the next as soon as it settles.
    async fn carry(&mut self, epochs: &mut u64) -> String {
        let mut buffer = vec![0; READ];
        let settled = self.opened + self.settings.settle;
        loop {
            let writing = !self.out.is_empty();
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
                        self.hear_the_rest(&mut buffer, epochs).await;
                        return self.ended(Some(&error));
                    }
                },
                () = self.shared.ordered.notified(), if self.up_since.is_some() => {}
                read = self.wire.reader.read(&mut buffer) => match read {
                    Ok(0) => return self.ended(None),
                    Ok(count) => {
                        self.hear(&buffer[..count], epochs);
                    }
                    Err(error) => return self.ended(Some(&error)),
                },
                () = sleep_until(settled), if self.up_since.is_none() => self.come_up(epochs),
                () = sleep_until(self.waiting_since + self.settings.write_timeout), if writing => {}
            }
            if let Some(why) = self.deaf() {
                return why;
            }
            self.fetch_orders();
        }
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
    fn hear(&mut self, bytes: &[u8], epochs: &mut u64) {
        if self.up_since.is_none() {
            self.come_up(epochs);
        }
        let (shared, epoch) = (self.shared, self.epoch);
        let waited = !self.out.is_empty();
        let first_words = &mut self.first_words;
        self.codec.receive(bytes, &mut self.out, |text| {
            let room = FIRST_WORDS.saturating_sub(first_words.len());
            first_words.extend_from_slice(&text[..text.len().min(room)]);
            shared.say(|inbox| inbox.bytes(epoch, text));
        });
        if !waited {
            self.waiting_since = Instant::now();
        }
    }

    /// The peer takes nothing more: what it said before that, its last words perhaps, is still here.
    async fn hear_the_rest(&mut self, buffer: &mut [u8], epochs: &mut u64) {
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(Ok(count)) = timeout_at(deadline, self.wire.reader.read(buffer)).await {
            if count == 0 {
                return;
            }
            self.hear(&buffer[..count], epochs);
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

    /// Encodes the orders that wait, once what was encoded before has left.
    fn fetch_orders(&mut self) {
        if self.up_since.is_none() || !self.out.is_empty() {
            return;
        }
        let mut orders = lock(&self.shared.orders);
        self.waiting_since = Instant::now();
        while let Some(order) = orders.take() {
            if self.codec.encode(&order, &mut self.out).is_err() {
                let peer = &self.wire.peer;
                tracing::warn!(peer, "dropped a BREAK: this console has none");
                self.shared.count_dropped(1);
            }
        }
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
