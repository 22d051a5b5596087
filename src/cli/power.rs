//! `clusterd power CLUSTER/NODE status`: asks the power legs of a node, to see that they
//! can be asked before they are needed. It switches nothing, and wants no daemon.

use std::io;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::runtime::Builder;
use tokio::task::JoinError;

use super::{Exit, HomeArgs};
use crate::config::{self, Loaded, Node, Weight};
use crate::exec::{PowerLeg, PowerState};
use crate::home::scripts::color;
use crate::home::{Home, power};

/// Asks every power leg of a node for its state, and switches nothing.
///
/// Exit codes as a fence agent's: 0 on, 2 off, every leg says so; 1 unknown.
#[derive(Debug, Args)]
pub struct PowerArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The node.
    #[arg(value_name = "CLUSTER/NODE")]
    node: String,
    /// What to do.
    #[arg(value_name = "WHAT")]
    what: What,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Ask for the state.
    Status,
}

/// Asks, prints, and ends with the state.
pub fn run(args: &PowerArgs) -> Exit {
    let What::Status = args.what;
    let home = match Home::open(&args.home.home) {
        Ok(home) => home,
        Err(why) => {
            eprintln!("clusterd: {why}");
            return Exit::NoHome;
        }
    };
    let loaded = config::load(&home);
    let node = match find(&loaded, &args.node) {
        Ok(node) => node,
        Err(why) => {
            eprintln!("clusterd: {why}");
            return Exit::Faults;
        }
    };
    let legs = power::legs(node, home.dir());
    if legs.is_empty() {
        eprintln!(
            "clusterd: {} has no power leg: clist/ names none under `power`",
            args.node
        );
        return Exit::Faults;
    }
    let report = match Report::of(&args.node, &legs) {
        Ok(report) => report,
        Err(why) => {
            eprintln!("clusterd: the legs cannot be asked: {why}");
            return Exit::Faults;
        }
    };
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&report).expect("plain data is JSON")
        );
    } else {
        report.print();
    }
    match report.state {
        State::On => Exit::Good,
        State::Off => Exit::Off,
        State::Unknown => Exit::Faults,
    }
}

/// The node that is meant, or why there is none.
fn find<'l>(loaded: &'l Loaded, named: &str) -> Result<&'l Node, String> {
    let Some((cluster, node)) = named.split_once('/') else {
        return Err("name the node as CLUSTER/NODE, as in: power pki-ca/ca1 status".to_owned());
    };
    if let Some(refused) = loaded
        .refused
        .iter()
        .find(|refused| refused.name.as_deref() == Some(cluster))
    {
        for fault in loaded
            .faults_of(&refused.file)
            .filter(|fault| fault.weight == Weight::Error)
        {
            eprintln!("{}", loaded.render(fault, color()));
        }
        return Err(format!(
            "{} has errors, and its legs are not asked",
            refused.file
        ));
    }
    let found = loaded
        .clusters
        .iter()
        .find(|found| found.name.as_str() == cluster);
    let Some(found) = found else {
        let names: Vec<&str> = loaded
            .clusters
            .iter()
            .map(|cluster| cluster.name.as_str())
            .collect();
        return Err(format!(
            "there is no cluster {}; there are: {}",
            cluster.escape_debug(),
            names.join(", ")
        ));
    };
    let mut nodes = found.nodes.iter();
    match nodes.find(|(name, _)| name.as_str() == node) {
        Some((_, node)) => Ok(node),
        None => {
            let names: Vec<&str> = found
                .nodes
                .keys()
                .map(crate::name::NodeName::as_str)
                .collect();
            Err(format!(
                "{cluster} has no node {}; it has: {}",
                node.escape_debug(),
                names.join(", ")
            ))
        }
    }
}

/// What each leg says, and how long it took.
async fn ask_all(legs: &[PowerLeg]) -> Vec<(PowerState, Duration)> {
    let ask = |leg: PowerLeg| async move {
        let start = Instant::now();
        (leg.status().await, start.elapsed())
    };
    let asked: Vec<_> = legs
        .iter()
        .cloned()
        .map(|leg| tokio::spawn(ask(leg)))
        .collect();
    let mut said = Vec::new();
    for asked in asked {
        let crashed = |why: JoinError| (PowerState::Unknown(why.to_string()), Duration::ZERO);
        said.push(asked.await.unwrap_or_else(crashed));
    }
    said
}

/// What was said. Keys are only ever added.
#[derive(Debug, Serialize)]
struct Report<'a> {
    node: &'a str,
    state: State,
    legs: Vec<LegReport>,
}

#[derive(Debug, Serialize)]
struct LegReport {
    leg: String,
    state: State,
    /// Why the state is unknown.
    why: Option<String>,
    took_millis: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    On,
    Off,
    Unknown,
}

impl<'a> Report<'a> {
    /// Asks all legs at once.
    fn of(node: &'a str, legs: &[PowerLeg]) -> io::Result<Report<'a>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let said = runtime.block_on(ask_all(legs));
        let legs: Vec<LegReport> = legs
            .iter()
            .zip(said)
            .map(|(leg, (said, took))| LegReport::of(leg, said, took))
            .collect();
        let state = match legs.as_slice() {
            legs if legs.iter().any(|leg| leg.state == State::Unknown) => State::Unknown,
            legs if legs.iter().all(|leg| leg.state == State::Off) => State::Off,
            _ => State::On,
        };
        Ok(Report { node, state, legs })
    }

    fn print(&self) {
        let width = self
            .legs
            .iter()
            .map(|leg| leg.leg.chars().count())
            .max()
            .unwrap_or(0);
        for (n, leg) in self.legs.iter().enumerate() {
            let said = match (leg.state, &leg.why) {
                (_, Some(why)) => format!("unknown: {why}"),
                (State::Off, None) => "off".to_owned(),
                (State::On | State::Unknown, None) => "on".to_owned(),
            };
            println!("leg {}  {:width$}  {said}", n + 1, leg.leg);
        }
        let state = match self.state {
            State::On => "ON",
            State::Off => "OFF",
            State::Unknown => "UNKNOWN",
        };
        println!("Status: {state}");
    }
}

impl LegReport {
    fn of(leg: &PowerLeg, said: PowerState, took: Duration) -> LegReport {
        let (state, why) = match said {
            PowerState::On => (State::On, None),
            PowerState::Off => (State::Off, None),
            PowerState::Unknown(why) => (State::Unknown, Some(why)),
        };
        LegReport {
            leg: leg.to_string(),
            state,
            why,
            took_millis: took.as_millis(),
        }
    }
}
