//! Tells when the service of a package comes, goes, or loses its standby: what `availability` counts.
//!
//! That it is gone is told at once; all else when it has lasted a moment, with the time when it began.
//! So a service that flickers counts as gone, and fills no journal.

use std::time::Duration;

use super::task::Guard;
use crate::clock::Moment;
use crate::machine::{Event, Footing, Serves};

/// What is no loss is told when it has lasted so long.
const LASTS: Duration = Duration::from_secs(5);

/// What was told last, and what may be told next.
#[derive(Debug, Default)]
pub(super) struct Serving {
    told: Option<Told>,
    next: Option<(Told, Moment)>,
    /// Until then nobody had said who has the package: no outage began before.
    unowned: Option<Moment>,
    /// Nobody had said who has it, and it was neither seen to serve since nor went anything wrong: what is
    /// started now is started by the word of whoever said it.
    adopted: bool,
}

/// How the service stands, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    footing: Footing,
    /// It went, or moves, by a person's word.
    planned: bool,
}

impl Guard {
    /// Looks whether the service is there; a turn of the loop comes often enough for that.
    pub(super) fn look_at_service(&mut self, now: Moment) {
        // A cluster has one package.
        let footing = self.machine.footing(0);
        let was_down = self.serving.is_down();
        let Some((planned, since)) = self.serving.look(footing, now) else {
            return;
        };
        let unowned = self.serving.unowned;
        let (why, earlier) = self.machine.footing_why(0);
        // The first answer that was missed.
        let earlier = earlier.filter(|_| !was_down);
        let earlier = earlier.filter(|at| unowned.is_none_or(|until| *at >= until));
        let since = earlier.map_or(since, |at| at.min(since));
        let setup = &self.blueprint.setup;
        let package = setup.packages.first();
        self.event(Event::Service {
            package: package.map_or_else(String::new, |one| one.name.to_string()),
            is: footing.is,
            node: footing.node.map(|n| setup.node_name(n).to_owned()),
            planned,
            why,
            ago_ms: u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX),
        });
    }
}

impl Serving {
    /// Whether there is something to tell: whether it is planned, and since when it is so.
    fn look(&mut self, footing: Footing, now: Moment) -> Option<(bool, Moment)> {
        if footing.node.is_none() {
            self.unowned = Some(now);
            self.adopted = true;
        }
        let told = Told {
            footing,
            planned: self.planned(footing),
        };
        if self.told.is_some_and(|before| before.same(told)) {
            self.next = None;
            return None;
        }
        let since = match &self.next {
            Some((next, since)) if next.same(told) => *since,
            // It gets its standby: it has served since before.
            Some((next, since)) if next.serves() && told.serves() && !self.served() => *since,
            _ => now,
        };
        self.next = Some((told, since));
        let at_once = match footing.is {
            Serves::Down => true,
            Serves::Up => !self.served(),
            Serves::Degraded | Serves::Unknown => false,
        };
        if !at_once && now.since(since) < LASTS {
            return None;
        }
        self.next = None;
        self.told = Some(told);
        self.adopted &= !told.serves() && (footing.is != Serves::Down || told.planned);
        Some((told.planned, since))
    }

    /// What began by a person's word stays that while it lasts, if nothing goes wrong with it.
    fn planned(&self, footing: Footing) -> bool {
        let before = self.told.filter(|_| self.is_down());
        footing.is == Serves::Down
            && match before {
                Some(told) => told.planned && !footing.trouble,
                None => footing.ordered || (self.adopted && !footing.trouble),
            }
    }

    fn is_down(&self) -> bool {
        self.told
            .is_some_and(|told| told.footing.is == Serves::Down)
    }

    fn served(&self) -> bool {
        self.told.is_some_and(Told::serves)
    }
}

impl Told {
    fn serves(self) -> bool {
        matches!(self.footing.is, Serves::Up | Serves::Degraded)
    }

