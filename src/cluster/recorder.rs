//! The way to the journal: entries that the machine waits for go at once, with all events
//! before them; events alone wait a little and go together. One write is under way at a time,
//! so the machine's memory in the journal never goes back.
//!
//! A write that failed is made again, whole, until it succeeds: what the machine waits for goes
//! on waiting, and events beyond a limit are dropped, oldest first.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use crate::machine::action::{Entry, EntryKind};
use crate::machine::event::Event;
use crate::machine::input::{Input, Ticket};
use crate::machine::memory::Memory;
use crate::store::{self, Batch, Journal, State, StoreError};

/// How long events may wait for company.
const EVENTS_WAIT: Duration = Duration::from_secs(1);

/// So many clusters write events alone at the same time: after a start all of them have some, and as
/// entries they are large.
const AT_ONCE: usize = 16;
static EVENTS_ALONE: Semaphore = Semaphore::const_new(AT_ONCE);

/// How many events may wait.
const EVENTS: usize = 2000;

/// The first and the longest wait before a failed write is made again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// A write that has not ended after so long: the disk hangs, and the journal counts as not writable.
/// Above the store's own wait for another program.
const HANGS: Duration = Duration::from_secs(10);

type Write = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// The recorder of one cluster.
pub(super) struct Recorder {
    journal: Arc<Journal>,
    cluster: Arc<str>,
    waiting: Vec<Item>,
    memory: Option<Box<Memory>>,
    oldest_event: Option<Instant>,
    /// The write under way.
    write: Option<UnderWay>,
    failure: Option<Failure>,
}

struct UnderWay {
    write: Write,
    /// How many of `waiting` it holds.
    count: usize,
    /// When it counts as hung; nothing once that was said.
    hangs: Option<Instant>,
}

impl UnderWay {
    /// How it ended, or nothing: it hangs. It is cancel safe.
    async fn outcome(&mut self) -> Option<Result<(), StoreError>> {
        let Some(hangs) = self.hangs else {
            return Some(self.write.as_mut().await);
        };
        match Box::pin(tokio::time::timeout_at(hangs, self.write.as_mut())).await {
            Ok(outcome) => Some(outcome),
            Err(_) => {
                self.hangs = None;
                None
            }
        }
    }
}

/// What waits. An event becomes an entry when it is written: entries are large, and after a start all
/// clusters have many.
struct Item {
    at: SystemTime,
    what: What,
}

enum What {
    Entry(Ticket, Box<Entry>),
    Event(Event),
}

impl Item {
    fn ticket(&self) -> Option<Ticket> {
        match &self.what {
            What::Entry(ticket, _) => Some(*ticket),
            What::Event(_) => None,
        }
    }

    fn entry(&self, cluster: &str) -> store::Entry {
        let cluster = cluster.to_owned();
        match &self.what {
            What::Entry(_, entry) => store::Entry {
                cluster,
                kind: kind(entry.kind),
                subject: entry.node.clone().unwrap_or_default(),
                body: serde_json::Value::Null,
                text: entry.text.clone(),
            },
            What::Event(event) => store::Entry {
                cluster,
                kind: match event {
                    Event::Evidence { .. } => store::EntryKind::Evidence,
                    Event::GuardRead { .. } | Event::GuardLost { .. } => store::EntryKind::Guard,
                    Event::Booted { .. } => store::EntryKind::Boot,
                    Event::Service { .. } | Event::Unwatched { .. } => store::EntryKind::Service,
                    _ => store::EntryKind::Event,
                },
                subject: String::new(),
                body: serde_json::to_value(event).unwrap_or_default(),
                text: event.to_string(),
            },
        }
    }
}

struct Failure {
    pause: Duration,
    again: Instant,
}

impl Recorder {
    pub(super) fn new(journal: Arc<Journal>, cluster: &Arc<str>) -> Recorder {
        Recorder {
            journal,
            cluster: Arc::clone(cluster),
            waiting: Vec::new(),
            memory: None,
            oldest_event: None,
            write: None,
            failure: None,
        }
    }

    /// An entry that the machine waits for, with what it must know after a restart.
    pub(super) fn entry(&mut self, ticket: Ticket, entry: Entry, memory: Memory) {
        self.memory = Some(Box::new(memory));
        self.push(What::Entry(ticket, Box::new(entry)));
    }

    /// Something that happened.
    pub(super) fn event(&mut self, event: Event) {
        let events = self.waiting.iter().filter(|item| item.ticket().is_none());
        if events.count() >= EVENTS {
            self.drop_oldest_event();
        }
        self.push(What::Event(event));
        self.oldest_event.get_or_insert_with(Instant::now);
    }

