//! Who is probed when. Knows no socket and reads no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Target;

/// A round further behind than this (or half its interval, if that is less) is skipped:
/// sending all that a stalled process missed would be the very burst to be avoided.
const TOO_LATE: Duration = Duration::from_millis(100);

/// The fraction of the golden ratio, in units of 2^-64: its multiples, taken modulo one,
/// stay evenly spread however many there are, so targets may come and go.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// All targets, their watchers and the order of their rounds.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    lines: BTreeMap<Target, Line>,
    keys: BTreeMap<u64, Target>,
    rounds: BTreeSet<(Instant, Target)>,
    placed: u64,
}

/// One target, with everybody who watches it.
#[derive(Debug)]
struct Line {
    /// Few, in most cases one: in the order of their coming.
    watchers: Vec<(u64, Watcher)>,
    next: Instant,
    sequence: u16,
}

#[derive(Debug)]
struct Watcher {
    interval: Duration,
    due: Instant,
}

/// One probe to be made, for all the keys that are due at their target.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) target: Target,
    pub(super) keys: Vec<u64>,
    /// The shortest interval of these keys.
    pub(super) interval: Duration,
    /// Never the same twice in a row for a target.
    pub(super) sequence: u16,
}

/// What [`Schedule::take_due`] found.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) rounds: Vec<Round>,
    pub(super) skipped: u32,
    pub(super) behind: Duration,
}

impl Schedule {
    /// Watches `target` for `key`; what `key` watched before is forgotten, unless it is
    /// the same target, whose next round then comes no later than it would have.
    pub(super) fn watch(&mut self, key: u64, target: Target, interval: Duration, now: Instant) {
        if self.keys.get(&key).is_some_and(|old| *old != target) {
            self.unwatch(key);
        }
        self.keys.insert(key, target);
        let due = match self.lines.get(&target) {
            Some(line) => line.next.min(now + interval),
            None => now + self.next_phase(interval),
        };
        let line = self.lines.entry(target).or_insert_with(|| Line {
            watchers: Vec::with_capacity(1),
            next: due,
            sequence: fastrand::u16(..),
        });
        line.watchers.retain(|(of, _)| *of != key);
        line.watchers.push((key, Watcher { interval, due }));
        self.place(target);
    }

    /// Forgets `key`.
    pub(super) fn unwatch(&mut self, key: u64) {
        if let Some(target) = self.keys.remove(&key)
            && let Some(line) = self.lines.get_mut(&target)
        {
            line.watchers.retain(|(of, _)| *of != key);
            self.place(target);
        }
    }

    /// Whether `key` still watches `target`.
    pub(super) fn watches(&self, key: u64, target: Target) -> bool {
        self.keys.get(&key) == Some(&target)
    }

    /// When the next round is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.rounds.first().map(|(due, _)| *due)
    }

    /// Takes every round that is due at `now` and sets the next ones.
    pub(super) fn take_due(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        while let Some(&(at, target)) = self.rounds.first()
            && at <= now
        {
            if let Some(line) = self.lines.get_mut(&target) {
                let behind = now.saturating_duration_since(at);
                let round = line.take_round(target, now);
                if behind > TOO_LATE.min(round.interval / 2) {
                    due.skipped += 1;
                    due.behind = due.behind.max(behind);
                } else {
                    due.rounds.push(round);
                }
            }
            self.place(target);
        }
        due
    }

    /// Where in its interval the next new target goes.
    fn next_phase(&mut self, interval: Duration) -> Duration {
        self.placed = self.placed.wrapping_add(1);
        // 16 bits are fine enough: 1/65536 of an interval.
        let fraction = self.placed.wrapping_mul(GOLDEN) >> 48;
        interval * u32::try_from(fraction).unwrap_or(0) / (1 << 16)
    }

    /// Puts the line's next round into the order, or removes a line nobody watches.
    fn place(&mut self, target: Target) {
        let Some(line) = self.lines.get_mut(&target) else {
            return;
        };
        self.rounds.remove(&(line.next, target));
        match line.watchers.iter().map(|(_, watcher)| watcher.due).min() {
            Some(next) => {
                line.next = next;
                self.rounds.insert((next, target));
            }
            None => {
                self.lines.remove(&target);
            }
        }
    }
}

