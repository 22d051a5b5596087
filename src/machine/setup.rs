//! What a machine is made of: the cluster as its file describes it, with the compiled
//! scripts. Made once at the edge (`cluster/setup.rs`), never changed.

use std::sync::Arc;
use std::time::Duration;

use crate::matcher::PatternDef;
use crate::name::{ClusterName, NodeName, PackageName};
use crate::script::program::Program;

/// Index of a node in [`Setup::nodes`].
pub type NodeId = usize;
/// Index of a package in [`Setup::packages`].
pub type PackageId = usize;
/// Index of a witness in [`Setup::witnesses`].
pub type WitnessId = usize;

/// A cluster as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The cluster's name.
    pub cluster: ClusterName,
    /// Its nodes.
    pub nodes: Vec<NodeSetup>,
    /// Its packages.
    pub packages: Vec<PackageSetup>,
    /// How many addresses besides the packages' own are asked to know that the monitor's
    /// own path is alive: gateway, neighbours. The driver reports each by index.
    pub witnesses: Vec<String>,
}

/// A node as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSetup {
    /// Its name.
    pub name: NodeName,
    /// The platform: which `firmware` block of the script speaks to it.
    pub platform: String,
    /// Its Host ID, eight hex digits; learnt at adoption where the file has none.
    pub host_id: Option<String>,
    /// Measured POST + load + boot: silence has to last longer than this to be *dark*.
    pub dark_after: Duration,
    /// How many power legs it has.
    pub power_legs: usize,
    /// Which terminal server its console hangs on (the address without the port): two
    /// consoles on one server vouch for each other's path.
    pub server: String,
    /// Whether its console repeats what is typed: firmware does, an odd line may not.
    pub echo: bool,
}

/// A package as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSetup {
    /// Its name.
    pub name: PackageName,
    /// The compiled script.
    pub program: Arc<Program>,
    /// The nodes that may run it, in the order of preference.
    pub nodes: Vec<NodeId>,
    /// The true boot device, which only clusterd types.
    pub boot_device: String,
    /// The service address, for people and probes.
    pub address: String,
    /// What counts as stopped when a node is dark.
    pub data_policy: DataPolicy,
    /// What the network's silence alone may move.
    pub network_loss: LegPolicy,
    /// What the console's silence alone may move.
    pub console_silent: LegPolicy,
    /// Switches allowed in a window; more end in HOLD.
    pub switches: Cap,
    /// Failures of one node allowed in a window; more, and the package does not go back to it.
    pub failures: Cap,
    /// The command that stops the system of the primary in good order, run on this host.
    pub stop: Option<Vec<String>>,
    /// The hooks that may hold up its boots, in their order. There is none for a fence.
    pub gates: Vec<GateHook>,
}

/// A hook that may hold up a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GateHook {
    /// Its number at the edge, which knows the command.
    pub hook: usize,
    /// Before what it is asked.
    pub before: Gated,
    /// What it may do.
    pub may: HookMay,
    /// The longest that it takes.
    pub within: Duration,
}

/// What a hook may hold up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gated {
    /// Every boot.
    Boot,
    /// A boot on another node than the one that has the package.
    Switchover,
}

impl Gated {
    /// Its name in files and logs.
    pub fn word(self) -> &'static str {
        match self {
            Gated::Boot => "before_boot",
            Gated::Switchover => "before_switchover",
        }
    }
}

/// What a hook may do to the boot that waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookMay {
    /// Hold it up until it has ended.
    Delay,
    /// Hold it up, and refuse it.
    Veto,
}

/// What a dark node counts as (design rule 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataPolicy {
    /// Never as stopped: a power leg or an operator says so.
    Integrity,
    /// As stopped where a BREAK has worked on that console before and the standing guard holds.
    Adaptability,
    /// As stopped.
    Availability,
}

/// What the silence of one leg alone may move (design rule 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LegPolicy {
    /// An alarm, nothing else.
    Alarm,
    /// A switch, with a full proof, after so long, while a witness answers.
    SwitchAfter(Duration),
}

/// So many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cap {
    /// How many.
    pub max: u32,
    /// The window.
    pub within: Duration,
}

/// What an ear has to be armed with for `program`: its patterns, by the numbers that the program
/// gives them.
pub fn listens_for(program: &Program) -> Vec<PatternDef> {
    let patterns = program.patterns.iter();
    patterns
        .map(|pattern| PatternDef {
            name: pattern.name.clone(),
            regex: pattern.regex.clone(),
            quiet: pattern.quiet,
        })
        .collect()
}

impl Setup {
    /// The node's name.
    pub fn node_name(&self, node: NodeId) -> &str {
        self.nodes.get(node).map_or("?", |n| n.name.as_str())
    }
}
