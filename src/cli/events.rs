//! `clusterd events [CLUSTER] [--follow]`: what happened, and what happens, a line each.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;

use super::journal::Book;
use super::{Exit, HomeArgs};
use crate::alarm::HOST;
use crate::clock::parse_span;
use crate::control::{EventLine, EventsAsked};
use crate::logfile::harmless;
use crate::scribe::stamp;
use crate::store::{EntryKind, PAGE, from_millis};
use crate::transcript::UtcMillis;

/// How long the daemon may wait for the next entry before it says that there is none.
const WAIT: Duration = Duration::from_secs(5);

/// Shows what stands in the journal, a line each: when, which cluster, what sort of thing, and what
/// happened. With --follow it goes on with what happens.
///
/// Without a running daemon it reads the journal's file, and says so; nothing is written. Whoever reads
/// slowly keeps nobody waiting and misses nothing.
#[derive(Debug, Args)]
pub struct EventsArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// Only this cluster; @host is the monitoring host itself.
    #[arg(value_name = "CLUSTER")]
    cluster: Option<String>,
    /// Goes on with what happens, until it is interrupted.
    #[arg(long, short)]
    follow: bool,
    /// Begins with the last N.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(0..=i64::from(PAGE)))]
    last: u32,
    /// Begins at this time (UTC): 2026-11-21, "2026-11-21 22:01", 2026-11-21T22:01:02.345Z; or so long
    /// ago: 90s, 15m, 2h, 3d.
    #[arg(long, value_name = "TIME", value_parser = since, conflicts_with = "last")]
    since: Option<u64>,
    /// Only of these kinds: role, intent, result, evidence, guard, event, word, siege, hold, alarm,
    /// host_id, boot, service.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    kind: Vec<EntryKind>,
    /// Prints one JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

/// Prints. It ends with 0 at the end of the journal, or when nobody reads any more.
pub fn run(args: &EventsArgs) -> Exit {
    match show(args) {
        Ok(()) => Exit::Good,
        Err(exit) => exit,
    }
}

fn show(args: &EventsArgs) -> Result<(), Exit> {
    let mut book = Book::open(&args.home)?;
    let mut out = io::stdout().lock();
    let mut asked = EventsAsked {
        cluster: args.cluster.as_deref().map(in_journal),
        kinds: args.kind.clone(),
        since_ms: args.since,
        limit: if args.since.is_some() {
            PAGE
        } else {
            args.last
        },
        ..EventsAsked::default()
    };
    loop {
        let page = book.page(&asked)?;
        if page.lines.is_empty() && !page.more && asked.after.is_none() && !args.follow {
            let cluster = args.cluster.as_deref();
            // Programs read nothing as nothing.
            eprint!("{}", nothing(cluster, args.since));
        }
        let mut text = String::new();
        for line in &page.lines {
            text.push_str(&if args.json { json(line) } else { plain(line) });
            text.push('\n');
        }
        // Whoever read our output has enough.
        if out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            return Ok(());
        }
        asked.after = Some(page.last);
        asked.limit = PAGE;
        if !page.more && !args.follow {
            return Ok(());
        }
        if !page.more {
            asked.wait_ms = u64::try_from(WAIT.as_millis()).unwrap_or(u64::MAX);
        }
    }
}

/// Instead of an empty screen: a name may be misspelt.
pub(super) fn nothing(cluster: Option<&str>, since: Option<u64>) -> String {
    let of = cluster.map_or_else(String::new, |name| format!(" of {}", harmless(name)));
    let then = since.map_or("", |_| " since then");
    format!("The journal has nothing{of}{then}.\n")
}

/// How the journal names a cluster, or the monitoring host.
pub(super) fn in_journal(cluster: &str) -> String {
    match cluster {
        HOST => String::new(),
        cluster => cluster.to_owned(),
    }
}

/// One line, safe to print.
fn plain(line: &EventLine) -> String {
    let cluster = match line.cluster.as_str() {
        "" => HOST,
        cluster => cluster,
    };
    let subject = match line.kind {
        // Its text names it.
        EntryKind::Alarm => "",
        _ => line.subject.as_str(),
    };
    let between = if subject.is_empty() { "" } else { ": " };
    let text = format!(
        "{}  {cluster}  {:<8}  {subject}{between}{}",
        stamp(from_millis(line.at_ms)),
        line.kind,
        line.text
    );
    harmless(&text).into_owned()
}

fn json(line: &EventLine) -> String {
    serde_json::to_string(line).expect("plain values are JSON")
}

fn kind(text: &str) -> Result<EntryKind, String> {
    EntryKind::from_name(text).ok_or_else(|| {
        let names = EntryKind::ALL.map(EntryKind::name);
        format!("the kinds are {}", names.join(", "))
    })
}

/// A time in UTC, or a span before now, as milliseconds since 1970.
pub(super) fn since(text: &str) -> Result<u64, String> {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if let Some(ago) = parse_span(text) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        return Ok(millis(now.unwrap_or_default().saturating_sub(ago)));
    }
    super::transcript::time(text)
        .map(UtcMillis::millis)
        .map_err(|why| format!("{why}; or 90s, 15m, 2h, 3d for so long ago"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: EntryKind, subject: &str, text: &str) -> EventLine {
        EventLine {
            v: 1,
            seq: 7,
            at: "2026-11-03T14:05:09.123Z".to_owned(),
            at_ms: 1_793_714_709_123,
            cluster: "pki".to_owned(),
            kind,
            subject: subject.to_owned(),
            text: text.to_owned(),
            body: serde_json::Value::Null,
        }
    }

    #[test]
    fn a_line_says_when_where_and_what_and_moves_no_terminal() {
        assert_eq!(
            plain(&line(EntryKind::Intent, "ca1", "stop ca1 for good")),
            "2026-11-03 14:05:09.123Z  pki  intent    ca1: stop ca1 for good"
        );
        assert_eq!(
            plain(&line(EntryKind::Event, "", "ca1: \x1b[2Jx")),
            "2026-11-03 14:05:09.123Z  pki  event     ca1: \\x1b[2Jx"
        );
        assert!(
            plain(&line(EntryKind::Evidence, "ca1", "panic: x"))
                .ends_with("  pki  evidence  ca1: panic: x")
        );
        let host = EventLine {
            cluster: String::new(),
            ..line(EntryKind::Alarm, "", "x")
        };
        assert!(plain(&host).contains("Z  @host  alarm     x"));
    }

    #[test]
    fn times_are_written_or_counted_back() {
        assert_eq!(since("2026-11-03T14:05:09.123Z"), Ok(1_793_714_709_123));
        assert_eq!(since("2026-11-03 14:05"), Ok(1_793_714_700_000));
        let (hour, now) = (since("1h").unwrap(), since("0s").unwrap());
        assert!((3_600_000..3_700_000).contains(&(now - hour)));
        assert!(since("yesterday").unwrap_err().contains("15m"));
        assert_eq!(kind("role"), Ok(EntryKind::Role));
        assert!(kind("rule").unwrap_err().contains("host_id"));
    }
}
