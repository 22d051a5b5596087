//! `clusterd availability [CLUSTER]`: how much of the time the service was there, and what became of the
//! rest.

mod render;

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::json;

use super::events::since;
use super::journal::Book;
use super::{Exit, HomeArgs};
use crate::config;
use crate::control::{EventLine, EventsAsked};
use crate::logfile::harmless;
use crate::machine::availability::{Availability, Ledger, Spell};
use crate::store::EntryKind;

/// The version of what `--json` prints. Keys are only ever added within one.
const VERSION: u32 = 1;

/// Shows how available the services were: up, degraded, down (planned and unplanned) and unknown, outages,
/// switchovers, mean time between failures and to repair. All clusters with a line each, the worst first,
/// or all of one.
///
/// Without a running daemon it reads the journal's file, and says so. Time in which nobody watched is
/// called unknown.
#[derive(Debug, Args)]
pub struct AvailabilityArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// All of this cluster; also of one that is not guarded any more.
    #[arg(value_name = "CLUSTER")]
    cluster: Option<String>,
    /// From this time on (UTC): 2026-11-21, "2026-11-21 22:01", 2026-11-21T22:01:02.345Z; or so long ago:
    /// 90s, 15m, 2h, 30d [default: all that the journal tells].
    #[arg(long, value_name = "TIME", value_parser = since)]
    from: Option<u64>,
    /// Up to this time [default: now].
    #[arg(long, value_name = "TIME", value_parser = since)]
    to: Option<u64>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// One cluster's.
struct Found {
    cluster: String,
    availability: Availability,
}

/// Prints. It ends with 0 whatever the journal says.
pub fn run(args: &AvailabilityArgs) -> Exit {
    match text(args) {
        Ok(text) => {
            // Whoever read our output has enough.
            let _ = io::stdout().lock().write_all(text.as_bytes());
            Exit::Good
        }
        Err(exit) => exit,
    }
}

fn text(args: &AvailabilityArgs) -> Result<String, Exit> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
    // Nobody knows what is yet to come.
    let to = args.to.unwrap_or(now).min(now);
    if args.from.is_some_and(|from| from >= to) {
        eprintln!("clusterd: --from is not before --to, or not before now");
        return Err(Exit::Usage);
    }
    let mut book = Book::open(&args.home)?;
    let names = match &args.cluster {
        Some(cluster) => vec![cluster.clone()],
        None => guarded(&book),
    };
    let host = lines(&mut book, "")?;
    let mut found = Vec::new();
    for cluster in names {
        let own = lines(&mut book, &cluster)?;
        let end = watched_until(&book, now, &own);
        let spells = spells(&host, &own, end);
        let Some(first) = spells.first() else {
            if args.cluster.is_some() && !args.json {
                return Ok(untold(&cluster));
            }
            let availability = Availability::of(&spells, args.from.unwrap_or(to), to);
            found.push(Found {
                cluster,
                availability,
            });
            continue;
        };
        let from = args.from.unwrap_or(first.from_ms).min(to);
        let availability = Availability::of(&spells, from, to);
        found.push(Found {
            cluster,
            availability,
        });
    }
    found.sort_by_key(|one| {
        (
            one.availability.available_ppm.unwrap_or(u32::MAX),
            one.cluster.clone(),
        )
    });
    Ok(match (args.json, &args.cluster, found.as_slice()) {
        (true, ..) => as_json(&found),
        (false, Some(_), [one]) => render::whole(&one.cluster, &one.availability),
        _ => render::overview(&found),
    })
}

fn untold(cluster: &str) -> String {
    let name = harmless(cluster);
    format!(
        "The journal tells nothing of the service of {name}: nobody has watched it, or a clusterd that did not count.\n"
    )
}

/// The clusters that the files name, whether they are right or not.
fn guarded(book: &Book) -> Vec<String> {
    let loaded = config::load(book.home());
    let good = loaded.clusters.iter().map(|one| one.name.to_string());
    let refused = loaded.refused.iter().filter_map(|one| one.name.clone());
    good.chain(refused).collect()
}

fn lines(book: &mut Book, cluster: &str) -> Result<Vec<EventLine>, Exit> {
    let pages = book.all(EventsAsked {
        cluster: Some(cluster.to_owned()),
        kinds: vec![EntryKind::Service],
        since_ms: Some(0),
        ..EventsAsked::default()
    })?;
    Ok(pages.into_iter().flat_map(|page| page.lines).collect())
}

/// Until when somebody has watched: until now, if a daemon answers.
fn watched_until(book: &Book, now: u64, own: &[EventLine]) -> u64 {
    if book.lives() {
        return now;
    }
    let beat = book.beat().map_or(0, |beat| beat.until_ms);
    let last = own.last().map_or(0, |line| line.at_ms);
    beat.max(last).min(now)
}

/// What the host and the cluster say, in the order of their writing.
fn spells(host: &[EventLine], own: &[EventLine], end: u64) -> Vec<Spell> {
    let mut ledger = Ledger::default();
    let mut all: Vec<&EventLine> = host.iter().chain(own).collect();
    all.sort_by_key(|line| line.seq);
    for line in all {
        if let Some(watch) = line.watch() {
            ledger.watch(line.at_ms, &watch);
        } else if let Some(event) = line.event() {
            ledger.event(line.at_ms, &event);
        }
    }
    ledger.close(end)
}

fn as_json(found: &[Found]) -> String {
    let clusters: Vec<_> = found
        .iter()
        .map(|one| {
            let mut object = json!(one.availability);
            object["cluster"] = json!(one.cluster);
            object
        })
        .collect();
    format!("{:#}\n", json!({ "v": VERSION, "clusters": clusters }))
}
