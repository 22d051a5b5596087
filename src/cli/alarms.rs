//! `clusterd alarms`: what is wrong, who takes care of it, who was told; and a test of a route.

mod render;

use clap::{Args, Subcommand};

use super::{DEFAULT_HOME, Exit, HomeArgs, ask};
use crate::alarm::HOST;
use crate::control::{Answer, Ask};

/// Lists the alarms: those that are open with who takes care of them and who was told, those that ended
/// lately, and how the routes are on which they leave this host.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_precedence_over_arg = true
)]
pub struct AlarmsArgs {
    #[command(subcommand)]
    command: Option<AlarmsCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum AlarmsCommand {
    Test(TestArgs),
}

/// Sends a message by one route that says it is a test, and tells what came of it.
///
/// It goes the way that every alarm goes, password and all. It ends with 0 when the other side took the
/// message, with 1 when it did not. A route that failed and takes it is well again: what waits is sent at once.
#[derive(Debug, Args)]
struct TestArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The route, as `clusterd.yaml` names it.
    #[arg(value_name = "ROUTE")]
    route: String,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// The home directory, which holds clist/, chat-scripts/, logs/ and the journal.
    #[arg(long, env = "CLUSTER_HOME", value_name = "DIR")]
    home: Option<std::path::PathBuf>,
    /// Only this cluster's, and the host's own.
    #[arg(value_name = "CLUSTER")]
    cluster: Option<String>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Lists, or tries a route.
pub fn run(args: &AlarmsArgs) -> Exit {
    match &args.command {
        Some(AlarmsCommand::Test(test)) => try_route(test),
        None => list(&args.list),
    }
}

fn list(args: &ListArgs) -> Exit {
    let home = args.home.clone().unwrap_or_else(|| DEFAULT_HOME.into());
    let home = HomeArgs { home };
    let question = Ask::Alarms {
        cluster: args.cluster.clone().filter(|name| name != HOST),
    };
    let list = match ask::ask(&home, question) {
        Ok(Answer::Alarms { list }) => list,
        Ok(other) => return ask::unexpected(&other),
        Err(exit) => return exit,
    };
    if args.json {
        let json = serde_json::to_string_pretty(&list).expect("plain values are JSON");
        println!("{json}");
    } else {
        print!("{}", render::render(&list, super::status::width()));
    }
    Exit::Good
}

fn try_route(args: &TestArgs) -> Exit {
    let question = Ask::TestRoute {
        route: args.route.clone(),
    };
    match ask::ask(&args.home, question) {
        Ok(Answer::Tested {
            good,
            text,
            took_ms,
        }) => {
            let route = &args.route;
            if good {
                println!("{route}: the test message was taken in {took_ms} ms: {text}");
                return Exit::Good;
            }
            eprintln!(
                "clusterd: {route}: the test message was not taken, after {took_ms} ms: {text}"
            );
            Exit::Faults
        }
        Ok(other) => ask::unexpected(&other),
        Err(exit) => exit,
    }
}