    /// Nothing that is told differs.
    fn same(self, other: Told) -> bool {
        let told = |one: Told| (one.footing.is, one.footing.node, one.planned);
        told(self) == told(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(is: Serves, node: usize, ordered: bool) -> Footing {
        Footing {
            is,
            node: Some(node),
            ordered,
            trouble: false,
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    /// Looks each second at the next of these; gives what was told: when, whether planned, since when.
    fn told(footings: &[Footing]) -> Vec<(u64, bool, u64)> {
        let mut serving = Serving::default();
        let mut told = Vec::new();
        for (second, footing) in (0..).zip(footings) {
            if let Some((planned, since)) = serving.look(*footing, at(second)) {
                told.push((second, planned, since.micros() / 1_000_000));
            }
        }
        told
    }

    fn row(parts: &[(usize, Footing)]) -> Vec<Footing> {
        let parts = parts.iter();
        parts
            .flat_map(|(count, one)| std::iter::repeat_n(*one, *count))
            .collect()
    }

    const UNKNOWN: Serves = Serves::Unknown;
    const UP: Serves = Serves::Up;
    const DEGRADED: Serves = Serves::Degraded;
    const DOWN: Serves = Serves::Down;

    #[test]
    fn a_start_is_told_once_and_has_served_from_its_first_answer() {
        let calm = row(&[
            (1, stands(UNKNOWN, 0, false)),
            (3, stands(DEGRADED, 0, false)),
            (9, stands(UP, 0, false)),
        ]);
        assert_eq!(told(&calm), [(4, false, 1)]);
        let alone = row(&[(9, stands(DEGRADED, 0, false))]);
        assert_eq!(told(&alone), [(5, false, 0)]);
    }

    #[test]
    fn a_loss_is_told_at_once_and_a_flicker_is_no_return() {
        let flickers = row(&[
            (2, stands(UP, 0, false)),
            (3, stands(DOWN, 0, false)),
            (2, stands(DEGRADED, 0, false)),
            (3, stands(DOWN, 0, false)),
            (7, stands(DEGRADED, 1, false)),
        ]);
        assert_eq!(
            told(&flickers),
            [(0, false, 0), (2, false, 2), (15, false, 10)]
        );
        // A standby that is away for a moment is nothing.
        let blinks = row(&[
            (2, stands(UP, 0, false)),
            (3, stands(DEGRADED, 0, false)),
            (2, stands(UP, 0, false)),
        ]);
        assert_eq!(told(&blinks), [(0, false, 0)]);
    }

    /// The first start of a package is a person's word, `adopt`, until it goes wrong.
    #[test]
    fn a_start_after_an_adoption_is_planned() {
        let nobody = Footing {
            node: None,
            ..stands(UNKNOWN, 0, false)
        };
        let adopted = row(&[
            (9, nobody),
            (3, stands(DOWN, 0, false)),
            (1, stands(UP, 0, false)),
            (2, stands(DOWN, 0, false)),
        ]);
        assert_eq!(
            told(&adopted),
            [
                (5, false, 0),
                (9, true, 9),
                (12, false, 12),
                (13, false, 13)
            ]
        );
        let trouble = Footing {
            trouble: true,
            ..stands(DOWN, 0, false)
        };
        let wrong = row(&[
            (9, nobody),
            (2, stands(DOWN, 0, false)),
            (2, trouble),
            (2, stands(UNKNOWN, 0, false)),
            (6, stands(DOWN, 1, false)),
        ]);
        assert_eq!(
            told(&wrong),
            [
                (5, false, 0),
                (9, true, 9),
                (11, false, 11),
                (15, false, 15)
            ]
        );
    }

    #[test]
    fn what_a_person_ordered_is_planned_until_it_goes_wrong() {
        let moved = row(&[
            (1, stands(UP, 0, false)),
            (2, stands(DOWN, 0, true)),
            // The order is done when it is up; its address answers later.
            (2, stands(DOWN, 1, false)),
            (1, stands(UP, 1, false)),
        ]);
        assert_eq!(
            told(&moved),
            [(0, false, 0), (1, true, 1), (3, true, 3), (5, false, 5)]
        );
        let trouble = Footing {
            trouble: true,
            ..stands(DOWN, 0, false)
        };
        let wrong = row(&[
            (1, stands(UP, 0, false)),
            (2, stands(DOWN, 0, true)),
            (2, trouble),
            // An order for what is down already plans nothing.
            (2, stands(DOWN, 0, true)),
        ]);
        assert_eq!(told(&wrong), [(0, false, 0), (1, true, 1), (3, false, 3)]);
    }
}
