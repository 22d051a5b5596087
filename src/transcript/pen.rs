//! The writer: bytes and events in, whole lines of a transcript out.

use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use super::fold::{Again, Fate, Fold};
use super::{By, MAGIC, Outcome, Record, TEXT_LIMIT, UtcMillis, VERSION, text};

/// A line of the console without its end (a prompt) is written once the console paused for so long.
const PAUSE: Duration = Duration::from_millis(500);

/// And it is written after this time though the console did not pause, so that no byte's time is
/// further than this from its record's.
const OPEN: Duration = Duration::from_secs(5);

/// Limits of what goes on a line beside its text, bytes as written.
const NAME: usize = 100;
const KIND: usize = 100;

/// Writes one console's transcript. What it wrote waits in it until [`Pen::take`] has it: whole
/// lines always.
///
/// Times may go back (clocks are set); records stand in the order in which they were told.
#[derive(Clone, Debug)]
pub struct Pen {
    line: Line,
    /// A CR came, and what follows it is not known yet.
    carriage_return: bool,
    /// The time of the console's last byte.
    last: UtcMillis,
    fold: Option<Box<Fold>>,
    out: Vec<u8>,
}

/// How far the console's present line has come.
#[derive(Clone, Debug)]
enum Line {
    /// Nothing of it is there.
    Fresh,
    /// It is gathered here, as it will be written.
    Open {
        at: UtcMillis,
        mark: &'static [u8],
        text: Vec<u8>,
    },
    /// A record of it was written, without the line's end.
    Cut,
}

impl Default for Pen {
    fn default() -> Pen {
        Pen {
            line: Line::Fresh,
            carriage_return: false,
            last: UtcMillis::default(),
            fold: None,
            out: Vec::new(),
        }
    }
}

impl Pen {
    /// The first line of a file that begins at `at`. `name` is CLUSTER/NODE.
    pub fn header(name: &str, at: UtcMillis) -> Vec<u8> {
        let mut line = format!("{MAGIC}{VERSION}: ").into_bytes();
        text::push_words(name, b",", NAME * 2, &mut line);
        line.extend_from_slice(b", begun ");
        line.extend_from_slice(&at.text());
        line.push(b'\n');
        line
    }

    /// What was written since the last call: whole lines.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Whether [`Pen::take`] has something.
    pub fn has_written(&self) -> bool {
        !self.out.is_empty()
    }

    /// The console said `bytes`.
    pub fn console(&mut self, bytes: &[u8], at: UtcMillis) {
        if bytes.is_empty() {
            return;
        }
        self.end_turn();
        if self.rests_in(at) == Some(Duration::ZERO) {
            self.cut();
        }
        self.fold = None;
        self.last = at;
        let mut rest = bytes;
        while let Some((&first, after)) = rest.split_first() {
            rest = match first {
                b'\n' => {
                    self.end_line(at);
                    after
                }
                b'\r' => {
                    self.flush_carriage_return();
                    self.open(at);
                    self.carriage_return = true;
                    after
                }
                _ => self.run(rest, at),
            };
        }
    }

