//! The journal: what clusterd must still know after it was killed, and what an operator
//! wants to read the morning after.
//!
//! One SQLite file, `journal.sqlite`, in the home directory; WAL, `synchronous=FULL`, one
//! writer thread. The store knows nothing of what it keeps: entries have a kind, a
//! subject, a JSON body and one line for people. `docs/journal.md` says how to read it.
//!
//! ```text
//!  append ──┐                         ┌── one transaction ──┐
//!  append ──┼─► bounded queue ─► writer: all that is queued │─► fsync ─► every append resolves
//!  append ──┘                         └─────────────────────┘
//! ```
//!
//! An append that failed was not written; the next one is tried afresh, on a new
//! connection if the failure may have hurt the old one. So a journal that is well again
//! is noticed by nothing more than an append that succeeds.

mod entry;
mod error;
mod lock;
mod outbox;
mod page;
mod place;
mod prune;
mod reader;
mod schema;
mod times;
mod utc;
mod writer;

#[cfg(test)]
mod tests;

pub use entry::{Entry, EntryKind};
pub use error::StoreError;
pub use outbox::{Batch, Posted, State};
pub use page::{PAGE, Page, Start, Wanted, from_millis};
pub use place::Place;
pub use prune::Retention;
pub use reader::{Reader, Recorded};
pub use times::WriteTimes;
pub use utc::utc_text;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot, watch};

use times::Stopwatch;
use writer::{Request, Writer};

/// The journal's file name in the home directory.
pub const FILE_NAME: &str = "journal.sqlite";

/// The name under which [`Journal::load_state`] has until when somebody watched; no cluster has it.
pub const WATCH_STATE: &str = "@watch";

/// How many appends may wait for the writer; more of them wait at the door.
const QUEUE: usize = 1024;

/// The open journal of one home directory. Share it in an `Arc`; when the last owner
/// drops it, what is queued is written and the home is unlocked.
#[derive(Debug)]
pub struct Journal {
    home: PathBuf,
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<watch::Sender<u64>>,
    stopwatch: Arc<Stopwatch>,
    place: Arc<Place>,
}

impl Journal {
    /// Opens or makes the journal in `home` and locks the home directory against a
    /// second daemon.
    ///
    /// # Errors
    /// Another daemon has the home; the file is damaged, of a newer clusterd, or no
    /// journal at all; the file system is full or read-only. Nothing is repaired or moved
    /// aside here: each error says what a person can do.
    pub fn open(home: &Path) -> Result<Journal, StoreError> {
        Journal::open_with(home, Retention::default())
    }

    /// As [`Journal::open`], with limits of the caller's own.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_with(home: &Path, retention: Retention) -> Result<Journal, StoreError> {
        let commits = Arc::new(watch::Sender::new(0));
        let writer = Writer::open(home, retention, Arc::clone(&commits))?;
        let stopwatch = Arc::clone(writer.stopwatch());
        let place = Arc::clone(writer.place());
        let (requests, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|err| StoreError::Io {
                path: home.join(FILE_NAME),
                why: format!("cannot start the writer thread: {err}"),
            })?;
        Ok(Journal {
            home: home.to_owned(),
            requests: Some(requests),
            thread: Some(thread),
            commits,
            stopwatch,
            place,
        })
    }

    /// Writes `entries` in their order, in one transaction; durable when this returns.
    ///
    /// A caller that stops waiting does not take the entries back: they may or may not
    /// be written.
    ///
    /// # Errors
    /// Do not count on any of `entries`: none is written, but for a disk that failed in
    /// the last step, where they may turn up all the same. Later appends are tried again.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        self.append_with_state(entries, None).await
    }

    /// As [`Journal::append`], and replaces what [`Journal::load_state`] gives for one
    /// cluster in the same transaction.
    ///
    /// # Errors
    /// As [`Journal::append`]; the old state stands.
    pub async fn append_with_state(
        &self,
        entries: Vec<Entry>,
        state: Option<(String, serde_json::Value)>,
    ) -> Result<(), StoreError> {
        self.write(Batch {
            entries,
            state: state.map(|(cluster, body)| (cluster, State::of(&body))),
            ..Batch::default()
        })
        .await
    }

    /// Writes all of `batch` in one transaction; durable when this returns.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        let request = Request::new(SystemTime::now(), batch, done)?;
        let requests = self.requests.as_ref().ok_or(StoreError::Stopped)?;
        if requests.send(request).await.is_err() {
            return Err(StoreError::Stopped);
        }
        written.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// What was last kept for `cluster` by [`Journal::append_with_state`].
    ///
    /// Reads the file: not for a busy async task.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn load_state(&self, cluster: &str) -> Result<Option<serde_json::Value>, StoreError> {
        Reader::open(&self.home)?.load_state(cluster)
    }

    /// The messages that wait in the outbox, oldest first, at most `limit`.
    ///
    /// Reads the file: not for a busy async task.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn load_outbox(&self, limit: u32) -> Result<Vec<Posted>, StoreError> {
        Reader::open(&self.home)?.load_outbox(limit)
    }

    /// The newest `limit` entries of `cluster`, oldest of them first.
    ///
    /// Reads the file: not for a busy async task.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn history(&self, cluster: &str, limit: u32) -> Result<Vec<Recorded>, StoreError> {
        Reader::open(&self.home)?.history(cluster, limit)
    }

    /// Transactions committed since the journal was opened; below the number of appends
    /// where several shared one.
    pub fn commits(&self) -> u64 {
        *self.commits.borrow()
    }

    /// Tells of every transaction that was committed since, by their number.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// A page of the entries ([`Reader::page`]).
    ///
    /// Reads the file: not for a busy async task.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn page(&self, wanted: &Wanted) -> Result<Page, StoreError> {
        Reader::open(&self.home)?.page(wanted)
    }

    /// Its files, and whether they are still there: what others say is not of this journal.
    pub fn place(&self) -> Arc<Place> {
        Arc::clone(&self.place)
    }

    /// How long the transactions took since the journal was opened.
    pub fn write_times(&self) -> WriteTimes {
        self.stopwatch.times()
    }

    /// Appends that wait for the writer.
    pub fn queued(&self) -> usize {
        let requests = self.requests.as_ref();
        requests.map_or(0, |requests| requests.max_capacity() - requests.capacity())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer thread had panicked");
        }
    }
}
