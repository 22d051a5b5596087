//! What an entry of the journal is, and how its text is made safe to print.

use std::fmt;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// One entry, as the daemon hands it in and as `history` gives it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The cluster's name; empty for the monitoring host itself.
    pub cluster: String,
    /// What sort of thing happened.
    pub kind: EntryKind,
    /// The node or package it happened to; empty if it is the whole cluster.
    pub subject: String,
    /// All of it, for programs. Stored as JSON text of at most 1 MiB.
    pub body: serde_json::Value,
    /// One line for people. Control characters are escaped, and it is cut at 1000
    /// characters.
    pub text: String,
}

/// The kinds of entry: a closed list, stored by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Which node has which role for a package.
    Role,
    /// Something about to be done; durable before its first byte leaves.
    Intent,
    /// How an intent ended.
    Result,
    /// What was seen.
    Evidence,
    /// A read-back of a node's standing guard.
    Guard,
    /// Anything else worth a line.
    Event,
    /// An operator's word.
    Word,
    /// A siege begun, suspended or ended.
    Siege,
    /// A package or cluster in HOLD, or out of it.
    Hold,
    /// An alarm raised, acknowledged or cleared.
    Alarm,
    /// A Host ID learnt or found wrong.
    HostId,
    /// A node was booted, or booted by itself.
    Boot,
    /// The service came or went, and when somebody watched.
    Service,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [EntryKind; 13] = [
        EntryKind::Role,
        EntryKind::Intent,
        EntryKind::Result,
        EntryKind::Evidence,
        EntryKind::Guard,
        EntryKind::Event,
        EntryKind::Word,
        EntryKind::Siege,
        EntryKind::Hold,
        EntryKind::Alarm,
        EntryKind::HostId,
        EntryKind::Boot,
        EntryKind::Service,
    ];

    /// The name in the table's `kind` column.
    pub fn name(self) -> &'static str {
        match self {
            EntryKind::Role => "role",
            EntryKind::Intent => "intent",
            EntryKind::Result => "result",
            EntryKind::Evidence => "evidence",
            EntryKind::Guard => "guard",
            EntryKind::Event => "event",
            EntryKind::Word => "word",
            EntryKind::Siege => "siege",
            EntryKind::Hold => "hold",
            EntryKind::Alarm => "alarm",
            EntryKind::HostId => "host_id",
            EntryKind::Boot => "boot",
            EntryKind::Service => "service",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<EntryKind> {
        EntryKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether old entries of this kind may be pruned. What tells who may be live (roles,
    /// intents, their results, words, sieges, holds, Host IDs, boots) is kept for ever, and what
    /// `availability` counts longer than any year.
    pub fn expires(self) -> bool {
        match self {
            EntryKind::Evidence | EntryKind::Guard | EntryKind::Event | EntryKind::Alarm => true,
            EntryKind::Role
            | EntryKind::Intent
            | EntryKind::Result
            | EntryKind::Word
            | EntryKind::Siege
            | EntryKind::Hold
            | EntryKind::HostId
            | EntryKind::Boot
            | EntryKind::Service => false,
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `text` with everything escaped that could move an operator's terminal: operators read
/// the journal with `sqlite3`, and consoles print what they like.
pub(super) fn printable(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        match c {
            '\t' => out.push(' '),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if moves_a_terminal(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// JSON text without a byte that could move a terminal. serde_json escapes the
/// controls below U+0020; what is left of them can stand only inside strings, where
/// `\uXXXX` means the same.
pub(super) fn printable_json(text: String) -> String {
    if !text.chars().any(moves_a_terminal) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if moves_a_terminal(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Controls, line separators and the signs that turn the direction of writing; all of
/// them lie below U+10000.
fn moves_a_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_go_by_their_names() {
        for kind in EntryKind::ALL {
            assert_eq!(EntryKind::from_name(kind.name()), Some(kind));
            assert_eq!(
                serde_json::to_value(kind).unwrap(),
                serde_json::json!(kind.name())
            );
        }
        assert_eq!(EntryKind::from_name("Role"), None);
    }

    #[test]
    fn no_escape_sequence_survives() {
        assert_eq!(
            printable("ok \x1b[2J\u{9b}1m\r\n\u{202e}x", 100),
            "ok \\u{1b}[2J\\u{9b}1m\\r\\n\\u{202e}x"
        );
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!(printable("abc", 3), "abc");
        let body = serde_json::json!({ "line": "\x1b[2J\u{9b}\u{7f}\u{202e} ß" });
        let text = printable_json(body.to_string());
        assert!(!text.chars().any(moves_a_terminal), "{text:?}");
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back, body);
    }
}
