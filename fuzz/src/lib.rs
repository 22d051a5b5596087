//! What the fuzz targets hold: each a plain function over bytes that panics where a property
//! does not hold. The fuzzers run them (`fuzz_targets/`), and `tests/fuzz_corpus.rs` over the
//! corpora that are kept.

pub mod config;
pub mod control;
pub mod matcher;
pub mod rfc2217;
pub mod script;
pub mod telnet;
pub mod transcript;

/// Cuts `input` in pieces whose sizes come from `seed`; the same bytes in the same order.
pub fn cut(input: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = input;
    let mut size = usize::from(seed);
    while !rest.is_empty() {
        size = (size * 31 + 7) % 97;
        let (piece, after) = rest.split_at(size.clamp(1, rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
