//! What of a silent console is found dead, road by road: the session behind it, the host that it is
//! on, or nothing.

use serde::{Deserialize, Serialize};

use super::Address;

/// Whose life a silent console is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// The session's: telnet and RFC 2217, where the peer answers such questions, and SSH.
    #[default]
    Session,
    /// The host's alone, by its kernel (TCP keepalive): a program there that hangs is not found.
    Host,
    /// Nobody's: the end of the program, the socket or the adapter is seen, and that it hangs is not.
    Nobody,
}

impl Address {
    /// What of a silent console there is found dead.
    pub fn asked(&self) -> Asked {
        match self {
            Address::Telnet { .. } | Address::Rfc2217 { .. } | Address::Ssh { .. } => {
                Asked::Session
            }
            Address::Tcp { .. } => Asked::Host,
            Address::Unix(_) | Address::Serial { .. } | Address::Exec(_) => Asked::Nobody,
        }
    }
}
