//! `clusterd confirm CLUSTER/NODE stopped`: an operator's word as proof, asked for twice.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::{Args, ValueEnum};

use super::{Exit, HomeArgs, ask};
use crate::control::{Answer, Ask, Word};

/// Gives your word that a node is stopped and cannot start by itself.
///
/// clusterd takes it as proof, for five minutes and one step, and boots the other node. If
/// the node is not stopped, two nodes will write to one disk, and the data are lost. It asks
/// twice, and writes down who said it.
#[derive(Debug, Args)]
pub struct ConfirmArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The node.
    #[arg(value_name = "CLUSTER/NODE")]
    node: String,
    /// What you confirm.
    #[arg(value_name = "WHAT")]
    what: What,
    /// For scripts, instead of both questions: the node's name again.
    #[arg(long, value_name = "CLUSTER/NODE")]
    yes_i_have_checked: Option<String>,
}

/// What can be confirmed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// The node has no power, or no way to its disks, and nobody will change that.
    Stopped,
}

/// Asks, and tells the daemon.
pub fn run(args: &ConfirmArgs) -> Exit {
    let What::Stopped = args.what;
    let (cluster, node) = match ask::node(&args.node, "confirm pki-ca/ca1 stopped") {
        Ok(parts) => parts,
        Err(exit) => return exit,
    };
    if let Err((why, exit)) = consent(args, node) {
        eprintln!("clusterd: {why}; nothing was said to the daemon");
        return exit;
    }
    let question = Ask::Say {
        cluster: cluster.to_owned(),
        word: Word::Confirm,
        node: Some(node.to_owned()),
    };
    ask::told(&args.home, cluster, question)
}

/// Both questions, or their answer on the command line. Without consent: why, and how it ends.
fn consent(args: &ConfirmArgs, node: &str) -> Result<(), (String, Exit)> {
    if let Some(again) = &args.yes_i_have_checked {
        if *again == args.node {
            return Ok(());
        }
        let why = format!("--yes-i-have-checked names {again}, not {}", args.node);
        return Err((why, Exit::Usage));
    }
    if !io::stdin().is_terminal() {
        let why = format!(
            "there is no terminal to ask at; a script says --yes-i-have-checked {}",
            args.node
        );
        return Err((why, Exit::Usage));
    }
    let unsaid = |why| (why, Exit::Refused);
    explain(args).map_err(unsaid)?;
    question(
        &format!(
            "Have you seen with your own eyes, or at its power switch, that {node} is stopped? Type its name"
        ),
        node,
    )
    .map_err(unsaid)?;
    question(
        "It must stay so until clusterd has booted the other node. Type the word: stopped",
        "stopped",
    )
    .map_err(unsaid)
}

fn explain(args: &ConfirmArgs) -> Result<(), String> {
    let node = &args.node;
    println!(
        "You are about to give your word that {node} is stopped: that it has no power, or\n\
         no way to its disks, and cannot get them back by itself.\n\
         \n\
         clusterd will take that as proof, for five minutes, and boot the other node from the\n\
         same disk. If {node} runs, or wakes up, both write to that disk, and the data on it\n\
         are lost. A silent console and an unanswered ping do not show that a node is stopped.\n"
    );
    if let Some((cluster, _)) = node.split_once('/') {
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
    }
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
