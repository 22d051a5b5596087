//! What the supervisor tells a cluster's task, and what it answers.

use std::time::Duration;

use tokio::sync::oneshot;

use super::handover::Yield;
use super::orders::{OrderSaid, OrderWanted};
use crate::control::{BootReport, ConsoleReport, Grip, Visit};
use crate::machine::Machine;
use crate::machine::handover::Unready;
use crate::machine::input::{HostFact, Upkeep};
use crate::machine::snapshot::Snapshot;
use crate::script::program::OperatorWord;

/// A message to a cluster's task.
#[derive(Debug)]
pub enum Message {
    /// How are things?
    Status(oneshot::Sender<ClusterNow>),
    /// The same, with all that is shown of one cluster alone.
    Whole(oneshot::Sender<ClusterNow>),
    /// A person says something.
    Say {
        /// Who, as the kernel knows them.
        who: String,
        /// What.
        word: OperatorWord,
        /// About which node, by name.
        node: Option<String>,
        /// What came of it.
        answer: oneshot::Sender<Said>,
    },
    /// A person orders something, or asks what that would do.
    Order(OrderWanted),
    /// A person takes the cluster, or a node of it, into maintenance, or out of it.
    Upkeep {
        /// Who, as the kernel knows them.
        who: String,
        /// What.
        word: Upkeep,
        /// About which node, by name; nothing for the whole cluster.
        node: Option<String>,
        /// What came of it, when it is on the disk.
        answer: oneshot::Sender<Said>,
    },
    /// A person asks what taking a node out of service would do, for so long, or bringing it back.
    WeighOut {
        /// The node, by name.
        node: String,
        /// For how long; nothing for bringing it back.
        lasts: Option<Duration>,
        /// What it would do.
        answer: oneshot::Sender<OrderSaid>,
    },
    /// A person wants to be at a console.
    Attach {
        /// The node, by name.
        node: String,
        /// Who, and how.
        arrival: Arrival,
        /// The visit.
        answer: oneshot::Sender<Result<Visit, NoVisit>>,
    },
    /// A copy of the machine, to be played with.
    Copy(oneshot::Sender<Box<Machine>>),
    /// Something about the monitoring host.
    Host(HostFact),
    /// The task is to end as soon as its machine is at rest.
    Yield(Yield),
    /// It is not, after all.
    Stay,
    /// The task is to end now: clusterd does.
    Stop,
    /// Panic, to see what the supervisor makes of it.
    #[cfg(test)]
    Crash,
}

/// A cluster, now.
#[derive(Clone, Debug)]
pub struct ClusterNow {
    /// The machine's state.
    pub snapshot: Snapshot,
    /// The links of its consoles.
    pub consoles: Vec<ConsoleReport>,
    /// Boots that are under way; of [`Message::Whole`] alone.
    pub boots: Vec<BootReport>,
    /// Why it would not give way to a new configuration now.
    pub unready: Option<Unready>,
}

/// Somebody comes to a console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Who, as the kernel knows them.
    pub who: String,
    /// How.
    pub grip: Grip,
    /// Whether they want to see the last screenful first.
    pub screen: bool,
}

/// Why nobody was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoVisit {
    /// There is no such node; these there are.
    NoSuchNode(Vec<String>),
    /// Too many are there.
    Full,
}

/// What came of an operator's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The machine was told, and this is what happened at once: lines of the activity log.
    Heard(Vec<String>),
    /// The machine does not do that now, and why.
    Refused(String),
    /// There is no such node; these there are.
    NoSuchNode(Vec<String>),
}
