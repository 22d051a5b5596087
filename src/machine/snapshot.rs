//! The state of a cluster as `status` shows it: plain values, made on demand.

use serde::{Deserialize, Serialize};

use crate::machine::Stage;
use crate::machine::memory::{Drill, GuardReading, Held};

/// A cluster, now. All ages and rests are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The cluster's name.
    pub cluster: String,
    /// Why takeovers are held: the doubts of the monitor about itself that no person's word covers.
    pub impaired: Option<String>,
    /// All that stands against the monitor.
    #[serde(default)]
    pub doubts: Vec<DoubtSnapshot>,
    /// Who says that the monitor is well all the same, and for how long that counts yet.
    #[serde(default)]
    pub overruled: Option<OverruledSnapshot>,
    /// The maintenance of the whole cluster: nothing is written to its consoles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceSnapshot>,
    /// Its packages.
    pub packages: Vec<PackageSnapshot>,
    /// Its nodes.
    pub nodes: Vec<NodeSnapshot>,
}

/// One reason for doubt of the monitor about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoubtSnapshot {
    /// Its kind, in one word: `journal`, `standstill`, `clock`, `ping_drops`, `no_pings`,
    /// `witnesses`, `gateway` or `many_dark`.
    pub cause: String,
    /// In words.
    pub text: String,
    /// How long it has stood.
    pub age_ms: u64,
    /// Whether a person's word covers it.
    pub covered: bool,
}

/// A person's word that the monitor is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverruledSnapshot {
    /// Who.
    pub who: String,
    /// How long it counts yet.
    pub left_ms: u64,
}

/// A maintenance, now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceSnapshot {
    /// Whose it is.
    pub who: String,
    /// What for.
    pub reason: String,
    /// How long it has lasted.
    pub age_ms: u64,
    /// How long it lasts yet.
    pub left_ms: u64,
}

/// A node out of service, now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutSnapshot {
    /// Whose word it is that it is without power or without its storage.
    pub who: String,
    /// What for.
    pub reason: String,
    /// How long it has lasted.
    pub age_ms: u64,
    /// How long it lasts yet.
    pub left_ms: u64,
    /// Its time is over: it counts as running, and somebody is to say how it is.
    pub over: bool,
    /// It was under siege before, and gets no BREAK meanwhile.
    pub siege_suspended: bool,
}

/// A package, now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSnapshot {
    /// Its name.
    pub package: String,
    /// The node that has it, if that is known.
    pub primary: Option<String>,
    /// The node chosen to have it next.
    pub secondary: Option<String>,
    /// Whether the primary was seen to serve since it was given the package.
    pub confirmed: bool,
    /// How far a takeover is, if one is under way.
    #[serde(default)]
    pub stage: Stage,
    /// The script's name.
    pub script: String,
    /// The state of its script.
    pub state: String,
    /// What that state is about.
    pub about: String,
    /// For how long it has been in it.
    pub state_age_ms: u64,
    /// Whether it is in HOLD, and why.
    pub hold: Option<String>,
    /// What the script waits for, and for how long yet.
    pub waits_for: Option<Wait>,
    /// Whether the address answers: how many times in a row it did not.
    pub address: String,
    /// Missed answers of the address in a row.
    pub address_misses: u32,
    /// The data policy.
    pub data_policy: String,
    /// The last order of a person since clusterd runs, and how it goes.
    #[serde(default)]
    pub order: Option<OrderSnapshot>,
    /// Who holds it, why, and since when.
    #[serde(default)]
    pub held: Option<Held>,
    /// How the last drill ended.
    #[serde(default)]
    pub drill: Option<Drill>,
}

/// An order of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSnapshot {
    /// Its number, unique while clusterd runs.
    pub number: u64,
    /// Who gave it.
    pub who: String,
    /// What, in words.
    pub what: String,
    /// How long ago.
    pub age_ms: u64,
    /// How it ended; none while it is under way.
    pub done: Option<bool>,
    /// What came of it, or why nothing did.
    pub result: Option<String>,
    /// Lines of its course that are not kept any more.
    pub dropped: u64,
    /// Its course.
    pub lines: Vec<OrderLine>,
}

/// Something that happened while an order was under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// How long ago.
    pub age_ms: u64,
    /// What, as in the activity log.
    pub text: String,
}

/// What a script waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// In words: `/login/ or /prompt/ on the console of ca1`.
    pub what: String,
    /// How long yet, if that wait has a clock of its own.
    pub left_ms: Option<u64>,
    /// Where it stands in the script, `file:line`.
    pub place: String,
}

/// A node, now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSnapshot {
    /// Its name.
    pub node: String,
    /// `running`, `prompt`, `starting`, `silent`, `unknown` … in one word.
    pub condition: String,
    /// Whether its console is connected.
    pub link: String,
    /// How long ago its console said anything.
    pub heard_age_ms: Option<u64>,
    /// The last thing that counted for or against it.
    pub evidence: Option<Aged>,
    /// A living proof that it is stopped.
    pub proof: Option<Aged>,
    /// The standing guard, in words.
    pub guard: String,
    /// Whether it was read back and holds.
    #[serde(default)]
    pub guard_read: bool,
    /// When it was read back last and by what, whether it holds since or not.
    #[serde(default)]
    pub guard_last: Option<GuardReading>,
    /// Whether a BREAK has ever worked on its console.
    pub break_worked: bool,
    /// Whether it is under siege.
    pub siege: bool,
    /// Who types on its console: the script leaves it to them. The age is that of the last key.
    #[serde(default)]
    pub keyboard: Option<Aged>,
    /// Its Host ID, configured or learnt.
    pub host_id: Option<String>,
    /// Its own maintenance: nothing is written to its console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceSnapshot>,
    /// A person has taken it out of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_service: Option<OutSnapshot>,
}

/// A text with its age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aged {
    /// What.
    pub text: String,
    /// How long ago.
    pub age_ms: u64,
}
