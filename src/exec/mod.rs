//! Commands of the operator's: run without a shell, as a process group of their own, with
//! an end and a bounded output; and the power legs that are commands.

mod power;
mod run;

#[cfg(test)]
mod tests;

pub use power::{CommandLeg, OrderFailed, PowerOrder, PowerState};
pub use run::{Captured, Finished, Outcome, run};
