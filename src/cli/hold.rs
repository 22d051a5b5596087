//! `clusterd hold CLUSTER`.

use clap::Args;

use super::Exit;
use super::order::ForceArgs;
use crate::control::OrderWord;

/// Puts a cluster in HOLD: whatever fails, clusterd does nothing until `clusterd release CLUSTER`.
///
/// It outlives restarts of clusterd. A siege goes on, and proofs are kept: nothing that keeps two
/// nodes from one disk ends by it. `--force` breaks off a switch that is under way.
#[derive(Debug, Args)]
pub struct HoldArgs {
    #[command(flatten)]
    order: ForceArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
}

/// Orders it.
pub fn run(args: &HoldArgs) -> Exit {
    args.order.give(OrderWord::Hold, &args.cluster, None)
}
