//! Commands of the operator's: run without a shell, as a process group of their own, with
//! an end and a bounded output; and the power legs, which are commands, fence agents and
//! `ipmitool`.

mod power;
mod run;
mod secret;

#[cfg(test)]
mod tests;

pub use power::{
    AgentLeg, AgentMetadata, CommandLeg, Held, IPMITOOL, IpmiLeg, LegSaid, OrderFailed, Parameter,
    PowerLeg, PowerOrder, PowerState, Switches, metadata,
};
pub use run::{Captured, Finished, Outcome, run, run_to_tail, run_with_input};
pub use secret::{Secret, SecretFault};
