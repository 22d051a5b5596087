//! Kinds of proof that a node cannot write to the shared disk and cannot start to do so by
//! itself (design rule 2): a closed list.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::mutant::Guard;

/// A kind of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofKind {
    /// Stopped, told to stay stopped, reset, and asked again, on its console.
    FirmwareReset,
    /// Off ordered through every power leg, then every leg reports off, asked twice.
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

/// A FirmwareReset proof lives so long after its last step (design rule 3).
pub const RESET_LIFE: Duration = Duration::from_secs(60);
/// An operator's word lives so long (design rule 2).
pub const WORD_LIFE: Duration = Duration::from_secs(300);
/// A nonce counts before boot bytes for so long (design rule 3).
pub const NONCE_LIFE: Duration = Duration::from_secs(2);

/// A living proof.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proof {
    /// What kind.
    pub kind: ProofKind,
    /// When its last step was made.
    pub born: Moment,
}

impl Proof {
    /// How long it lives by itself; `None` until something kills it.
    pub fn life(&self) -> Option<Duration> {
        match self.kind {
            ProofKind::FirmwareReset | ProofKind::Assumed => {
                Some(RESET_LIFE).filter(|_| Guard::ResetLife.stands())
            }
            ProofKind::OperatorWord => Some(WORD_LIFE).filter(|_| Guard::WordProofLife.stands()),
            ProofKind::PowerOff | ProofKind::Dark => None,
        }
    }

    /// Whether it is unexpired.
    pub fn lives(&self, now: Moment) -> bool {
        self.life().is_none_or(|life| now.since(self.born) <= life)
    }
}
