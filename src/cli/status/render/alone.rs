//! What is shown of one cluster alone: how far its boots are, and, behind the alarms, its standing guards with
//! their dates and the last lines of its consoles.

use std::time::{Duration, UNIX_EPOCH};

use super::{Ink, age, columns, harmless, labelled, stamp};
use crate::control::{BootReport, ClusterReport, ConsoleReport, StepReport};
use crate::machine::boot_course::{BootStep, FsckVerdict};
use crate::machine::snapshot::NodeSnapshot;

/// How far boots are.
pub(super) fn boots_under_way(cluster: &ClusterReport, ink: Ink, width: usize) -> String {
    let boots = cluster.boots.iter().filter(|boot| boot.under_way);
    boots.map(|boot| under_way(boot, ink, width)).collect()
}

/// All else.
pub(super) fn rest(cluster: &ClusterReport, now_ms: u64, ink: Ink, width: usize) -> String {
    let mut out = String::new();
    for node in cluster.snapshot.iter().flat_map(|all| &all.nodes) {
        let text = format!("{} {}", node.node, guard(node, now_ms));
        out.push_str(&labelled("guard", &harmless(&text), 2, width));
    }
    for boot in cluster.boots.iter().filter(|boot| !boot.under_way) {
        out.push_str(&labelled("last boot", &harmless(&over(boot)), 2, width));
    }
    for console in &cluster.consoles {
        out.push_str(&last_lines(console, ink, width));
    }
    match out.as_str() {
        "" => out,
        text => format!("\n{text}"),
    }
}

fn guard(node: &NodeSnapshot, now_ms: u64) -> String {
    let holds = match node.guard_read {
        true => "holds",
        false => "UNKNOWN",
    };
    let Some(last) = &node.guard_last else {
        return match node.guard_read {
            true => format!("{holds}; when it was read back is not known"),
            false => format!("{holds}: never read back"),
        };
    };
    let at_ms = last.at.saturating_mul(1000);
    let read = stamp(UNIX_EPOCH + Duration::from_millis(at_ms));
    let read = read.split('.').next().unwrap_or_default().to_owned() + "Z";
    let ago = age(now_ms.saturating_sub(at_ms) / 1000 * 1000);
    format!("{holds}; last read back {read}, {ago} ago, by {}", last.by)
}

/// A boot that goes on: each step under its name, and when it is usually reached under that.
fn under_way(boot: &BootReport, ink: Ink, width: usize) -> String {
    let mut head = format!("{} boots for {}", boot.node, seconds(boot.age_ms));
    head.push_str(&match boot.measured {
        0 => ", and no earlier one was measured".to_owned(),
        1 => "; usual is what the one before took".to_owned(),
        boots => format!("; usual is the middle of the {boots} before"),
    });
    if let Some(target) = boot.target_ms {
        head.push_str(&format!("; its target is {}", age(target)));
    }
    let mut out = labelled("boot", &harmless(&head), 2, width);
    if boot.is_late() {
        out.push_str(&labelled("", &ink.yellow("LATER THAN USUAL"), 2, width));
    }
    let step = |step: BootStep| boot.steps.iter().find(|one| one.step == step);
    let cell = |time: Option<u64>| time.map_or_else(|| "-".to_owned(), seconds);
    let row = |name: &str, of: &dyn Fn(BootStep) -> String| {
        let cells = BootStep::ALL.into_iter().map(of);
        [name.to_owned()].into_iter().chain(cells).collect()
    };
    let reached = |which| {
        let after = cell(step(which).and_then(|one| one.after_ms));
        match boot.fsck.filter(|_| which == BootStep::Fsck) {
            Some(verdict) => format!("{after}, {}", verdict.words()),
            None => after,
        }
    };
    let mut rows: Vec<Vec<String>> = vec![
        row("", &|which| which.word().to_owned()),
        row("after", &reached),
    ];
    if boot.measured > 0 {
        let usual = |which| cell(step(which).and_then(|one| one.usual_ms));
        rows.push(row("usually", &usual));
    }
    out.push_str(&columns(&rows, 4));
    out
}

fn over(boot: &BootReport) -> String {
    let ago = seconds(boot.age_ms.saturating_sub(boot.took_ms.unwrap_or(0)));
    let took = seconds(boot.took_ms.unwrap_or(0));
    let steps = boot.steps.iter();
    let steps = steps.filter_map(|StepReport { step, after_ms, .. }| {
        let verdict = match (step, boot.fsck) {
            (BootStep::Fsck, Some(verdict)) if verdict > FsckVerdict::Checking => {
                format!(" ({})", verdict.words())
            }
            _ => String::new(),
        };
        Some(format!(
            "{} {}{verdict}",
            step.word(),
            seconds((*after_ms)?)
        ))
    });
    let steps = steps.collect::<Vec<_>>().join(", ");
    let node = &boot.node;
    match &boot.failed {
        None => format!("{node} {ago} ago, in {took}: {steps}"),
        Some(why) => format!("{node} {ago} ago, FAILED after {took}, {why}: {steps}"),
    }
}

fn last_lines(console: &ConsoleReport, ink: Ink, width: usize) -> String {
    let head = format!("console of {}", console.node);
    let mut out = format!("  {}\n", ink.bold(&harmless(&head)));
    if console.last_lines.is_empty() {
        out.push_str("    nothing was heard since clusterd started\n");
    }
    for line in &console.last_lines {
        let room = width.saturating_sub("    | ".len()).max(20);
        let shown: String = harmless(line).chars().take(room).collect();
        out.push_str(format!("    | {shown}").trim_end());
        out.push('\n');
    }
    out
}

/// In whole seconds, where there is one.
fn seconds(millis: u64) -> String {
    match millis {
        0..1000 => age(millis),
        _ => age(millis / 1000 * 1000),
    }
}
