//! What each route has still to be told: the open alarms, held against what it was told of them.
//!
//! Nothing here waits for an event to come by: what is missing is written, after a restart, after a
//! new route was added, after a message was given up. Only notices, which do not stay open, are told as
//! they come.

use std::collections::BTreeMap;
use std::time::Duration;

use super::message::{Kind, Letter, Message};
use super::registry::Inner;
use super::{Alarm, Told};
use crate::config::route::Route;

/// The code of the alarm that a route fails. It takes every route but that one.
pub(super) const ROUTE_FAILED: &str = "route_failed";

/// Writes what is due at `now_ms`; `next` numbers the messages.
pub(super) fn letters(
    inner: &mut Inner,
    routes: &[Route],
    now_ms: u64,
    next: &mut impl FnMut() -> u64,
) -> Vec<Letter> {
    let mut letters = Vec::new();
    let mut write = |route: &Route, kind: Kind, alarm: &Alarm| {
        let id = next();
        let message = Message {
            kind,
            alarm: Alarm {
                told: BTreeMap::new(),
                ..alarm.clone()
            },
            at_ms: now_ms,
        };
        letters.push(Letter {
            id,
            route: route.name.clone(),
            message,
        });
        id
    };
    for notice in std::mem::take(&mut inner.notices) {
        for route in routes.iter().filter(|route| wants(route, &notice)) {
            write(route, Kind::Notice, &notice);
        }
    }
    for alarm in &mut inner.closed {
        for route in routes {
            if let Some(kind) = end(route, alarm, now_ms) {
                let id = write(route, kind, alarm);
                note(alarm, route, kind, id, now_ms);
            }
        }
    }
    for open in inner.open.values_mut() {
        let alarm = &mut open.alarm;
        for route in routes {
            if let Some(kind) = due(route, alarm, now_ms) {
                let id = write(route, kind, alarm);
                note(alarm, route, kind, id, now_ms);
            }
        }
    }
    letters
}

fn wants(route: &Route, alarm: &Alarm) -> bool {
    let its_own =
        alarm.code == ROUTE_FAILED && alarm.cluster.is_empty() && alarm.package == route.name;
    route.wants(alarm.severity, &alarm.cluster) && !its_own
}

/// What is to be said of an open alarm.
fn due(route: &Route, alarm: &Alarm, now_ms: u64) -> Option<Kind> {
    if !wants(route, alarm) {
        return None;
    }
    let Some(told) = alarm.told.get(&route.name) else {
        return Some(Kind::Raised);
    };
    if alarm.severity > told.severity {
        return Some(Kind::Worse);
    }
    if alarm.acknowledged.is_some() {
        return (!told.acknowledged).then_some(Kind::Acknowledged);
    }
    let again = route.repeat.is_some_and(|repeat| {
        let times = [told.delivered_ms, Some(told.queued_ms)];
        let last = times.into_iter().flatten().filter(|at| *at <= now_ms).max();
        is_over(last.unwrap_or(u64::MAX), now_ms, repeat)
    });
    (again && told.pending.is_none()).then_some(Kind::Again)
}

/// What is to be said of an alarm that is over.
fn end(route: &Route, alarm: &Alarm, now_ms: u64) -> Option<Kind> {
    let Some(told) = alarm.told.get(&route.name) else {
        // It came and went between two looks. Of those of an earlier life nothing new is said.
        return (!alarm.from_before
            && alarm.told.is_empty()
            && fresh(alarm, now_ms)
            && wants(route, alarm))
        .then_some(Kind::Raised);
    };
    let over = is_over(alarm.closed_ms.unwrap_or(0), now_ms, route.calm);
    (!told.closed && over).then_some(Kind::Closed)
}

/// Whether `span` has gone by since `at_ms`. What is still to come was noted before the clock was put back:
/// nobody knows how long ago that is, and nothing waits for it.
fn is_over(at_ms: u64, now_ms: u64, span: Duration) -> bool {
    let since = now_ms.checked_sub(at_ms);
    since.is_none_or(|since| u128::from(since) >= span.as_millis())
}

/// Whether it ended so lately that it may not have been looked at yet, milliseconds.
fn fresh(alarm: &Alarm, now_ms: u64) -> bool {
    now_ms.saturating_sub(alarm.closed_ms.unwrap_or(0)) < 10_000
}

fn note(alarm: &mut Alarm, route: &Route, kind: Kind, id: u64, now_ms: u64) {
    let delivered_ms = alarm
        .told
        .get(&route.name)
        .and_then(|told| told.delivered_ms);
    alarm.told.insert(
        route.name.clone(),
        Told {
            severity: alarm.severity,
            acknowledged: alarm.acknowledged.is_some(),
            closed: kind == Kind::Closed,
            queued_ms: now_ms,
            pending: Some(id),
            delivered_ms,
            trouble: None,
        },
    );
}

#[cfg(test)]
mod tests;
