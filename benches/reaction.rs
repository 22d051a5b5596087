//! From the last byte of a panic on a console to the BREAK on the same console: the real daemon in
//! this process, the journal included; beside it the same with its home on a tmpfs, which takes
//! the fsync out. Rounds of both take turns.
//!
//! `cargo bench --bench reaction [-- ROUNDS [DIRECTORY]]`; raw samples go to
//! `benches/results/reaction.txt`. Both ends of the telnet connection are in this process, so the
//! time holds both ways over loopback.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use clusterd::sim::serve::{ServeSpec, SimHandle, serve};
use clusterd::sim::{NodeSpec, Times};

use support::{Guarded, LIMIT};

const ROUNDS: usize = 250;
const BREAK: [u8; 2] = [0xff, 0xf3];
const PANIC: &[u8] = b"\r\npanic[cpu0]/thread=";
const LOGIN: &[u8] = b"\r\nbench console login: ";

/// Rule 6 wants a panic and an unanswered RETURN. Here the RETURN comes first, so that nothing
/// but clusterd itself is between the panic and the BREAK.
const SCRIPT: &str = r#"
script reaction
use openboot

start state assess "who runs, who waits"
    survey within 20s {
        one_runs -> lively
        all_wait -> lost
        two_live -> lost
        silent   -> lost
        unclear  -> lost
    }

hold state lost "the bench went wrong"
    on operator release -> assess

state lively "a login prompt answers"
    ask primary within 5s { login -> deaf  prompt -> lost  silence -> lost }

state deaf "RETURN is not answered"
    ask primary within 60ms { login -> lost  prompt -> lost  silence -> armed }

state armed "the next panic is enough"
    on primary prints panic -> stopped

state stopped "one BREAK; nothing answers it, so nothing is proved"
    fence primary with openboot_reset  refused -> lost  else -> lively
"#;

fn main() {
    let (rounds, disk) = support::rounds_and_place(ROUNDS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(measure(rounds, &disk));
}

async fn measure(rounds: usize, disk: &Path) {
    let mut on_disk = Stage::set(disk).await;
    let mut on_tmpfs = Stage::set(Path::new("/dev/shm")).await;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        with.push(on_disk.round().await);
        without.push(on_tmpfs.round().await);
    }
    on_disk.guarded.end().await;
    on_tmpfs.guarded.end().await;
    support::keep(
        "reaction.txt",
        "cargo bench --bench reaction: from the last byte of a panic to the BREAK",
        &[("disk", &with), ("tmpfs", &without)],
    );
    with.sort_unstable();
    without.sort_unstable();
    println!("{rounds} rounds each, in turns; microseconds");
    println!("{:<24}{:>8}{:>8}{:>8}", "", "p50", "p99", "max");
    for (name, samples) in [("disk", &with), ("tmpfs, no fsync", &without)] {
        let cell = |percent| support::at(samples, percent).as_micros();
        println!("{name:<24}{:>8}{:>8}{:>8}", cell(50), cell(99), cell(100));
    }
    let ratio = |percent: usize| {
        support::at(&with, percent).as_secs_f64() / support::at(&without, percent).as_secs_f64()
    };
    println!(
        "{:<24}{:>8.2}{:>8.2}",
        "disk over tmpfs",
        ratio(50),
        ratio(99)
    );
}

/// A daemon, a console that we hold, a simulated standby.
struct Stage {
    guarded: Guarded,
    console: Console,
    _standby: SimHandle,
}

impl Stage {
    async fn set(place: &Path) -> Stage {
        let standby = NodeSpec::sun("standby", 0x80b1_0002).with_times(Times::QUICK);
        let sim = serve(ServeSpec::on_loopback(vec![standby]))
            .await
            .expect("loopback ports are free");
        sim.start();
        let service = service();
        let (address, accepted) = Console::listen();
        let cluster = format!(
            "cluster: bench\nnodes:\n  \
             a: {{ platform: openboot, console: \"telnet://{address}\", host_id: 80b10001, dark_after: 1h }}\n  \
             b: {{ platform: openboot, console: \"telnet://{}\", host_id: 80b10002, dark_after: 1h }}\n\
             packages:\n  svc:\n    script: reaction\n    nodes: [a, b]\n    boot_device: disk\n    \
             address: {}\n    reach: tcp:{}\n    data_policy: integrity\n    params: {{ break_tries: 1 }}\n",
            sim.consoles()[0],
            service.ip(),
            service.port(),
        );
        let guarded = Guarded::start(place, &cluster, Some(("reaction", SCRIPT))).await;
        let console = tokio::task::spawn_blocking(move || Console::accept(&accepted))
            .await
            .expect("the daemon connects");
        Stage {
            guarded,
            console,
            _standby: sim,
        }
    }

    async fn round(&mut self) -> Duration {
        self.guarded.reaches("armed").await;
        let begun = Instant::now();
        self.console.says(PANIC);
        self.console.broken().duration_since(begun)
    }
}

/// Where the service answers, always.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback ports are free");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address
}

/// The node's end of its console: answers the right RETURNs, and tells when BREAK came.
struct Console {
    stream: TcpStream,
    breaks: Receiver<Instant>,
}

impl Console {
    fn listen() -> (SocketAddr, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback ports are free");
        (listener.local_addr().expect("it is bound"), listener)
    }

    fn accept(listener: &TcpListener) -> Console {
        let (stream, _) = listener.accept().expect("the daemon connects");
        stream.set_nodelay(true).expect("it is TCP");
        let (told, breaks) = sync_channel(16);
        let mut ours = stream.try_clone().expect("a socket can be cloned");
        std::thread::spawn(move || {
            // Survey and `lively` are answered, `deaf` is not; after a BREAK comes the fence's own
            // RETURN, then `lively`, then `deaf`.
            let mut answers = vec![false, true, true];
            let mut buffer = [0; 512];
            loop {
                let got = match ours.read(&mut buffer) {
                    Ok(got) if got > 0 => &buffer[..got],
                    Err(err) if err.kind() == ErrorKind::Interrupted => continue,
                    _ => return,
                };
                let now = Instant::now();
                let broken = got.windows(2).any(|pair| pair == BREAK);
                if broken {
                    answers = vec![false, true, false];
                    // Nobody listens to a second one.
                    let _ = told.try_send(now);
                }
                for _ in got.iter().filter(|byte| **byte == b'\r') {
                    let answer = answers.pop().unwrap_or(false);
                    if answer && ours.write_all(LOGIN).is_err() {
                        return;
                    }
                }
            }
        });
        Console { stream, breaks }
    }

    fn says(&mut self, text: &[u8]) {
        self.stream.write_all(text).expect("the daemon reads");
    }

    fn broken(&self) -> Instant {
        match self.breaks.recv_timeout(LIMIT) {
            Ok(at) => at,
            Err(RecvTimeoutError::Timeout) => panic!("no BREAK came within {LIMIT:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("the daemon has gone"),
        }
    }
}
