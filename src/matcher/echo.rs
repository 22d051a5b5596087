//! Which of the bytes that come in are an echo of what we typed. Echo is tagged, never deleted:
//! a match that ends in it says so, and whoever reads it decides.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

/// How many typed bytes are remembered.
const TYPED_LIMIT: usize = 256;
/// Once the echo has been lost (a kernel message came between), so many bytes in a row must fit
/// before it counts as found again; fewer if fewer are left.
const RESUME: usize = 4;
/// After so many bytes that do not fit, the console does not echo: a password, a dead line.
const PATIENCE: usize = 256;

/// Echoes that are due and agree in so many bytes are alike to an explorer.
const ALIKE: usize = 16;

/// The echo of one console.
#[derive(Clone, Debug, Default)]
pub(super) struct Echo {
    /// Typed and not yet seen again; RETURN as newline.
    expected: VecDeque<u8>,
    /// How many of the last bytes in a row fitted the front of `expected`, while it is lost.
    fitted: usize,
    /// Bytes since the echo was lost; `None` while it is not.
    lost: Option<usize>,
    /// Where echo was heard, as ends of ranges of cleaned bytes, in order.
    ranges: VecDeque<(u64, u64)>,
}

impl Echo {
    /// We typed `bytes`. Control characters are left out: no two consoles echo them alike.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        if self.lost.take().is_some() {
            self.expected.clear();
        }
        self.fitted = 0;
        let mut after_return = false;
        for &byte in bytes {
            let newline = matches!(byte, b'\r' | b'\n');
            match byte {
                b'\n' if after_return => {}
                b'\r' | b'\n' => self.expected.push_back(b'\n'),
                b'\t' | 0x20..=0x7e | 0x80.. => self.expected.push_back(byte),
                _ => {}
            }
            after_return = newline;
        }
        let surplus = self.expected.len().saturating_sub(TYPED_LIMIT);
        if surplus > 0 {
            self.expected.drain(..surplus);
            self.lost = Some(0);
        }
    }

    /// `bytes` of cleaned text came, the first of them at `position`. What is said of a byte
    /// depends only on it and those before it.
    pub(super) fn hear(&mut self, bytes: &[u8], mut position: u64) {
        for &byte in bytes {
            if self.expected.is_empty() {
                return;
            }
            if self.is_echo(byte) {
                match self.ranges.back_mut() {
                    Some((_, end)) if *end == position => *end += 1,
                    _ => self.ranges.push_back((position, position + 1)),
                }
            }
            position += 1;
        }
    }

    fn is_echo(&mut self, byte: u8) -> bool {
        let Some(lost) = self.lost else {
            if self.expected.front() == Some(&byte) {
                self.expected.pop_front();
                return true;
            }
            self.lost = Some(1);
            return false;
        };
        if self.expected.get(self.fitted) == Some(&byte) {
            self.fitted += 1;
        } else {
            self.fitted = usize::from(self.expected.front() == Some(&byte));
        }
        if self.fitted >= RESUME.min(self.expected.len()) {
            self.expected.drain(..self.fitted);
            self.fitted = 0;
            self.lost = None;
            return true;
        }
        self.lost = Some(lost + 1);
        if lost + 1 > PATIENCE {
            *self = Echo {
                ranges: std::mem::take(&mut self.ranges),
                ..Echo::default()
            };
        }
        false
    }

    /// Is the byte at `position` echo?
    pub(super) fn holds(&self, position: u64) -> bool {
        self.ranges
            .iter()
            .any(|&(start, end)| (start..end).contains(&position))
    }

    /// Feeds `hasher` with what tells this echo from another one, positions counted from `line`.
    /// Of a long echo that does not come (a dead console) only the beginning is looked at.
    pub(super) fn tell_apart<H: Hasher>(&self, line: u64, hasher: &mut H) {
        let (due, lost) = (self.expected.iter().take(ALIKE), self.lost.is_some());
        (self.expected.len().min(ALIKE), self.fitted, lost).hash(hasher);
        due.for_each(|byte| byte.hash(hasher));
        for (start, end) in &self.ranges {
            (start.saturating_sub(line), end.saturating_sub(line)).hash(hasher);
        }
    }

    /// Nothing before `position` will be asked for any more.
    pub(super) fn forget(&mut self, position: u64) {
        while self.ranges.front().is_some_and(|&(_, end)| end <= position) {
            self.ranges.pop_front();
        }
        if self.ranges.is_empty() {
            self.ranges.shrink_to(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of `text` is tagged after `typed` was sent.
    fn tagged(typed: &str, text: &str) -> String {
        let mut echo = Echo::default();
        echo.sent(typed.as_bytes());
        echo.hear(text.as_bytes(), 10);
        (10..)
            .zip(text.chars())
            .filter(|&(at, _)| echo.holds(at))
            .map(|(_, c)| c)
            .collect()
    }

    #[test]
    fn what_comes_back_is_tagged_and_no_more() {
        assert_eq!(tagged("1 2 + .\r", "1 2 + .\n3 \nok "), "1 2 + .\n");
        assert_eq!(tagged("banner\r\n", "banner\nnix"), "banner\n");
        assert_eq!(tagged("\x15\x03boot\r", "boot\nBoot"), "boot\n");
    }

    #[test]
    fn an_echo_lost_to_a_message_is_found_again() {
        let text = "setenv au\nSC Alert: x\nto-boot? false\nok ";
        // Tagged again from the fourth byte that fits.
        let echo = "setenv auboot? false\n";
        assert_eq!(tagged("setenv auto-boot? false\r", text), echo);
    }

    #[test]
    fn a_console_that_does_not_echo_is_given_up() {
        let mut echo = Echo::default();
        echo.sent(b"secret\r");
        echo.hear(&[b'x'; 300], 0);
        echo.hear(b"secret\n", 300);
        assert!(!echo.holds(303));
        echo.sent(b"ls\r");
        echo.hear(b"ls\n", 400);
        assert!(echo.holds(400) && echo.holds(402));
    }

    #[test]
    fn memory_is_bounded() {
        let mut echo = Echo::default();
        for _ in 0..100 {
            echo.sent(&[b'a'; 100]);
        }
        assert!(echo.expected.len() <= TYPED_LIMIT);
    }
}
