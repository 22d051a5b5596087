//! Kinds of proof that a node cannot write to the shared disk and cannot start to do so by
//! itself (design rule 2): a closed list.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofKind {
    /// Stopped, told to stay stopped, reset, and asked again, on its console.
    FirmwareReset,
    /// Off ordered through every power leg, then every leg reports off.
    PowerOff,
    /// A named person, asked twice, for one intent, five minutes.
    OperatorWord,
    /// Dark for longer than a start takes, the path proved, as the data policy allows.
    Dark,
    /// The script's `assume stopped`: loud everywhere, refused under `integrity`.
    Assumed,
}

impl fmt::Display for ProofKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProofKind::FirmwareReset => "firmware reset",
            ProofKind::PowerOff => "power off",
            ProofKind::OperatorWord => "an operator's word",
            ProofKind::Dark => "dark",
            ProofKind::Assumed => "assumed by the script",
        })
    }
}
