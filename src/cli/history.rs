//! `clusterd history CLUSTER`: who had the package when, and why; with `--switchovers` the timeline of
//! each switchover, phase by phase.

mod timeline;

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use super::events::{in_journal, nothing, since};
use super::journal::Book;
use super::{Exit, HomeArgs};
use crate::config::{self, Targets};
use crate::control::{EVENT_VERSION, EventLine, EventPage, EventsAsked};
use crate::logfile::harmless;
use crate::machine::timeline::{Switchover, Timeline};
use crate::scribe::stamp;
use crate::store::{EntryKind, PAGE, from_millis};

/// What stays in the journal for ever, and tells who had the package.
const KEPT: [EntryKind; 8] = [
    EntryKind::Role,
    EntryKind::Intent,
    EntryKind::Result,
    EntryKind::Word,
    EntryKind::Siege,
    EntryKind::Hold,
    EntryKind::HostId,
    EntryKind::Boot,
];

/// Shows who had the package when: roles, fences and boots with what came of them, holds, sieges and
/// people's words. With --switchovers it shows each switchover with its phases and how long they took.
///
/// Without a running daemon it reads the journal's file, and says so.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
    /// The timeline of each switchover, against the targets of the cluster file.
    #[arg(long)]
    switchovers: bool,
    /// The last N lines, or with --switchovers switchovers [default: 100, or 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE)))]
    last: Option<u32>,
    /// Only since this time (UTC): 2026-11-21, "2026-11-21 22:01", 2026-11-21T22:01:02.345Z; or so
    /// long ago: 90s, 15m, 2h, 3d.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<u64>,
    /// Prints JSON instead of text: one object a line, or with --switchovers one object.
    #[arg(long)]
    json: bool,
}

/// Prints. It ends with 0 whatever the journal says.
pub fn run(args: &HistoryArgs) -> Exit {
    let text = if args.switchovers {
        switchovers(args)
    } else {
        lines(args)
    };
    match text {
        Ok(text) => {
            // Whoever read our output has enough.
            let _ = io::stdout().lock().write_all(text.as_bytes());
            Exit::Good
        }
        Err(exit) => exit,
    }
}

fn lines(args: &HistoryArgs) -> Result<String, Exit> {
    let mut book = Book::open(&args.home)?;
    let last = args.last.unwrap_or(100);
    let asked = EventsAsked {
        cluster: Some(in_journal(&args.cluster)),
        kinds: KEPT.to_vec(),
        since_ms: args.since,
        limit: if args.since.is_some() { PAGE } else { last },
        ..EventsAsked::default()
    };
    let pages = book.all(asked)?;
    let all: Vec<&EventLine> = pages.iter().flat_map(|page| &page.lines).collect();
    let skip = match args.last {
        Some(last) => all
            .len()
            .saturating_sub(usize::try_from(last).unwrap_or(usize::MAX)),
        None => 0,
    };
    if all.is_empty() && !args.json {
        return Ok(nothing(Some(&args.cluster), args.since));
    }
    Ok(all[skip..]
        .iter()
        .map(|line| {
            if args.json {
                format!("{}\n", json!(line))
            } else {
                plain(line)
            }
        })
        .collect())
}

fn plain(line: &EventLine) -> String {
    let subject = match line.subject.as_str() {
        "" => String::new(),
        subject => format!("{subject}: "),
    };
    let text = format!(
        "{}  {:<7}  {subject}{}",
        stamp(from_millis(line.at_ms)),
        line.kind,
        line.text
    );
    format!("{}\n", harmless(&text))
}

fn switchovers(args: &HistoryArgs) -> Result<String, Exit> {
    let mut book = Book::open(&args.home)?;
    let asked = EventsAsked {
        cluster: Some(in_journal(&args.cluster)),
        kinds: vec![EntryKind::Event, EntryKind::Hold],
        // Without a time: from the beginning.
        since_ms: Some(args.since.unwrap_or(0)),
        ..EventsAsked::default()
    };
    let read = read(&book.all(asked)?);
    let all = read.switchovers();
    let last = usize::try_from(args.last.unwrap_or(3)).unwrap_or(usize::MAX);
    let shown = &all[all.len().saturating_sub(last)..];
    let targets = targets(&book, &args.cluster);
    if args.json {
        return Ok(as_json(&args.cluster, shown, targets));
    }
    if shown.is_empty() {
        let then = args.since.map_or("", |_| " since then");
        let name = harmless(&args.cluster);
        return Ok(format!("The journal has no switchover of {name}{then}.\n"));
    }
    let texts = shown.iter().map(|one| timeline::render(one, targets));
    let text = texts.collect::<Vec<_>>().join("\n");
    Ok(format!(
        "{text}\n{}\n",
        timeline::count(all.len(), shown.len())
    ))
}

/// Finds the switchovers in a cluster's entries.
fn read(pages: &[EventPage]) -> Timeline {
    let mut timeline = Timeline::default();
    for line in pages.iter().flat_map(|page| &page.lines) {
        if line.kind == EntryKind::Hold {
            let why = Some(line.text.as_str()).filter(|text| *text != "HOLD ended");
            timeline.hold(why);
        } else if let Some(event) = line.event() {
            timeline.event(line.at_ms, &event);
        }
    }
    timeline
}

/// What the cluster's file states now; nothing where it cannot be read.
fn targets(book: &Book, cluster: &str) -> Targets {
    let clusters = config::load(book.home()).clusters;
    let found = clusters.iter().find(|one| one.name.as_str() == cluster);
    let package = found.and_then(|one| one.packages.values().next());
    package.map(|package| package.targets).unwrap_or_default()
}

fn as_json(cluster: &str, switchovers: &[Switchover], targets: Targets) -> String {
    let all: Vec<_> = switchovers
        .iter()
        .map(|one| {
            let mut object = json!(one);
            object["measured"] = json!(timeline::measured(one, targets));
            object
        })
        .collect();
    let object = json!({ "v": EVENT_VERSION, "cluster": cluster, "switchovers": all });
    format!("{object:#}\n")
}
