//! One regex, read as a chat script means it: over cleaned bytes, within a line.
//! Here it is refused if it could match nothing, or nothing at all, or could never be bounded.

use std::time::Duration;

use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind,
    Look, LookSet, Repetition,
};

use super::OVERLAP;

/// The most memory that the automaton of one pattern may take, in bytes.
const PATTERN_SIZE: usize = 1 << 20;
/// How deep groups and repeats may stand in one another.
const NEST_LIMIT: u32 = 50;
/// Bytes that are never in the text of a line: newlines end it, the others are taken out.
const ABSENT: [u8; 5] = [0x00, 0x07, b'\n', b'\r', 0x1b];

/// Why a regex is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// No regex, or one that needs Unicode classes.
    #[error("no regex over bytes: {0}")]
    Syntax(String),
    /// It matches where nothing was printed.
    #[error("it matches the empty string: everything would match")]
    MatchesEmpty,
    /// Nothing can match it.
    #[error("nothing can ever match it")]
    NeverMatches,
    /// It asks for a newline, or for a byte that is taken out before matching.
    #[error(
        "it asks for the byte 0x{0:02x}, but a pattern looks at the text of one line, without \
         newlines, escapes and NULs: write ^ for the start of a line, $ for its end"
    )]
    AbsentByte(u8),
    /// A repeat without end of anything whatever, newlines too.
    #[error(
        "an unbounded gap: a repeat without end of any byte, newlines too; write `.*` for any text within the line"
    )]
    UnboundedGap,
    /// `\A`, `\z` and their like.
    #[error(
        "{0} has no meaning in an endless stream: write ^ for the start of a line, $ for its end"
    )]
    Anchor(&'static str),
    /// Word boundaries of Unicode.
    #[error("word boundaries here are those of bytes: write `(?-u:\\b)`, or leave (?u) out")]
    UnicodeBoundary,
    /// With a quiet time, but without `$` at each of its ends.
    #[error("a pattern with a quiet time must end in $: the prompt is the last that was printed")]
    QuietWithoutEnd,
    /// The shortest match is longer than what is kept of a long line.
    #[error("its shortest match has {0} bytes, more than the {OVERLAP} that are kept of a line")]
    TooLong(usize),
    /// The automaton would be too large.
    #[error("too large: repeats within repeats, or with large counts")]
    TooLarge,
}

/// How the end of a match is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By its bytes alone.
    Plain,
    /// By the next byte, which is no part of it: `\b`.
    Boundary,
    /// By the newline that follows: `$`.
    Line,
    /// By silence: `$` with a quiet time.
    Prompt(Duration),
}

/// A regex as it is matched.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// Confined to a line.
    pub(super) hir: Hir,
    pub(super) end: End,
    /// It has named groups.
    pub(super) captures: bool,
    /// Its last piece may grow with the bytes that follow.
    pub(super) open: bool,
}

/// Is `regex` fit for a chat script, with a quiet time or without?
///
/// # Errors
/// Says what is wrong and, where there is one, the mend.
pub fn check_pattern(regex: &str, has_quiet: bool) -> Result<(), PatternFault> {
    read(regex, has_quiet.then_some(Duration::ZERO)).map(|_| ())
}

/// Reads `regex`, checks it and confines it to one line.
pub(super) fn read(regex: &str, quiet: Option<Duration>) -> Result<Pattern, PatternFault> {
    let syntax = syntax::Config::new()
        .unicode(false)
        .utf8(false)
        .multi_line(true)
        .nest_limit(NEST_LIMIT);
    let raw = syntax::parse_with(regex, &syntax)
        .map_err(|fault| PatternFault::Syntax(last_line(&fault.to_string())))?;
    let hir = confine(&raw, quiet.is_some())?;
    let properties = hir.properties();
    match properties.minimum_len() {
        None => return Err(PatternFault::NeverMatches),
        Some(0) => return Err(PatternFault::MatchesEmpty),
        Some(length) if length > OVERLAP => return Err(PatternFault::TooLong(length)),
        Some(_) => {}
    }
    if quiet.is_some() && !properties.look_set_suffix().contains(Look::End) {
        return Err(PatternFault::QuietWithoutEnd);
    }
    compiler(PATTERN_SIZE)
        .build_from_hir(&hir)
        .map_err(|_| PatternFault::TooLarge)?;
    let trailing = trailing_looks(&hir);
    let end = match quiet {
        Some(quiet) => End::Prompt(quiet),
        None if trailing.contains(Look::EndLF) => End::Line,
        None if trailing.remove(Look::StartLF).is_empty() => End::Plain,
        None => End::Boundary,
    };
    Ok(Pattern {
        end,
        captures: has_named_group(&hir),
        open: quiet.is_none() && is_open(&hir),
        hir,
    })
}

