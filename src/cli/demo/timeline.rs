//! The closing timeline: how long each phase of the switchover took.

use std::time::Duration;

use super::End;
use crate::clock::Span;
use crate::machine::Event;
use crate::machine::timeline;

/// When each phase was reached, since the crash.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    course: timeline::Timeline,
    /// When a client got an answer.
    answered: Option<Duration>,
}

impl Timeline {
    pub(super) fn begin(&mut self) {
        *self = Timeline::default();
    }

    pub(super) fn note(&mut self, event: &Event, at: Duration) {
        let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.course.event(millis, event);
    }

    pub(super) fn answered(&mut self, at: Duration) {
        self.answered = Some(at);
    }

    /// One line a phase: how long it took, and when it was over.
    pub(super) fn table(&self, end: &End) -> String {
        let reached = self.course.switchovers().last().map(|last| &last.reached);
        let reached = reached.into_iter().flatten().map(|reached| {
            let at = Duration::from_millis(reached.at_ms);
            (at, reached.phase.words())
        });
        let answered = self.answered.map(|at| (at, "the service answers a client"));
        let mut out = String::from("  took        after       phase\n");
        let mut before = Duration::ZERO;
        for (at, words) in reached.chain(answered) {
            let (took, after) = (
                Span(at.saturating_sub(before)).to_string(),
                Span(at).to_string(),
            );
            out.push_str(&format!("  {took:<10}  {after:<10}  {words}\n"));
            before = at;
        }
        match end {
            End::Serving => out.push_str(&format!(
                "The service was away for about {}.\n",
                Span(before)
            )),
            End::Hold(state) => out.push_str(&format!(
                "The package is in HOLD (state {state}), with an alarm.\n"
            )),
        }
        out
    }
}
