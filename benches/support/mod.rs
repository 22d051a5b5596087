//! What the benches of the whole daemon share: a home, the daemon in this process, and what
//! happens in it.
#![allow(dead_code, reason = "not every bench needs all of it")]

pub mod many;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::cluster::Happened;
use clusterd::daemon::{Daemon, Systemd, prepare};
use clusterd::home::Home;
use clusterd::machine::Event;
use clusterd::sim::serve::{ServeSpec, SimHandle, serve};
use clusterd::sim::{AfterPanic, NodeSpec, Times};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Nothing here takes longer on a busy machine of two cores.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The daemon, guarding one home in this process.
pub struct Guarded {
    daemon: Running,
    _home: TempDir,
}

/// A daemon in this process, over a home.
pub struct Running {
    /// What happens in its clusters.
    pub events: broadcast::Receiver<Happened>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), String>>,
}

impl Running {
    /// Starts it.
    pub async fn start(opened: Home) -> Running {
        let prepared = prepare(opened).expect("the home is good");
        let events = prepared.happened.subscribe();
        let daemon = Daemon::start(prepared).await.expect("the daemon starts");
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(daemon.run(Systemd::absent(), async {
            // Sent or dropped, both mean the end.
            let _ = stopped.await;
            "the bench is over".to_owned()
        }));
        Running { events, stop, task }
    }

    /// Ends it.
    pub async fn end(self) {
        // It may have gone already.
        let _ = self.stop.send(());
        let ended = self.task.await.expect("no panic");
        ended.expect("the daemon ends in good order");
    }
}

impl Guarded {
    /// Guards the cluster of that file in a new home at `place`. Besides the shipped scripts the
    /// home has `script`, a name and a text.
    pub async fn start(place: &Path, cluster: &str, script: Option<(&str, &str)>) -> Guarded {
        let home = home(place, cluster, script);
        let opened = Home::open(home.path()).expect("the home is there");
        Guarded {
            daemon: Running::start(opened).await,
            _home: home,
        }
    }

    /// Waits for the script to enter a state.
    pub async fn reaches(&mut self, wanted: &str) {
        self.sees(|event| matches!(event, Event::State { state, .. } if state == wanted))
            .await;
    }

    /// Waits for an event of that kind.
    pub async fn sees(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let mut seen = Vec::new();
        let look = async {
            loop {
                let event = self
                    .daemon
                    .events
                    .recv()
                    .await
                    .expect("the daemon lives")
                    .event;
                if wanted(&event) {
                    return event;
                }
                seen.push(event.to_string());
            }
        };
        let found = timeout(LIMIT, look).await;
        found.unwrap_or_else(|_| panic!("it did not come: {seen:#?}"))
    }

    /// Ends the daemon.
    pub async fn end(self) {
        self.daemon.end().await;
    }
}

fn home(place: &Path, cluster: &str, script: Option<(&str, &str)>) -> TempDir {
    home_of(place, script, &[("bench".to_owned(), cluster.to_owned())])
}

/// A home with so many clusters: the name and the file of each.
pub fn home_of(
    place: &Path,
    script: Option<(&str, &str)>,
    clusters: &[(String, String)],
) -> TempDir {
    let home = tempfile::tempdir_in(place).expect("the directory can be written");
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        let folder = path.parent().expect("a file has a folder");
        fs::create_dir_all(folder).expect("the home can be written");
        fs::write(path, text).expect("the home can be written");
    };
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("chat-scripts");
    for path in [
        "sun-openboot.chat",
        "lib/openboot.chat",
        "lib/openbios.chat",
    ] {
        let text = fs::read_to_string(shipped.join(path)).expect("the shipped scripts are there");
        write(&format!("chat-scripts/{path}"), &text);
    }
    if let Some((name, text)) = script {
        write(&format!("chat-scripts/{name}.chat"), text);
    }
    for (name, text) in clusters {
        write(&format!("clist/{name}.yaml"), text);
    }
    home
}

