//! How fast an ear hears: 20 patterns, kernel log in chunks of 512 bytes, beside a bare loop over
//! a dense DFA of the same patterns that only counts match states. `cargo bench --bench matcher`
//! prints every sample; those of the last measurement are kept in `benches/results/matcher.txt`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clusterd::clock::Moment;
use clusterd::matcher::{Ear, Heard, PatternDef, PatternSet};
use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

const SEED: u64 = 20_261_121;
const SIZE: usize = 64 << 20;
const CHUNK: usize = 512;
const ROUNDS: usize = 7;

/// What a script for Sun and Linux machines listens for; the first six are prompts.
const PATTERNS: [&str; 20] = [
    r"^(\{[0-9a-f]{1,3}\} )?ok $",
    r"^0 > $",
    r"^(?<host>\S+) console login: $",
    r"^(?<host>\S+) login: $",
    r"^sc> $",
    r"^-> $",
    r"^Type  'go' to resume",
    r"^Program terminated",
    r"^Boot device: (?<device>\S+)\s+File and args: ?(?<args>.*)$",
    r"^Can't (locate|open) boot device",
    r"^Boot load failed",
    r"^(ERROR: (\S+: )?Last Trap: )?(Fast (Data|Instruction) Access (MMU Miss|Protection)|Watchdog Reset)",
    r"Host ID: (?<id>[0-9a-f]{8})",
    r"panic\[cpu\d+\]/thread=[0-9a-f]+: ",
    r"syncing file systems\.\.\.|^rebooting\.\.\.",
    r"^SunOS Release 5\.(?<release>\d+) Version (?<version>\S+)",
    r"Kernel panic - not syncing: (?<why>.*)",
    r"(?:Oops(?: -|:)|kernel BUG at|BUG: |Unable to handle kernel)",
    r"Rebooting in \d+ seconds",
    r"No valid state has been set by load or init-program",
];
const PROMPTS: usize = 6;

fn main() {
    let raw = kernel_log();
    let cleaned: Vec<u8> = raw.iter().copied().filter(|&byte| byte != b'\r').collect();
    let set = Arc::new(PatternSet::new(&defs()).expect("good patterns"));
    let dense = dense_dfa();
    println!(
        "seed {SEED}, {} bytes raw, {} cleaned, chunks of {CHUNK}",
        raw.len(),
        cleaned.len()
    );
    println!("dense DFA: {} KiB", dense.memory_usage() / 1024);
    println!("MB/s (10^6 bytes of its own input), one line a round:");
    println!("{:>10} {:>10} {:>10}", "dense", "text off", "text on");
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        let samples = [
            timed(|| count_dense(&dense, &cleaned)),
            timed(|| hear(&set, &raw, false)),
            timed(|| hear(&set, &raw, true)),
        ];
        let rates = [
            rate(cleaned.len(), samples[0]),
            rate(raw.len(), samples[1]),
            rate(raw.len(), samples[2]),
        ];
        println!("{:>10.1} {:>10.1} {:>10.1}", rates[0], rates[1], rates[2]);
        for (best, sample) in best.iter_mut().zip(samples) {
            *best = (*best).min(sample);
        }
    }
    let ratio = |i: usize| best[i].as_secs_f64() / best[0].as_secs_f64();
    println!(
        "time of the best round over that of the dense loop: text off {:.2}, text on {:.2}",
        ratio(1),
        ratio(2)
    );
    println!("hits: {}", hear(&set, &raw, false));
    drop((raw, cleaned));
    for (what, noise) in [
        ("random bytes", noise(&[])),
        ("pieces of the patterns", noise(&PIECES)),
        ("pieces without newlines", noise(&PIECES[2..])),
    ] {
        let time = timed(|| hear(&set, &noise, true));
        println!("hostile, {what}: {:.1} MB/s", rate(noise.len(), time));
    }
}

fn timed(work: impl FnOnce() -> usize) -> Duration {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed()
}

fn rate(bytes: usize, time: Duration) -> f64 {
    let bytes = u32::try_from(bytes).expect("less than 4 GB");
    f64::from(bytes) / time.as_secs_f64() / 1e6
}

