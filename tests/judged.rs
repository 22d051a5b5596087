//! What judges the scenes can fail: a script that does nothing and says nothing is refuted, and what a
//! person's false word leads to is theirs.

mod chat_support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use chat_support::{clusterd, text};

const IDLE: &str = "tests/judged/idle.chat";
const SHIPPED: &str = "chat-scripts/sun-openboot.chat";

fn write(folder: &Path, head: &str, deeds: &[&str]) -> String {
    let nodes = "node alpha openbios 80770001\nnode beta openbios 80770002\n";
    let scene = format!("scene 1 \"judged\"\n{nodes}{head}\n{}\n", deeds.join("\n"));
    let path = folder.join("judged.scene");
    fs::write(&path, scene).expect("it can be written");
    path.to_str().expect("a plain path").to_owned()
}

/// A copy of a script with the shipped libraries beside it.
fn beside_its_libraries(folder: &Path, script: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = folder.join("judged.chat");
    fs::copy(root.join(script), &copy).expect("the script can be copied");
    symlink(root.join("chat-scripts/lib"), folder.join("lib")).expect("a link can be made");
    copy.to_str().expect("a plain path").to_owned()
}

/// Plays deeds with a script; whether that went well, and what was said.
fn played(script: &str, head: &str, deeds: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let scene = write(folder.path(), head, deeds);
    let script = beside_its_libraries(folder.path(), script);
    let output = clusterd(&["script", "simulate", &script, &scene]);
    (output.status.success(), text(&output))
}

#[test]
fn an_alarm_that_was_open_before_tells_nobody_that_the_service_is_lost() {
    // `guard_unknown` is open from the adoption on.
    for deed in ["power alpha off", "panic alpha", "hang alpha"] {
        let (well, said) = played(IDLE, "start adopted", &[deed, "pass 45m"]);
        assert!(!well, "{deed}: {said}");
        assert!(said.contains("nobody was told"), "{deed}: {said}");
    }
}

#[test]
fn one_fault_is_enough_to_refute_a_script_that_does_nothing() {
    let folder = tempfile::tempdir().expect("a folder in /tmp");
    let script = beside_its_libraries(folder.path(), IDLE);
    let args = [
        "script",
        "prove",
        &script,
        "--policy",
        "integrity",
        "--faults",
        "1",
    ];
    let output = clusterd(&args);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("BROKEN with 1 fault") && said.contains("nobody was told"),
        "{said}"
    );
}

#[test]
fn an_expectation_of_an_alarm_wants_one_of_this_loss() {
    let deeds = ["power alpha off", "pass 10m", "expect served-or-told"];
    let (well, said) = played(IDLE, "start adopted", &deeds);
    assert!(!well && said.contains("this does not hold"), "{said}");
    let (well, said) = played(SHIPPED, "start adopted", &deeds);
    assert!(well, "{said}");
}

#[test]
fn what_a_person_types_where_it_starts_nothing_excuses_nothing() {
    let head = "policy availability\nstart adopted";
    let broken = "no boot command while another node runs or could go on";
    for pass in ["pass 1s", "pass 6s"] {
        let deeds = ["panic alpha", pass, "type alpha \"boot disk\"", "pass 2m"];
        let (well, said) = played("docs/examples/paper-2001.chat", head, &deeds);
        assert!(!well && said.contains(broken), "{pass}: {said}");
    }
}

#[test]
fn two_writers_that_a_person_made_are_stopped_when_nothing_stands_in_the_way() {
    let deeds = [
        "type beta \"boot disk\"",
        "pass 10s",
        "let-loose",
        "pass 1h",
    ];
    let (well, said) = played(IDLE, "start adopted", &deeds);
    assert!(
        !well && said.contains("nothing has stood in clusterd's way"),
        "{said}"
    );
    let (well, said) = played(SHIPPED, "start adopted", &deeds);
    assert!(well, "{said}");
}

/// Nobody hears the boot, and nobody asks afterwards.
const UNHEARD: [&str; 5] = [
    "loss beta 1000",
    "type beta \"boot disk\"",
    "pass 20s",
    "loss beta 0",
    "pass 30m",
];

#[test]
fn what_blurs_another_console_or_was_crossed_long_ago_excuses_nothing() {
    let befores: [&[&str]; 3] = [
        &["pass 10m"],
        &["loss alpha 110", "pass 10m"],
        &[
            "swap alpha beta",
            "swap alpha beta",
            "pass 10m",
            "hang-userland alpha",
        ],
    ];
    for before in befores {
        let deeds: Vec<&str> = before.iter().chain(&UNHEARD).copied().collect();
        let (well, said) = played(IDLE, "start adopted", &deeds);
        let untold = said.contains("two nodes write, and nobody was told");
        assert!(!well && untold, "{before:?}: {said}");
    }
}

#[test]
fn cables_crossed_between_the_last_question_and_the_return_are_their_persons() {
    let head = "policy integrity\nswitches 4 within 1h\npower-legs 1\nseed 7187784\nstart proven";
    let deeds = ["site on", "pass 13s105ms", "swap alpha beta", "pass 6s"];
    let (well, said) = played(SHIPPED, head, &deeds);
    let at = |what: &str| said.find(what).unwrap_or_else(|| panic!("{what}: {said}"));
    let crossed = at("> swap alpha beta");
    let restart = at("state restart (");
    let sent = said.rfind("boot command given").unwrap_or_default();
    assert!(restart < crossed && crossed < sent, "{said}");
    assert!(well, "{said}");
}

#[test]
fn who_was_told_of_a_wrong_machine_at_a_console_is_told_of_what_somebody_boots_there() {
    let deeds = [
        "loss beta 300",
        "swap alpha beta",
        "pass 2m8s404ms",
        "type alpha \"boot disk -s\"",
        "pass 6m",
    ];
    let head = "policy integrity\nseed 875993\nstart adopted";
    let (well, said) = played(SHIPPED, head, &deeds);
    assert!(said.contains("where 80770001 belongs"), "{said}");
    assert!(well, "{said}");
    // Crossed cables that nobody spoke of excuse nothing.
    let (well, said) = played(IDLE, head, &deeds);
    let untold = said.contains("two nodes write, and nobody was told");
    assert!(!well && untold, "{said}");
}

#[test]
fn what_a_false_word_leads_to_is_its_persons() {
    let deeds = [
        "freeze alpha",
        "until state unheard within 20m",
        "operator confirm alpha",
        "until beta serves within 10m",
        "thaw alpha",
        "pass 5s",
    ];
    let (well, said) = played(SHIPPED, "policy integrity\nstart proven", &deeds);
    assert!(well, "{said}");
    // Without the word nothing is booted.
    let (well, said) = played(
        SHIPPED,
        "policy integrity\nstart proven",
        &[deeds[0], deeds[1], "pass 30m", "expect boots"],
    );
    assert!(!well && !said.contains("a rule was broken"), "{said}");
}
