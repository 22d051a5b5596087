//! Text -> [`File`]. The grammar takes any text; what is missing or out of place is told
//! here, all of it, and the rest of the file is read on.

mod act;
mod block;
mod item;
mod quoted;
mod step;
mod trigger;

use pest::Parser;
use pest::iterators::Pair;

use super::ast::{Amount, AmountKind, File, Word};
use super::diagnostic::{Diagnostic, SourceId, Span};
use crate::clock::parse_span;

/// The parser that pest makes of `grammar.pest`.
#[derive(pest_derive::Parser)]
#[grammar = "script/grammar.pest"]
struct Grammar;

type Node<'i> = Pair<'i, Rule>;

/// Longer files are refused.
const LONGEST: usize = 1 << 20;
/// Deeper nesting is refused.
const DEEPEST: usize = 40;

/// Reads one file and adds what is wrong with it to `faults`.
pub fn parse(source: SourceId, text: &str, faults: &mut Vec<Diagnostic>) -> File {
    let mut reader = Reader { source, faults };
    if let Some(fault) = too_much(source, text) {
        reader.faults.push(fault);
        return File::default();
    }
    match Grammar::parse(Rule::file, text) {
        Ok(mut pairs) => pairs
            .next()
            .map_or_else(File::default, |file| reader.file(file)),
        Err(error) => {
            let at = match error.location {
                pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => {
                    at
                }
            };
            let span = Span::new(source, at..at);
            reader.faults.push(Diagnostic::error(
                span,
                "this cannot be read as a chat script",
            ));
            File::default()
        }
    }
}

fn too_much(source: SourceId, text: &str) -> Option<Diagnostic> {
    if text.len() > LONGEST {
        return Some(Diagnostic::error(
            Span::new(source, 0..0),
            "the file is longer than 1 MiB",
        ));
    }
    let mut depth = 0usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'"' | b'/' | b'#' => skip_to(&mut bytes, byte),
            _ => {}
        }
        if depth > DEEPEST {
            let span = Span::new(source, at..at + 1);
            let fault =
                Diagnostic::error(span, format!("more than {DEEPEST} braces stand open here"));
            return Some(
                fault.help("close the blocks that are finished; procedures keep deep ones apart"),
            );
        }
    }
    None
}

/// Leaves a text, a regex or a comment.
fn skip_to(bytes: &mut impl Iterator<Item = (usize, u8)>, end: u8) {
    let mut escaped = false;
    for (_, byte) in bytes {
        if byte == b'\n' || (byte == end && end != b'#' && !escaped) {
            return;
        }
        escaped = byte == b'\\' && !escaped;
    }
}

/// Makes the tree, and keeps what is wrong.
struct Reader<'a> {
    source: SourceId,
    faults: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn fault(&mut self, fault: Diagnostic) {
        self.faults.push(fault);
    }

    /// Says what is missing behind `span`.
    fn missing(&mut self, span: Span, message: &str, help: &str) {
        self.faults
            .push(Diagnostic::error(span, message).help(help));
    }

    fn span(&self, node: &Node) -> Span {
        let start = node.as_span().start();
        Span::new(self.source, start..end_of(node).max(start))
    }

    /// The place of a node without the blocks that belong to it.
    fn head(&self, node: &Node) -> Span {
        let blocks = [
            Rule::arms,
            Rule::block,
            Rule::then,
            Rule::otherwise,
            Rule::refused,
        ];
        let start = node.as_span().start();
        if let Some(link) = child(node, Rule::wait_link) {
            return Span {
                start,
                ..self.head(&link)
            };
        }
        let last = node
            .clone()
            .into_inner()
            .take_while(|child| !blocks.contains(&child.as_rule()))
            .last();
        let end = last.map_or_else(|| end_of(node), |child| end_of(&child));
        Span::new(self.source, start..end.max(start))
    }

    fn word(&mut self, node: &Node) -> Word {
        let word = Word {
            text: node.as_str().trim_end().to_owned(),
            span: self.span(node),
        };
        if node.as_rule() == Rule::name && word.text.contains('-') {
            let mended = word.text.replace('-', "_");
            self.fault(
                Diagnostic::error(word.span, format!("`{}` is no name", word.text))
                    .label("a name has letters, digits and `_`")
                    .help(format!("write `{mended}`")),
            );
        }
        word
    }

    fn child_word(&mut self, node: &Node, rule: Rule) -> Option<Word> {
        child(node, rule).map(|name| self.word(&name))
    }

    fn words(&mut self, node: &Node, rule: Rule) -> Vec<Word> {
        children(node, rule)
            .iter()
            .map(|name| self.word(name))
            .collect()
    }

    /// The `who` of a step: a name wrapped in a node.
    fn who(&mut self, node: &Node) -> Option<Word> {
        child(node, Rule::who).and_then(|who| self.child_word(&who, Rule::name))
    }

    /// The amount right under `node`.
    fn amount(&mut self, node: &Node) -> Option<Amount> {
        let amount = child(node, Rule::amount)?;
        let inner = amount.into_inner().next()?;
        self.read_amount(&inner)
    }

    fn read_amount(&mut self, inner: &Node) -> Option<Amount> {
        let span = self.span(inner);
        let text = inner.as_str();
        let kind = match inner.as_rule() {
            Rule::number => text.parse().ok().map(AmountKind::Count),
            Rule::span => parse_span(text).map(AmountKind::Time),
            _ => Some(AmountKind::Named(self.word(inner).text)),
        };
        if kind.is_none() {
            self.fault(
                Diagnostic::error(span, format!("`{text}` is neither a time nor a number")).help(
                    "a time is a whole number and one of ms, s, m, h, d: `500ms`, `10s`, `2m`",
                ),
            );
        }
        kind.map(|kind| Amount { kind, span })
    }

    /// The `every D` or `within D` under `node`, if it is whole.
    fn amount_in(&mut self, node: &Node, rule: Rule) -> Option<Amount> {
        let holder = child(node, rule)?;
        if child(&holder, Rule::amount).is_none() {
            let span = self.span(&holder);
            let word = holder
                .as_str()
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
            self.missing(
                span,
                &format!("`{word}` needs a time"),
                &format!("write `{word} 10s`, or the name of a parameter"),
            );
            return None;
        }
        self.amount(&holder)
    }
}

fn child<'i>(node: &Node<'i>, rule: Rule) -> Option<Node<'i>> {
    node.clone()
        .into_inner()
        .find(|child| child.as_rule() == rule)
}

fn children<'i>(node: &Node<'i>, rule: Rule) -> Vec<Node<'i>> {
    node.clone()
        .into_inner()
        .filter(|child| child.as_rule() == rule)
        .collect()
}

fn has(node: &Node, rule: Rule) -> bool {
    child(node, rule).is_some()
}

/// Where a node's last token ends: pest counts blanks and comments behind it in.
fn end_of(node: &Node) -> usize {
    let span = node.as_span();
    let last = node.clone().into_inner().last();
    match last {
        Some(last) if node.as_rule() != Rule::arguments => end_of(&last),
        _ => span.start() + node.as_str().trim_end().len(),
    }
}
