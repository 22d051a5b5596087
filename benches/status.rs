//! The status of many clusters: how long `Ask::Status` takes at the control socket of a daemon that guards
//! them, with the report read and understood.
//!
//! `ulimit -n 20000; cargo bench --bench status [-- CLUSTERS [ROUNDS [DIRECTORY]]]`; raw samples go to
//! `benches/results/status.txt`.

mod support;

use std::time::Duration;

use clusterd::control::{Answer, Ask};
use support::many::{Many, Wanted, run, tell};

const ROUNDS: usize = 100;

fn main() {
    run(ROUNDS, measure);
}

async fn measure(wanted: Wanted) {
    let clusters = wanted.clusters;
    let many = Many::start(clusters, &wanted.place).await;
    let mut samples = Vec::new();
    for _ in 0..wanted.rounds {
        samples.push(status(&many, clusters).await);
    }
    many.end().await;
    let what = format!("status of {clusters} clusters");
    support::keep("status.txt", &what, &[("status", &samples)]);
    tell(&what, samples);
}

/// One status of all, from the connection to the report.
async fn status(many: &Many, clusters: usize) -> Duration {
    let (took, answer) = many.ask(Ask::Status { cluster: None }).await;
    let Answer::Status { report } = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(report.clusters.len(), clusters);
    assert!(report.clusters.iter().all(|one| one.snapshot.is_some()));
    took
}
