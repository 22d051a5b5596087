//! Warnings when a takeover, or a part of it, takes longer than the cluster file states.

use std::time::Duration;

use super::task::Guard;
use crate::alarm::{Alarms, Subject};
use crate::clock::{Moment, Span};
use crate::config::Targets;
use crate::machine::Stage;
use crate::script::program::Severity;

/// A part of a takeover, since when it is under way, and how long it may be.
#[derive(Debug)]
struct Phase {
    code: &'static str,
    about: &'static str,
    target: Option<Duration>,
    began: Option<Moment>,
    /// Whether the alarm is open; before the first look nobody knows.
    said: Option<bool>,
}

/// The parts of a package's takeovers.
#[derive(Debug)]
pub(super) struct Course([Phase; 3]);

impl Guard {
    /// Looks how far a takeover is; a turn of the loop comes often enough for that.
    pub(super) fn look_at_course(&mut self, now: Moment) {
        // A cluster has one package.
        let stage = self.machine.stage(0);
        if stage == Stage::Settled && self.course.is_settled() {
            return;
        }
        let subject = self.subject(0);
        self.course.look(stage, &subject, &self.host.alarms, now);
    }
}

impl Course {
    pub fn new(targets: Targets) -> Course {
        let phase = |code, about, target| Phase {
            code,
            about,
            target,
            began: None,
            said: None,
        };
        Course([
            phase("takeover_slow", "the takeover is", targets.takeover),
            phase("fence_slow", "stopping the primary is", targets.fence),
            phase("boot_slow", "the new primary's start is", targets.boot),
        ])
    }

    /// Nothing was under way at the last look.
    fn is_settled(&self) -> bool {
        let idle = |phase: &Phase| phase.began.is_none() && phase.said == Some(false);
        self.0.iter().all(idle)
    }

    /// Looks where the package stands.
    pub fn look(&mut self, stage: Stage, subject: &Subject, alarms: &Alarms, now: Moment) {
        let stopping = stage == Stage::Stopping;
        let starting = stage == Stage::Starting;
        let under_way = [stopping || starting, stopping, starting];
        for (phase, under_way) in self.0.iter_mut().zip(under_way) {
            if !under_way {
                phase.began = None;
                if phase.said != Some(false) {
                    phase.said = Some(false);
                    alarms.clear(subject, phase.code);
                }
                continue;
            }
            let began = *phase.began.get_or_insert(now);
            let lasts = now.since(began);
            let late = phase.target.is_some_and(|target| lasts > target);
            if let (true, Some(target)) = (late && phase.said != Some(true), phase.target) {
                phase.said = Some(true);
                let text = format!("{} under way for longer than {}", phase.about, Span(target));
                alarms.raise(subject, Severity::Warning, phase.code, &text);
            }
        }
    }
}
