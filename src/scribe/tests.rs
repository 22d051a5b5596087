//! The scribe on real files.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::config::Settings;
use crate::console::{Order, Said};

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
    let console = Book::Console("pki".to_owned(), "ca1".to_owned());
    scribe.line(Book::Activity("pki".to_owned()), "ca1: BREAK sent");
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
    assert!(transcript.ends_with("Z -- BREAK sent\n"), "{transcript}");
    assert_eq!(scribe.trouble(), None);
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
    scribe.line(Book::Alarms, "here");
    scribe.flush();
    assert_eq!(scribe.trouble(), None);
    assert_eq!(fs::read_to_string(&log).unwrap(), "here\n");
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
