//! How a BREAK is sent on a console: its kinds, as an operator writes them.
//!
//! ```text
//!   break: telnet                     IAC BRK, no duration (RFC 854)
//!   break: line 300ms                 the line held so long: a serial port, or RFC 2217
//!   break: type "~B"                  an escape that the far end turns into a BREAK
//!   break: type "#." await "sc>" 5s type "break -y\r" await "console" 5s type "console -f\r"
//!   break: none
//!   break: [telnet, line 500ms]       the second where the first was not seen to work
//! ```

use std::fmt;
use std::time::Duration;

use crate::clock::Span;

/// One way of sending a BREAK.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BreakKind {
    /// `IAC BRK` in a telnet stream; the far end chooses its length.
    Telnet,
    /// The line is held for so long.
    Line(Duration),
    /// A short talk with what stands between: escapes, a service processor. Nothing else is
    /// written before it has ended.
    Talk(Vec<TalkStep>),
    /// There is none on this console.
    None,
}

/// A step of a talk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TalkStep {
    /// Type these bytes.
    Type(Vec<u8>),
    /// Go on when these bytes came since the talk began or the last awaited ones; if they do not
    /// come within that time the talk ends, and the BREAK was not sent.
    Await(Vec<u8>, Duration),
    /// Do nothing for so long.
    Pause(Duration),
}

/// The length of a BREAK where none is written: within the 250 to 500 ms of POSIX `tcsendbreak`.
pub const USUAL_BREAK: Duration = Duration::from_millis(300);

/// The longest time that a BREAK, a wait or a pause may take.
const LONGEST: Duration = Duration::from_secs(30);

/// The most steps of a talk, and the most bytes of one text.
const MOST: usize = 64;

impl BreakKind {
    /// Whether anything is sent at all.
    pub fn is_some(&self) -> bool {
        *self != BreakKind::None
    }

    /// Whether it sends a RETURN to the node before its escape with no line kill before that: what
    /// stands half typed on the node's line is then run. What follows an awaited text is said to
    /// somebody else, a service processor.
    pub fn runs_a_line(&self) -> bool {
        let BreakKind::Talk(steps) = self else {
            return false;
        };
        let to_the_node = steps
            .iter()
            .take_while(|step| !matches!(step, TalkStep::Await(..)));
        let typed: Vec<u8> = to_the_node
            .filter_map(|step| match step {
                TalkStep::Type(bytes) => Some(bytes.as_slice()),
                _ => None,
            })
            .collect::<Vec<_>>()
            .concat();
        // The last byte ends the escape.
        let before = &typed[..typed.len().saturating_sub(1)];
        before
            .iter()
            .find(|byte| matches!(byte, b'\r' | b'\n' | 0x15 | 0x03))
            .is_some_and(|first| matches!(first, b'\r' | b'\n'))
    }

    /// Reads one kind.
    ///
    /// # Errors
    /// What is wrong with it and what would do.
    pub fn parse(text: &str) -> Result<BreakKind, String> {
        let mut words = Words { rest: text.trim() };
        let kind = match words.plain()? {
            Some("telnet") => BreakKind::Telnet,
            Some("none") => BreakKind::None,
            Some("line") => BreakKind::Line(match words.plain()? {
                Some(span) => time(span)?,
                None => USUAL_BREAK,
            }),
            Some(word @ ("type" | "await" | "pause")) => return talk(word, words),
            Some(other) => return Err(unknown(other)),
            None => return Err(unknown("")),
        };
        match words.rest.trim() {
            "" => Ok(kind),
            rest => Err(format!("{rest:?} is too much here")),
        }
    }
}

fn unknown(word: &str) -> String {
    format!("{word:?} is no kind of BREAK: write telnet, line 300ms, type \"~B\" or none")
}

fn talk<'a>(first: &'a str, mut words: Words<'a>) -> Result<BreakKind, String> {
    let mut steps = Vec::new();
    let mut word = first;
    loop {
        steps.push(match word {
            "type" => TalkStep::Type(words.quoted()?),
            "await" => {
                let text = words.quoted()?;
                let within = words
                    .plain()?
                    .ok_or("say how long the text may take to come: await \"sc>\" 5s")?;
                TalkStep::Await(text, time(within)?)
            }
            "pause" => TalkStep::Pause(time(words.plain()?.ok_or("say how long: pause 200ms")?)?),
            other => {
                return Err(format!(
                    "{other:?} is no step: type, await or pause may stand here"
                ));
            }
        });
        if steps.len() > MOST {
            return Err(format!("a talk has at most {MOST} steps"));
        }
        match words.plain()? {
            Some(next) => word = next,
            None => break,
        }
    }
    let types = |step: &TalkStep| matches!(step, TalkStep::Type(_));
    if !steps.iter().any(types) {
        return Err("a talk that types nothing sends no BREAK".to_owned());
    }
    Ok(BreakKind::Talk(steps))
}

fn time(word: &str) -> Result<Duration, String> {
    match humantime::parse_duration(word) {
        Ok(span) if !span.is_zero() && span <= LONGEST => Ok(span),
        _ => Err(format!("{word:?} is no time from 1ms to {}", Span(LONGEST))),
    }
}

