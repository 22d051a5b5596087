//! What the pen writes, and that the reader gives it back.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const START: u64 = 1_795_298_462_000;

fn at(ms: u64) -> UtcMillis {
    UtcMillis::new(START + ms)
}

fn written(pen: &mut Pen) -> String {
    String::from_utf8(pen.take()).unwrap()
}

/// The lines, each without the day and the hour.
fn lines(pen: &mut Pen) -> Vec<String> {
    pen.finish();
    let text = written(pen);
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| {
            assert!(line.starts_with("2026-11-2"), "{line}");
            line["2026-11-21T22:".len()..].to_owned()
        })
        .collect()
}

fn records(text: &[u8]) -> Vec<Record> {
    let mut reader = Reader::new();
    let mut file = Pen::header("pki-ca/ca1", at(0));
    file.extend_from_slice(text);
    let mut records = Vec::new();
    reader
        .read(&file, |entry| records.push(entry.record))
        .unwrap();
    reader.end(|entry| records.push(entry.record)).unwrap();
    assert_eq!(reader.name(), Some("pki-ca/ca1"));
    assert_eq!(reader.damaged(), (0, None));
    records
}

fn console(bytes: &[u8], goes_on: bool) -> Record {
    let bytes = bytes.to_vec();
    let torn = false;
    Record::Console {
        bytes,
        goes_on,
        torn,
    }
}

#[test]
fn how_a_line_ended_is_seen() {
    let mut pen = Pen::default();
    pen.console(
        b"Boot device: disk\r\nonly a feed\ntwice\r\r\nliteral \\n\r\nok ",
        at(7),
    );
    let text = {
        pen.finish();
        written(&mut pen)
    };
    let expected = [
        " | Boot device: disk",
        " | only a feed\\n",
        " | twice\\r",
        " | literal \\\\n",
        " | ok \\",
    ];
    let stamped: Vec<String> = expected
        .map(|line| format!("2026-11-21T22:01:02.007Z{line}"))
        .to_vec();
    assert_eq!(text.lines().collect::<Vec<_>>(), stamped);
    assert_eq!(
        records(text.as_bytes()),
        [
            console(b"Boot device: disk\r\n", false),
            console(b"only a feed\n", false),
            console(b"twice\r\r\n", false),
            console(b"literal \\n\r\n", false),
            console(b"ok ", false),
        ]
    );
}

#[test]
fn what_is_done_to_a_console_stands_on_lines_of_its_own() {
    let mut pen = Pen::default();
    let ada = By::Person("ada".to_owned());
    pen.started(at(0));
    pen.link_up(at(0));
    pen.console(b"ok ", at(1));
    pen.typed(&By::Script, b"\t\"boot\"\\\r", at(2));
    pen.console(b"boot\r", at(3));
    pen.typed(&ada, b"x", at(4));
    pen.console(b"\n2026-11-21T22:01:02.345Z ! BREAK\r\n", at(5));
    pen.break_ordered(&By::Script, at(6));
    pen.broke("line, 400 ms", Outcome::Acknowledged, at(7));
    pen.break_ordered(&ada, at(8));
    pen.broke("rfc2217", Outcome::NotAcknowledged, at(8));
    pen.broke("telnet", Outcome::Sent, at(8));
    pen.broke("none", Outcome::NotSent, at(8));
    pen.carrier(false, at(8));
    pen.carrier(true, at(8));
    pen.gap(7, at(9));
    pen.lost(80, 2, at(3), "no space: none", at(10));
    pen.note("it\x1b[31m", at(11));
    pen.link_down("closed by J\u{fc}rgen", at(12));
    let wrote = {
        pen.finish();
        written(&mut pen)
    };
    let expected = [
        "00Z -- clusterd was started",
        "00Z -- link up",
        "01Z | ok \\",
        "02Z > \"\\x09\\\"boot\\\"\\\\\\r\"",
        "03Z + boot\\r\\",
        "04Z > \"x\" by ada",
        "05Z + \\n",
        "05Z | 2026-11-21T22:01:02.345Z ! BREAK",
        "06Z ! BREAK ordered",
        "07Z ! BREAK sent as line\\x2c 400 ms, acknowledged",
        "08Z ! BREAK ordered by ada",
        "08Z ! BREAK sent as rfc2217, not acknowledged",
        "08Z ! BREAK sent as telnet",
        "08Z ! BREAK not sent: none",
        "08Z -- carrier lost",
        "08Z -- carrier is there",
        "09Z -- gap: 7 bytes are missing, more came than was read",
        "10Z -- lost: 80 bytes and 2 other records since 2026-11-21T22:01:02.003Z: no space: none",
        "11Z -- note: it\\x1b[31m",
        "12Z -- link down: closed by J\\xc3\\xbcrgen",
    ];
    let found: Vec<&str> = wrote.lines().map(|line| &line[21..]).collect();
    assert_eq!(found, expected);
    let records = records(wrote.as_bytes());
    let mut again = Pen::default();
    for (record, line) in records.iter().zip(wrote.lines()) {
        again.write(record, UtcMillis::parse(&line.as_bytes()[..24]).unwrap());
    }
    again.finish();
    assert_eq!(written(&mut again), wrote);
}