    /// These bytes were typed.
    pub fn typed(&mut self, by: &By, bytes: &[u8], at: UtcMillis) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut line = b"> \"".to_vec();
            let taken = text::push(rest, b"\"\t", TEXT_LIMIT, &mut line);
            line.push(b'"');
            push_by(by, &mut line);
            self.event(&line, at);
            rest = &rest[taken..];
        }
    }

    /// A BREAK was ordered.
    pub fn break_ordered(&mut self, by: &By, at: UtcMillis) {
        let mut line = b"! BREAK ordered".to_vec();
        push_by(by, &mut line);
        self.event(&line, at);
    }

    /// A BREAK that was ordered is over.
    pub fn broke(&mut self, kind: &str, outcome: Outcome, at: UtcMillis) {
        let (start, end): (&[u8], &[u8]) = match outcome {
            Outcome::Sent => (b"! BREAK sent as ", b""),
            Outcome::Acknowledged => (b"! BREAK sent as ", b", acknowledged"),
            Outcome::NotAcknowledged => (b"! BREAK sent as ", b", not acknowledged"),
            Outcome::NotSent => (b"! BREAK not sent: ", b""),
        };
        let mut line = start.to_vec();
        text::push_words(kind, b",", KIND, &mut line);
        line.extend_from_slice(end);
        self.event(&line, at);
    }

    /// The link is there: a new line begins.
    pub fn link_up(&mut self, at: UtcMillis) {
        self.cut();
        self.line = Line::Fresh;
        self.event(b"-- link up", at);
    }

    /// The link is lost, or could not be made.
    pub fn link_down(&mut self, why: &str, at: UtcMillis) {
        self.words("-- link down: ", why, at);
    }

    /// The line behind the terminal server has a carrier, or has lost it.
    pub fn carrier(&mut self, present: bool, at: UtcMillis) {
        let line: &[u8] = match present {
            true => b"-- carrier is there",
            false => b"-- carrier lost",
        };
        self.event(line, at);
    }

    /// `bytes` of the console are missing here.
    pub fn gap(&mut self, bytes: u64, at: UtcMillis) {
        let line = format!("-- gap: {bytes} bytes are missing, more came than was read");
        self.event(line.as_bytes(), at);
    }

    /// What could not be written from `since` on.
    pub fn lost(&mut self, bytes: u64, records: u64, since: UtcMillis, why: &str, at: UtcMillis) {
        let start = format!("-- lost: {bytes} bytes and {records} other records since {since}: ");
        self.words(&start, why, at);
    }

    /// clusterd was started.
    pub fn started(&mut self, at: UtcMillis) {
        self.cut();
        self.line = Line::Fresh;
        self.event(b"-- clusterd was started", at);
    }

    /// A remark.
    pub fn note(&mut self, words: &str, at: UtcMillis) {
        self.words("-- note: ", words, at);
    }

    /// How long from `now` until [`Pen::rest`] has something to do, if it has.
    pub fn rests_in(&self, now: UtcMillis) -> Option<Duration> {
        if let Line::Open { at, .. } = &self.line {
            // A clock set back counts as a pause.
            let paused = now.since(self.last).unwrap_or(PAUSE);
            let open = now.since(*at).unwrap_or(OPEN);
            return Some(PAUSE.saturating_sub(paused).min(OPEN.saturating_sub(open)));
        }
        let until = self.fold.as_ref().and_then(|fold| fold.until())?;
        Some(until.since(now).unwrap_or(Duration::ZERO))
    }

    /// Writes a line without its end if the console has paused long enough, and what was left out
    /// of a turn that has ended.
    pub fn rest(&mut self, now: UtcMillis) {
        if self.rests_in(now) == Some(Duration::ZERO) {
            self.finish();
        }
    }

    /// Writes all that is not written yet: the file is about to be closed.
    pub fn finish(&mut self) {
        self.end_turn();
        self.cut();
    }

    /// Adds the run of characters at the start of `bytes` to the line; gives the bytes behind it.
    fn run<'a>(&mut self, bytes: &'a [u8], at: UtcMillis) -> &'a [u8] {
        self.flush_carriage_return();
        let text = self.room(at);
        let room = (TEXT_LIMIT - text.len()).min(bytes.len());
        let run = bytes[..room].iter().position(|&byte| !text::is_plain(byte));
        let (plain, rest) = bytes.split_at(run.unwrap_or(room));
        text.extend_from_slice(plain);
        match rest {
            [] | [b'\r' | b'\n', ..] => rest,
            [byte, after @ ..] if run.is_some() => {
                text::push_escape(*byte, text);
                after
            }
            _ => rest,
        }
    }

    /// The text of the line, with room for a character.
    fn room(&mut self, at: UtcMillis) -> &mut Vec<u8> {
        if self.open(at).len() >= TEXT_LIMIT {
            self.cut();
        }
        self.open(at)
    }

    /// The text of the line, which begins at `at` if nothing of it is there.
    fn open(&mut self, at: UtcMillis) -> &mut Vec<u8> {
        let mark: Option<&[u8]> = match self.line {
            Line::Open { .. } => None,
            Line::Fresh => Some(b" | "),
            Line::Cut => Some(b" + "),
        };
        if let Some(mark) = mark {
            let text = Vec::new();
            self.line = Line::Open { at, mark, text };
        }
        match &mut self.line {
            Line::Open { text, .. } => text,
            _ => unreachable!("the line was opened above"),
        }
    }

    /// A CR that does not end a line is a character.
    fn flush_carriage_return(&mut self) {
        if std::mem::take(&mut self.carriage_return) {
            self.room(self.last).extend_from_slice(b"\\r");
        }
    }

    fn end_line(&mut self, at: UtcMillis) {
        self.open(at);
        let end: &[u8] = match std::mem::take(&mut self.carriage_return) {
            true => b"\n",
            false => b"\\n\n",
        };
        self.put_line(end);
        self.line = Line::Fresh;
    }

    /// Ends the present record though the console has not ended its line.
    fn cut(&mut self) {
        self.flush_carriage_return();
        if let Line::Open { .. } = self.line {
            self.put_line(b"\\\n");
            self.line = Line::Cut;
        }
    }

    fn put_line(&mut self, end: &[u8]) {
        if let Line::Open { at, mark, text } = &self.line {
            self.out.reserve(UtcMillis::LENGTH + 6 + text.len());
            self.out.extend_from_slice(&at.text());
            self.out.extend_from_slice(mark);
            self.out.extend_from_slice(text);
            self.out.extend_from_slice(end);
        }
    }

    fn words(&mut self, start: &str, words: &str, at: UtcMillis) {
        let mut line = start.as_bytes().to_vec();
        text::push_words(words, b"", TEXT_LIMIT, &mut line);
        self.event(&line, at);
    }

    /// Writes a record that is not the console's, or leaves it out as one of a turn.
    fn event(&mut self, line: &[u8], at: UtcMillis) {
        self.cut();
        let mut hasher = DefaultHasher::new();
        hasher.write(line);
        let hash = hasher.finish();
        if self.fold.as_ref().is_some_and(|f| !f.goes_on(hash, at)) {
            self.end_turn();
        }
        let fold = self.fold.get_or_insert_with(|| Box::new(Fold::new(at)));
        match fold.take(hash, at) {
            Fate::Write => self.put(line, at),
            Fate::LeaveOut(None) => {}
            Fate::LeaveOut(Some(again)) => self.put_again(again),
        }
    }

    fn end_turn(&mut self) {
        if let Some(again) = self.fold.as_mut().and_then(|fold| fold.end()) {
            self.put_again(again);
        }
    }

    fn put_again(&mut self, again: Again) {
        let Again {
            period,
            count,
            since,
            last,
        } = again;
        let line = match period {
            1 => format!("* {count} more like the last one since {since}"),
            _ => format!("* {count} more like the last {period} since {since}"),
        };
        self.put(line.as_bytes(), last);
    }

    fn put(&mut self, line: &[u8], at: UtcMillis) {
        self.out.extend_from_slice(&at.text());
        self.out.push(b' ');
        self.out.extend_from_slice(line);
        self.out.push(b'\n');
    }
}

impl Pen {
    /// Writes a record as a reader gave it; [`Record::Again`] cannot be written so.
    pub fn write(&mut self, record: &Record, at: UtcMillis) {
        match record {
            Record::Console { bytes, .. } => self.console(bytes, at),
            Record::Typed { by, bytes } => self.typed(by, bytes, at),
            Record::Break { by } => self.break_ordered(by, at),
            Record::Broke { kind, outcome } => self.broke(kind, *outcome, at),
            Record::Carrier { present } => self.carrier(*present, at),
            Record::Again { .. } => {}
            Record::Up => self.link_up(at),
            Record::Down { why } => self.link_down(why, at),
            Record::Gap { bytes } => self.gap(*bytes, at),
            Record::Lost {
                bytes,
                records,
                since,
                why,
            } => self.lost(*bytes, *records, *since, why, at),
            Record::Started => self.started(at),
            Record::Note { text } => self.note(text, at),
        }
    }
}

fn push_by(by: &By, line: &mut Vec<u8>) {
    if let By::Person(name) = by {
        line.extend_from_slice(b" by ");
        text::push_words(name, b"", NAME, line);
    }
}
