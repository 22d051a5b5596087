//! What `status` tells of a node's boots: the one that is under way, or else the last one, against the usual
//! times of those before it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::EventLine;
use crate::clock::Moment;
use crate::machine::Event;
use crate::machine::boot_course::{BootCourse, BootReached, BootStep, FsckVerdict, usual};

/// Earlier boots of a node that usual times are taken from, the newest ones.
const MEASURED: usize = 9;

/// A node's boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootReport {
    /// The node.
    pub node: String,
    /// Whether it goes on; else it is the last one.
    pub under_way: bool,
    /// How long ago it began.
    pub age_ms: u64,
    /// How long it took, if it is over.
    pub took_ms: Option<u64>,
    /// Why it did not come to its end, if it did not.
    pub failed: Option<String>,
    /// Its steps, in their order; those too that are still to come, where they are usual.
    pub steps: Vec<StepReport>,
    /// What the checks of file systems said.
    pub fsck: Option<FsckVerdict>,
    /// How many earlier boots the usual times are of.
    pub measured: usize,
    /// How long the cluster file says that it may take.
    pub target_ms: Option<u64>,
}

/// A step of a boot. Times are since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// Which.
    pub step: BootStep,
    /// When it was reached; none: it was not.
    pub after_ms: Option<u64>,
    /// When it is usually reached.
    pub usual_ms: Option<u64>,
}

impl BootReport {
    /// One that goes on.
    pub fn under_way(
        node: &str,
        course: &BootCourse,
        target: Option<Duration>,
        now: Moment,
    ) -> BootReport {
        BootReport {
            node: node.to_owned(),
            under_way: true,
            age_ms: millis(now.since(course.began())),
            took_ms: None,
            failed: None,
            steps: reached(course.steps()),
            fsck: course.fsck(),
            measured: 0,
            target_ms: target.map(millis),
        }
    }

    /// Adds to the boots of a cluster that go on what the journal has of those before, `lines` in its order:
    /// the usual times, and of all other nodes the last boot.
    pub fn compare(boots: &mut Vec<BootReport>, lines: &[EventLine], now_ms: u64) {
        let mut past: Vec<Past> = lines.iter().rev().filter_map(Past::of).collect();
        for boot in boots.iter_mut() {
            boot.against(&past);
        }
        while let Some(place) = past.iter().position(|past| {
            let known = boots.iter().any(|boot| boot.node == past.node);
            !known
        }) {
            let last = past.remove(place);
            let mut boot = last.report(now_ms);
            boot.against(&past);
            boots.push(boot);
        }
        boots.sort_by(|one, other| one.node.cmp(&other.node));
    }

    /// Against those before it, the newest first. Only what began alike is compared: a boot command that is
    /// typed at a live prompt needs no self test.
    fn against(&mut self, past: &[Past]) {
        let first = self.steps.first().map(|step| step.step);
        let alike = |past: &&Past| {
            let began = past.steps.first().map(|one| one.step);
            past.node == self.node
                && past.failed.is_none()
                && (first == began || first.is_none())
                && began.is_some_and(|step| step <= BootStep::Load)
        };
        let alike: Vec<&Past> = past.iter().filter(alike).take(MEASURED).collect();
        self.measured = alike.len();
        let alike: Vec<&[BootReached]> = alike.iter().map(|past| past.steps.as_slice()).collect();
        for usual in usual(&alike) {
            let known = self.steps.iter_mut().find(|one| one.step == usual.step);
            match known {
                Some(step) => step.usual_ms = Some(usual.after_ms),
                None => self.steps.push(StepReport {
                    step: usual.step,
                    after_ms: None,
                    usual_ms: Some(usual.after_ms),
                }),
            }
        }
        self.steps.sort_by_key(|one| one.step);
    }

    /// The step that it is in, and when the next one is usually reached.
    pub fn stands(&self) -> (Option<&StepReport>, Option<&StepReport>) {
        let at = self.steps.iter().rposition(|step| step.after_ms.is_some());
        let next = at.map_or(0, |at| at + 1);
        (at.and_then(|at| self.steps.get(at)), self.steps.get(next))
    }

    /// Whether it goes on and has been longer on its way to the next step than is usual, by half as much
    /// again, or longer than the cluster file states.
    pub fn is_late(&self) -> bool {
        let (_, next) = self.stands();
        let usual = next.and_then(|next| next.usual_ms);
        let slow = usual.is_some_and(|usual| self.age_ms > usual + usual / 2);
        let beyond = self.target_ms.is_some_and(|target| self.age_ms > target);
        self.under_way && (slow || beyond)
    }
}

