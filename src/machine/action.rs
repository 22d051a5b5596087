//! What a machine wants done. The driver performs actions in their order.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::machine::event::Event;
use crate::machine::input::Ticket;
use crate::machine::memory::Memory;
use crate::machine::setup::{NodeId, PackageId};
use crate::mutant::Guard;
use crate::script::program::Severity;

/// Something to be done at the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Type bytes on a console, on the link of that epoch only.
    Type {
        node: NodeId,
        epoch: u64,
        bytes: Vec<u8>,
    },
    /// Send BREAK, in one queue with bytes, on the link of that epoch only.
    Break { node: NodeId, epoch: u64 },
    /// Pass a person's bytes on, as [`Action::Type`] does. They are never written down: there
    /// may be a password among them.
    Pass {
        node: NodeId,
        epoch: u64,
        bytes: Vec<u8>,
    },
    /// What became of a person's wish to type.
    Pen { node: NodeId, word: PenWord },
    /// The last BREAK was seen to work: those that follow had better be of its kind.
    BreakWorked { node: NodeId },
    /// Write to the journal, durably, and answer [`crate::machine::Input::Durable`].
    /// `memory` is what the machine must know after a restart, as it is now.
    Journal {
        ticket: Ticket,
        entry: Entry,
        memory: Box<Memory>,
    },
    /// Something happened: for the activity log, and in time for the journal.
    Event(Event),
    /// Raise an alarm (or count it again).
    Alarm {
        package: PackageId,
        severity: Severity,
        code: String,
        text: String,
    },
    /// End an alarm.
    ClearAlarm { package: PackageId, code: String },
    /// Ask an address once.
    Probe {
        ticket: Ticket,
        probe: ProbeTarget,
        within: Duration,
    },
    /// Run a local command, without a shell.
    Run {
        ticket: Ticket,
        argv: Vec<String>,
        within: Duration,
    },
    /// Run a hook that may hold up a boot, with its retries, and answer
    /// [`crate::machine::Input::HookDone`]. An earlier one of this package that still runs is not
    /// waited for any more.
    Hook {
        ticket: Ticket,
        /// Its number ([`crate::machine::setup::GateHook::hook`]).
        hook: usize,
        /// The node that is to be booted.
        node: NodeId,
        /// What led to the boot.
        cause: String,
    },
    /// Order or ask every power leg of a node.
    Power {
        ticket: Ticket,
        node: NodeId,
        order: PowerOrder,
        within: Duration,
    },
    /// What came of an order ([`crate::machine::input::UpkeepOrder`]): done and durable, or refused, in
    /// words.
    Answer {
        id: u64,
        outcome: Result<String, String>,
    },
    /// The machine wants random numbers ([`crate::machine::Input::Nonces`]).
    WantNonces,
}

/// Bytes, BREAKs and orders to power legs that are later than this are not sent: whoever decided them
/// stood still meanwhile, and a proof or a live prompt of then says nothing of now.
pub const LATE: Duration = Duration::from_secs(5);

/// Why something was not sent.
pub const UNDONE: &str = "clusterd stood still before it was sent, so it was not sent";

impl Action {
    /// Whether a driver must leave this undone, `age` after it was decided. What was to be typed is not
    /// typed later either: the link ends, and the machine is told so.
    pub fn too_late(&self, age: Duration) -> bool {
        let acts = matches!(
            self,
            Action::Type { .. } | Action::Pass { .. } | Action::Break { .. } | Action::Power { .. }
        );
        acts && age >= LATE && Guard::ActsLate.stands()
    }
}

/// What is said to whoever types on a node, or wants to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PenWord {
    /// They may type; the script has left this console to them.
    Granted,
    /// Not yet: a question or a line of the machine's is open there, for some seconds at most.
    Waits,
    /// They may not.
    Refused { why: String },
    /// The pen is taken back, or was put down.
    Ended { why: String },
}

/// What to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeTarget {
    /// ICMP echo to this address.
    Ping(String),
    /// A TCP connection to this `host:port`.
    Tcp(String),
    /// The package's service address, asked as the cluster file says.
    Service(PackageId),
}

/// What to tell a power leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerOrder {
    /// Switch off, wait, then ask: the answer is the state after the order.
    Off,
    /// Ask only.
    Status,
}

/// One durable line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What kind of line.
    pub kind: EntryKind,
    /// The node it is about, if any.
    pub node: Option<String>,
    /// One line for people.
    pub text: String,
}

/// Kinds of durable lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// Who has the package.
    Role,
    /// Something is about to be done.
    Intent,
    /// How it ended.
    Result,
    /// Something was seen that must not be forgotten.
    Evidence,
    /// The standing guard was read.
    Guard,
    /// An operator's word.
    Word,
    /// A siege began or ended.
    Siege,
    /// HOLD began or ended.
    Hold,
    /// A Host ID was learnt.
    HostId,
}
