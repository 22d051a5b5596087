//! `clusterd emulate CLUSTER EVENT`.

use clap::Args;

use super::{Exit, HomeArgs, ask};
use crate::control::{Answer, Ask};
use crate::logfile::harmless;

/// Says what clusterd would do now if something happened, and does nothing.
///
/// A copy of what the running daemon knows of the cluster goes on in virtual time, with simulated nodes
/// that stand as the real ones stand now. Nothing is written anywhere, and no other cluster waits for it.
/// What is assumed is said first. Events: panic, silence, power-loss, network-loss (of the primary),
/// standby-lost, switchover.
#[derive(Debug, Args)]
pub struct EmulateArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
    /// What happens.
    #[arg(value_name = "EVENT", required_unless_present = "line", conflicts_with = "line",
        value_parser = ["panic", "silence", "power-loss", "network-loss", "standby-lost", "switchover"])]
    event: Option<String>,
    /// Instead: a console says this line.
    #[arg(long, value_name = "TEXT", requires = "console")]
    line: Option<String>,
    /// The node whose console says it.
    #[arg(long, value_name = "NODE", requires = "line")]
    console: Option<String>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Asks the daemon, and prints what it says.
pub fn run(args: &EmulateArgs) -> Exit {
    let event = args.line.clone().or_else(|| args.event.clone());
    let question = Ask::Emulate {
        cluster: args.cluster.clone(),
        event: event.unwrap_or_default(),
        console: args.console.clone(),
    };
    match ask::ask(&args.home, question) {
        Ok(answer @ Answer::Emulated { .. }) if args.json => {
            let json = serde_json::to_string_pretty(&answer).expect("plain values are JSON");
            println!("{json}");
            Exit::Good
        }
        Ok(Answer::Emulated {
            assumed,
            steps,
            end,
        }) => {
            println!("Nothing is done: this is what would happen. Assumed:");
            for line in assumed {
                println!("  - {}", harmless(&line));
            }
            println!();
            for step in steps {
                let (s, ms) = (step.at_ms / 1000, step.at_ms % 1000);
                println!("{s:>7}.{ms:03}  {}", harmless(&step.text));
            }
            println!("\nIn the end: {}.", harmless(&end));
            Exit::Good
        }
        Ok(other) => ask::unexpected(&other),
        Err(exit) => exit,
    }
}
