//! What happened, as hooks name it: events are finer than that.

use std::time::Duration;

use crate::clock::Moment;
use crate::config::Point;
use crate::control::{Standing, StandingWord as Word};
use crate::machine::Event;

/// Something that hooks run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happens {
    pub on: Point,
    pub node: Option<String>,
    pub cause: String,
    /// Of what comes after something: how that ended.
    pub result: &'static str,
}

/// What was seen up to now.
#[derive(Debug, Default)]
pub(super) struct Moments {
    /// The node that has the package.
    on: Option<String>,
    /// The node that is being stopped: each of several ways to do it is an event.
    fencing: Option<String>,
    /// Why the last way failed.
    fence_failed: String,
    /// The package is on its way to another node.
    moves: bool,
    held: bool,
    /// Since when no standby is there.
    alone: Option<Moment>,
    /// That was told.
    alone_told: bool,
}

/// A standby that is gone for so long is told of: some are only being restarted.
const ALONE: Duration = Duration::from_secs(60);

impl Moments {
    /// What an event means for hooks.
    pub fn of(&mut self, event: &Event) -> Vec<Happens> {
        match event {
            Event::Roles { primary, .. } => {
                self.on = Some(primary.clone());
                Vec::new()
            }
            Event::FenceBegan { node, evidence, .. } => {
                if self.fencing.replace(node.clone()).as_ref() == Some(node) {
                    return Vec::new();
                }
                vec![happens(Point::BeforeFence, node, evidence, "")]
            }
            Event::Proved { node, kind, .. } => {
                self.fencing = None;
                vec![happens(Point::AfterFence, node, &kind.to_string(), "done")]
            }
            Event::FenceFailed { why, .. } => {
                self.fence_failed.clone_from(why);
                Vec::new()
            }
            // The last way has failed, or the fence was given up.
            Event::State { cause, .. } => match self.fencing.take() {
                Some(node) => {
                    let why = match self.fence_failed.as_str() {
                        "" => cause,
                        why => why,
                    };
                    let after = happens(Point::AfterFence, &node, why, "failed");
                    self.fence_failed.clear();
                    vec![after]
                }
                None => Vec::new(),
            },
            Event::BootBegan { node, .. } => self.boot_begins(node),
            Event::BootDone { node, .. } => {
                let ends = self.boot_ends(node, "", "done");
                self.on = Some(node.clone());
                ends
            }
            Event::BootFailed { node, why, .. } => self.boot_ends(node, why, "failed"),
            Event::Maintenance { name, reason, .. } => {
                vec![happens(Point::Maintenance, name, reason, "")]
            }
            Event::MaintenanceEnded { name, why } => {
                vec![happens(Point::MaintenanceEnded, name, why, "")]
            }
            Event::Impaired { why } => vec![of_the_cluster(Point::Impaired, why)],
            Event::Well => vec![of_the_cluster(Point::Well, "")],
            _ => Vec::new(),
        }
    }

    fn boot_begins(&mut self, node: &str) -> Vec<Happens> {
        self.moves = self.on.as_deref().is_some_and(|on| on != node);
        let mut all = Vec::new();
        if self.moves {
            all.push(happens(Point::BeforeSwitchover, node, "", ""));
        }
        all.push(happens(Point::BeforeBoot, node, "", ""));
        all
    }

    fn boot_ends(&mut self, node: &str, why: &str, result: &'static str) -> Vec<Happens> {
        let mut all = vec![happens(Point::AfterBoot, node, why, result)];
        if std::mem::take(&mut self.moves) {
            all.push(happens(Point::AfterSwitchover, node, why, result));
        }
        all
    }

    /// How the cluster stands, seen again and again.
    pub fn standing(&mut self, standing: &Standing, now: Moment) -> Option<Happens> {
        match standing.word {
            Word::Degraded => {
                let since = *self.alone.get_or_insert(now);
                if self.alone_told || now.since(since) < ALONE {
                    return None;
                }
                self.alone_told = true;
                Some(of_the_cluster(Point::Degraded, &standing.why))
            }
            Word::Ok | Word::Jeopardy => {
                self.alone = None;
                let told = std::mem::take(&mut self.alone_told);
                told.then(|| of_the_cluster(Point::Repaired, ""))
            }
            // Nothing is known of it just now.
            _ => None,
        }
    }

    /// HOLD, seen again and again.
    pub fn hold(&mut self, held: Option<&str>) -> Option<Happens> {
        let was = std::mem::replace(&mut self.held, held.is_some());
        match (was, held) {
            (false, Some(why)) => Some(of_the_cluster(Point::Hold, why)),
            (true, None) => Some(of_the_cluster(Point::HoldEnded, "")),
            _ => None,
        }
    }
}

