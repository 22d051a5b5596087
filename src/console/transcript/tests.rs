//! What operators find in a transcript.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const IDLE: Duration = Duration::from_millis(500);

struct Desk {
    dir: tempfile::TempDir,
    transcript: Transcript,
    now: SystemTime,
}

impl Desk {
    fn new(settings: TranscriptSettings) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let transcript = Transcript::open(&dir.path().join("ca1.console"), settings).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_298_462);
        Desk {
            dir,
            transcript,
            now,
        }
    }

    fn says(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bytes = bytes.to_vec();
        let said = Said::Bytes { epoch: 1, bytes };
        self.transcript.heard(&said, self.now)
    }

    /// Time passes, and the transcript is looked after.
    fn pass(&mut self, span: Duration) {
        self.now += span;
        self.transcript.flush_idle(self.now).unwrap();
    }

    fn file(&self) -> String {
        fs::read_to_string(self.dir.path().join("ca1.console")).unwrap()
    }

    /// The file, each line's time cut down to its seconds and milliseconds.
    fn lines(&self) -> Vec<String> {
        let file = self.file();
        file.lines()
            .map(|line| {
                assert!(line.starts_with("2026-11-21T22:01:"), "{line}");
                line["2026-11-21T22:01:".len()..].to_owned()
            })
            .collect()
    }
}

#[test]
fn a_line_bears_the_time_of_its_first_byte() {
    let mut desk = Desk::new(TranscriptSettings::default());
    desk.says(b"Boot dev").unwrap();
    desk.pass(Duration::from_millis(100));
    desk.says(b"ice: disk\r\n\r\npan").unwrap();
    desk.says(b"ic\n").unwrap();
    assert_eq!(
        desk.lines(),
        [
            "02.000Z | Boot device: disk",
            "02.100Z |",
            "02.100Z | panic"
        ]
    );
}

#[test]
fn a_prompt_shows_after_a_pause_and_what_follows_has_its_own_time() {
    let mut desk = Desk::new(TranscriptSettings::default());
    desk.says(b"console login: ").unwrap();
    assert_eq!(desk.file(), "");
    assert_eq!(desk.transcript.idle_in(desk.now), Some(IDLE));
    desk.pass(IDLE);
    assert!(desk.file().ends_with("02.000Z | console login: "));
    assert_eq!(desk.transcript.idle_in(desk.now), None);
    desk.pass(IDLE);
    desk.says(b"panic\r\nok ").unwrap();
    desk.pass(IDLE);
    desk.says(b"\r\n").unwrap();
    let expected = [
        "02.000Z | console login: ",
        "03.000Z + panic",
        "03.000Z | ok ",
    ];
    assert_eq!(desk.lines(), expected);
}

#[test]
fn remarks_stand_on_lines_of_their_own() {
    let mut desk = Desk::new(TranscriptSettings::default());
    desk.transcript
        .heard(&Said::Up { epoch: 1 }, desk.now)
        .unwrap();
    desk.says(b"ok ").unwrap();
    let bytes = b"printenv auto-boot?\r".to_vec();
    let typed = Order::Type { epoch: 1, bytes };
    desk.transcript.ordered(&typed, desk.now).unwrap();
    desk.says(b"printenv auto-boot?\r\n-- BREAK sent\r\n")
        .unwrap();
    desk.transcript
        .ordered(&Order::Break { epoch: 1 }, desk.now)
        .unwrap();
    let gap = Said::Gap { epoch: 1, lost: 7 };
    desk.transcript.heard(&gap, desk.now).unwrap();
    let why = "closed by \x1b[31m".to_owned();
    desk.transcript
        .heard(&Said::Down { epoch: 1, why }, desk.now)
        .unwrap();
    assert_eq!(
        desk.lines(),
        [
            "02.000Z -- link up",
            "02.000Z | ok ",
            "02.000Z -- typed \"printenv auto-boot?\\r\"",
            "02.000Z + printenv auto-boot?",
            "02.000Z | -- BREAK sent",
            "02.000Z -- BREAK sent",
            "02.000Z -- 7 bytes are missing here: more came than was read",
            "02.000Z -- link down: closed by \\x1b[31m",
        ]
    );
}

