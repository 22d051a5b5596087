//! The rules of design section 3 as code that looks at the truth: at what the simulated machines
//! really do, not at what clusterd believes. Written once; scenes, storms and the explorer use it.

use crate::clock::Moment;
use crate::machine::Event;
use crate::machine::setup::DataPolicy;
use crate::sim::node::{Condition, Node};
use crate::sim::rig::Rig;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// When.
    pub at: Moment,
    /// Which.
    pub rule: Rule,
    /// How, for people.
    pub what: String,
}

/// The rules that can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Rule 1: never two nodes write to one disk.
    TwoWriters,
    /// Rules 1 and 2: no boot command leaves while another node runs or could go on.
    BootBesideLife,
    /// A lost service is told: it runs, or an alarm is open, within the script's own deadlines.
    SilentOutage,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Rule::TwoWriters => "never two nodes live on one package",
            Rule::BootBesideLife => "no boot command while another node runs or could go on",
            Rule::SilentOutage => "the service runs, or an alarm is open",
        })
    }
}

/// Whether the disk has had two writers.
pub(super) fn disk(rig: &Rig, at: Moment) -> Option<Broken> {
    let first = rig.disk().two_writers().first()?;
    Some(Broken {
        at,
        rule: Rule::TwoWriters,
        what: format!("{first:?}"),
    })
}

/// Whether two of these nodes have mounted the disk and would write to it now.
pub(super) fn two_writers<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    at: Moment,
) -> Option<Broken> {
    let mut writing = nodes.filter(|node| node.writes());
    let (one, other) = (writing.next()?, writing.next()?);
    Some(Broken {
        at,
        rule: Rule::TwoWriters,
        what: format!("{} and {} write to it", one.spec().name, other.spec().name),
    })
}

/// Whether this event is a boot command that left while another node was not stopped for good.
/// What `policy` accepts is left out: under `adaptability` and `availability` a machine that
/// stands still in every way counts as stopped, and one that wakes meets the siege.
pub(super) fn boot<'a>(
    mut nodes: impl Iterator<Item = &'a Node>,
    policy: DataPolicy,
    event: &Event,
    at: Moment,
) -> Option<Broken> {
    let Event::BootTyped { node: booted, .. } = event else {
        return None;
    };
    let accepted = |node: &Node| node.is_frozen() && policy != DataPolicy::Integrity;
    let other = nodes.find(|node| {
        node.spec().name != *booted && could_write(node.condition()) && !accepted(node)
    })?;
    Some(Broken {
        at,
        rule: Rule::BootBesideLife,
        what: format!(
            "{booted} is booted while {} is {:?}",
            other.spec().name,
            other.condition()
        ),
    })
}

/// Whether a machine writes to the disk, or would after a `go` or by itself.
fn could_write(condition: Condition) -> bool {
    match condition {
        Condition::Off | Condition::Post | Condition::Prompt { resumable: false } => false,
        Condition::Prompt { resumable: true }
        | Condition::Loading
        | Condition::Booting
        | Condition::Running
        | Condition::ShuttingDown
        | Condition::Panicked
        | Condition::Hung
        | Condition::UserlandHung => true,
    }
}