fn happens(on: Point, node: &str, cause: &str, result: &'static str) -> Happens {
    Happens {
        on,
        node: Some(node.to_owned()),
        cause: cause.to_owned(),
        result,
    }
}

fn of_the_cluster(on: Point, cause: &str) -> Happens {
    Happens {
        on,
        node: None,
        cause: cause.to_owned(),
        result: "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::proof::ProofKind;

    fn text(word: &str) -> String {
        word.to_owned()
    }

    fn fence(node: &str) -> Event {
        Event::FenceBegan {
            package: text("ca"),
            node: text(node),
            procedure: text("reset"),
            evidence: text("a panic"),
        }
    }

    fn seen(moments: &mut Moments, event: &Event) -> Vec<(&'static str, String, &'static str)> {
        let all = moments.of(event).into_iter();
        all.map(|h| (h.on.word(), h.node.unwrap_or_default(), h.result))
            .collect()
    }

    #[test]
    fn a_takeover_is_told_once_and_in_order() {
        let mut moments = Moments::default();
        let package = text("ca");
        let roles = Event::Roles {
            package: package.clone(),
            primary: text("ca1"),
            secondary: text("ca2"),
            how: String::new(),
        };
        let state = Event::State {
            package: package.clone(),
            state: text("stopped"),
            about: String::new(),
            cause: String::new(),
            place: String::new(),
        };
        let proved = Event::Proved {
            node: text("ca1"),
            kind: ProofKind::FirmwareReset,
            took_ms: 1,
        };
        let boot = Event::BootBegan {
            package: package.clone(),
            node: text("ca2"),
        };
        let up = Event::BootDone {
            package: package.clone(),
            node: text("ca2"),
            took_ms: 1,
        };
        let mut all = Vec::new();
        for event in [
            &roles,
            &state,
            &fence("ca1"),
            &fence("ca1"),
            &proved,
            &state,
            &boot,
            &up,
            &boot,
            &up,
        ] {
            all.extend(seen(&mut moments, event));
        }
        let on = |word, node: &str, result| (word, text(node), result);
        assert_eq!(
            all,
            [
                on("before_fence", "ca1", ""),
                on("after_fence", "ca1", "done"),
                on("before_switchover", "ca2", ""),
                on("before_boot", "ca2", ""),
                on("after_boot", "ca2", "done"),
                on("after_switchover", "ca2", "done"),
                // Again on the same node: a restart.
                on("before_boot", "ca2", ""),
                on("after_boot", "ca2", "done"),
            ]
        );
        let failed = Event::FenceFailed {
            node: text("ca1"),
            procedure: text("reset"),
            why: text("deaf"),
        };
        assert_eq!(seen(&mut moments, &fence("ca1")).len(), 1);
        assert_eq!(seen(&mut moments, &failed), []);
        assert_eq!(seen(&mut moments, &fence("ca1")), []);
        assert_eq!(seen(&mut moments, &failed), []);
        assert_eq!(
            seen(&mut moments, &state),
            [on("after_fence", "ca1", "failed")]
        );
        assert_eq!(seen(&mut moments, &state), []);
    }

    #[test]
    fn a_standby_that_is_gone_for_a_while_is_told_once_and_its_return_too() {
        let mut moments = Moments::default();
        let mut look = |word, at| {
            let why = String::new();
            let told = moments.standing(&Standing { word, why }, Moment::from_millis(at));
            told.map(|happens| happens.on)
        };
        assert_eq!(look(Word::Ok, 0), None);
        assert_eq!(look(Word::Degraded, 1_000), None);
        assert_eq!(look(Word::Ok, 30_000), None);
        assert_eq!(look(Word::Degraded, 40_000), None);
        assert_eq!(look(Word::Degraded, 99_000), None);
        assert_eq!(look(Word::Degraded, 100_000), Some(Point::Degraded));
        assert_eq!(look(Word::Degraded, 200_000), None);
        assert_eq!(look(Word::Switching, 210_000), None);
        assert_eq!(look(Word::Degraded, 220_000), None);
        assert_eq!(look(Word::Ok, 230_000), Some(Point::Repaired));
        assert_eq!(look(Word::Ok, 240_000), None);
    }

    #[test]
    fn hold_is_told_when_it_begins_and_ends() {
        let mut moments = Moments::default();
        let mut told = |held| moments.hold(held).map(|happens| happens.on);
        assert_eq!(told(None), None);
        assert_eq!(told(Some("deaf")), Some(Point::Hold));
        assert_eq!(told(Some("deaf")), None);
        assert_eq!(told(None), Some(Point::HoldEnded));
    }
}
