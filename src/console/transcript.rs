//! A node's console transcript: the `.console` format ([`crate::transcript`]) in a file that is begun
//! anew by size and by day, and that survives a full disk.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::Said;
use crate::logfile::{Found, RotatingFile};
use crate::transcript::{self, Outcome, Pen, Record, UtcMillis};

/// How long after a failed write the next one is tried.
const AGAIN: Duration = Duration::from_secs(1);

/// Limits of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptSettings {
    /// Size, bytes, at which the file is renamed to `.1` and begun anew.
    pub max_bytes: u64,
    /// How many renamed files are kept.
    pub keep: u32,
    /// When it is begun anew beside that.
    pub turn: Turn,
}

/// Whether a transcript is begun anew though it is not full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is not.
    WhenFull,
    /// With the first record of each day, UTC.
    Daily,
}

impl Default for TranscriptSettings {
    fn default() -> TranscriptSettings {
        TranscriptSettings {
            max_bytes: 20 << 20,
            keep: 30,
            turn: Turn::Daily,
        }
    }
}

/// The transcript of one console. What is told to it waits in memory until [`Transcript::write`],
/// which blocks as file writes do.
///
/// What could not be written is counted and dropped. The file says so as soon as it can be written
/// again, which is tried once a second while anything calls.
#[derive(Debug)]
pub struct Transcript {
    file: RotatingFile,
    /// CLUSTER/NODE.
    name: Box<str>,
    turn: Turn,
    pen: Pen,
    begun: UtcMillis,
    header: u64,
    /// Nothing was written since this was made.
    first: bool,
    loss: Option<Box<Loss>>,
}

/// What could not be written.
#[derive(Debug)]
struct Loss {
    bytes: u64,
    records: u64,
    since: UtcMillis,
    error: io::ErrorKind,
    why: String,
    tried: UtcMillis,
}

