//! The status of many clusters: how long `Ask::Status` takes at the control socket of a daemon that guards
//! them, with the report read and understood. Consoles are the chattering ports of
//! `clusterd sim serve --chatter`, in this process, in front of the built daemon's own code.
//!
//! `cargo bench --bench status [-- CLUSTERS [ROUNDS [DIRECTORY]]]`; raw samples go to
//! `benches/results/status.txt`.

mod support;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clusterd::control::{Answer, Ask, Client};
use clusterd::daemon::{Daemon, Systemd, prepare};
use clusterd::home::Home;
use clusterd::sim::NodeSpec;
use clusterd::sim::serve::chatter::{ChatterSpec, Speech, chatter};
use tokio::sync::oneshot;

const CLUSTERS: usize = 1000;
const ROUNDS: usize = 100;
/// Two simulated nodes a cluster.
const NODES: usize = 2;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let number = |at: usize, usual| {
        let word = words.get(at).and_then(|word| word.parse().ok());
        word.unwrap_or(usual)
    };
    let (clusters, rounds) = (number(0, CLUSTERS), number(1, ROUNDS));
    let place = PathBuf::from(words.get(2).map_or("target", String::as_str));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(measure(clusters, rounds, &place));
}

async fn measure(clusters: usize, rounds: usize, place: &Path) {
    let nodes = (0..clusters * NODES).map(|n| NodeSpec::sun(&format!("n{n}"), id(n)));
    let ports = chatter(ChatterSpec {
        nodes: nodes.collect(),
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        base_port: 0,
        lines_per_s: 0.0,
        speech: Speech::Telnet,
        seed: 1,
        panic_after: None,
    })
    .expect("the ports can be opened");
    let files = (0..clusters).map(|n| (name(n), cluster(n, ports.consoles())));
    let home = support::home_of(place, None, &files.collect::<Vec<_>>());
    let opened = Home::open(home.path()).expect("the home is there");
    let prepared = prepare(opened.clone()).expect("the home is good");
    let mut events = prepared.happened.subscribe();
    let daemon = Daemon::start(prepared).await.expect("the daemon starts");
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(daemon.run(Systemd::absent(), async {
        // Sent or dropped, both mean the end.
        let _ = stopped.await;
        "the bench is over".to_owned()
    }));
    // Until no cluster has said anything for a while.
    let quiet = Duration::from_secs(3);
    while tokio::time::timeout(quiet, events.recv()).await.is_ok() {}
    let mut samples = Vec::new();
    for _ in 0..rounds {
        samples.push(status(&opened, clusters).await);
    }
    // The run has ended with it.
    let _ = stop.send(());
    running.await.expect("the daemon ends in good order");
    support::keep(
        "status.txt",
        &format!("status of {clusters} clusters"),
        &[("status", &samples)],
    );
    samples.sort();
    let [p50, p99, max] = [50, 99, 100].map(|percent| support::at(&samples, percent));
    println!("status of {clusters} clusters: p50 {p50:?}, p99 {p99:?}, max {max:?}");
}

/// One status of all, from the connection to the report.
async fn status(home: &Home, clusters: usize) -> Duration {
    let (dir, socket) = (home.dir().to_owned(), home.path("clusterd.sock"));
    let talk = move || {
        let begun = Instant::now();
        let mut client = Client::connect(&dir, &socket).expect("the daemon answers");
        let answer = client.ask(Ask::Status { cluster: None });
        (begun.elapsed(), answer)
    };
    let (took, answer) = tokio::task::spawn_blocking(talk).await.expect("it ends");
    let Ok(Answer::Status { report }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(report.clusters.len(), clusters);
    assert!(report.clusters.iter().all(|one| one.snapshot.is_some()));
    took
}

fn name(number: usize) -> String {
    format!("c{number:05}")
}

fn id(node: usize) -> u32 {
    0x8010_0000 + u32::try_from(node).expect("some thousands")
}

fn cluster(number: usize, consoles: &[SocketAddr]) -> String {
    let name = name(number);
    let mut text = format!("cluster: {name}\nnodes:\n");
    for n in [0, 1] {
        let node = number * NODES + n;
        let _ = writeln!(
            text,
            "  n{n}: {{ platform: openboot, console: \"telnet://{}\", host_id: {:08x}, dark_after: 60s }}",
            consoles[node],
            id(node)
        );
    }
    let (high, low) = (number / 250, number % 250 + 1);
    let _ = write!(
        text,
        "packages:\n  p:\n    script: sun-openboot\n    nodes: [n0, n1]\n    boot_device: disk\n    \
         address: 127.1.{high}.{low}\n    data_policy: integrity\n"
    );
    text
}
