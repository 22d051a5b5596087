//! What is wrong with a text, where, and how to mend it: for chat scripts and cluster
//! files alike. One renderer prints both.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A text that diagnostics point into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub usize);

/// A piece of a source, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which text.
    pub source: SourceId,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes `range` of `source`.
    pub const fn new(source: SourceId, range: Range<usize>) -> Span {
        Span {
            source,
            start: range.start,
            end: range.end,
        }
    }

    /// From the beginning of this span to the end of `last`.
    pub fn to(self, last: Span) -> Span {
        Span {
            end: last.end.max(self.end),
            ..self
        }
    }

    /// The empty place behind this span, where something is missing.
    pub fn after(self) -> Span {
        Span {
            start: self.end,
            ..self
        }
    }
}

/// The texts that were read, each with the path that people know it by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Vec<Source>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    path: String,
    text: String,
}

impl Sources {
    /// Takes a text in.
    pub fn add(&mut self, path: &str, text: &str) -> SourceId {
        self.0.push(Source {
            path: path.to_owned(),
            text: text.to_owned(),
        });
        SourceId(self.0.len() - 1)
    }

    /// The path of a source.
    pub fn path(&self, id: SourceId) -> &str {
        self.0.get(id.0).map_or("?", |source| &source.path)
    }

    /// The text of a source.
    pub fn text(&self, id: SourceId) -> &str {
        self.0.get(id.0).map_or("", |source| &source.text)
    }

    /// All paths, by source id.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|source| source.path.as_str())
    }

    /// The line, beginning with 1, on which a span begins.
    pub fn line(&self, span: Span) -> usize {
        let before = self.text(span.source).as_bytes().iter().take(span.start);
        1 + before.filter(|&&byte| byte == b'\n').count()
    }

    /// The text under a span.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.source)
            .get(span.start..span.end)
            .unwrap_or("")
    }
}

/// Whether a fault forbids the use of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It does.
    Error,
    /// It works, but look at it.
    Warning,
}

/// One thing that is wrong, with its place and its mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one plain sentence without a full stop.
    pub message: String,
    /// Where, and what about this place; the label may be empty.
    pub primary: (Span, String),
    /// Other places that matter.
    pub secondary: Vec<(Span, String)>,
    /// More to know; a note may have several lines.
    pub notes: Vec<String>,
    /// The mend.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            primary: (span, String::new()),
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// A warning at `span`.
    pub fn warning(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(span, message)
        }
    }

    /// Says something beside the caret.
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.primary.1 = label.into();
        self
    }

    /// Shows another place.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.secondary.push((span, label.into()));
        self
    }

    /// Adds a note.
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// Says how to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

impl Diagnostic {
    /// Says how to mend it, unless that was said already.
    pub fn help_if_none(mut self, help: &str) -> Diagnostic {
        self.help.get_or_insert_with(|| help.to_owned());
        self
    }
}

/// Prints diagnostics for people, each followed by an empty line.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
    .term_width(120);
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&renderer.render(&[group(diagnostic, sources)]));
        out.push_str("\n\n");
    }
    // The renderer draws ASCII's control characters, and passes on those above, which terminals obey, too.
    out.replace(|c| ('\u{80}'..='\u{9f}').contains(&c), "\u{fffd}")
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .elements(snippets(diagnostic, sources));
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// One snippet a source, the one with the fault first.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let mut order = vec![diagnostic.primary.0.source];
    for (span, _) in &diagnostic.secondary {
        if !order.contains(&span.source) {
            order.push(span.source);
        }
    }
    order
        .into_iter()
        .map(|id| {
            let text = sources.text(id);
            let mark = |kind: AnnotationKind, (span, label): &'a (Span, String)| {
                let label = (!label.is_empty()).then_some(label.as_str());
                kind.span(within(text, *span)).label(label)
            };
            let primary = Some(&diagnostic.primary)
                .filter(|(span, _)| span.source == id)
                .map(|place| mark(AnnotationKind::Primary, place));
            let secondary = diagnostic
                .secondary
                .iter()
                .filter(|(span, _)| span.source == id)
                .map(|place| mark(AnnotationKind::Context, place));
            Snippet::source(text)
                .path(sources.path(id))
                .line_start(1)
                .annotations(primary.into_iter().chain(secondary))
        })
        .collect()
}

/// The span as a range that certainly lies in `text`, on character boundaries.
fn within(text: &str, span: Span) -> Range<usize> {
    let boundary = |at: usize| {
        let at = at.min(text.len());
        (0..=at)
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0)
    };
    let start = boundary(span.start);
    start..boundary(span.end).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_shown_with_its_place_and_its_mend() {
        let mut sources = Sources::default();
        let id = sources.add("a.chat", "param a = 5\nparam b = 6\n");
        let other = sources.add("b.chat", "param b = 7\n");
        let fault = Diagnostic::error(Span::new(id, 18..19), "`b` is defined twice")
            .label("here")
            .also(Span::new(other, 6..7), "and here")
            .note("the second one would win")
            .help("give one of them another name");
        assert_eq!(sources.line(fault.primary.0), 2);
        let expected = "\
error: `b` is defined twice
 --> a.chat:2:7
  |
2 | param b = 6
  |       ^ here
  |
 ::: b.chat:1:7
  |
1 | param b = 7
  |       - and here
  |
  = note: the second one would win
  = help: give one of them another name

";
        assert_eq!(render(&[fault], &sources, false), expected);
    }

    #[test]
    fn a_span_outside_its_text_does_no_harm() {
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", "é");
        let fault = Diagnostic::warning(Span::new(id, 1..99), "odd");
        assert!(render(&[fault], &sources, false).contains("a.yaml:1"));
    }
}
