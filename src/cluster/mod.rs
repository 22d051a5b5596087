//! One cluster's task: it waits, feeds the machine, drains it, and performs what it wants.
//!
//! ```text
//!  consoles ─► ear ─┐                                   ┌─► consoles (bytes and BREAK)
//!  pings, probes ───┤                                   ├─► probes, commands, power legs
//!  journal: durable ┼─► one input ─► machine ─► actions ┼─► journal, activity log
//!  operators, host ─┤                                   ├─► alarms
//!  deadlines ───────┘                                   └─► nonces
//! ```
//!
//! Nothing of one cluster waits for another: every task has its own queues, all bounded, and
//! logs, journal and name look-ups are done elsewhere.

mod addresses;
mod asks;
mod blueprint;
mod boots;
mod clock;
mod difference;
mod errand;
mod handover;
mod hooks;
mod line;
mod mailbox;
mod message;
mod on_purpose;
mod orders;
mod perform;
mod recorder;
mod room;
mod screen;
mod serving;
mod setup;
mod tally;
mod targets;
mod task;
mod upkeep;
mod visitors;
mod visits;

pub use asks::{Asker, Asks, Told};
pub use blueprint::{Blueprint, Unfit};
pub use clock::HostClock;
pub use handover::{Handover, Purpose, Yield, left_behind, unready_text};
pub use mailbox::{Receiver, Sender, Undelivered, mailbox};
pub use message::{Arrival, ClusterNow, Message, NoVisit, Said};
pub use orders::{OrderSaid, OrderWanted};
pub use tally::{ByName, Counts, NodeCounts, PackageCounts, Tallies, Tally};
pub use task::{Beginning, Ended, Pulse, guard};

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::alarm::Alarms;
use crate::clock::Moment;
use crate::config::Settings;
use crate::exec::Switches;
use crate::machine::Event;
use crate::scribe::Scribe;
use crate::store::Journal;

/// What all clusters of a monitoring host share.
#[derive(Debug)]
pub struct Host {
    /// The one clock.
    pub clock: HostClock,
    /// The host's own settings.
    pub settings: Settings,
    /// The journal.
    pub journal: Arc<Journal>,
    /// The alarms.
    pub alarms: Arc<Alarms>,
    /// The writer of all logs.
    pub scribe: Arc<Scribe>,
    /// The pinger.
    pub asks: Asks,
    /// The switches of all power legs, and who goes first there.
    pub switches: Arc<Switches>,
    /// All that happens in all clusters, for whoever listens; who is slow misses some.
    pub happened: broadcast::Sender<Happened>,
    /// What is counted of each cluster, for the metrics.
    pub tallies: Tallies,
}

/// Something that happened in a cluster.
#[derive(Clone, Debug)]
pub struct Happened {
    /// When, by the host's clock.
    pub at: Moment,
    /// The cluster.
    pub cluster: Arc<str>,
    /// What.
    pub event: Event,
}
