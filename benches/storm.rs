//! A takeover beside a storm: other clusters of the same daemon write ten thousand events within one
//! second, while a pair's primary panics and its standby is booted. Rounds with and without the storm
//! take turns; afterwards every event of every storm must be in the journal.
//!
//! `cargo bench --bench storm [-- ROUNDS [DIRECTORY]]`; raw samples go to `benches/results/storm.txt`.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clusterd::cluster::Happened;
use clusterd::daemon::{Daemon, Systemd, prepare};
use clusterd::home::Home;
use clusterd::machine::Event;
use clusterd::sim::serve::{ServeSpec, SimHandle, serve};
use clusterd::sim::{NodeSpec, Times};
use clusterd::store::Reader;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use support::{LIMIT, answered, cluster, pair};

const ROUNDS: usize = 20;
/// Clusters that make the storm, and how many events each makes of one.
const LOUD: usize = 20;
const EACH: usize = 500;
/// A storm comes in so many gusts, so far apart: together one second.
const GUSTS: usize = 50;
const GUST: Duration = Duration::from_millis(20);
const LOGIN: &[u8] = b"\r\nloud console login: ";
/// States that may wait to be looked at; behind them the stream of events waits.
const STATES: usize = 4096;

/// Every line of the primary's console becomes an event.
const SCRIPT: &str = r#"
script loud
use openboot

pattern gust = /gust [0-9]+/

start state assess "who runs, who waits"
    survey within 20s {
        one_runs -> loud
        all_wait -> lost
        two_live -> lost
        silent   -> lost
        unclear  -> lost
    }

hold state lost "the bench went wrong"
    on operator release -> assess

state loud "a line, an event"
    on primary prints gust  { log "a gust" }
    on primary prints panic -> lost
"#;

