//! A time as transcripts have it: UTC, to the millisecond.

use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01, UTC. What lies past the year 9999 is taken as its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UtcMillis(u64);

/// The last millisecond whose year has four digits.
const END: u64 = 253_402_300_799_999;

const DAY: u64 = 86_400_000;

impl UtcMillis {
    /// Bytes of a time as written: `2026-11-21T22:01:02.345Z`.
    pub const LENGTH: usize = 24;

    /// So many milliseconds after 1970 began.
    pub fn new(millis: u64) -> UtcMillis {
        UtcMillis(millis.min(END))
    }

    /// Milliseconds after 1970 began.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// The number of the day, in UTC.
    pub fn day(self) -> u64 {
        self.0 / DAY
    }

    /// The time since `earlier`; none if the clock was set back meanwhile.
    pub fn since(self, earlier: UtcMillis) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_millis)
    }

    /// `2026-11-21T22:01:02.345Z`.
    pub fn text(self) -> [u8; UtcMillis::LENGTH] {
        let (year, month, day) = civil(self.day());
        let ms = self.0 % DAY;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], ms / 3_600_000);
        digits(&mut text[14..16], ms / 60_000 % 60);
        digits(&mut text[17..19], ms / 1000 % 60);
        digits(&mut text[20..23], ms % 1000);
        text
    }

    /// Reads what [`UtcMillis::text`] writes, and nothing else.
    pub fn parse(text: &[u8]) -> Option<UtcMillis> {
        if text.len() != UtcMillis::LENGTH {
            return None;
        }
        let day = days(
            number(&text[0..4])?,
            number(&text[5..7])?,
            number(&text[8..10])?,
        )?;
        let clock =
            [(11, 13), (14, 16), (17, 19), (20, 23)].map(|(from, to)| number(&text[from..to]));
        let [Some(hour), Some(minute), Some(second), Some(ms)] = clock else {
            return None;
        };
        let time = UtcMillis(day * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + ms);
        // Numbers out of their range, and other characters between them, do not come back.
        (time.text() == text).then_some(time)
    }
}

impl fmt::Display for UtcMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).expect("digits are ASCII"))
    }
}

fn digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).expect("a digit is small");
        number /= 10;
    }
}

fn number(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |sum, &digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + u64::from(digit - b'0'))
    })
}

/// Year, month and day of the `day`th day after 1970-01-01. The year is taken to begin in March,
/// so that the leap day is its last; 400 years are 146097 days
/// (howardhinnant.github.io/date_algorithms.html).
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let era = day / 146_097;
    let of_era = day % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The days from 1970-01-01 to a date; none if it is before, or the month is none.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + of_year;
    (year / 400 * 146_097 + of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_and_read() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_298_462_345, "2026-11-21T22:01:02.345Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            let time = UtcMillis::new(millis);
            assert_eq!(time.to_string(), text);
            assert_eq!(UtcMillis::parse(text.as_bytes()), Some(time));
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in (0..END / DAY).step_by(13) {
            let time = UtcMillis::new(day * DAY + 1);
            assert_eq!(UtcMillis::parse(&time.text()), Some(time), "{time}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for bad in [
            "",
            "2026-11-21T22:01:02.345",
            "2026-11-21 22:01:02.345Z",
            "2026-11-31T22:01:02.345Z",
            "2025-02-29T22:01:02.345Z",
            "2026-00-21T22:01:02.345Z",
            "2026-11-21T24:01:02.345Z",
            "2026-11-21T22:60:02.345Z",
            "2026-11-21T22:01:60.345Z",
            "1969-11-21T22:01:02.345Z",
            "+026-11-21T22:01:02.345Z",
        ] {
            assert_eq!(UtcMillis::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
