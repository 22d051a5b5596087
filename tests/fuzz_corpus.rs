//! Every input that the fuzz targets' corpora keep, replayed: what a fuzzer found once stays found.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// The largest input that is kept.
const LARGEST: usize = 8 << 10;

/// Runs `hold` over the corpus of `target`.
fn replay(target: &str, hold: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
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
