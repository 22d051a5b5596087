//! What one transaction of the journal holds, and the messages in the outbox: written before or while they
//! are sent, taken out when they have been.

use std::time::SystemTime;

use serde::Serialize;

use super::Entry;

/// A message on its way out.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    /// Its number, of the caller's choosing; one that is there already is replaced.
    pub id: u64,
    /// When it was posted, by the monitoring host's clock.
    pub at: SystemTime,
    /// The road it takes.
    pub route: String,
    /// One line for people.
    pub subject: String,
    /// The message.
    pub body: serde_json::Value,
}

/// What is kept of a cluster or of the host, as JSON text. No tree is made of it: the open alarms of a
/// thousand clusters would be a thousand objects of a KiB for a moment, and leave as many holes.
#[derive(Clone, Debug, PartialEq)]
pub struct State(pub(super) String);

impl State {
    /// What cannot be written as JSON is `null`.
    pub fn of(what: &impl Serialize) -> State {
        State(serde_json::to_string(what).unwrap_or_else(|_| "null".to_owned()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// What is written together, or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Entries, in their order.
    pub entries: Vec<Entry>,
    /// When each of them happened, by the monitoring host's clock; those beyond its end happen now.
    pub times: Vec<SystemTime>,
    /// A name, and what [`super::Journal::load_state`] gives for it from now on.
    pub state: Option<(String, State)>,
    /// Messages that go into the outbox.
    pub posted: Vec<Posted>,
    /// Messages that leave it, by number.
    pub sent: Vec<u64>,
}
