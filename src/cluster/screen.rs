//! The last screenful of a console, for whoever comes to look: bounded, and nothing until the
//! console has said something.

use std::collections::VecDeque;

/// Bytes kept: 24 lines of 80 columns with their ends.
const KEPT: usize = 2048;
/// By how much its room grows, bytes: a console that only shows a prompt takes little.
const STEP: usize = 64;
/// Lines shown, the last one being what stands without its end.
const LINES: usize = 24;

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