impl Transcript {
    /// The transcript of `name` (CLUSTER/NODE) at `path`. The file is opened with the first write.
    pub fn new(path: &Path, name: &str, settings: &TranscriptSettings) -> Transcript {
        let TranscriptSettings {
            max_bytes,
            keep,
            turn,
        } = *settings;
        Transcript {
            file: RotatingFile::at(path, max_bytes, keep, transcript::mend),
            name: name.into(),
            turn,
            pen: Pen::default(),
            begun: UtcMillis::default(),
            header: 0,
            first: true,
            loss: None,
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// What the console said, or that its link came or went, at `now`.
    pub fn heard(&mut self, said: &Said, now: SystemTime) {
        let now = utc(now);
        match said {
            Said::Bytes { bytes, .. } | Said::Aside { bytes, .. } => self.pen.console(bytes, now),
            Said::Up { .. } => self.pen.link_up(now),
            Said::Down { why, .. } => self.pen.link_down(why, now),
            Said::Gap { lost, .. } => self.pen.gap(*lost, now),
            Said::Carrier { present, .. } => self.pen.carrier(*present, now),
            Said::Broke { broke, .. } => {
                let outcome = match (broke.sent, broke.acknowledged) {
                    (false, _) => Outcome::NotSent,
                    (true, None) => Outcome::Sent,
                    (true, Some(true)) => Outcome::Acknowledged,
                    (true, Some(false)) => Outcome::NotAcknowledged,
                };
                self.pen.broke(&broke.kind, outcome, now);
            }
        }
    }

    /// What was done to the console, or a remark.
    pub fn record(&mut self, record: &Record, now: SystemTime) {
        self.pen.write(record, utc(now));
    }

    /// How long from `now` until [`Transcript::rest`] and [`Transcript::write`] have something to do
    /// though nothing more comes, if they will.
    pub fn rests_in(&self, now: SystemTime) -> Option<Duration> {
        let now = utc(now);
        let again = self.loss.as_ref().map(|loss| loss.again_in(now));
        [self.pen.rests_in(now), again].into_iter().flatten().min()
    }

    /// A line without its end (a prompt) is to be written if the console has paused long enough.
    pub fn rest(&mut self, now: SystemTime) {
        self.pen.rest(utc(now));
    }

    /// All is to be written that waits for more: the end has come.
    pub fn finish(&mut self) {
        self.pen.finish();
    }

    /// Appends what was told since the last call to the file. Says how many bytes it has grown.
    ///
    /// # Errors
    /// As of writing and renaming files: the caller's alarm, and no reason to stop watching. It stays
    /// an error until what was lost meanwhile is told in the file.
    pub fn write(&mut self, now: SystemTime) -> io::Result<u64> {
        let now = utc(now);
        let lines = self.pen.take();
        if let Some(loss) = &mut self.loss {
            if loss.again_in(now) > Duration::ZERO {
                loss.add(&lines, now);
                return Err(loss.error());
            }
            loss.tried = now;
            let mut pen = Pen::default();
            pen.lost(loss.bytes, loss.records, loss.since, &loss.why, now);
            if let Err((_, error)) = self.append(&pen.take(), now) {
                return Err(self.lose(&lines, error, now));
            }
            self.loss = None;
        }
        if lines.is_empty() {
            return Ok(0);
        }
        match self.append(&lines, now) {
            Ok(()) => Ok(lines.len() as u64),
            Err((written, error)) => Err(self.lose(&lines[written..], error, now)),
        }
    }

    fn lose(&mut self, lines: &[u8], error: io::Error, now: UtcMillis) -> io::Error {
        let loss = self.loss.get_or_insert_with(|| {
            Box::new(Loss {
                bytes: 0,
                records: 0,
                since: now,
                error: error.kind(),
                why: String::new(),
                tried: now,
            })
        });
        loss.error = error.kind();
        loss.why = error.to_string();
        loss.add(lines, now);
        error
    }

    /// Appends whole lines; an error says how many bytes of them were written.
    fn append(&mut self, lines: &[u8], now: UtcMillis) -> Result<(), (usize, io::Error)> {
        self.ready(now).map_err(|error| (0, error))?;
        let mut written = 0;
        while written < lines.len() {
            let rest = &lines[written..];
            let step = match self.file.room_for(rest, self.header) {
                Some(fits) => self.file.put(&rest[..fits]).map(|()| fits),
                None => self.begin_anew(now).map(|()| 0),
            };
            written += step.map_err(|error| (written, error))?;
        }
        Ok(())
    }

    fn ready(&mut self, now: UtcMillis) -> io::Result<()> {
        match self.file.ready()? {
            Found::Open => {}
            Found::Empty => self.begin(now)?,
            Found::Old => self.go_on(now)?,
        }
        self.first = false;
        let full = self.file.length() > self.header;
        if self.turn == Turn::Daily && full && now.day() > self.begun.day() {
            self.begin_anew(now)?;
        }
        Ok(())
    }

    /// Goes on with a file that was there. What is no transcript of this version is put aside.
    fn go_on(&mut self, now: UtcMillis) -> io::Result<()> {
        let header = self.file.first_line()?;
        let Some(begun) = transcript::begun(&header) else {
            return self.begin_anew(now);
        };
        self.begun = begun;
        self.header = header.len() as u64 + 1;
        if self.first {
            let mut pen = Pen::default();
            pen.started(now);
            self.file.put(&pen.take())?;
        }
        Ok(())
    }

    fn begin_anew(&mut self, now: UtcMillis) -> io::Result<()> {
        self.file.rotate()?;
        self.file.ready()?;
        self.begin(now)
    }

    fn begin(&mut self, now: UtcMillis) -> io::Result<()> {
        let header = Pen::header(&self.name, now);
        self.file.put(&header)?;
        self.header = header.len() as u64;
        self.begun = now;
        Ok(())
    }
}

impl Loss {
    fn add(&mut self, lines: &[u8], now: UtcMillis) {
        let (bytes, records) = transcript::counted(lines);
        if (self.bytes, self.records) == (0, 0) {
            self.since = now;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.records = self.records.saturating_add(records);
    }

    fn again_in(&self, now: UtcMillis) -> Duration {
        // A clock set back does not make it wait.
        let passed = now.since(self.tried).unwrap_or(AGAIN);
        AGAIN.saturating_sub(passed)
    }

    fn error(&self) -> io::Error {
        io::Error::new(self.error, self.why.clone())
    }
}

/// The time as transcripts have it; what lies before 1970 is its start.
fn utc(at: SystemTime) -> UtcMillis {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    UtcMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
