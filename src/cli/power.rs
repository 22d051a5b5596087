//! `clusterd power CLUSTER/NODE status`: asks the power legs of a node, to see that they
//! can be asked before they are needed. It switches nothing. Where a daemon runs it is the daemon
//! that asks: it holds the passwords, and knows what its own fences have to say to the same switch.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, ValueEnum};
use serde::Serialize;
use tokio::runtime::Builder;

use super::{Exit, HomeArgs, ask};
use crate::config::{self, Loaded, Node, Weight};
use crate::control::{Answer, Ask, ClientError, LegReport, LegState, PowerReport, Refusal};
use crate::daemon::power_report;
use crate::exec::Switches;
use crate::home::scripts::color;
use crate::home::{Home, power};
use crate::logfile::harmless;

/// Asks every power leg of a node for its state, and switches nothing.
///
/// Where a daemon runs on the home it asks, for whoever has the right `power`; else the command asks by
/// itself. Exit codes as a fence agent's: 0 on, 2 off, every leg says so; 1 unknown; and 4 refused.
#[derive(Debug, Args)]
pub struct PowerArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The node.
    #[arg(value_name = "CLUSTER/NODE")]
    node: String,
    /// What to do.
    #[arg(value_name = "WHAT", value_parser = ReadsWhat)]
    what: What,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Asks the legs by itself, also where a daemon runs: as you, with what secrets you may read.
    #[arg(long)]
    direct: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Ask for the state.
    Status,
    #[value(skip)]
    Off,
    #[value(skip)]
    On,
}

/// Offers `status` alone, and knows the orders that nobody gives, to say what is done instead.
#[derive(Clone, Debug)]
struct ReadsWhat;

