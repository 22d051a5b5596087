//! A node's console transcript: what the console said, with a time on every line, and what was done
//! to it, in a file that is safe to show on a terminal.
//!
//! ```text
//! 2026-11-21T22:01:02.345Z -- link up
//! 2026-11-21T22:01:02.361Z | Boot device: disk  File and args:
//! 2026-11-21T22:01:09.008Z | ok
//! 2026-11-21T22:01:09.120Z -- typed "printenv auto-boot?\r"
//! 2026-11-21T22:01:09.131Z + printenv auto-boot?
//! ```
//!
//! `|` begins a line of the console, `+` goes on with one that was cut (by a remark, by a pause
//! after which it was written as it stood, or by the limit of its length), `--` begins a remark of
//! clusterd's. No console can write a remark. The time is that of the line's first byte.
//!
//! A CR at the end of a line is left out, elsewhere it is `\r`. Tabs stay. All other control
//! characters and all bytes from 0x80 on are written `\xNN`, a backslash `\\`.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{Order, Said};
use crate::logfile::{RotatingFile, harmless, utc_millis};

/// Limits of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptSettings {
    /// Size, bytes, at which the file is renamed to `.1` and begun anew.
    pub max_bytes: u64,
    /// How many renamed files are kept.
    pub keep: u32,
    /// Length, bytes as written, at which a line is cut.
    pub line_limit: usize,
    /// A line without its end is written as it stands once the console paused for so long.
    pub idle: Duration,
}

impl Default for TranscriptSettings {
    fn default() -> TranscriptSettings {
        TranscriptSettings {
            max_bytes: 10 << 20,
            keep: 9,
            line_limit: 1000,
            idle: Duration::from_millis(500),
        }
    }
}

/// The transcript of one console. Its calls block as file writes do. An error means that what
/// was handed over is not in the file; it is counted, and the file says so once it can be written
/// again, which every call tries.
#[derive(Debug)]
pub struct Transcript {
    file: RotatingFile,
    settings: TranscriptSettings,
    line: Line,
    /// A CR came, and what follows is not known yet.
    carriage_return: bool,
    last: SystemTime,
    /// What is to be appended by the present call.
    out: String,
    lost: u64,
    why_lost: String,
}

/// How far the console's present line has come.
#[derive(Debug)]
enum Line {
    /// Nothing of it is there.
    Fresh,
    /// It is gathered here.
    Open {
        at: SystemTime,
        mark: char,
        text: String,
    },
    /// It stands in the file, without its end.
    Shown,
    /// It was ended in the file, but not by the console.
    Cut,
}

impl Transcript {
    /// Opens or begins the transcript at `path`.
    ///
    /// # Errors
    /// As of opening a file for appending.
    pub fn open(path: &Path, settings: TranscriptSettings) -> io::Result<Transcript> {
        Ok(Transcript {
            file: RotatingFile::open(path, settings.max_bytes, settings.keep)?,
            settings,
            line: Line::Fresh,
            carriage_return: false,
            last: SystemTime::UNIX_EPOCH,
            out: String::new(),
            lost: 0,
            why_lost: String::new(),
        })
    }

    /// Writes down what the console said, or that its link came or went, at `now`.
    ///
    /// # Errors
    /// As of writing files: the caller's alarm, and no reason to stop watching.
    pub fn heard(&mut self, said: &Said, now: SystemTime) -> io::Result<()> {
        match said {
            Said::Bytes { bytes, .. } => {
                self.last = now;
                for &byte in bytes {
                    self.take(byte, now);
                }
                self.write(bytes.len())
            }
            Said::Up { .. } => {
                self.cut();
                self.line = Line::Fresh;
                self.remark("link up", now)
            }
            Said::Down { why, .. } => self.remark(&format!("link down: {why}"), now),
            Said::Carrier { present, .. } => {
                let text = if *present {
                    "carrier is there"
                } else {
                    "carrier lost"
                };
                self.remark(text, now)
            }
            Said::Broke { broke, .. } => match (broke.sent, broke.acknowledged) {
                (false, _) => self.remark(&format!("BREAK not sent: {}", broke.kind), now),
                (true, Some(true)) => self.remark("BREAK acknowledged", now),
                (true, Some(false)) => self.remark("BREAK not acknowledged", now),
                (true, None) => Ok(()),
            },
            Said::Gap { lost, .. } => {
                let text = format!("{lost} bytes are missing here: more came than was read");
                self.remark(&text, now)
            }
        }
    }

    /// Writes down what was ordered at `now`.
    ///
    /// # Errors
    /// As of [`Transcript::heard`].
    pub fn ordered(&mut self, order: &Order, now: SystemTime) -> io::Result<()> {
        match order {
            Order::Type { bytes, .. } => {
                let text = quoted(bytes, self.settings.line_limit);
                self.remark(&format!("typed {text}"), now)
            }
            Order::Break { .. } => self.remark("BREAK sent", now),
        }
    }

    /// Writes a line of clusterd's own, made harmless.
    ///
    /// # Errors
    /// As of [`Transcript::heard`].
    pub fn remark(&mut self, text: &str, now: SystemTime) -> io::Result<()> {
        self.cut();
        self.push_remark(text, now);
        self.write(text.len())
    }