#[test]
fn a_line_that_is_too_long_goes_on() {
    let mut pen = Pen::default();
    pen.console(&[b'x'; 1000], at(0));
    pen.console(b"\r\n", at(0));
    pen.console(&[b'\r'; 2000], at(0));
    let lines = lines(&mut pen);
    assert_eq!(lines[0].len(), 1000 + 13);
    assert!(
        lines.iter().all(|line| line.len() < LINE_LIMIT),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("01:02.000Z | \\r"));
    assert!(lines[2].starts_with("01:02.000Z + \\r"));
}

#[test]
fn a_prompt_is_written_after_a_pause_and_a_line_without_end_at_last() {
    let mut pen = Pen::default();
    assert_eq!(pen.rests_in(at(0)), None);
    pen.console(b"login: ", at(0));
    assert_eq!(pen.rests_in(at(100)), Some(Duration::from_millis(400)));
    pen.rest(at(499));
    assert!(!pen.has_written());
    pen.rest(at(500));
    assert_eq!(written(&mut pen), "2026-11-21T22:01:02.000Z | login: \\\n");
    assert_eq!(pen.rests_in(at(600)), None);
    for ms in (1000..8000).step_by(400) {
        pen.console(b".", at(ms));
        pen.rest(at(ms + 399));
    }
    let lines = lines(&mut pen);
    assert!(lines[0].starts_with("01:03.000Z + ......"), "{lines:?}");
    assert!(lines[1].starts_with("01:08.200Z + "), "{lines:?}");
}

#[test]
fn a_clock_set_back_does_not_keep_a_prompt() {
    let mut pen = Pen::default();
    pen.console(b"ok ", at(5000));
    pen.rest(at(4000));
    assert!(pen.has_written());
}

/// A siege: BREAK, line kill, RETURN, five times a second.
fn siege(pen: &mut Pen, turns: u64) {
    for turn in 0..turns {
        let now = at(turn * 200);
        pen.break_ordered(&By::Script, now);
        pen.typed(&By::Script, b"\x15", now);
        pen.typed(&By::Script, b"\r", now);
    }
}

#[test]
fn a_siege_does_not_drown_the_rest() {
    let mut pen = Pen::default();
    siege(&mut pen, 5 * 3600 * 3);
    pen.console(b"ok ", at(3 * 3600 * 1000));
    let lines = lines(&mut pen);
    assert!(lines.len() < 32, "{} lines", lines.len());
    assert_eq!(lines[8], "01:02.400Z > \"\\r\"");
    assert_eq!(
        lines[9],
        "02:02.600Z * 903 more like the last 3 since 2026-11-21T22:01:02.600Z"
    );
}

