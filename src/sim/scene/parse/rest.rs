//! The words of one line, taken one after the other, and what is wrong with one.

use std::time::Duration;

use crate::script::diagnostic::{Diagnostic, Span};
use crate::sim::scene::words::Word;

/// What is wrong with a line. In a box, for it is far larger than what is read.
pub(super) struct Fault(pub(super) Box<Diagnostic>);

impl Fault {
    pub(super) fn error(span: Span, message: impl Into<String>) -> Fault {
        Fault(Box::new(Diagnostic::error(span, message)))
    }

    pub(super) fn help(self, help: impl Into<String>) -> Fault {
        Fault(Box::new(self.0.help(help)))
    }

    pub(super) fn note(self, note: impl Into<String>) -> Fault {
        Fault(Box::new(self.0.note(note)))
    }
}

/// The words of one line that are still to be read.
pub(super) struct Rest<'a> {
    pub(super) words: std::slice::Iter<'a, Word>,
    pub(super) line: Span,
    pub(super) last: Span,
}

impl<'a> Rest<'a> {
    pub(super) fn next(&mut self, wanted: &str) -> Result<&'a Word, Fault> {
        let word = self
            .words
            .next()
            .ok_or_else(|| Fault::error(self.last.after(), format!("{wanted} is missing here")))?;
        self.last = word.span;
        Ok(word)
    }

    pub(super) fn peek(&self) -> Option<&'a Word> {
        self.words.clone().next()
    }

    pub(super) fn end(mut self) -> Result<(), Fault> {
        match self.words.next() {
            None => Ok(()),
            Some(word) => Err(Fault::error(word.span, "this is too much on the line")),
        }
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self, wanted: &str) -> Result<T, Fault> {
        let word = self.next(wanted)?;
        word.text.parse().map_err(|_| wrong(word, wanted))
    }

    pub(super) fn span(&mut self) -> Result<Duration, Fault> {
        let word = self.next("a time")?;
        humantime::parse_duration(&word.text).map_err(|_| wrong(word, "a time as 90s, 5m or 2h"))
    }

    /// One of some words, each with what it means.
    pub(super) fn choice<T: Clone>(&mut self, choices: &[(&str, T)]) -> Result<T, Fault> {
        let all: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let wanted = all.join(", ");
        let word = self.next(&wanted)?;
        let found = choices.iter().find(|(name, _)| *name == word.text);
        found
            .map(|(_, meant)| meant.clone())
            .ok_or_else(|| wrong(word, &wanted))
    }

    pub(super) fn literal(&mut self, wanted: &str) -> Result<(), Fault> {
        self.choice(&[(wanted, ())])
    }
}

pub(super) fn wrong(word: &Word, wanted: &str) -> Fault {
    Fault::error(word.span, format!("`{}` will not do here", word.text))
        .help(format!("write {wanted}"))
}
