//! `clusterd ack CLUSTER[/PACKAGE] CODE`.

use clap::Args;

use super::{Exit, HomeArgs, ask};
use crate::alarm::HOST;
use crate::control::{Answer, Ask};

/// Says that you take care of an alarm: it is not sent again.
///
/// Who says it is written down, and everybody whom the alarm was sent to is told. It stays open until its
/// cause is gone. When it gets worse, or is over and comes back, it is sent again.
#[derive(Debug, Args)]
pub struct AckArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// What the alarm is about, as `clusterd alarms` has it; `@host` is the monitoring host.
    #[arg(value_name = "CLUSTER[/PACKAGE]")]
    name: String,
    /// The alarm's code.
    #[arg(value_name = "CODE")]
    code: String,
    /// What you do about it, for the others.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Tells the daemon.
pub fn run(args: &AckArgs) -> Exit {
    let (cluster, package) = args.name.split_once('/').unwrap_or((&args.name, ""));
    let question = Ask::Acknowledge {
        cluster: if cluster == HOST { "" } else { cluster }.to_owned(),
        package: package.to_owned(),
        code: args.code.clone(),
        reason: args.reason.clone(),
    };
    match ask::ask(&args.home, question) {
        Ok(Answer::Acknowledged { alarm }) => {
            let who = alarm.acknowledged.as_ref().map_or("", |word| &word.who);
            println!("{} {} is acknowledged by {who}.", alarm.name(), alarm.code);
            Exit::Good
        }
        Ok(other) => ask::unexpected(&other),
        Err(exit) => exit,
    }
}
