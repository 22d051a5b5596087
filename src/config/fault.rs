//! What is wrong with a file: where, what, and the mend.

use std::fmt;
use std::ops::Range;

use crate::script::diagnostic::{Diagnostic, Sources, Span, render};

/// Something wrong in a file that an operator wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as a path from the home directory.
    pub file: String,
    /// Where in the file; none when the fault is about the file as a whole.
    pub place: Option<Place>,
    /// How bad it is.
    pub weight: Weight,
    /// What is wrong, lower case, without a full stop.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Worth a look; the file is used all the same.
    Warning,
    /// The cluster is not guarded until it is mended.
    Error,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, beginning with 1.
    pub line: usize,
    /// Column in characters, beginning with 1.
    pub column: usize,
    /// How many characters it takes, on that line.
    pub length: usize,
}

impl Fault {
    /// An error about a file as a whole.
    pub fn of_file(file: &str, message: impl Into<String>, help: Option<&str>) -> Fault {
        Fault {
            file: file.to_owned(),
            place: None,
            weight: Weight::Error,
            message: message.into(),
            help: help.map(str::to_owned),
        }
    }

    /// The fault as people read it, with the line of `text` it is about and carets under it.
    pub fn render(&self, text: Option<&str>, color: bool) -> String {
        let mut sources = Sources::default();
        let source = sources.add(&self.file, text.unwrap_or(""));
        let Some((place, text)) = self.place.zip(text) else {
            return self.render_whole();
        };
        let span = Span::new(source, place.bytes(text));
        let mut diagnostic = match self.weight {
            Weight::Error => Diagnostic::error(span, &self.message),
            Weight::Warning => Diagnostic::warning(span, &self.message),
        };
        if let Some(help) = &self.help {
            diagnostic = diagnostic.help(help);
        }
        let mut shown = render(&[diagnostic], &sources, color);
        shown.truncate(shown.trim_end().len());
        shown + "\n"
    }

    /// The same where no line can be shown.
    fn render_whole(&self) -> String {
        let weight = match self.weight {
            Weight::Warning => "warning",
            Weight::Error => "error",
        };
        let place = self.place.map_or(String::new(), |place| {
            format!(":{}:{}", place.line, place.column)
        });
        let mut out = format!("{weight}: {}\n --> {}{place}\n", self.message, self.file);
        if let Some(help) = &self.help {
            out.push_str(&format!(
                "  = help: {}\n",
                help.replace('\n', "\n          ")
            ));
        }
        out
    }
}

impl Place {
    /// Puts as many stars there.
    pub fn blank(self, text: &mut String) {
        let range = self.bytes(text);
        let stars = "*".repeat(text[range.clone()].chars().count());
        text.replace_range(range, &stars);
    }

    /// The bytes of `text` that it means.
    fn bytes(self, text: &str) -> Range<usize> {
        let lines = text.split_inclusive('\n');
        let before: usize = lines.clone().take(self.line - 1).map(str::len).sum();
        let line = lines.clone().nth(self.line - 1).unwrap_or("");
        let byte = |column: usize| {
            let mut starts = line.char_indices().map(|(at, _)| at);
            before + starts.nth(column).unwrap_or(line.trim_end().len())
        };
        byte(self.column - 1)..byte(self.column - 1 + self.length)
    }
}

/// The one-line form: `clist/a.yaml:3:7: unknown key "adress"`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({})", help.replace('\n', "; ")),
            None => Ok(()),
        }
    }
}

/// A word of a file inside a message: harmless to a terminal, and not endless.
pub fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The word of `known` that `word` was most likely meant to be.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > 80 {
        return None;
    }
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|&(apart, candidate)| apart <= 1.max(candidate.chars().count() / 3))
        .min_by_key(|&(apart, _)| apart)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_the_one_that_was_meant() {
        let known = ["address", "nodes", "data_policy", "reach"];
        assert_eq!(nearest("adress", known), Some("address"));
        assert_eq!(nearest("Ndoes", known), Some("nodes"));
        assert_eq!(nearest("datapolicy", known), Some("data_policy"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn carets_stand_under_the_fault() {
        let fault = Fault {
            file: "clist/a.yaml".into(),
            place: Some(Place {
                line: 2,
                column: 3,
                length: 6,
            }),
            weight: Weight::Error,
            message: "unknown key `adress`".into(),
            help: Some("did you mean `address`?".into()),
        };
        assert_eq!(
            fault.render(Some("packages:\n  adress: x\u{1b}[2J\n"), false),
            "error: unknown key `adress`\n --> clist/a.yaml:2:3\n  |\n2 |   adress: x␛[2J\n  |   ^^^^^^\n  |\n  = help: did you mean `address`?\n"
        );
    }
}
