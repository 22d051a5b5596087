//! Whether the session behind a standing connection lives. A terminal server whose program hangs
//! has a kernel that still answers for it: only a question that the session itself must answer can
//! tell.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;

use super::LinkSettings;

/// Silent consoles are asked at moments that are so far apart: a thousand of them make the program
/// wake up four times a second then, not two hundred times.
const TOGETHER: Duration = Duration::from_millis(250);

/// The last of the common moments that is not after `due`.
fn together(due: Instant) -> Instant {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = due.saturating_duration_since(*FIRST).as_micros();
    let early = since % TOGETHER.as_micros();
    due - Duration::from_micros(u64::try_from(early).unwrap_or(0))
}

/// What is known of one session's life.
pub(super) struct Pulse<'a> {
    settings: &'a LinkSettings,
    settled: Instant,
    heard: Instant,
    asked: Option<Instant>,
    /// Whether it has ever answered: one that never did is not called dead for it.
    answers: bool,
}

impl Pulse<'_> {
    pub(super) fn new(settings: &LinkSettings, now: Instant) -> Pulse<'_> {
        Pulse {
            settings,
            settled: now + settings.settle,
            heard: now,
            asked: None,
            answers: false,
        }
    }

    /// Something was heard.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The question was asked.
    pub(super) fn asked(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// The question was answered.
    pub(super) fn answered(&mut self) {
        self.answers = true;
        self.asked = None;
    }

    /// For how long nothing has been heard.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }

    /// When the next question is due; none while one is not answered. The first is due as soon
    /// as the link has settled, for only a session that has answered one can be found dead later;
    /// then silence asks, up to [`TOGETHER`] early.
    pub(super) fn question(&self) -> Option<Instant> {
        match (self.asked, self.answers) {
            (Some(_), _) => None,
            (None, true) => Some(together(self.heard + self.settings.keepalive_idle)),
            (None, false) => Some(self.settled),
        }
    }

    /// When the session is dead unless it says something, whatever that is.
    pub(super) fn gone(&self) -> Option<Instant> {
        let asked = self.asked.filter(|_| self.answers)?;
        Some((self.heard + self.settings.user_timeout).max(asked + self.settings.keepalive_idle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_session_that_answered_once_is_dead_when_it_does_not() {
        let settings = LinkSettings::default();
        let now = Instant::now();
        let mut pulse = Pulse::new(&settings, now);
        assert_eq!(pulse.question(), Some(now + settings.settle));
        pulse.asked(now);
        assert_eq!((pulse.question(), pulse.gone()), (None, None));
        pulse.heard(now + SECOND);
        pulse.answered();
        let question = pulse.question().unwrap();
        assert!(question <= now + 6 * SECOND && question > now + 6 * SECOND - TOGETHER);
        assert_eq!(together(question), question);
        pulse.asked(now + 6 * SECOND);
        assert_eq!(pulse.gone(), Some(now + 16 * SECOND));
        // It still talks, though not in answer: that is life.
        pulse.heard(now + 15 * SECOND);
        assert_eq!(pulse.gone(), Some(now + 30 * SECOND));
        assert_eq!(settings.lost_after(), 15 * SECOND);
    }

    #[test]
    fn an_answer_has_as_long_as_the_silence_before_the_question() {
        let settings = LinkSettings {
            keepalive_idle: 20 * SECOND,
            ..LinkSettings::default()
        };
        let now = Instant::now();
        let mut pulse = Pulse::new(&settings, now);
        pulse.answered();
        pulse.asked(now + 20 * SECOND);
        assert_eq!(pulse.gone(), Some(now + 40 * SECOND));
        assert_eq!(settings.lost_after(), 40 * SECOND);
    }
}
