//! The `.console` format, version 1: what a console said and what was done to it, in a text that a
//! tired person can read and that gives every byte back.
//!
//! ```text
//! # clusterd console transcript, version 1: pki-ca/ca1, begun 2026-11-21T22:01:02.340Z
//! 2026-11-21T22:01:02.340Z -- link up
//! 2026-11-21T22:01:02.361Z | Boot device: disk  File and args:
//! 2026-11-21T22:01:09.008Z | ok \
//! 2026-11-21T22:01:09.120Z > "printenv auto-boot?\r"
//! 2026-11-21T22:01:09.131Z + printenv auto-boot?
//! 2026-11-21T22:01:12.007Z ! BREAK ordered by ada
//! 2026-11-21T22:01:12.261Z ! BREAK sent as rfc2217, acknowledged
//! ```
//!
//! A file is lines of ASCII. The first one names format, version and node. Every other one is a
//! record: a time (UTC), a mark, a text. `docs/transcript.md` has the marks and the escapes.
//!
//! [`Pen`] makes the text, [`Reader`] reads it; neither opens a file or asks for the time.

mod fold;
mod pen;
mod reader;
mod text;
mod time;

pub use pen::Pen;
pub use reader::{Entry, NotReadable, Reader};
pub(crate) use reader::{begun, counted};
pub use text::mend;
pub use time::UtcMillis;

/// The version that [`Pen`] writes, and the only one that [`Reader`] reads.
pub const VERSION: u32 = 1;

/// What the first line begins with; the version follows.
pub(crate) const MAGIC: &str = "# clusterd console transcript, version ";

/// A text longer than this (bytes as written) is cut into several records, a reason or a remark
/// is shortened.
pub const TEXT_LIMIT: usize = 1000;

/// No line that [`Pen`] writes is longer, its newline included.
pub const LINE_LIMIT: usize = TEXT_LIMIT + 512;

/// Who had bytes typed or a BREAK sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// clusterd itself, as its chat script says.
    Script,
    /// A person, by name.
    Person(String),
}

/// How a BREAK went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was sent; the road has no answer to it.
    Sent,
    /// It was sent, and the far end said so.
    Acknowledged,
    /// The far end should have said that it was sent, and did not.
    NotAcknowledged,
    /// It was not sent.
    NotSent,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The console said this. A line comes as one record or as several.
    Console {
        /// The bytes, the line's end among them where it was reached.
        bytes: Vec<u8>,
        /// Whether the record goes on with a line of which a record before has the start.
        goes_on: bool,
        /// Whether it was cut by a crash of the writer: what else it held is lost.
        torn: bool,
    },
    /// This was typed.
    Typed {
        /// By whom.
        by: By,
        /// What.
        bytes: Vec<u8>,
    },
    /// A BREAK was ordered.
    Break {
        /// By whom.
        by: By,
    },
    /// A BREAK that was ordered is over.
    Broke {
        /// Its kind, as an operator writes it: `telnet`, `line 400ms`.
        kind: String,
        /// How it went.
        outcome: Outcome,
    },
    /// The `count` records after these `period` ones were like them, in turn, beginning with the
    /// first of them.
    Again {
        /// How many records were repeated.
        period: usize,
        /// How many records are left out.
        count: u64,
        /// The time of the first that is left out; the entry's own is that of the last.
        since: UtcMillis,
    },
    /// The link is there.
    Up,
    /// The link is lost, or could not be made.
    Down {
        /// Why.
        why: String,
    },
    /// The line behind the terminal server has a carrier, or has lost it.
    Carrier {
        /// Whether it is there.
        present: bool,
    },
    /// So many bytes of the console are missing here: more came than was read in time.
    Gap {
        /// How many.
        bytes: u64,
    },
    /// What could not be written, as the disk was full.
    Lost {
        /// Bytes of the console, and typed.
        bytes: u64,
        /// Other records.
        records: u64,
        /// From when.
        since: UtcMillis,
        /// Why.
        why: String,
    },
    /// clusterd was started: no link of before is there any more.
    Started,
    /// A remark.
    Note {
        /// Its text.
        text: String,
    },
}

#[cfg(test)]
mod tests;
