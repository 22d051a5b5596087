//! Keys from standard input, and the line of a mark that is typed to clusterd itself.

use std::io::{self, Read};

use tokio::sync::mpsc;

/// Pieces that wait to be carried.
const WAITING: usize = 8;
/// Longest mark, bytes.
const MARK: usize = 200;

/// Reads standard input on a thread of its own, which ends with the process: a read of a
/// terminal cannot be called back. The end of the input is the channel's end.
pub(super) fn read() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        loop {
            match io::stdin().lock().read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                        return;
                    }
                }
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    receiver
}

/// A mark that is being typed.
#[derive(Debug, Default)]
pub(super) struct MarkLine {
    text: Vec<u8>,
}

/// How a mark went on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Marked {
    /// This is to be shown.
    Typing(String),
    /// It is whole; so many keys were taken.
    Done(String, usize),
    /// It is given up; so many keys were taken.
    GivenUp(usize),
}

impl MarkLine {
    /// These keys were pressed.
    pub(super) fn press(&mut self, keys: &[u8]) -> Marked {
        let mut shown = String::new();
        for (at, &key) in keys.iter().enumerate() {
            match key {
                b'\r' | b'\n' if self.text.is_empty() => return Marked::GivenUp(at + 1),
                b'\r' | b'\n' => {
                    let text = String::from_utf8_lossy(&self.text).into_owned();
                    return Marked::Done(text, at + 1);
                }
                0x03 | 0x1b => return Marked::GivenUp(at + 1),
                0x08 | 0x7f => {
                    let gone = self.text.pop();
                    shown.extend(gone.map(|_| "\x08 \x08"));
                }
                0x15 => {
                    shown.push_str(&"\x08 \x08".repeat(self.text.len()));
                    self.text.clear();
                }
                0x20..=0x7e if self.text.len() < MARK => {
                    self.text.push(key);
                    shown.push(char::from(key));
                }
                _ => {}
            }
        }
        Marked::Typing(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_edited_and_sent_or_given_up() {
        let mut line = MarkLine::default();
        assert_eq!(line.press(b"tixx"), Marked::Typing("tixx".to_owned()));
        line.press(b"\x7f\x7fcket 4711");
        assert_eq!(
            line.press(b"\rls"),
            Marked::Done("ticket 4711".to_owned(), 1)
        );
        assert_eq!(MarkLine::default().press(b"\r"), Marked::GivenUp(1));
        assert_eq!(MarkLine::default().press(b"ab\x1bls"), Marked::GivenUp(3));
        let mut line = MarkLine::default();
        line.press(&[b'x'; 1000]);
        assert_eq!(line.press(b"\r"), Marked::Done("x".repeat(MARK), 1));
    }
}
