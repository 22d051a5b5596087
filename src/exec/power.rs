//! A power leg that is a set of commands: one orders off, one on, one asks.

use std::fmt;
use std::time::Duration;

use super::run::{Finished, Outcome, run};

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

/// What to order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerOrder {
    /// Take the power away.
    Off,
    /// Give it back.
    On,
}

impl fmt::Display for PowerOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PowerOrder::Off => "off",
            PowerOrder::On => "on",
        })
    }
}

/// What the leg says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PowerState {
    /// It gives power.
    On,
    /// It gives none.
    Off,
    /// Not known, and why.
    Unknown(String),
}

/// An order that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to order the power {order}: {why}")]
pub struct OrderFailed {
    /// The order.
    pub order: PowerOrder,
    /// How its command failed.
    pub why: String,
}

impl CommandLeg {
    /// Gives the order.
    ///
    /// # Errors
    /// The command for it is missing, or did not end with exit code 0 in time. The order
    /// may have taken effect all the same: ask.
    pub async fn order(&self, order: PowerOrder) -> Result<(), OrderFailed> {
        let failed = |why: String| OrderFailed { order, why };
        let argv = match order {
            PowerOrder::Off => &self.off,
            PowerOrder::On => self
                .on
                .as_ref()
                .ok_or_else(|| failed("no command for it is set".to_owned()))?,
        };
        let finished = run(argv, &[], self.within, OUTPUT).await;
        if finished.succeeded() {
            Ok(())
        } else {
            Err(failed(complaint(&finished)))
        }
    }

    /// Asks for the state.
    pub async fn status(&self) -> PowerState {
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

/// How the command failed, with the last line that it wrote to its standard error.
fn complaint(finished: &Finished) -> String {
    let text = String::from_utf8_lossy(&finished.stderr.bytes);
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    match line {
        Some(line) => format!(
            "{}: {}",
            finished.outcome,
            line.chars().take(200).collect::<String>().escape_debug()
        ),
        None => finished.outcome.to_string(),
    }
}
