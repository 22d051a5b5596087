//! The last screenful of a console, for whoever comes to look: bounded, and nothing until the
//! console has said something.

use std::collections::VecDeque;

use crate::logfile::visible;

/// Bytes kept: 24 lines of 80 columns with their ends.
const KEPT: usize = 2048;
/// By how much its room grows, bytes: a console that only shows a prompt takes little.
const STEP: usize = 64;
/// Lines shown, the last one being what stands without its end.
const LINES: usize = 24;
/// Lines in a status, and characters of each.
const SHOWN: usize = 4;
const WIDEST: usize = 200;

/// The last output of one console.
#[derive(Debug, Default)]
pub(super) struct Screen {
    bytes: VecDeque<u8>,
}

impl Screen {
    /// The console said this.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let surplus = (self.bytes.len() + bytes.len()).saturating_sub(KEPT);
        self.bytes.drain(..surplus);
        let length = self.bytes.len() + bytes.len();
        if self.bytes.capacity() < length {
            let wanted = length.next_multiple_of(STEP).min(KEPT);
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend(bytes);
        self.bytes.drain(..self.first());
    }

    /// The last lines, whole ones first.
    pub(super) fn last(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }

    /// So many of them, the one that has not ended yet among them.
    pub(super) fn last_lines(&self, count: usize) -> Vec<u8> {
        let mut ends = self.bytes.iter().enumerate().rev();
        // An end that nothing follows ends the last line, and is none between two.
        if self.bytes.back() == Some(&b'\n') {
            ends.next();
        }
        let mut ends = ends.filter(|(_, byte)| **byte == b'\n');
        let first = ends.nth(count - 1).map_or(0, |(at, _)| at + 1);
        self.bytes.iter().skip(first).copied().collect()
    }

    /// The last few that are not empty, for people: nothing in them moves a terminal.
    pub(super) fn shown(&self) -> Vec<String> {
        let bytes = self.last();
        let lines = bytes.split(|byte| *byte == b'\n');
        let mut lines: Vec<&[u8]> = lines.filter(|line| !line.trim_ascii().is_empty()).collect();
        lines.drain(..lines.len().saturating_sub(SHOWN));
        let shown = |line: &[u8]| {
            let text = visible(line.trim_ascii_end());
            match text.char_indices().nth(WIDEST) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        };
        lines.into_iter().map(shown).collect()
    }

    /// Where the first of the lines begins that are shown.
    fn first(&self) -> usize {
        let newline = |(_, byte): &(usize, &u8)| **byte == b'\n';
        let mut ends = self.bytes.iter().enumerate().rev().filter(newline);
        match ends.nth(LINES - 1) {
            Some((at, _)) => at + 1,
            None if self.bytes.len() < KEPT => 0,
            // The oldest line is not whole.
            None => self
                .bytes
                .iter()
                .position(|b| *b == b'\n')
                .map_or(0, |at| at + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_end_with_the_one_that_has_not_ended() {
        let mut screen = Screen::default();
        assert_eq!(screen.last_lines(2), b"");
        screen.hear(b"a\r\nb\r\nc\r\n");
        assert_eq!(screen.last_lines(2), b"b\r\nc\r\n");
        screen.hear(b"ok ");
        assert_eq!(screen.last_lines(2), b"c\r\nok ");
        assert_eq!(screen.last_lines(9), b"a\r\nb\r\nc\r\nok ");
    }

    #[test]
    fn what_a_status_shows_moves_no_terminal_and_is_short() {
        let mut screen = Screen::default();
        assert!(screen.shown().is_empty());
        screen.hear(b"gone\r\n\r\n\x1b[2J\x9b1m\xff\r\r\nlogin: \r\n");
        screen.hear(&[b'x'; 300]);
        let long = format!("{}…", "x".repeat(WIDEST));
        assert_eq!(
            screen.shown(),
            ["gone", "\\x1b[2J\\x9b1m\\xff", "login:", &long]
        );
    }

    #[test]
    fn a_screenful_stays_and_no_more_memory_than_that() {
        let mut screen = Screen::default();
        assert_eq!(screen.bytes.capacity(), 0);
        for n in 0..10_000 {
            screen.hear(format!("line {n}\r\n").as_bytes());
        }
        screen.hear(b"ok ");
        let last = String::from_utf8(screen.last()).unwrap();
        assert!(last.starts_with("line 9977\r\n"), "{last}");
        assert!(last.ends_with("line 9999\r\nok "), "{last}");
        assert!(screen.bytes.capacity() <= KEPT);
        screen.hear(&vec![b'x'; 100_000]);
        assert_eq!(screen.last(), [b'x'; KEPT]);
        assert!(screen.bytes.capacity() <= KEPT);
    }
}
