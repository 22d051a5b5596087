//! A reload of many clusters of which one differs: how long `clusterd reload` takes at its control
//! socket, and what it touches.
//!
//! `ulimit -n 20000; cargo bench --bench reload [-- CLUSTERS [ROUNDS [DIRECTORY]]]`; raw samples go to
//! `benches/results/reload.txt`.

mod support;

use std::time::Duration;

use clusterd::control::{Answer, Ask};
use support::many::{DARK_AFTER, Many, Wanted, run, tell};

const ROUNDS: usize = 20;

fn main() {
    run(ROUNDS, measure);
}

async fn measure(wanted: Wanted) {
    let clusters = wanted.clusters;
    let mut many = Many::start(clusters, &wanted.place).await;
    let (mut same, mut one) = (Vec::new(), Vec::new());
    for round in 1..=wanted.rounds {
        same.push(reload(&many, clusters, 0).await);
        many.rewrite(clusters / 2, DARK_AFTER + round);
        one.push(reload(&many, clusters, 1).await);
        many.settle().await;
    }
    many.end().await;
    support::keep(
        "reload.txt",
        &format!("reload of {clusters} clusters: none differs, one differs"),
        &[("none", &same), ("one", &one)],
    );
    tell(&format!("{clusters} clusters, none differs"), same);
    tell(&format!("{clusters} clusters, one differs"), one);
}

/// One reload; it must touch so many clusters.
async fn reload(many: &Many, clusters: usize, touched: usize) -> Duration {
    let (took, answer) = many.ask(Ask::Reload { dry_run: false }).await;
    let Answer::Reloaded { report } = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(report.clusters.len(), touched, "{report:?}");
    let waits = report.clusters.iter().any(|one| one.waits.is_some());
    assert!(!waits, "{:?}", report.clusters);
    assert_eq!(report.same, clusters - touched);
    took
}
