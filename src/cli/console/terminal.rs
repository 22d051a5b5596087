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

/// Where output goes, and clusterd's own words between it, each on a line of its own.
#[derive(Debug)]
pub(super) struct Paper {
    raw: bool,
    /// The last byte ended a line.
    at_start: bool,
}

impl Paper {
    pub(super) fn new(raw: bool) -> Paper {
        let at_start = true;
        Paper { raw, at_start }
    }

    /// The console's own bytes.
    pub(super) fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
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
        self.output(format!("{begin}[{text}]\r\n").as_bytes())
    }

    /// Lines as they are, for a list.
    pub(super) fn lines(&mut self, text: &str) -> io::Result<()> {
        let begin = if self.at_start { "\r" } else { "\r\n" };
        let text = text.replace('\n', "\r\n");
        self.output(format!("{begin}{text}\r\n").as_bytes())
    }

    /// Text that the person types to clusterd itself.
    pub(super) fn echo(&mut self, text: &str) -> io::Result<()> {
        self.output(text.as_bytes())
    }
}
