//! clusterd's reader and matcher beside expect and pexpect, each in a process of its own: who finds
//! a panic in 100 MB of kernel log first, who misses one, and who answers a panic soonest.
//!
//! `cargo bench --bench peer_race [-- scan|reaction]`, or `benches/peers/run scan reaction`, which
//! installs the peers. Whoever is not installed is left out with a word. Rounds take turns; raw
//! samples go to `benches/results/peers_scan.txt` and `peers_reaction.txt`.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use clusterd::clock::Moment;
use clusterd::config::Address;
use clusterd::console::{Console, LinkSettings, Order, Said};
use clusterd::daemon::Turns;
use clusterd::matcher::{Ear, Heard, PatternSet};
use clusterd::sim::NodeSpec;
use clusterd::sim::serve::chatter::{Chatter, ChatterSpec, Speech, chatter};
use fastrand::Rng;

use patterns::{PATTERNS, defs, kernel_log};
use support::{Guarded, LIMIT};

#[path = "support/patterns.rs"]
mod patterns;
mod support;

const SEED: u64 = 20_261_122;
const SCANNED: usize = 100_000_000;
const SCANS: usize = 5;
/// A console log in which one panic stands somewhere.
const SEARCHED: usize = 4 << 20;
/// How often each is asked to find it.
const SEARCHES: [(&str, usize); 3] = [("clusterd", 100), ("expect", 10), ("pexpect", 10)];
const REACTIONS: usize = 1000;
const PANIC: &[u8] = b"\r\npanic[cpu0]/thread=30001a2b3c0: BAD TRAP: type=31\r\n";
const ANSWER: u8 = b'!';

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--answer", port] => answer(port.parse().expect("a port")),
        ["scan"] => scan(),
        ["reaction"] => react(),
        _ => {
            scan();
            react();
        }
    }
}

// --- clusterd's side -----------------------------------------------------------------------------

/// Answers every panic at that port, as a cluster's task does: a link, an ear, 20 patterns.
fn answer(port: u16) {
    let panic = PATTERNS.iter().position(|regex| regex.starts_with("panic"));
    let threads = Turns::start().expect("threads start");
    threads.runtime().block_on(async {
        let address = format!("tcp://127.0.0.1:{port}");
        let address: Address = address.parse().expect("a good address");
        let mut console = Console::open(address, LinkSettings::default());
        let mut ear = Ear::new(Arc::new(PatternSet::new(&defs()).expect("good patterns")));
        ear.set_text(false);
        let begun = Instant::now();
        let mut heard = Vec::new();
        loop {
            let (epoch, bytes) = match console.next().await {
                Said::Bytes { epoch, bytes } => (epoch, bytes),
                Said::Up { .. }
                | Said::Carrier { .. }
                | Said::Broke { .. }
                | Said::Aside { .. } => continue,
                Said::Gap { lost, .. } => {
                    eprintln!("clusterd left out {lost} bytes");
                    continue;
                }
                Said::Down { .. } => return,
            };
            ear.hear(&bytes, Moment::ZERO + begun.elapsed(), &mut heard);
            for heard in heard.drain(..) {
                if matches!(heard, Heard::Match(hit) if Some(hit.pattern) == panic) {
                    let bytes = vec![ANSWER];
                    console.order(Order::Type { epoch, bytes });
                }
            }
        }
    });
}

// --- scanning ------------------------------------------------------------------------------------

fn scan() {
    let names = contestants();
    let log = kernel_log(SEED, SCANNED, 0);
    let mut rng = Rng::with_seed(SEED);
    println!("100 MB of kernel log in random pieces, then a panic; MB/s, one line a round");
    println!("{}", columns(&names));
    let mut samples = vec![Vec::new(); names.len()];
    for round in 0..SCANS {
        for at in turns(names.len(), round) {
            let mut racer = Racer::enter(names[at]);
            let begun = Instant::now();
            racer.says(&log, &mut rng);
            racer.stream.write_all(PANIC).expect("it reads");
            assert!(racer.answers(LIMIT * 4), "{} missed it", names[at]);
            samples[at].push(begun.elapsed());
        }
        let rates = samples.iter().map(|of| rate(of[round]));
        println!(
            "{}",
            rates
                .map(|rate| format!("{rate:>12.1}"))
                .collect::<String>()
        );
    }
    keep(
        "peers_scan.txt",
        "scan: 100 MB until the panic is answered",
        &names,
        &samples,
    );
    ratios(&names, &samples);
    println!("a panic anywhere in 4 MiB, in random pieces or one burst: found");
    for (name, rounds) in SEARCHES.iter().filter(|(name, _)| names.contains(name)) {
        let found = search(name, &log, *rounds, &mut rng);
        println!("{name:>12} {found} of {rounds}");
    }
}

fn rate(time: Duration) -> f64 {
    100.0 / time.as_secs_f64()
}

