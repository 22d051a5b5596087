//! `clusterd maintenance CLUSTER[/NODE]`.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use clap::Args;

use super::{Exit, HomeArgs, ask};
use crate::clock::Span;
use crate::control::{Answer, Ask};
use crate::logfile::harmless;

/// Takes a cluster, or one node of it, into maintenance, or ends that.
///
/// clusterd then writes nothing to its consoles and does nothing by itself, whatever happens: no
/// takeover, no restart. It goes on reading them, and a service that does not answer is an alarm. People
/// may type through `clusterd console`. Said again, it begins its time anew, at most 24 h. It ends by
/// itself, with a warning before; then clusterd asks who runs, as after a start, and acts again.
///
/// CLUSTER/NODE: nothing is written to that node. If it is the standby, no takeover is possible
/// meanwhile; if it is the primary, nothing is done for its package.
///
/// A siege goes on. In the middle of a switch it is refused. It asks first, and writes down who said it.
///
/// Exit codes: 0 done, and on the disk; 2 wrong usage; 3 the daemon does not run; 4 refused.
#[derive(Debug, Args)]
pub struct MaintenanceArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The cluster, or the node.
    #[arg(value_name = "CLUSTER[/NODE]")]
    name: String,
    /// For how long from now on: 90m, 2h; at most 24h.
    #[arg(long = "for", value_name = "TIME", value_parser = ask::span, required_unless_present = "end")]
    lasts: Option<Duration>,
    /// What for: whoever is called at night reads it.
    #[arg(long, value_name = "TEXT", required_unless_present = "end")]
    reason: Option<String>,
    /// Ends it now.
    #[arg(long, conflicts_with_all = ["lasts", "reason"])]
    end: bool,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Asks, and tells the daemon.
pub fn run(args: &MaintenanceArgs) -> Exit {
    let (cluster, node) = match args.name.split_once('/') {
        None => (args.name.clone(), None),
        Some(_) => match ask::node(&args.name, "maintenance pki-ca/ca2 --for 2h --reason disk") {
            Ok((cluster, node)) => (cluster.to_owned(), Some(node.to_owned())),
            Err(exit) => return exit,
        },
    };
    if let Err((why, exit)) = consent(args) {
        eprintln!("clusterd: {why}; nothing was said to the daemon");
        return exit;
    }
    let question = match (args.lasts, &args.reason) {
        (Some(lasts), Some(reason)) => Ask::Maintain {
            cluster: cluster.clone(),
            node,
            for_ms: u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX),
            reason: reason.clone(),
        },
        _ => Ask::EndMaintenance {
            cluster: cluster.clone(),
            node,
        },
    };
    match ask::ask(&args.home, question) {
        Ok(answer @ Answer::Told { .. }) if args.json => {
            let json = serde_json::to_string_pretty(&answer).expect("plain values are JSON");
            println!("{json}");
            Exit::Good
        }
        Ok(Answer::Told { who, lines }) => {
            for line in lines {
                println!("{}, by {who}.", harmless(&line));
            }
            if args.end {
                println!("clusterd asks who runs and acts again: clusterd status {cluster}");
            } else {
                println!("End it with: clusterd maintenance {} --end", args.name);
            }
            Exit::Good
        }
        Ok(other) => ask::unexpected(&other),
        Err(exit) => exit,
    }
}

/// The question, or `--yes`. Without consent: why, and how it ends.
fn consent(args: &MaintenanceArgs) -> Result<(), (String, Exit)> {
    if args.yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let why = "there is no terminal to ask at; a script says --yes".to_owned();
        return Err((why, Exit::Usage));
    }
    let name = &args.name;
    match args.lasts {
        Some(lasts) => println!(
            "{name} will be in maintenance for {}: clusterd writes nothing there and does nothing by\n\
             itself, also when the service fails. Then it asks who runs, and acts again.",
            Span(lasts)
        ),
        None => println!(
            "The maintenance of {name} ends now: clusterd asks who runs, and acts again. Whoever works\n\
             there must have left: a node that does not show what it should may be stopped."
        ),
    }
    let refused = |why: String| (why, Exit::Refused);
    print!("Go on? Type yes: ");
    io::stdout()
        .flush()
        .map_err(|err| refused(err.to_string()))?;
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|err| refused(err.to_string()))?;
    match line.trim() {
        "yes" => Ok(()),
        _ => Err(refused("that was not \"yes\"".to_owned())),
    }
}