/// The words of a kind, from the left.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn plain(&mut self) -> Result<Option<&'a str>, String> {
        self.rest = self.rest.trim_start();
        if self.rest.is_empty() {
            return Ok(None);
        }
        if self.rest.starts_with('"') {
            return Err(format!("{} stands where a word must", self.rest));
        }
        let end = self
            .rest
            .find(char::is_whitespace)
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Some(word))
    }

    /// A text in quotes, with `\r`, `\n`, `\t`, `\\`, `\"`, `\xNN`.
    fn quoted(&mut self) -> Result<Vec<u8>, String> {
        let wanted = || "a text in double quotes must follow: type \"~B\"".to_owned();
        let inside = self
            .rest
            .trim_start()
            .strip_prefix('"')
            .ok_or_else(wanted)?;
        let mut bytes = Vec::new();
        let mut chars = inside.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &inside[at + 1..];
                    if bytes.is_empty() || bytes.len() > MOST {
                        return Err(format!("a text has 1 to {MOST} bytes"));
                    }
                    return Ok(bytes);
                }
                '\\' => bytes.push(escaped(&mut chars)?),
                c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Err("a quote is not closed".to_owned())
    }
}

fn escaped(chars: &mut std::str::CharIndices<'_>) -> Result<u8, String> {
    let mut next = || chars.next().map(|(_, c)| c);
    Ok(match next() {
        Some('r') => b'\r',
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('\\') => b'\\',
        Some('"') => b'"',
        Some('x') => {
            let digits = [next(), next()].map(|c| c.and_then(|c| c.to_digit(16)));
            match digits {
                [Some(high), Some(low)] => u8::try_from(high * 16 + low).unwrap_or(0),
                _ => return Err("write two hex digits behind \\x".to_owned()),
            }
        }
        _ => return Err("a backslash stands before r, n, t, \\, \" or xNN".to_owned()),
    })
}

/// A time in one word, as it can be read again.
fn written(span: Duration) -> String {
    humantime::format_duration(span)
        .to_string()
        .replace(' ', "")
}

impl fmt::Display for BreakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BreakKind::Telnet => f.write_str("telnet"),
            BreakKind::Line(span) => write!(f, "line {}", written(*span)),
            BreakKind::None => f.write_str("none"),
            BreakKind::Talk(steps) => {
                for (n, step) in steps.iter().enumerate() {
                    f.write_str(if n == 0 { "" } else { " " })?;
                    match step {
                        TalkStep::Type(bytes) => write!(f, "type \"{}\"", bytes.escape_ascii())?,
                        TalkStep::Await(bytes, within) => {
                            write!(f, "await \"{}\" {}", bytes.escape_ascii(), written(*within))?;
                        }
                        TalkStep::Pause(span) => write!(f, "pause {}", written(*span))?,
                    }
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read() {
        let ms = Duration::from_millis;
        for (text, kind) in [
            ("telnet", BreakKind::Telnet),
            ("none", BreakKind::None),
            ("line", BreakKind::Line(USUAL_BREAK)),
            ("line 500ms", BreakKind::Line(ms(500))),
            (
                "type \"~B\"",
                BreakKind::Talk(vec![TalkStep::Type(b"~B".to_vec())]),
            ),
            (
                "type \"#.\" await \"sc>\" 5s pause 20ms type \"\\x05c\\r\"",
                BreakKind::Talk(vec![
                    TalkStep::Type(b"#.".to_vec()),
                    TalkStep::Await(b"sc>".to_vec(), ms(5000)),
                    TalkStep::Pause(ms(20)),
                    TalkStep::Type(b"\x05c\r".to_vec()),
                ]),
            ),
        ] {
            assert_eq!(BreakKind::parse(text), Ok(kind.clone()), "{text}");
            assert_eq!(BreakKind::parse(&kind.to_string()), Ok(kind), "{text}");
        }
    }

    #[test]
    fn a_return_before_the_escape_runs_what_stands_on_the_line() {
        for (text, runs) in [
            ("telnet", false),
            ("type \"~B\"", false),
            ("type \"~break\\r\"", false),
            ("type \"\\r~B\"", true),
            ("type \"\\n\" pause 1s type \"~B\"", true),
            ("type \"\\x15\\r~B\"", false),
            ("type \"\\x03\" type \"\\r~B\"", false),
            (
                "type \"#.\" await \"sc>\" 5s type \"break -y\\r\" type \"x\"",
                false,
            ),
        ] {
            assert_eq!(
                BreakKind::parse(text).unwrap().runs_a_line(),
                runs,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_kind_is_said() {
        for (text, part) in [
            ("", "no kind of BREAK"),
            ("brk", "no kind of BREAK"),
            ("line soon", "no time"),
            ("line 0ms", "no time"),
            ("line 60s", "no time"),
            ("telnet 3s", "too much"),
            ("type ~B", "in double quotes"),
            ("type \"~B", "not closed"),
            ("type \"\"", "1 to 64 bytes"),
            ("type \"a\" await \"b\"", "how long"),
            ("await \"b\" 5s", "types nothing"),
            ("type \"\\q\"", "a backslash"),
            ("type \"\\x4\"", "two hex digits"),
        ] {
            let error = BreakKind::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
