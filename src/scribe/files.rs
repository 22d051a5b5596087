//! The thread's own side: the open files, and what to do when one cannot be written.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use super::queue::{Book, Note, Shared};
use super::stamp;
use crate::config::{Rotation, Settings};
use crate::console::{Transcript, TranscriptSettings};
use crate::logfile::RotatingFile;

/// All log files, opened when first written.
pub(super) struct Files {
    logs: PathBuf,
    log: Rotation,
    activity: Rotation,
    transcript: Rotation,
    shared: Arc<Shared>,
    lines: BTreeMap<Book, RotatingFile>,
    transcripts: BTreeMap<Book, Transcript>,
}

impl Files {
    pub(super) fn new(logs: PathBuf, settings: &Settings, shared: Arc<Shared>) -> Files {
        Files {
            logs,
            log: settings.log,
            activity: settings.activity,
            transcript: settings.transcript,
            shared,
            lines: BTreeMap::new(),
            transcripts: BTreeMap::new(),
        }
    }

    /// How long until a console's last line is written though it has no end, if one waits.
    pub(super) fn idle_in(&self) -> Option<Duration> {
        let now = SystemTime::now();
        self.transcripts
            .values()
            .filter_map(|t| t.idle_in(now))
            .min()
    }

    pub(super) fn flush_idle(&mut self) {
        let now = SystemTime::now();
        for transcript in self.transcripts.values_mut() {
            // The transcript counts what it could not write and says so itself.
            let _ = transcript.flush_idle(now);
        }
    }

    pub(super) fn write(&mut self, note: Note) {
        self.shared
            .bytes
            .fetch_sub(note.weight(), Ordering::Relaxed);
        self.confess();
        let outcome = match note {
            Note::Line(book, line) => self.line(&book, &line).map_err(|err| (book, err)),
            Note::Heard(book, said, at) => self
                .transcript(&book)
                .and_then(|transcript| transcript.heard(&said, at))
                .map_err(|err| (book, err)),
            Note::Ordered(book, order, at) => self
                .transcript(&book)
                .and_then(|transcript| transcript.ordered(&order, at))
                .map_err(|err| (book, err)),
            Note::Remark(book, text, at) => self
                .transcript(&book)
                .and_then(|transcript| transcript.remark(&text, at))
                .map_err(|err| (book, err)),
            Note::Flush(done) => {
                // Whoever waited may have gone.
                let _ = done.send(());
                return;
            }
        };
        let trouble = outcome
            .err()
            .map(|(book, err)| format!("{}: {err}", self.path(&book).display()));
        *self
            .shared
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Says how many notes were dropped because the disk was slow.
    fn confess(&mut self) {
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let now = stamp(SystemTime::now());
            let line = format!(
                "{now}  {dropped} log entries were dropped: the disk is too slow for the logs"
            );
            // If this cannot be written either, what follows says so.
            let _ = self.line(&Book::Daemon, &line);
        }
    }

    fn line(&mut self, book: &Book, line: &str) -> io::Result<()> {
        let path = self.path(book);
        if !self.lines.contains_key(book) {
            let rotation = match book {
                Book::Daemon | Book::Alarms => self.log,
                Book::Activity(_) | Book::Console(..) => self.activity,
            };
            make_folder(&path)?;
            let file = RotatingFile::open(&path, rotation.size, rotation.keep)?;
            self.lines.insert(book.clone(), file);
        }
        self.lines
            .get_mut(book)
            .map_or(Ok(()), |file| file.write_line(line))
    }

    fn transcript(&mut self, book: &Book) -> io::Result<&mut Transcript> {
        let path = self.path(book);
        if !self.transcripts.contains_key(book) {
            make_folder(&path)?;
            let settings = TranscriptSettings {
                max_bytes: self.transcript.size,
                keep: self.transcript.keep,
                ..TranscriptSettings::default()
            };
            let transcript = Transcript::open(&path, settings)?;
            self.transcripts.insert(book.clone(), transcript);
        }
        self.transcripts
            .get_mut(book)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn path(&self, book: &Book) -> PathBuf {
        match book {
            Book::Daemon => self.logs.join("clusterd.log"),
            Book::Alarms => self.logs.join("alarms.log"),
            Book::Activity(cluster) => self.logs.join(cluster).join("activity.log"),
            Book::Console(cluster, node) => self.logs.join(cluster).join(format!("{node}.console")),
        }
    }
}

fn make_folder(file: &std::path::Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), std::fs::create_dir_all)
}
