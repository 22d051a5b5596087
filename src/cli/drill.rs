//! `clusterd drill CLUSTER`.

use clap::Args;

use super::Exit;
use super::order::PlainArgs;
use crate::control::OrderWord;

/// Rehearses on the standby all that a takeover would need; nothing is typed on the primary.
///
/// Its identity, its fence (BREAK, guard set, reset, proved stopped), its guard read back, and its boot
/// device opened and read. `--wait` shows each step. A drill that fails raises the alarm `drill_failed`; how the last
/// one ended stands in `status`. If the primary fails meanwhile, the takeover goes first.
///
/// It proves that the disk can be read from there, and not that what is on it starts: that, only a
/// switchover shows.
#[derive(Debug, Args)]
pub struct DrillArgs {
    #[command(flatten)]
    order: PlainArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
}

/// Orders it.
pub fn run(args: &DrillArgs) -> Exit {
    args.order.give(OrderWord::Drill, &args.cluster, None)
}