#[test]
fn a_turn_that_ends_within_is_told_as_far_as_it_went() {
    let mut pen = Pen::default();
    siege(&mut pen, 10);
    pen.break_ordered(&By::Script, at(2000));
    pen.note("enough", at(2100));
    pen.note("enough", at(2100));
    let lines = lines(&mut pen);
    assert_eq!(
        lines[9..],
        [
            "01:04.000Z * 22 more like the last 3 since 2026-11-21T22:01:02.600Z",
            "01:04.100Z -- note: enough",
            "01:04.100Z -- note: enough",
        ]
    );
}

#[test]
fn what_comes_each_minute_has_a_line_each() {
    let mut pen = Pen::default();
    for minute in 0..30 {
        pen.typed(&By::Script, b"\r", at(minute * 60_000));
    }
    assert_eq!(lines(&mut pen).len(), 30);
}

#[test]
fn a_turn_that_stopped_is_told_soon() {
    let mut pen = Pen::default();
    siege(&mut pen, 10);
    assert_eq!(pen.rests_in(at(1800)), Some(Duration::from_secs(5)));
    written(&mut pen);
    pen.rest(at(6800));
    assert!(written(&mut pen).contains(" * 21 more like the last 3 since "));
    assert_eq!(pen.rests_in(at(6800)), None);
}

#[test]
fn what_is_no_transcript_is_refused() {
    let read = |text: &str| Reader::new().read(text.as_bytes(), |_| {});
    assert_eq!(read("hello\n"), Err(NotReadable::NotATranscript));
    assert_eq!(read("\n"), Err(NotReadable::NotATranscript));
    let next = "# clusterd console transcript, version 2: a/b, begun 2026\n";
    assert_eq!(read(next), Err(NotReadable::Version("2".to_owned())));
    assert_eq!(read("# clusterd console tran"), Ok(()));
    let mut reader = Reader::new();
    reader.read(b"# clusterd console tran", |_| {}).unwrap();
    assert_eq!(reader.end(|_| {}), Ok(()));
}

