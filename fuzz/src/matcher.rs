//! Patterns against a console's bytes: what is heard does not depend on how the bytes were cut,
//! and no more is heard than came.

use std::sync::Arc;
use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::matcher::{Ear, Heard, Hit, LINE_LIMIT, PatternDef, PatternSet, check_pattern};

/// More patterns than this are not taken from an input.
const PATTERNS: usize = 8;

/// The first byte chooses the cutting. Then lines: patterns, a prompt's with `~` before it, up to
/// an empty line; what was typed; and all the rest is what the console says.
pub fn hold(input: &[u8]) {
    let Some((&seed, input)) = input.split_first() else {
        return;
    };
    let mut rest = input;
    let mut defs = Vec::new();
    while let Some(line) = line_of(&mut rest).filter(|line| !line.is_empty()) {
        defs.extend(pattern(line).filter(|_| defs.len() < PATTERNS));
    }
    let typed = line_of(&mut rest).unwrap_or_default();
    let Ok(set) = PatternSet::new(&defs).map(Arc::new) else {
        return;
    };
    let whole = listen(&set, typed, &[rest]);
    assert_eq!(
        whole,
        listen(&set, typed, &super::cut(rest, seed)),
        "it was cut: {defs:?}"
    );
    let bytes: Vec<&[u8]> = rest.chunks(1).collect();
    assert_eq!(whole, listen(&set, typed, &bytes), "byte by byte: {defs:?}");
    within_bounds(&whole, rest, &set);
}

fn line_of<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = after.get(1..).unwrap_or_default();
    Some(line)
}

/// A pattern that a script may have.
fn pattern(line: &[u8]) -> Option<PatternDef> {
    let text = std::str::from_utf8(line).ok()?;
    let (regex, quiet) = match text.strip_prefix('~') {
        Some(regex) => (regex, Some(Duration::from_millis(200))),
        None => (text, None),
    };
    check_pattern(regex, quiet.is_some()).ok()?;
    Some(PatternDef {
        name: "p".to_owned(),
        regex: regex.to_owned(),
        quiet,
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Told {
    text: String,
    hits: Vec<Hit>,
}

/// What is heard of these pieces, and of the silence behind them.
fn listen(set: &Arc<PatternSet>, typed: &[u8], pieces: &[&[u8]]) -> Told {
    let mut ear = Ear::new(Arc::clone(set));
    ear.sent(typed);
    let mut heard = Vec::new();
    for piece in pieces {
        ear.hear(piece, Moment::ZERO, &mut heard);
    }
    while let Some(due) = ear.poll_timeout() {
        ear.handle_timeout(due, &mut heard);
    }
    let mut told = Told {
        text: String::new(),
        hits: Vec::new(),
    };
    for item in heard {
        match item {
            Heard::Text(text) => told.text.push_str(&text),
            Heard::Match(hit) => {
                let given = told.text.chars().count() as u64;
                assert!(hit.end <= given, "a match before its text: {hit:?}");
                told.hits.push(hit);
            }
        }
    }
    told
}

fn within_bounds(told: &Told, bytes: &[u8], set: &PatternSet) {
    // A byte is a character, and a newline more may be told where a line ends in a bare CR.
    assert!(
        told.text.chars().count() <= bytes.len() + 1,
        "text was made up"
    );
    let lines = told.text.matches('\n').count() + told.text.len() / LINE_LIMIT + 1;
    // Once a line, or once a silence; a line that is too long is heard in pieces that overlap.
    let most = (3 * lines + 1) * set.defs().len();
    assert!(
        told.hits.len() <= most,
        "{} hits in {lines} lines",
        told.hits.len()
    );
    for hit in &told.hits {
        assert!(hit.line.chars().count() <= LINE_LIMIT, "a long line");
        assert!(hit.pattern < set.defs().len(), "no such pattern");
    }
}
