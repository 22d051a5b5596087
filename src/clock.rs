//! Time as the pure parts know it: a [`Moment`] is a distance from the start of the
//! driver's own clock (the daemon's monotonic clock, the simulator's virtual one).
//! Nothing in this file reads a clock.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point on the driver's monotonic clock, in microseconds since that clock began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Moment {
    /// One more than the microseconds: so an `Option<Moment>` is no larger than a `Moment`, and a
    /// cluster keeps scores of them.
    after: NonZeroU64,
}

/// A moment is the only thing that hashes itself as a `u128`: so a hasher can tell it from
/// numbers, and look at how far it is from the present instead.
impl Hash for Moment {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u128(u128::from(self.micros()));
    }
}

impl Moment {
    /// The beginning of the driver's clock.
    pub const ZERO: Moment = Moment::from_micros(0);

    /// The moment `micros` microseconds after the beginning.
    pub const fn from_micros(micros: u64) -> Moment {
        Moment {
            after: NonZeroU64::MIN.saturating_add(micros),
        }
    }

    /// The moment `millis` milliseconds after the beginning.
    pub const fn from_millis(millis: u64) -> Moment {
        Moment::from_micros(millis.saturating_mul(1000))
    }

    /// Microseconds since the beginning.
    pub const fn micros(self) -> u64 {
        self.after.get() - 1
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_micros(self.micros().saturating_sub(earlier.micros()))
    }
}

impl Default for Moment {
    fn default() -> Moment {
        Moment::ZERO
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Moment({})", self.micros())
    }
}

impl From<u64> for Moment {
    fn from(micros: u64) -> Moment {
        Moment::from_micros(micros)
    }
}

impl From<Moment> for u64 {
    fn from(moment: Moment) -> u64 {
        moment.micros()
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, span: Duration) -> Moment {
        let span = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Moment::from_micros(self.micros().saturating_add(span))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, span: Duration) -> Moment {
        let span = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Moment::from_micros(self.micros().saturating_sub(span))
    }
}

/// A duration as scripts, files and people write it: `200ms`, `5s`, `2m`, `1h`, `3d`.
pub fn parse_span(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    let count: u64 = digits.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.checked_mul(millis).map(Duration::from_millis)
}

/// Prints a duration for people: `850 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`.
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let secs = self.0.as_secs();
        match secs {
            0 => write!(f, "{millis} ms"),
            1..60 if millis.is_multiple_of(1000) => write!(f, "{secs} s"),
            1..60 => write!(f, "{}.{} s", secs, millis % 1000 / 100),
            60..3600 if secs.is_multiple_of(60) => write!(f, "{} min", secs / 60),
            60..3600 => write!(f, "{} min {} s", secs / 60, secs % 60),
            _ if (secs / 60).is_multiple_of(60) => write!(f, "{} h", secs / 3600),
            _ => write!(f, "{} h {} min", secs / 3600, secs / 60 % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!(parse_span("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(parse_span("10m"), Some(Duration::from_secs(600)));
        for bad in ["", "5", "s", "5 s", "-1s", "5w", "99999999999999999999s"] {
            assert_eq!(parse_span(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn spans_are_printed_for_people() {
        for (millis, text) in [
            (850, "850 ms"),
            (4200, "4.2 s"),
            (185_000, "3 min 5 s"),
            (7_800_000, "2 h 10 min"),
        ] {
            assert_eq!(Span(Duration::from_millis(millis)).to_string(), text);
        }
    }

    #[test]
    fn a_moment_never_runs_backwards_below_zero() {
        assert_eq!(Moment::ZERO.since(Moment::from_millis(5)), Duration::ZERO);
        assert_eq!(
            Moment::from_millis(5) - Duration::from_secs(1),
            Moment::ZERO
        );
    }
}
