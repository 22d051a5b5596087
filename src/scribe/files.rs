//! The thread's own side: the open files, what waits to be written to them, and what to do when one
//! cannot be written.
//!
//! Of each wake-up every file that was told something is written once. When a file has something to
//! do though nothing comes (a prompt after its pause, a new try) stands in a heap.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::log::Log;
use super::queue::{Book, Note, Shared};
use super::room::Room;
use super::stamp;
use crate::config::{Rotation, Settings};
use crate::console::{Transcript, TranscriptSettings, Turn};

/// All log files, opened when first written.
pub(super) struct Files {
    logs: PathBuf,
    log: Rotation,
    activity: Rotation,
    transcript: TranscriptSettings,
    shared: Arc<Shared>,
    places: BTreeMap<Book, usize>,
    open: Vec<Open>,
    /// Which files were told something since the last writing.
    told: Vec<usize>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    trouble: BTreeMap<usize, String>,
    room: Room,
    /// Who waits until all is written.
    waiting: Vec<SyncSender<()>>,
}

/// A file, and when it is due: an entry of the heap with another time counts no more.
struct Open {
    kind: Kind,
    told: bool,
    due: Option<Instant>,
}

enum Kind {
    Log(Box<Log>),
    Transcript(Box<Transcript>),
}

impl Files {
    pub(super) fn new(logs: PathBuf, settings: &Settings, shared: Arc<Shared>) -> Files {
        let kept = &settings.transcript;
        Files {
            log: settings.log,
            activity: settings.activity,
            transcript: TranscriptSettings {
                max_bytes: kept.rotation.size,
                keep: kept.rotation.keep,
                turn: if kept.daily {
                    Turn::Daily
                } else {
                    Turn::WhenFull
                },
            },
            shared,
            places: BTreeMap::new(),
            open: Vec::new(),
            told: Vec::new(),
            due: BinaryHeap::new(),
            trouble: BTreeMap::new(),
            room: Room::new(logs.clone(), kept.total, kept.free),
            waiting: Vec::new(),
            logs,
        }
    }

