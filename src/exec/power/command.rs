//! A power leg that is a set of commands: one orders off, one on, one asks.

use std::fmt;
use std::time::Duration;

use super::{PowerOrder, PowerState, complaint};
use crate::exec::run::{Outcome, run};

/// Output of a power command that is looked at, in bytes.
const OUTPUT: usize = 4096;

/// One power leg of a node, switched and asked by commands.
///
/// `off` and `on` end with exit code 0 when the order was taken. `status` does as fence agents
/// do (`ClusterLabs`, `FenceAgentAPI`): exit code 0 and `Status: ON`, or exit code 2 and
/// `Status: OFF`; or it ends with exit code 0 and writes `on` or `off`, in capitals or not, as its
/// first word. Anything else means that the state is unknown: an exit code 2 alone may be a
/// shell's answer to a wrong option. That an order was taken proves nothing: only a status of off
/// afterwards does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLeg {
    /// Orders the power off.
    pub off: Vec<String>,
    /// Orders the power on, where that is wanted.
    pub on: Option<Vec<String>>,
    /// Tells the state.
    pub status: Vec<String>,
    /// The end of each of these commands.
    pub within: Duration,
}

impl fmt::Display for CommandLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.status.first().map_or("", String::as_str);
        write!(f, "command {}", program.escape_debug())
    }
}

impl CommandLeg {
    /// Gives the order; or says why its command is missing, or did not end with exit code 0
    /// in time.
    pub(super) async fn order(&self, order: PowerOrder) -> Result<(), String> {
        let argv = match order {
            PowerOrder::Off => &self.off,
            PowerOrder::On => self.on.as_ref().ok_or("no command for it is set")?,
        };
        let finished = run(argv, &[], self.within, OUTPUT).await;
        if finished.succeeded() {
            Ok(())
        } else {
            Err(complaint(&finished))
        }
    }

    /// Its program may talk to anything: two legs with one program may meet there.
    pub(super) fn device(&self) -> String {
        format!("command {}", self.status.first().map_or("", String::as_str))
    }

    /// Asks for the state.
    pub(super) async fn status(&self) -> PowerState {
        let finished = run(&self.status, &[], self.within, OUTPUT).await;
        let off_code = finished.outcome == Outcome::Exited(2);
        if !finished.succeeded() && !off_code {
            return PowerState::Unknown(complaint(&finished));
        }
        let text = String::from_utf8_lossy(&finished.stdout.bytes);
        let mut words = text.split_whitespace().peekable();
        let labelled = words
            .next_if(|word| word.eq_ignore_ascii_case("status:"))
            .is_some();
        match words.next() {
            _ if off_code && !labelled => PowerState::Unknown(complaint(&finished)),
            Some(word) if word.eq_ignore_ascii_case("off") => PowerState::Off,
            _ if off_code => PowerState::Unknown(complaint(&finished)),
            Some(word) if word.eq_ignore_ascii_case("on") => PowerState::On,
            Some(word) => PowerState::Unknown(format!(
                "its status command said {:?}, not on or off",
                word.chars().take(40).collect::<String>()
            )),
            None => PowerState::Unknown("its status command said nothing".to_owned()),
        }
    }
}
