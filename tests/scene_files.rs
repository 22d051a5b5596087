//! The scene files: the shipped ones pass with the shipped script, a fence that is none is refuted,
//! and what is wrong with a scene is said with its line.

mod chat_support;

use std::fs;
use std::path::{Path, PathBuf};

use chat_support::{clusterd, text};

/// The scripts that have a folder of scenes of their own.
const OTHERS: [&str; 3] = ["power-leg", "sun-alom", "sun-ilom"];

fn shipped(below: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("chat-scripts/scenes");
    let folder = folder.join(below);
    let mut scenes: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the scenes are part of the project")
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "scene"))
        .collect();
    scenes.sort();
    scenes
}

#[test]
fn the_shipped_scenes_pass() {
    let scenes = shipped("");
    assert!(scenes.len() >= 29, "only {} scenes", scenes.len());
    let mut args = vec!["script", "simulate", "chat-scripts/sun-openboot.chat"];
    args.extend(
        scenes
            .iter()
            .map(|path| path.to_str().expect("a plain path")),
    );
    let output = clusterd(&args);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn the_scenes_of_the_other_scripts_pass() {
    for name in OTHERS {
        let scenes = shipped(name);
        assert!(scenes.len() >= 4, "only {} scenes of {name}", scenes.len());
        let script = format!("chat-scripts/{name}.chat");
        let mut args = vec!["script", "simulate", &script];
        let paths = scenes.iter().map(|path| path.to_str());
        args.extend(paths.map(|path| path.expect("a plain path")));
        let output = clusterd(&args);
        assert!(output.status.success(), "{}", text(&output));
    }
}

#[test]
fn an_expectation_that_does_not_hold_fails_with_its_line_and_the_timeline() {
    let scene = "scene 1 \"a wrong hope\"\nnode alpha openbios 80770001\nnode beta openbios 80770002\n\
                 start adopted\npanic alpha\npass 2m\nexpect alpha serves\n";
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let path = folder.path().join("hope.scene");
    fs::write(&path, scene).expect("it can be written");
    let path = path.to_str().expect("a plain path");
    let output = clusterd(&["script", "simulate", "chat-scripts/sun-openboot.chat", path]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    for part in [
        ":7: expect alpha serves",
        "this does not hold; the script is in state watch, alpha is at its prompt",
        "> panic alpha",
        "    alarm CRITICAL primary_panic: alpha: ",
        "1 scene, 1 failed",
    ] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
}

/// What is wrong, and where.
const FAULTS: &[(&str, &str, &str)] = &[
    ("", ":1:1", "this is no scene"),
    (
        "panic alpha\n",
        ":1:1",
        "a scene begins with its version and title",
    ),
    (
        "scene 2 \"x\"\n",
        ":1:7",
        "scenes of version 2 are not read",
    ),
    ("scene 1 \"x\n", ":1:9", "this quote is not closed"),
    (
        "scene 1 \"x\"\npanik alpha\n",
        ":2:1",
        "did you mean `panic`?",
    ),
    (
        "scene 1 \"x\"\npanic alpha\n",
        ":2:7",
        "there is no node alpha",
    ),
    (
        "scene 1 \"x\"\nnode a vax 1\n",
        ":2:8",
        "write openbios, openboot",
    ),
    (
        "scene 1 \"x\"\nnode a openbios 1\n",
        ":2:17",
        "eight hex digits",
    ),
    (
        "scene 1 \"x\"\npass soon\n",
        ":2:6",
        "a time as 90s, 5m or 2h",
    ),
    (
        "scene 1 \"x\"\nprocessor drac\n",
        ":2:11",
        "write alom, ilom",
    ),
    ("scene 1 \"x\"\nmark now\n", ":2:6", "too much on the line"),
    (
        "scene 1 \"x\"\npass 1s\npolicy integrity\n",
        ":3:1",
        "before the first step",
    ),
    (
        "scene 1 \"x\"\nexpect\n",
        ":2:7",
        "what must hold is missing",
    ),
    (
        "scene 1 \"x\"\nmark\n",
        "-->",
        "a scene wants two nodes at least",
    ),
    (
        "scene 1 \"x\"\nnode a openbios 80770001\nnode b openbios 80770002\nexpect not open standby_lots\n",
        ":4:1",
        "did you mean `standby_lost`?",
    ),
    (
        "scene 1 \"x\"\nnode a openbios 80770001\nnode b openbios 80770002\nexpect alarm fire\n",
        ":4:1",
        "the alarms are awaited, blind,",
    ),
];

#[test]
fn what_is_wrong_with_a_scene_is_said() {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let path = folder.path().join("wrong.scene");
    for (scene, place, part) in FAULTS {
        fs::write(&path, scene).expect("it can be written");
        let path = path.to_str().expect("a plain path");
        let output = clusterd(&["script", "simulate", "chat-scripts/sun-openboot.chat", path]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{scene:?}:\n{said}");
        assert!(
            said.contains(place) && said.contains(part),
            "{scene:?}:\n{said}"
        );
    }
}

#[test]
fn random_scenes_do_not_break_the_shipped_script() {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let save = folder.path().join("failed.scene");
    let save = save.to_str().expect("a plain path");
    let script = "chat-scripts/sun-openboot.chat";
    let output = clusterd(&["script", "explore", script, "--seeds", "40", "--save", save]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("40 scenes in"), "{said}");
}

#[test]
fn random_scenes_do_not_break_the_other_scripts() {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let save = folder.path().join("failed.scene");
    let save = save.to_str().expect("a plain path");
    for name in OTHERS {
        let script = format!("chat-scripts/{name}.chat");
        let output = clusterd(&[
            "script", "explore", &script, "--seeds", "10", "--save", save,
        ]);
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("10 scenes in"), "{said}");
    }
}

#[test]
fn a_script_whose_cluster_does_not_get_to_the_first_scene_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("chat-scripts");
    std::os::unix::fs::symlink(shipped.join("lib"), folder.path().join("lib")).expect("a link");
    let power_leg = fs::read_to_string(shipped.join("power-leg.chat")).expect("it is shipped");
    let by_word = power_leg
        .replace("cut_power, by_word", "by_word")
        .replace("with cut_power", "with by_word");
    let script = folder.path().join("own.chat");
    fs::write(&script, by_word).expect("it can be written");
    let output = clusterd(&["script", "explore", script.to_str().expect("a plain path")]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [
        "own.chat: this script cannot be explored: without any fault, the switchover before the scene did not come",
        "alpha: by_word made no proof: nobody has said that it is stopped",
        "\nstart proven",
    ] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    assert!(!said.contains("seed 0 fails"), "{said}");
}

#[test]
fn a_script_that_goes_through_a_service_processor_has_no_small_model() {
    let output = clusterd(&["script", "prove", "chat-scripts/sun-ilom.chat"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the small model has none"), "{said}");
}

#[test]
fn faults_on_the_monitors_side_alone_move_nothing() {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let save = folder.path().join("failed.scene");
    let save = save.to_str().expect("a plain path");
    let script = "chat-scripts/sun-openboot.chat";
    let mut args = vec!["script", "explore", script, "--monitor-only"];
    args.extend(["--years", "2", "--save", save]);
    let output = clusterd(&args);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for part in [
        "2 years of faults on the monitor's side only, the quiet time skipped: 24 episodes",
        "needless switchovers: 0",
    ] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
}

/// `tests/scenes/interrupt.rs` does so with a whole takeover.
#[test]
fn a_scene_is_interrupted_at_each_of_its_actions() {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let save = folder.path().join("failed.scene");
    let save = save.to_str().expect("a plain path");
    let script = "chat-scripts/sun-openboot.chat";
    let scene = "chat-scripts/scenes/q-stray-break.scene";
    let output = clusterd(&["script", "interrupt", script, scene, "--save", save]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    let line = said.lines().last().unwrap_or_default();
    assert!(line.starts_with("boundaries: "), "{said}");
    assert!(line.ends_with("broken 0"), "{said}");
}

#[test]
fn a_scene_that_fails_undisturbed_is_not_interrupted() {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let path = folder.path().join("hope.scene");
    let scene = "scene 1 \"a wrong hope\"\nnode alpha openbios 80770001\nnode beta openbios 80770002\n\
                 start adopted\npanic alpha\npass 2m\nexpect alpha serves\n";
    fs::write(&path, scene).expect("it can be written");
    let path = path.to_str().expect("a plain path");
    let script = "chat-scripts/sun-openboot.chat";
    let output = clusterd(&["script", "interrupt", script, path]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    assert!(said.contains("undisturbed, this scene fails"), "{said}");
}

#[test]
fn the_protocol_of_2001_is_refuted_and_its_scene_can_be_played() {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let save = folder.path().join("failed.scene");
    let save = save.to_str().expect("a plain path");
    let script = "docs/examples/paper-2001.chat";
    let output = clusterd(&[
        "script",
        "explore",
        script,
        "--policy",
        "availability",
        "--faults",
        "4",
        "--save",
        save,
    ]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let rule = "no boot command while another node runs or could go on";
    assert!(said.contains(rule), "{said}");
    let played = clusterd(&["script", "simulate", script, save]);
    assert_eq!(played.status.code(), Some(1));
    assert!(text(&played).contains(rule), "{}", text(&played));
}