/// One console's log through an ear; how many hits.
fn hear(set: &Arc<PatternSet>, raw: &[u8], text: bool) -> usize {
    let mut ear = Ear::new(Arc::clone(set));
    ear.set_text(text);
    let mut heard = Vec::new();
    let mut hits = 0;
    for chunk in raw.chunks(CHUNK) {
        ear.hear(chunk, Moment::ZERO, &mut heard);
        hits += heard
            .iter()
            .filter(|item| matches!(item, Heard::Match(_)))
            .count();
        black_box(&heard);
        heard.clear();
    }
    hits
}

/// The least that any matcher with these patterns could do.
fn count_dense(dfa: &dense::DFA<Vec<u32>>, cleaned: &[u8]) -> usize {
    let config = start::Config::new().anchored(Anchored::No);
    let mut state = dfa.start_state(&config).expect("an unanchored start");
    let mut matches = 0;
    for &byte in cleaned {
        state = dfa.next_state(state, byte);
        if dfa.is_special_state(state) && dfa.is_match_state(state) {
            matches += 1;
        }
    }
    matches
}

fn dense_dfa() -> dense::DFA<Vec<u32>> {
    let config = dense::Config::new().match_kind(MatchKind::All);
    dense::Builder::new()
        .configure(config)
        .syntax(
            syntax::Config::new()
                .unicode(false)
                .utf8(false)
                .multi_line(true),
        )
        .thompson(thompson::Config::new().utf8(false))
        .build_many(&PATTERNS)
        .expect("a dense DFA")
}

fn defs() -> Vec<PatternDef> {
    let quiet = |i: usize| (i < PROMPTS).then_some(Duration::from_millis(200));
    PATTERNS
        .iter()
        .enumerate()
        .map(|(i, regex)| PatternDef {
            name: format!("p{i}"),
            regex: (*regex).into(),
            quiet: quiet(i),
        })
        .collect()
}

/// What makes an ear work hard.
const PIECES: [&str; 14] = [
    "\r\n",
    "\n",
    "{0} ok ",
    "\x1b[0m",
    "panic[cpu0]/thread=",
    "a",
    "Kernel panic - not syncing: ",
    "BUG: ",
    "Boot device: ",
    "Host ID: 80b1c2d3",
    "node login: ",
    "\0",
    "ERROR: x: Last Trap: Fast ",
    " ",
];

/// 8 MiB of random bytes, or of these pieces in random order.
fn noise(pieces: &[&str]) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut noise = Vec::new();
    while noise.len() < 8 << 20 {
        match pieces {
            [] => noise.push(rng.u8(..)),
            _ => noise.extend_from_slice(pieces[rng.usize(..pieces.len())].as_bytes()),
        }
    }
    noise
}

/// Lines as Linux and Solaris kernels print them, one in some twenty thousand a panic.
fn kernel_log() -> Vec<u8> {
    const DEVICES: [&str; 8] = [
        "pci 0000:00:1f.2",
        "scsi host2",
        "sd 0:0:0:0",
        "e1000e 0000:00:19.0",
        "usb 1-1.4",
        "ata3.00",
        "EXT4-fs (sda2)",
        "systemd[1]",
    ];
    const TEXTS: [&str; 8] = [
        "BAR 6: assigned [mem 0xfebc0000-0xfebfffff pref]",
        "Attached scsi generic sg0 type 0",
        "[sda] 976773168 512-byte logical blocks: (500 GB/466 GiB)",
        "Started Journal Service, okay and ready to go on with the boot device check.",
        "mounted filesystem with ordered data mode. Opts: (null). Quota mode: none.",
        "New USB device found, idVendor=0bda, idProduct=8153, bcdDevice=31.00",
        "link is up 1000 Mbps full duplex, flow control: Rx/Tx",
        "Console: switching to colour dummy device 80x25",
    ];
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut log = Vec::with_capacity(SIZE + 256);
    let mut micros: u64 = 0;
    while log.len() < SIZE {
        micros += rng.u64(1..200_000);
        let (secs, rest) = (micros / 1_000_000, micros % 1_000_000);
        let line = if rng.u32(0..20_000) == 0 {
            format!(
                "panic[cpu{}]/thread={:x}: BAD TRAP: type=31",
                rng.u8(0..4),
                rng.u64(..)
            )
        } else {
            let device = DEVICES[rng.usize(..DEVICES.len())];
            let text = TEXTS[rng.usize(..TEXTS.len())];
            format!("[{secs:>5}.{rest:06}] {device}: {text} {:#x}", rng.u32(..))
        };
        log.extend_from_slice(line.as_bytes());
        log.extend_from_slice(b"\r\n");
    }
    log.truncate(SIZE);
    log
}
