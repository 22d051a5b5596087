//! The daemon's side of the metrics: what a page is made of, and the endpoint where it is fetched.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::alarm::Subject;
use crate::cluster::Host;
use crate::control::{Asked, Report};
use crate::metrics::{self, Seen};

/// Listens where `clusterd.yaml` says so.
pub(super) fn start(host: &Host, asked: &mpsc::Sender<Asked>) -> Option<JoinHandle<()>> {
    let Some(endpoint) = host.settings.metrics else {
        host.alarms.clear(&Subject::host(), metrics::FAILED);
        return None;
    };
    let alarms = Arc::clone(&host.alarms);
    let serve = metrics::serve(endpoint.listen, asked.clone(), alarms);
    Some(tokio::spawn(serve))
}

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
