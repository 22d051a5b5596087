//! The reader: a transcript's text in, records out. It takes the text in any pieces, keeps no more
//! than one line, and goes on behind lines that it cannot read.

use super::text::{self, End};
use super::{By, LINE_LIMIT, MAGIC, Outcome, Record, UtcMillis, VERSION};

/// A record with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened; of a piece of the console's output, when its first byte came.
    pub at: UtcMillis,
    /// What.
    pub record: Record,
}

/// Why a file cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReadable {
    /// The first line is not that of a transcript.
    #[error(
        "no transcript of clusterd: the first line does not say `# clusterd console transcript`"
    )]
    NotATranscript,
    /// The first line names another version.
    #[error("a transcript of version {0}; this clusterd reads version {VERSION}")]
    Version(String),
}

/// Reads one file, or several one after the other: each is begun anew.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    name: Option<String>,
    /// The start of a line that is not whole yet, or a line too long to be one.
    part: Vec<u8>,
    /// Lines seen.
    line: u64,
    damaged: u64,
    first_damaged: Option<u64>,
}

impl Reader {
    /// A reader at the start of a file.
    pub fn new() -> Reader {
        Reader::default()
    }

    /// CLUSTER/NODE, once the first line was read.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How many lines were no records, and the number of the first of them.
    pub fn damaged(&self) -> (u64, Option<u64>) {
        (self.damaged, self.first_damaged)
    }

    /// Takes the next piece of the file, and gives the records of the lines that end in it to `each`.
    ///
    /// # Errors
    /// The file is no transcript, or one of another version: there is nothing to be read in it.
    pub fn read(&mut self, piece: &[u8], mut each: impl FnMut(Entry)) -> Result<(), NotReadable> {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            if self.part.is_empty() {
                self.line(line, &mut each)?;
                continue;
            }
            let mut whole = std::mem::take(&mut self.part);
            keep(&mut whole, line);
            self.line(&whole, &mut each)?;
            whole.clear();
            self.part = whole;
        }
        keep(&mut self.part, rest);
        Ok(())
    }

    /// The file ends here. A last line without its end is read as far as it goes.
    ///
    /// # Errors
    /// As of [`Reader::read`].
    pub fn end(&mut self, mut each: impl FnMut(Entry)) -> Result<(), NotReadable> {
        let mut part = std::mem::take(&mut self.part);
        // A first line that was being written holds nothing yet.
        let begun = self.line == 0 && MAGIC.as_bytes().starts_with(&part);
        if part.is_empty() || begun || (self.line == 0 && part.starts_with(MAGIC.as_bytes())) {
            return Ok(());
        }
        let (whole, end) = text::mend(&part);
        part.truncate(whole);
        part.extend_from_slice(end.trim_end().as_bytes());
        self.line(&part, &mut each)
    }

    fn line(&mut self, line: &[u8], each: &mut impl FnMut(Entry)) -> Result<(), NotReadable> {
        self.line += 1;
        if self.line == 1 || line.starts_with(MAGIC.as_bytes()) {
            return self.header(line);
        }
        match entry(line) {
            Some(entry) => each(entry),
            None => {
                self.damaged += 1;
                self.first_damaged.get_or_insert(self.line);
            }
        }
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), NotReadable> {
        let rest = line
            .strip_prefix(MAGIC.as_bytes())
            .ok_or(NotReadable::NotATranscript)?;
        let (version, rest) = cut(rest, b": ").unwrap_or((rest, b""));
        if version != VERSION.to_string().as_bytes() {
            let version = &version[..version.len().min(20)];
            let version = String::from_utf8_lossy(version).into_owned();
            return Err(NotReadable::Version(version));
        }
        let (name, _) = cut(rest, b", begun ").unwrap_or((rest, b""));
        self.name = text::unescape(name).map(|(name, _)| words(&name));
        Ok(())
    }
}

/// The time at which a file was begun, from its first line, if that is one of this version.
pub(crate) fn begun(first_line: &[u8]) -> Option<UtcMillis> {
    let rest = first_line.strip_prefix(MAGIC.as_bytes())?;
    let rest = rest.strip_prefix(format!("{VERSION}: ").as_bytes())?;
    let (_, at) = cut(rest, b", begun ")?;
    UtcMillis::parse(at)
}

/// Adds to a line that is not whole yet: no more than shows that it is too long.
fn keep(part: &mut Vec<u8>, more: &[u8]) {
    let room = (LINE_LIMIT + 1).saturating_sub(part.len());
    part.extend_from_slice(&more[..room.min(more.len())]);
}

/// How many bytes of the console, and typed, stand in these lines, and how many other records.
pub(crate) fn counted(lines: &[u8]) -> (u64, u64) {
    let (mut all, mut records) = (0, 0_u64);
    for entry in lines.split(|&byte| byte == b'\n').filter_map(entry) {
        match entry.record {
            Record::Console { bytes, .. } | Record::Typed { bytes, .. } => {
                all += bytes.len() as u64;
            }
            Record::Again { count, .. } => records = records.saturating_add(count),
            _ => records = records.saturating_add(1),
        }
    }
    (all, records)
}

