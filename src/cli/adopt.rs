//! `clusterd adopt CLUSTER [--primary NODE]`.

use clap::Args;

use super::{Exit, HomeArgs, ask};
use crate::control::{Ask, Word};

/// Takes a cluster into care that is in HOLD because it is not known who runs what.
///
/// Host IDs are checked or learnt, the standing guards of all nodes at their prompt are set
/// and read back, and the first node is booted if none runs. Do one switchover there and
/// back before the cluster goes into production: only then is every guard read, and has a
/// BREAK worked on every console.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
    /// The node that has the package, where the consoles do not tell.
    #[arg(long, value_name = "NODE")]
    primary: Option<String>,
}

/// Tells the daemon.
pub fn run(args: &AdoptArgs) -> Exit {
    let question = Ask::Say {
        cluster: args.cluster.clone(),
        word: Word::Adopt,
        node: args.primary.clone(),
    };
    ask::told(&args.home, &args.cluster, question)
}
