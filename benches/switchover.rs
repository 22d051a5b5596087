//! clusterd's own part of a switchover: the shipped script, real telnet ports, simulated machines
//! whose self test, load and boot take next to nothing. A panic, then the time until a client is
//! answered by the other machine, less what the machines and the script's own patience took.
//!
//! `cargo bench --bench switchover [-- ROUNDS [DIRECTORY]]`; raw samples go to
//! `benches/results/switchover.txt`.

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clusterd::machine::Event;
use clusterd::sim::serve::{ServeSpec, SimHandle, serve};
use clusterd::sim::{AfterPanic, NodeSpec, Times};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use support::{Guarded, LIMIT};

const ROUNDS: usize = 40;
/// Each phase of a machine's start.
const PHASE: Duration = Duration::from_millis(1);
const TIMES: Times = Times {
    post: PHASE,
    load: PHASE,
    boot: PHASE,
    shutdown: PHASE,
};
/// How long the script waits for an answer to RETURN after a panic; 5 s as it is shipped.
const PATIENCE: Duration = Duration::from_millis(100);
/// Self test after the reset; load and boot of the other machine; the patience.
const OTHERS: Duration = Duration::from_millis(103);

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let rounds = words.first().and_then(|word| word.parse().ok());
    let rounds = rounds.unwrap_or(ROUNDS);
    let place = PathBuf::from(words.get(1).map_or("target", String::as_str));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(measure(rounds, &place));
}

/// When each phase was over, from the panic on.
#[derive(Default)]
struct Phases {
    seen: Vec<Duration>,
    fence: Vec<Duration>,
    proved: Vec<Duration>,
    typed: Vec<Duration>,
    serves: Vec<Duration>,
    own: Vec<Duration>,
}

async fn measure(rounds: usize, place: &Path) {
    let sim = pair().await;
    let mut guarded = Guarded::start(place, &cluster(&sim), None).await;
    guarded.reaches("watch").await;
    let mut phases = Phases::default();
    for round in 0..rounds {
        one(&sim, &mut guarded, round % 2, &mut phases).await;
    }
    guarded.end().await;
    assert_eq!(sim.snapshot().disk.violations(), 0, "two writers");
    assert_eq!(sim.snapshot().disk.boot_order().len(), rounds + 1);
    report(&phases, rounds);
}

async fn one(sim: &SimHandle, guarded: &mut Guarded, primary: usize, phases: &mut Phases) {
    let begun = Instant::now();
    sim.panic(primary);
    guarded.sees(|e| matches!(e, Event::Evidence { .. })).await;
    phases.seen.push(begun.elapsed());
    guarded
        .sees(|e| matches!(e, Event::FenceBegan { .. }))
        .await;
    phases.fence.push(begun.elapsed());
    guarded.sees(|e| matches!(e, Event::Proved { .. })).await;
    phases.proved.push(begun.elapsed());
    guarded.sees(|e| matches!(e, Event::BootTyped { .. })).await;
    phases.typed.push(begun.elapsed());
    answered(sim).await;
    let serves = begun.elapsed();
    phases.serves.push(serves);
    phases.own.push(serves.saturating_sub(OTHERS));
    guarded.reaches("watch").await;
}

/// Asks as a client would, until it is answered.
async fn answered(sim: &SimHandle) {
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

async fn pair() -> SimHandle {
    let node = |name, id| NodeSpec {
        after_panic: AfterPanic::Stay,
        ..NodeSpec::sun(name, id).with_times(TIMES)
    };
    let nodes = vec![node("alpha", 0x80b1_0001), node("beta", 0x80b1_0002)];
    let sim = serve(ServeSpec::on_loopback(nodes))
        .await
        .expect("loopback ports are free");
    sim.start();
    let prompts = async {
        let at_prompt = |node| {
            let said = sim.transcript(node).output(clusterd::clock::Moment::ZERO);
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

fn cluster(sim: &SimHandle) -> String {
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

fn report(phases: &Phases, rounds: usize) {
    let columns: [(&str, &[Duration]); 6] = [
        ("evidence", &phases.seen),
        ("fence", &phases.fence),
        ("proved", &phases.proved),
        ("boot", &phases.typed),
        ("serves", &phases.serves),
        ("own", &phases.own),
    ];
    support::keep(
        "switchover.txt",
        "cargo bench --bench switchover: when each phase was over, since the panic",
        &columns,
    );
    println!("{rounds} switchovers there and back; milliseconds since the panic");
    println!("{:<44}{:>8}{:>8}{:>8}", "", "p50", "p99", "max");
    let names = [
        "panic seen",
        "the fence begins (100 ms of patience before it)",
        "proved stopped, reset and asked again",
        "boot command given",
        "the service answers a client",
        "of that, clusterd's own part",
    ];
    for (name, (_, samples)) in names.iter().zip(columns) {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable();
        let cell = |percent| support::at(&sorted, percent).as_secs_f64() * 1000.0;
        println!(
            "{name:<48}{:>8.1}{:>8.1}{:>8.1}",
            cell(50),
            cell(99),
            cell(100)
        );
    }
}
