//! Negative controls: scripts that would bring about two writers must not pass the checker. No bed
//! is needed.

use std::path::Path;
use std::process::Command;

#[test]
fn a_fence_by_break_only_is_refused() {
    refused(
        "fence-by-break-only.chat",
        "BREAK alone stops nothing for good",
    );
}

#[test]
fn a_fence_without_read_back_is_refused() {
    refused("without-read-back.chat", "it lacks, in this order");
}

fn refused(file: &str, because: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/bed/negative")
        .join(file);
    let done = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .args(["script", "check"])
        .arg(&path)
        .output();
    let done = done.expect("the binary runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains(because), "{said}");
}
