//! `clusterd status [CLUSTER] [--json]`: how all stands, on one screen.

mod orders;
mod render;
mod table;

use std::io::{self, IsTerminal};

use clap::Args;

pub(super) use render::{Ink, render};
pub(super) use table::{labelled, wrapped};

use super::{Exit, HomeArgs, ask};
use crate::control::{Answer, Ask};

/// Shows every cluster, or one: who has the package, what its script does and waits for, the
/// nodes with their consoles and proofs, and the open alarms.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// Only this cluster, with all that is known of it.
    #[arg(value_name = "CLUSTER")]
    cluster: Option<String>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Asks the daemon and prints. It ends with 0 if the daemon answers, whatever it says.
pub fn run(args: &StatusArgs) -> Exit {
    let question = Ask::Status {
        cluster: args.cluster.clone(),
    };
    let report = match ask::ask(&args.home, question) {
        Ok(Answer::Status { report }) => report,
        Ok(other) => return ask::unexpected(&other),
        Err(exit) => return exit,
    };
    if args.json {
        let json = serde_json::to_string_pretty(&report).expect("plain values are JSON");
        println!("{json}");
        return Exit::Good;
    }
    let ink = if io::stdout().is_terminal() {
        Ink::Colour
    } else {
        Ink::Plain
    };
    print!("{}", render(&report, ink, width()));
    Exit::Good
}

/// Columns to fill: what `COLUMNS` says, or 100.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok();
    let columns = columns.and_then(|text| text.parse::<usize>().ok());
    columns.unwrap_or(100).clamp(60, 400)
}
