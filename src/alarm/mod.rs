//! Alarms: one registry a monitoring host. An alarm is known by its cluster, package and
//! code; raising it again only counts. Every raise and clear is a line of `logs/alarms.log`;
//! what is open outlives a restart in the journal, and so do the messages on their way out.
//!
//! ```text
//!  clusters, host ─► Alarms (registry) ─► Post ─┬─► Courier of route a ─► mail server
//!       ack ──────────┘    ▲                │   └─► Courier of route b ─► webhook, syslog, …
//!                          │                └────► journal: what is open, the outbox
//!                          └── route_failed ◄── what came of each message
//! ```

mod courier;
mod heartbeat;
mod message;
mod post;
mod registry;
mod tell;
mod transport;

pub use message::{Kind, Letter, Message};
pub use post::{Outgoing, Posting, RouteReport, Saved, TestOutcome, load, post};
pub use registry::{Alarms, NotOpen, Raised, Subject};

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::script::program::Severity;

/// How the monitoring host itself is named where a cluster's name may stand.
pub const HOST: &str = "@host";

/// An alarm. Times are milliseconds since 1970 by the monitoring host's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The cluster; empty for the monitoring host itself.
    pub cluster: String,
    /// The package; empty for the whole cluster. Of the host: the route, or empty.
    pub package: String,
    /// What kind of trouble, as the script names it: `primary_panic`.
    pub code: String,
    /// How urgent; the worst that was said since it was raised.
    pub severity: Severity,
    /// In words, as said last.
    pub text: String,
    /// When it was raised.
    pub first_ms: u64,
    /// When it was said last.
    pub last_ms: u64,
    /// How often it was said.
    pub count: u64,
    /// It was raised before this clusterd started, and nobody said it again since.
    pub from_before: bool,
    /// Who takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// When it ended; none: it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<u64>,
    /// What was told of it, by route.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, Told>,
}

impl Default for Alarm {
    fn default() -> Alarm {
        Alarm {
            cluster: String::new(),
            package: String::new(),
            code: String::new(),
            severity: Severity::Notice,
            text: String::new(),
            first_ms: 0,
            last_ms: 0,
            count: 0,
            from_before: false,
            acknowledged: None,
            closed_ms: None,
            told: BTreeMap::new(),
        }
    }
}

impl Alarm {
    /// What it is about, as commands take it: `pki-ca/ca`, `pki-ca`, `@host`.
    pub fn name(&self) -> String {
        let cluster = match self.cluster.as_str() {
            "" => HOST,
            cluster => cluster,
        };
        match self.package.as_str() {
            "" => cluster.to_owned(),
            package => format!("{cluster}/{package}"),
        }
    }
}

/// Somebody's word that they take care of an alarm. It ends when the alarm gets worse or ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who, as the daemon knows them.
    pub who: String,
    /// When.
    pub at_ms: u64,
    /// Why, or what they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl fmt::Display for Acknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = crate::scribe::stamp(message::at(self.at_ms));
        write!(f, "{} at {at}", self.who)?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// What one route was told of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The severity that was told.
    pub severity: Severity,
    /// Whether its acknowledgement was told.
    #[serde(default)]
    pub acknowledged: bool,
    /// Whether its end was told.
    #[serde(default)]
    pub closed: bool,
    /// When the last message was written.
    pub queued_ms: u64,
    /// The message that is still on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<u64>,
    /// When the last message was taken by the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_ms: Option<u64>,
    /// Why the last message was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}
