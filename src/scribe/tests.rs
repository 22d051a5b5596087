//! The scribe on real files.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::*;
use crate::config::Settings;
use crate::console::{Order, Said};
use crate::transcript::{Reader, Record};

#[test]
fn a_stamp_is_read_by_people() {
    let at = UNIX_EPOCH + Duration::from_millis(1_793_714_709_007);
    assert_eq!(stamp(at), "2026-11-03 14:05:09.007Z");
}

#[test]
fn a_line_is_bounded_and_harmless() {
    assert_eq!(one_line("ok \x1b[2J\r\nx"), "ok \\x1b[2J\\r\\nx");
    assert_eq!(one_line(&"ö".repeat(2000)).chars().count(), LONGEST + 1);
}

#[test]
fn every_book_is_a_file_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let scribe = Scribe::start(home.path(), &Settings::default()).unwrap();
    let console = Book::Console("pki".into(), "ca1".into());
    scribe.line(Book::Activity("pki".into()), "ca1: BREAK sent");
    scribe.line(Book::Alarms, "CRITICAL  pki");
    scribe.heard(console.clone(), Said::Up { epoch: 1 });
    scribe.heard(
        console.clone(),
        Said::Bytes {
            epoch: 1,
            bytes: b"ok\r\n".to_vec(),
        },
    );
    scribe.ordered(console, Order::Break { epoch: 1 });
    scribe.flush();
    let read = |name: &str| fs::read_to_string(home.path().join("logs").join(name)).unwrap();
    assert_eq!(read("pki/activity.log"), "ca1: BREAK sent\n");
    assert_eq!(read("alarms.log"), "CRITICAL  pki\n");
    let transcript = read("pki/ca1.console");
    assert!(transcript.contains("Z -- link up\n"), "{transcript}");
    assert!(transcript.contains("Z | ok\n"), "{transcript}");
    assert!(transcript.ends_with("Z ! BREAK ordered\n"), "{transcript}");
    assert_eq!(scribe.trouble(), None);
}

/// A pipe that nobody empties takes a little, and then nothing, like a disk that hangs.
#[test]
fn nobody_waits_for_ever_for_a_disk_that_hangs() {
    let home = tempfile::tempdir().unwrap();
    let scribe = Scribe::start(home.path(), &Settings::default()).unwrap();
    let log = home.path().join("logs/alarms.log");
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let later = || Instant::now() + Duration::from_secs(11);
    assert!(scribe.flush());
    // The worker has answered, and is about to rest.
    let end = Instant::now() + Duration::from_secs(60);
    while scribe.trouble_at(later()).is_some() {
        assert!(Instant::now() < end, "{:?}", scribe.trouble_at(later()));
        std::thread::yield_now();
    }
    for _ in 0..1000 {
        scribe.line(Book::Alarms, &"x".repeat(LONGEST));
    }
    assert!(!scribe.flush_within(Duration::from_millis(100)));
    assert_eq!(scribe.trouble(), None, "it may only be slow");
    let trouble = scribe.trouble_at(later()).unwrap();
    assert!(trouble.contains("the disk does not answer"), "{trouble}");
    let (done, ended) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        drop(scribe);
        done.send(()).unwrap();
    });
    let limit = Duration::from_secs(60);
    ended
        .recv_timeout(limit)
        .expect("the end waits for the disk");
}

#[test]
fn a_flood_hides_no_order() {
    let home = tempfile::tempdir().unwrap();
    let scribe = Scribe::start(home.path(), &Settings::default()).unwrap();
    let console = Book::Console("pki".into(), "ca1".into());
    for _ in 0..200_000 {
        scribe.remark(console.clone(), "the node prints what it likes");
    }
    scribe.line(Book::Audit, "1 alice asks: operate");
    scribe.flush();
    let read = |name: &str| fs::read_to_string(home.path().join("logs").join(name)).unwrap();
    assert_eq!(read("audit.log"), "1 alice asks: operate\n");
    assert!(read("clusterd.log").contains("log entries were dropped"));
}

#[test]
fn what_cannot_be_written_is_said_until_it_can() {
    let home = tempfile::tempdir().unwrap();
    let scribe = Scribe::start(home.path(), &Settings::default()).unwrap();
    let log = home.path().join("logs/alarms.log");
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    scribe.line(Book::Alarms, "lost");
    scribe.flush();
    assert!(scribe.trouble().unwrap().contains("alarms.log"));
    fs::remove_file(&log).unwrap();
    // Nothing more is written: the new try comes by itself.
    until(|| scribe.trouble().is_none());
    let text = fs::read_to_string(&log).unwrap();
    assert!(
        text.contains("1 lines could not be written: No space"),
        "{text}"
    );
    scribe.line(Book::Alarms, "here");
    scribe.flush();
    assert!(fs::read_to_string(&log).unwrap().ends_with("\nhere\n"));
}

