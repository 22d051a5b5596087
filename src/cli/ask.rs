//! What all commands share that talk to a running daemon.

use std::time::Duration;

use super::{Exit, HomeArgs};
use crate::clock::parse_span;
use crate::config;
use crate::control::{Answer, Ask, Client, ClientError};
use crate::home::Home;

/// Cluster and node of `CLUSTER/NODE`; what is none is told, with `example`.
pub(super) fn node<'a>(named: &'a str, example: &str) -> Result<(&'a str, &'a str), Exit> {
    let parts = named.split_once('/');
    parts
        .filter(|(cluster, node)| !cluster.is_empty() && !node.is_empty() && !node.contains('/'))
        .ok_or_else(|| {
            eprintln!("clusterd: name the node as CLUSTER/NODE, as in: clusterd {example}");
            Exit::Usage
        })
}

/// The value of a `--for`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    parse_span(text).ok_or_else(|| "a time is a number and a unit, as in 90m, 2h or 3d".to_owned())
}

/// Asks the daemon of a home; what goes wrong is printed and gives the exit code.
pub(super) fn ask(args: &HomeArgs, ask: Ask) -> Result<Answer, Exit> {
    converse(args, ask).map(|(answer, _)| answer)
}

/// The same; the conversation may go on.
pub(super) fn converse(args: &HomeArgs, ask: Ask) -> Result<(Answer, Client), Exit> {
    attempt(args, ask).map_err(Failure::print)
}

/// Why there is no answer.
pub(super) struct Failure {
    pub exit: Exit,
    pub text: String,
}

impl Failure {
    pub(super) fn print(self) -> Exit {
        eprintln!("clusterd: {}", self.text);
        self.exit
    }
}

/// The same, and nothing is printed.
pub(super) fn attempt(args: &HomeArgs, ask: Ask) -> Result<(Answer, Client), Failure> {
    let home = Home::open(&args.home).map_err(|text| Failure {
        exit: Exit::NoHome,
        text,
    })?;
    let socket = home.path(config::load_settings(&home).control_socket);
    let answer = Client::connect(home.dir(), &socket)
        .and_then(|mut client| client.ask(ask).map(|answer| (answer, client)));
    answer.map_err(|err| Failure {
        exit: match err {
            ClientError::NoDaemon { .. } => Exit::NotRunning,
            ClientError::NotYours { .. } | ClientError::Refused { .. } => Exit::Refused,
            ClientError::Broken { .. } => Exit::Faults,
        },
        text: err.to_string(),
    })
}

/// The same without a word of what goes wrong, for whoever asks again and again.
pub(super) fn quietly(args: &HomeArgs, ask: Ask) -> Result<Answer, ClientError> {
    let home = Home::open(&args.home).map_err(|_| ClientError::NoDaemon {
        socket: args.home.clone(),
        home: args.home.clone(),
    })?;
    let socket = home.path(config::load(&home).settings.control_socket);
    Client::connect(home.dir(), &socket)?.ask(ask)
}

/// Prints what came of an operator's word.
pub(super) fn told(args: &HomeArgs, cluster: &str, question: Ask) -> Exit {
    match ask(args, question) {
        Ok(Answer::Told { who, lines }) => {
            println!("{cluster} was told, by {who}.");
            for line in lines {
                println!("  {line}");
            }
            println!("What it does now: clusterd status {cluster}");
            Exit::Good
        }
        Ok(other) => unexpected(&other),
        Err(exit) => exit,
    }
}

/// An answer to another question.
pub(super) fn unexpected(answer: &Answer) -> Exit {
    eprintln!("clusterd: the daemon gave an answer that does not belong here: {answer:?}");
    Exit::Faults
}
