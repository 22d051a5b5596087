//! `clusterd console CLUSTER/NODE`: a node's console, shared with the script and with others.

mod escape;
mod keys;
mod session;
mod terminal;

use std::io::IsTerminal;

use clap::Args;

use self::escape::Prefix;
use self::terminal::Bytes;
use super::{Exit, HomeArgs, ask};
use crate::control::{Answer, Ask, Grip};

/// Brings you to the console of a node, raw, the last screenful first.
///
/// You have the pen if nobody else has it; else you look on, and are told who has it. Your
/// first key makes the script leave this console to you: it types nothing there, and what it
/// was proving is void, until you leave or press no key for a while (`keyboard_idle`). Nobody
/// may write to a node under siege, nor start one beside the primary.
///
/// ^Ec? lists what can be said to clusterd itself: ^Ec. leaves, ^Ecl0 sends BREAK. Without a
/// terminal it sends what is piped to it, prints what comes back, and ends.
#[derive(Debug, Args)]
#[command(after_help = escape::HELP)]
pub struct ConsoleArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The node.
    #[arg(value_name = "CLUSTER/NODE")]
    node: String,
    /// Looks on, and types nothing.
    #[arg(long, short, conflicts_with_all = ["join", "force"])]
    spy: bool,
    /// Writes beside whoever has the pen.
    #[arg(long, short, conflicts_with = "force")]
    join: bool,
    /// Takes the pen from whoever has it; they look on then.
    #[arg(long, short)]
    force: bool,
    /// Shows as text what would move your terminal: for a node that is not to be believed.
    #[arg(long)]
    plain: bool,
    /// The two characters that begin a command to clusterd: ^X is Control-X, \ooo octal.
    #[arg(long, short = 'e', value_name = "XY", default_value = "^Ec", value_parser = Prefix::parse)]
    escape: Prefix,
}

/// Connects, and carries keys and output until either end has enough.
pub fn run(args: &ConsoleArgs) -> Exit {
    let (cluster, node) = match ask::node(&args.node, "console pki-ca/ca1") {
        Ok(parts) => parts,
        Err(exit) => return exit,
    };
    let grip = match (args.spy, args.join, args.force) {
        (true, ..) => Grip::Spy,
        (_, true, _) => Grip::Join,
        (.., true) => Grip::Force,
        _ => Grip::Write,
    };
    let question = Ask::Attach {
        cluster: cluster.to_owned(),
        node: node.to_owned(),
        grip,
        // What is piped gets what comes of it, and nothing older.
        screen: args.spy || std::io::stdin().is_terminal(),
    };
    match ask::converse(&args.home, question) {
        Ok((Answer::Attached { .. }, client)) => {
            let bytes = match args.plain {
                true => Bytes::Plain,
                false => Bytes::AsTheyAre,
            };
            session::carry(client, &args.node, args.escape, bytes)
        }
        Ok((other, _)) => ask::unexpected(&other),
        Err(exit) => exit,
    }
}
