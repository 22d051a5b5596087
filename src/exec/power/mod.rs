//! Power legs: how one power supply of a node is switched and asked. An order that was taken
//! proves nothing on any of these roads: only a status of off afterwards does.

mod agent;
mod command;
mod ipmi;
mod metadata;
mod switches;

use std::fmt;

pub use agent::AgentLeg;
pub use command::CommandLeg;
pub use ipmi::{IPMITOOL, IpmiLeg};
pub use metadata::{AgentMetadata, Parameter, metadata};
pub use switches::{Held, LegSaid, Switches};

use super::run::{Finished, Outcome};

/// The switch of one power supply of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PowerLeg {
    /// Commands of the operator's.
    Command(CommandLeg),
    /// A fence agent of ClusterLabs.
    Agent(AgentLeg),
    /// A service processor, through `ipmitool`.
    Ipmi(IpmiLeg),
}

impl PowerLeg {
    /// Gives the order.
    ///
    /// # Errors
    /// It was not taken, or nobody knows. It may have taken effect all the same: ask.
    pub async fn order(&self, order: PowerOrder) -> Result<(), OrderFailed> {
        let taken = match self {
            PowerLeg::Command(leg) => leg.order(order).await,
            PowerLeg::Agent(leg) => leg.order(order).await,
            PowerLeg::Ipmi(leg) => leg.order(order).await,
        };
        taken.map_err(|why| OrderFailed { order, why })
    }

    /// Asks for the state.
    pub async fn status(&self) -> PowerState {
        match self {
            PowerLeg::Command(leg) => leg.status().await,
            PowerLeg::Agent(leg) => leg.status().await,
            PowerLeg::Ipmi(leg) => leg.status().await,
        }
    }

    /// What it talks to, as far as it tells: legs with the same may be in each other's way.
    fn device(&self) -> String {
        match self {
            PowerLeg::Command(leg) => leg.device(),
            PowerLeg::Agent(leg) => leg.device(),
            PowerLeg::Ipmi(leg) => leg.device(),
        }
    }
}

/// What people call it; no secret is part of it.
impl fmt::Display for PowerLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PowerLeg::Command(leg) => leg.fmt(f),
            PowerLeg::Agent(leg) => leg.fmt(f),
            PowerLeg::Ipmi(leg) => leg.fmt(f),
        }
    }
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

impl fmt::Display for PowerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PowerState::On => f.write_str("on"),
            PowerState::Off => f.write_str("off"),
            PowerState::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

/// How the command failed, with the last line that it wrote to its standard error.
fn complaint(finished: &Finished) -> String {
    let text = String::from_utf8_lossy(&finished.stderr.bytes);
    let line = text.lines().rev().map(str::trim).find(|l| !l.is_empty());
    failure(&finished.outcome, line.unwrap_or(""))
}

/// An outcome and what the program said of it, harmless to a terminal and not endless.
fn failure(outcome: &Outcome, said: &str) -> String {
    match short(said) {
        said if said.is_empty() => outcome.to_string(),
        said => format!("{outcome}: {said}"),
    }
}

/// The beginning of what a program said, quotes left as they are.
fn short(said: &str) -> String {
    let shown = |c: char| match c {
        '\'' | '"' => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    said.trim().chars().take(200).map(shown).collect()
}
