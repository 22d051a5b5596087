//! `clusterd … | head`: a command whose reader has gone ends, and says nothing of it.

use std::io::pipe;
use std::process::{Command, Stdio};

#[test]
fn a_command_whose_reader_has_gone_ends_quietly() {
    let home = tempfile::tempdir().unwrap();
    let script = "chat-scripts/sun-openboot.chat";
    for args in [
        ["script", "prove", script, "--json", "--states", "100"].as_slice(),
        &["script", "explore", script, "--seeds", "1"],
        &["script", "check", script],
        &["check"],
        &["completion", "bash"],
        &["man"],
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_clusterd"))
            .args(args)
            .env("CLUSTER_HOME", home.path())
            .env("RUST_BACKTRACE", "1")
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert_ne!(output.status.code(), Some(101), "{args:?}: {said}");
    }
}
