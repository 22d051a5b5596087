//! A person's word that is in force until an end given beforehand: that people work somewhere (maintenance),
//! that a node is without power (out of service), that the monitor is well. Who said it and what for, its hours, and what becomes of
//! them over a restart, a sleep of the host and a wall clock that is set.

use std::time::Duration;

use crate::clock::{Moment, Span};
use crate::machine::memory::WordMemory;

/// A reason is cut behind so many characters.
const REASON: usize = 200;

/// Who said it, why, and until when it counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersonsWord {
    /// Whose word it is.
    pub who: String,
    /// What for.
    pub reason: String,
    /// Since when, in seconds since 1970.
    pub began: u64,
    /// For how long it was given, at last.
    pub(super) lasts: Duration,
    /// Its end.
    pub until: Moment,
    /// When its alarm is said again.
    pub(super) reminds: Moment,
    /// It was said that it ends soon.
    pub(super) warned: bool,
}

/// A reason as it is kept: one line, and not too long.
///
/// # Errors
///
/// There is none: whoever is called at night reads it.
pub(super) fn reason(said: &str) -> Result<String, String> {
    let reason = said.trim().chars().filter(|c| !c.is_control());
    let reason: String = reason.take(REASON).collect();
    if reason.is_empty() {
        return Err("a reason is to be given: whoever is called at night reads it".to_owned());
    }
    Ok(reason)
}

impl PersonsWord {
    /// Given by `who` for a `reason`, from now on; `began` is the hour of the first word, where this one
    /// prolongs it. Its alarm is said again after `reminded`.
    pub(super) fn given(
        (who, reason): (String, String),
        began: u64,
        lasts: Duration,
        (now, reminded): (Moment, Duration),
    ) -> PersonsWord {
        PersonsWord {
            who,
            reason,
            began,
            lasts,
            until: now + lasts,
            reminds: now + reminded,
            warned: false,
        }
    }

    /// When it is said that it ends: so long before, or when a quarter of a short one is left.
    pub(super) fn warns(&self, before: Duration) -> Moment {
        self.until - before.min(self.lasts / 4)
    }

    /// For how long it was given, in milliseconds.
    pub(super) fn lasts_ms(&self) -> u64 {
        u64::try_from(self.lasts.as_millis()).unwrap_or(u64::MAX)
    }

    /// What is left, for people: up to the next minute, or second.
    pub(super) fn left(&self, now: Moment) -> Span {
        let seconds = self.left_seconds(now);
        let unit = if seconds > 600 { 60 } else { 1 };
        Span(Duration::from_secs(
            seconds.div_ceil(unit).saturating_mul(unit),
        ))
    }

    fn left_seconds(&self, now: Moment) -> u64 {
        let left = self.until.since(now).as_millis().div_ceil(1000);
        u64::try_from(left).unwrap_or(u64::MAX)
    }

    // --- over restarts, a sleep, and a clock that is set ------------------------------------

    /// What is to be remembered, at this wall clock.
    pub(super) fn remembered(&self, now: Moment, wall: u64) -> WordMemory {
        WordMemory {
            who: self.who.clone(),
            reason: self.reason.clone(),
            began: self.began,
            until: wall + self.left_seconds(now),
            lasts: self.lasts.as_secs().max(1),
        }
    }

    /// What was remembered goes on, and its alarm is said at once.
    pub(super) fn restored(
        memory: &WordMemory,
        longest: Duration,
        now: Moment,
        wall: u64,
    ) -> PersonsWord {
        let lasts = Duration::from_secs(memory.lasts).min(longest);
        // A clock that was put back meanwhile does not make it longer than it was given.
        let left = Duration::from_secs(memory.until.saturating_sub(wall)).min(lasts);
        PersonsWord {
            who: memory.who.clone(),
            reason: memory.reason.clone(),
            began: memory.began,
            lasts,
            until: now + left,
            reminds: now,
            warned: false,
        }
    }

    /// The host slept for so long without its clock of the machine: the hours have passed all the same.
    pub(super) fn slept(&mut self, span: Duration) {
        self.until = self.until - span;
    }

    /// The wall clock was set by so many seconds: what is left does not change.
    pub(super) fn clock_set(&mut self, seconds: i64) {
        self.began = self.began.saturating_add_signed(seconds);
    }
}