    /// How long from `now` until [`Transcript::flush_idle`] has something to do, if it has.
    pub fn idle_in(&self, now: SystemTime) -> Option<Duration> {
        let Line::Open { .. } = self.line else {
            return None;
        };
        // A clock set back counts as a pause.
        let paused = now.duration_since(self.last).unwrap_or(self.settings.idle);
        Some(self.settings.idle.saturating_sub(paused))
    }

    /// Writes a line without its end (a prompt) if the console has paused long enough.
    ///
    /// # Errors
    /// As of [`Transcript::heard`].
    pub fn flush_idle(&mut self, now: SystemTime) -> io::Result<()> {
        if self.idle_in(now) != Some(Duration::ZERO) {
            return Ok(());
        }
        self.put_line();
        self.line = Line::Shown;
        self.write(0)
    }

    fn take(&mut self, byte: u8, now: SystemTime) {
        match byte {
            b'\n' => self.end_line(now),
            // Where nothing of a line is gathered a CR moves nothing.
            b'\r' => self.carriage_return = matches!(self.line, Line::Open { .. }),
            byte => {
                if self.carriage_return {
                    self.carriage_return = false;
                    self.push(b'\r', now);
                }
                self.push(byte, now);
            }
        }
    }

    /// Adds a byte to the line, which it may begin.
    fn push(&mut self, byte: u8, now: SystemTime) {
        let mark = match self.line {
            Line::Open { .. } => None,
            Line::Fresh => Some('|'),
            Line::Cut => Some('+'),
            Line::Shown => {
                self.out.push('\n');
                Some('+')
            }
        };
        if let Some(mark) = mark {
            let (at, text) = (now, String::new());
            self.line = Line::Open { at, mark, text };
        }
        let Line::Open { text, .. } = &mut self.line else {
            unreachable!("the line was opened above");
        };
        push_visible(byte, text);
        if text.len() >= self.settings.line_limit {
            self.cut();
        }
    }

    fn end_line(&mut self, now: SystemTime) {
        self.carriage_return = false;
        match self.line {
            Line::Fresh => {
                self.push_stamp(now, "|");
                self.out.push('\n');
            }
            Line::Open { .. } => {
                self.put_line();
                self.out.push('\n');
            }
            Line::Shown => self.out.push('\n'),
            Line::Cut => {}
        }
        self.line = Line::Fresh;
    }

    /// Ends the present line in the file though the console has not ended it.
    fn cut(&mut self) {
        self.carriage_return = false;
        match self.line {
            Line::Fresh | Line::Cut => return,
            Line::Open { .. } => self.put_line(),
            Line::Shown => {}
        }
        self.out.push('\n');
        self.line = Line::Cut;
    }

    fn put_line(&mut self) {
        if let Line::Open { at, mark, text } = &self.line {
            // Writing to a string cannot fail.
            let _ = write!(self.out, "{} {mark} {text}", utc_millis(*at));
        }
    }

    fn push_remark(&mut self, text: &str, now: SystemTime) {
        self.push_stamp(now, "-- ");
        self.out.push_str(&harmless(text));
        self.out.push('\n');
    }

    fn push_stamp(&mut self, now: SystemTime, mark: &str) {
        let _ = write!(self.out, "{} {mark}", utc_millis(now));
    }

    /// Appends what was gathered, which came of `count` bytes.
    fn write(&mut self, count: usize) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.out);
        let outcome = self.confess_loss().and_then(|()| self.file.append(&text));
        if let Err(error) = &outcome {
            self.lost = self.lost.saturating_add(count as u64);
            self.why_lost = error.to_string();
            // What stood in the file without its end is ended when the file is opened again.
            if matches!(self.line, Line::Shown) {
                self.line = Line::Cut;
            }
        }
        outcome
    }

    fn confess_loss(&mut self) -> io::Result<()> {
        if self.lost == 0 {
            return Ok(());
        }
        let lost = format!(
            "{} bytes could not be written: {}",
            self.lost, self.why_lost
        );
        self.file
            .write_line(&format!("{} -- {lost}", utc_millis(self.last)))?;
        self.lost = 0;
        Ok(())
    }
}

/// `byte` as it may stand in a transcript.
fn push_visible(byte: u8, out: &mut String) {
    match byte {
        b'\\' => out.push_str("\\\\"),
        b'\r' => out.push_str("\\r"),
        b'\n' => out.push_str("\\n"),
        b'\t' | b' '..=b'~' => out.push(char::from(byte)),
        _ => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// What was typed, in quotes, cut at `limit` bytes as written.
fn quoted(bytes: &[u8], limit: usize) -> String {
    let mut out = String::from("\"");
    for (at, &byte) in bytes.iter().enumerate() {
        if out.len() >= limit {
            let _ = write!(out, "\" and {} bytes more", bytes.len() - at);
            return out;
        }
        match byte {
            b'"' => out.push_str("\\\""),
            b'\t' => out.push_str("\\t"),
            byte => push_visible(byte, &mut out),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