#[test]
fn lines_that_are_no_records_are_counted() {
    let mut reader = Reader::new();
    let mut text = Pen::header("a/b", at(0));
    for bad in [
        "",
        "x",
        "2026-11-21T22:01:02.345Z",
        "2026-11-21T22:01:02.345Z ? what",
        "2026-11-21T22:01:02.345Z | \x1b[2J",
        "2026-11-21T22:01:02.345Z | \\q",
        "2026-11-21T22:01:02.345Z | \\xZZ",
        "2026-11-21T22:01:02.345Z | \\x0",
        "2026-11-21T22:01:02.345Z > \"open",
        "2026-11-21T22:01:02.345Z > \"a\" of x",
        "2026-11-21T22:01:02.345Z ! BREAK, perhaps",
        "2026-11-21T22:01:02.345Z * many more like the last one since 2026-11-21T22:01:02.345Z",
        "2026-11-21T22:01:02.345Z -- gap: +7 bytes are missing",
        "2026-13-21T22:01:02.345Z | x",
        &"x".repeat(100_000),
    ] {
        text.extend_from_slice(bad.as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(b"2026-11-21T22:01:02.345Z | good\n");
    let mut good = Vec::new();
    for piece in text.chunks(7) {
        reader.read(piece, |entry| good.push(entry.record)).unwrap();
    }
    assert_eq!(good, [console(b"good\r\n", false)]);
    assert_eq!(reader.damaged(), (15, Some(2)));
}

/// What happens to a console.
#[derive(Clone, Debug)]
enum Happens {
    Told(Record),
    Pass(u64),
    Drain,
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![
        Just(By::Script),
        "[a-z]{1,8}".prop_map(By::Person),
        "\\PC{0,5}".prop_map(By::Person),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..60),
        vec(prop::sample::select(b"ok \r\n\\\"xn!\t".to_vec()), 0..30),
        vec(prop::sample::select(vec![b'x', 0xff, b'\r']), 900..1300),
    ]
}

fn happens() -> impl Strategy<Value = Happens> {
    let told = prop_oneof![
        6 => bytes().prop_map(|bytes| console(&bytes, false)),
        3 => (by(), bytes()).prop_map(|(by, bytes)| Record::Typed { by, bytes }),
        1 => by().prop_map(|by| Record::Break { by }),
        2 => ("\\PC{0,5}", 0..4_usize).prop_map(|(kind, n)| {
            use Outcome::{Acknowledged, NotAcknowledged, NotSent, Sent};
            let outcome = [Sent, Acknowledged, NotAcknowledged, NotSent][n];
            Record::Broke { kind, outcome }
        }),
        4 => Just(Record::Break { by: By::Script }),
        1 => any::<bool>().prop_map(|present| Record::Carrier { present }),
        1 => Just(Record::Up),
        1 => "\\PC{0,20}".prop_map(|why| Record::Down { why }),
        1 => any::<u64>().prop_map(|bytes| Record::Gap { bytes }),
        1 => (any::<u64>(), any::<u64>(), "\\PC{0,20}").prop_map(|(bytes, records, why)| {
            Record::Lost { bytes, records, since: at(bytes % 1000), why }
        }),
        1 => Just(Record::Started),
        1 => any::<String>().prop_map(|text| Record::Note { text }),
    ];
    prop_oneof![
        8 => told.prop_map(Happens::Told),
        2 => (0..3000_u64).prop_map(Happens::Pass),
        1 => Just(Happens::Drain),
    ]
}

/// The records with their repetitions written out, and with what was cut put together.
fn joined(records: Vec<Record>) -> Vec<Record> {
    let mut events: Vec<Record> = Vec::new();
    let mut all: Vec<Record> = Vec::new();
    for record in records {
        let repeated = match record {
            Record::Again { period, count, .. } => {
                let turn = events[events.len() - period..].to_vec();
                let count = usize::try_from(count).unwrap();
                turn.into_iter().cycle().take(count).collect()
            }
            record => {
                events.push(record.clone());
                vec![record]
            }
        };
        for record in repeated {
            join(&mut all, record);
        }
    }
    all
}

fn join(all: &mut Vec<Record>, record: Record) {
    match (all.last_mut(), record) {
        (_, Record::Console { bytes, .. } | Record::Typed { bytes, .. }) if bytes.is_empty() => {}
        (Some(Record::Console { bytes, .. }), Record::Console { bytes: more, .. }) => {
            bytes.extend(more);
        }
        (_, Record::Console { bytes, .. }) => all.push(console(&bytes, false)),
        (
            Some(Record::Typed { by, bytes }),
            Record::Typed {
                by: who,
                bytes: more,
            },
        ) if *by == who => {
            bytes.extend(more);
        }
        (_, record) => all.push(record),
    }
}

/// The lines that these happenings make.
fn file(happenings: &[Happens]) -> Vec<u8> {
    let mut pen = Pen::default();
    let mut now = 0;
    let mut file = Vec::new();
    for happening in happenings {
        match happening {
            Happens::Told(record) => pen.write(record, at(now)),
            Happens::Pass(ms) => {
                now += ms;
                pen.rest(at(now));
            }
            Happens::Drain => file.extend(pen.take()),
        }
    }
    pen.finish();
    file.extend(pen.take());
    file
}

fn told(happenings: &[Happens]) -> Vec<Record> {
    let told = happenings.iter().filter_map(|happening| match happening {
        Happens::Told(record) => Some(record.clone()),
        _ => None,
    });
    joined(told.collect())
}

proptest! {
    #[test]
    fn what_was_told_is_read(
        happenings in prop_oneof![
            vec(happens(), 0..40),
            (vec(happens(), 1..4), 1..30_usize).prop_map(|(turn, n)| {
                let length = turn.len() * n;
                turn.into_iter().cycle().take(length).collect()
            }),
        ],
    ) {
        let file = file(&happenings);
        for &byte in &file {
            prop_assert!(matches!(byte, b'\n' | b'\t' | b' '..=b'~'));
        }
        for line in file.split(|&byte| byte == b'\n') {
            prop_assert!(line.len() < LINE_LIMIT);
        }
        prop_assert_eq!(joined(records(&file)), told(&happenings));
    }

    #[test]
    fn how_bytes_were_cut_makes_no_difference(pieces in vec(bytes(), 0..10)) {
        let one = file(&[Happens::Told(console(&pieces.concat(), false))]);
        let cut: Vec<Happens> =
            pieces.iter().map(|bytes| Happens::Told(console(bytes, false))).collect();
        prop_assert_eq!(file(&cut), one);
    }

    #[test]
    fn a_file_cut_anywhere_is_mended_and_goes_on(
        happenings in vec(happens(), 1..20),
        place in any::<prop::sample::Index>(),
        piece in 1..50_usize,
    ) {
        let mut text = file(&happenings);
        let end = place.index(text.len() + 1);
        text.truncate(end);
        let start = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let mut ended = text.clone();
        if start < end {
            let (whole, end) = mend(&text[start..]);
            ended.truncate(start + whole);
            ended.extend_from_slice(end.as_bytes());
        }
        ended.extend_from_slice(b"2026-11-21T22:01:02.345Z -- note: here again\n");
        let mut reader = Reader::new();
        let mut found = Vec::new();
        for piece in [Pen::header("a/b", at(0)), ended].concat().chunks(piece) {
            reader.read(piece, |entry| found.push(entry.record)).unwrap();
        }
        prop_assert_eq!(found.pop(), Some(Record::Note { text: "here again".to_owned() }));
        prop_assert!(reader.damaged().0 <= 1);
        // What was not mended reads the same.
        let mut reader = Reader::new();
        let mut torn = Vec::new();
        for piece in [Pen::header("a/b", at(0)), text].concat().chunks(piece) {
            reader.read(piece, |entry| torn.push(entry.record)).unwrap();
        }
        reader.end(|entry| torn.push(entry.record)).unwrap();
        prop_assert_eq!(&torn, &found);
        let (found, all) = (flat(&joined(found)), flat(&told(&happenings)));
        prop_assert!(all.starts_with(&found), "{found:?}\n{all:?}");
    }

    #[test]
    fn any_text_is_read_within_bounds(
        pieces in vec(prop_oneof![
            vec(any::<u8>(), 0..200),
            Just(b"2026-11-21T22:01:02.345Z ".to_vec()),
            Just(b"\n".to_vec()),
            prop::sample::select(vec!["| ", "+ ", "> \"", "! BREAK", "* 3 more like the last ", "-- lost: "])
                .prop_map(|text| text.as_bytes().to_vec()),
        ], 0..30),
    ) {
        let mut text = Pen::header("a/b", at(0));
        text.extend(pieces.concat());
        let read = |size: usize| {
            let mut reader = Reader::new();
            let mut found = Vec::new();
            let outcome = text.chunks(size).try_for_each(|piece| reader.read(piece, |e| found.push(e)));
            let outcome = outcome.and_then(|()| reader.end(|entry| found.push(entry)));
            (outcome, found, reader.damaged())
        };
        prop_assert_eq!(read(3), read(1000));
    }
}

/// The console's bytes, typed bytes and other records, one after the other.
fn flat(records: &[Record]) -> Vec<String> {
    let mut flat = Vec::new();
    for record in records {
        match record {
            Record::Console { bytes, .. } => flat.extend(bytes.iter().map(|b| format!("said {b}"))),
            Record::Typed { by, bytes } => {
                flat.extend(bytes.iter().map(|b| format!("{by:?} typed {b}")));
            }
            record => flat.push(format!("{record:?}")),
        }
    }
    flat
}
