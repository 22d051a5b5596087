//! How fast an ear hears: 20 patterns, kernel log in chunks of 512 bytes, beside a bare loop over
//! a dense DFA of the same patterns that only counts match states. `cargo bench --bench matcher`
//! prints every sample; those of the last measurement are kept in `benches/results/matcher.txt`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clusterd::clock::Moment;
use clusterd::matcher::{Ear, Heard, PatternSet};
use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

use patterns::{PATTERNS, defs, kernel_log};

#[path = "support/patterns.rs"]
mod patterns;

const SEED: u64 = 20_261_121;
const SIZE: usize = 64 << 20;
const CHUNK: usize = 512;
const ROUNDS: usize = 7;
/// One line in so many is a panic.
const PANICS: u32 = 20_000;

fn main() {
    let raw = kernel_log(SEED, SIZE, PANICS);
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
