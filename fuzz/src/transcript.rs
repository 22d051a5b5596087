//! The `.console` format. Any text is read within bounds, however it is cut; what was told to the
//! writer is what the reader gives; a file cut anywhere is mended.

use clusterd::transcript::{
    By, Entry, LINE_LIMIT, NotReadable, Outcome, Pen, Reader, Record, UtcMillis, mend,
};

/// 2026-11-21T22:01:02.000Z.
const START: u64 = 1_795_298_462_000;

/// The first byte chooses the cutting, the others are a file, and what happens to a console.
pub fn hold(input: &[u8]) {
    let Some((&seed, text)) = input.split_first() else {
        return;
    };
    reads_anything(text, seed);
    let happened = happenings(text);
    gives_back(&happened, seed);
}

fn reads_anything(text: &[u8], seed: u8) {
    let headed = [Pen::header("a/b", UtcMillis::new(START)), text.to_vec()].concat();
    for file in [text, &headed] {
        let whole = read(&[file]);
        assert_eq!(whole, read(&super::cut(file, seed)), "it was cut");
        let (_, entries, _) = whole;
        let bytes: usize = entries.iter().map(|entry| weight(&entry.record)).sum();
        assert!(bytes <= file.len(), "more was read than there is");
    }
}

type Outcomes = (Result<(), NotReadable>, Vec<Entry>, (u64, Option<u64>));

fn read(pieces: &[&[u8]]) -> Outcomes {
    let mut reader = Reader::new();
    let mut entries = Vec::new();
    let outcome = pieces
        .iter()
        .try_for_each(|piece| reader.read(piece, |entry| entries.push(entry)))
        .and_then(|()| reader.end(|entry| entries.push(entry)));
    (outcome, entries, reader.damaged())
}

fn weight(record: &Record) -> usize {
    match record {
        Record::Console { bytes, .. } | Record::Typed { bytes, .. } => bytes.len(),
        _ => 0,
    }
}

/// What happens to a console: a record, or time that passes.
enum Happens {
    Told(Record),
    Pass(u64),
}

/// Reads `text` as a list of things that happen: a byte that says what, and what it needs.
fn happenings(text: &[u8]) -> Vec<Happens> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((&what, after)) = rest.split_first() {
        let length = usize::from(what >> 3).min(after.len());
        let (piece, after) = after.split_at(length);
        rest = after;
        let bytes = piece.to_vec();
        // Longer than a record's limit is cut, which is told elsewhere.
        let words = String::from_utf8_lossy(piece).into_owned();
        let record = match what & 7 {
            0 | 1 => Record::Console {
                // Long lines too.
                bytes: bytes.repeat(if what & 1 == 1 { 40 } else { 1 }),
                goes_on: false,
                torn: false,
            },
            2 => Record::Typed {
                by: By::Script,
                bytes,
            },
            3 => Record::Break { by: By::Script },
            4 => Record::Broke {
                kind: words.chars().take(3).collect(),
                outcome: match length % 4 {
                    0 => Outcome::Sent,
                    1 => Outcome::Acknowledged,
                    2 => Outcome::NotAcknowledged,
                    _ => Outcome::NotSent,
                },
            },
            5 => {
                all.push(Happens::Pass(length as u64 * 60));
                continue;
            }
            6 => Record::Typed {
                by: By::Person(words.chars().take(3).collect()),
                bytes,
            },
            _ => match length % 5 {
                0 => Record::Up,
                1 => Record::Down { why: words },
                2 => Record::Started,
                3 => Record::Note { text: words },
                _ => Record::Carrier { present: true },
            },
        };
        all.push(Happens::Told(record));
    }
    all
}

fn gives_back(happened: &[Happens], seed: u8) {
    let mut pen = Pen::default();
    let mut now = START;
    let mut lines = Vec::new();
    let mut told = Vec::new();
    for happening in happened {
        let at = UtcMillis::new(now);
        match happening {
            Happens::Told(record) => {
                pen.write(record, at);
                told.push(record.clone());
            }
            Happens::Pass(ms) => {
                now += ms;
                pen.rest(UtcMillis::new(now));
                lines.extend(pen.take());
            }
        }
    }
    pen.finish();
    lines.extend(pen.take());
    assert!(
        lines
            .iter()
            .all(|&byte| matches!(byte, b'\n' | b'\t' | b' '..=b'~'))
    );
    let mut each = lines.split(|&byte| byte == b'\n');
    assert!(each.all(|line| line.len() < LINE_LIMIT));
    let header = Pen::header("a/b", UtcMillis::new(START));
    let (outcome, entries, damaged) = read(&super::cut(&[&header[..], &lines].concat(), seed));
    assert_eq!((outcome, damaged), (Ok(()), (0, None)));
    assert_eq!(joined(entries.into_iter().map(|e| e.record)), joined(told));
    mends(&header, &lines, seed);
}

/// A file cut at some byte, ended and gone on with: one line is lost at most.
fn mends(header: &[u8], lines: &[u8], seed: u8) {
    let end = lines.len() * usize::from(seed) / 255;
    let torn = &lines[..end];
    let start = torn
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    let mut ended = torn.to_vec();
    if start < end {
        let (whole, text) = mend(&torn[start..]);
        ended.truncate(start + whole);
        ended.extend_from_slice(text.as_bytes());
    }
    let (_, as_it_is, _) = read(&[header, torn]);
    let (outcome, mended, (damaged, _)) = read(&[header, &ended]);
    assert_eq!(outcome, Ok(()));
    assert!(damaged <= 1);
    assert_eq!(as_it_is, mended);
}

/// The records with their repetitions written out, and with what was cut put together.
fn joined(records: impl IntoIterator<Item = Record>) -> Vec<Record> {
    let mut events: Vec<Record> = Vec::new();
    let mut all = Vec::new();
    for record in records {
        match record {
            Record::Again { period, count, .. } => {
                let turn = events[events.len() - period..].to_vec();
                let count = usize::try_from(count).expect("a test is short");
                for record in turn.into_iter().cycle().take(count) {
                    join(&mut all, record);
                }
            }
            record => {
                events.push(record.clone());
                join(&mut all, record);
            }
        }
    }
    all
}

fn join(all: &mut Vec<Record>, record: Record) {
    if let Record::Console { bytes, .. } | Record::Typed { bytes, .. } = &record
        && bytes.is_empty()
    {
        return;
    }
    match (all.last_mut(), record) {
        (Some(Record::Console { bytes, .. }), Record::Console { bytes: more, .. }) => {
            bytes.extend(more);
        }
        (
            Some(Record::Typed { by, bytes }),
            Record::Typed {
                by: who,
                bytes: more,
            },
        ) if *by == who => {
            bytes.extend(more);
        }
        (_, Record::Console { bytes, .. }) => all.push(Record::Console {
            bytes,
            goes_on: false,
            torn: false,
        }),
        (_, record) => all.push(record),
    }
}
