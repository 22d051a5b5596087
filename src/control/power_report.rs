//! What the power legs of a node say.

use serde::{Deserialize, Serialize};

/// The answer to `power_status`. `clusterd power --json` prints it, with who asked the legs. Keys are only
/// ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerReport {
    /// `CLUSTER/NODE`.
    pub node: String,
    /// Of the node: off where every leg is, unknown where one is.
    pub state: LegState,
    /// Its legs, in the order of the cluster file.
    pub legs: Vec<LegReport>,
}

/// One power leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegReport {
    /// What people call it.
    pub leg: String,
    /// What it says.
    pub state: LegState,
    /// Why the state is unknown.
    pub why: Option<String>,
    /// How long it took to say so.
    pub took_millis: u64,
}

/// The state of a leg, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// It gives power.
    On,
    /// It gives none.
    Off,
    /// Not known.
    Unknown,
}

impl PowerReport {
    /// What these legs of `node` say together.
    pub fn new(node: String, legs: Vec<LegReport>) -> PowerReport {
        let state = match legs.as_slice() {
            legs if legs.iter().any(|leg| leg.state == LegState::Unknown) => LegState::Unknown,
            [] => LegState::Unknown,
            legs if legs.iter().all(|leg| leg.state == LegState::Off) => LegState::Off,
            _ => LegState::On,
        };
        PowerReport { node, state, legs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_off_where_every_leg_is_and_unknown_where_one_is() {
        use LegState::{Off, On, Unknown};
        let of = |states: &[LegState]| {
            let leg = |state: &LegState| LegReport {
                leg: "command true".to_owned(),
                state: *state,
                why: None,
                took_millis: 1,
            };
            PowerReport::new("c/a".to_owned(), states.iter().map(leg).collect()).state
        };
        assert_eq!(of(&[Off, Off]), Off);
        assert_eq!(of(&[Off, On]), On);
        assert_eq!(of(&[Off, Unknown]), Unknown);
        assert_eq!(of(&[On, Unknown]), Unknown);
        assert_eq!(of(&[]), Unknown);
    }
}
