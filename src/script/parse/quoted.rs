//! Texts in quotes: escapes, and `{values}`.

use super::{Node, Reader, Rule, child, has};
use crate::script::ast::{Quoted, QuotedPiece, Word};
use crate::script::diagnostic::{Diagnostic, Span};

/// Whether braces stand for values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Braces {
    Values,
    Plain,
}

impl Reader<'_> {
    /// A text whose `{names}` are values.
    pub(super) fn quoted(&mut self, node: &Node) -> Quoted {
        let pieces = self.pieces(node, Braces::Values);
        Quoted {
            pieces,
            span: self.span(node),
        }
    }

    /// A text without values: a brace is a brace.
    pub(super) fn plain(&mut self, node: &Node) -> Word {
        let text = self
            .pieces(node, Braces::Plain)
            .into_iter()
            .map(|piece| match piece {
                QuotedPiece::Literal(text) => text,
                QuotedPiece::Value(name) => name.text,
            })
            .collect();
        Word {
            text,
            span: self.span(node),
        }
    }

    fn pieces(&mut self, node: &Node, braces: Braces) -> Vec<QuotedPiece> {
        let span = self.span(node);
        if !has(node, Rule::quote) {
            self.fault(
                Diagnostic::error(span, "this text has no end").help(
                    "close it with `\"` on the same line; `\\n` and `\\r` stand for line ends",
                ),
            );
        }
        let Some(inner) = child(node, Rule::inner) else {
            return Vec::new();
        };
        let mut scan = Scan {
            raw: inner.as_str(),
            at: 0,
            base: Span {
                start: inner.as_span().start(),
                ..span
            },
            literal: String::new(),
            pieces: Vec::new(),
        };
        while let Some(c) = scan.next() {
            match c {
                '\\' => self.escape(&mut scan),
                '{' if braces == Braces::Values => self.value(&mut scan),
                _ => scan.literal.push(c),
            }
        }
        scan.flush();
        scan.pieces
    }

    /// Reads what follows a backslash.
    fn escape(&mut self, scan: &mut Scan) {
        let start = scan.at - 1;
        let read = match scan.next() {
            Some('r') => Some('\r'),
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some(c @ ('\\' | '"' | '{' | '}')) => Some(c),
            Some('x') => scan.hex(),
            _ => None,
        };
        match read {
            Some(c) => scan.literal.push(c),
            None => {
                let span = scan.span(start, scan.at);
                self.fault(
                    Diagnostic::error(span, "this escape is unknown")
                        .help("there are `\\r`, `\\n`, `\\t`, `\\xNN` up to `\\x7f`, `\\\\`, `\\\"`, `\\{` and `\\}`"),
                );
            }
        }
    }

    /// Reads what follows a brace.
    fn value(&mut self, scan: &mut Scan) {
        let start = scan.at - 1;
        let rest = &scan.raw[scan.at..];
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        if length > 0 && rest[length..].starts_with('}') {
            let name = rest[..length].to_owned();
            scan.at += length + 1;
            let span = scan.span(start, scan.at);
            scan.flush();
            scan.pieces
                .push(QuotedPiece::Value(Word { text: name, span }));
        } else {
            let span = scan.span(start, start + 1);
            self.fault(
                Diagnostic::error(span, "this brace begins no value")
                    .help("write `{name}` for a value, or `\\{` for a brace"),
            );
        }
    }
}

/// A walk over the raw text between two quotes.
struct Scan<'r> {
    raw: &'r str,
    at: usize,
    base: Span,
    literal: String,
    pieces: Vec<QuotedPiece>,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.raw[self.at..].chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Two hex digits of a 7-bit character.
    fn hex(&mut self) -> Option<char> {
        let digits = self.raw.get(self.at..self.at + 2)?;
        let code = u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?;
        self.at += 2;
        Some(char::from(code))
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span {
            start: self.base.start + start,
            end: self.base.start + end,
            ..self.base
        }
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.pieces
                .push(QuotedPiece::Literal(std::mem::take(&mut self.literal)));
        }
    }
}
