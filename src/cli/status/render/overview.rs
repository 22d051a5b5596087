//! The first line, and many clusters with a line each, the worst first.

use std::time::{Duration, UNIX_EPOCH};

use super::super::table::columns;
use super::{Ink, age};
use crate::control::{ClusterReport, Level, Report, StandingWord};
use crate::scribe::{one_line, stamp};
use crate::script::program::Severity;

/// So much of why a cluster stands as it does, in characters; all of it stands with the cluster alone.
const WHY: usize = 60;

/// How bad is it, in one line?
pub(super) fn summary(report: &Report, ink: Ink) -> String {
    let total = report.clusters.len();
    let mut parts = vec![match total {
        1 => "1 cluster".to_owned(),
        total => format!("{total} clusters"),
    }];
    for word in StandingWord::ALL.into_iter().rev() {
        let stand = |cluster: &&ClusterReport| cluster.standing.word == word;
        let number = report.clusters.iter().filter(stand).count();
        if number == 0 || word == StandingWord::Ok {
            continue;
        }
        let text = match word {
            StandingWord::Hold => format!("{number} in HOLD"),
            word => format!("{number} {word}"),
        };
        parts.push(match word.level() {
            Level::Critical => ink.red(&text),
            _ => ink.yellow(&text),
        });
    }
    let reloads = report.clusters.iter().filter(|c| c.reload.is_some());
    let reloads = reloads.count();
    if reloads > 0 {
        parts.push(ink.yellow(&format!("{reloads} with a reload that waits")));
    }
    parts.push(match open_alarms(report) {
        (text, true) => ink.red(&text),
        (text, false) => text,
    });
    let host = &report.host;
    let up = age(host.up_ms / 1000 * 1000);
    let now = stamp(UNIX_EPOCH + Duration::from_millis(host.now_ms));
    format!(
        "{}\nclusterd {}, pid {}, up {up}, {} at {now}\n",
        ink.bold(&parts.join(", ")),
        host.version,
        host.pid,
        host.home,
    )
}

/// How many alarms are open, and whether one of them is critical.
pub(in crate::cli::status) fn open_alarms(report: &Report) -> (String, bool) {
    let critical = report
        .alarms
        .iter()
        .filter(|a| a.severity == Severity::Critical)
        .count();
    let text = match (report.alarms.len(), critical) {
        (0, _) => "no open alarm".to_owned(),
        (1, 0) => "1 open alarm".to_owned(),
        (open, 0) => format!("{open} open alarms"),
        (1, _) => "1 open alarm, critical".to_owned(),
        (open, critical) => format!("{open} open alarms, {critical} critical"),
    };
    (text, critical > 0)
}

/// Many clusters: a line each, in the order of the report.
pub(super) fn overview(report: &Report) -> String {
    let head = [
        "CLUSTER", "PACKAGE", "STANDS", "STATE", "FOR", "PRIMARY", "STANDBY", "ALARMS", "WHY",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for cluster in &report.clusters {
        let alarms = report
            .alarms
            .iter()
            .filter(|a| a.cluster == cluster.cluster)
            .count()
            .to_string();
        let standing = &cluster.standing;
        let stands = standing.word.to_string();
        let why = short(&standing.why);
        let Some(snapshot) = &cluster.snapshot else {
            let mut row = vec![cluster.cluster.clone(), String::new(), stands];
            row.extend(["", "", "", "", &alarms, &why].map(str::to_owned));
            rows.push(row);
            continue;
        };
        for package in &snapshot.packages {
            let node = |node: &Option<String>| node.clone().unwrap_or_else(|| "?".to_owned());
            let confirmed = if package.confirmed {
                ""
            } else {
                " (unconfirmed)"
            };
            rows.push(vec![
                cluster.cluster.clone(),
                package.package.clone(),
                stands.clone(),
                package.state.clone(),
                age(package.state_age_ms),
                node(&package.primary) + confirmed,
                node(&package.secondary),
                alarms.clone(),
                why.clone(),
            ]);
        }
    }
    columns(&rows, 0)
}

fn short(why: &str) -> String {
    let why = one_line(why);
    match why.char_indices().nth(WHY) {
        Some((end, _)) => format!("{}…", &why[..end]),
        None => why,
    }
}
