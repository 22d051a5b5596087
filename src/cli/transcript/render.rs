//! The forms in which a transcript is shown: plain lines, bytes, JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::logfile::visible;
use crate::transcript::{By, Entry, Outcome, Record, UtcMillis};

/// A line without its end is shown in pieces of so many bytes.
const LONGEST: usize = 64 << 10;

/// Where records are shown.
pub(super) struct Sheet<W> {
    out: W,
    form: Form,
    missing: Missing,
}

enum Form {
    Plain {
        times: bool,
        line: Vec<u8>,
        begun: bool,
    },
    Bytes,
    Json,
}

/// What the transcript says is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    pub places: u64,
    pub bytes: u64,
}

impl<W: Write> Sheet<W> {
    pub(super) fn plain(out: W, times: bool) -> Sheet<W> {
        let (line, begun) = (Vec::new(), false);
        Sheet::of(out, Form::Plain { times, line, begun })
    }

    pub(super) fn bytes(out: W) -> Sheet<W> {
        Sheet::of(out, Form::Bytes)
    }

    pub(super) fn json(out: W) -> Sheet<W> {
        Sheet::of(out, Form::Json)
    }

    fn of(out: W, form: Form) -> Sheet<W> {
        let missing = Missing::default();
        Sheet { out, form, missing }
    }

    /// Shows one record.
    pub(super) fn put(&mut self, entry: &Entry) -> io::Result<()> {
        if let Record::Gap { bytes } | Record::Lost { bytes, .. } = entry.record {
            self.missing.places += 1;
            self.missing.bytes = self.missing.bytes.saturating_add(bytes);
        }
        match (&mut self.form, &entry.record) {
            (Form::Bytes, Record::Console { bytes, .. }) => self.out.write_all(bytes),
            (Form::Plain { .. }, Record::Console { bytes, goes_on, .. }) => {
                if !goes_on {
                    self.end_line()?;
                }
                self.lines(bytes, entry.at)
            }
            (Form::Json, _) => {
                serde_json::to_writer(&mut self.out, &Shown::of(entry))?;
                self.out.write_all(b"\n")
            }
            _ => Ok(()),
        }
    }

    /// Ends the last line, and writes all that waits.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.end_line()?;
        self.out.flush()
    }

    /// How much the transcript said is missing.
    pub(super) fn missing(&self) -> Missing {
        self.missing
    }

    fn lines(&mut self, bytes: &[u8], at: UtcMillis) -> io::Result<()> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let Form::Plain { times, line, begun } = &mut self.form else {
                return Ok(());
            };
            if *times && !*begun {
                write!(self.out, "{at}  ")?;
            }
            *begun = true;
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.end_line()?;
            } else if line.len() > LONGEST {
                let text = std::mem::take(line);
                self.out.write_all(visible(&text).as_bytes())?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        let Form::Plain { line, begun, .. } = &mut self.form else {
            return Ok(());
        };
        if !std::mem::take(begun) {
            return Ok(());
        }
        let text = std::mem::take(line);
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        // A terminal shows a line that ends with CR CR LF as one with CR LF.
        let end = text.iter().rposition(|&byte| byte != b'\r');
        let text = &text[..end.map_or(0, |at| at + 1)];
        writeln!(self.out, "{}", visible(text))
    }
}

/// A record as JSON. Bytes are text of as many characters, U+0000 to U+00FF.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    at: String,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What<'a> {
    Console {
        bytes: String,
        goes_on: bool,
        torn: bool,
    },
    Typed {
        by: &'a str,
        bytes: String,
    },
    Break {
        by: &'a str,
    },
    Broke {
        how: &'a str,
        outcome: &'static str,
    },
    Carrier {
        present: bool,
    },
    Again {
        period: usize,
        count: u64,
        since: String,
    },
    LinkUp,
    LinkDown {
        why: &'a str,
    },
    Gap {
        bytes: u64,
    },
    Lost {
        bytes: u64,
        records: u64,
        since: String,
        why: &'a str,
    },
    Started,
    Note {
        text: &'a str,
    },
}

impl Shown<'_> {
    fn of(entry: &Entry) -> Shown<'_> {
        let what = match &entry.record {
            Record::Console {
                bytes,
                goes_on,
                torn,
            } => What::Console {
                bytes: characters(bytes),
                goes_on: *goes_on,
                torn: *torn,
            },
            Record::Typed { by, bytes } => What::Typed {
                by: who(by),
                bytes: characters(bytes),
            },
            Record::Break { by } => What::Break { by: who(by) },
            Record::Broke { kind, outcome } => What::Broke {
                how: kind,
                outcome: match outcome {
                    Outcome::Sent => "sent",
                    Outcome::Acknowledged => "acknowledged",
                    Outcome::NotAcknowledged => "not_acknowledged",
                    Outcome::NotSent => "not_sent",
                },
            },
            Record::Carrier { present } => What::Carrier { present: *present },
            Record::Again {
                period,
                count,
                since,
            } => What::Again {
                period: *period,
                count: *count,
                since: since.to_string(),
            },
            Record::Up => What::LinkUp,
            Record::Down { why } => What::LinkDown { why },
            Record::Gap { bytes } => What::Gap { bytes: *bytes },
            Record::Lost {
                bytes,
                records,
                since,
                why,
            } => What::Lost {
                bytes: *bytes,
                records: *records,
                since: since.to_string(),
                why,
            },
            Record::Started => What::Started,
            Record::Note { text } => What::Note { text },
        };
        Shown {
            at: entry.at.to_string(),
            what,
        }
    }
}

/// A person's name; the script is the empty one, which nobody has.
fn who(by: &By) -> &str {
    match by {
        By::Script => "",
        By::Person(name) => name,
    }
}

fn characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
