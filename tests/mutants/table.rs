//! `docs/mutants.md`: who notices, for every mutant.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Mutant;
use crate::catch::Catcher;

/// What stands above the tables, and is written by hand.
const END_OF_WORDS: &str = "<!-- what follows is made by the command above -->\n";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mutants.md")
}

/// Who noticed last time, by mutant. Lines of procedures are known without their numbers.
pub fn read() -> BTreeMap<String, Catcher> {
    let text = fs::read_to_string(path()).unwrap_or_default();
    let mut known = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line
            .split(" | ")
            .map(|cell| cell.trim_matches(['|', ' ']))
            .collect();
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else {
            continue;
        };
        if let (true, Some(catcher)) = (cells.len() > 1, Catcher::parse(last)) {
            known.insert(unnumbered(first.trim_matches('`')), catcher);
        }
    }
    known
}

/// A line's name without its number, which changes whenever something is written above it.
pub fn unnumbered(name: &str) -> String {
    match name.split_once(".chat:") {
        Some((library, rest)) => {
            let text = rest.split_once(' ').map_or(rest, |(_, text)| text);
            format!("{library}.chat {text}")
        }
        None => name.to_owned(),
    }
}

/// Writes the tables anew.
pub fn write(found: &[(&Mutant, Option<Catcher>)]) {
    let old = fs::read_to_string(path()).unwrap_or_default();
    let words = old.split(END_OF_WORDS).next().unwrap_or_default();
    let mut text = format!("{words}{END_OF_WORDS}\nMade at commit {}.\n", commit());
    let guards = found.iter().filter(|(m, _)| matches!(m, Mutant::Guard(_)));
    let caught = found.iter().filter(|(_, catcher)| catcher.is_some());
    let _ = writeln!(
        text,
        "{} mutants: {} guards, {} lines; {} caught.\n\n## Guards of the machine\n\n\
         | guard | stands in | rule | what it sees to | caught by |\n|---|---|---|---|---|",
        found.len(),
        guards.clone().count(),
        found.len() - guards.count(),
        caught.count(),
    );
    for (mutant, catcher) in found {
        if let Mutant::Guard(guard) = mutant {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                guard.name(),
                guard.file(),
                guard.rule(),
                guard.text(),
                by(catcher.as_ref())
            );
        }
    }
    text.push_str("\n## Lines of the shipped procedures\n\n| line | caught by |\n|---|---|\n");
    for (mutant, catcher) in found {
        if let Mutant::Line(line) = mutant {
            let _ = writeln!(text, "| `{}` | {} |", line.name(), by(catcher.as_ref()));
        }
    }
    fs::write(path(), text).expect("docs/mutants.md can be written");
}

fn by(catcher: Option<&Catcher>) -> String {
    catcher.map_or_else(|| "**nobody**".to_owned(), Catcher::to_string)
}

fn commit() -> String {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_else(|_| "unknown".to_owned())
}