impl TypedValueParser for ReadsWhat {
    type Value = What;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<What, clap::Error> {
        match value.to_str() {
            Some("off") => Ok(What::Off),
            Some("on") => Ok(What::On),
            _ => EnumValueParser::new().parse_ref(command, arg, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let offered = What::value_variants().iter();
        Some(Box::new(offered.filter_map(What::to_possible_value)))
    }
}

/// Asks, prints, and ends with the state.
pub fn run(args: &PowerArgs) -> Exit {
    if let Some(instead) = instead_of(args.what, &args.node) {
        eprintln!("clusterd: {instead}");
        // Not 2, as for other wrong usage: 2 says off here.
        return Exit::Faults;
    }
    match report(args) {
        Ok(printed) => printed.print(args.json),
        Err(exit) => exit,
    }
}

/// What is done instead of an order that nobody gives by hand.
fn instead_of(what: What, node: &str) -> Option<String> {
    let node = harmless(node);
    let cluster = node.split('/').next().unwrap_or_default();
    match what {
        What::Status => None,
        What::Off => Some(format!(
            "nobody switches off by hand: the journal would have no intent of it, and nothing would be proved; \
             `clusterd fence {node}` stops the node by its script's procedures, its power among them where they have it"
        )),
        What::On => Some(format!(
            "nobody switches on by hand through clusterd: a node whose guard is not proved may start by itself, beside \
             another; see that its guard was read (`clusterd status {cluster}`), then use the leg's own tool (its fence agent, ipmitool)"
        )),
    }
}

/// Who asked the legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum AskedBy {
    Daemon,
    #[serde(rename = "self")]
    Itself,
}

/// What was said, as it is printed. Keys are only ever added.
#[derive(Debug, Serialize)]
struct Printed {
    #[serde(flatten)]
    report: PowerReport,
    asked_by: AskedBy,
}

/// Asks the daemon, or where none runs the legs.
fn report(args: &PowerArgs) -> Result<Printed, Exit> {
    // Not the code of a wrong usage, which says off here.
    let named = ask::node(&args.node, "power pki-ca/ca1 status");
    let (cluster, node) = named.map_err(|_| Exit::Faults)?;
    if !args.direct
        && let Some(report) = of_daemon(&args.home, cluster, node)?
    {
        return Ok(Printed {
            report,
            asked_by: AskedBy::Daemon,
        });
    }
    let report = by_itself(&args.home, cluster, node)?;
    if !args.direct && report.state == LegState::Unknown {
        eprintln!("clusterd: no daemon runs on this home: this command asked the legs by itself");
    }
    Ok(Printed {
        report,
        asked_by: AskedBy::Itself,
    })
}

/// What the daemon says, if one runs.
fn of_daemon(home: &HomeArgs, cluster: &str, node: &str) -> Result<Option<PowerReport>, Exit> {
    let question = Ask::PowerStatus {
        cluster: cluster.to_owned(),
        node: node.to_owned(),
    };
    let why = match ask::quietly(home, question) {
        Ok(Answer::PowerStatus { report }) => return Ok(Some(*report)),
        Ok(other) => return Err(ask::unexpected(&other)),
        Err(ClientError::NoDaemon { .. }) => return Ok(None),
        Err(why) => why,
    };
    eprintln!("clusterd: {why}");
    let (exit, may_help) = match why {
        ClientError::Refused { code, .. } => match code {
            Refusal::Unknown => (Exit::Faults, false),
            code => (Exit::Refused, code != Refusal::NotYours),
        },
        ClientError::Broken { .. } => (Exit::Faults, true),
        _ => (Exit::Refused, true),
    };
    if may_help {
        eprintln!("clusterd: with --direct this command asks the legs by itself");
    }
    Err(exit)
}

/// Asks the legs that the files name.
fn by_itself(args: &HomeArgs, cluster: &str, node: &str) -> Result<PowerReport, Exit> {
    let failed = |exit: Exit, why: String| {
        eprintln!("clusterd: {why}");
        exit
    };
    let home = Home::open(&args.home).map_err(|why| failed(Exit::NoHome, why))?;
    let loaded = config::load(&home);
    let found = find(&loaded, cluster, node).map_err(|why| failed(Exit::Faults, why))?;
    let legs = power::legs(found, home.dir());
    let name = format!("{cluster}/{node}");
    if legs.is_empty() {
        let why = format!("{name} has no power leg: clist/ names none under `power`");
        return Err(failed(Exit::Faults, why));
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let no_runtime =
        |why: io::Error| failed(Exit::Faults, format!("the legs cannot be asked: {why}"));
    let runtime = runtime.map_err(no_runtime)?;
    // Each leg has its own end.
    let switches = Arc::new(Switches::default());
    Ok(runtime.block_on(power_report(name, &legs, &switches, Duration::MAX)))
}

/// The node that is meant, or why there is none.
fn find<'l>(loaded: &'l Loaded, cluster: &str, node: &str) -> Result<&'l Node, String> {
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

impl Printed {
    fn print(&self, json: bool) -> Exit {
        if json {
            let text = serde_json::to_string_pretty(self).expect("plain data is JSON");
            println!("{text}");
        } else {
            print_text(&self.report);
        }
        match self.report.state {
            LegState::On => Exit::Good,
            LegState::Off => Exit::Off,
            LegState::Unknown => Exit::Faults,
        }
    }
}

fn print_text(report: &PowerReport) {
    let name = |leg: &LegReport| harmless(&leg.leg).to_string();
    let widths = report.legs.iter().map(|leg| name(leg).chars().count());
    let width = widths.max().unwrap_or(0);
    for (n, leg) in report.legs.iter().enumerate() {
        let said = match (leg.state, &leg.why) {
            (_, Some(why)) => format!("unknown: {}", harmless(why)),
            (LegState::On, None) => "on".to_owned(),
            (LegState::Off, None) => "off".to_owned(),
            (LegState::Unknown, None) => "unknown".to_owned(),
        };
        println!("leg {}  {:width$}  {said}", n + 1, name(leg));
    }
    let state = match report.state {
        LegState::On => "ON",
        LegState::Off => "OFF",
        LegState::Unknown => "UNKNOWN",
    };
    println!("Status: {state}");
}
