//! What the desk answers about alarms.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::alarm::{Alarms, NotOpen, Outgoing, Subject};
use crate::control::{AlarmList, Answer, Refusal};

pub(super) fn list(alarms: &Alarms, cluster: Option<&str>) -> AlarmList {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    AlarmList {
        now_ms: millis(now.unwrap_or_default()),
        open: alarms.open(cluster),
        closed: alarms.closed(cluster),
        routes: alarms.outgoing().map(Outgoing::routes).unwrap_or_default(),
    }
}

pub(super) fn acknowledge(
    alarms: &Alarms,
    subject: &Subject,
    code: &str,
    who: &str,
    reason: Option<&str>,
) -> Answer {
    match alarms.acknowledge(subject, code, who, reason) {
        Ok(alarm) => Answer::Acknowledged {
            alarm: Box::new(alarm),
        },
        Err(NotOpen(codes)) => {
            let text = match codes.as_slice() {
                [] => format!("no alarm {code:?} is open there, nor any other"),
                codes => format!("no alarm {code:?} is open there, but {}", codes.join(", ")),
            };
            Answer::refused(Refusal::Unknown, text)
        }
    }
}

pub(super) async fn test(alarms: &Alarms, route: &str, who: &str) -> Answer {
    let Some(outgoing) = alarms.outgoing() else {
        return Answer::refused(Refusal::Busy, "clusterd has only just begun");
    };
    tracing::warn!("{who} tests the route {route}");
    match outgoing.test(route, who).await {
        Ok(outcome) => Answer::Tested {
            good: outcome.good,
            text: outcome.text,
            took_ms: millis(outcome.took),
        },
        Err(known) if known.is_empty() => {
            let text = "no route is configured: `routes:` in clusterd.yaml";
            Answer::refused(Refusal::Unknown, text)
        }
        Err(known) => {
            let known = known.join(", ");
            let text = format!("there is no route {route:?}; there are {known}");
            Answer::refused(Refusal::Unknown, text)
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