fn main() {
    let (rounds, place) = support::rounds_and_place(ROUNDS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(measure(rounds, &place));
}

async fn measure(rounds: usize, place: &Path) {
    let pair = pair().await;
    let crowd = Crowd::gather().await;
    let mut clusters = vec![("bench".to_owned(), cluster(&pair))];
    clusters.extend((0..LOUD).map(|n| (loud_name(n), crowd.cluster(n))));
    let home = support::home_of(place, Some(("loud", SCRIPT)), &clusters);
    let prepared = prepare(Home::open(home.path()).expect("the home is there"));
    let prepared = prepared.expect("the home is good");
    let mut states = States::of(prepared.happened.subscribe());
    let daemon = Daemon::start(prepared).await.expect("the daemon starts");
    assert_eq!(daemon.counts(), (clusters.len(), 0), "all are guarded");
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(daemon.run(Systemd::absent(), async {
        // Sent or dropped, both mean the end.
        let _ = stopped.await;
        "the bench is over".to_owned()
    }));
    states.reached("watch", 1).await;
    states.reached("loud", LOUD).await;
    let mut quiet = Vec::new();
    let mut storm = Vec::new();
    for round in 0..2 * rounds {
        let loud = round % 2 == 1;
        let blown = loud.then(|| crowd.blow());
        let took = takeover(&pair, round % 2).await;
        if loud { &mut storm } else { &mut quiet }.push(took);
        states.reached("watch", 1).await;
        if let Some(blown) = blown {
            blown.await.expect("the storm blows out");
        }
    }
    assert_eq!(pair.snapshot().disk.violations(), 0, "two writers");
    let wanted = rounds * EACH;
    let written = async {
        loop {
            let all: Vec<usize> = (0..LOUD).map(|n| events(home.path(), n, wanted)).collect();
            if all.iter().all(|count| *count == wanted) {
                return all.iter().sum::<usize>();
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let written = timeout(LIMIT, written).await;
    let written = written.expect("every event of every storm is in the journal");
    // The run has ended with it.
    let _ = stop.send(());
    running
        .await
        .expect("the daemon ends in good order")
        .expect("the daemon ends in good order");
    report(quiet, storm, written);
}

/// How many gusts of that cluster are in the journal.
fn events(home: &Path, number: usize, wanted: usize) -> usize {
    let reader = Reader::open(home).expect("the journal can be read");
    let limit = u32::try_from(2 * wanted + 1000).expect("some thousands");
    let all = reader.history(&loud_name(number), limit);
    let all = all.expect("the journal can be read");
    let gusts = all
        .iter()
        .filter(|entry| entry.entry.text.contains("a gust"));
    gusts.count()
}

/// From the panic until a client is answered by the other machine.
async fn takeover(pair: &SimHandle, primary: usize) -> Duration {
    let begun = Instant::now();
    pair.panic(primary);
    answered(pair).await;
    begun.elapsed()
}

/// The states that scripts enter, of all that happens.
struct States {
    entered: mpsc::Receiver<String>,
    /// Those that nobody has waited for yet.
    seen: BTreeMap<String, usize>,
}

impl States {
    fn of(mut happened: broadcast::Receiver<Happened>) -> States {
        let (tell, entered) = mpsc::channel(STATES);
        tokio::spawn(async move {
            loop {
                match happened.recv().await {
                    Ok(Happened {
                        event: Event::State { state, .. },
                        ..
                    }) => {
                        if tell.send(state).await.is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(missed)) => panic!("{missed} events were not looked at"),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        States {
            entered,
            seen: BTreeMap::new(),
        }
    }

    async fn reached(&mut self, wanted: &str, times: usize) {
        let look = async {
            while self.seen.get(wanted).is_none_or(|seen| *seen < times) {
                let state = self.entered.recv().await.expect("the daemon lives");
                assert_ne!(state, "lost", "the bench went wrong");
                *self.seen.entry(state).or_default() += 1;
            }
        };
        let found = timeout(LIMIT, look).await;
        found.unwrap_or_else(|_| panic!("{wanted} was not reached: {:?}", self.seen));
        self.seen.remove(wanted);
    }
}

/// The clusters that make the storm: consoles that we hold, and simulated standbys.
struct Crowd {
    consoles: Vec<(SocketAddr, Arc<Mutex<Option<TcpStream>>>)>,
    standbys: SimHandle,
    services: Vec<SocketAddr>,
}

impl Crowd {
    async fn gather() -> Crowd {
        let nodes = (0..LOUD)
            .map(|n| NodeSpec::sun(&format!("b{n}"), standby_id(n)).with_times(Times::QUICK));
        let standbys = serve(ServeSpec::on_loopback(nodes.collect())).await;
        let standbys = standbys.expect("loopback ports are free");
        standbys.start();
        Crowd {
            consoles: (0..LOUD).map(|_| console()).collect(),
            standbys,
            services: (0..LOUD).map(service).collect(),
        }
    }

    fn cluster(&self, number: usize) -> String {
        let (name, service) = (loud_name(number), self.services[number]);
        format!(
            "cluster: {name}\nnodes:\n  \
             a: {{ platform: openboot, console: \"telnet://{}\", host_id: {:08x}, dark_after: 1h }}\n  \
             b: {{ platform: openboot, console: \"telnet://{}\", host_id: {:08x}, dark_after: 1h }}\n\
             packages:\n  svc:\n    script: loud\n    nodes: [a, b]\n    boot_device: disk\n    \
             address: {}\n    reach: tcp:{}\n    data_policy: integrity\n",
            self.consoles[number].0,
            standby_id(number) + 0x100,
            self.standbys.consoles()[number],
            standby_id(number),
            service.ip(),
            service.port(),
        )
    }

    /// One storm, on all consoles at once.
    fn blow(&self) -> tokio::task::JoinHandle<()> {
        let streams: Vec<TcpStream> = self
            .consoles
            .iter()
            .map(|(_, stream)| {
                let held = stream.lock().expect("nobody panics with it");
                let held = held.as_ref().expect("the daemon is connected");
                held.try_clone().expect("a socket can be cloned")
            })
            .collect();
        tokio::spawn(async move {
            let mut line = 0;
            for _ in 0..GUSTS {
                let mut text = String::new();
                for _ in 0..EACH / GUSTS {
                    line += 1;
                    text.push_str(&format!("gust {line}\r\n"));
                }
                for mut stream in &streams {
                    stream.write_all(text.as_bytes()).expect("the daemon reads");
                }
                sleep(GUST).await;
            }
        })
    }
}

/// A console that answers RETURN with a login prompt, and the connection that was accepted last.
fn console() -> (SocketAddr, Arc<Mutex<Option<TcpStream>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback ports are free");
    let address = listener.local_addr().expect("it is bound");
    let held = Arc::new(Mutex::new(None));
    let holds = Arc::clone(&held);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let ours = stream.try_clone().expect("a socket can be cloned");
            *holds.lock().expect("nobody panics with it") = Some(ours);
            let mut buffer = [0; 512];
            while let Ok(got @ 1..) = stream.read(&mut buffer) {
                for _ in buffer[..got].iter().filter(|byte| **byte == b'\r') {
                    // Whoever hung up reads no answer.
                    let _ = stream.write_all(LOGIN);
                }
            }
        }
    });
    (address, held)
}

/// Where the service of a loud cluster answers, always: an address belongs to one package.
fn service(number: usize) -> SocketAddr {
    let at = format!("127.2.0.{}:0", number + 1);
    let listener = TcpListener::bind(at).expect("loopback ports are free");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address
}

fn loud_name(number: usize) -> String {
    format!("loud{number:02}")
}

fn standby_id(number: usize) -> u32 {
    0x80b2_0000 + u32::try_from(number).expect("some dozens")
}

fn report(mut quiet: Vec<Duration>, mut storm: Vec<Duration>, written: usize) {
    support::keep(
        "storm.txt",
        "cargo bench --bench storm: from the panic until a client is answered",
        &[("quiet", &quiet), ("storm", &storm)],
    );
    println!(
        "{} storms of {} events in {:?}; {written} events in the journal, none lost",
        storm.len(),
        LOUD * EACH,
        GUST * u32::try_from(GUSTS).expect("few"),
    );
    quiet.sort_unstable();
    storm.sort_unstable();
    println!("milliseconds from the panic until a client is answered");
    println!("{:<24}{:>8}{:>8}{:>8}", "", "p50", "p99", "max");
    for (name, samples) in [("quiet", &quiet), ("beside the storm", &storm)] {
        let cell = |percent| support::at(samples, percent).as_secs_f64() * 1000.0;
        println!(
            "{name:<24}{:>8.1}{:>8.1}{:>8.1}",
            cell(50),
            cell(99),
            cell(100)
        );
    }
    let ratio = |percent: usize| {
        support::at(&storm, percent).as_secs_f64() / support::at(&quiet, percent).as_secs_f64()
    };
    println!(
        "{:<24}{:>8.2}{:>8.2}",
        "storm over quiet",
        ratio(50),
        ratio(99)
    );
}
