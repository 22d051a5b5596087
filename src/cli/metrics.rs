//! `clusterd metrics`.

use std::io::{self, Write as _};

use clap::Args;

use super::man::printed;
use super::{Exit, HomeArgs, ask};
use crate::control::{Answer, Ask};

/// Prints the metrics, in Prometheus' text format.
///
/// It is what `http://…/metrics` gives where `metrics:` in clusterd.yaml names an address. For the textfile
/// collector of node_exporter: clusterd metrics > FILE.prom.new && mv FILE.prom.new FILE.prom
#[derive(Debug, Args)]
pub struct MetricsArgs {
    #[command(flatten)]
    home: HomeArgs,
}

/// Asks the daemon.
pub fn run(args: &MetricsArgs) -> Exit {
    match ask::ask(&args.home, Ask::Metrics) {
        Ok(Answer::Metrics { text }) => printed(io::stdout().write_all(text.as_bytes())),
        Ok(other) => ask::unexpected(&other),
        Err(exit) => exit,
    }
}