/// A boot in the journal.
struct Past {
    node: String,
    at_ms: u64,
    steps: Vec<BootReached>,
    fsck: Option<FsckVerdict>,
    took_ms: u64,
    failed: Option<String>,
}

impl Past {
    fn of(line: &EventLine) -> Option<Past> {
        let Event::Booted {
            node,
            steps,
            fsck,
            took_ms,
            failed,
        } = line.event()?
        else {
            return None;
        };
        Some(Past {
            node,
            at_ms: line.at_ms,
            steps,
            fsck,
            took_ms,
            failed,
        })
    }

    fn report(&self, now_ms: u64) -> BootReport {
        let ended = now_ms.saturating_sub(self.at_ms);
        BootReport {
            node: self.node.clone(),
            under_way: false,
            age_ms: ended.saturating_add(self.took_ms),
            took_ms: Some(self.took_ms),
            failed: self.failed.clone(),
            steps: reached(&self.steps),
            fsck: self.fsck,
            measured: 0,
            target_ms: None,
        }
    }
}

fn reached(steps: &[BootReached]) -> Vec<StepReport> {
    let step = |one: &BootReached| StepReport {
        step: one.step,
        after_ms: Some(one.after_ms),
        usual_ms: None,
    };
    steps.iter().map(step).collect()
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EntryKind;

    const DAY: u64 = 86_400_000;

    fn step(step: BootStep, seconds: u64) -> BootReached {
        let after_ms = seconds * 1000;
        BootReached { step, after_ms }
    }

    /// A boot of `node` that ended on that day, its login after so many seconds.
    fn line(node: &str, day: u64, login: u64) -> EventLine {
        let event = Event::Booted {
            node: node.to_owned(),
            steps: vec![step(BootStep::Load, 0), step(BootStep::Login, login)],
            fsck: None,
            took_ms: login * 1000,
            failed: (login > 900).then(|| "it panicked".to_owned()),
        };
        EventLine {
            v: 1,
            seq: 0,
            at: String::new(),
            at_ms: day * DAY,
            cluster: "pki".to_owned(),
            kind: EntryKind::Boot,
            subject: node.to_owned(),
            text: event.to_string(),
            body: serde_json::to_value(event).unwrap(),
        }
    }

    #[test]
    fn the_one_under_way_is_compared_with_those_before_and_the_others_show_their_last() {
        let mut course = BootCourse::begin(Moment::ZERO);
        course.hear(b"Boot device: disk\n", Moment::ZERO);
        let now = Moment::from_millis(100_000);
        let mut boots = vec![BootReport::under_way("ca2", &course, None, now)];
        let lines = [
            line("ca2", 1, 200),
            line("ca1", 2, 90),
            line("ca2", 3, 180),
            line("ca2", 4, 1000),
            line("ca1", 5, 80),
        ];
        BootReport::compare(&mut boots, &lines, 7 * DAY);
        let [ca1, ca2] = boots.as_slice() else {
            panic!("{boots:?}");
        };
        assert!(ca2.under_way && !ca2.is_late());
        // The one that failed measures nothing.
        assert_eq!(ca2.measured, 2);
        let (at, next) = ca2.stands();
        assert_eq!(at.unwrap().step, BootStep::Load);
        assert_eq!(
            (next.unwrap().step, next.unwrap().usual_ms),
            (BootStep::Login, Some(200_000))
        );
        assert_eq!(
            (ca1.under_way, ca1.took_ms, ca1.age_ms),
            (false, Some(80_000), 2 * DAY + 80_000)
        );
        assert_eq!((ca1.measured, ca1.steps[1].usual_ms), (1, Some(90_000)));
    }

    #[test]
    fn late_is_half_as_long_again_as_usual_or_beyond_the_target() {
        let course = BootCourse::begin(Moment::ZERO);
        let late = |seconds: u64, target| {
            let now = Moment::from_millis(seconds * 1000);
            let mut boots = vec![BootReport::under_way("ca2", &course, target, now)];
            BootReport::compare(&mut boots, &[line("ca2", 1, 200)], 7 * DAY);
            // Its load has not begun, and usually does at once.
            boots[0].steps[0].after_ms = Some(0);
            boots[0].is_late()
        };
        assert!(!late(300, None) && late(301, None));
        assert!(late(31, Some(Duration::from_secs(30))));
    }
}
