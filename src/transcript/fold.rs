//! What is done to a console again and again (the BREAK, line kill and RETURN of a siege) is not
//! written again and again.

use std::time::Duration;

use super::UtcMillis;

/// The longest turn that is found: so many records that repeat together.
const PERIOD: usize = 4;

/// A turn is written so often before it is folded.
const WRITTEN: usize = 3;

/// Records further apart than this are no turn: their times are worth a line each.
const APART: Duration = Duration::from_secs(5);

/// How long what was left out may stay unsaid at first. It doubles each time, up to
/// [`UNSAID_MAX`]: the file of a siege of hours stays short, and a crash loses little.
const UNSAID: Duration = Duration::from_secs(60);
const UNSAID_MAX: Duration = Duration::from_secs(16 * 60);

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is to be written.
    Write,
    /// It is left out; this is to be written now, if it is there.
    LeaveOut(Option<Again>),
}

/// What is written in place of what was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    pub period: usize,
    pub count: u64,
    pub since: UtcMillis,
    pub last: UtcMillis,
}

/// The latest records, as far as they follow each other closely.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    /// Hashes of the records last written, the latest at the end.
    seen: [u64; PERIOD * WRITTEN],
    known: usize,
    last: UtcMillis,
    turn: Option<Turn>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    period: usize,
    /// Which record of the turn is next.
    next: usize,
    count: u64,
    since: UtcMillis,
    unsaid: Duration,
}

impl Fold {
    pub(super) fn new(at: UtcMillis) -> Fold {
        Fold {
            seen: [0; PERIOD * WRITTEN],
            known: 0,
            last: at,
            turn: None,
        }
    }

    /// Whether the record with this hash, at this time, would be left out. If not, the caller ends
    /// the turn first ([`Fold::end`]).
    pub(super) fn goes_on(&self, hash: u64, at: UtcMillis) -> bool {
        let close = at.since(self.last).is_some_and(|span| span <= APART);
        self.turn.is_some_and(|turn| {
            close && self.seen[self.seen.len() - turn.period + turn.next] == hash
        })
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, hash: u64, at: UtcMillis) -> Fate {
        if self.goes_on(hash, at) {
            self.last = at;
            return Fate::LeaveOut(self.leave_out(at));
        }
        debug_assert!(self.turn.is_none(), "the turn was ended before");
        if at.since(self.last).is_none_or(|span| span > APART) {
            self.known = 0;
        }
        self.last = at;
        self.seen.rotate_left(1);
        self.seen[PERIOD * WRITTEN - 1] = hash;
        self.known = (self.known + 1).min(self.seen.len());
        let turns = (1..=PERIOD).find(|&period| self.repeats(period));
        self.turn = turns.map(|period| Turn {
            period,
            next: 0,
            count: 0,
            since: at,
            unsaid: UNSAID,
        });
        Fate::Write
    }

    /// Ends the turn: what was left out and not said yet.
    pub(super) fn end(&mut self) -> Option<Again> {
        let turn = self.turn.take()?;
        self.known = 0;
        self.again(turn)
    }

    /// Until when the next record goes on with the turn, if there is one with something unsaid.
    pub(super) fn until(&self) -> Option<UtcMillis> {
        let turn = self.turn.filter(|turn| turn.count > 0);
        let apart = u64::try_from(APART.as_millis()).expect("seconds");
        turn.map(|_| UtcMillis::new(self.last.millis() + apart))
    }

    fn leave_out(&mut self, at: UtcMillis) -> Option<Again> {
        let turn = self.turn.as_mut().expect("it goes on");
        if turn.count == 0 {
            turn.since = at;
        }
        turn.count += 1;
        turn.next = (turn.next + 1) % turn.period;
        // It is said between two turns only, so that a reader begins with the first record again.
        if turn.next > 0 || at.since(turn.since).is_some_and(|span| span < turn.unsaid) {
            return None;
        }
        let said = *turn;
        turn.count = 0;
        turn.unsaid = (turn.unsaid * 2).min(UNSAID_MAX);
        self.again(said)
    }

    fn again(&self, turn: Turn) -> Option<Again> {
        (turn.count > 0).then_some(Again {
            period: turn.period,
            count: turn.count,
            since: turn.since,
            last: self.last,
        })
    }

    fn repeats(&self, period: usize) -> bool {
        let latest = &self.seen[self.seen.len() - period * WRITTEN..];
        self.known >= latest.len() && latest[period..] == latest[..latest.len() - period]
    }
}
