//! The task behind a console: it dials, carries a link until it ends, and dials again; and what it
//! shares with whoever reads and orders.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::inbox::Inbox;
use super::link::Session;
use super::orders::{Orders, Placed};
use super::steps::Rotation;
use super::wire::{self, Wire};
use super::{LinkSettings, Order, Said};
use crate::caught::caught;
use crate::config::ConsoleSpec;

/// Keeps a link to the console until the task is aborted.
pub(super) fn run(
    spec: Arc<ConsoleSpec>,
    settings: Arc<LinkSettings>,
    shared: Arc<Shared>,
) -> impl Future<Output = ()> {
    let mut keeper = Keeper {
        shared,
        epoch: 0,
        last_told: None,
        doubted: false,
    };
    async move {
        let mut backoff = Backoff::new(&settings);
        loop {
            let epoch = keeper.epoch;
            let ended = {
                let link = pin!(keeper.link(&spec, &settings));
                caught(link).await
            };
            match ended {
                Ok(Some(lived)) => backoff.lived(lived),
                Ok(None) => {}
                Err(panic) => {
                    tracing::error!(
                        "the link to {} panicked, and begins again: {panic}",
                        spec.at
                    );
                    keeper.panicked(epoch, &panic);
                }
            }
            sleep(backoff.next()).await;
        }
    }
}

/// Dials when it is this console's turn, which is over when the connection is made.
async fn dial(spec: &ConsoleSpec, settings: &LinkSettings) -> Result<Wire, String> {
    let turn = settings.dialing.turn(&spec.at).await;
    // In a box, for it is large, and gone while the link lives; made when the turn has come, so that
    // the start of a thousand consoles makes a few of them, and not a thousand with room between.
    Box::pin(wire::dial(spec, settings, turn)).await
}

/// What the task and the [`super::Console`] share.
#[derive(Debug)]
pub(super) struct Shared {
    inbox: Mutex<Inbox>,
    pub(super) orders: Mutex<Orders>,
    /// Whoever reads may read several consoles, and is told of all in one place.
    said: Arc<Notify>,
    /// Something was ordered, or the inbox is no longer crowded.
    pub(super) stir: Notify,
    pub(super) rotation: Mutex<Rotation>,
    dropped: AtomicU64,
}

impl Shared {
    pub(super) fn new(settings: &LinkSettings, said: Arc<Notify>) -> Shared {
        Shared {
            inbox: Mutex::new(Inbox::new(settings.queue_bytes)),
            orders: Mutex::new(Orders::new(settings.order_bytes)),
            said,
            stir: Notify::new(),
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

    /// The next thing said, if it is there.
    pub(super) fn take(&self) -> Option<Said> {
        let mut inbox = lock(&self.inbox);
        let crowded = inbox.is_crowded();
        let said = inbox.next();
        if crowded && !inbox.is_crowded() {
            self.stir.notify_one();
        }
        said
    }

    /// Whether whoever reads is so far behind that what more comes may push out what is unread.
    pub(super) fn is_crowded(&self) -> bool {
        lock(&self.inbox).is_crowded()
    }

    pub(super) fn order(&self, order: Order) -> Placed {
        let epoch = order.epoch();
        let placed = lock(&self.orders).place(order);
        if placed == Placed::Stale {
            tracing::debug!(epoch, "dropped an order that was meant for another link");
            self.count_dropped(1);
        } else {
            self.stir.notify_one();
        }
        placed
    }

    /// What was meant for this link comes too late: the link ends.
    pub(super) fn too_late(&self, epoch: u64) {
        lock(&self.orders).too_late(epoch);
        self.stir.notify_one();
    }

    pub(super) fn dropped_orders(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn break_worked(&self) {
        lock(&self.rotation).worked();
    }

    pub(super) fn count_dropped(&self, orders: usize) {
        self.dropped.fetch_add(orders as u64, Ordering::Relaxed);
    }

    /// Whether the newest thing said and not read is bytes, or nothing.
    #[cfg(test)]
    pub(super) fn last_said_is_bytes(&self) -> bool {
        lock(&self.inbox).ends_with_bytes()
    }

    pub(super) fn say(&self, put: impl FnOnce(&mut Inbox)) {
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
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The numbers of the links, and what was last told of them.
struct Keeper {
    shared: Arc<Shared>,
    epoch: u64,
    last_told: Option<String>,
    /// Whether the last session fell silent with its connection standing: the next one has to
    /// say something before it counts.
    doubted: bool,
}

impl Keeper {
    /// Dials once, and carries the link until it ends; gives how long it was up, if it was.
    async fn link(&mut self, spec: &ConsoleSpec, settings: &LinkSettings) -> Option<Duration> {
        let wire = self.dialled(dial(spec, settings).await)?;
        let mut session = Session::new(wire, spec, settings, &self.shared);
        session.doubted = self.doubted;
        let why = session.carry(&mut self.epoch).await;
        session.end_talk();
        self.doubted = session.doubted;
        let up_since = session.up_since;
        // The socket goes first: once the loss is told nothing of this link moves any more.
        drop(session);
        if up_since.is_some() {
            self.lost(why);
        } else {
            self.failed(why);
        }
        Some(up_since?.elapsed())
    }

    /// A fault of ours ended the attempt: a console must not look merely silent. `before` is the number of
    /// the last link before it.
    fn panicked(&mut self, before: u64, panic: &str) {
        let why = format!("its task in this program has failed, and begins again: {panic}");
        if self.epoch == before {
            self.failed(why);
        } else {
            self.lost(why);
        }
    }

    fn lost(&mut self, why: String) {
        self.shared.close_orders();
        self.tell(why);
    }

    fn dialled(&mut self, dialled: Result<Wire, String>) -> Option<Wire> {
        dialled.map_err(|why| self.failed(why)).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How much room what `begin` gives takes until it ends.
    fn room<A, B, C, F>(_begin: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// A monitoring host has a thousand of them. What is seldom there belongs in a box.
    #[test]
    fn a_link_takes_no_more_than_a_kib() {
        let room = room(run);
        assert!(room <= 896, "{room} bytes");
    }
}
