//! Boots, line by line.

use super::*;

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

fn after(steps: &[BootReached]) -> Vec<(&'static str, u64)> {
    let steps = steps.iter();
    steps
        .map(|one| (one.step.word(), one.after_ms / 1000))
        .collect()
}

/// Hears a line each ten seconds.
fn heard(lines: &[&str]) -> BootCourse {
    let mut course = BootCourse::begin(at(0));
    for (second, line) in (0..).step_by(10).zip(lines) {
        course.hear(format!("{line}\r\n").as_bytes(), at(second));
    }
    course
}

#[test]
fn a_sun_from_its_self_test_to_its_service() {
    let mut course = heard(&[
        "@(#)OBP 4.16.2 2004/10/04 18:22",
        "Ethernet address 0:3:ba:1:2:3, Host ID: 83010203.",
        "Rebooting with command: boot",
        "Boot device: /pci@1f,0/pci@1/scsi@8/disk@0,0:a  File and args: ",
        "SunOS Release 5.8 Version Generic_108528-29 64-bit",
        "configuring IPv4 interfaces: hme0.",
        "The / file system (/dev/rdsk/c1t0d0s0) is being checked.",
        "/dev/rdsk/c1t0d0s0: 1834 files, 84111 used, 12 free",
        "FILE SYSTEM STATE SET TO OKAY",
    ]);
    assert_eq!(course.fsck(), Some(FsckVerdict::Clean));
    assert_eq!(course.look(&BootStands::Starting, at(85)), None);
    assert_eq!(course.look(&BootStands::Login, at(90)), None);
    assert_eq!(course.look(&BootStands::Login, at(95)), None);
    let booted = course.look(&BootStands::Serves, at(100)).unwrap();
    assert_eq!(
        after(&booted.steps),
        [
            ("POST", 0),
            ("load", 20),
            ("kernel", 40),
            ("fsck", 60),
            ("login", 90),
            ("service", 100)
        ]
    );
    assert_eq!((booted.took_ms, booted.failed), (100_000, None));
    assert_eq!(
        in_a_line(&booted.steps, booted.fsck),
        "POST after 0 ms, load after 20 s, kernel after 40 s, fsck after 1 min (clean), \
         login after 1 min 30 s, service after 1 min 40 s"
    );
}

#[test]
fn what_checks_of_file_systems_say() {
    let verdict = |line: &str| heard(&["[    0.000000] Linux version 6.1", line]).fsck();
    for (line, wanted) in [
        (
            "/dev/sda1: clean, 11/128016 files, 26684/512000 blocks",
            FsckVerdict::Clean,
        ),
        ("/dev/rdsk/c0t0d0s7: is logging.", FsckVerdict::Clean),
        ("/dev/sda1: recovering journal", FsckVerdict::Checking),
        (
            "[    3.141592] EXT4-fs (sda1): recovery complete",
            FsckVerdict::Repaired,
        ),
        (
            "***** FILE SYSTEM WAS MODIFIED *****",
            FsckVerdict::Repaired,
        ),
        (
            "/dev/sda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.",
            FsckVerdict::Failed,
        ),
        (
            "WARNING - Unable to repair the / filesystem. Run fsck",
            FsckVerdict::Failed,
        ),
    ] {
        assert_eq!(verdict(line), Some(wanted), "{line}");
    }
    assert_eq!(verdict("syslog service starting."), None);
    // The worst of several file systems counts.
    let both = heard(&[
        "SunOS Release 5.8",
        "/dev/rdsk/c0t0d0s3: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.",
        "/dev/rdsk/c0t0d0s7: is clean.",
    ]);
    assert_eq!(both.fsck(), Some(FsckVerdict::Failed));
    // Before there is a kernel nothing is checked.
    assert_eq!(heard(&["Loading /etc: clean, "]).fsck(), None);
}

#[test]
fn a_line_cut_anywhere_and_a_long_one() {
    let mut course = BootCourse::begin(at(0));
    for byte in b"SunOS Release 5.8\r\n" {
        course.hear(&[*byte], at(1));
    }
    course.hear(&vec![b'x'; 100_000], at(2));
    course.hear(b"\nThe / file system is being checked.\n", at(3));
    assert_eq!(after(course.steps()), [("kernel", 1), ("fsck", 3)]);
    assert!(course.line.capacity() <= 2 * LINE);
}

#[test]
fn one_that_starts_again_is_counted_from_there() {
    let course = heard(&[
        "Boot device: disk",
        "SunOS Release 5.8",
        "Resetting ... ",
        "Boot device: disk",
    ]);
    assert_eq!(after(course.steps()), [("POST", 0), ("load", 10)]);
    assert_eq!(course.began(), at(20));
}

#[test]
fn one_that_fails_says_where_and_a_self_test_is_no_boot() {
    let mut course = heard(&["Boot device: disk"]);
    let prompt = BootStands::Not("it is at its prompt");
    let booted = course.look(&prompt, at(9)).unwrap();
    assert_eq!(booted.failed.as_deref(), Some("it is at its prompt"));
    let mut course = heard(&["@(#)OBP 4.16.2"]);
    assert!(!course.look(&prompt, at(9)).unwrap().loaded());
    let mut course = heard(&["SunOS Release 5.8"]);
    assert_eq!(course.look(&BootStands::Unclear, at(6 * 3600)), None);
    let late = course.look(&BootStands::Unclear, at(6 * 3600 + 1));
    assert!(late.unwrap().failed.is_some());
}

#[test]
fn usual_is_the_middle_of_what_was_measured() {
    let boot = |load, login: u64| {
        let reached = |(step, seconds)| BootReached {
            step,
            after_ms: seconds * 1000,
        };
        let steps = [(BootStep::Load, load), (BootStep::Login, login)];
        steps
            .into_iter()
            .filter(|(_, s)| *s > 0)
            .map(reached)
            .collect::<Vec<_>>()
    };
    let boots = [boot(10, 300), boot(11, 200), boot(90, 0)];
    let steps: Vec<&[BootReached]> = boots.iter().map(Vec::as_slice).collect();
    assert_eq!(after(&usual(&steps)), [("load", 11), ("login", 300)]);
    assert_eq!(usual(&[]), []);
}