fn entry(line: &[u8]) -> Option<Entry> {
    if line.len() > LINE_LIMIT {
        return None;
    }
    let (at, rest) = line.split_at_checked(UtcMillis::LENGTH)?;
    let at = UtcMillis::parse(at)?;
    let record = match rest {
        [b' ', b'|', b' ', text @ ..] => console(text, false)?,
        [b' ', b'+', b' ', text @ ..] => console(text, true)?,
        [b' ', b'>', b' ', b'"', text @ ..] => typed(text)?,
        [b' ', b'!', b' ', text @ ..] => broke(text)?,
        [b' ', b'*', b' ', text @ ..] => again(text)?,
        [b' ', b'-', b'-', b' ', text @ ..] => remark(text)?,
        _ => return None,
    };
    Some(Entry { at, record })
}

fn console(text: &[u8], goes_on: bool) -> Option<Record> {
    let (mut bytes, end) = text::unescape(text)?;
    // A line feed stands at the end of a record only.
    if end == End::Whole && bytes.last() != Some(&b'\n') {
        bytes.extend_from_slice(b"\r\n");
    }
    Some(Record::Console {
        bytes,
        goes_on,
        torn: end == End::Torn,
    })
}

fn typed(text: &[u8]) -> Option<Record> {
    let quote = text
        .iter()
        .enumerate()
        .scan(false, |escaped, (at, &byte)| {
            let ends = byte == b'"' && !*escaped;
            *escaped = byte == b'\\' && !*escaped;
            Some((at, ends))
        })
        .find(|(_, ends)| *ends);
    let at = quote.map(|(at, _)| at)?;
    let (bytes, _) = text::unescape(&text[..at])?;
    let by = match &text[at + 1..] {
        b"" => By::Script,
        by => By::Person(decoded(by.strip_prefix(b" by ")?)?),
    };
    Some(Record::Typed { by, bytes })
}

fn broke(text: &[u8]) -> Option<Record> {
    if let Some(by) = text.strip_prefix(b"BREAK ordered") {
        let by = match by {
            b"" => By::Script,
            by => By::Person(decoded(by.strip_prefix(b" by ")?)?),
        };
        return Some(Record::Break { by });
    }
    let (kind, outcome) = if let Some(kind) = text.strip_prefix(b"BREAK not sent: ") {
        (kind, Outcome::NotSent)
    } else {
        let sent = text.strip_prefix(b"BREAK sent as ")?;
        match cut(sent, b", ") {
            None => (sent, Outcome::Sent),
            Some((kind, b"acknowledged")) => (kind, Outcome::Acknowledged),
            Some((kind, b"not acknowledged")) => (kind, Outcome::NotAcknowledged),
            Some(_) => return None,
        }
    };
    let kind = decoded(kind)?;
    Some(Record::Broke { kind, outcome })
}

fn again(text: &[u8]) -> Option<Record> {
    let (count, rest) = cut(text, b" more like the last ")?;
    let (period, since) = cut(rest, b" since ")?;
    let period = match period {
        b"one" => 1,
        many => usize::try_from(number(many)?).ok()?,
    };
    Some(Record::Again {
        period,
        count: number(count)?,
        since: UtcMillis::parse(since)?,
    })
}

fn remark(text: &[u8]) -> Option<Record> {
    if text == b"link up" {
        return Some(Record::Up);
    }
    if text == b"clusterd was started" {
        return Some(Record::Started);
    }
    if let b"carrier is there" | b"carrier lost" = text {
        let present = text != b"carrier lost";
        return Some(Record::Carrier { present });
    }
    if let Some(why) = text.strip_prefix(b"link down: ") {
        let why = decoded(why)?;
        return Some(Record::Down { why });
    }
    if let Some(rest) = text.strip_prefix(b"gap: ") {
        let (bytes, _) = cut(rest, b" bytes are missing")?;
        let bytes = number(bytes)?;
        return Some(Record::Gap { bytes });
    }
    if let Some(rest) = text.strip_prefix(b"lost: ") {
        let (bytes, rest) = cut(rest, b" bytes and ")?;
        let (records, rest) = cut(rest, b" other records since ")?;
        let (since, why) = cut(rest, b": ")?;
        return Some(Record::Lost {
            bytes: number(bytes)?,
            records: number(records)?,
            since: UtcMillis::parse(since)?,
            why: decoded(why)?,
        });
    }
    let text = decoded(text.strip_prefix(b"note: ")?)?;
    Some(Record::Note { text })
}

/// The words that stand here, not cut by a crash.
fn decoded(text: &[u8]) -> Option<String> {
    let (bytes, end) = text::unescape(text)?;
    (end == End::Whole).then(|| words(&bytes))
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok()?;
    let plain = !digits.starts_with('+');
    plain.then(|| digits.parse().ok())?
}

/// What stands before and behind the first `middle`.
fn cut<'a>(text: &'a [u8], middle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(middle.len()).position(|part| part == middle)?;
    Some((&text[..at], &text[at + middle.len()..]))
}