/// In how many rounds the panic was found.
fn search(name: &'static str, log: &[u8], rounds: usize, rng: &mut Rng) -> usize {
    let mut racer = Racer::enter(name);
    let mut found = 0;
    for round in 0..rounds {
        let from = rng.usize(..log.len() - SEARCHED);
        let cut = rng.usize(..SEARCHED);
        let mut said = log[from..from + SEARCHED].to_vec();
        said.splice(cut..cut, PANIC.iter().copied());
        if round % 2 == 0 {
            racer.says(&said, rng);
        } else {
            racer.stream.write_all(&said).expect("it reads");
        }
        found += usize::from(racer.answers(Duration::from_secs(5)));
    }
    found
}

// --- reaction ------------------------------------------------------------------------------------

fn react() {
    let mut names = contestants();
    let mut racers: Vec<Racer> = names.iter().map(|name| Racer::enter(name)).collect();
    let threads = Turns::start().expect("threads start");
    let runtime = threads.runtime();
    let mut daemon = runtime.block_on(Daemon::set());
    names.push("daemon");
    let mut rng = Rng::with_seed(SEED);
    let mut samples = vec![Vec::new(); names.len()];
    for round in 0..REACTIONS {
        for at in turns(names.len(), round) {
            // They sleep when the panic comes, as they do on a quiet console.
            std::thread::park_timeout(Duration::from_micros(rng.u64(1000..3000)));
            samples[at].push(match racers.get_mut(at) {
                Some(racer) => racer.round(),
                None => runtime.block_on(daemon.round()),
            });
        }
    }
    runtime.block_on(daemon.guarded.end());
    keep(
        "peers_reaction.txt",
        "reaction: from a panic to the answer",
        &names,
        &samples,
    );
    println!("{REACTIONS} panics, in turns; microseconds until the answer");
    println!("{:<12}{:>8}{:>8}{:>8}", "", "p50", "p99", "max");
    for (name, samples) in names.iter().zip(&samples) {
        let mut sorted = samples.clone();
        sorted.sort_unstable();
        let cell = |percent| support::at(&sorted, percent).as_micros();
        println!("{name:<12}{:>8}{:>8}{:>8}", cell(50), cell(99), cell(100));
    }
    ratios(&names, &samples);
}

/// The whole daemon: a script that answers a panic with a byte.
struct Daemon {
    guarded: Guarded,
    stream: TcpStream,
    answers: Receiver<Instant>,
    _standby: Chatter,
}

const SCRIPT: &str = r#"
script race
use openboot

start state assess "who runs, who waits"
    survey within 20s {
        one_runs -> armed
        all_wait -> lost
        two_live -> lost
        silent   -> lost
        unclear  -> lost
    }

hold state lost "the bench went wrong"
    on operator release -> assess

state armed "a panic is answered"
    urgent on primary prints panic -> panicked

state panicked "one byte"
    call answer(primary) else -> lost
    -> armed

procedure answer(node) "one byte"
    send node "!"
"#;

impl Daemon {
    async fn set() -> Daemon {
        let standby = chatter(ChatterSpec {
            nodes: vec![
                NodeSpec::sun("a", 0x80b1_0001),
                NodeSpec::sun("b", 0x80b1_0002),
            ],
            listen: [127, 0, 0, 1].into(),
            base_port: 0,
            lines_per_s: 0.0,
            speech: Speech::Raw,
            seed: SEED,
            panic_after: None,
        })
        .expect("loopback ports are free");
        let (service, console) = (listener(), listener());
        let cluster = format!(
            "cluster: bench\nnodes:\n  \
             a: {{ platform: openboot, console: \"tcp://{}\", host_id: 80b10001, dark_after: 1h }}\n  \
             b: {{ platform: openboot, console: \"tcp://{}\", host_id: 80b10002, dark_after: 1h }}\n\
             packages:\n  svc:\n    script: race\n    nodes: [a, b]\n    boot_device: disk\n    \
             address: 127.0.0.1\n    reach: tcp:{}\n    data_policy: integrity\n",
            address(&console),
            standby.consoles()[1],
            address(&service).port(),
        );
        std::thread::spawn(move || service.incoming().for_each(drop));
        let accepted = tokio::task::spawn_blocking(move || accepted(&console));
        let mut guarded =
            Guarded::start(Path::new("target"), &cluster, Some(("race", SCRIPT))).await;
        let stream = accepted.await.expect("the daemon connects");
        let answers = answers(stream.try_clone().expect("a socket can be cloned"));
        guarded.reaches("armed").await;
        Daemon {
            guarded,
            stream,
            answers,
            _standby: standby,
        }
    }

    async fn round(&mut self) -> Duration {
        let begun = Instant::now();
        self.stream.write_all(PANIC).expect("the daemon reads");
        let answered = self.answers.recv_timeout(LIMIT).expect("an answer comes");
        self.guarded.reaches("armed").await;
        answered.duration_since(begun)
    }
}

