//! How far a takeover is, for those who measure it. No rule asks for it.

use serde::{Deserialize, Serialize};

use super::Machine;
use super::setup::PackageId;

/// Where a package stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// No takeover is under way.
    #[default]
    Settled,
    /// A takeover was begun: the primary is being stopped, or that failed.
    Stopping,
    /// A node was given the package, and is not seen to serve yet.
    Starting,
}

impl Machine {
    /// How far a package's takeover is.
    pub fn stage(&self, p: PackageId) -> Stage {
        let package = &self.packages[p];
        // As long as nobody has said who has it, the first node is a guess.
        if self.primary(p).is_some() && !package.confirmed {
            Stage::Starting
        } else if package.heir.is_some() {
            Stage::Stopping
        } else {
            Stage::Settled
        }
    }
}
