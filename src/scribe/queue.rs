//! The way to the scribe: a queue that never makes anybody wait.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use tracing_subscriber::fmt::MakeWriter;

use super::files::Files;
use super::rest;
use crate::clock::Span;
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

/// So many notes are taken before they are written: a start has some for each of a thousand files, and
/// what waits for a file takes room, too.
const AT_ONCE: usize = 512;

/// A note that waits longer waits for a disk that does not answer; no stop waits longer for it either.
pub(super) const HUNG: Duration = Duration::from_secs(10);

/// For so many notes the room is kept when they are written; a burst's is given back.
const KEPT_EMPTY: usize = 128;

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Book {
    /// `logs/clusterd.log`.
    Daemon,
    /// `logs/alarms.log`.
    Alarms,
    /// `logs/audit.log`: what persons ordered. Its lines have room when no others have.
    Audit,
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
    waiting: Mutex<Waiting>,
    /// There is something for the thread to do.
    come: Condvar,
    pub trouble: Mutex<Option<String>>,
    /// Since when the thread writes what it took, if it does.
    writes: Mutex<Option<Instant>>,
}

/// What waits for the thread.
#[derive(Debug, Default)]
struct Waiting {
    notes: VecDeque<Note>,
    /// Bytes in them.
    bytes: usize,
    /// Since when the oldest of them waits, or longer.
    since: Option<Instant>,
    /// Notes that found no room since the thread looked last.
    dropped: u64,
    /// The thread has nothing to do and waits for a note.
    idle: bool,
    /// Somebody waits until all is written, or much waits: no time is given for company.
    urgent: bool,
    /// Nothing more will come.
    closed: bool,
}

impl Shared {
    /// Nothing panics while it holds this lock.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A note that does not fit is dropped and counted. Whoever waits until all is written has room. It
    /// says whether the thread waits and is to be woken.
    fn put(&self, note: Note) -> bool {
        let flush = matches!(note, Note::Flush(_));
        let audit = matches!(note, Note::Line(Book::Audit, _));
        let mut waiting = self.waiting();
        let full = waiting.bytes > BYTES || waiting.notes.len() >= NOTES;
        // A console that floods the queue hides no order of a person's; the socket bounds those.
        let fuller = waiting.notes.len() >= 2 * NOTES;
        if full && !flush && (fuller || !audit) {
            waiting.dropped += 1;
            return false;
        }
        waiting.bytes += note.weight();
        waiting.urgent |= waiting.bytes > MUCH || flush || audit;
        waiting.since = waiting.since.or_else(|| Some(Instant::now()));
        waiting.notes.push_back(note);
        if waiting.urgent {
            waiting.idle = false;
            drop(waiting);
            self.come.notify_one();
            return false;
        }
        waiting.idle
    }

    /// The thread has something to do.
    pub(super) fn wake(&self) {
        self.waiting().idle = false;
        self.come.notify_one();
    }

    /// How long the oldest note waits, at `now`, until it is written.
    fn waits(&self, now: Instant) -> Duration {
        let writes = *self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let since = writes.or(self.waiting().since);
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// The thread begins to write what it took, or has done so.
    fn set_writes(&self, since: Option<Instant>) {
        *self.writes.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.urgent = true;
        drop(waiting);
        self.come.notify_one();
    }

    /// Waits for notes, at most for `pause`, then a moment for company; moves some to `taken`.
    fn take(&self, pause: Option<Duration>, taken: &mut Vec<Note>) -> Taken {
        let mut waiting = self.waiting();
        let end = pause.map(|pause| Instant::now() + pause);
        while waiting.notes.is_empty() && !waiting.closed {
            waiting.idle = true;
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            waiting = self.wait(waiting, left);
        }
        waiting.idle = false;
        let end = Instant::now() + COMPANY;
        while !waiting.notes.is_empty() && !waiting.urgent {
            let left = end.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                break;
            }
            waiting = self.wait(waiting, Some(left));
        }
        let count = waiting.notes.len().min(AT_ONCE);
        taken.extend(waiting.notes.drain(..count));
        waiting.bytes -= taken.iter().map(Note::weight).sum::<usize>();
        waiting.urgent = waiting.closed || !waiting.notes.is_empty();
        self.set_writes(Some(Instant::now()));
        if waiting.notes.is_empty() {
            waiting.since = None;
            waiting.notes.shrink_to(KEPT_EMPTY);
        }
        Taken {
            dropped: std::mem::take(&mut waiting.dropped),
            last: waiting.closed && waiting.notes.is_empty(),
        }
    }

    fn wait<'a>(
        &self,
        waiting: MutexGuard<'a, Waiting>,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Waiting> {
        match left {
            None => self
                .come
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner),
            Some(left) => {
                let waited = self.come.wait_timeout(waiting, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

/// What came with a look into the queue.
struct Taken {
    /// Notes that found no room.
    dropped: u64,
    /// Nothing more will come.
    last: bool,
}

/// The writer of all logs. Share it in an `Arc`; when the last owner drops it, what is queued
/// is written first.
#[derive(Debug)]
pub struct Scribe {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Closed when the thread has ended.
    ended: Mutex<Receiver<()>>,
    /// The disk did not answer when all was to be written: nobody waits for it once more.
    hung: AtomicBool,
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
        let files = Files::new(logs, settings, Arc::clone(&shared));
        let queue = Arc::clone(&shared);
        let (lives, ended) = mpsc::sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("scribe".to_owned())
            .spawn(move || {
                write_all(files, &queue);
                drop(lives);
            })?;
        Ok(Scribe {
            shared,
            thread: Some(thread),
            ended: Mutex::new(ended),
            hung: AtomicBool::new(false),
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
        self.trouble_at(Instant::now())
    }

    pub(super) fn trouble_at(&self, now: Instant) -> Option<String> {
        let trouble = self.shared.trouble.lock();
        let trouble = trouble.unwrap_or_else(PoisonError::into_inner).clone();
        trouble.or_else(|| {
            let waits = self.shared.waits(now);
            let whole = Span(Duration::from_secs(waits.as_secs()));
            (waits >= HUNG).then(|| format!("the disk does not answer, for {whole} now"))
        })
    }

    /// Waits until all that was queued before is written, but no longer than a disk may take that answers;
    /// says whether it is. Blocks.
    pub fn flush(&self) -> bool {
        self.flush_within(HUNG)
    }

    pub(super) fn flush_within(&self, limit: Duration) -> bool {
        let (done, written) = mpsc::sync_channel(1);
        self.put(Note::Flush(done));
        // Otherwise the thread has ended: nothing is left to wait for.
        let hung = written.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
        self.hung.store(hung, Ordering::Relaxed);
        !hung
    }

    fn put(&self, note: Note) {
        if self.shared.put(note) {
            rest::wake(&self.shared);
        }
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.shared.close();
        let limit = match self.hung.get_mut() {
            true => Duration::ZERO,
            false => HUNG,
        };
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            eprintln!(
                "clusterd: the disk does not answer: the last lines of the logs are not written"
            );
            return;
        }
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
fn write_all(mut files: Files, queue: &Shared) {
    let mut notes = Vec::new();
    loop {
        let taken = queue.take(files.due_in(), &mut notes);
        for note in notes.drain(..) {
            files.take(note);
        }
        notes.shrink_to(KEPT_EMPTY);
        files.confess(taken.dropped);
        if taken.last {
            return files.finish();
        }
        files.write();
        queue.set_writes(None);
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