    /// How long until a file has something to do though nothing comes.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let Reverse((first, _)) = self.due.peek()?;
        Some(first.saturating_duration_since(Instant::now()))
    }

    /// Takes a note; [`Files::write`] writes it.
    pub(super) fn take(&mut self, note: Note) {
        let book = match note {
            Note::Line(book, line) => {
                let (place, file) = self.file(book);
                if let Kind::Log(log) = &mut file.kind {
                    log.line(&line);
                }
                place
            }
            Note::Heard(book, said, at) => {
                let (place, file) = self.file(book);
                if let Kind::Transcript(transcript) = &mut file.kind {
                    transcript.heard(&said, at);
                }
                place
            }
            Note::Record(book, record, at) => {
                let (place, file) = self.file(book);
                if let Kind::Transcript(transcript) = &mut file.kind {
                    transcript.record(&record, at);
                }
                place
            }
            Note::Flush(done) => {
                self.waiting.push(done);
                return;
            }
        };
        self.tell(book);
    }

    /// Writes all that was taken, each file at once, and what is due.
    pub(super) fn write(&mut self) {
        let (now, clock) = (Instant::now(), SystemTime::now());
        while let Some(Reverse((at, place))) = self.due.peek().copied()
            && at <= now
        {
            self.due.pop();
            if self.open[place].due == Some(at) {
                self.open[place].due = None;
                if let Kind::Transcript(transcript) = &mut self.open[place].kind {
                    transcript.rest(clock);
                }
                self.tell(place);
            }
        }
        let mut grown = 0;
        for place in std::mem::take(&mut self.told) {
            grown += self.write_one(place, now, clock);
        }
        if let Some(words) = self.room.keep(grown, !self.trouble.is_empty(), now) {
            let line = format!("{}  {words}", stamp(clock));
            self.take(Note::Line(Book::Daemon, line));
            self.write_one(self.places[&Book::Daemon], now, clock);
            self.told.clear();
        }
        for done in self.waiting.drain(..) {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }

    /// Writes what waits for more, too: the end has come.
    pub(super) fn finish(&mut self) {
        for place in 0..self.open.len() {
            if let Kind::Transcript(transcript) = &mut self.open[place].kind {
                transcript.finish();
            }
            self.tell(place);
        }
        self.write();
    }

    /// Writes one file; says how many bytes a transcript has grown.
    fn write_one(&mut self, place: usize, now: Instant, clock: SystemTime) -> u64 {
        let file = &mut self.open[place];
        file.told = false;
        let outcome = file.kind.write(clock);
        if let Some(pause) = file.kind.rests_in(clock) {
            let at = now + pause;
            if file.due.is_none_or(|due| at < due) {
                file.due = Some(at);
                self.due.push(Reverse((at, place)));
            }
        }
        let change = match &outcome {
            Ok(_) => self.trouble.remove(&place).is_some(),
            Err(err) => {
                let why = format!("{}: {err}", file.kind.path().display());
                self.trouble.insert(place, why).is_none()
            }
        };
        if change {
            self.tell_trouble();
        }
        outcome.unwrap_or(0)
    }

    fn tell_trouble(&self) {
        let first = self.trouble.values().next();
        let trouble = first.map(|why| match self.trouble.len() {
            1 => why.clone(),
            n => format!("{why}; and {} more files", n - 1),
        });
        let mut shared = self
            .shared
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *shared = trouble;
    }

    fn tell(&mut self, place: usize) {
        if !std::mem::replace(&mut self.open[place].told, true) {
            self.told.push(place);
        }
    }

    /// Says how many notes were dropped because the disk was slow.
    pub(super) fn confess(&mut self, dropped: u64) {
        if dropped > 0 {
            let now = stamp(SystemTime::now());
            let line = format!(
                "{now}  {dropped} log entries were dropped: the disk is too slow for the logs"
            );
            self.take(Note::Line(Book::Daemon, line));
        }
    }

    fn file(&mut self, book: Book) -> (usize, &mut Open) {
        let place = match self.places.get(&book) {
            Some(place) => *place,
            None => {
                let kind = self.make(&book);
                self.open.push(Open {
                    kind,
                    told: false,
                    due: None,
                });
                let place = self.open.len() - 1;
                self.places.insert(book, place);
                place
            }
        };
        (place, &mut self.open[place])
    }

    fn make(&self, book: &Book) -> Kind {
        match book {
            Book::Daemon => Kind::Log(Box::new(Log::new(
                &self.logs.join("clusterd.log"),
                self.log,
            ))),
            Book::Alarms => Kind::Log(Box::new(Log::new(&self.logs.join("alarms.log"), self.log))),
            Book::Audit => Kind::Log(Box::new(Log::new(&self.logs.join("audit.log"), self.log))),
            Book::Activity(cluster) => {
                let path = self.logs.join(&**cluster).join("activity.log");
                Kind::Log(Box::new(Log::new(&path, self.activity)))
            }
            Book::Console(cluster, node) => {
                let path = self.logs.join(&**cluster).join(format!("{node}.console"));
                let name = format!("{cluster}/{node}");
                Kind::Transcript(Box::new(Transcript::new(&path, &name, &self.transcript)))
            }
        }
    }
}

impl Kind {
    fn write(&mut self, now: SystemTime) -> io::Result<u64> {
        match self {
            Kind::Log(log) => log.write().map(|()| 0),
            Kind::Transcript(transcript) => transcript.write(now),
        }
    }

    fn rests_in(&self, now: SystemTime) -> Option<Duration> {
        match self {
            Kind::Log(log) => log.again_in(),
            Kind::Transcript(transcript) => transcript.rests_in(now),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Kind::Log(log) => log.path(),
            Kind::Transcript(transcript) => transcript.path(),
        }
    }
}
