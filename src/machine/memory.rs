//! What a machine must know after a restart of clusterd: hypotheses, never proofs.
//! The driver stores it with every journal entry and gives it back at the start.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The words that this clusterd knows. One more where a key comes that an older clusterd must not drop:
/// `docs/journal.md` says when.
pub const VERSION: u64 = 3;

/// The durable memory of one cluster. Names, not indexes: files may change in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Which words it may have: [`VERSION`], where this clusterd wrote it.
    #[serde(default = "first")]
    pub version: u64,
    /// One entry a package.
    pub packages: Vec<PackageMemory>,
    /// One entry a node.
    pub nodes: Vec<NodeMemory>,
    /// The whole cluster is in maintenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<WordMemory>,
    /// A person says that the monitor is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub well: Option<WellMemory>,
}

fn first() -> u64 {
    1
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            version: VERSION,
            packages: Vec::new(),
            nodes: Vec::new(),
            maintenance: None,
            well: None,
        }
    }
}

impl Memory {
    /// What the journal has.
    ///
    /// # Errors
    /// It is of a newer clusterd, or nobody understands it; what for people.
    pub fn read(body: Value) -> Result<Memory, String> {
        let version = body.get("version").map_or(Some(first()), Value::as_u64);
        match version {
            Some(version) if version <= VERSION => {
                serde_json::from_value(body).map_err(|err| err.to_string())
            }
            Some(newer) => Err(format!(
                "a newer clusterd wrote it (memory version {newer}, this clusterd knows versions up to {VERSION}): run that one"
            )),
            None => Err("its `version` is no number".to_owned()),
        }
    }
}

/// What is remembered of a person's word that the monitor is well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WellMemory {
    /// Whose word it is, in spite of what, and until when.
    #[serde(flatten)]
    pub word: WordMemory,
    /// The kinds of doubt that they knew of and that last, each in one word.
    pub causes: Vec<String>,
}

/// What is remembered of a person's word with an end: a maintenance, one of a node out of service, or one
/// about the monitor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordMemory {
    /// Whose word it is.
    pub who: String,
    /// What for.
    pub reason: String,
    /// When it began, by the wall clock in seconds.
    pub began: u64,
    /// When it ends.
    pub until: u64,
    /// For how long it was given at last, seconds: no clock makes it longer.
    pub lasts: u64,
}

/// What is remembered of a node that is out of service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutMemory {
    /// Whose word it is, why, and until when.
    #[serde(flatten)]
    pub word: WordMemory,
    /// Its time is over, and nobody has said yet how it is.
    pub over: bool,
}

/// What is remembered of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageMemory {
    /// The package's name.
    pub package: String,
    /// The node that has it, by the last boot intent or adoption.
    pub primary: Option<String>,
    /// Who had it before, where the roles were bound anew and that node was not started yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub had: Option<String>,
    /// Whether that node was ever seen to serve since the boot intent.
    pub confirmed: bool,
    /// A takeover was begun: the node that shall have the package.
    pub heir: Option<String>,
    /// Why the package is in HOLD, if it is.
    pub hold: Option<String>,
    /// Wall-clock seconds (as the driver told them) of recent switches.
    pub switches: Vec<u64>,
    /// The same of recent restarts in place.
    #[serde(default)]
    pub restarts: Vec<u64>,
    /// A person's HOLD.
    #[serde(default)]
    pub held: Option<Held>,
    /// How the last drill ended.
    #[serde(default)]
    pub drill: Option<Drill>,
}

/// A person's HOLD.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Held {
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Since when, wall-clock seconds.
    pub since: u64,
    /// It came with a person's `fence` of the node that had the package: that is put away.
    #[serde(default)]
    pub fence: bool,
    /// The script's state of HOLD in which it is put away.
    #[serde(default)]
    pub state: Option<String>,
}

/// A drill that is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Drill {
    /// The standby that it was of.
    pub node: String,
    /// When it ended, wall-clock seconds.
    pub at: u64,
    /// Whether all went well.
    pub good: bool,
    /// What came of it.
    pub text: String,
}

/// A standing guard that was read back and held.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GuardReading {
    /// When, wall-clock seconds.
    pub at: u64,
    /// By what: a fence, or the script in one of its states.
    pub by: String,
}

/// What is remembered of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeMemory {
    /// The node's name.
    pub node: String,
    /// Its Host ID, where it was learnt.
    pub host_id: Option<String>,
    /// A BREAK has worked on its console.
    pub break_worked: bool,
    /// The standing guard was read back and no foreign boot was seen since.
    pub guard_read: bool,
    /// When it was read back last, whether it holds since or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard_last: Option<GuardReading>,
    /// It is under siege.
    pub siege: bool,
    /// Wall-clock seconds of its recent failures.
    pub failures: Vec<u64>,
    /// It has panicked, and no login prompt was seen since.
    #[serde(default)]
    pub panicked: bool,
    /// It failed and has not been fully fenced since.
    pub unfenced_failure: bool,
    /// It is in maintenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<WordMemory>,
    /// It is out of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_service: Option<OutMemory>,
}

#[cfg(test)]
mod tests {
    use super::OutMemory;

    #[test]
    fn a_node_out_of_service_is_written_down_in_one_flat_object() {
        let text = r#"{"who":"op","reason":"new mainboard","began":100,"until":400,"lasts":300,"over":true}"#;
        let read: OutMemory = serde_json::from_str(text).expect("it is one");
        assert!(read.over && read.word.who == "op" && read.word.lasts == 300);
        assert_eq!(serde_json::to_string(&read).expect("plain values"), text);
    }
}
