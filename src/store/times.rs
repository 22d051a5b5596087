//! How long writes take: a histogram of fixed buckets, counted by the writer and read by whoever asks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The buckets' upper ends, in microseconds: from a solid-state disk's flush to a hung one's.
const ENDS: [u64; 12] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    10_000_000,
];

/// How long the transactions took since the journal was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteTimes {
    /// Each bucket's upper end, and how many took no longer.
    pub buckets: Vec<(Duration, u64)>,
    /// All that are on the disk.
    pub count: u64,
    /// How long those took together.
    pub sum: Duration,
    /// Those that failed, which are counted nowhere else.
    pub failed: u64,
}

impl Default for WriteTimes {
    fn default() -> WriteTimes {
        let ends = ENDS.iter().copied().map(Duration::from_micros);
        WriteTimes {
            buckets: ends.map(|end| (end, 0)).collect(),
            count: 0,
            sum: Duration::ZERO,
            failed: 0,
        }
    }
}

/// Counted while the writer writes.
#[derive(Debug, Default)]
pub(super) struct Stopwatch(Mutex<WriteTimes>);

impl Stopwatch {
    /// One transaction has ended.
    pub fn note(&self, took: Duration, good: bool) {
        let mut times = self.lock();
        if !good {
            times.failed += 1;
            return;
        }
        for (_, count) in times.buckets.iter_mut().filter(|(end, _)| took <= *end) {
            *count += 1;
        }
        times.sum += took;
        times.count += 1;
    }

    /// What was counted.
    pub fn times(&self) -> WriteTimes {
        self.lock().clone()
    }

    /// Nothing panics while it holds this lock.
    fn lock(&self) -> MutexGuard<'_, WriteTimes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_holds_all_that_took_no_longer() {
        let watch = Stopwatch::default();
        for millis in [1, 3, 200] {
            watch.note(Duration::from_millis(millis), true);
        }
        watch.note(Duration::from_secs(60), false);
        let times = watch.times();
        let at = |millis| {
            let end = Duration::from_millis(millis);
            times.buckets.iter().find(|(at, _)| *at == end).unwrap().1
        };
        assert_eq!(
            [at(1), at(5), at(100), at(250), at(10_000)],
            [1, 2, 2, 3, 3]
        );
        assert_eq!((times.count, times.failed), (3, 1));
        assert_eq!(times.sum, Duration::from_millis(204));
    }
}
