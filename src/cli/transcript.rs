//! `clusterd transcript FILE…`: what stands in consoles' transcripts, as plain text, as the exact bytes,
//! or as JSON. It needs no daemon.

mod render;

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;

use super::Exit;
use crate::transcript::{Entry, Reader, UtcMillis};
use render::{Missing, Sheet};

/// Shows what consoles said, from their transcripts (logs/CLUSTER/NODE.console): as plain text
/// with nothing in it that moves a terminal, or byte by byte as it came.
#[derive(Debug, Args)]
pub struct TranscriptArgs {
    /// Transcripts. Of one console the older ones (NODE.console.2, NODE.console.1) are taken first.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The lines of the console; what was typed shows as far as the console echoed it. This is
    /// the default.
    #[arg(long, group = "form")]
    plain: bool,
    /// Exactly the bytes that came from the console: for a file or a replay, not for a terminal.
    #[arg(long, group = "form")]
    bytes: bool,
    /// Each record as one JSON object on a line, with what was typed, BREAK and links.
    #[arg(long, group = "form")]
    json: bool,
    /// Puts before each line the time when its first byte came.
    #[arg(long, conflicts_with_all = ["bytes", "json"])]
    times: bool,
    /// Only from this time on (UTC): 2026-11-21, "2026-11-21 22:01" or 2026-11-21T22:01:02.345Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<UtcMillis>,
    /// Only up to this time (UTC).
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<UtcMillis>,
}

/// Why a file was not shown.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Unreadable(String),
    /// Whoever read our output has enough.
    #[error("nobody reads on")]
    Closed,
}

/// Prints, and ends with 1 if a file could not be read, or lines of it were damaged.
pub fn run(args: &TranscriptArgs) -> Exit {
    let out = BufWriter::new(io::stdout().lock());
    show(args, out)
}

fn show(args: &TranscriptArgs, out: impl Write) -> Exit {
    let mut sheet = if args.bytes {
        Sheet::bytes(out)
    } else if args.json {
        Sheet::json(out)
    } else {
        Sheet::plain(out, args.times)
    };
    let mut exit = Exit::Good;
    for file in in_order(&args.files) {
        match show_file(args, file, &mut sheet) {
            Ok(Exit::Good) => {}
            Ok(other) => exit = other,
            Err(Trouble::Closed) => return exit,
            Err(Trouble::Unreadable(why)) => {
                eprintln!("clusterd: {}: {why}", file.display());
                exit = Exit::Faults;
            }
        }
    }
    if sheet.end().is_err() {
        return exit;
    }
    let Missing { places, bytes } = sheet.missing();
    if places > 0 && !args.json {
        eprintln!("clusterd: {bytes} bytes are missing, in {places} places (--json shows where)");
    }
    exit
}

fn show_file(
    args: &TranscriptArgs,
    path: &Path,
    sheet: &mut Sheet<impl Write>,
) -> Result<Exit, Trouble> {
    let unreadable = |err: io::Error| Trouble::Unreadable(err.to_string());
    let mut file = File::open(path).map_err(unreadable)?;
    let mut reader = Reader::new();
    let mut piece = vec![0; 64 << 10];
    let mut written = Ok(());
    let mut each = |entry: Entry| {
        let early = args.from.is_some_and(|from| entry.at < from);
        let late = args.to.is_some_and(|to| entry.at > to);
        if written.is_ok() && !early && !late {
            written = sheet.put(&entry);
        }
    };
    loop {
        let length = match file.read(&mut piece) {
            Ok(length) => length,
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            Err(err) => return Err(unreadable(err)),
        };
        let outcome = match length {
            0 => reader.end(&mut each),
            _ => reader.read(&piece[..length], &mut each),
        };
        outcome.map_err(|why| Trouble::Unreadable(why.to_string()))?;
        if length == 0 {
            break;
        }
    }
    written.map_err(|_| Trouble::Closed)?;
    let (damaged, first) = reader.damaged();
    let Some(first) = first else {
        return Ok(Exit::Good);
    };
    let name = path.display();
    eprintln!("clusterd: {name}:{first}: no record; {damaged} such lines are left out");
    Ok(Exit::Faults)
}

/// The files as they were named, but the older ones of one console first: a shell names
/// NODE.console before NODE.console.1.
fn in_order(files: &[PathBuf]) -> Vec<&PathBuf> {
    let numbered = |path: &PathBuf| -> (String, u32) {
        let name = path.to_string_lossy().into_owned();
        let number = name.rsplit_once('.').and_then(|(stem, number)| {
            let number = number.parse().ok()?;
            Some((stem.to_owned(), number))
        });
        number.unwrap_or((name, 0))
    };
    let stems: Vec<String> = files.iter().map(|file| numbered(file).0).collect();
    let mut ordered: Vec<&PathBuf> = files.iter().collect();
    ordered.sort_by_key(|file| {
        let (stem, number) = numbered(file);
        let place = stems.iter().position(|other| *other == stem);
        (place, std::cmp::Reverse(number))
    });
    ordered
}

/// A time in UTC; what is left out at its end is zero.
pub(super) fn time(text: &str) -> Result<UtcMillis, String> {
    let full = match text.len() {
        10 => format!("{text} 00:00:00"),
        16 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let at = humantime::parse_rfc3339_weak(&full)
        .map_err(|_| "write 2026-11-21, \"2026-11-21 22:01\" or 2026-11-21T22:01:02.345Z")?;
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Ok(UtcMillis::new(
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    ))
}

#[cfg(test)]
mod tests;
