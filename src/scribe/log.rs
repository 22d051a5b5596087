//! A log of lines: what waits to be written to it, and how much could not be.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::stamp;
use crate::config::Rotation;
use crate::logfile::{RotatingFile, harmless};

/// How long after a failed write the next one is tried.
const AGAIN: Duration = Duration::from_secs(1);

/// Opened with the first write.
pub(super) struct Log {
    file: RotatingFile,
    lines: Vec<u8>,
    loss: Option<Loss>,
}

struct Loss {
    lines: usize,
    error: io::ErrorKind,
    why: String,
    tried: Instant,
}

impl Log {
    pub(super) fn new(path: &Path, rotation: Rotation) -> Log {
        Log {
            file: RotatingFile::at(path, rotation.size, rotation.keep, |torn| {
                (torn.len(), "\n")
            }),
            lines: Vec::new(),
            loss: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// A line, made harmless; it waits for [`Log::write`].
    pub(super) fn line(&mut self, line: &str) {
        self.lines.extend_from_slice(harmless(line).as_bytes());
        self.lines.push(b'\n');
    }

    /// Appends what waits. What cannot be written is dropped and counted, and the log says so later.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let lines = std::mem::take(&mut self.lines);
        if let Some(loss) = &mut self.loss {
            if loss.tried.elapsed() < AGAIN {
                loss.lines += count(&lines);
                return Err(io::Error::new(loss.error, loss.why.clone()));
            }
            let now = stamp(SystemTime::now());
            let confession = format!(
                "{now}  {} lines could not be written: {}",
                loss.lines, loss.why
            );
            if let Err(error) = self.file.write_line(&confession) {
                return Err(self.lose(&lines, error));
            }
            self.loss = None;
        }
        match self.file.append(&lines) {
            Ok(()) => Ok(()),
            Err((written, error)) => Err(self.lose(&lines[written..], error)),
        }
    }

    /// How long until the next try, if one is needed.
    pub(super) fn again_in(&self) -> Option<Duration> {
        let loss = self.loss.as_ref()?;
        Some(AGAIN.saturating_sub(loss.tried.elapsed()))
    }

    fn lose(&mut self, lines: &[u8], error: io::Error) -> io::Error {
        let before = self.loss.as_ref().map_or(0, |loss| loss.lines);
        self.loss = Some(Loss {
            lines: before + count(lines),
            error: error.kind(),
            why: error.to_string(),
            tried: Instant::now(),
        });
        error
    }
}

fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|&&byte| byte == b'\n').count()
}
