//! Hours, outages and means for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::Found;
use crate::cli::status::columns;
use crate::clock::Span;
use crate::logfile::harmless;
use crate::machine::availability::{Availability, Outage};
use crate::scribe::stamp;
use crate::store::from_millis;

/// So many outages are shown, the newest; `--json` has all.
const SHOWN: usize = 20;

/// All clusters, the worst first.
pub(super) fn overview(found: &[Found]) -> String {
    if found.is_empty() {
        return "No cluster is guarded here.\n".to_owned();
    }
    let head = [
        "CLUSTER",
        "AVAILABLE",
        "NINES",
        "DOWN",
        "PLANNED",
        "FAILURES",
        "SWITCHOVERS",
        "BETWEEN",
        "REPAIR",
        "DEGRADED",
        "UNKNOWN",
        "SINCE",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for Found {
        cluster,
        availability: of,
    } in found
    {
        let Some(told) = of.told_from_ms else {
            let mut row = vec!["-".to_owned(); head.len()];
            row[0] = harmless(cluster).into_owned();
            rows.push(row);
            continue;
        };
        let since = stamp(from_millis(told.max(of.from_ms)));
        rows.push(vec![
            harmless(cluster).into_owned(),
            of.available_ppm.map_or("-".to_owned(), percent),
            nines(of),
            span(of.down_unplanned_ms),
            span(of.down_planned_ms),
            of.failures.to_string(),
            of.switchovers.len().to_string(),
            maybe(of.between_failures_ms),
            maybe(of.to_repair_ms),
            span(of.degraded_ms),
            span(of.unknown_ms),
            // To the minute.
            since.get(..16).unwrap_or("-").to_owned(),
        ]);
    }
    let mut text = columns(&rows, 0);
    text.push_str("\nclusterd availability CLUSTER shows all of one. Times are UTC.\n");
    text
}

/// One cluster.
pub(super) fn whole(cluster: &str, of: &Availability) -> String {
    let at = |millis: u64| stamp(from_millis(millis));
    let mut out = format!(
        "{}  {} to {}, {}\n",
        harmless(cluster),
        at(of.from_ms),
        at(of.to_ms),
        span(of.to_ms.saturating_sub(of.from_ms))
    );
    let mut line = |label: &str, text: &str| {
        let _ = writeln!(out, "  {label:<10}{text}");
    };
    match of.available_ppm {
        None => line("available", "nobody knows: nobody watched in that time"),
        Some(available) => {
            let known = match nines(of).as_str() {
                "-" => "of the time that is known, never down".to_owned(),
                "1" => "of the time that is known: 1 nine".to_owned(),
                nines => format!("of the time that is known: {nines} nines"),
            };
            line("available", &format!("{} {known}", percent(available)));
        }
    }
    if let Some(but) = of
        .available_but_planned_ppm
        .filter(|_| of.down_planned_ms > 0)
    {
        line(
            "",
            &format!("{}, if what was planned does not count", percent(but)),
        );
    }
    if let Some(least) = of.available_at_least_ppm.filter(|_| of.unknown_ms > 0) {
        line(
            "",
            &format!("{}, if all that is unknown counts as down", percent(least)),
        );
    }
    line("up", &format!("{}, with a standby ready", span(of.up_ms)));
    line("degraded", &format!("{}, with none", span(of.degraded_ms)));
    let down = of.down_planned_ms + of.down_unplanned_ms;
    line(
        "down",
        &format!("{}, {} of it planned", span(down), span(of.down_planned_ms)),
    );
    line(
        "unknown",
        &format!(
            "{}: nobody watched, or the monitor doubted itself",
            span(of.unknown_ms)
        ),
    );
    if let (Some(between), Some(repair)) = (of.between_failures_ms, of.to_repair_ms) {
        let means = format!(
            "{}; in the mean {} up to each, {} to its repair",
            of.failures,
            span(between),
            span(repair)
        );
        line("failures", &means);
    } else {
        line("failures", "none");
    }
    line("moved", &moves(of));
    if let Some(told) = of.told_from_ms {
        line("journal", &format!("complete from {}", at(told)));
    }
    out.push_str(&outages(&of.outages));
    out
}

fn moves(of: &Availability) -> String {
    let planned = of.switchovers.iter().filter(|one| one.planned).count();
    let took: Vec<u64> = of
        .switchovers
        .iter()
        .filter_map(|one| one.took_ms)
        .collect();
    let mut text = match (of.switchovers.len(), planned) {
        (0, _) => return "never".to_owned(),
        (1, 0) => "once".to_owned(),
        (1, _) => "once, as planned".to_owned(),
        (all, planned) => format!("{all} times, {planned} of them as planned"),
    };
    if let (Some(least), Some(most)) = (took.iter().min(), took.iter().max()) {
        let _ = write!(text, "; down for {}", span(*least));
        if least < most {
            let _ = write!(text, " to {}", span(*most));
        }
    }
    text
}

fn outages(all: &[Outage]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let head = ["DOWN FROM", "FOR", "PLANNED", "NODE", "WHY"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for outage in &all[all.len().saturating_sub(SHOWN)..] {
        let name = |node: &Option<String>| node.clone().unwrap_or_else(|| "?".to_owned());
        let node = match (&outage.from, &outage.to) {
            (from, None) => name(from),
            (from, to) if from == to => format!("{} again", name(to)),
            (from, to) => format!("{} to {}", name(from), name(to)),
        };
        let mut lasted = span(outage.down_ms);
        if outage.open {
            lasted.push_str(", no end seen");
        }
        rows.push(vec![
            stamp(from_millis(outage.from_ms)),
            lasted,
            if outage.planned { "yes" } else { "no" }.to_owned(),
            node,
            harmless(&outage.why).into_owned(),
        ]);
    }
    let mut out = format!("\n{}", columns(&rows, 2));
    if all.len() > SHOWN {
        let _ = writeln!(
            out,
            "  {} earlier ones: --json shows all",
            all.len() - SHOWN
        );
    }
    out
}

fn nines(of: &Availability) -> String {
    of.nines.map_or("-".to_owned(), |nines| nines.to_string())
}

/// Millionths as `99.9531 %`.
fn percent(millionths: u32) -> String {
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

fn maybe(millis: Option<u64>) -> String {
    millis.map_or("-".to_owned(), span)
}

/// With days, for these are long.
fn span(millis: u64) -> String {
    let (days, hours) = (millis / 86_400_000, millis / 3_600_000 % 24);
    match (days, hours) {
        (0, _) => Span(Duration::from_millis(millis)).to_string(),
        (days, 0) => format!("{days} d"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}
