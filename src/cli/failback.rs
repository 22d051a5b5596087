//! `clusterd failback CLUSTER`.

use clap::Args;

use super::Exit;
use super::order::ForceArgs;
use crate::control::OrderWord;

/// Moves a package home, to the first node of its list, in good order.
///
/// It is the `switchover` to that node, and refused where it is at home already. clusterd never moves
/// a package home by itself.
#[derive(Debug, Args)]
pub struct FailbackArgs {
    #[command(flatten)]
    order: ForceArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
}

/// Orders it.
pub fn run(args: &FailbackArgs) -> Exit {
    args.order.give(OrderWord::Failback, &args.cluster, None)
}
