//! `clusterd hold CLUSTER`.

use clap::Args;

use super::Exit;
use super::order::{self, OrderArgs, Wanted, Yes};
use crate::control::OrderWord;

/// Puts a cluster in HOLD: whatever fails, clusterd does nothing until `clusterd release CLUSTER`.
///
/// It outlives restarts of clusterd. A siege goes on, and proofs are kept: nothing that keeps two
/// nodes from one disk ends by it. `--force` breaks off a switch that is under way.
#[derive(Debug, Args)]
pub struct HoldArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
    /// Breaks off what is under way.
    #[arg(long)]
    force: bool,
    /// Asks no question.
    #[arg(long)]
    yes: bool,
}

/// Orders it.
pub fn run(args: &HoldArgs) -> Exit {
    let wanted = Wanted {
        cluster: &args.cluster,
        node: None,
        word: OrderWord::Hold,
        force: args.force,
        yes: if args.yes { Yes::Given } else { Yes::Missing },
    };
    order::give(&args.order, &wanted)
}
