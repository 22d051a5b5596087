//! `clusterd failback CLUSTER`.

use clap::Args;

use super::Exit;
use super::order::{self, OrderArgs, Wanted, Yes};
use crate::control::OrderWord;

/// Moves a package home, to the first node of its list, in good order.
///
/// It is the `switchover` to that node, and refused where it is at home already. clusterd never moves
/// a package home by itself.
#[derive(Debug, Args)]
pub struct FailbackArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
    /// What is no rule shall not stop it, as of `switchover`.
    #[arg(long)]
    force: bool,
    /// Asks no question.
    #[arg(long)]
    yes: bool,
}

/// Orders it.
pub fn run(args: &FailbackArgs) -> Exit {
    let wanted = Wanted {
        cluster: &args.cluster,
        node: None,
        word: OrderWord::Failback,
        force: args.force,
        yes: if args.yes { Yes::Given } else { Yes::Missing },
    };
    order::give(&args.order, &wanted)
}
