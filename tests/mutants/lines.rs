//! The lines of the shipped procedures, and those of some states of the shipped scripts.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

/// The libraries, each with a script that is checked without a line of it. `openbios` and `sun4v` have
/// patterns and a firmware block, and no procedure.
const LIBRARIES: [(&str, &str); 6] = [
    ("openboot", "chat-scripts/sun-openboot.chat"),
    ("alom", "chat-scripts/sun-alom.chat"),
    ("ilom", "chat-scripts/sun-ilom.chat"),
    ("bmc", "tests/scenes/bmc.chat"),
    ("openbios", "chat-scripts/sun-openboot.chat"),
    ("sun4v", "chat-scripts/sun-alom.chat"),
];

/// The scripts of which these states are looked at.
const SCRIPTS: [&str; 4] = ["sun-openboot", "sun-alom", "sun-ilom", "power-leg"];
const STATES: [&str; 3] = ["mend", "back", "no_heir"];

/// A statement of a procedure, or an arm of one.
#[derive(Clone, Debug)]
pub struct Line {
    /// The library, or the script.
    pub library: String,
    /// The script that is checked without it.
    pub script: String,
    /// Its lines in the file, beginning with 1: a block goes as a whole.
    pub lines: RangeInclusive<usize>,
    /// The procedure, or the state.
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

    /// Whether the scenes and seeds, which are played with one script, have to do with it.
    pub fn is_played(&self) -> bool {
        self.script == crate::play::SCRIPT
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
    let of_library = |(library, script): &(&str, &str)| {
        let file = format!("chat-scripts/lib/{library}.chat");
        of(library, &file, script, procedure)
    };
    let of_script = |name: &&str| {
        let file = format!("chat-scripts/{name}.chat");
        of(name, &file, &file, state)
    };
    let libraries = LIBRARIES.iter().flat_map(of_library);
    libraries
        .chain(SCRIPTS.iter().flat_map(of_script))
        .collect()
}

/// The name of the procedure that a line begins.
fn procedure(line: &str) -> Option<String> {
    let head = line.strip_prefix("procedure ")?;
    head.split('(').next().map(str::to_owned)
}

/// The name of the state that a line begins, if it is one that is looked at.
fn state(line: &str) -> Option<String> {
    let line = line.strip_prefix("hold ").unwrap_or(line);
    let name = line.strip_prefix("state ")?.split(' ').next()?;
    STATES.contains(&name).then(|| name.to_owned())
}

fn of(library: &str, file: &str, script: &str, begins: fn(&str) -> Option<String>) -> Vec<Line> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(path).expect("it is part of the project");
    let all: Vec<&str> = text.lines().map(without_comment).collect();
    let mut procedure = None;
    let mut lines = Vec::new();
    for (index, line) in all.iter().enumerate() {
        if let Some(name) = begins(line) {
            procedure = Some(name);
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
            script: script.to_owned(),
            lines: index + 1..=block_end(&all, index) + 1,
            procedure: procedure.clone(),
            text: said.trim_end_matches('{').trim_end().to_owned(),
        });
    }
    lines
}

/// A line up to its comment; a `#` in a text or a pattern begins none.
fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| *at == 0 || line[..*at].ends_with(' ');
    let mut marks = line.match_indices('#').filter(begins);
    let comment = marks.find(|(at, _)| line[..*at].matches('"').count().is_multiple_of(2));
    comment.map_or(line, |(at, _)| line[..at].trim_end())
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
