//! What `clusterd script …` says and keeps beside a scene's own end: a finding is never lost, and
//! what was not looked at is not said to be well.

mod chat_support;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use chat_support::{clusterd, text};
use nix::pty::openpty;
use tempfile::TempDir;

const SHIPPED: &str = "chat-scripts/sun-openboot.chat";
const REFUTED: &str = "docs/examples/paper-2001.chat";
fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder in /tmp")
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Explores what its first seed refutes.
fn refuted(save: &Path, more: &[&str]) -> Output {
    let args = ["script", "explore", REFUTED, "--policy", "availability"];
    let args = [&args, ["--save", shown(save)].as_slice(), more].concat();
    clusterd(&args)
}

#[test]
fn seeds_that_do_not_fit_and_sweeps_of_nothing_are_wrong_usage() {
    let most = u64::MAX.to_string();
    for (args, part) in [
        (
            ["--seeds", "2", "--from", &most].as_slice(),
            "a smaller --from",
        ),
        (&["--seeds", "0"], "--seeds"),
        (&["--faults", "0"], "--faults"),
        (&["--faults", "18446744073709551615"], "--faults"),
        (&["--jobs", "0"], "one thread at least"),
        (&["--monitor-only", "--years", "0"], "--years"),
        (
            &["--monitor-only", "--years", "1", "--every", "100y"],
            "a shorter --every",
        ),
        (
            &["--monitor-only", "--years", "1", "--every", "0s"],
            "at least a second",
        ),
        (
            &["--monitor-only", "--seeds", "1", "--every", "3d"],
            "--every",
        ),
    ] {
        let output = clusterd(&[["script", "explore", SHIPPED].as_slice(), args].concat());
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn the_last_seeds_are_played_and_none_from_the_beginning() {
    let folder = folder();
    let save = folder.path().join("x.scene");
    let from = (u64::MAX - 8).to_string();
    let said = text(&refuted(
        &save,
        &["--seeds", "8", "--from", &from, "--jobs", "99"],
    ));
    assert!(said.contains("seed 18446744073709551"), "{said}");
    assert!(said.contains("on 8 threads"), "{said}");
}

#[test]
fn a_finding_is_saved_though_nobody_reads_of_it() {
    let folder = folder();
    let save = folder.path().join("x.scene");
    let full = File::options().write(true).open("/dev/full");
    let output = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["script", "explore", REFUTED, "--policy", "availability"])
        .args(["--seeds", "1", "--save", shown(&save)])
        .stdout(full.expect("every system has it"))
        .stderr(Stdio::piped())
        .output()
        .expect("the binary runs");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the output cannot be written"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let kept = fs::read_to_string(&save).expect("it was saved");
    assert!(kept.starts_with("scene 1 \"seed 0\""), "{kept}");
}

#[test]
fn no_scene_is_overwritten_and_what_is_said_can_be_typed() {
    let folder = folder();
    let save = folder.path().join("my failed.scene");
    fs::write(&save, "mine").expect("it can be written");
    let said = text(&refuted(&save, &["--seeds", "1", "--faults", "4"]));
    assert_eq!(fs::read_to_string(&save).expect("it is there"), "mine");
    let other = folder.path().join("my failed-2.scene");
    assert!(other.exists(), "{said}");
    for part in [
        "was there already, and is left as it is",
        &format!("simulate {REFUTED} '{}'", shown(&other)),
    ] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    let again = said
        .lines()
        .find_map(|line| line.strip_prefix("the whole of it again: clusterd "));
    let again = again.expect("the command is said");
    assert_eq!(
        again,
        format!("script explore {REFUTED} --seeds 1 --from 0 --faults 4 --policy availability")
    );
}

#[test]
fn a_budget_that_is_spent_is_not_called_complete_for_more() {
    let args = [
        "script",
        "prove",
        SHIPPED,
        "--policy",
        "integrity",
        "--states",
        "1",
    ];
    let said = text(&clusterd(&args));
    assert!(
        said.contains("complete: every placement of up to 0 faults"),
        "{said}"
    );
    assert!(
        said.contains("not begun: more than 0 faults, for the budget was spent"),
        "{said}"
    );
    assert!(!said.contains("no new situation"), "{said}");
}

#[test]
fn a_parameter_of_prove_has_a_name_and_a_value_once() {
    for more in [
        ["--param", "junk"].as_slice(),
        &["--param", "a=1", "--param", "a=2"],
    ] {
        let output = clusterd(&[["script", "prove", SHIPPED].as_slice(), more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    }
}

/// A scene of two nodes with these lines, played.
fn played(folder: &Path, script: &str, lines: &str) -> (Option<i32>, String) {
    let path = folder.join("x.scene");
    let bench = "scene 1 \"t\"\nnode alpha openbios 80770001\nnode beta openbios 80770002\n";
    fs::write(&path, format!("{bench}{lines}\n")).expect("it can be written");
    let output = clusterd(&["script", "simulate", script, shown(&path)]);
    (output.status.code(), text(&output))
}

#[test]
fn what_does_not_fit_the_script_is_told_with_its_line() {
    let folder = folder();
    for (lines, place, part) in [
        (
            "expect not state wacth",
            "x.scene:4:1",
            "did you mean `watch`?",
        ),
        ("until state nowhere", "x.scene:4:1", "its states are"),
        (
            "param ask_limit nonsense",
            "x.scene:4:17",
            "`ask_limit` is a time",
        ),
        (
            "param nonsense \"10s\"",
            "x.scene:4:7",
            "has no parameter `nonsense`",
        ),
    ] {
        let (code, said) = played(folder.path(), SHIPPED, lines);
        assert_eq!(code, Some(1), "{lines}: {said}");
        assert!(
            said.contains(place) && said.contains(part),
            "{lines}: {said}"
        );
        assert!(!said.contains("cluster file"), "{lines}: {said}");
    }
    let (code, said) = played(folder.path(), "chat-scripts/sun-alom.chat", "pass 1s");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("x.scene:2:12") && said.contains("it knows openboot"),
        "{said}"
    );
}

#[test]
fn a_parameter_of_prove_is_told_as_it_was_given() {
    let args = ["script", "prove", SHIPPED, "--param", "ask_limit=nonsense"];
    let said = text(&clusterd(&args));
    for part in [
        "--param:1:11",
        "ask_limit=nonsense",
        "defined here: chat-scripts/",
    ] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
}

#[test]
fn a_scene_that_fails_undisturbed_is_told_with_its_line() {
    let folder = folder();
    let path = folder.path().join("x.scene");
    let bench = "scene 1 \"t\"\nnode alpha openbios 80770001\nnode beta openbios 80770002\n";
    fs::write(&path, format!("{bench}expect beta serves\n")).expect("it can be written");
    let said = text(&clusterd(&["script", "interrupt", SHIPPED, shown(&path)]));
    for part in [
        "x.scene:4:1",
        "undisturbed, this scene fails",
        "script simulate",
    ] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
}

#[test]
fn a_library_that_is_there_and_cannot_be_read_is_not_missing() {
    let folder = folder();
    let lib = folder.path().join("lib");
    fs::create_dir_all(lib.join("a.chat")).expect("it can be made");
    fs::write(lib.join("b.chat"), b"# \n# \xff\n").expect("it can be written");
    let large = vec![b'#'; 1024 * 1024 + 1];
    fs::write(lib.join("c.chat"), large).expect("it can be written");
    let script = folder.path().join("x.chat");
    for (name, part) in [
        ("a", "lib/a.chat: not a regular file"),
        ("b", "lib/b.chat: line 2 is not UTF-8"),
        ("c", "lib/c.chat: larger than 1 MiB"),
        ("d", "put `d.chat` there"),
    ] {
        fs::write(&script, format!("script x\n\nuse {name}\n")).expect("it can be written");
        let said = text(&clusterd(&["script", "check", shown(&script)]));
        assert!(said.contains(part), "{name}: {said}");
        assert_eq!(said.contains("there is no library"), name == "d", "{said}");
    }
}

#[test]
fn no_colours_go_to_a_file() {
    let folder = folder();
    let path = folder.path().join("x.scene");
    fs::write(&path, "mark\n").expect("it can be written");
    let pty = openpty(None, None).expect("a terminal");
    let output = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["script", "simulate", SHIPPED, shown(&path)])
        .env_remove("NO_COLOR")
        .stdout(pty.slave)
        .stderr(Stdio::piped())
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("a scene begins with") && !said.contains('\x1b'),
        "{said:?}"
    );
}
