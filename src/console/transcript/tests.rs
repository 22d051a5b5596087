//! What operators find in a transcript's files.

use std::fs;

use super::*;
use crate::transcript::{By, Entry, Reader};

struct Desk {
    dir: tempfile::TempDir,
    transcript: Transcript,
    now: SystemTime,
}

/// No day and no size begins a new file.
const ONE_FILE: TranscriptSettings = TranscriptSettings {
    max_bytes: 1 << 20,
    keep: 3,
    turn: Turn::WhenFull,
};

impl Desk {
    fn new(settings: &TranscriptSettings) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca1.console");
        Desk {
            transcript: Transcript::new(&path, "pki/ca1", settings),
            dir,
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_298_462),
        }
    }

    fn says(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let bytes = bytes.to_vec();
        let said = Said::Bytes { epoch: 1, bytes };
        self.transcript.heard(&said, self.now);
        self.transcript.write(self.now)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// The files from the oldest on, read as one.
    fn entries(&self) -> Vec<Entry> {
        let mut reader = Reader::new();
        let mut entries = Vec::new();
        for name in [
            "ca1.console.3",
            "ca1.console.2",
            "ca1.console.1",
            "ca1.console",
        ] {
            let text = self.read(name);
            reader
                .read(text.as_bytes(), |entry| entries.push(entry))
                .unwrap();
        }
        assert_eq!(reader.damaged(), (0, None));
        assert_eq!(reader.name(), Some("pki/ca1"));
        entries
    }

    fn bytes(&self) -> Vec<u8> {
        let console = self.entries().into_iter().map(|entry| match entry.record {
            Record::Console { bytes, .. } => bytes,
            _ => Vec::new(),
        });
        console.collect::<Vec<_>>().concat()
    }
}

#[test]
fn the_first_line_says_what_the_file_is() {
    let mut desk = Desk::new(&ONE_FILE);
    desk.transcript.heard(&Said::Up { epoch: 1 }, desk.now);
    let order = Record::Break { by: By::Script };
    desk.transcript.record(&order, desk.now);
    desk.says(b"ok\r\n").unwrap();
    assert_eq!(
        desk.read("ca1.console"),
        "# clusterd console transcript, version 1: pki/ca1, begun 2026-11-21T22:01:02.000Z\n\
         2026-11-21T22:01:02.000Z -- link up\n\
         2026-11-21T22:01:02.000Z ! BREAK ordered\n\
         2026-11-21T22:01:02.000Z | ok\n"
    );
}

#[test]
fn what_is_there_is_gone_on_with_and_a_torn_line_is_mended() {
    let mut desk = Desk::new(&ONE_FILE);
    desk.says(b"Boot device: disk\r\npanic\x07").unwrap();
    desk.transcript.finish();
    desk.transcript.write(desk.now).unwrap();
    let path = desk.dir.path().join("ca1.console");
    let whole = fs::read(&path).unwrap();
    // The crash came within the escape of the bell.
    fs::write(&path, &whole[..whole.len() - 4]).unwrap();
    desk.transcript = Transcript::new(&path, "pki/ca1", &ONE_FILE);
    desk.says(b"ok\r\n").unwrap();
    let file = desk.read("ca1.console");
    let lines: Vec<&str> = file.lines().skip(2).map(|line| &line[25..]).collect();
    assert_eq!(lines, ["| panic\\!", "-- clusterd was started", "| ok"]);
    assert_eq!(desk.bytes(), b"Boot device: disk\r\npanicok\r\n");
}

#[test]
fn what_is_no_transcript_of_this_version_is_put_aside() {
    let mut desk = Desk::new(&ONE_FILE);
    let old = "2026-11-21T22:01:02.345Z -- link up\n";
    fs::write(desk.dir.path().join("ca1.console"), old).unwrap();
    desk.says(b"ok\r\n").unwrap();
    assert_eq!(desk.read("ca1.console.1"), old);
    assert!(desk.read("ca1.console").ends_with("02.000Z | ok\n"));
}

#[test]
fn a_flood_stays_within_its_limits_and_the_files_are_one_stream() {
    let mut desk = Desk::new(&TranscriptSettings {
        max_bytes: 3000,
        ..ONE_FILE
    });
    let mut said = Vec::new();
    for n in 0..100_u8 {
        let bytes = [&[b'x', n, b'\r'][..], &[n; 70], b"\n"].concat();
        desk.says(&bytes).unwrap();
        said.extend(bytes);
    }
    let files = fs::read_dir(desk.dir.path()).unwrap();
    let sizes: Vec<u64> = files
        .map(|f| f.unwrap().metadata().unwrap().len())
        .collect();
    assert_eq!(sizes.len(), 4);
    assert!(sizes.iter().all(|&size| size <= 3000), "{sizes:?}");
    assert!(said.ends_with(&desk.bytes()));
}

#[test]
fn each_day_has_its_file() {
    let mut desk = Desk::new(&TranscriptSettings {
        turn: Turn::Daily,
        ..ONE_FILE
    });
    for hours in [0, 1, 2, 3, 80] {
        desk.now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_298_462 + hours * 3600);
        desk.says(format!("hour {hours}\r\n").as_bytes()).unwrap();
    }
    let lines = |name: &str| desk.read(name).lines().count();
    assert_eq!(lines("ca1.console.2"), 1 + 2);
    assert_eq!(lines("ca1.console.1"), 1 + 2);
    assert_eq!(lines("ca1.console"), 1 + 1);
    // Started again on the same day.
    let path = desk.dir.path().join("ca1.console");
    desk.transcript = Transcript::new(&path, "pki/ca1", &ONE_FILE);
    desk.says(b"again\r\n").unwrap();
    assert_eq!(desk.read("ca1.console").lines().count(), 1 + 3);
}

#[test]
fn a_full_disk_is_an_error_and_the_loss_is_told() {
    let mut desk = Desk::new(&ONE_FILE);
    let path = desk.dir.path().join("ca1.console");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let error = desk.says(b"one\r\n").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    desk.transcript.heard(&Said::Up { epoch: 2 }, desk.now);
    assert!(desk.says(b"two\r\n").is_err());
    fs::remove_file(&path).unwrap();
    // It is not tried again at once.
    assert!(desk.says(b"three\r\n").is_err());
    assert_eq!(desk.transcript.rests_in(desk.now), Some(AGAIN));
    desk.now += AGAIN;
    assert_eq!(desk.transcript.rests_in(desk.now), Some(Duration::ZERO));
    desk.transcript.write(desk.now).unwrap();
    desk.says(b"four\r\n").unwrap();
    let records: Vec<Record> = desk.entries().into_iter().map(|e| e.record).collect();
    let [
        Record::Lost {
            bytes,
            records,
            why,
            ..
        },
        Record::Console { .. },
    ] = &records[..]
    else {
        panic!("{records:?}");
    };
    assert_eq!((*bytes, *records), (17, 1));
    assert!(why.contains("No space left"), "{why}");
    assert_eq!(desk.bytes(), b"four\r\n");
    assert_eq!(desk.transcript.rests_in(desk.now), None);
}
