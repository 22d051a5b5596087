//! What a machine is told. One input mutates it; then its actions are drained.

use std::time::Duration;

use crate::machine::setup::{NodeId, PackageId, WitnessId};
use crate::matcher::Heard;
use crate::script::program::OperatorWord;

/// Number of a request, given by the machine, returned with its result.
pub type Ticket = u64;

/// Everything that can happen to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A console is connected. `epoch` grows with every connection of that console.
    LinkUp { node: NodeId, epoch: u64 },
    /// A console is lost, with the reason for people.
    LinkDown { node: NodeId, why: String },
    /// A console said something: the ear's findings, in their order.
    Console {
        node: NodeId,
        epoch: u64,
        heard: Vec<Heard>,
    },
    /// A prompt's quiet time is over: findings without new bytes.
    Quiet {
        node: NodeId,
        epoch: u64,
        heard: Vec<Heard>,
    },
    /// Console output was lost in our own queue.
    Gap { node: NodeId, lost: u64 },
    /// The line behind the console has a carrier, or has lost it: it supports other evidence and
    /// proves nothing.
    Carrier {
        node: NodeId,
        epoch: u64,
        present: bool,
    },
    /// The package's service address was asked, as the cluster file says.
    Address { package: PackageId, answered: bool },
    /// A witness was asked.
    Witness { witness: WitnessId, answered: bool },
    /// An [`crate::machine::Action::Probe`] has ended.
    ProbeDone { ticket: Ticket, answered: bool },
    /// An [`crate::machine::Action::Run`] has ended: its exit code, or why it has none.
    RunDone {
        ticket: Ticket,
        code: Result<i32, String>,
    },
    /// An [`crate::machine::Action::Hook`] has ended: what its last try said.
    HookDone { ticket: Ticket, verdict: Verdict },
    /// An [`crate::machine::Action::Power`] has ended: what each leg said.
    PowerDone {
        ticket: Ticket,
        legs: Vec<PowerState>,
    },
    /// The journal holds the entry of that ticket, on disk.
    Durable { ticket: Ticket },
    /// The journal cannot be written; everything that waits for it goes on waiting.
    JournalFailed { why: String },
    /// The journal can be written again.
    JournalWell,
    /// A person says something.
    Operator(Order),
    /// A person orders something; what speaks against it is weighed first.
    Demand(Demand),
    /// A person takes a cluster or a node into maintenance, or out of it.
    Upkeep(UpkeepOrder),
    /// A person does something at a console that clusterd holds.
    Person {
        node: NodeId,
        who: String,
        deed: Deed,
    },
    /// Random numbers for nonces, as many as the driver likes to give.
    Nonces(Vec<u32>),
    /// Something about the monitoring host itself.
    Host(HostFact),
    /// Nothing but time: a deadline of [`crate::machine::Machine::poll_timeout`] has come.
    Time,
}

/// What a person does at a console. Before the first key they ask for the pen, and type when
/// [`crate::machine::action::PenWord::Granted`] has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// They want to type. After `idle` without a key the pen is taken back.
    Asks { idle: Duration },
    /// They typed this.
    Types { bytes: Vec<u8> },
    /// They sent a BREAK.
    Breaks,
    /// They put down the pen, and why.
    Leaves { why: String },
}

/// What a hook says by its exit code, as Serviceguard's control scripts do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// 0: go on.
    GoOn,
    /// 1: it has failed, and the package must not start anywhere else either.
    No,
    /// 2: it has failed here; another node may be tried.
    NotHere,
    /// It has none, and why: killed at its time, ended by a signal, not to be started, another code.
    None(String),
}

/// What a power leg says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PowerState {
    /// The outlet or the machine is on.
    On,
    /// It is off.
    Off,
    /// It cannot be told, and why.
    Unknown(String),
}

/// An operator's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Who says it: a user's name.
    pub who: String,
    /// What.
    pub word: OperatorWord,
    /// About which node: `confirm` names it, `adopt --primary` may.
    pub node: Option<NodeId>,
}

/// An order to move, stop, start or rehearse something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Who gives it: a user's name.
    pub who: String,
    /// What: `switchover`, `failback`, `hold`, `boot`, either `fence`, `drill`.
    pub word: OperatorWord,
    /// About which node: `boot` and `fence` name it, `switchover --to` may.
    pub node: Option<NodeId>,
    /// Why, for the others.
    pub reason: Option<String>,
    /// What is no rule shall not stop it.
    pub force: bool,
}

/// An order about a cluster's or a node's upkeep; its outcome is [`crate::machine::Action::Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpkeepOrder {
    /// The driver's number for it, given back with the answer.
    pub id: u64,
    /// Who says it: a user's name.
    pub who: String,
    /// About which node; nothing for the whole cluster.
    pub node: Option<NodeId>,
    /// What.
    pub word: Upkeep,
}

/// What can be ordered about upkeep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// Maintenance begins, or is prolonged: from now on for so long, and why.
    Maintain { lasts: Duration, reason: String },
    /// It ends.
    EndMaintenance,
    /// A node is out of service, from now on for so long, and why: a named person has confirmed, asked
    /// twice, that it is without power or without its storage.
    OutOfService { lasts: Duration, reason: String },
    /// It is back.
    Back,
}

/// What the host knows about itself (design rule 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostFact {
    /// The kernel dropped ping replies in our own socket.
    SocketDrops(u64),
    /// Pings cannot be sent, for a reason of this host.
    PingTrouble,
    /// Pings can be sent.
    PingWell,
    /// This cluster's task, this process or its whole host stood still for so many milliseconds;
    /// `counted` of them passed by the driver's clock.
    Standstill { millis: u64, counted: u64 },
    /// Pings left so many milliseconds late.
    PingsLate { millis: u64 },
    /// The wall clock was set, or jumped, by so many milliseconds: ahead, or back (negative).
    ClockJump { millis: i64 },
    /// The host's own gateway, which has answered before, does not any more.
    GatewaySilent,
    /// It answers.
    GatewayAnswers,
    /// So many of so many clusters of this host went dark within one window.
    ManyDark {
        dark: u32,
        of: u32,
        path: CommonPath,
    },
    /// They did not, or the common path was asked and answers: it is not this side.
    FewDark,
}

/// What those said who stand between this host and all its clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommonPath {
    /// They are being asked.
    Asked,
    /// One of them does not answer.
    Silent,
    /// There is nobody to ask.
    Unknown,
}
