//! `clusterd switchover CLUSTER`.

use clap::Args;

use super::Exit;
use super::order::ForceArgs;
use crate::control::OrderWord;

/// Moves a package to its other node, in good order.
///
/// The system is stopped by the cluster file's `stop:` command first; then the node is fenced and the
/// other one booted, by the same doors as in a failover. It is refused, with every reason, where it
/// cannot be done now. What does not stop in good order stays where it is, with an alarm, unless
/// `--force` is given.
///
/// `--force` passes what is no rule: no `stop:` in the cluster file, a system that does not stop by
/// it (then it is stopped by BREAK), a standby whose guard was not read or whose last drill failed,
/// or that does not show its prompt. It passes no rule that keeps data or service.
#[derive(Debug, Args)]
pub struct SwitchoverArgs {
    #[command(flatten)]
    order: ForceArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
    /// The node that shall have the package.
    #[arg(long, value_name = "NODE")]
    to: Option<String>,
}

/// Orders it.
pub fn run(args: &SwitchoverArgs) -> Exit {
    let node = args.to.as_deref();
    args.order.give(OrderWord::Switchover, &args.cluster, node)
}
