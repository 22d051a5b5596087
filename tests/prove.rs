//! `clusterd script prove`: a fence that is none is refuted in a few steps, the shipped scripts hold
//! for as many situations as a debug build meets in some seconds, and what comes out is the same
//! however many threads have worked on it. `.ci/run` does a million situations with each shipped script.

use std::process::{Command, Output};

fn prove(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["script", "prove"])
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary runs")
}

fn json(args: &[&str]) -> serde_json::Value {
    let output = prove(&[args, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    })
}

#[test]
fn the_protocol_of_2001_is_refuted_and_the_story_is_told() {
    for policy in ["availability", "adaptability"] {
        let output = prove(&["docs/examples/paper-2001.chat", "--policy", policy]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        for part in [
            "BROKEN with 1 fault in",
            "FAULT: ",
            "setenv auto-boot? false",
            "is ASSUMED to be stopped",
            "no boot command while another node runs or could go on",
        ] {
            assert!(said.contains(part), "{part:?} is missing in\n{said}");
        }
    }
}

#[test]
fn the_shipped_scripts_hold_as_far_as_a_debug_build_looks() {
    for (script, more) in [
        ("chat-scripts/sun-openboot.chat", None),
        ("chat-scripts/power-leg.chat", Some("--power-legs")),
    ] {
        let mut args = vec![script, "--states", "6000"];
        args.extend(more);
        let report = json(&args);
        let policies = report["policies"].as_array().expect("a list");
        assert_eq!(policies.len(), 3, "{report:#}");
        for policy in policies {
            assert!(policy["broken"].is_null(), "{script}: {policy:#}");
            assert!(policy["situations"].as_u64() >= Some(2000), "{policy:#}");
        }
    }
}

#[test]
fn what_is_found_does_not_depend_on_the_number_of_threads() {
    let script = "chat-scripts/sun-openboot.chat";
    let with = |jobs: &str| {
        let args = ["--policy", "integrity", "--states", "3000", "--jobs", jobs];
        let report = json(&[&[script], args.as_slice()].concat());
        let policy = &report["policies"][0];
        (policy["situations"].clone(), policy["depth"].clone())
    };
    assert_eq!(with("1"), with("4"));
}

#[test]
fn a_script_that_nothing_simulated_fits_is_refused_with_its_reason() {
    let output = prove(&[
        "chat-scripts/sun-openboot.chat",
        "--param",
        "ask_limit=nonsense",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty());
    let output = prove(&["no-such.chat"]);
    assert_eq!(output.status.code(), Some(1));
}
