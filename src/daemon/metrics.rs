//! What a page of the metrics is made of.

use crate::cluster::Host;
use crate::control::Report;
use crate::metrics::{self, Seen};

/// The page.
pub(super) fn page(host: &Host, report: Report) -> String {
    let names = report
        .clusters
        .iter()
        .map(|cluster| cluster.cluster.clone());
    let counts = names.map(|name| {
        let counts = host.tallies.of(&name).counts();
        (name, counts)
    });
    metrics::page(&Seen {
        counts: counts.collect(),
        report,
        writes: host.journal.write_times(),
        queued: host.journal.queued(),
        logs_written: host.scribe.trouble().is_none(),
    })
}
