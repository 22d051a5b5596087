//! `clusterd status [CLUSTER] [--json] [--watch] [--check]`: how all stands, on one screen.

mod check;
mod orders;
mod render;
mod table;
mod watch;

use std::io::{self, IsTerminal};

use clap::Args;

pub(super) use render::{Ink, render};
pub(super) use table::{columns, labelled, wrapped};

use super::{Exit, HomeArgs, ask};
use crate::control::{Answer, Ask, Level};

/// Shows every cluster, or one: who has the package, what its script does and waits for, the
/// nodes with their consoles and proofs, and the open alarms. The worst stands first.
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
    /// Shows it again every two seconds, until it is interrupted; with --json one object a line.
    #[arg(long)]
    watch: bool,
    /// Prints one line for Nagios and its kin, and ends as their plugins do: 0 all is well, 1 somebody
    /// should look at it by day, 2 now (or no daemon answers), 3 it could not be found out.
    #[arg(long, conflicts_with_all = ["json", "watch"])]
    check: bool,
}

/// Asks the daemon and prints. It ends with 0 if the daemon answers, whatever it says; with `--check` as
/// the plugins of Nagios do.
pub fn run(args: &StatusArgs) -> Exit {
    if args.watch {
        return watch::watch(args);
    }
    if args.check {
        return check(args);
    }
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

fn check(args: &StatusArgs) -> Exit {
    let question = Ask::Status {
        cluster: args.cluster.clone(),
    };
    let (line, level) = match ask::attempt(&args.home, question) {
        Ok((Answer::Status { report }, _)) => check::line(&report),
        Ok((other, _)) => {
            let text = format!("the daemon gave an answer that does not belong here: {other:?}");
            (check::said(Level::Unknown, &text), Level::Unknown)
        }
        Err(failure) => {
            // Nobody guards anything, and nobody is told of that but by this.
            let level = match failure.exit {
                Exit::NotRunning | Exit::Faults => Level::Critical,
                _ => Level::Unknown,
            };
            (check::said(level, &failure.text), level)
        }
    };
    println!("{line}");
    Exit::Check(level)
}

/// Columns to fill: what `COLUMNS` says, or 100.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok();
    let columns = columns.and_then(|text| text.parse::<usize>().ok());
    columns.unwrap_or(100).clamp(60, 400)
}