#[test]
fn nothing_reaches_the_terminal() {
    let mut desk = Desk::new(TranscriptSettings::default());
    desk.says(b"\x1b[2J\x07a\tb\\c\xc3\xa4\x9b\x7f 10%\r 20%\r\r\n")
        .unwrap();
    assert_eq!(
        desk.lines(),
        ["02.000Z | \\x1b[2J\\x07a\tb\\\\c\\xc3\\xa4\\x9b\\x7f 10%\\r 20%"]
    );
}

#[test]
fn a_line_without_end_is_cut() {
    let line_limit = 10;
    let mut desk = Desk::new(TranscriptSettings {
        line_limit,
        ..TranscriptSettings::default()
    });
    desk.says(b"0123456789abcdefghijk\r\n0123456789\r\nx\n")
        .unwrap();
    assert_eq!(
        desk.lines(),
        [
            "02.000Z | 0123456789",
            "02.000Z + abcdefghij",
            "02.000Z + k",
            "02.000Z | 0123456789",
            "02.000Z | x",
        ]
    );
}

#[test]
fn a_flood_stays_within_its_limits() {
    let mut desk = Desk::new(TranscriptSettings {
        max_bytes: 10_000,
        keep: 2,
        ..TranscriptSettings::default()
    });
    for _ in 0..200 {
        desk.says(&b"x".repeat(777)).unwrap();
        desk.pass(IDLE);
        desk.says(b"\nlots and lots\n of text\n").unwrap();
    }
    for file in fs::read_dir(desk.dir.path()).unwrap() {
        let length = file.unwrap().metadata().unwrap().len();
        assert!(length <= 10_000, "{length}");
    }
    assert_eq!(fs::read_dir(desk.dir.path()).unwrap().count(), 3);
}

#[test]
fn a_full_disk_is_an_error_and_the_loss_is_confessed() {
    let mut desk = Desk::new(TranscriptSettings::default());
    let path = desk.dir.path().join("ca1.console");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    desk.transcript = Transcript::open(&path, TranscriptSettings::default()).unwrap();
    let error = desk.says(b"one\n").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(desk.says(b"two\n").is_err());
    fs::remove_file(&path).unwrap();
    desk.says(b"three\n").unwrap();
    let lines = desk.lines();
    assert!(
        lines[0].starts_with("02.000Z -- 8 bytes could not be written: "),
        "{lines:?}"
    );
    assert_eq!(lines[1..], ["02.000Z | three"]);
}

#[test]
fn a_clock_set_back_does_not_keep_a_prompt_hidden() {
    let mut desk = Desk::new(TranscriptSettings::default());
    desk.says(b"ok ").unwrap();
    desk.now -= Duration::from_secs(1);
    desk.pass(Duration::ZERO);
    assert!(desk.file().ends_with("| ok "));
}

proptest! {
    #[test]
    fn any_bytes_leave_stamped_plain_lines(
        pieces in vec((vec(any::<u8>(), 0..60), 0_u8..4), 0..30)
    ) {
        let line_limit = 40;
        let mut desk = Desk::new(TranscriptSettings { line_limit, ..TranscriptSettings::default() });
        for (bytes, then) in pieces {
            desk.says(&bytes).unwrap();
            match then {
                0 => desk.pass(IDLE),
                1 => desk.transcript.remark("here", desk.now).unwrap(),
                _ => {}
            }
        }
        desk.pass(IDLE);
        for byte in desk.file().bytes() {
            prop_assert!(matches!(byte, b'\n' | b'\t' | b' '..=b'~'));
        }
        for line in desk.file().lines() {
            let (time, rest) = line.split_at(24);
            prop_assert!(time.starts_with("2026-11-21T22:0") && time.ends_with('Z'));
            prop_assert!(rest.starts_with(" |") || rest.starts_with(" + ") || rest == " -- here");
            prop_assert!(rest.len() <= 3 + line_limit + 3);
        }
    }
}