/// What makes automata out of patterns, none larger than `size` bytes.
pub(super) fn compiler(size: usize) -> thompson::Compiler {
    let mut compiler = thompson::Compiler::new();
    compiler.configure(
        thompson::Config::new()
            .utf8(false)
            .nfa_size_limit(Some(size))
            .which_captures(thompson::WhichCaptures::None),
    );
    compiler
}

/// Syntax errors come with a drawing of the regex; its last line is what is wrong.
fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or(message).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// The same regex, but no class holds a byte that is never in a line, and `$` means what it
/// should. The parser bounds the depth.
fn confine(hir: &Hir, quiet: bool) -> Result<Hir, PatternFault> {
    Ok(match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => match literal.0.iter().find(|byte| ABSENT.contains(byte)) {
            Some(&byte) => return Err(PatternFault::AbsentByte(byte)),
            None => hir.clone(),
        },
        HirKind::Class(class) => Hir::class(confine_class(class)?),
        HirKind::Look(look) => Hir::look(confine_look(*look, quiet)?),
        HirKind::Repetition(repeat) => {
            if repeat.max.is_none() && is_any_byte(&repeat.sub) {
                return Err(PatternFault::UnboundedGap);
            }
            Hir::repetition(Repetition {
                sub: Box::new(confine(&repeat.sub, quiet)?),
                ..repeat.clone()
            })
        }
        HirKind::Capture(group) => Hir::capture(Capture {
            sub: Box::new(confine(&group.sub, quiet)?),
            ..group.clone()
        }),
        HirKind::Concat(parts) => Hir::concat(confine_all(parts, quiet)?),
        HirKind::Alternation(parts) => Hir::alternation(confine_all(parts, quiet)?),
    })
}

fn confine_all(parts: &[Hir], quiet: bool) -> Result<Vec<Hir>, PatternFault> {
    parts.iter().map(|part| confine(part, quiet)).collect()
}

fn confine_class(class: &Class) -> Result<Class, PatternFault> {
    let confined = match class {
        Class::Bytes(bytes) => {
            let mut bytes = bytes.clone();
            bytes.difference(&ClassBytes::new(
                ABSENT.map(|byte| ClassBytesRange::new(byte, byte)),
            ));
            Class::Bytes(bytes)
        }
        Class::Unicode(chars) => {
            let mut chars = chars.clone();
            chars.difference(&ClassUnicode::new(
                ABSENT.map(char::from).map(|c| ClassUnicodeRange::new(c, c)),
            ));
            Class::Unicode(chars)
        }
    };
    if !confined.is_empty() {
        return Ok(confined);
    }
    let first = match class {
        Class::Bytes(bytes) => bytes.ranges().first().map(ClassBytesRange::start),
        Class::Unicode(chars) => chars
            .ranges()
            .first()
            .and_then(|range| u8::try_from(range.start()).ok()),
    };
    Err(first.map_or(PatternFault::NeverMatches, PatternFault::AbsentByte))
}

fn confine_look(look: Look, quiet: bool) -> Result<Look, PatternFault> {
    match look {
        Look::StartLF | Look::StartCRLF => Ok(Look::StartLF),
        Look::EndLF | Look::EndCRLF if quiet => Ok(Look::End),
        Look::EndLF | Look::EndCRLF => Ok(Look::EndLF),
        Look::Start => Err(PatternFault::Anchor("\\A")),
        Look::End => Err(PatternFault::Anchor("\\z")),
        Look::WordAscii
        | Look::WordAsciiNegate
        | Look::WordStartAscii
        | Look::WordEndAscii
        | Look::WordStartHalfAscii
        | Look::WordEndHalfAscii => Ok(look),
        Look::WordUnicode
        | Look::WordUnicodeNegate
        | Look::WordStartUnicode
        | Look::WordEndUnicode
        | Look::WordStartHalfUnicode
        | Look::WordEndHalfUnicode => Err(PatternFault::UnicodeBoundary),
    }
}

fn is_any_byte(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Bytes(bytes)) => bytes.ranges() == [ClassBytesRange::new(0, 255)],
        HirKind::Class(Class::Unicode(chars)) => {
            chars.ranges() == [ClassUnicodeRange::new('\0', char::MAX)]
        }
        HirKind::Capture(group) => is_any_byte(&group.sub),
        _ => false,
    }
}

/// What a match may ask of the byte after it.
fn trailing_looks(hir: &Hir) -> LookSet {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => LookSet::empty(),
        HirKind::Look(look) => LookSet::singleton(*look),
        HirKind::Repetition(repeat) => trailing_looks(&repeat.sub),
        HirKind::Capture(group) => trailing_looks(&group.sub),
        HirKind::Alternation(parts) => parts.iter().fold(LookSet::empty(), |looks, part| {
            looks.union(trailing_looks(part))
        }),
        HirKind::Concat(parts) => {
            let mut looks = LookSet::empty();
            for part in parts.iter().rev() {
                looks = looks.union(trailing_looks(part));
                if part.properties().minimum_len() != Some(0) {
                    break;
                }
            }
            looks
        }
    }
}