impl Line {
    /// The round due at `now`. A watcher that would be due before half the shortest
    /// interval is over joins it, so that one probe serves several.
    fn take_round(&mut self, target: Target, now: Instant) -> Round {
        let shortest = self.watchers.iter().map(|(_, watcher)| watcher.interval);
        let shortest = shortest.min().unwrap_or_default();
        let mut keys = Vec::new();
        let mut interval = Duration::MAX;
        for (key, watcher) in &mut self.watchers {
            if watcher.due > now + shortest / 2 {
                continue;
            }
            keys.push(*key);
            interval = interval.min(watcher.interval);
            watcher.step_past(now);
        }
        self.sequence = self.sequence.wrapping_add(1);
        Round {
            target,
            keys,
            interval,
            sequence: self.sequence,
        }
    }
}

impl Watcher {
    /// The next due time on the watcher's own grid that lies after `now`.
    fn step_past(&mut self, now: Instant) {
        self.due += self.interval;
        if self.due <= now {
            let behind = now.saturating_duration_since(self.due).as_nanos();
            let steps = behind / self.interval.as_nanos().max(1) + 1;
            self.due += self.interval * u32::try_from(steps).unwrap_or(u32::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const SECOND: Duration = Duration::from_secs(1);

    fn host(number: u8) -> Target {
        Target::Icmp(IpAddr::V4(Ipv4Addr::new(127, 0, 0, number)))
    }

    fn keys(due: &Due) -> Vec<Vec<u64>> {
        due.rounds.iter().map(|round| round.keys.clone()).collect()
    }

    #[test]
    fn targets_are_spread_over_the_interval() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        for number in 0..200 {
            schedule.watch(u64::from(number), host(number), SECOND, start);
        }
        let mut most = 0;
        let mut all = 0;
        for step in 1..=100 {
            let due = schedule.take_due(start + SECOND * step / 100);
            most = most.max(due.rounds.len());
            all += due.rounds.len();
        }
        assert_eq!(all, 200);
        assert!(
            most <= 4,
            "{most} of 200 within a hundredth of the interval"
        );
    }

    #[test]
    fn watchers_of_one_address_share_its_rounds() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        schedule.watch(1, host(1), SECOND, start);
        let first = schedule.next().unwrap();
        schedule.watch(2, host(1), SECOND, start);
        schedule.watch(3, host(1), SECOND * 3, start);
        assert_eq!(keys(&schedule.take_due(first)), [[1, 2, 3]]);
        assert_eq!(keys(&schedule.take_due(first + SECOND)), [[1, 2]]);
        schedule.unwatch(1);
        assert_eq!(keys(&schedule.take_due(first + SECOND * 2)), [[2]]);
        assert_eq!(keys(&schedule.take_due(first + SECOND * 3)), [[2, 3]]);
        schedule.unwatch(2);
        schedule.unwatch(3);
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn a_changed_interval_or_target_takes_effect() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        schedule.watch(1, host(1), SECOND * 60, start);
        schedule.watch(1, host(1), SECOND, start);
        assert!(schedule.next().unwrap() <= start + SECOND);
        schedule.watch(1, host(2), SECOND, start);
        assert!(schedule.watches(1, host(2)) && !schedule.watches(1, host(1)));
        assert_eq!(schedule.rounds.len(), 1);
    }

    #[test]
    fn what_was_missed_is_skipped_not_sent_in_a_burst() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        for number in 0..100 {
            schedule.watch(u64::from(number), host(number), SECOND, start);
        }
        schedule.take_due(start + SECOND);
        let due = schedule.take_due(start + SECOND * 5 + SECOND / 2);
        assert!(due.rounds.len() < 20, "{} in one burst", due.rounds.len());
        assert_eq!(due.rounds.len() + due.skipped as usize, 100);
        assert!(due.behind > SECOND * 3, "{:?}", due.behind);
        // And then all goes on as before.
        let next = schedule.next().unwrap();
        assert!(next > start + SECOND * 5 + SECOND / 2 && next < start + SECOND * 6);
    }
}
