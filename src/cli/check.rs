//! `clusterd check`: every file, script, device and program that the home directory
//! needs, and in words what each data policy accepts. All faults are listed.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::{Exit, HomeArgs};
use crate::config::{self, Cluster, Fault, Weight};
use crate::home::scripts::{ScriptFault, color};
use crate::home::{Home, Inspected, inspect, power};
use crate::name::NodeName;

/// Checks all files of the home directory, and what they name.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Checks, prints, and ends with 1 if there is an error.
pub fn run(args: &CheckArgs) -> Exit {
    let home = match Home::open(&args.home.home) {
        Ok(home) => home,
        Err(why) => {
            eprintln!("clusterd: {why}");
            return Exit::NoHome;
        }
    };
    let mut found = inspect(&home);
    found.loaded.tell(power::ask_agents(&found.loaded, &home));
    if args.json {
        let report = Report::of(&found);
        println!(
            "{}",
            serde_json::to_string_pretty(&report).expect("plain data is JSON")
        );
    } else {
        print!("{}", text(&found));
    }
    if found.has_errors() {
        Exit::Faults
    } else {
        Exit::Good
    }
}

/// The report for people.
fn text(found: &Inspected) -> String {
    let mut out = String::new();
    let loaded = &found.loaded;
    // Writing to a String cannot fail.
    for fault in &loaded.faults {
        let _ = writeln!(out, "{}", loaded.render(fault, color()));
    }
    for fault in &found.scripts {
        out.push_str(&fault.text);
    }
    for cluster in &loaded.clusters {
        describe(cluster, &mut out);
    }
    for refused in &loaded.refused {
        let name = refused.name.as_deref().unwrap_or("?").escape_debug();
        let _ = writeln!(
            out,
            "{name}: NOT guarded, see the errors in {}",
            refused.file
        );
    }
    let (errors, warnings) = counts(found);
    let _ = writeln!(
        out,
        "{} guarded, {} refused; {}, {}",
        number(loaded.clusters.len(), "cluster"),
        loaded.refused.len(),
        number(errors, "error"),
        number(warnings, "warning"),
    );
    out
}

fn describe(cluster: &Cluster, out: &mut String) {
    for (name, package) in &cluster.packages {
        let nodes: Vec<&str> = package.nodes.iter().map(NodeName::as_str).collect();
        let _ = writeln!(
            out,
            "{}: package {name} at {} on {}, script {}",
            cluster.name,
            package.address,
            nodes.join(", "),
            package.script,
        );
        let policy = package.data_policy;
        let _ = writeln!(out, "  {policy}: {}", config::accepts(policy));
    }
}

fn counts(found: &Inspected) -> (usize, usize) {
    let files = found.loaded.faults.iter().map(|fault| fault.weight);
    let scripts = found.scripts.iter().map(|fault| fault.weight);
    let (errors, warnings): (Vec<Weight>, Vec<Weight>) =
        files.chain(scripts).partition(|w| *w == Weight::Error);
    (errors.len(), warnings.len())
}

/// `1 error`, `2 errors`.
pub fn number(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The report for programs. Keys are only ever added.
#[derive(Debug, Serialize)]
struct Report<'a> {
    clusters: Vec<ClusterReport<'a>>,
    faults: Vec<FaultReport<'a>>,
    errors: usize,
    warnings: usize,
}

#[derive(Debug, Serialize)]
struct ClusterReport<'a> {
    name: Option<&'a str>,
    file: &'a str,
    /// Whether `run` would guard it.
    guarded: bool,
    packages: Vec<PackageReport<'a>>,
}

#[derive(Debug, Serialize)]
struct PackageReport<'a> {
    name: &'a str,
    script: &'a str,
    nodes: Vec<&'a str>,
    data_policy: config::DataPolicy,
    accepts: &'static str,
}

/// A fault, for programs.
#[derive(Debug, Serialize)]
pub struct FaultReport<'a> {
    severity: Weight,
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    message: &'a str,
    help: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn of(found: &'a Inspected) -> Report<'a> {
        let loaded = &found.loaded;
        let guarded = loaded.clusters.iter().map(|cluster| ClusterReport {
            name: Some(cluster.name.as_str()),
            file: &cluster.file,
            guarded: true,
            packages: packages(cluster),
        });
        let refused = loaded.refused.iter().map(|refused| ClusterReport {
            name: refused.name.as_deref(),
            file: &refused.file,
            guarded: false,
            packages: Vec::new(),
        });
        let (errors, warnings) = counts(found);
        let of_files = loaded.faults.iter().map(FaultReport::of);
        let of_scripts = found.scripts.iter().map(FaultReport::of_script);
        Report {
            clusters: guarded.chain(refused).collect(),
            faults: of_files.chain(of_scripts).collect(),
            errors,
            warnings,
        }
    }
}

fn packages(cluster: &Cluster) -> Vec<PackageReport<'_>> {
    cluster
        .packages
        .iter()
        .map(|(name, package)| PackageReport {
            name: name.as_str(),
            script: &package.script,
            nodes: package.nodes.iter().map(NodeName::as_str).collect(),
            data_policy: package.data_policy,
            accepts: config::accepts(package.data_policy),
        })
        .collect()
}

impl<'a> FaultReport<'a> {
    /// A fault of a cluster file or of the settings.
    fn of(fault: &'a Fault) -> FaultReport<'a> {
        FaultReport {
            severity: fault.weight,
            file: &fault.file,
            line: fault.place.map(|place| place.line),
            column: fault.place.map(|place| place.column),
            message: &fault.message,
            help: fault.help.as_deref(),
        }
    }

    /// A fault of a chat script.
    pub fn of_script(fault: &'a ScriptFault) -> FaultReport<'a> {
        FaultReport {
            severity: fault.weight,
            file: &fault.file,
            line: Some(fault.line).filter(|line| *line > 0),
            column: Some(fault.column).filter(|column| *column > 0),
            message: &fault.message,
            help: fault.help.as_deref(),
        }
    }
}
