//! `clusterd boot CLUSTER/NODE`.

use clap::Args;

use super::order::{self, OrderArgs, Wanted, Yes};
use super::{Exit, ask};
use crate::control::OrderWord;

/// Boots the node that has the package, where it does not run: out of HOLD, after `fence`, or
/// before a halted system is started by itself.
///
/// All other nodes are proved stopped first. Of a node that has not the package it is a
/// `switchover` to that node, and says so.
#[derive(Debug, Args)]
pub struct BootArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// The node.
    #[arg(value_name = "CLUSTER/NODE")]
    name: String,
    /// What is no rule shall not stop it, as of `switchover`.
    #[arg(long)]
    force: bool,
    /// Asks no question.
    #[arg(long)]
    yes: bool,
}

/// Orders it.
pub fn run(args: &BootArgs) -> Exit {
    let (cluster, node) = match ask::node(&args.name, "boot pki-ca/ca1") {
        Ok(named) => named,
        Err(exit) => return exit,
    };
    let wanted = Wanted {
        cluster,
        node: Some(node),
        word: OrderWord::Boot,
        force: args.force,
        yes: if args.yes { Yes::Given } else { Yes::Missing },
    };
    order::give(&args.order, &wanted)
}
