//! How a line of a log looks: a time that people read, and nothing that moves a terminal.

use std::fmt::Write as _;
use std::time::SystemTime;

use crate::store::utc_text;

/// Longest text of one line, in characters; the rest is cut, and `…` says so.
const LONGEST: usize = 1000;

/// `2026-11-21 22:51:47.123Z`.
pub fn stamp(at: SystemTime) -> String {
    utc_text(at).replacen('T', " ", 1)
}

/// `text` on one line, with everything escaped that could move an operator's terminal:
/// consoles print what they like, and logs are read with `cat`.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        match c {
            '\t' => out.push(' '),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || turns_writing(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Line separators and the signs that turn the direction of writing.
fn turns_writing(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_stamp_is_read_by_people() {
        let at = UNIX_EPOCH + Duration::from_millis(1_793_714_709_007);
        assert_eq!(stamp(at), "2026-11-03 14:05:09.007Z");
    }

    #[test]
    fn nothing_in_a_line_moves_a_terminal() {
        assert_eq!(one_line("ok \x1b[2J\r\nx\u{202e}\ty"), "ok \\u{1b}[2J\\r\\nx\\u{202e} y");
        assert_eq!(one_line(&"x".repeat(2000)).chars().count(), LONGEST + 1);
    }
}