/// Waits until `this` is so.
fn until(mut this: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !this() {
        assert!(Instant::now() < end, "it did not come");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn console(node: &str) -> Book {
    Book::Console("pki".into(), node.into())
}

fn bytes(bytes: &[u8]) -> Said {
    let bytes = bytes.to_vec();
    Said::Bytes { epoch: 1, bytes }
}

#[test]
fn a_prompt_is_written_after_its_pause_and_at_the_end() {
    let home = tempfile::tempdir().unwrap();
    let scribe = Scribe::start(home.path(), &Settings::default()).unwrap();
    let read = |node: &str| {
        let path = home.path().join(format!("logs/pki/{node}.console"));
        fs::read_to_string(path).unwrap_or_default()
    };
    scribe.heard(console("ca1"), bytes(b"ok "));
    until(|| read("ca1").ends_with(" | ok \\\n"));
    scribe.heard(console("ca2"), bytes(b"ok "));
    drop(scribe);
    assert!(read("ca2").ends_with(" | ok \\\n"));
}

#[test]
fn all_transcripts_together_stay_within_their_room() {
    let home = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.transcript.rotation.size = 64 << 10;
    settings.transcript.total = 256 << 10;
    let logs = home.path().join("logs/gone");
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("old.console"), vec![b'x'; 200 << 10]).unwrap();
    fs::write(logs.join("old.console.1"), vec![b'x'; 100 << 10]).unwrap();
    fs::write(logs.join("old.console.txt"), "not ours").unwrap();
    let scribe = Scribe::start(home.path(), &settings).unwrap();
    scribe.heard(console("ca1"), bytes(b"hello\r\n"));
    scribe.flush();
    assert!(!logs.join("old.console.1").exists());
    assert!(logs.join("old.console").exists() && logs.join("old.console.txt").exists());
    let log = fs::read_to_string(home.path().join("logs/clusterd.log")).unwrap();
    assert!(
        log.contains("1 old transcripts were removed to make room"),
        "{log}"
    );
}

/// A file system of 256 KiB of its own at `place`, for as long as it lives.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn at(place: &std::path::Path) -> SmallDisk {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "clusterd-test"])
            .arg(place)
            .status();
        assert!(mounted.unwrap().success(), "mount needs root");
        SmallDisk(place.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A mount that stays is seen in the next run; a panic here would hide the test's own.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root: it mounts a small tmpfs"]
fn a_full_disk_is_survived_and_every_byte_is_accounted_for() {
    let home = tempfile::tempdir().unwrap();
    let disk = SmallDisk::at(home.path());
    let scribe = Scribe::start(home.path(), &Settings::default()).unwrap();
    let (mut said, mut breaks) = (0, 0);
    let mut say = |n: usize| {
        let line = format!("line {n:05} {}\r\n", "x".repeat(n % 90));
        said += line.len() as u64;
        scribe.heard(console("ca1"), bytes(line.as_bytes()));
        if n.is_multiple_of(50) {
            breaks += 1;
            scribe.ordered(console("ca1"), Order::Break { epoch: 1 });
        }
        scribe.flush();
    };
    let filler = home.path().join("filler");
    (0..100).for_each(&mut say);
    fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
    (100..400).for_each(&mut say);
    let trouble = scribe.trouble().unwrap();
    assert!(trouble.contains("ca1.console: No space left"), "{trouble}");
    fs::remove_file(&filler).unwrap();
    until(|| scribe.trouble().is_none());
    (400..500).for_each(&mut say);
    scribe.remark(console("ca1"), "the end");
    drop(scribe);
    let text = fs::read(home.path().join("logs/pki/ca1.console")).unwrap();
    let mut records = Vec::new();
    let mut reader = Reader::new();
    reader
        .read(&text, |entry| records.push(entry.record))
        .unwrap();
    assert_eq!(reader.damaged(), (0, None));
    let (mut there, mut lost, mut there_breaks, mut lost_records) = (0, 0, 0, 0);
    for record in records {
        match record {
            Record::Console { bytes, .. } => there += bytes.len() as u64,
            Record::Break { .. } => there_breaks += 1,
            Record::Lost { bytes, records, .. } => {
                lost += bytes;
                lost_records += records;
            }
            _ => {}
        }
    }
    assert!(lost > 1000, "{lost}");
    assert_eq!(there + lost, said);
    assert_eq!(there_breaks + lost_records, breaks);
    drop(disk);
}

#[test]
fn what_is_queued_is_written_before_the_end() {
    let home = tempfile::tempdir().unwrap();
    let scribe = Arc::new(Scribe::start(home.path(), &Settings::default()).unwrap());
    for n in 0..100 {
        scribe.line(Book::Daemon, &format!("line {n}"));
    }
    drop(scribe);
    let log = fs::read_to_string(home.path().join("logs/clusterd.log")).unwrap();
    assert_eq!(log.lines().count(), 100);
}
