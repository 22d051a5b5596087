//! `clusterd reload [--dry-run]`: the files are read again by the running daemon.

use std::fmt::Write as _;

use clap::Args;

use super::check::number;
use super::{Exit, HomeArgs, ask};
use crate::control::{Answer, Ask, Change, ClusterChange, ReloadReport};
use crate::logfile::harmless;

/// Has the daemon read all files again; only what differs is touched.
///
/// Cluster files, chat scripts and clusterd.yaml are read, checked and compared whole. A fault in any
/// of them changes nothing for anybody. Consoles whose settings stay as they are stay connected. A
/// cluster in the middle of a switch keeps its script until it is done, one in HOLD until the HOLD
/// ends: `status` shows what waits. SIGHUP does the same.
///
/// Exit codes: 0 done, or nothing to do; 1 faults in files; 3 the daemon does not run; 4 refused.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// Only says what would change.
    #[arg(long)]
    dry_run: bool,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Tells the daemon, and prints what came of it.
pub fn run(args: &ReloadArgs) -> Exit {
    let question = Ask::Reload {
        dry_run: args.dry_run,
    };
    let answer = match ask::ask(&args.home, question) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    if args.json && matches!(answer, Answer::Reloaded { .. } | Answer::Faulty { .. }) {
        let json = serde_json::to_string_pretty(&answer).expect("plain values are JSON");
        println!("{json}");
        return match answer {
            Answer::Faulty { .. } => Exit::Faults,
            _ => Exit::Good,
        };
    }
    match answer {
        Answer::Reloaded { report } => {
            print!("{}", text(&report));
            Exit::Good
        }
        Answer::Faulty { faults } => {
            for fault in &faults {
                eprintln!("{}", harmless(fault));
            }
            eprintln!(
                "clusterd: nothing was changed, what was guarded is guarded as before; `clusterd check` shows the lines"
            );
            Exit::Faults
        }
        other => ask::unexpected(&other),
    }
}

/// The report for people.
fn text(report: &ReloadReport) -> String {
    let mut out = String::new();
    for cluster in &report.clusters {
        out.push_str(&cluster_text(cluster, report.dry_run));
    }
    for what in &report.host {
        let _ = writeln!(out, "clusterd.yaml  {}", harmless(what));
    }
    let count = |change| {
        let clusters = report.clusters.iter();
        clusters.filter(|one| one.change == change).count()
    };
    let would = if report.dry_run {
        "Nothing was changed; a reload would touch"
    } else {
        "Touched"
    };
    if report.clusters.is_empty() && report.host.is_empty() {
        let _ = writeln!(
            out,
            "No difference: {} as before.",
            number(report.same, "cluster")
        );
        return out;
    }
    let waits = report.clusters.iter().filter(|one| one.waits.is_some());
    let waits = match waits.count() {
        0 => String::new(),
        count => format!(", {count} of them later (clusterd status)"),
    };
    let _ = writeln!(
        out,
        "{would}: {} added, {} changed, {} removed{waits}. {} as before.",
        count(Change::Added),
        count(Change::Changed),
        count(Change::Removed),
        number(report.same, "cluster"),
    );
    out
}

fn cluster_text(one: &ClusterChange, dry_run: bool) -> String {
    let word = match one.change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
    };
    let mut out = format!("{}  {word}\n", harmless(&one.cluster));
    for what in &one.what {
        let _ = writeln!(out, "  {}", harmless(what));
    }
    if let Some(until) = &one.waits {
        let verb = if dry_run { "would wait" } else { "waits" };
        let _ = writeln!(out, "  {verb} until {}", harmless(until));
    }
    for left in &one.left {
        let _ = writeln!(out, "  {}", harmless(left));
    }
    out
}
