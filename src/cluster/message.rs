//! What the supervisor tells a cluster's task, and what it answers.

use tokio::sync::oneshot;

use crate::control::ConsoleReport;
use crate::machine::input::HostFact;
use crate::machine::snapshot::Snapshot;
use crate::script::program::OperatorWord;

/// A message to a cluster's task.
#[derive(Debug)]
pub enum Message {
    /// How are things?
    Status(oneshot::Sender<ClusterNow>),
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
    /// Something about the monitoring host.
    Host(HostFact),
}

/// A cluster, now.
#[derive(Clone, Debug)]
pub struct ClusterNow {
    /// The machine's state.
    pub snapshot: Snapshot,
    /// The links of its consoles.
    pub consoles: Vec<ConsoleReport>,
}

/// What came of an operator's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The machine was told, and this is what happened at once: lines of the activity log.
    Heard(Vec<String>),
    /// There is no such node; these there are.
    NoSuchNode(Vec<String>),
}