/// May more bytes make the match longer, the way it began to match?
fn is_open(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty => true,
        HirKind::Literal(_) | HirKind::Class(_) => false,
        HirKind::Look(look) => *look != Look::EndLF,
        HirKind::Repetition(repeat) => repeat.max != Some(repeat.min) || is_open(&repeat.sub),
        HirKind::Capture(group) => is_open(&group.sub),
        HirKind::Alternation(parts) => parts.iter().any(is_open) || one_may_begin_another(parts),
        HirKind::Concat(parts) => parts
            .iter()
            .rev()
            .find(|part| !matches!(part.kind(), HirKind::Look(look) if *look != Look::EndLF))
            .is_none_or(is_open),
    }
}

/// May a match of one of these be the beginning of a longer match of another? Yes, when in doubt.
fn one_may_begin_another(parts: &[Hir]) -> bool {
    let literals: Option<Vec<&[u8]>> = parts
        .iter()
        .map(|part| match part.kind() {
            HirKind::Literal(literal) => Some(&*literal.0),
            _ => None,
        })
        .collect();
    if let Some(literals) = literals {
        return literals.iter().any(|one| {
            literals
                .iter()
                .any(|other| other.len() > one.len() && other.starts_with(one))
        });
    }
    let lengths = |part: &Hir| {
        let properties = part.properties();
        (properties.minimum_len(), properties.maximum_len())
    };
    let (least, most) = lengths(&parts[0]);
    least != most || parts.iter().any(|part| lengths(part) != (least, most))
}

fn has_named_group(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
        HirKind::Repetition(repeat) => has_named_group(&repeat.sub),
        HirKind::Capture(group) => group.name.is_some() || has_named_group(&group.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(has_named_group),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_console_could_print_is_refused_with_the_mend() {
        use PatternFault as Fault;
        let absent = |byte| Err(Fault::AbsentByte(byte));
        for (regex, quiet, verdict) in [
            (r"panic\[cpu\d+\]/thread=", false, Ok(())),
            (r"^(\{[0-9a-f]{1,3}\} )?ok $", true, Ok(())),
            (
                r"^Boot device: (\S+)\s+File and args: ?(.*)$",
                false,
                Ok(()),
            ),
            (r"[^:]+: .* gone", false, Ok(())),
            (r"a|b|c", false, Ok(())),
            (r"x*", false, Err(Fault::MatchesEmpty)),
            (r"^ ?$", true, Err(Fault::MatchesEmpty)),
            (r"a(?s:.)*b", false, Err(Fault::UnboundedGap)),
            (r"a([\s\S]+?)b", false, Err(Fault::UnboundedGap)),
            (r"(?:^|[\r\n])ok $", true, absent(b'\n')),
            (r"a\nb", false, absent(b'\n')),
            (r"\x1b\[0m", false, absent(0x1b)),
            (r"\Aok ", false, Err(Fault::Anchor("\\A"))),
            (r"ok \z", true, Err(Fault::Anchor("\\z"))),
            (r"ok ", true, Err(Fault::QuietWithoutEnd)),
            (r"MP> $|hpiLO->", true, Err(Fault::QuietWithoutEnd)),
            (r"a$b", false, Ok(())),
            (r"[a&&b]", false, Err(Fault::NeverMatches)),
            (r"a{3000}", false, Err(Fault::TooLong(3000))),
            (r"(?u:\bok\b)", false, Err(Fault::UnicodeBoundary)),
            (r"((a{1,900}){1,900}){1,900}", false, Err(Fault::TooLarge)),
        ] {
            assert_eq!(check_pattern(regex, quiet), verdict, "{regex}");
        }
        for regex in ["(", r"\p{Greek}", "a**{", "[z-a]", &"(".repeat(10_000)] {
            let verdict = check_pattern(regex, false);
            assert!(matches!(verdict, Err(Fault::Syntax(_))), "{verdict:?}");
        }
    }

    #[test]
    fn the_end_of_a_pattern_is_understood() {
        for (regex, end, captures, open) in [
            ("panic", End::Plain, false, false),
            ("thread=[0-9a-f]+", End::Plain, false, true),
            (r"\bpanic\b", End::Boundary, false, false),
            (r"\bpanic\b( now)?", End::Boundary, false, true),
            ("^Program terminated$", End::Line, false, false),
            (r"Host ID: (?<id>[0-9a-f]{8})", End::Plain, true, false),
            (r"Host ID: (?<id>[0-9a-f]{1,8})", End::Plain, true, true),
            (
                r"^(?<name>\S+) = +(?<value>\S.{0,200})$",
                End::Line,
                true,
                false,
            ),
            ("(foo|foobar)", End::Plain, false, true),
            ("(foo|bar)", End::Plain, false, false),
        ] {
            let pattern = read(regex, None).expect("a good pattern");
            let found = (pattern.end, pattern.captures, pattern.open);
            assert_eq!(found, (end, captures, open), "{regex}");
        }
    }
}
