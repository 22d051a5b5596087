//! `clusterd demo`, as somebody who has just built it tries it.

mod daemon_support;

use std::process::{Command, Output};

use daemon_support::{stderr, stdout};

fn demo(args: &[&str]) -> Output {
    // From a directory that has nothing to do with the project.
    let elsewhere = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .arg("demo")
        .args(args)
        .current_dir(elsewhere.path())
        .env("TMPDIR", elsewhere.path())
        .output()
        .unwrap();
    let left = std::fs::read_dir(elsewhere.path()).unwrap().count();
    assert_eq!(left, 0, "it leaves nothing behind");
    output
}

#[test]
fn the_service_comes_back_and_the_story_hangs_on_the_seed() {
    let stories: Vec<String> = ["2", "3"]
        .iter()
        .map(|seed| {
            let output = demo(&["--seed", seed]);
            let text = stdout(&output);
            assert!(output.status.success(), "{text}{}", stderr(&output));
            for part in [
                "proved stopped (firmware reset)",
                "boot command given",
                "the service answers a client",
                "The service was away for about ",
                "never two writers at once",
            ] {
                assert!(text.contains(part), "{part:?} is missing in:\n{text}");
            }
            text
        })
        .collect();
    let crash = |story: &str| {
        story
            .lines()
            .find(|line| line.starts_with("Now "))
            .map(str::to_owned)
    };
    assert_ne!(crash(&stories[0]), crash(&stories[1]));
}

#[test]
fn without_a_proof_it_ends_in_hold_and_says_why_that_is_right() {
    let output = demo(&["--fault", "nvram-lost", "--seed", "1"]);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{}", stderr(&output));
    assert!(text.contains("The package is in HOLD"), "{text}");
    assert!(text.contains("This is the right end."), "{text}");
    assert!(!text.contains("boot command given"), "{text}");
}
