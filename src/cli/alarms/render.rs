//! The list of alarms for people.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use crate::alarm::{Alarm, RouteReport, Told};
use crate::cli::status::{labelled, wrapped};
use crate::clock::Span;
use crate::control::AlarmList;
use crate::scribe::{one_line, stamp};

/// Of those that are over, so many are shown.
const OVER: usize = 10;

/// The whole text.
pub fn render(list: &AlarmList, width: usize) -> String {
    let mut out = match list.open.len() {
        0 => "No open alarm.\n".to_owned(),
        1 => "1 open alarm\n".to_owned(),
        open => format!("{open} open alarms\n"),
    };
    for alarm in &list.open {
        out.push_str(&open(alarm, list.now_ms, width));
    }
    if !list.closed.is_empty() {
        out.push_str("\nOver lately\n");
    }
    for alarm in list.closed.iter().take(OVER) {
        out.push_str(&over(alarm, width));
    }
    if list.closed.len() > OVER {
        let _ = writeln!(
            out,
            "  … and {} before: --json, alarms.log",
            list.closed.len() - OVER
        );
    }
    out.push('\n');
    if list.routes.is_empty() {
        out.push_str("No route: nobody is told. `routes:` in clusterd.yaml; docs/alarms.md\n");
    } else {
        out.push_str("Routes\n");
    }
    for route in &list.routes {
        out.push_str(&line(route, list.now_ms, width));
    }
    out
}

fn open(alarm: &Alarm, now_ms: u64, width: usize) -> String {
    let mut out = head(alarm);
    let mut say = |label: &str, text: &str| out.push_str(&labelled(label, text, 2, width));
    say("", &one_line(&alarm.text));
    let times = match alarm.count {
        0 | 1 => String::new(),
        count => format!(", said {count} times, last {}", utc(alarm.last_ms)),
    };
    let before = match alarm.from_before {
        true => ", before clusterd started",
        false => "",
    };
    let first = utc(alarm.first_ms);
    say(
        "since",
        &format!("{first}, {}{times}{before}", ago(alarm.first_ms, now_ms)),
    );
    match &alarm.acknowledged {
        Some(word) => say("taken by", &one_line(&word.to_string())),
        None => say("taken by", "nobody"),
    }
    if !alarm.told.is_empty() {
        say("sent to", &sent(alarm));
    }
    out
}

fn over(alarm: &Alarm, width: usize) -> String {
    let mut out = head(alarm);
    let closed = alarm.closed_ms.unwrap_or(alarm.last_ms);
    let lasted = Span(Duration::from_millis(closed.saturating_sub(alarm.first_ms)));
    let mut text = format!("{}, after {lasted}", utc(closed));
    if let Some(word) = &alarm.acknowledged {
        let _ = write!(text, ", taken by {}", one_line(&word.who));
    }
    out.push_str(&labelled("", &one_line(&alarm.text), 2, width));
    out.push_str(&labelled("over at", &text, 2, width));
    if !alarm.told.is_empty() {
        out.push_str(&labelled("sent to", &sent(alarm), 2, width));
    }
    out
}

fn head(alarm: &Alarm) -> String {
    let name = one_line(&alarm.name());
    format!(
        "  {:<8}  {name}  {}\n",
        alarm.severity.text(),
        one_line(&alarm.code)
    )
}

fn sent(alarm: &Alarm) -> String {
    let told = alarm.told.iter();
    let told: Vec<String> = told.map(|(route, told)| one(route, told)).collect();
    one_line(&told.join("; "))
}

fn one(route: &str, told: &Told) -> String {
    match (told.pending, &told.trouble, told.delivered_ms) {
        (Some(_), _, _) => format!("{route}: on its way since {}", utc(told.queued_ms)),
        (None, Some(why), _) => format!("{route}: GIVEN UP: {why}"),
        (None, None, Some(at)) => format!("{route} at {}", utc(at)),
        (None, None, None) => route.to_owned(),
    }
}

fn line(route: &RouteReport, now_ms: u64, width: usize) -> String {
    let whose = match route.clusters.as_slice() {
        [] => String::new(),
        clusters => format!(" of {}", clusters.join(", ")),
    };
    let mut text = format!("{}, {} and worse{whose}", route.by, route.severity);
    let _ = match route.delivered_ms {
        Some(at) => write!(
            text,
            "; {} taken, the last {}",
            route.delivered,
            ago(at, now_ms)
        ),
        None => write!(text, "; nothing taken since clusterd started"),
    };
    if route.waiting > 0 {
        let _ = write!(text, "; {} on their way", route.waiting);
    }
    if route.given_up > 0 {
        let _ = write!(text, "; {} GIVEN UP", route.given_up);
    }
    let mut out = format!("  {}\n", one_line(&route.name));
    for line in wrapped(&text, width.saturating_sub(12)) {
        let _ = writeln!(out, "            {line}");
    }
    if let (Some(since), Some(why)) = (route.failing_since_ms, &route.trouble) {
        let text = format!("for {}: {}", age(since, now_ms), one_line(why));
        out.push_str(&labelled("FAILS", &text, 2, width));
    }
    out
}

fn utc(at_ms: u64) -> String {
    stamp(UNIX_EPOCH + Duration::from_millis(at_ms))
}

fn ago(at_ms: u64, now_ms: u64) -> String {
    format!("{} ago", age(at_ms, now_ms))
}

fn age(at_ms: u64, now_ms: u64) -> String {
    Span(Duration::from_secs(now_ms.saturating_sub(at_ms) / 1000)).to_string()
}
