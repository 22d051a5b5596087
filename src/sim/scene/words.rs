//! The words of a scene's lines, each with its place.

use crate::script::diagnostic::{Diagnostic, SourceId, Span};

/// A word or a quoted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub span: Span,
}

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub words: Vec<Word>,
    pub span: Span,
}

/// The lines of a text, comments and empty ones left out.
pub(super) fn lines(source: SourceId, text: &str, faults: &mut Vec<Diagnostic>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let words = words(source, start, line, faults);
        if let (Some(first), Some(last)) = (words.first(), words.last()) {
            let span = first.span.to(last.span);
            lines.push(Line { words, span });
        }
        start += line.len();
    }
    lines
}

fn words(source: SourceId, start: usize, line: &str, faults: &mut Vec<Diagnostic>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(c) = line[at..].chars().next() {
        match c {
            '#' => break,
            // The mark that some editors put before a text.
            '\u{feff}' if start + at == 0 => at += c.len_utf8(),
            c if c.is_whitespace() => at += c.len_utf8(),
            '"' => {
                let inside = &line[at + 1..];
                let Some(length) = inside
                    .find(['"', '\n'])
                    .filter(|end| inside[*end..].starts_with('"'))
                else {
                    let span = Span::new(source, start + at..start + at + 1);
                    faults.push(
                        Diagnostic::error(span, "this quote is not closed")
                            .help("close it on the same line"),
                    );
                    break;
                };
                let end = at + length + 2;
                words.push(Word {
                    text: inside[..length].to_owned(),
                    span: Span::new(source, start + at..start + end),
                });
                at = end;
            }
            _ => {
                let length = line[at..]
                    .find(|c: char| c.is_whitespace() || c == '#')
                    .unwrap_or(line.len() - at);
                words.push(Word {
                    text: line[at..at + length].to_owned(),
                    span: Span::new(source, start + at..start + at + length),
                });
                at += length;
            }
        }
    }
    words
}
