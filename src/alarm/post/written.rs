//! The journal of the alarms: every change, what is open, what was told of it, and the outbox.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::QUEUE;
use crate::alarm::Alarm;
use crate::alarm::message::{Letter, Message, at};
use crate::alarm::registry::{Alarms, Change};
use crate::store::{Batch, Entry, EntryKind, Journal, Posted, StoreError};

/// The name under which the journal keeps the host's own state: no cluster is called so.
const HOST: &str = "";

/// A journal that failed is tried again after so long.
const TRIED_AGAIN: Duration = Duration::from_secs(5);

/// Changes that wait for a journal that fails; of a long failure's lines the last will do.
const WAITING: usize = 1000;

/// Messages of the outbox that are read at the start, and that wait for a journal that fails.
const OUTBOX: usize = 8 * QUEUE;

/// The alarms as the journal keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Those that are open.
    pub open: Vec<Alarm>,
    /// Those that ended lately, the newest last.
    #[serde(default)]
    pub closed: Vec<Alarm>,
}

/// What was open when clusterd was last here.
///
/// # Errors
/// The journal cannot be read.
pub fn load(journal: &Journal) -> Result<Saved, StoreError> {
    let Some(json) = journal.load_state(HOST)? else {
        return Ok(Saved::default());
    };
    // Up to schema 2 the open ones stood alone. Alarms that cannot be read are raised again by what
    // is wrong.
    let saved = match json.is_array() {
        true => serde_json::from_value(json).map(|open| Saved {
            open,
            ..Saved::default()
        }),
        false => serde_json::from_value(json),
    };
    Ok(saved.unwrap_or_default())
}

/// The messages that wait in the outbox, oldest first.
pub(super) async fn outbox(journal: &Arc<Journal>) -> Vec<Letter> {
    let journal = Arc::clone(journal);
    let most = u32::try_from(OUTBOX).unwrap_or(u32::MAX);
    let loaded = tokio::task::spawn_blocking(move || journal.load_outbox(most)).await;
    let posted = match loaded {
        Ok(Ok(posted)) => posted,
        Ok(Err(err)) => {
            tracing::error!("the outbox of the journal cannot be read: {err}");
            Vec::new()
        }
        Err(err) => {
            tracing::error!("the outbox of the journal cannot be read: {err}");
            Vec::new()
        }
    };
    let letters = posted.into_iter().filter_map(|posted| {
        let message: Message = serde_json::from_value(posted.body).ok()?;
        Some(Letter {
            id: posted.id,
            route: posted.route,
            message,
        })
    });
    letters.collect()
}

type Writing = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// What the journal does not hold yet, and the one write that is under way.
pub(super) struct Ledger {
    journal: Arc<Journal>,
    waiting: Vec<Change>,
    posted: Vec<Letter>,
    sent: Vec<u64>,
    /// What a route was told stands in no write yet.
    told: bool,
    writing: Option<Written>,
    not_before: Instant,
}

/// A write that is under way, and what it holds, for it may fail.
struct Written {
    future: Writing,
    began: Instant,
    waiting: Vec<Change>,
    posted: Vec<Letter>,
    sent: Vec<u64>,
}

impl Ledger {
    pub fn new(journal: Arc<Journal>) -> Ledger {
        Ledger {
            journal,
            waiting: Vec::new(),
            posted: Vec::new(),
            sent: Vec::new(),
            told: false,
            writing: None,
            not_before: Instant::now(),
        }
    }

    /// Takes in what happened to the alarms.
    pub fn noticed(&mut self, alarms: &Alarms) {
        self.waiting.extend(alarms.take_changes());
    }

    /// A message was written.
    pub fn posted(&mut self, letter: Letter) {
        self.posted.push(letter);
    }

    /// A message was taken by the other side, or given up.
    pub fn sent(&mut self, id: u64) {
        match self.posted.iter().rposition(|letter| letter.id == id) {
            // The journal never has to hear of it, but of what was told by it.
            Some(at) => {
                self.posted.remove(at);
                self.told = true;
            }
            None => self.sent.push(id),
        }
    }

    fn anything(&self) -> bool {
        let nothing = self.waiting.is_empty() && self.posted.is_empty() && self.sent.is_empty();
        !nothing || self.told
    }

    /// Begins to write, if there is anything, and nothing is being written.
    pub fn begin(&mut self, alarms: &Alarms) {
        if self.writing.is_some() || !self.anything() || Instant::now() < self.not_before {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let posted = std::mem::take(&mut self.posted);
        let sent = std::mem::take(&mut self.sent);
        self.told = false;
        let batch = Batch {
            entries: waiting.iter().map(entry).collect(),
            state: Some((HOST.to_owned(), alarms.saved_state())),
            posted: posted.iter().map(row).collect(),
            sent: sent.clone(),
            times: Vec::new(),
        };
        let journal = Arc::clone(&self.journal);
        self.writing = Some(Written {
            future: Box::pin(async move { journal.write(batch).await }),
            began: Instant::now(),
            waiting,
            posted,
            sent,
        });
    }

    /// Waits until what is being written is written, or until it is time to write.
    pub async fn ready(&mut self) {
        let Some(writing) = &mut self.writing else {
            match self.anything() {
                true => sleep_until(self.not_before).await,
                false => std::future::pending().await,
            }
            return;
        };
        let result = writing.future.as_mut().await;
        let Some(written) = self.writing.take() else {
            return;
        };
        match result {
            // Four times as long as it took is left to others: a large state is written seldom.
            Ok(()) => self.not_before = Instant::now() + written.began.elapsed() * 4,
            Err(err) => {
                tracing::warn!("failed to journal the alarms: {err}");
                self.not_before = Instant::now() + TRIED_AGAIN;
                self.take_back(written);
            }
        }
    }

    fn take_back(&mut self, written: Written) {
        self.told = true;
        prepend(&mut self.waiting, written.waiting, WAITING);
        prepend(&mut self.sent, written.sent, OUTBOX);
        let sent = &self.sent;
        let unsent = written
            .posted
            .into_iter()
            .filter(|letter| !sent.contains(&letter.id));
        prepend(&mut self.posted, unsent.collect(), OUTBOX);
    }

    /// Writes what is left, once.
    pub async fn finish(&mut self, alarms: &Alarms) {
        if self.writing.is_some() {
            self.ready().await;
        }
        self.not_before = Instant::now();
        self.begin(alarms);
        if self.writing.is_some() {
            self.ready().await;
        }
    }
}

/// Puts older ones before the others; beyond `most` the oldest go.
fn prepend<T>(list: &mut Vec<T>, mut older: Vec<T>, most: usize) {
    older.append(list);
    let excess = older.len().saturating_sub(most);
    older.drain(..excess);
    *list = older;
}

fn entry(change: &Change) -> Entry {
    Entry {
        cluster: change.subject.cluster.clone(),
        kind: EntryKind::Alarm,
        subject: change.subject.package.clone(),
        body: serde_json::json!({ "code": change.code }),
        text: change.text.clone(),
    }
}

fn row(letter: &Letter) -> Posted {
    Posted {
        id: letter.id,
        at: at(letter.message.at_ms),
        route: letter.route.clone(),
        subject: letter.message.subject(),
        body: serde_json::to_value(&letter.message).unwrap_or_default(),
    }
}
