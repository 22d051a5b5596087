//! The person's terminal: raw while they are at the console, and as it was on every way out.

use std::io::{self, IsTerminal, Write};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

/// Standard input made raw; dropping it makes it what it was.
#[derive(Debug)]
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    /// `None` where standard input is no terminal.
    ///
    /// # Errors
    /// The terminal cannot be made raw.
    pub(super) fn enter() -> io::Result<Option<Raw>> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw)?;
        Ok(Some(Raw { before }))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal may have gone: then nothing is left to restore.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}

/// What becomes of a console's bytes on their way to a person's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bytes {
    /// They go as they are: colours, cursors, titles.
    AsTheyAre,
    /// Nothing but letters moves the terminal, and only within a line; the rest is shown as `\x1b`.
    Plain,
}

impl Bytes {
    fn shown(self, bytes: &[u8]) -> Vec<u8> {
        if self == Bytes::AsTheyAre {
            return bytes.to_vec();
        }
        let mut shown = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' | b'\t' | 0x08 | b' '..=b'~' => shown.push(byte),
                _ => shown.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            }
        }
        shown
    }
}

/// Where output goes, and clusterd's own words between it, each on a line of its own.
#[derive(Debug)]
pub(super) struct Paper {
    raw: bool,
    bytes: Bytes,
    /// The last byte ended a line.
    at_start: bool,
}

impl Paper {
    pub(super) fn new(raw: bool, bytes: Bytes) -> Paper {
        Paper {
            raw,
            bytes,
            at_start: true,
        }
    }

    /// The console's own bytes.
    pub(super) fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(&self.bytes.shown(bytes))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()?;
        if let Some(last) = bytes.last() {
            self.at_start = matches!(last, b'\n' | b'\r');
        }
        Ok(())
    }

    /// Something of clusterd's, in brackets. Without a terminal it goes to standard error, so
    /// that standard output holds the console alone.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        let text = crate::logfile::harmless(text);
        if !self.raw {
            return writeln!(io::stderr(), "[{text}]");
        }
        let begin = if self.at_start { "\r" } else { "\r\n" };
        self.put(format!("{begin}[{text}]\r\n").as_bytes())
    }

    /// Lines as they are, for a list.
    pub(super) fn lines(&mut self, text: &str) -> io::Result<()> {
        let begin = if self.at_start { "\r" } else { "\r\n" };
        let text = text.replace('\n', "\r\n");
        self.put(format!("{begin}{text}\r\n").as_bytes())
    }

    /// Text that the person types to clusterd itself.
    pub(super) fn echo(&mut self, text: &str) -> io::Result<()> {
        self.put(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_bytes_move_no_terminal() {
        let said = b"ok \x1b[2J\x9b1m\x07\r\nab\x08\x7f";
        assert_eq!(Bytes::AsTheyAre.shown(said), said);
        assert_eq!(
            Bytes::Plain.shown(said),
            b"ok \\x1b[2J\\x9b1m\\x07\r\nab\x08\\x7f"
        );
    }
}
