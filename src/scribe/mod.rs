//! The log files under `logs/`: written by one thread of their own, so that a slow disk delays
//! nobody, least of all a BREAK.
//!
//! ```text
//!  cluster tasks ─┐
//!  alarms ────────┼─► bounded queue ─► the scribe's thread ─► files with a size limit
//!  tracing ───────┘    (full: dropped, counted, said)    one write a file and wake-up
//! ```

mod files;
mod log;
mod queue;
mod rest;
mod room;

pub use queue::{Book, Scribe, Tracing};
pub use rest::before_rest;

use std::time::SystemTime;

use crate::logfile::{harmless, utc_millis};

/// Longest text of one line, in characters; the rest is cut, and `…` says so.
const LONGEST: usize = 1000;

/// `2026-11-21 22:51:47.123Z`.
pub fn stamp(at: SystemTime) -> String {
    utc_millis(at).replacen('T', " ", 1)
}

/// `text` on one line of bounded length, with nothing in it that moves a terminal.
pub fn one_line(text: &str) -> String {
    let text = harmless(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests;
