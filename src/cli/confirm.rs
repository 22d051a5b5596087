//! `clusterd confirm`: an operator's word, that a node is stopped or that the monitor is well,
//! asked for twice.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::{Args, ValueEnum};

use super::{Exit, HomeArgs, ask};
use crate::control::{Answer, Ask, Word};

/// Gives your word: that a node is stopped, or that the monitor is well.
///
/// `CLUSTER/NODE stopped`: the node is stopped and cannot start by itself. clusterd takes it as
/// proof, for five minutes and one step, and boots the other node. If the node is not stopped,
/// two nodes will write to one disk, and the data are lost.
///
/// `CLUSTER well`: what clusterd holds against itself (`impaired` in `status`) is no reason to hold
/// takeovers of this cluster. It counts for half an hour, or until the doubt is over; a doubt of
/// another kind holds them again. It proves nothing about any node.
///
/// It asks twice, and writes down who said it.
#[derive(Debug, Args)]
pub struct ConfirmArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The node, or the cluster.
    #[arg(value_name = "CLUSTER[/NODE]")]
    name: String,
    /// What you confirm.
    #[arg(value_name = "WHAT")]
    what: What,
    /// For scripts, instead of both questions: the name again.
    #[arg(long, value_name = "CLUSTER[/NODE]")]
    yes_i_have_checked: Option<String>,
}

/// What can be confirmed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Of a node: it has no power, or no way to its disks, and nobody will change that.
    Stopped,
    /// Of a cluster: clusterd's doubt about itself is no reason to hold its takeovers.
    Well,
}

/// Asks, and tells the daemon.
pub fn run(args: &ConfirmArgs) -> Exit {
    let (cluster, node) = match meant(args) {
        Ok(meant) => meant,
        Err(exit) => return exit,
    };
    let consent = consent(args, |args| match node {
        Some(node) => ask_about_node(args, cluster, node),
        None => ask_about_monitor(args, cluster),
    });
    if let Err((why, exit)) = consent {
        eprintln!("clusterd: {why}; nothing was said to the daemon");
        return exit;
    }
    let question = Ask::Say {
        cluster: cluster.to_owned(),
        word: match args.what {
            What::Stopped => Word::Confirm,
            What::Well => Word::Well,
        },
        node: node.map(str::to_owned),
    };
    ask::told(&args.home, cluster, question)
}

/// The cluster and, of a node, its name.
fn meant(args: &ConfirmArgs) -> Result<(&str, Option<&str>), Exit> {
    match args.what {
        What::Stopped => ask::node(&args.name, "confirm pki-ca/ca1 stopped")
            .map(|(cluster, node)| (cluster, Some(node))),
        What::Well if args.name.contains('/') => {
            eprintln!("clusterd: name the cluster alone, as in: clusterd confirm pki-ca well");
            Err(Exit::Usage)
        }
        What::Well => Ok((&args.name, None)),
    }
}

/// Both questions, or their answer on the command line. Without consent: why, and how it ends.
fn consent(
    args: &ConfirmArgs,
    ask: impl Fn(&ConfirmArgs) -> Result<(), String>,
) -> Result<(), (String, Exit)> {
    if let Some(again) = &args.yes_i_have_checked {
        if *again == args.name {
            return Ok(());
        }
        let why = format!("--yes-i-have-checked names {again}, not {}", args.name);
        return Err((why, Exit::Usage));
    }
    if !io::stdin().is_terminal() {
        let why = format!(
            "there is no terminal to ask at; a script says --yes-i-have-checked {}",
            args.name
        );
        return Err((why, Exit::Usage));
    }
    ask(args).map_err(|why| (why, Exit::Refused))
}

fn ask_about_node(args: &ConfirmArgs, cluster: &str, node: &str) -> Result<(), String> {
    let name = &args.name;
    println!(
        "You are about to give your word that {name} is stopped: that it has no power, or\n\
         no way to its disks, and cannot get them back by itself.\n\
         \n\
         clusterd will take that as proof, for five minutes, and boot the other node from the\n\
         same disk. If {name} runs, or wakes up, both write to that disk, and the data on it\n\
         are lost. A silent console and an unanswered ping do not show that a node is stopped.\n"
    );
    show(args, cluster)?;
    question(
        &format!(
            "Have you seen with your own eyes, or at its power switch, that {node} is stopped? Type its name"
        ),
        node,
    )?;
    question(
        "It must stay so until clusterd has booted the other node. Type the word: stopped",
        "stopped",
    )
}

fn ask_about_monitor(args: &ConfirmArgs, cluster: &str) -> Result<(), String> {
    println!(
        "You are about to give your word that clusterd, its host and its cables are well, although\n\
         it doubts that itself (\"impaired\" below). Takeovers of {cluster} are then not held any\n\
         more, for half an hour. No node counts as stopped by it: each is proved stopped as ever.\n\
         If the fault is on this side after all, a node that serves may be stopped for nothing.\n"
    );
    show(args, cluster)?;
    question(
        &format!("Have you looked at what it doubts, for {cluster}? Type the cluster's name"),
        cluster,
    )?;
    question("Type the word: well", "well")
}

/// How the cluster is, before a word is given about it.
fn show(args: &ConfirmArgs, cluster: &str) -> Result<(), String> {
    let question = Ask::Status {
        cluster: Some(cluster.to_owned()),
    };
    let Ok(Answer::Status { report }) = ask::ask(&args.home, question) else {
        return Err("the daemon does not tell how the cluster is".to_owned());
    };
    let width = super::status::width();
    print!(
        "{}",
        super::status::render(&report, super::status::Ink::Plain, width)
    );
    println!();
    Ok(())
}

fn question(text: &str, wanted: &str) -> Result<(), String> {
    print!("{text}: ");
    io::stdout().flush().map_err(|err| err.to_string())?;
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|err| err.to_string())?;
    if line.trim() == wanted {
        Ok(())
    } else {
        Err(format!("that was not {wanted:?}"))
    }
}
