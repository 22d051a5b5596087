//! A typing error ends with 2, and of the commands whose 2 says something else with what that is not.

use std::process::{Command, Output};

fn clusterd(args: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_clusterd");
    let output = Command::new(binary).args(args).output();
    output.expect("clusterd starts")
}

#[test]
fn wrong_usage_is_never_taken_for_an_answer() {
    let cases: [(&[&str], i32); 6] = [
        (&["power", "web/a", "statsu"], 1),
        (&["power", "--hoem", "x", "web/a", "status"], 1),
        (&["status", "--check", "--al"], 3),
        (&["status", "--al"], 2),
        (&["stauts"], 2),
        (&[], 2),
    ];
    for (args, code) in cases {
        let output = clusterd(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(
            said.contains("--help") || said.contains("Usage:"),
            "{args:?}: {said}"
        );
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn who_asks_for_help_is_well_served() {
    for args in [&["power", "--help"][..], &["--help"], &["--version"]] {
        let output = clusterd(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(!output.stdout.is_empty(), "{args:?}");
    }
}
