//! What the benches of the whole daemon share: a home, the daemon in this process, and what
//! happens in it.
#![allow(dead_code, reason = "not every bench needs all of it")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use clusterd::cluster::Happened;
use clusterd::daemon::{Daemon, Systemd, prepare};
use clusterd::home::Home;
use clusterd::machine::Event;
use tempfile::TempDir;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing here takes longer on a busy machine of two cores.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The daemon, guarding one home in this process.
pub struct Guarded {
    events: broadcast::Receiver<Happened>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    _home: TempDir,
}

impl Guarded {
    /// Guards the cluster of that file in a new home at `place`. Besides the shipped scripts the
    /// home has `script`, a name and a text.
    pub async fn start(place: &Path, cluster: &str, script: Option<(&str, &str)>) -> Guarded {
        let home = home(place, cluster, script);
        let opened = Home::open(home.path()).expect("the home is there");
        let prepared = prepare(opened).expect("the home is good");
        let events = prepared.happened.subscribe();
        let daemon = Daemon::start(prepared).await.expect("the daemon starts");
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(daemon.run(Systemd::absent(), async {
            // Sent or dropped, both mean the end.
            let _ = stopped.await;
            "the bench is over".to_owned()
        }));
        Guarded {
            events,
            stop,
            running,
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
                let event = self.events.recv().await.expect("the daemon lives").event;
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
        // It may have gone already.
        let _ = self.stop.send(());
        self.running.await.expect("the daemon ends in good order");
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
