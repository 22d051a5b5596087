//! Orders to a console: bytes and BREAK in one bounded queue that belongs to one link.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// So many BREAKs in a row may wait. One more would do what the last of them does anyway, later:
/// where a BREAK is a talk of seconds with a service processor, and five a second are ordered,
/// they would go on for minutes after the machine has stopped.
const BREAKS_IN_A_ROW: usize = 4;

/// What waits to be typed for so long is not typed any more: clusterd stood still, or a procedure of
/// a service processor went wrong. No console proof lives longer.
const TOO_OLD: Duration = Duration::from_secs(60);

/// Something to be done on a console, meant for one link and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Type these bytes. RETURN is a bare CR.
    Type {
        /// The link they are meant for.
        epoch: u64,
        /// What to type.
        bytes: Vec<u8>,
    },
    /// Send a BREAK.
    Break {
        /// The link it is meant for.
        epoch: u64,
    },
}

impl Order {
    /// The link the order is meant for.
    pub fn epoch(&self) -> u64 {
        match self {
            Order::Type { epoch, .. } | Order::Break { epoch } => *epoch,
        }
    }

    /// What the order counts against the queue's limit, bytes: a floor keeps the number of orders
    /// bounded too.
    fn weight(&self) -> usize {
        match self {
            Order::Type { bytes, .. } => bytes.len().max(1),
            Order::Break { .. } => 2,
        }
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It waits to be written.
    Queued,
    /// It is a BREAK, and one with the last of several that wait already.
    Merged,
    /// It is meant for a link that is not there.
    Stale,
    /// The queue is full; the link must end.
    Full,
}

/// The queue. It is open while a link is up, and takes orders for that link only.
#[derive(Debug)]
pub(super) struct Orders {
    open: Option<u64>,
    waiting: VecDeque<(Instant, Order)>,
    weight: usize,
    limit: usize,
    overflowed: bool,
    /// Something was too late to be typed: the link must end.
    late: bool,
}

impl Orders {
    pub(super) fn new(limit: usize) -> Orders {
        Orders {
            open: None,
            waiting: VecDeque::new(),
            weight: 0,
            limit,
            overflowed: false,
            late: false,
        }
    }

    /// A link is up: its queue starts empty.
    pub(super) fn open(&mut self, epoch: u64) {
        debug_assert!(self.waiting.is_empty(), "an old link's orders were left");
        self.open = Some(epoch);
    }

    /// The link is gone, and what waited for it with it: how many orders that were.
    pub(super) fn close(&mut self) -> usize {
        let dropped = self.waiting.len();
        self.open = None;
        self.waiting.clear();
        self.weight = 0;
        self.overflowed = false;
        self.late = false;
        dropped
    }

    pub(super) fn place(&mut self, order: Order) -> Placed {
        if self.open != Some(order.epoch()) {
            return Placed::Stale;
        }
        let is_break = |order: &Order| matches!(order, Order::Break { .. });
        let waiting = self.waiting.iter().rev();
        let row = waiting.take_while(|(_, order)| is_break(order)).count();
        if is_break(&order) && row >= BREAKS_IN_A_ROW {
            return Placed::Merged;
        }
        if self.overflowed || self.weight + order.weight() > self.limit {
            self.overflowed = true;
            return Placed::Full;
        }
        self.weight += order.weight();
        self.waiting.push_back((Instant::now(), order));
        Placed::Queued
    }

    /// What was meant for this link comes too late: nothing more is taken, and it ends.
    pub(super) fn too_late(&mut self, epoch: u64) {
        self.late |= self.open == Some(epoch);
    }

    /// Whether the link must end because something came too late.
    pub(super) fn late(&self) -> bool {
        self.late
    }

    /// The next order of the present link.
    pub(super) fn take(&mut self) -> Option<Order> {
        let (placed, order) = self.waiting.front()?;
        let typed = matches!(order, Order::Type { .. });
        self.late |= typed && placed.elapsed() >= TOO_OLD;
        if self.late {
            return None;
        }
        let (_, order) = self.waiting.pop_front()?;
        if self.waiting.is_empty() {
            // A console at rest is told nothing for minutes.
            self.waiting = VecDeque::new();
        }
        self.weight -= order.weight();
        Some(order)
    }

    /// Whether an order found no room.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(epoch: u64, bytes: &[u8]) -> Order {
        let bytes = bytes.to_vec();
        Order::Type { epoch, bytes }
    }

    #[test]
    fn only_the_open_links_orders_are_taken() {
        let mut orders = Orders::new(100);
        assert_eq!(orders.place(typed(1, b"a")), Placed::Stale);
        orders.open(1);
        assert_eq!(orders.place(typed(1, b"a")), Placed::Queued);
        assert_eq!(orders.place(Order::Break { epoch: 2 }), Placed::Stale);
        assert_eq!(orders.close(), 1);
        orders.open(2);
        assert_eq!(orders.take(), None);
        assert_eq!(orders.place(typed(1, b"a")), Placed::Stale);
    }

    #[test]
    fn breaks_do_not_pile_up_behind_a_slow_one_and_keep_their_place_among_bytes() {
        let mut orders = Orders::new(1000);
        orders.open(1);
        for n in 0..100 {
            let placed = match n < BREAKS_IN_A_ROW {
                true => Placed::Queued,
                false => Placed::Merged,
            };
            assert_eq!(orders.place(Order::Break { epoch: 1 }), placed);
        }
        orders.place(typed(1, b"a"));
        orders.place(Order::Break { epoch: 1 });
        let taken: Vec<Order> = std::iter::from_fn(|| orders.take()).collect();
        assert_eq!(taken.len(), BREAKS_IN_A_ROW + 2);
        assert_eq!(taken[BREAKS_IN_A_ROW], typed(1, b"a"));
    }

    #[test]
    fn the_queue_is_bounded_and_never_takes_what_follows_a_hole() {
        let mut orders = Orders::new(4);
        orders.open(1);
        assert_eq!(orders.place(typed(1, b"abc")), Placed::Queued);
        assert_eq!(orders.place(Order::Break { epoch: 1 }), Placed::Full);
        assert_eq!(orders.place(typed(1, b"d")), Placed::Full);
        assert!(orders.overflowed());
        orders.close();
        orders.open(2);
        assert!(!orders.overflowed());
    }
}
