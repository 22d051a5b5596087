//! The lines of the shipped procedures, and a text without one of them.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

/// The libraries whose procedures are looked at.
const LIBRARIES: [&str; 1] = ["openboot"];

/// A statement of a procedure, or an arm of one.
#[derive(Clone, Debug)]
pub struct Line {
    /// The library.
    pub library: String,
    /// Its lines in the file, beginning with 1: a block goes as a whole.
    pub lines: RangeInclusive<usize>,
    /// The procedure.
    pub procedure: String,
    /// What stands there.
    pub text: String,
}

impl Line {
    /// `openboot.chat:93 openboot_stop: break node`
    pub fn name(&self) -> String {
        format!(
            "{}.chat:{} {}: {}",
            self.library,
            self.lines.start(),
            self.procedure,
            self.text
        )
    }

    /// As the environment names it: `openboot:93-95`.
    pub fn env(&self) -> String {
        format!(
            "{}:{}-{}",
            self.library,
            self.lines.start(),
            self.lines.end()
        )
    }
}

/// All of them.
pub fn shipped() -> Vec<Line> {
    LIBRARIES.iter().flat_map(|library| of(library)).collect()
}

fn of(library: &str) -> Vec<Line> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("chat-scripts/lib")
        .join(format!("{library}.chat"));
    let text = fs::read_to_string(path).expect("the library is part of the project");
    let all: Vec<&str> = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""))
        .collect();
    let mut procedure = None;
    let mut lines = Vec::new();
    for (index, line) in all.iter().enumerate() {
        if let Some(head) = line.strip_prefix("procedure ") {
            procedure = head.split('(').next().map(str::to_owned);
            continue;
        }
        if !line.is_empty() && !line.starts_with(' ') {
            procedure = None;
        }
        let said = line.trim();
        let (Some(procedure), false) = (&procedure, said.is_empty() || said == "}") else {
            continue;
        };
        lines.push(Line {
            library: library.to_owned(),
            lines: index + 1..=block_end(&all, index) + 1,
            procedure: procedure.clone(),
            text: said.trim_end_matches('{').trim_end().to_owned(),
        });
    }
    lines
}

/// The line in which the block that begins in a line ends.
fn block_end(all: &[&str], begin: usize) -> usize {
    let mut depth = 0;
    for (index, line) in all.iter().enumerate().skip(begin) {
        depth += line.matches('{').count();
        depth -= line.matches('}').count();
        if depth == 0 {
            return index;
        }
    }
    begin
}
