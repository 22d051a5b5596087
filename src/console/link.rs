//! The task behind a console: dial, settle, carry bytes both ways, and dial again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::inbox::Inbox;
use super::orders::{Orders, Placed};
use super::wire::{self, Wire};
use super::{Address, LinkSettings, Order, Said};
use crate::clock::Span;
use crate::proto::telnet::{self, Event, Telnet, TelnetRole};

/// The most that is read at once, bytes.
const READ: usize = 8 << 10;

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
                if let Some(since) = session.up_since {
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
                () = sleep_until(self.waiting_since + self.settings.write_timeout), if writing => {
                    let within = Span(self.settings.write_timeout);
                    return format!("{} takes no bytes, for {within} now", self.wire.peer);
                }
            }
            if let Err(why) = self.fetch_orders() {
                return why;
            }
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
        self.codec.receive(bytes, &mut self.out, |text| {
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

    /// Encodes the orders that wait, once what was encoded before has left.
    fn fetch_orders(&mut self) -> Result<(), String> {
        let mut orders = lock(&self.shared.orders);
        if orders.overflowed() || self.out.len() > self.settings.order_bytes {
            return Err(format!(
                "{} takes fewer bytes than are to be written: more than {} bytes wait",
                self.wire.peer, self.settings.order_bytes
            ));
        }
        if self.up_since.is_none() || !self.out.is_empty() {
            return Ok(());
        }
        self.waiting_since = Instant::now();
        while let Some(order) = orders.take() {
            let known = match &order {
                Order::Type { bytes, .. } => self.codec.encode(bytes, &mut self.out),
                Order::Break { .. } => self.codec.encode_break(&mut self.out),
            };
            if known.is_err() {
                tracing::warn!(
                    peer = self.wire.peer,
                    "dropped a BREAK: this console has none"
                );
                self.shared.count_dropped(1);
            }
        }
        Ok(())
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
            None => format!("closed by the terminal server ({peer})"),
            Some(error) => wire::lost(peer, error),
        }
    }
}

/// How the console's bytes travel.
enum Codec {
    Raw,
    Telnet(Box<Telnet>, Vec<Event>),
}

/// This console has no BREAK.
struct NoBreak;

impl Codec {
    fn new(address: &Address) -> Codec {
        match address {
            Address::Telnet { .. } => {
                Codec::Telnet(Box::new(Telnet::new(TelnetRole::Client)), Vec::new())
            }
            Address::Tcp { .. } | Address::Unix(_) => Codec::Raw,
        }
    }

    fn receive(&mut self, bytes: &[u8], replies: &mut Vec<u8>, mut text: impl FnMut(&[u8])) {
        match self {
            Codec::Raw => text(bytes),
            Codec::Telnet(telnet, events) => {
                telnet.receive(bytes, events);
                for event in events.drain(..) {
                    match event {
                        Event::Data(bytes) => text(&bytes),
                        Event::Reply(bytes) => replies.extend_from_slice(&bytes),
                        // A BREAK towards us has no meaning: we are no machine on a line.
                        Event::Break => {}
                    }
                }
            }
        }
    }

    fn encode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), NoBreak> {
        match self {
            Codec::Raw => out.extend_from_slice(bytes),
            Codec::Telnet(..) => telnet::encode(bytes, out),
        }
        Ok(())
    }

    fn encode_break(&self, out: &mut Vec<u8>) -> Result<(), NoBreak> {
        match self {
            Codec::Raw => Err(NoBreak),
            Codec::Telnet(..) => {
                out.extend_from_slice(&telnet::BREAK);
                Ok(())
            }
        }
    }
}

/// The waits between attempts.
struct Backoff {
    first: Duration,
    max: Duration,
    stable_after: Duration,
    wait: Duration,
}

impl Backoff {
    fn new(settings: &LinkSettings) -> Backoff {
        Backoff {
            first: settings.backoff_first,
            max: settings.backoff_max,
            stable_after: settings.stable_after,
            wait: settings.backoff_first,
        }
    }

    /// A link lived for `span`.
    fn lived(&mut self, span: Duration) {
        if span >= self.stable_after {
            self.wait = self.first;
        }
    }

    fn next(&mut self) -> Duration {
        let wait = self.wait.min(self.max);
        self.wait = wait.saturating_mul(2);
        wait.mul_f64(0.5 + 0.5 * fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_anew_after_a_long_life() {
        let settings = LinkSettings::default();
        let mut backoff = Backoff::new(&settings);
        for millis in [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000] {
            let wait = Duration::from_millis(millis);
            let next = backoff.next();
            assert!(next >= wait / 2 && next <= wait, "{next:?} for {wait:?}");
        }
        backoff.lived(Duration::from_secs(9));
        assert!(backoff.next() >= Duration::from_secs(5));
        backoff.lived(Duration::from_secs(10));
        assert!(backoff.next() <= Duration::from_millis(250));
    }
}
