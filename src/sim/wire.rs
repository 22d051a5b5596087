//! The way between a node and its port at the terminal server: what may happen to bytes and BREAKs on it.
//!
//! ```text
//!   node ── output ─► lost? wrong? ─► delayed, in pieces ─► port
//!        ◄─ BREAK ──────────── late, or once more ───────── port
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Moment;

/// Output under way that is kept; the oldest is lost first.
const UNDER_WAY: usize = 1 << 20;

/// The most pieces under way: what comes then arrives together.
const PIECES: usize = 4096;

/// A piece of a split output has so many bytes at most, and comes so long after the last one at most.
const PIECE: (usize, u64) = (7, 40);

/// Output that comes so much later is no answer to anybody.
const TOO_LATE: Duration = Duration::from_secs(1);
/// A BREAK that comes so much later misses the whole of a fence's attempts to stop a node.
const MISSED: Duration = Duration::from_secs(10);

/// How BREAKs come to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BreakWay {
    /// At once.
    #[default]
    Straight,
    /// So much later: the terminal server queues them.
    Late(Duration),
    /// At once, and once more after so long.
    Twice(Duration),
}

/// One cable.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    /// So many of a thousand bytes from the node arrive wrong.
    pub noise: u16,
    /// So many of a thousand do not arrive.
    pub lossy: u16,
    /// Output arrives so much later.
    pub delay: Duration,
    /// Output arrives in small pieces, with pauses between.
    pub split: bool,
    /// How BREAKs come to the node.
    pub breaks: BreakWay,
    under_way: VecDeque<(Moment, Vec<u8>)>,
    bytes: usize,
    /// What is under way and arrives far too late has arrived by then.
    late_until: Moment,
    breaks_to_come: VecDeque<Moment>,
}

impl Wire {
    /// All that was wrong with it is mended; what is under way still arrives.
    pub fn mend(&mut self) {
        self.noise = 0;
        self.lossy = 0;
        self.delay = Duration::ZERO;
        self.split = false;
        self.breaks = BreakWay::Straight;
    }

    /// Takes what the node says at `now`, and gives what arrives by then.
    pub fn carry(&mut self, mut said: Vec<u8>, now: Moment, rng: &mut fastrand::Rng) -> Vec<u8> {
        if self.noise > 0 {
            for byte in &mut said {
                if rng.u16(..1000) < self.noise {
                    *byte = rng.u8(..);
                }
            }
        }
        if self.lossy > 0 {
            said.retain(|_| rng.u16(..1000) >= self.lossy);
        }
        if self.under_way.is_empty() && self.delay.is_zero() && !self.split {
            return said;
        }
        self.send(&said, now, rng);
        let mut arrived = Vec::new();
        while self.under_way.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, piece)) = self.under_way.pop_front()
        {
            self.bytes -= piece.len();
            arrived.extend(piece);
        }
        arrived
    }

    fn send(&mut self, said: &[u8], now: Moment, rng: &mut fastrand::Rng) {
        let mut rest = said;
        while !rest.is_empty() {
            let whole = !self.split || self.under_way.len() >= PIECES;
            let length = if whole {
                rest.len()
            } else {
                rng.usize(1..=PIECE.0).min(rest.len())
            };
            let (piece, left) = rest.split_at(length);
            rest = left;
            let last = self.under_way.back().map_or(now, |(at, _)| *at);
            let pause = if whole { 0 } else { rng.u64(..PIECE.1) };
            let at = last.max(now + self.delay) + Duration::from_millis(pause);
            if at.since(now) >= TOO_LATE {
                self.late_until = at;
            }
            self.bytes += piece.len();
            self.under_way.push_back((at, piece.to_vec()));
        }
        while self.bytes > UNDER_WAY {
            let Some((_, oldest)) = self.under_way.pop_front() else {
                return;
            };
            self.bytes -= oldest.len();
        }
    }

    /// Whether what the node says at `now` comes far too late, or in part or as something else.
    pub fn cuts_off(&self, now: Moment) -> bool {
        let late = self.delay >= TOO_LATE || self.late_until > now;
        late || self.lossy > 100 || self.noise > 100
    }

    /// A BREAK is sent at `now`; says whether it arrives at once.
    pub fn send_break(&mut self, now: Moment) -> bool {
        let (at_once, later) = match self.breaks {
            BreakWay::Straight => (true, None),
            BreakWay::Late(by) => (false, Some(by)),
            BreakWay::Twice(after) => (true, Some(after)),
        };
        // A terminal server queues a few, and drops the rest.
        if let Some(by) = later.filter(|_| self.breaks_to_come.len() < 64) {
            self.breaks_to_come.push_back(now + by);
        }
        at_once
    }

    /// Whether a BREAK that is sent now comes when nobody waits for its answer any more.
    pub fn delays_breaks(&self) -> bool {
        matches!(self.breaks, BreakWay::Late(by) if by >= MISSED)
    }

    /// Whether a late BREAK arrives by `now`.
    pub fn break_arrives(&mut self, now: Moment) -> bool {
        let arrives = self.breaks_to_come.front().is_some_and(|at| *at <= now);
        if arrives {
            self.breaks_to_come.pop_front();
        }
        arrives
    }

    /// When something that is under way arrives.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let output = self.under_way.front().map(|(at, _)| *at);
        let breaks = self.breaks_to_come.front().copied();
        match (output, breaks) {
            (Some(output), Some(breaks)) => Some(output.min(breaks)),
            (output, breaks) => output.or(breaks),
        }
    }
}
