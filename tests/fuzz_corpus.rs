//! Every input that the fuzz targets' corpora keep, replayed: what a fuzzer found once stays found.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, panic};

/// The largest input that is kept.
const LARGEST: usize = 8 << 10;

fn folder(target: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("fuzz/corpus").join(target)
}

/// The kept inputs of a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder(target)).unwrap();
    entries
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

/// Runs `hold` over the corpus of `target`.
fn replay(target: &str, hold: fn(&[u8])) {
    let folder = folder(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let input = fs::read(&path).unwrap();
        assert!(
            input.len() <= LARGEST,
            "{}: too large to keep",
            path.display()
        );
        // A panic says which property failed; the name of the input stands before it.
        println!("{}", path.display());
        hold(&input);
        inputs += 1;
    }
    assert!(inputs >= 5, "{}: only {inputs} inputs", folder.display());
}

#[test]
fn telnet() {
    replay("telnet", targets::telnet::hold);
}

#[test]
fn rfc2217() {
    replay("rfc2217", targets::rfc2217::hold);
}

#[test]
fn transcript() {
    replay("transcript", targets::transcript::hold);
}

#[test]
fn control() {
    replay("control", targets::control::hold);
}

#[test]
fn matcher() {
    replay("matcher", targets::matcher::hold);
}

#[test]
fn script() {
    replay("script", targets::script::hold);
}

#[test]
fn config() {
    replay("config", targets::config::hold);
}

/// A small fuzzer for where there is no nightly compiler: the kept inputs, changed at random.
#[test]
#[ignore = "runs for as long as CLUSTERD_FUZZ says, as in `matcher 60`: a target, seconds"]
fn changed_at_random() {
    let order =
        std::env::var("CLUSTERD_FUZZ").expect("CLUSTERD_FUZZ: a target, seconds, perhaps a seed");
    let mut words = order.split_whitespace();
    let (target, hold): (&str, fn(&[u8])) = match words.next().expect("a target") {
        "telnet" => ("telnet", targets::telnet::hold),
        "rfc2217" => ("rfc2217", targets::rfc2217::hold),
        "transcript" => ("transcript", targets::transcript::hold),
        "control" => ("control", targets::control::hold),
        "matcher" => ("matcher", targets::matcher::hold),
        "script" => ("script", targets::script::hold),
        "config" => ("config", targets::config::hold),
        other => panic!("there is no target {other}"),
    };
    let seconds: u64 = words
        .next()
        .and_then(|word| word.parse().ok())
        .expect("seconds");
    let seed = words.next().and_then(|word| word.parse().ok()).unwrap_or(1);
    let mut dice = Dice(seed);
    let kept = corpus(target);
    let ends = Instant::now() + Duration::from_secs(seconds);
    let mut tries = 0_u64;
    while Instant::now() < ends {
        let mut input = kept[dice.below(kept.len())].clone();
        for _ in 0..=dice.below(6) {
            change(&mut input, &kept, &mut dice);
        }
        input.truncate(LARGEST);
        let (began, held) = (Instant::now(), panic::catch_unwind(|| hold(&input)));
        let slow = began.elapsed() > Duration::from_secs(5);
        if held.is_err() || slow {
            let path = std::env::temp_dir().join(format!("{target}-{tries}"));
            fs::write(&path, &input).unwrap();
            panic!(
                "{} breaks it{}",
                path.display(),
                if slow { ": slow" } else { "" }
            );
        }
        tries += 1;
    }
    println!("{target}: {tries} inputs");
}

/// Numbers that look random, the same for the same seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(high).unwrap_or(0) % limit.max(1)
    }
}

/// One change: a byte, a piece taken out, said twice or brought from another input, a line of one.
fn change(input: &mut Vec<u8>, kept: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let some = 1 + dice.below(12);
    let end = (at + some).min(input.len());
    match dice.below(7) {
        0 => drop(input.drain(at..end)),
        1 => {
            let piece = input[at..end].to_vec();
            let to = dice.below(input.len() + 1);
            input.splice(to..to, piece);
        }
        2 => input.insert(at, u8::try_from(dice.below(256)).unwrap_or(0)),
        3 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        4 => {
            const SIGNS: &[u8] = b"{}()[]\"'\\/|*+?.^$#:,-=~ \n\r\t\0\x1b\xff";
            input.insert(at, SIGNS[dice.below(SIGNS.len())]);
        }
        5 => {
            let other = &kept[dice.below(kept.len())];
            let lines: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
            let line = lines
                .get(dice.below(lines.len()))
                .copied()
                .unwrap_or_default();
            let start = input[..at]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |n| n + 1);
            input.splice(start..start, line.iter().copied());
        }
        _ => {
            let other = &kept[dice.below(kept.len())];
            let from = dice.below(other.len() + 1);
            let to = (from + some * 4).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
    }
}