/// What the command line says: how many rounds, and where the home is to be.
pub fn rounds_and_place(usual: usize) -> (usize, PathBuf) {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let rounds = words.first().and_then(|word| word.parse().ok());
    let place = PathBuf::from(words.get(1).map_or("target", String::as_str));
    (rounds.unwrap_or(usual), place)
}

/// Each phase of a quick machine's start.
const PHASE: Duration = Duration::from_millis(1);
const QUICK: Times = Times {
    post: PHASE,
    load: PHASE,
    boot: PHASE,
    shutdown: PHASE,
};

/// How long the script of a pair waits for an answer to RETURN after a panic; 5 s as it is shipped.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// Two simulated machines whose self test, load and boot take next to nothing; the first one serves.
pub async fn pair() -> SimHandle {
    let node = |name, id| NodeSpec {
        after_panic: AfterPanic::Stay,
        ..NodeSpec::sun(name, id).with_times(QUICK)
    };
    let nodes = vec![node("alpha", 0x80b1_0001), node("beta", 0x80b1_0002)];
    let sim = serve(ServeSpec::on_loopback(nodes))
        .await
        .expect("loopback ports are free");
    sim.start();
    let prompts = async {
        let at_prompt = |node| {
            let said = sim.transcript(node).output(Moment::ZERO);
            said.ends_with("ok ")
        };
        while !(at_prompt(0) && at_prompt(1)) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LIMIT, prompts).await.expect("the machines start");
    sim.order(|rig, now| rig.operator_types(0, b"boot disk\r", now));
    answered(&sim).await;
    sim
}

/// Asks as a client would, until it is answered.
pub async fn answered(sim: &SimHandle) {
    let service = sim.service().expect("it was asked for");
    let asks = async {
        loop {
            if let Ok(mut stream) = TcpStream::connect(service).await {
                let mut text = String::new();
                if stream.read_to_string(&mut text).await.is_ok() && !text.is_empty() {
                    return;
                }
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LIMIT, asks).await.expect("the service comes back");
}

/// The cluster file of a pair, which may fail and be switched over as often as a bench likes.
pub fn cluster(sim: &SimHandle) -> String {
    let service = sim.service().expect("it was asked for");
    format!(
        "cluster: bench\nnodes:\n  \
         alpha: {{ platform: openboot, console: \"telnet://{}\", host_id: 80b10001, dark_after: 1h }}\n  \
         beta: {{ platform: openboot, console: \"telnet://{}\", host_id: 80b10002, dark_after: 1h }}\n\
         packages:\n  svc:\n    script: sun-openboot\n    nodes: [alpha, beta]\n    boot_device: disk\n    \
         address: {}\n    reach: tcp:{}\n    data_policy: integrity\n    \
         failures: {{ max: 1000, within: 1h }}\n    switches: {{ max: 1000, within: 1h }}\n    \
         params: {{ panic_limit: {}ms }}\n",
        sim.consoles()[0],
        sim.consoles()[1],
        service.ip(),
        service.port(),
        PATIENCE.as_millis(),
    )
}

/// The sample at so many hundredths, of sorted samples.
pub fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Keeps raw samples: a title, then one column a name, in microseconds, one line a round.
pub fn keep(file: &str, title: &str, columns: &[(&str, &[Duration])]) {
    let mut text = format!("# {title}\n# microseconds, one line a round\n");
    let names: Vec<String> = columns.iter().map(|(n, _)| format!("{n:>10}")).collect();
    let _ = writeln!(text, "{}", names.join(" "));
    let rounds = columns.iter().map(|(_, s)| s.len()).min().unwrap_or(0);
    for round in 0..rounds {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, samples)| format!("{:>10}", samples[round].as_micros()))
            .collect();
        let _ = writeln!(text, "{}", cells.join(" "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/results")
        .join(file);
    fs::write(path, text).expect("the samples can be kept");
}