    /// It happened now, whenever it is written.
    fn push(&mut self, what: What) {
        let at = SystemTime::now();
        self.waiting.push(Item { at, what });
    }

    /// Waits for news of the journal, as inputs of the machine. It is cancel safe.
    pub(super) async fn next(&mut self) -> Vec<Input> {
        loop {
            if let Some(under_way) = &mut self.write {
                let Some(outcome) = under_way.outcome().await else {
                    let news = self.hung();
                    if news.is_empty() {
                        continue;
                    }
                    return news;
                };
                let written = self.write.take().map_or(0, |write| write.count);
                let news = self.ended(outcome, written);
                if !news.is_empty() {
                    return news;
                }
            }
            match self.begins() {
                None => std::future::pending().await,
                // In a box: it is seldom needed, and large.
                Some(at) if at > Instant::now() => Box::pin(sleep_until(at)).await,
                Some(_) if self.is_urgent() => self.begin(None),
                // Events alone have time. It is closed never.
                Some(_) => {
                    let turn = Box::pin(EVENTS_ALONE.acquire()).await;
                    self.begin(turn.ok());
                }
            }
        }
    }

    /// Writes what is left, within the time, at the end of the task.
    pub(super) async fn finish(&mut self, within: Duration) {
        let write = async {
            while !self.waiting.is_empty() {
                if self.write.is_none() {
                    self.begin(None);
                }
                if let Some(UnderWay { write, count, .. }) = self.write.take() {
                    let outcome = write.await;
                    if let Err(err) = &outcome {
                        tracing::warn!(
                            "{}: the last journal entries are lost: {err}",
                            self.cluster
                        );
                        return;
                    }
                    self.ended(outcome, count);
                }
            }
        };
        if tokio::time::timeout(within, write).await.is_err() {
            tracing::warn!("the journal took too long; its last entries may be lost");
        }
    }

    /// When the next write begins, if there is something to write.
    fn begins(&self) -> Option<Instant> {
        let due = if self.is_urgent() {
            Some(Instant::now())
        } else {
            self.oldest_event.map(|oldest| oldest + EVENTS_WAIT)
        };
        let not_before = self.failure.as_ref().map(|failure| failure.again);
        due.map(|due| not_before.map_or(due, |again| due.max(again)))
    }

    /// Whether the machine waits for something that waits here.
    pub(super) fn is_urgent(&self) -> bool {
        self.waiting.iter().any(|item| item.ticket().is_some())
    }

    fn begin(&mut self, turn: Option<SemaphorePermit<'static>>) {
        let made = |item: &Item| item.entry(&self.cluster);
        let entries: Vec<store::Entry> = self.waiting.iter().map(made).collect();
        let times = self.waiting.iter().map(|item| item.at).collect();
        let count = entries.len();
        let memory = self.memory.as_ref();
        let state = memory.map(|memory| (self.cluster.to_string(), State::of(memory)));
        let journal = Arc::clone(&self.journal);
        let write = async move {
            let _turn = turn;
            journal
                .write(Batch {
                    entries,
                    times,
                    state,
                    ..Batch::default()
                })
                .await
        };
        self.write = Some(UnderWay {
            write: Box::pin(write),
            count,
            hangs: Some(Instant::now() + HANGS),
        });
        self.oldest_event = None;
    }

    /// The write neither succeeds nor fails: it may yet, and until then nothing is durable.
    fn hung(&mut self) -> Vec<Input> {
        if self.failure.is_some() {
            return Vec::new();
        }
        let (pause, _) = AGAIN;
        let again = Instant::now();
        self.failure = Some(Failure { pause, again });
        let why = format!(
            "a write has not ended for {}: its disk hangs",
            crate::clock::Span(HANGS)
        );
        vec![Input::JournalFailed { why }]
    }

