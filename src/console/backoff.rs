//! How long a lost console waits before it is dialled again.

use std::time::Duration;

use super::LinkSettings;

/// The waits between attempts.
pub(super) struct Backoff<'a> {
    settings: &'a LinkSettings,
    wait: Duration,
}

impl Backoff<'_> {
    pub(super) fn new(settings: &LinkSettings) -> Backoff<'_> {
        Backoff {
            settings,
            wait: settings.backoff_first,
        }
    }

    /// A link lived for `span`.
    pub(super) fn lived(&mut self, span: Duration) {
        if span >= self.settings.stable_after {
            self.wait = self.settings.backoff_first;
        }
    }

    pub(super) fn next(&mut self) -> Duration {
        let wait = self.wait.min(self.settings.backoff_max);
        self.wait = wait.saturating_mul(2);
        wait.mul_f64(0.5 + 0.5 * fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_anew_after_a_long_life() {
        let settings = LinkSettings::default();
        let mut backoff = Backoff::new(&settings);
        for millis in [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000] {
            let wait = Duration::from_millis(millis);
            let next = backoff.next();
            assert!(next >= wait / 2 && next <= wait, "{next:?} for {wait:?}");
        }
        backoff.lived(Duration::from_secs(9));
        assert!(backoff.next() >= Duration::from_secs(5));
        backoff.lived(Duration::from_secs(10));
        assert!(backoff.next() <= Duration::from_millis(250));
    }
}
