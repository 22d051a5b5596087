//! The daemon's clock, and how its jumps are noticed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::clock::Moment;

/// A turn that comes this late, or a sleep of the host this long, is a jump (design rule 8).
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

/// Notices that this process stood still, or the whole host did.
#[derive(Debug)]
pub(super) struct JumpWatch {
    expected: Moment,
    asleep: Duration,
}

impl JumpWatch {
    /// Begins to watch; [`JumpWatch::turn`] must be called with every turn from now on.
    pub(super) fn start(now: Moment) -> JumpWatch {
        JumpWatch {
            expected: now,
            asleep: asleep(),
        }
    }

    /// A turn of the loop begins at `now`, and beyond `every` the next one is late. How far time
    /// jumped since the last one, if it jumped: a standstill of `every` and [`JUMP`] is always found,
    /// a shorter one if it began late in the loop's sleep.
    pub(super) fn turn(&mut self, now: Moment, every: Duration) -> Option<Duration> {
        let late = now.since(self.expected);
        let asleep = asleep();
        let slept = asleep.saturating_sub(self.asleep);
        self.expected = now + every;
        self.asleep = asleep;
        let jump = late.max(slept);
        (jump >= JUMP).then_some(jump)
    }
}

/// How long the host has been suspended since it was booted: what CLOCK_BOOTTIME counts and
/// CLOCK_MONOTONIC does not (clock_gettime(2)).
fn asleep() -> Duration {
    let read = |id| clock_gettime(id).map(Duration::from);
    match (
        read(ClockId::CLOCK_BOOTTIME),
        read(ClockId::CLOCK_MONOTONIC),
    ) {
        (Ok(boot), Ok(monotonic)) => boot.saturating_sub(monotonic),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_turn_is_a_jump() {
        let second = Duration::from_secs(1);
        let mut watch = JumpWatch::start(Moment::ZERO);
        assert_eq!(watch.turn(Moment::from_millis(900), second), None);
        assert_eq!(watch.turn(Moment::from_millis(5000), second), None);
        let jump = watch.turn(Moment::from_millis(66_000), second);
        assert_eq!(jump, Some(Duration::from_secs(60)));
        assert_eq!(watch.turn(Moment::from_millis(67_000), second), None);
    }

    /// The loop sleeps for two seconds; `every` says one, for the sleep hides what began in it.
    #[test]
    fn a_standstill_is_found_wherever_in_the_sleep_it_begins() {
        let every = Duration::from_secs(1);
        for began in [0, 500, 1000, 1999] {
            let mut watch = JumpWatch::start(Moment::ZERO);
            assert_eq!(watch.turn(Moment::ZERO, every), None);
            let woken = Moment::from_millis(began + 6000);
            assert!(watch.turn(woken, every).is_some(), "began after {began} ms");
        }
    }
}
