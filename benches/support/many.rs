//! Many clusters of two nodes each at rest, and the daemon that guards them in this process. Consoles
//! are the chattering ports of `clusterd sim serve --chatter`, which say nothing here.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clusterd::control::{Answer, Ask, Client, ClusterReport};
use clusterd::home::Home;
use clusterd::sim::NodeSpec;
use clusterd::sim::serve::chatter::{Chatter, ChatterSpec, Speech, chatter};
use tempfile::TempDir;
use tokio::time::timeout;

use super::Running;

const CLUSTERS: usize = 1000;
/// Nodes of a cluster.
const NODES: usize = 2;
/// No cluster has said anything for so long: all of them rest.
const QUIET: Duration = Duration::from_secs(3);
/// So often they are looked at.
const LOOKS: usize = 20;
/// `dark_after` of every cluster, in seconds, until a bench writes another one.
pub const DARK_AFTER: usize = 60;

/// What the command line says: how many clusters, how many rounds, and where the home is to be.
pub struct Wanted {
    pub clusters: usize,
    pub rounds: usize,
    pub place: PathBuf,
}

/// Runs a bench of so many clusters as the command line says.
pub fn run<F: Future<Output = ()>>(rounds: usize, measure: impl FnOnce(Wanted) -> F) {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let number = |at: usize, usual| {
        let word = words.get(at).and_then(|word| word.parse().ok());
        word.unwrap_or(usual)
    };
    let wanted = Wanted {
        clusters: number(0, CLUSTERS),
        rounds: number(1, rounds),
        place: PathBuf::from(words.get(2).map_or("target", String::as_str)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(measure(wanted));
}

/// The daemon, guarding them.
pub struct Many {
    ports: Chatter,
    home: TempDir,
    opened: Home,
    daemon: Running,
}

impl Many {
    /// Starts all, and waits until they rest.
    pub async fn start(clusters: usize, place: &Path) -> Many {
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
        .expect("the ports can be opened: each console takes two descriptors here (ulimit -n)");
        let files = (0..clusters).map(|n| (name(n), file(n, ports.consoles(), DARK_AFTER)));
        let home = super::home_of(place, None, &files.collect::<Vec<_>>());
        let opened = Home::open(home.path()).expect("the home is there");
        let daemon = Running::start(opened.clone()).await;
        let mut many = Many {
            ports,
            home,
            opened,
            daemon,
        };
        many.settle().await;
        many
    }

    /// Waits until every cluster watches, and none has said anything for a while.
    pub async fn settle(&mut self) {
        let mut last = String::new();
        for _ in 0..LOOKS {
            while timeout(QUIET, self.daemon.events.recv()).await.is_ok() {}
            let (_, answer) = self.ask(Ask::Status { cluster: None }).await;
            let Answer::Status { report } = answer else {
                panic!("{answer:?}");
            };
            let state = |one: &ClusterReport| {
                let package = one.snapshot.as_ref()?.packages.first()?;
                Some((package.state.clone(), package.waits_for.clone()?.what))
            };
            let watches = |one: &&ClusterReport| {
                let rests =
                    |(state, waits): (String, String)| state == "watch" && waits == "events";
                state(one).is_some_and(rests)
            };
            let Some(one) = report.clusters.iter().find(|one| !watches(one)) else {
                return;
            };
            last = format!("{}: {:?} {:?}", one.cluster, state(one), one.standing);
        }
        panic!("not every cluster comes to rest: {last}");
    }

    /// Writes the file of a cluster anew, with that time in it.
    pub fn rewrite(&self, number: usize, dark_after: usize) {
        let text = file(number, self.ports.consoles(), dark_after);
        let path = format!("clist/{}.yaml", name(number));
        fs::write(self.home.path().join(path), text).expect("the home can be written");
    }

    /// Asks over the control socket: how long that took from the connection to the answer read.
    pub async fn ask(&self, ask: Ask) -> (Duration, Answer) {
        let (dir, socket) = (
            self.opened.dir().to_owned(),
            self.opened.path("clusterd.sock"),
        );
        let talk = move || {
            let begun = Instant::now();
            let mut client = Client::connect(&dir, &socket).expect("the daemon answers");
            let answer = client.ask(ask);
            (begun.elapsed(), answer.expect("the daemon answers"))
        };
        tokio::task::spawn_blocking(talk).await.expect("it ends")
    }

    /// Ends the daemon.
    pub async fn end(self) {
        self.daemon.end().await;
    }
}

/// Prints what was measured.
pub fn tell(what: &str, mut samples: Vec<Duration>) {
    samples.sort();
    let [p50, p99] = [50, 99].map(|percent| super::at(&samples, percent));
    let (least, most) = (samples[0], samples[samples.len() - 1]);
    println!("{what}: least {least:?}, p50 {p50:?}, p99 {p99:?}, max {most:?}");
}

fn name(number: usize) -> String {
    format!("c{number:05}")
}

fn id(node: usize) -> u32 {
    0x8010_0000 + u32::try_from(node).expect("some thousands")
}

fn file(number: usize, consoles: &[SocketAddr], dark_after: usize) -> String {
    let name = name(number);
    let mut text = format!("cluster: {name}\nnodes:\n");
    for n in [0, 1] {
        let node = number * NODES + n;
        let _ = writeln!(
            text,
            "  n{n}: {{ platform: openboot, console: \"telnet://{}\", host_id: {:08x}, dark_after: {dark_after}s }}",
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
