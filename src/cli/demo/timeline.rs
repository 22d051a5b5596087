//! The closing timeline: how long each phase of the switchover took.

use std::time::Duration;

use super::End;
use crate::clock::Span;
use crate::machine::Event;

/// The phases, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Evidence,
    Decided,
    Stopped,
    Proved,
    NotProved,
    Booting,
    Up,
    Serving,
}

impl Phase {
    fn words(self) -> &'static str {
        match self {
            Phase::Evidence => "first evidence",
            Phase::Decided => "evidence enough: the fence begins",
            Phase::Stopped => "stopped: its prompt is alive",
            Phase::Proved => "proved stopped, reset and asked again",
            Phase::NotProved => "no proof could be made",
            Phase::Booting => "boot command given to the other machine",
            Phase::Up => "its login prompt",
            Phase::Serving => "the service answers a client",
        }
    }
}

/// When each phase was reached, since the crash.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    reached: Vec<(Phase, Duration)>,
}

impl Timeline {
    pub(super) fn begin(&mut self) {
        self.reached.clear();
    }

    pub(super) fn note(&mut self, event: &Event, at: Duration) {
        let phase = match event {
            Event::Evidence { .. } => Phase::Evidence,
            Event::FenceBegan { .. } => Phase::Decided,
            Event::Piece { .. } => Phase::Stopped,
            Event::Proved { .. } => Phase::Proved,
            Event::FenceFailed { .. } => Phase::NotProved,
            Event::BootTyped { .. } => Phase::Booting,
            Event::BootDone { .. } => Phase::Up,
            _ => return,
        };
        self.reach(phase, at);
    }

    pub(super) fn answered(&mut self, at: Duration) {
        self.reach(Phase::Serving, at);
    }

    fn reach(&mut self, phase: Phase, at: Duration) {
        if self.reached.iter().all(|(known, _)| *known != phase) {
            self.reached.push((phase, at));
        }
    }

    /// One line a phase: how long it took, and when it was over.
    pub(super) fn table(&self, end: &End) -> String {
        let mut out = String::from("  took        after       phase\n");
        let mut before = Duration::ZERO;
        for (phase, at) in &self.reached {
            let (took, after) = (
                Span((*at).checked_sub(before).unwrap()).to_string(),
                Span(*at).to_string(),
            );
            out.push_str(&format!("  {took:<10}  {after:<10}  {}\n", phase.words()));
            before = *at;
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