    fn ended(&mut self, outcome: Result<(), StoreError>, written: usize) -> Vec<Input> {
        let mut news = Vec::new();
        match outcome {
            Ok(()) => {
                if self.failure.take().is_some() {
                    news.push(Input::JournalWell);
                }
                for item in self.waiting.iter().take(written) {
                    if let What::Entry(_, entry) = &item.what {
                        super::on_purpose::kill(&self.cluster, &entry.text);
                    }
                }
                let durable = self.waiting.drain(..written);
                let tickets = durable.filter_map(|item| item.ticket());
                news.extend(tickets.map(|ticket| Input::Durable { ticket }));
                // A cluster at rest writes nothing for hours.
                self.waiting.shrink_to(0);
                if self.waiting.is_empty() {
                    // The journal has it, and keeps it.
                    self.memory = None;
                }
            }
            Err(err) => {
                let (first, longest) = AGAIN;
                let pause = self
                    .failure
                    .as_ref()
                    .map_or(first, |f| (f.pause * 2).min(longest));
                if self.failure.is_none() {
                    news.push(Input::JournalFailed {
                        why: err.to_string(),
                    });
                }
                let again = Instant::now() + pause;
                self.failure = Some(Failure { pause, again });
                self.oldest_event.get_or_insert(again);
            }
        }
        news
    }

    /// Of what is not being written now.
    fn drop_oldest_event(&mut self) {
        let busy = self.write.as_ref().map_or(0, |write| write.count);
        let oldest = self
            .waiting
            .iter()
            .enumerate()
            .skip(busy)
            .find(|(_, item)| item.ticket().is_none());
        if let Some((index, _)) = oldest {
            self.waiting.remove(index);
        }
    }
}

fn kind(kind: EntryKind) -> store::EntryKind {
    match kind {
        EntryKind::Role => store::EntryKind::Role,
        EntryKind::Intent => store::EntryKind::Intent,
        EntryKind::Result => store::EntryKind::Result,
        EntryKind::Evidence => store::EntryKind::Evidence,
        EntryKind::Guard => store::EntryKind::Guard,
        EntryKind::Word => store::EntryKind::Word,
        EntryKind::Siege => store::EntryKind::Siege,
        EntryKind::Hold => store::EntryKind::Hold,
        EntryKind::HostId => store::EntryKind::HostId,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        Entry {
            kind: EntryKind::Intent,
            node: Some("ca1".to_owned()),
            text: text.to_owned(),
        }
    }

    fn event() -> Event {
        Event::LinkUp {
            node: "ca1".to_owned(),
        }
    }

    #[tokio::test]
    async fn an_entry_goes_at_once_with_the_events_before_it() {
        let home = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        let mut recorder = Recorder::new(Arc::clone(&journal), &Arc::from("pki"));
        recorder.event(event());
        recorder.entry(4, entry("fence ca1"), Memory::default());
        recorder.entry(5, entry("boot ca2"), Memory::default());
        let durable = recorder.next().await;
        assert_eq!(durable, [4, 5].map(|ticket| Input::Durable { ticket }));
        assert_eq!(journal.commits(), 1);
        let texts: Vec<String> = journal
            .history("pki", 9)
            .unwrap()
            .into_iter()
            .map(|r| r.entry.text)
            .collect();
        assert_eq!(texts, ["ca1: console connected", "fence ca1", "boot ca2"]);
        let memory = serde_json::to_value(Memory::default()).unwrap();
        assert_eq!(journal.load_state("pki").unwrap(), Some(memory));
    }

    #[tokio::test]
    async fn events_alone_are_written_before_the_end() {
        let home = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        let mut recorder = Recorder::new(Arc::clone(&journal), &Arc::from("pki"));
        recorder.event(event());
        recorder.event(event());
        recorder.finish(Duration::from_secs(10)).await;
        assert_eq!(journal.history("pki", 9).unwrap().len(), 2);
        assert_eq!(journal.load_state("pki").unwrap(), None);
    }

    #[tokio::test]
    async fn what_failed_is_written_when_the_journal_is_well() {
        let home = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        let path = home.path().join(store::FILE_NAME);
        let away = home.path().join("away");
        let mut recorder = Recorder::new(journal, &Arc::from("pki"));
        std::fs::rename(&path, &away).unwrap();
        recorder.entry(1, entry("fence ca1"), Memory::default());
        assert!(matches!(
            &recorder.next().await[..],
            [Input::JournalFailed { .. }]
        ));
        std::fs::rename(&away, &path).unwrap();
        let news = recorder.next().await;
        assert_eq!(news, [Input::JournalWell, Input::Durable { ticket: 1 }]);
    }

    #[tokio::test]
    async fn events_that_wait_are_bounded() {
        let home = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        let mut recorder = Recorder::new(journal, &Arc::from("pki"));
        recorder.entry(1, entry("fence ca1"), Memory::default());
        for _ in 0..EVENTS + 5 {
            recorder.event(event());
        }
        assert_eq!(recorder.waiting.len(), EVENTS + 1);
        assert_eq!(recorder.waiting[0].ticket(), Some(1));
    }
}
