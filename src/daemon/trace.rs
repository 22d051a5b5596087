//! A trace in the journal of when this clusterd watched: what `availability` calls unknown is the rest.
//!
//! ```text
//!  start ─► entry "began" (until when the one before watched) ─► a beat every 20 s ─► a last beat
//!                                   a standstill: entry "stood still, since when"
//! ```
//!
//! A beat replaces the one before it, in the table of states: it fills nothing. After SIGKILL or a loss
//! of power the next start finds the last one, so that at most the time of a beat is called unknown
//! though it was watched.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::clock::Span;
use crate::machine::availability::{Beat, Watch};
use crate::store::{
    Batch, Entry, EntryKind, Journal, State, StoreError, WATCH_STATE, from_millis, utc_text,
};

/// Between two beats.
const EVERY: Duration = Duration::from_secs(20);

/// What happened so shortly before a beat may not be written yet: a beat does not vouch for it.
const UNWRITTEN: Duration = Duration::from_secs(2);

/// Looks come each second. So much between two of them, and clusterd stood still.
const STILL: Duration = Duration::from_secs(30);

/// Standstills that wait for a journal that cannot be written.
const OWED: usize = 100;

/// How long the last beat may take.
const LAST: Duration = Duration::from_secs(5);

type Write = JoinHandle<Result<(), StoreError>>;

/// The trace of the clusterd that runs.
#[derive(Debug)]
pub(super) struct Trace {
    journal: Arc<Journal>,
    /// The last look.
    looked: SystemTime,
    /// The next beat.
    due: Instant,
    /// Entries that are not written yet, with their times.
    owed: Vec<(SystemTime, Entry)>,
    /// The write under way, and how many of `owed` it holds.
    write: Option<(usize, Write)>,
}

impl Trace {
    /// The watch begins.
    pub(super) async fn begin(journal: &Arc<Journal>) -> Trace {
        let now = SystemTime::now();
        let before = before(journal).await;
        let text = match before {
            Some(beat) => {
                let until = from_millis(beat.until_ms);
                let away = now.duration_since(until).unwrap_or_default();
                let until = utc_text(until);
                format!(
                    "the watch begins; the last sign of the one before it is of {until}, {} ago",
                    Span(whole(away))
                )
            }
            None => "the watch begins".to_owned(),
        };
        let began = Watch::Began {
            until_ms: before.map(|beat| beat.until_ms),
        };
        let mut trace = Trace {
            journal: Arc::clone(journal),
            looked: now,
            due: Instant::now() + EVERY,
            owed: vec![(now, entry(&began, text))],
            write: None,
        };
        trace.beat(now);
        trace.written().await;
        trace
    }

    /// A turn of the supervisor. It waits for nothing.
    pub(super) async fn look(&mut self) {
        let now = SystemTime::now();
        let since = std::mem::replace(&mut self.looked, now);
        // Set back, it has not stood still.
        let away = now.duration_since(since).unwrap_or_default();
        if away >= STILL && self.owed.len() < OWED {
            let still = Watch::StoodStill {
                since_ms: millis(since),
            };
            let text = format!(
                "clusterd stood still, or its clock was put forward, for {}",
                Span(whole(away))
            );
            self.owed.push((now, entry(&still, text)));
            self.due = Instant::now();
        }
        if self
            .write
            .as_ref()
            .is_some_and(|(_, write)| write.is_finished())
        {
            self.written().await;
        }
        if self.write.is_none() && Instant::now() >= self.due {
            self.beat(now.checked_sub(UNWRITTEN).unwrap_or(now));
        }
    }

    /// The watch ends: all that happened is written.
    pub(super) async fn end(mut self) {
        let last = async {
            self.written().await;
            self.beat(SystemTime::now());
            self.written().await;
        };
        if timeout(LAST, last).await.is_err() {
            tracing::warn!("the journal took too long; the end of the watch is not in it");
        }
    }

    /// Begins to write a beat, and what is owed.
    fn beat(&mut self, until: SystemTime) {
        self.due = Instant::now() + EVERY;
        let beat = Beat {
            until_ms: millis(until),
        };
        let (times, entries) = self.owed.iter().cloned().unzip();
        let batch = Batch {
            entries,
            times,
            state: Some((WATCH_STATE.to_owned(), State::of(&beat))),
            ..Batch::default()
        };
        let journal = Arc::clone(&self.journal);
        let write = tokio::spawn(async move { journal.write(batch).await });
        self.write = Some((self.owed.len(), write));
    }

    /// Waits for the write under way. What failed is owed still; the journal's own writer says why.
    async fn written(&mut self) {
        let Some((count, write)) = &mut self.write else {
            return;
        };
        let (count, outcome) = (*count, write.await);
        self.write = None;
        if matches!(outcome, Ok(Ok(()))) {
            self.owed.drain(..count);
        }
    }
}

/// Until when the clusterd before this one watched. What cannot be read is not known.
async fn before(journal: &Arc<Journal>) -> Option<Beat> {
    let journal = Arc::clone(journal);
    let loaded = tokio::task::spawn_blocking(move || journal.load_state(WATCH_STATE)).await;
    serde_json::from_value(loaded.ok()?.ok()??).ok()
}

fn entry(watch: &Watch, text: String) -> Entry {
    Entry {
        cluster: String::new(),
        kind: EntryKind::Service,
        subject: String::new(),
        body: serde_json::to_value(watch).unwrap_or_default(),
        text,
    }
}

/// Without what is less than a second.
fn whole(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}

fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watches(journal: &Journal) -> Vec<Watch> {
        let rows = journal.history("", 99).unwrap();
        let bodies = rows.into_iter().map(|row| row.entry.body);
        bodies
            .map(|body| serde_json::from_value(body).unwrap())
            .collect()
    }

    fn until(journal: &Journal) -> u64 {
        let state = journal.load_state(WATCH_STATE).unwrap().unwrap();
        serde_json::from_value::<Beat>(state).unwrap().until_ms
    }

    #[tokio::test]
    async fn the_next_watch_knows_until_when_the_last_one_was() {
        let home = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        let trace = Trace::begin(&journal).await;
        assert_eq!(watches(&journal), [Watch::Began { until_ms: None }]);
        trace.end().await;
        let last = until(&journal);
        assert!(last <= millis(SystemTime::now()));
        // This one is killed: its beat at the beginning is what is left of it.
        let killed = Trace::begin(&journal).await;
        drop(killed);
        let began = until(&journal);
        assert!(began >= last);
        let _next = Trace::begin(&journal).await;
        let began = [None, Some(last), Some(began)].map(|until_ms| Watch::Began { until_ms });
        assert_eq!(watches(&journal), began);
    }

    #[tokio::test]
    async fn a_standstill_is_told_once() {
        let home = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        let mut trace = Trace::begin(&journal).await;
        trace.look().await;
        let since = SystemTime::now() - Duration::from_secs(3600);
        trace.looked = since;
        trace.look().await;
        trace.look().await;
        trace.written().await;
        let since_ms = millis(since);
        assert_eq!(watches(&journal)[1..], [Watch::StoodStill { since_ms }]);
        trace.end().await;
        assert_eq!(watches(&journal).len(), 2);
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_owed() {
        let home = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        let (file, away) = (home.path().join("journal.sqlite"), home.path().join("away"));
        std::fs::rename(&file, &away).unwrap();
        let trace = Trace::begin(&journal).await;
        assert_eq!(trace.owed.len(), 1);
        std::fs::rename(&away, &file).unwrap();
        trace.end().await;
        assert_eq!(watches(&journal), [Watch::Began { until_ms: None }]);
    }
}
