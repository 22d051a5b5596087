//! `clusterd out-of-service CLUSTER/NODE`: a named person's word, asked for twice, that a node is without
//! power or without its storage while it is repaired.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use clap::Args;

use super::{Exit, HomeArgs, ask, order};
use crate::clock::Span;
use crate::control::{Answer, Ask};
use crate::logfile::harmless;

/// Takes a node out of service while it is repaired, or brings it back.
///
/// You give your word that it has no power, or no way to its storage, until the end that you name (14 d at
/// most; said again, it begins its time anew). Till then it counts as stopped: it is not fenced, not
/// started, and takes over nothing; the node that serves is restarted without proof that it is stopped. A
/// siege of it is suspended. If your word is wrong, two nodes may write to one disk, and the data are lost.
///
/// It ends with the first byte on its console, and with its time: the node then counts as running, gets
/// BREAK until it stands at its prompt, and is fenced before it may take over. `--back` does the same
/// beforehand: say it before you power the node up.
///
/// Refused for the node that has the package, in the middle of a switch, and while its console says
/// anything: clusterd presses RETURN there once, and waits.
///
/// Exit codes: 0 done, and on the disk; 2 wrong usage; 3 the daemon does not run; 4 refused.
#[derive(Debug, Args)]
pub struct OutOfServiceArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The node.
    #[arg(value_name = "CLUSTER/NODE")]
    name: String,
    /// For how long from now on: 6h, 3d; at most 14d.
    #[arg(long = "for", value_name = "TIME", value_parser = ask::span, required_unless_present = "back")]
    lasts: Option<Duration>,
    /// What for: whoever is called at night reads it.
    #[arg(long, value_name = "TEXT", required_unless_present = "back")]
    reason: Option<String>,
    /// It is repaired: it is stopped and fenced when it powers up.
    #[arg(long, conflicts_with_all = ["lasts", "reason"])]
    back: bool,
    /// Only says what it would do and what speaks against it; nothing is written.
    #[arg(long)]
    dry_run: bool,
    /// For scripts, instead of both questions: the name again.
    #[arg(long, value_name = "CLUSTER/NODE", conflicts_with = "back")]
    yes_i_have_checked: Option<String>,
    /// Of `--back`: asks no question.
    #[arg(long, requires = "back")]
    yes: bool,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Says what it does and what speaks against it, asks, and tells the daemon.
pub fn run(args: &OutOfServiceArgs) -> Exit {
    let example = "out-of-service pki-ca/ca2 --for 3d --reason 'new mainboard'";
    let (cluster, node) = match ask::node(&args.name, example) {
        Ok(meant) => meant,
        Err(exit) => return exit,
    };
    let plan = match ask::ask(&args.home, question(args, cluster, node, true)) {
        Ok(Answer::Weighed { plan }) => *plan,
        Ok(other) => return ask::unexpected(&other),
        Err(exit) => return exit,
    };
    let refusal = plan.refusal(false);
    if !args.json || refusal.is_some() || args.dry_run {
        print!("{}", order::text(&plan, false));
    }
    if refusal.is_some() || args.dry_run {
        println!("Nothing was done.");
        return match refusal {
            Some(_) => Exit::Refused,
            None => Exit::Good,
        };
    }
    if let Err((why, exit)) = consent(args, node) {
        eprintln!("clusterd: {why}; nothing was said to the daemon");
        return exit;
    }
    match ask::ask(&args.home, question(args, cluster, node, false)) {
        Ok(answer @ Answer::Told { .. }) if args.json => {
            let json = serde_json::to_string_pretty(&answer).expect("plain values are JSON");
            println!("{json}");
            Exit::Good
        }
        Ok(Answer::Told { who, lines }) => {
            for line in lines {
                println!("{}.", harmless(&line));
            }
            println!("Said by {who}.");
            if !args.back {
                println!(
                    "Before it is powered up again: clusterd out-of-service {} --back",
                    args.name
                );
            }
            Exit::Good
        }
        Ok(other) => ask::unexpected(&other),
        Err(exit) => exit,
    }
}

fn question(args: &OutOfServiceArgs, cluster: &str, node: &str, dry_run: bool) -> Ask {
    let (cluster, node) = (cluster.to_owned(), node.to_owned());
    match (args.lasts, &args.reason) {
        (Some(lasts), Some(reason)) => Ask::OutOfService {
            cluster,
            node,
            for_ms: u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX),
            reason: reason.clone(),
            dry_run,
        },
        _ => Ask::BackInService {
            cluster,
            node,
            dry_run,
        },
    }
}

/// The questions, or their answer on the command line. Without consent: why, and how it ends.
fn consent(args: &OutOfServiceArgs, node: &str) -> Result<(), (String, Exit)> {
    if let Some(again) = &args.yes_i_have_checked {
        if *again == args.name {
            return Ok(());
        }
        let why = format!("--yes-i-have-checked names {again}, not {}", args.name);
        return Err((why, Exit::Usage));
    }
    if args.yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let says = match args.back {
            true => "--yes".to_owned(),
            false => format!("--yes-i-have-checked {}", args.name),
        };
        let why = format!("there is no terminal to ask at; a script says {says}");
        return Err((why, Exit::Usage));
    }
    let asked = match args.lasts {
        None => asked_for("Is it still without power? Then type: back", "back"),
        Some(lasts) => ask_twice(&args.name, node, lasts),
    };
    asked.map_err(|why| (why, Exit::Refused))
}

fn ask_twice(name: &str, node: &str, lasts: Duration) -> Result<(), String> {
    println!(
        "\nYou are about to give your word that {name} has no power, or no way to its storage,\n\
         and that nobody changes that for {}, or says --back before.\n\
         If it runs, or wakes up, two nodes may write to one disk, and the data are lost. A\n\
         silent console and an unanswered ping do not show that a node is stopped.\n",
        Span(lasts)
    );
    asked_for(
        &format!(
            "Have you seen with your own eyes that {node} has no power, or no cable to its storage? Type its name"
        ),
        node,
    )?;
    asked_for(
        "Who could switch it on knows that too? Type the words: out of service",
        "out of service",
    )
}

fn asked_for(text: &str, wanted: &str) -> Result<(), String> {
    print!("{text}: ");
    io::stdout().flush().map_err(|err| err.to_string())?;
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|err| err.to_string())?;
    match line.trim() == wanted {
        true => Ok(()),
        false => Err(format!("that was not {wanted:?}")),
    }
}
