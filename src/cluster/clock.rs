//! The daemon's clock, and how its jumps are noticed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::clock::Moment;
use crate::machine::input::HostFact;

/// A turn that comes this late, a sleep of the host or a jump of its wall clock this long is a reason
/// for doubt (design rule 8).
pub(super) const JUMP: Duration = Duration::from_secs(5);

/// The monotonic clock as [`Moment`]s; the same for all clusters.
#[derive(Clone, Copy, Debug)]
pub struct HostClock {
    zero: Instant,
    wall_zero: u64,
}

impl HostClock {
    /// A clock that begins now.
    pub fn start() -> HostClock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        HostClock {
            zero: Instant::now(),
            wall_zero: wall.map_or(0, |since| since.as_secs()),
        }
    }

    /// The time by this clock.
    pub fn now(&self) -> Moment {
        Moment::ZERO + self.zero.elapsed()
    }

    /// When that moment is, for tokio's timers.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.zero + moment.since(Moment::ZERO)
    }

    /// Seconds since 1970 at [`Moment::ZERO`].
    pub fn wall_zero(&self) -> u64 {
        self.wall_zero
    }
}

/// What was wrong with the time between two turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Irregular {
    /// This process had no turn, or the whole host was suspended, for so long; `counted` of it
    /// passed by the clock of [`HostClock`], which does not run while the host is suspended.
    Standstill { span: Duration, counted: Duration },
    /// The wall clock jumped by so many milliseconds, back if negative.
    Jump { millis: i64 },
}

impl Irregular {
    /// What the machine is told.
    pub(super) fn fact(self) -> HostFact {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        match self {
            Irregular::Standstill { span, counted } => HostFact::Standstill {
                millis: millis(span),
                counted: millis(counted),
            },
            Irregular::Jump { millis } => HostFact::ClockJump { millis },
        }
    }
}

/// Notices that this process stood still, or the whole host did, or that the wall clock was set.
#[derive(Debug)]
pub(super) struct JumpWatch {
    expected: Moment,
    asleep: Duration,
    wall: i64,
}

impl JumpWatch {
    /// Begins to watch; [`JumpWatch::turn`] must be called with every turn from now on.
    pub(super) fn start(now: Moment) -> JumpWatch {
        JumpWatch {
            expected: now,
            asleep: asleep(),
            wall: wall_offset(),
        }
    }

    /// A turn of the loop begins at `now`, and beyond `every` the next one is late: a standstill of
    /// `every` and [`JUMP`] is always found, a shorter one if it began late in the loop's sleep.
    pub(super) fn turn(&mut self, now: Moment, every: Duration) -> Vec<Irregular> {
        self.look(now, every, asleep(), wall_offset())
    }

    fn look(
        &mut self,
        now: Moment,
        every: Duration,
        asleep: Duration,
        wall: i64,
    ) -> Vec<Irregular> {
        let late = now.since(self.expected);
        let slept = asleep.saturating_sub(self.asleep);
        let jumped = wall - self.wall;
        (self.expected, self.asleep, self.wall) = (now + every, asleep, wall);
        let mut found = Vec::new();
        if late.max(slept) >= JUMP {
            let (span, counted) = (late + slept, late);
            found.push(Irregular::Standstill { span, counted });
        }
        if Duration::from_millis(jumped.unsigned_abs()) >= JUMP {
            found.push(Irregular::Jump { millis: jumped });
        }
        found
    }
}

fn read(id: ClockId) -> Option<Duration> {
    clock_gettime(id).map(Duration::from).ok()
}

/// How long the host has been suspended since it was booted: what CLOCK_BOOTTIME counts and
/// CLOCK_MONOTONIC does not (clock_gettime(2)).
fn asleep() -> Duration {
    let both = read(ClockId::CLOCK_BOOTTIME).zip(read(ClockId::CLOCK_MONOTONIC));
    both.map_or(Duration::ZERO, |(boot, monotonic)| {
        boot.saturating_sub(monotonic)
    })
}

/// How far the wall clock is from the time since the host was booted, in milliseconds: it changes
/// when the wall clock is set, and slowly where it is slewed (adjtime(3)).
fn wall_offset() -> i64 {
    let millis = |at: Duration| i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let both = read(ClockId::CLOCK_REALTIME).zip(read(ClockId::CLOCK_BOOTTIME));
    both.map_or(0, |(wall, boot)| millis(wall) - millis(boot))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn watch() -> JumpWatch {
        JumpWatch {
            expected: Moment::ZERO,
            asleep: Duration::ZERO,
            wall: 0,
        }
    }

    fn turn(watch: &mut JumpWatch, millis: u64) -> Vec<Irregular> {
        let (asleep, wall) = (watch.asleep, watch.wall);
        watch.look(Moment::from_millis(millis), SECOND, asleep, wall)
    }

    #[test]
    fn a_late_turn_is_a_standstill() {
        let mut watch = watch();
        assert_eq!(turn(&mut watch, 900), []);
        assert_eq!(turn(&mut watch, 5000), []);
        let span = Duration::from_secs(60);
        let counted = span;
        assert_eq!(
            turn(&mut watch, 66_000),
            [Irregular::Standstill { span, counted }]
        );
        assert_eq!(turn(&mut watch, 67_000), []);
    }

    /// The loop sleeps for two seconds; `every` says one, for the sleep hides what began in it.
    #[test]
    fn a_standstill_is_found_wherever_in_the_sleep_it_begins() {
        for began in [0, 500, 1000, 1999] {
            let mut watch = watch();
            assert_eq!(turn(&mut watch, 0), []);
            assert_eq!(turn(&mut watch, began + 6000).len(), 1, "after {began} ms");
        }
    }

    #[test]
    fn a_host_that_was_suspended_stood_still_though_its_clock_did_not_count_it() {
        let mut watch = watch();
        let hour = Duration::from_secs(3600);
        let found = watch.look(Moment::from_millis(500), SECOND, hour, 0);
        let counted = Duration::from_millis(500);
        assert_eq!(
            found,
            [Irregular::Standstill {
                span: hour + counted,
                counted
            }]
        );
    }

    #[test]
    fn a_clock_that_was_set_is_a_jump_and_no_standstill() {
        let mut watch = watch();
        for (wall, jump) in [(-60_000, -60_000), (3_540_000, 3_600_000)] {
            let found = watch.look(Moment::from_millis(500), SECOND, Duration::ZERO, wall);
            assert_eq!(found, [Irregular::Jump { millis: jump }]);
        }
        let slewed = watch.look(
            Moment::from_millis(900),
            SECOND,
            Duration::ZERO,
            3_540_000 + 400,
        );
        assert_eq!(slewed, []);
    }
}