/// The node's end: RETURN is answered with a login prompt; tells when a panic was answered.
fn answers(mut stream: TcpStream) -> Receiver<Instant> {
    let (told, answers) = sync_channel(16);
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let now = Instant::now();
            if buffer[..count].contains(&ANSWER) && told.try_send(now).is_err() {
                return;
            }
            let asked = buffer[..count].contains(&b'\r');
            if asked && stream.write_all(b"\r\nbench console login: ").is_err() {
                return;
            }
        }
    });
    answers
}

// --- the racers ----------------------------------------------------------------------------------

/// Those who are here.
fn contestants() -> Vec<&'static str> {
    let here = |name: &&&str| {
        let there =
            **name == "clusterd" || peer(name, None).output().is_ok_and(|o| o.status.success());
        if !there {
            println!("{name} is not installed: skipped");
        }
        there
    };
    let all: &[&'static str] = &["clusterd", "expect", "pexpect"];
    all.iter().filter(here).copied().collect()
}

/// Its command for a port, or one that tells whether it is here.
fn peer(name: &str, port: Option<u16>) -> Command {
    let script = |file: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("benches/peers")
            .join(file)
    };
    let own = std::env::current_exe().expect("this program has a path");
    let mut command = match name {
        "clusterd" => Command::new(own),
        "expect" => Command::new("expect"),
        _ => Command::new("/usr/bin/python3"),
    };
    match (name, port) {
        ("clusterd", _) => command.arg("--answer"),
        ("expect", None) => command.arg("-v"),
        ("expect", Some(_)) => command.arg("-f").arg(script("race.exp")),
        (_, None) => command.args(["-c", "import pexpect.fdpexpect"]),
        (_, Some(_)) => command.arg(script("race.py")),
    };
    command.args(port.map(|port| port.to_string()));
    command
}

/// One of them at work on a console that we hold.
struct Racer {
    process: Child,
    stream: TcpStream,
}

impl Racer {
    /// It has answered a first panic: it is there, and warm.
    fn enter(name: &str) -> Racer {
        let listener = listener();
        let process = peer(name, Some(address(&listener).port()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("it was there before");
        let stream = accepted(&listener);
        let mut racer = Racer { process, stream };
        racer.round();
        racer
    }

    /// One panic and its answer.
    fn round(&mut self) -> Duration {
        let begun = Instant::now();
        self.stream.write_all(PANIC).expect("it reads");
        assert!(self.answers(LIMIT), "a panic was not answered");
        begun.elapsed()
    }

    /// `text` in pieces of 1 byte to 64 KiB, small ones as likely as large.
    fn says(&mut self, text: &[u8], rng: &mut Rng) {
        let mut rest = text;
        while !rest.is_empty() {
            let piece = (1_usize << rng.u32(0..=16)).min(rest.len());
            let (now, later) = rest.split_at(rng.usize(1..=piece));
            self.stream.write_all(now).expect("it reads");
            rest = later;
        }
    }

    fn answers(&mut self, within: Duration) -> bool {
        let end = Instant::now() + within;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let limited = self.stream.set_read_timeout(Some(left));
            limited.expect("a limit can be set");
            match self.stream.read(&mut [0; 1]) {
                Ok(1) => return true,
                Err(err)
                    if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                other => panic!("it has gone: {other:?}"),
            }
        }
    }
}

impl Drop for Racer {
    fn drop(&mut self) {
        // It may have gone by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("loopback ports are free")
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("it is bound")
}

fn accepted(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().expect("somebody connects");
    stream.set_nodelay(true).expect("it is TCP");
    stream
}

// --- telling -------------------------------------------------------------------------------------

/// Whose turn it is: the first of a round is the last of the next.
fn turns(count: usize, round: usize) -> Vec<usize> {
    match round % 2 {
        0 => (0..count).collect(),
        _ => (0..count).rev().collect(),
    }
}

fn columns(names: &[&str]) -> String {
    names.iter().map(|name| format!("{name:>12}")).collect()
}

fn keep(file: &str, what: &str, names: &[&str], samples: &[Vec<Duration>]) {
    let columns = names.iter().zip(samples);
    let columns: Vec<(&str, &[Duration])> = columns.map(|(name, of)| (*name, &of[..])).collect();
    support::keep(
        file,
        &format!("cargo bench --bench peer_race -- {what}"),
        &columns,
    );
}

/// Everybody's time over expect's, in the middle of all rounds and at the slow end.
fn ratios(names: &[&str], samples: &[Vec<Duration>]) {
    let Some(expect) = names.iter().position(|name| *name == "expect") else {
        return;
    };
    for (name, of) in names.iter().zip(samples) {
        let rounds = of.iter().zip(&samples[expect]);
        let mut paired: Vec<f64> = rounds
            .map(|(a, b)| a.as_secs_f64() / b.as_secs_f64())
            .collect();
        paired.sort_unstable_by(f64::total_cmp);
        let middle = paired[paired.len() / 2];
        println!("{name:>12} takes {middle:.3} of expect's time, round by round, at p50");
    }
}
