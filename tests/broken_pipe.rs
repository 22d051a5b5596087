//! `clusterd … | head`: a command whose reader has gone ends, and says nothing of it. One whose output
//! finds no place on the disk says so.

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Output, Stdio};

const SCRIPT: &str = "chat-scripts/sun-openboot.chat";

const COMMANDS: [&[&str]; 6] = [
    &["script", "prove", SCRIPT, "--json", "--states", "100"],
    &["script", "explore", SCRIPT, "--seeds", "1"],
    &["script", "check", SCRIPT],
    &["check"],
    &["completion", "bash"],
    &["man"],
];

fn clusterd(args: &[&str], stdout: impl Into<Stdio>) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .args(args)
        .env("CLUSTER_HOME", home.path())
        .env("RUST_BACKTRACE", "1")
        .stdout(stdout)
        .stderr(Stdio::piped())
        .output()
        .unwrap()
}

#[test]
fn a_command_whose_reader_has_gone_ends_quietly() {
    for args in COMMANDS {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = clusterd(args, writer);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert_ne!(output.status.code(), Some(101), "{args:?}: {said}");
    }
}

#[test]
fn a_command_whose_output_finds_no_place_says_so_and_fails() {
    for args in COMMANDS.into_iter().filter(|args| *args != ["check"]) {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = clusterd(args, full);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert!(said.contains("No space left"), "{args:?}: {said}");
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
    }
}
