//! `clusterd release CLUSTER`.

use clap::Args;

use super::{Exit, HomeArgs, ask};
use crate::control::{Ask, Word};

/// Lets a cluster out of HOLD: it looks at its consoles and decides anew.
///
/// Nothing counts as proved by it. If what led to HOLD is not mended, it ends there again.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
}

/// Tells the daemon.
pub fn run(args: &ReleaseArgs) -> Exit {
    let question = Ask::Say {
        cluster: args.cluster.clone(),
        word: Word::Release,
        node: None,
    };
    ask::told(&args.home, &args.cluster, question)
}
