//! `clusterd boot CLUSTER/NODE`.

use clap::Args;

use super::order::ForceArgs;
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
    order: ForceArgs,
    /// The node.
    #[arg(value_name = "CLUSTER/NODE")]
    name: String,
}

/// Orders it.
pub fn run(args: &BootArgs) -> Exit {
    let (cluster, node) = match ask::node(&args.name, "boot pki-ca/ca1") {
        Ok(named) => named,
        Err(exit) => return exit,
    };
    args.order.give(OrderWord::Boot, cluster, Some(node))
}
