//! `status --check`: one line and an exit code as the plugins of Nagios and its kin have them.

use std::fmt::Write as _;

use super::render::open_alarms;
use crate::control::{ClusterReport, Level, Report, StandingWord};
use crate::scribe::one_line;

/// So many clusters are named.
const NAMED: usize = 3;

/// The line, and how bad it is.
pub(super) fn line(report: &Report) -> (String, Level) {
    let level = report.level();
    let stands = |word| {
        let clusters = report.clusters.iter();
        clusters.filter(move |cluster| cluster.standing.word == word)
    };
    let trouble: Vec<&ClusterReport> = report
        .clusters
        .iter()
        .filter(|cluster| cluster.standing.word != StandingWord::Ok)
        .collect();
    let mut parts: Vec<String> = trouble
        .iter()
        .take(NAMED)
        .map(|cluster| {
            let standing = &cluster.standing;
            format!("{} {}: {}", cluster.cluster, standing.word, standing.why)
        })
        .collect();
    if trouble.len() > NAMED {
        parts.push(format!("{} more", trouble.len() - NAMED));
    }
    if trouble.is_empty() {
        let well = match report.clusters.len() {
            0 => "no cluster is here".to_owned(),
            1 => "1 cluster is well".to_owned(),
            all => format!("{all} clusters are well"),
        };
        parts.push(well);
    }
    parts.push(open_alarms(report).0);
    let text = said(level, &parts.join("; "));
    let mut counts = format!("clusters={}", report.clusters.len());
    for word in StandingWord::ALL {
        let name = word.to_string().to_lowercase().replace(' ', "_");
        let _ = write!(counts, " {name}={}", stands(word).count());
    }
    let _ = write!(counts, " alarms={}", report.alarms.len());
    (format!("{text} | {counts}"), level)
}

/// What stands before the numbers. A bar would end it.
pub(super) fn said(level: Level, text: &str) -> String {
    let word = match level {
        Level::Ok => "OK",
        Level::Warning => "WARNING",
        Level::Critical => "CRITICAL",
        Level::Unknown => "UNKNOWN",
    };
    format!("CLUSTERD {word} - {}", one_line(text).replace('|', "/"))
}
