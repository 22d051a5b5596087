//! Warnings when a takeover, or a part of it, takes longer than the cluster file states.

use std::time::Duration;

use super::task::Guard;
use crate::alarm::{Alarms, Subject};
use crate::clock::{Moment, Span};
use crate::config::Targets;
use crate::machine::Stage;
use crate::script::program::Severity;

/// A part of a takeover that the cluster file may state a length of.
struct Part {
    code: &'static str,
    about: &'static str,
    target: fn(&Targets) -> Option<Duration>,
}

const PARTS: [Part; 3] = [
    Part {
        code: "takeover_slow",
        about: "the takeover is",
        target: |targets| targets.takeover,
    },
    Part {
        code: "fence_slow",
        about: "stopping the primary is",
        target: |targets| targets.fence,
    },
    Part {
        code: "boot_slow",
        about: "the new primary's start is",
        target: |targets| targets.boot,
    },
];

/// How far a part is.
#[derive(Debug, Default)]
struct Phase {
    began: Option<Moment>,
    /// Whether the alarm is open; before the first look nobody knows.
    said: Option<bool>,
}

/// The parts of a package's takeovers, in the order of [`PARTS`].
#[derive(Debug, Default)]
pub(super) struct Course([Phase; PARTS.len()]);

impl Guard {
    /// Looks how far a takeover is; a turn of the loop comes often enough for that.
    pub(super) fn look_at_course(&mut self, now: Moment) {
        // A cluster has one package.
        let stage = self.machine.stage(0);
        if stage == Stage::Settled && self.course.is_settled() {
            return;
        }
        let subject = self.subject(0);
        let targets = &self.blueprint.targets;
        self.course
            .look(stage, targets, &subject, &self.host.alarms, now);
    }
}

impl Course {
    /// Nothing was under way at the last look.
    fn is_settled(&self) -> bool {
        let idle = |phase: &Phase| phase.began.is_none() && phase.said == Some(false);
        self.0.iter().all(idle)
    }

    /// Looks where the package stands.
    pub fn look(
        &mut self,
        stage: Stage,
        targets: &Targets,
        subject: &Subject,
        alarms: &Alarms,
        now: Moment,
    ) {
        let stopping = stage == Stage::Stopping;
        let starting = stage == Stage::Starting;
        let under_way = [stopping || starting, stopping, starting];
        for ((phase, part), under_way) in self.0.iter_mut().zip(&PARTS).zip(under_way) {
            if !under_way {
                phase.began = None;
                if phase.said != Some(false) {
                    phase.said = Some(false);
                    alarms.clear(subject, part.code);
                }
                continue;
            }
            let began = *phase.began.get_or_insert(now);
            let Some(target) = (part.target)(targets) else {
                continue;
            };
            if now.since(began) > target && phase.said != Some(true) {
                phase.said = Some(true);
                let text = format!("{} under way for longer than {}", part.about, Span(target));
                alarms.raise(subject, Severity::Warning, part.code, &text);
            }
        }
    }
}
