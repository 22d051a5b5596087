//! Console bytes in, matches out: what every chat script listens with.
//!
//! ```text
//!             ┌ Cleaner ┐   ┌── Echo ──┐   ┌──── lazy DFA ────┐
//!   bytes ──► │ escapes,│─► │ did we   │─► │ all patterns at  │─► Heard::Text, Heard::Match
//!             │ CR, NUL │   │ type it? │   │ once, one look   │
//!             └─────────┘   └──────────┘   └──────────────────┘
//! ```
//!
//! A [`PatternSet`] is compiled once and shared by all consoles that listen for the same
//! patterns; an [`Ear`] is what one console remembers of its own stream. What is heard does not
//! depend on how the stream was cut into chunks. `docs/matcher.md` has the reasons.
//!
//! **What is matched.** Cleaned text, line by line: escape sequences, NUL and BEL are gone, a run
//! of CR and LF is one newline, and no pattern spans a newline. `^` is the start of a line,
//! `$` its end. In a pattern with a quiet time `$` is the end of all that was heard, and the
//! match counts when nothing more came for that time.
//!
//! **When a pattern is reported.** A pattern without a quiet time is reported at most once per
//! line:
//!
//! - as a rule at once, at the first end at which it matches, in the middle of the line;
//! - if it ends in `$`, when the newline comes; if it ends in `\b`, with the next byte, or after
//!   [`SILENCE`];
//! - if it has a named group and its last piece may grow (`(?<host>\S+)`), at the line's end, or
//!   after [`SILENCE`]: so captures are whole.
//!
//! A pattern with a quiet time is reported once for every silence that it ends.
//! Named groups are captures; groups without a name only group.

mod clean;
mod ear;
mod echo;
mod pattern;
mod set;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use ear::Ear;
pub use pattern::{PatternFault, check_pattern};
pub use set::{PatternError, PatternSet, PatternSets};

use crate::clock::Moment;

/// A line longer than this, in bytes, is heard in pieces, each of which begins with the last
/// [`OVERLAP`] bytes of the one before.
pub const LINE_LIMIT: usize = 4096;

/// What is kept of a line longer than [`LINE_LIMIT`], in bytes: any match up to this length is
/// found, wherever it stands.
pub const OVERLAP: usize = 2048;

/// How long a console must say nothing before a match that more text could still change (not a
/// prompt: these have their own quiet time) is reported as it stands.
pub const SILENCE: Duration = Duration::from_millis(200);

/// A named pattern of a chat script.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PatternDef {
    /// What the script calls it.
    pub name: String,
    /// A regex over bytes, without Unicode classes, multi-line.
    pub regex: String,
    /// For a prompt: how long nothing may follow it.
    pub quiet: Option<Duration>,
}

/// What an [`Ear`] made of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Heard {
    /// Cleaned text, in order, each byte as the Latin-1 character of its number: so every byte
    /// can be told again from the text, and a cut inside a UTF-8 sequence changes nothing.
    Text(String),
    /// A pattern matched; all text up to the match's end was given before.
    Match(Hit),
}

/// One match of one pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// Index into [`PatternSet::defs`].
    pub pattern: usize,
    /// Named groups that took part in the match, in the order of the regex, with what they caught.
    pub captures: Vec<(String, String)>,
    /// The line, or its last [`LINE_LIMIT`] bytes, as far as it was looked at: up to the match's
    /// end, or, where the pattern is reported at the line's end, the whole.
    pub line: String,
    /// Where the match ends, in cleaned bytes since the link began.
    pub end: u64,
    /// The match's last byte is an echo of what we typed.
    pub echo: bool,
}

/// Does `text`, a line or several as a console would print them, contain a match of `def`?
/// For a prompt pattern the text ends in silence; for any other its last line is a whole one.
/// False for a pattern that [`check_pattern`] refuses.
pub fn example_matches(def: &PatternDef, text: &str) -> bool {
    let Ok(set) = PatternSet::new(std::slice::from_ref(def)) else {
        return false;
    };
    let mut ear = Ear::new(set.into());
    ear.set_text(false);
    let mut heard = Vec::new();
    ear.hear(text.as_bytes(), Moment::ZERO, &mut heard);
    match def.quiet {
        Some(quiet) => ear.handle_timeout(Moment::ZERO + quiet, &mut heard),
        None => ear.hear(b"\n", Moment::ZERO, &mut heard),
    }
    !heard.is_empty()
}

/// Bytes as text, each as the Latin-1 character of its number.
fn latin1(bytes: &[u8]) -> String {
    latin1_owned(bytes.to_vec())
}

/// The same without a copy where the text is ASCII, as nearly all is.
fn latin1_owned(bytes: Vec<u8>) -> String {
    if bytes.is_ascii() {
        String::from_utf8(bytes).expect("ASCII is UTF-8")
    } else {
        bytes.into_iter().map(char::from).collect()
    }
}
