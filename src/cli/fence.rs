//! `clusterd fence CLUSTER/NODE`.

use clap::Args;

use super::order::{self, OrderArgs, Wanted, Yes};
use super::{Exit, ask};
use crate::control::OrderWord;

/// Stops a node for good, and proves it: BREAK, its guard set and read back, a reset, or its power.
///
/// Of a standby nothing else happens, and its guard is known then. Of the node that has the package
/// it takes the service away, without a shutdown: that is asked for twice, and the package stays in
/// HOLD until `boot`, `switchover` or `release`.
#[derive(Debug, Args)]
pub struct FenceArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// The node.
    #[arg(value_name = "CLUSTER/NODE")]
    name: String,
    /// For scripts, instead of the questions: the name again.
    #[arg(long, value_name = "CLUSTER/NODE")]
    yes: Option<String>,
}

/// Orders it.
pub fn run(args: &FenceArgs) -> Exit {
    let (cluster, node) = match ask::node(&args.name, "fence pki-ca/ca1") {
        Ok(named) => named,
        Err(exit) => return exit,
    };
    let wanted = Wanted {
        cluster,
        node: Some(node),
        word: OrderWord::Fence,
        // What it passes is the service's end, and that is asked for by name.
        force: true,
        yes: args.yes.as_deref().map_or(Yes::Missing, Yes::Named),
    };
    order::give(&args.order, &wanted)
}
