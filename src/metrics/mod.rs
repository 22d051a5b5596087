//! Metrics for Prometheus: the state of all clusters and what was counted of them, as one page of text.
//!
//! ```text
//!  clusters' tasks ─► desk ─► Seen ─► page (text format 0.0.4) ─┬─► control socket: `clusterd metrics`
//!  tallies, journal ─┘                                          └─► http, on loopback, where configured
//! ```
//!
//! Nothing is kept here: a page is made when somebody asks. Labels are names of the cluster files and closed
//! lists, so a page grows with what is guarded and with nothing that happens.

mod clusters;
mod family;
mod http;

pub use http::{FAILED, serve, serve_at};

use std::collections::BTreeMap;

use prometheus::{Encoder, TextEncoder};

use crate::cluster::Counts;
use crate::control::Report;
use crate::store::WriteTimes;
use family::{Family, number};

/// All that a page is made of.
#[derive(Debug)]
pub struct Seen {
    /// The host and its clusters, now.
    pub report: Report,
    /// What was counted of each cluster, by name.
    pub counts: BTreeMap<String, Counts>,
    /// How long the journal's transactions took.
    pub writes: WriteTimes,
    /// Appends that wait for the journal's writer.
    pub queued: usize,
    /// Whether all logs can be written.
    pub logs_written: bool,
}

/// The page, in Prometheus' text format 0.0.4.
pub fn page(seen: &Seen) -> String {
    let mut families = host(seen);
    families.extend(clusters::families(seen));
    let families: Vec<_> = families.into_iter().filter_map(Family::finish).collect();
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&families, &mut text)
        .expect("families have names and samples, and memory takes all that is written");
    String::from_utf8_lossy(&text).into_owned()
}

fn host(seen: &Seen) -> Vec<Family> {
    let host = &seen.report.host;
    let mut build = Family::gauge(
        "clusterd_build_info",
        "The version that runs, as a label; always 1.",
    );
    build.put(&[("version", &host.version)], 1.0);
    let started = host.now_ms.saturating_sub(host.up_ms);
    let mut start = Family::gauge(
        "process_start_time_seconds",
        "When clusterd was started, in seconds since 1970.",
    );
    start.put(&[], number(started) / 1000.0);
    let mut queued = Family::gauge(
        "clusterd_journal_queued_writes",
        "Writes that wait for the journal's writer.",
    );
    queued.put(&[], number(seen.queued as u64));
    let mut failed = Family::counter(
        "clusterd_journal_write_failures_total",
        "Transactions of the journal that failed; they are made again.",
    );
    failed.put(&[], number(seen.writes.failed));
    let mut logs = Family::gauge(
        "clusterd_logs_written",
        "1 while all log files can be written.",
    );
    logs.put(&[], f64::from(u8::from(seen.logs_written)));
    let writes = Family::histogram(
        "clusterd_journal_write_seconds",
        "How long a transaction of the journal took until it was on the disk.",
        &seen.writes,
    );
    vec![build, start, writes, failed, queued, logs]
}

#[cfg(test)]
mod tests;
