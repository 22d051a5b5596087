//! The words of one line, taken one after the other, and what is wrong with one.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::script::diagnostic::{Diagnostic, Span};
use crate::sim::scene::words::Word;

/// The longest time of a scene: a year takes a minute or so to play.
const LONGEST_TIME: Duration = Duration::from_secs(730 * 86_400);

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
        let word = self.words.next().ok_or_else(|| {
            let fault = Fault::error(self.last.after(), format!("{wanted} is missing here"));
            fault.help("put it there; docs/scenes.md shows the whole line")
        })?;
        self.last = word.span;
        Ok(word)
    }

    pub(super) fn peek(&self) -> Option<&'a Word> {
        self.words.clone().next()
    }

    pub(super) fn end(mut self) -> Result<(), Fault> {
        match self.words.next() {
            None => Ok(()),
            Some(word) => Err(Fault::error(word.span, "this is too much on the line")
                .help("take it out, or put a text with blanks in quotes")),
        }
    }

    pub(super) fn number<T: FromStr>(&mut self, wanted: &str) -> Result<T, Fault> {
        let word = self.next(wanted)?;
        word.text.parse().map_err(|_| wrong(word, wanted))
    }

    pub(super) fn span(&mut self) -> Result<Duration, Fault> {
        let word = self.next("a time")?;
        let span = humantime::parse_duration(&word.text)
            .map_err(|_| wrong(word, "a time as 90s, 5m or 2h"))?;
        match span > LONGEST_TIME {
            true => Err(wrong(word, "a time of two years (730d) at most")),
            false => Ok(span),
        }
    }

    /// A number that is no smaller and no larger.
    pub(super) fn within<T>(&mut self, wanted: &str, all: RangeInclusive<T>) -> Result<T, Fault>
    where
        T: FromStr + PartialOrd + Display,
    {
        let word = self.next(wanted)?;
        let number = word.text.parse().ok().filter(|number| all.contains(number));
        number.ok_or_else(|| {
            wrong(
                word,
                &format!("{wanted}, from {} to {}", all.start(), all.end()),
            )
        })
    }

    /// How many of a thousand.
    pub(super) fn share(&mut self, wanted: &str) -> Result<u16, Fault> {
        self.within(wanted, 0..=1000)
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
