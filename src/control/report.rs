//! What `status` tells: the host, its clusters, their alarms.

use serde::{Deserialize, Serialize};

use super::boot_report::BootReport;
use super::standing::Standing;
use crate::alarm::{Alarm, RouteReport};
use crate::config::console::Asked;
use crate::machine::snapshot::Snapshot;

/// The version of [`Report`]. Keys are only ever added within one.
pub const REPORT_VERSION: u32 = 1;

/// The answer to `status`. `--json` prints it as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`REPORT_VERSION`].
    #[serde(default)]
    pub v: u32,
    /// The monitoring host.
    pub host: HostReport,
    /// One cluster, or all, the worst first.
    pub clusters: Vec<ClusterReport>,
    /// Open alarms, the most urgent first.
    pub alarms: Vec<Alarm>,
}

/// The answer to `alarms`. `--json` prints it as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmList {
    /// The time of the list, milliseconds since 1970.
    pub now_ms: u64,
    /// Open ones, the most urgent first.
    pub open: Vec<Alarm>,
    /// Those that ended lately, the newest first.
    pub closed: Vec<Alarm>,
    /// The routes on which they leave the host.
    pub routes: Vec<RouteReport>,
}

/// The monitoring host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// clusterd's version.
    pub version: String,
    /// The daemon's process number.
    pub pid: u32,
    /// The home directory.
    pub home: String,
    /// For how long it has been running.
    pub up_ms: u64,
    /// The time of the report, milliseconds since 1970.
    pub now_ms: u64,
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterReport {
    /// Its name, or that of its file where the name cannot be read.
    pub cluster: String,
    /// Its file, as a path from the home.
    pub file: String,
    /// Why it is not guarded, if it is not.
    pub not_guarded: Option<String>,
    /// Its state, if it is guarded.
    pub snapshot: Option<Snapshot>,
    /// Its consoles, in the order of the snapshot's nodes.
    pub consoles: Vec<ConsoleReport>,
    /// The boots of its nodes: those under way, and else the last one of each. In a report of one cluster
    /// alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boots: Vec<BootReport>,
    /// What a reload has in store for it, and what that waits for.
    #[serde(default)]
    pub reload: Option<String>,
    /// How it stands, in one word, and why.
    #[serde(default)]
    pub standing: Standing,
}

/// The link of one console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleReport {
    /// The node.
    pub node: String,
    /// Where the console is.
    pub address: String,
    /// Whether it is connected.
    pub up: bool,
    /// For how long it has been so.
    pub since_ms: u64,
    /// Why it is not connected.
    pub why: Option<String>,
    /// How often it was connected since clusterd started.
    pub connections: u64,
    /// Bytes of output that were dropped because they came too fast.
    pub lost: u64,
    /// Bytes of output since clusterd started.
    #[serde(default)]
    pub received: u64,
    /// The silence after which a dead connection is found to be one; none where it never is.
    #[serde(default)]
    pub lost_after_ms: Option<u64>,
    /// What of it is found dead: its session, its host alone, or nothing.
    #[serde(default)]
    pub asked: Asked,
    /// Who is at it.
    #[serde(default)]
    pub visitors: Vec<VisitorReport>,
    /// The last lines of its output, made harmless; the last one may not have ended. In a report of one
    /// cluster alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
}

/// Somebody at a console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitorReport {
    /// Who, as the kernel knows them.
    pub who: String,
    /// Whether they may write; else they look on.
    pub writes: bool,
    /// For how long they have been there.
    pub since_ms: u64,
}

/// What a reload changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// The speaker, as the daemon knows them.
    pub who: String,
    /// Nothing was changed: this is what would be.
    pub dry_run: bool,
    /// The clusters that differ, by name.
    pub clusters: Vec<ClusterChange>,
    /// What differs in the host's own settings.
    pub host: Vec<String>,
    /// How many clusters are as they were, and were not touched.
    pub same: usize,
}

/// One cluster that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterChange {
    /// Its name.
    pub cluster: String,
    /// How.
    pub change: Change,
    /// What differs, one thing an entry.
    pub what: Vec<String>,
    /// What the change waits for, in words that follow "until"; nothing where it is in force.
    pub waits: Option<String>,
    /// What nobody does any more for a cluster that is gone.
    pub left: Vec<String>,
}

/// How a cluster differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It has another configuration.
    Changed,
    /// It is gone.
    Removed,
}
