//! From the panic's last byte to the BREAK's first byte, on a loopback telnet console: with the
//! home on the disk, and beside it on a tmpfs, which takes the journal's fsync out.
//!
//! The shipped script asks a panicked console once more before it believes it; that pause, a
//! parameter of the script, is taken off. All between is clusterd's own: console, matcher, script,
//! evidence, the fence's intent made durable, the BREAK. Both moments are read off the simulated
//! terminal server's clock, in one run, the two places in turn.
//!
//! `cargo bench --bench panic_to_break [-- DIRECTORY]`: the disk's directory, else `target`.
//! Raw samples, in microseconds, go to `target/samples/panic-to-break-*.txt`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::daemon::{Daemon, Systemd, prepare};
use clusterd::home::Home;
use clusterd::machine::Event;
use clusterd::sim::serve::{ServeSpec, SimHandle, serve};
use clusterd::sim::{AfterPanic, NodeSpec, Times, Traffic};
use tokio::sync::oneshot;

/// Crashes for each place.
const ROUNDS: usize = 40;
/// How long the script waits for an answer to its RETURN.
const ASKED: Duration = Duration::from_millis(50);
/// Between two looks at the terminal server's record.
const LOOK: Duration = Duration::from_millis(2);

fn main() {
    let given = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let disk = PathBuf::from(given.unwrap_or_else(|| "target".to_owned()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let places = [("disk", disk.as_path()), ("tmpfs", Path::new("/dev/shm"))];
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for ((_, place), samples) in places.iter().zip(&mut samples) {
            samples.push(runtime.block_on(crash(place)));
        }
    }
    println!("{:<8}{:>10}{:>10}{:>10}", "", "p50", "p99", "max");
    for ((name, _), samples) in places.iter().zip(samples) {
        report(name, samples);
    }
}

async fn crash(place: &Path) -> Duration {
    let dir = tempfile::tempdir_in(place).expect("the directory can be written");
    let sim = pair().await;
    write_home(dir.path(), &sim);
    let home = Home::open(dir.path()).expect("the home is there");
    let prepared = prepare(home).expect("the home is in order");
    let mut events = prepared.happened.subscribe();
    let daemon = Daemon::start(prepared).await.expect("the daemon starts");
    let (stop, stopped) = oneshot::channel::<()>();
    let until = async move {
        // Sent or dropped, both mean the end.
        let _ = stopped.await;
        "measured".to_owned()
    };
    let running = tokio::spawn(daemon.run(Systemd::absent(), until));
    while let Ok(happened) = events.recv().await {
        if matches!(&happened.event, Event::State { state, .. } if state == "watch") {
            break;
        }
    }
    sim.panic(0);
    let took = loop {
        if let Some(took) = panic_to_break(&sim) {
            break took;
        }
        tokio::time::sleep(LOOK).await;
    };
    drop(stop);
    running
        .await
        .expect("no panic")
        .expect("the daemon ends in order");
    took
}

/// Off the record of the terminal server.
fn panic_to_break(sim: &SimHandle) -> Option<Duration> {
    let record = sim.transcript(0);
    let shows = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("panic[cpu");
    let panicked = record.entries().find_map(|(at, traffic)| match traffic {
        Traffic::Output(bytes) if shows(bytes) => Some(*at),
        _ => None,
    })?;
    let broke = record
        .entries()
        .find_map(|(at, traffic)| (*traffic == Traffic::Break).then_some(*at))?;
    Some(broke.since(panicked).saturating_sub(ASKED))
}

async fn pair() -> SimHandle {
    let node = |name, id| NodeSpec {
        after_panic: AfterPanic::Stay,
        ..NodeSpec::sun(name, id).with_times(Times::QUICK)
    };
    let nodes = vec![node("alpha", 0x80b1_0001), node("beta", 0x80b1_0002)];
    let sim = serve(ServeSpec::on_loopback(nodes))
        .await
        .expect("ports are to be had");
    sim.start();
    let prompts = |sim: &SimHandle| {
        (0..2).all(|node| sim.transcript(node).output(Moment::ZERO).ends_with("ok "))
    };
    while !prompts(&sim) {
        tokio::time::sleep(LOOK).await;
    }
    sim.order(|rig, now| rig.operator_types(0, b"boot disk\r", now));
    while !sim.snapshot().serving {
        tokio::time::sleep(LOOK).await;
    }
    sim
}

fn write_home(dir: &Path, sim: &SimHandle) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("chat-scripts");
    fs::create_dir_all(dir.join("chat-scripts/lib")).expect("the home can be written");
    fs::create_dir(dir.join("clist")).expect("the home can be written");
    for script in [
        "sun-openboot.chat",
        "lib/openboot.chat",
        "lib/openbios.chat",
    ] {
        let to = dir.join("chat-scripts").join(script);
        fs::copy(shipped.join(script), to).expect("the script can be copied");
    }
    let mut text = "cluster: bench\nnodes:\n".to_owned();
    let nodes = [("alpha", "80b10001"), ("beta", "80b10002")];
    for ((name, id), console) in nodes.iter().zip(sim.consoles()) {
        let _ = writeln!(
            text,
            "  {name}: {{ platform: openboot, console: \"telnet://{console}\", host_id: \"{id}\", dark_after: 1m }}"
        );
    }
    let service = sim.service().expect("the service has an address");
    let _ = write!(
        text,
        "packages:\n  svc: {{ script: sun-openboot, nodes: [alpha, beta], boot_device: disk, address: {}, \
         reach: \"tcp:{}\", data_policy: integrity, params: {{ ping_every: 50ms, panic_limit: {}ms }} }}\n",
        service.ip(),
        service.port(),
        ASKED.as_millis()
    );
    fs::write(dir.join("clist/bench.yaml"), text).expect("the home can be written");
}

fn report(name: &str, mut samples: Vec<Duration>) {
    samples.sort_unstable();
    let raw: String = samples.iter().fold(String::new(), |mut raw, sample| {
        let _ = writeln!(raw, "{}", sample.as_micros());
        raw
    });
    let folder = Path::new("target/samples");
    fs::create_dir_all(folder).expect("the samples' folder can be made");
    let file = folder.join(format!("panic-to-break-{name}.txt"));
    fs::write(file, raw).expect("the samples can be kept");
    let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
    println!(
        "{name:<8}{:>10}{:>10}{:>10}",
        format!("{:?}", at(50)),
        format!("{:?}", at(99)),
        format!("{:?}", at(100))
    );
}
