//! The way to the scribe: a queue that never makes anybody wait.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tracing_subscriber::fmt::MakeWriter;

use super::files::Files;
use crate::config::Settings;
use crate::console::{Order, Said};
use crate::transcript::{By, Record};

/// What may wait to be written: notes, and bytes in them. Beyond that notes are dropped.
const NOTES: usize = 16_384;
const BYTES: usize = 8 << 20;

/// With so many bytes waiting the thread does not wait for more.
const MUCH: usize = 1 << 20;

/// The thread waits for company so long after the first note: a thousand consoles wake it fifty
/// times a second, not a thousand times.
const COMPANY: Duration = Duration::from_millis(20);

/// So many notes are taken before they are written.
const AT_ONCE: usize = 4096;

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Book {
    /// `logs/clusterd.log`.
    Daemon,
    /// `logs/alarms.log`.
    Alarms,
    /// `logs/CLUSTER/activity.log`.
    Activity(Arc<str>),
    /// `logs/CLUSTER/NODE.console`.
    Console(Arc<str>, Arc<str>),
}

/// Something to be written.
#[derive(Debug)]
pub(super) enum Note {
    Line(Book, String),
    Heard(Book, Said, SystemTime),
    Record(Book, Record, SystemTime),
    Flush(SyncSender<()>),
}

/// What the queue and the thread both know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub bytes: AtomicUsize,
    pub dropped: AtomicU64,
    pub trouble: Mutex<Option<String>>,
}

/// The writer of all logs. Share it in an `Arc`; when the last owner drops it, what is queued
/// is written first.
#[derive(Debug)]
pub struct Scribe {
    notes: Option<SyncSender<Note>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Scribe {
    /// Makes `logs/` in the home and starts the thread. Size limits come from `settings`.
    ///
    /// # Errors
    /// The folder cannot be made, or no thread started.
    pub fn start(home: &Path, settings: &Settings) -> io::Result<Scribe> {
        let logs = home.join("logs");
        std::fs::create_dir_all(&logs)?;
        let shared = Arc::new(Shared::default());
        let (notes, queue) = mpsc::sync_channel(NOTES);
        let files = Files::new(logs, settings, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("scribe".to_owned())
            .spawn(move || write_all(files, &queue))?;
        Ok(Scribe {
            notes: Some(notes),
            shared,
            thread: Some(thread),
        })
    }

    /// Appends a line; it is made harmless to a terminal.
    pub fn line(&self, book: Book, line: &str) {
        self.put(Note::Line(book, line.to_owned()));
    }

    /// A console said something, now.
    pub fn heard(&self, book: Book, said: Said) {
        self.put(Note::Heard(book, said, SystemTime::now()));
    }

    /// The script ordered something on a console, now.
    pub fn ordered(&self, book: Book, order: Order) {
        let by = By::Script;
        let record = match order {
            Order::Type { bytes, .. } => Record::Typed { by, bytes },
            Order::Break { .. } => Record::Break { by },
        };
        self.record(book, record);
    }

    /// Something happened to a console, now: a person typed, a BREAK was acknowledged.
    pub fn record(&self, book: Book, record: Record) {
        self.put(Note::Record(book, record, SystemTime::now()));
    }

    /// A remark of clusterd's own in a console's transcript.
    pub fn remark(&self, book: Book, text: &str) {
        let text = text.to_owned();
        self.record(book, Record::Note { text });
    }

    /// Why logs cannot be written, if they cannot.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.shared.trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until all that was queued before is written. Blocks.
    pub fn flush(&self) {
        let (done, written) = mpsc::sync_channel(1);
        if let Some(notes) = &self.notes
            && notes.send(Note::Flush(done)).is_ok()
        {
            self.wake();
            // An error means that the thread has ended: nothing is left to wait for.
            let _ = written.recv();
        }
    }

    fn put(&self, note: Note) {
        let Some(notes) = &self.notes else { return };
        let weight = note.weight();
        let waiting = self.shared.bytes.fetch_add(weight, Ordering::Relaxed);
        if waiting > BYTES || notes.try_send(note).is_err() {
            self.shared.bytes.fetch_sub(weight, Ordering::Relaxed);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        } else if waiting > MUCH {
            self.wake();
        }
    }

    /// The thread is not to wait for company.
    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        drop(self.notes.take());
        self.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("clusterd: the thread that writes the logs had panicked");
        }
    }
}

impl Note {
    /// Bytes it keeps waiting.
    pub(super) fn weight(&self) -> usize {
        match self {
            Note::Line(_, text) | Note::Record(_, Record::Note { text }, _) => text.len(),
            Note::Heard(_, Said::Bytes { bytes, .. } | Said::Aside { bytes, .. }, _)
            | Note::Record(_, Record::Typed { bytes, .. }, _) => bytes.len(),
            Note::Heard(..) | Note::Record(..) | Note::Flush(_) => 0,
        }
    }
}

/// The thread.
fn write_all(mut files: Files, queue: &Receiver<Note>) {
    loop {
        let note = match files.due_in() {
            None => queue
                .recv()
                .map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(pause) => queue.recv_timeout(pause),
        };
        match note {
            Ok(note) => {
                if !files.take(note) {
                    std::thread::park_timeout(COMPANY);
                }
                for note in queue.try_iter().take(AT_ONCE) {
                    files.take(note);
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return files.finish(),
        }
        files.write();
    }
}

/// Lets `tracing` write its lines to `logs/clusterd.log`.
#[derive(Clone, Debug)]
pub struct Tracing(pub Arc<Scribe>);

/// One event of `tracing`, gathered until it is whole.
#[derive(Debug)]
pub struct TracingLine<'a> {
    scribe: &'a Scribe,
    line: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Tracing {
    type Writer = TracingLine<'a>;

    fn make_writer(&'a self) -> TracingLine<'a> {
        TracingLine {
            scribe: &self.0,
            line: Vec::new(),
        }
    }
}

impl Write for TracingLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TracingLine<'_> {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        if !text.trim_end().is_empty() {
            self.scribe.line(Book::Daemon, text.trim_end());
        }
    }
}
