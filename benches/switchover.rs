//! clusterd's own part of a switchover: the shipped script, real telnet ports, simulated machines
//! whose self test, load and boot take next to nothing. A panic, then the time until a client is
//! answered by the other machine, less what the machines and the script's own patience took.
//!
//! `cargo bench --bench switchover [-- ROUNDS [DIRECTORY]]`; raw samples go to
//! `benches/results/switchover.txt`.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use clusterd::machine::Event;
use clusterd::sim::serve::SimHandle;

use support::{Guarded, answered, cluster, pair};

const ROUNDS: usize = 40;
/// Self test after the reset; load and boot of the other machine; the patience.
const OTHERS: Duration = Duration::from_millis(103);

fn main() {
    let (rounds, place) = support::rounds_and_place(ROUNDS);
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
