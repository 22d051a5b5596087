//! The built daemon and maintenance: nothing is written to simulated machines behind real sockets, through
//! SIGKILL, restart and reload, until its end.

mod daemon_support;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use clusterd::clock::Moment;
use daemon_support::{Home, Pair, stderr, stdout, until};
use rusqlite::Connection;
use serde_json::{Value, json};

/// A pair whose alpha serves, and its home.
fn running() -> (Pair, Home) {
    let pair = Pair::running();
    let home = Home::of(&pair);
    (pair, home)
}

fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output)
}

fn maintain(home: &Home, name: &str, lasts: &str) -> String {
    let args = ["maintenance", name, "--for", lasts];
    let args = [&args[..], &["--reason", "new disks", "--yes"]].concat();
    good(&home.clusterd(&args))
}

/// How much was typed to both nodes, and how many BREAKs were sent.
fn written(pair: &Pair) -> [(usize, usize); 2] {
    [0, 1].map(|n| {
        let transcript = pair.sim.transcript(n);
        let typed = transcript.typed(Moment::ZERO).len();
        (typed, transcript.breaks(Moment::ZERO))
    })
}

fn snapshot(home: &Home) -> Value {
    home.status()["clusters"][0]["snapshot"].clone()
}

/// Waits until the service address was asked so often in vain.
fn missed(home: &Home, misses: u64) {
    until("misses of the service address", || {
        let misses_now = snapshot(home)["packages"][0]["address_misses"].as_u64();
        misses_now.is_some_and(|now| now >= misses).then_some(())
    });
}

fn serves_from_beta(pair: &Pair) {
    until("the service on beta", || {
        let now = pair.sim.snapshot();
        (now.serving && pair.boots() == ["alpha", "beta"]).then_some(())
    });
    pair.never_two_writers();
}

#[test]
fn nothing_is_written_through_a_panic_a_kill_and_a_reload_until_it_is_ended() {
    let (pair, home) = running();
    let mut daemon = home.run();
    daemon.line("state watch");
    let text = maintain(&home, "pair", "2h");
    assert!(
        text.contains("pair is in maintenance for 2 h, by root."),
        "{text}"
    );
    assert!(
        text.contains("End it with: clusterd maintenance pair --end"),
        "{text}"
    );
    let before = written(&pair);
    pair.sim.panic(0);
    until("the word about the service", || {
        home.alarms()
            .contains(&"maintenance_down".to_owned())
            .then_some(())
    });
    missed(&home, 10);
    let text = stdout(&home.clusterd(&["status"]));
    assert!(text.contains("1 MAINTENANCE"), "{text}");
    assert!(text.contains("in maintenance by root for"), "{text}");
    assert!(
        text.contains("waits for the end of the maintenance"),
        "{text}"
    );

    daemon.kill();
    let mut daemon = home.run();
    missed(&home, 10);
    let kept = snapshot(&home)["maintenance"].clone();
    assert_eq!(
        (&kept["who"], &kept["reason"]),
        (&json!("root"), &json!("new disks"))
    );
    assert!(kept["left_ms"].as_u64().unwrap() > 7_000_000, "{kept}");
    for code in ["maintenance", "maintenance_down"] {
        assert!(
            home.alarms().contains(&code.to_owned()),
            "{code}: {:?}",
            home.alarms()
        );
    }

    let file = home.path("clist/pair.yaml");
    let changed = fs::read_to_string(&file)
        .unwrap()
        .replace("dark_after: 30s", "dark_after: 40s");
    fs::write(&file, changed).unwrap();
    good(&home.clusterd(&["reload"]));
    daemon.line("is taken, the script begins anew");
    missed(&home, 10);
    assert!(snapshot(&home)["maintenance"]["who"].is_string());
    assert_eq!(written(&pair), before, "{}", home.activity());

    let text = good(&home.clusterd(&["maintenance", "pair", "--end", "--yes"]));
    assert!(
        text.contains("pair is not in maintenance any more, by root."),
        "{text}"
    );
    daemon.line("the maintenance is over: root says so");
    serves_from_beta(&pair);
    daemon.line("state watch");
    let log = home.read("logs/clusterd.log");
    assert!(log.contains("root says Maintain"), "{log}");
    assert!(!home.alarms().contains(&"maintenance".to_owned()));
}

/// The entry is on the disk, and nobody was told: it is in maintenance when it comes back.
#[test]
fn a_kill_at_its_entry_leaves_a_maintenance() {
    let (pair, home) = running();
    let fault = format!("pair:kills:{}", home.path("fault").display());
    let mut daemon = home.run_with(&[("CLUSTERD_TEST_FAULT", &fault)]);
    daemon.line("state watch");
    fs::write(home.path("fault"), "maintenance of pair").unwrap();
    let args = [
        "maintenance",
        "pair",
        "--for",
        "1h",
        "--reason",
        "x",
        "--yes",
    ];
    let said = home.clusterd(&args);
    assert!(!said.status.success(), "{}", stdout(&said));
    let status = until("the kill", || daemon.child.try_wait().unwrap());
    assert_eq!(status.signal(), Some(9));
    drop(daemon);
    let before = written(&pair);
    let daemon = home.run();
    pair.sim.panic(0);
    missed(&home, 15);
    assert!(snapshot(&home)["maintenance"]["who"].is_string());
    assert_eq!(written(&pair), before);
    assert!(daemon.stop().success());
}

#[test]
fn it_ends_by_itself() {
    let (pair, home) = running();
    let mut daemon = home.run();
    daemon.line("state watch");
    maintain(&home, "pair", "3s");
    pair.sim.panic(0);
    daemon.line("the maintenance is over: its time is over");
    serves_from_beta(&pair);
}

#[test]
fn nothing_is_written_to_a_standby_in_maintenance_and_nothing_is_booted_beside_it() {
    let (pair, home) = running();
    let mut daemon = home.run();
    daemon.line("state watch");
    maintain(&home, "pair/beta", "1h");
    let before = written(&pair)[1];
    let beta = &snapshot(&home)["nodes"][1];
    assert_eq!(beta["maintenance"]["reason"], "new disks", "{beta}");
    let mut bob = home.visit(&["pair/beta"]);
    bob.sees("you have the pen");
    pair.sim.panic(0);
    daemon.line("beta is in maintenance, and nothing could be started instead");
    until("the alarm", || {
        home.alarms().contains(&"hold".to_owned()).then_some(())
    });
    missed(&home, 10);
    assert_eq!(written(&pair)[1], before, "{}", home.activity());
    assert_eq!(pair.boots(), ["alpha"]);
    bob.press("\x05c.");
    assert!(bob.ends().0.success());
    good(&home.clusterd(&["maintenance", "pair/beta", "--end", "--yes"]));
    serves_from_beta(&pair);
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let (pair, home) = running();
    let mut daemon = home.run();
    daemon.line("state watch");
    let said = |args: &[&str], code: i32, part: &str| {
        let output = home.clusterd(&[&["maintenance"], args].concat());
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(part), "{args:?}: {text}");
    };
    let reason = ["--reason", "x", "--yes"];
    let with = |args: &[&'static str]| [args, &reason[..]].concat();
    said(&["pair", "--for", "1h", "--yes"], 2, "--reason");
    said(&with(&["pair"]), 2, "--for");
    said(
        &["pair", "--for", "1h", "--reason", "x"],
        2,
        "no terminal to ask at",
    );
    said(&with(&["pair", "--for", "2"]), 2, "a number and a unit");
    said(&with(&["pair", "--for", "25h"]), 4, "from 1 s to 24 h");
    said(
        &with(&["pear", "--for", "1h"]),
        4,
        "there is no cluster \"pear\"",
    );
    said(
        &with(&["pair/gamma", "--for", "1h"]),
        4,
        "no such node; it has alpha, beta",
    );
    said(&["pair", "--end", "--yes"], 4, "pair is not in maintenance");
    let args = ["maintenance", "pair", "--for", "1h", "--reason", "x"];
    let (status, shown) = home.at_terminal(&args, &["no"]);
    assert_eq!(status.code(), Some(4), "{shown}");
    let (status, shown) = home.at_terminal(&args, &["yes"]);
    assert!(
        status.success() && shown.contains("pair is in maintenance for 1 h"),
        "{shown}"
    );
    let json = home.clusterd(&["maintenance", "pair", "--end", "--yes", "--json"]);
    let json: Value = serde_json::from_str(&good(&json)).unwrap();
    assert_eq!(
        (&json["is"], &json["who"]),
        (&json!("told"), &json!("root"))
    );
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("stopping alpha for good");
    said(
        &with(&["pair", "--for", "1h"]),
        4,
        "say it again when that is done",
    );
    serves_from_beta(&pair);
}

/// What a panic would do: known when the daemon has lived for a while.
fn emulated_panic(home: &Home) -> String {
    let said = until("twelve seconds of its life", || {
        let said = home.clusterd(&["emulate", "pair", "panic"]);
        said.status.success().then_some(said)
    });
    good(&said)
}

/// What it would do is said, and nothing is done.
#[test]
fn what_would_happen_is_said_and_nothing_is_done() {
    let (pair, home) = running();
    let mut daemon = home.run();
    daemon.line("state watch");
    let text = emulated_panic(&home);
    for part in [
        "Nothing is done: this is what would happen. Assumed:",
        "alpha, which is running now, runs and serves",
        "panic",
        "stopping alpha for good",
        "alpha: proved stopped (firmware reset)",
        "beta: boot command given",
        "beta is up",
        "In the end: svc is on beta, in state watch.",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    let json = home.clusterd(&["emulate", "pair", "power-loss", "--json"]);
    let json: Value = serde_json::from_str(&good(&json)).unwrap();
    assert_eq!(json["is"], "emulated");
    assert!(json["steps"].as_array().unwrap().len() > 5, "{json}");
    let line = ["--line", "panic[cpu0]/thread=1: test", "--console", "alpha"];
    let text = good(&home.clusterd(&[&["emulate", "pair"], &line[..]].concat()));
    assert!(text.contains("state false_panic"), "{text}");
    let text = good(&home.clusterd(&["emulate", "pair", "switchover"]));
    assert!(text.contains("In the end: svc is on beta"), "{text}");
    maintain(&home, "pair", "1h");
    let text = good(&home.clusterd(&["emulate", "pair", "panic"]));
    assert!(text.contains("in maintenance: nothing is done"), "{text}");
    let other = home.clusterd(&["emulate", "pear", "panic"]);
    assert_eq!(other.status.code(), Some(4), "{}", stderr(&other));
    for part in ["stopping alpha", "switchover", "panic["] {
        assert!(
            !home.activity().contains(part),
            "{part}: {}",
            home.activity()
        );
    }
    assert_eq!(pair.boots(), ["alpha"]);
    assert_eq!(written(&pair).map(|(_, breaks)| breaks), [0, 0]);
}

/// Whoever saw an emulation knows none of the numbers that the real fence asks for.
#[test]
fn what_was_shown_beforehand_proves_nothing_afterwards() {
    let (pair, home) = running();
    let mut daemon = home.run();
    daemon.line("state watch");
    let marks = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let marks = words.filter(|word| word.len() == 10 && word.starts_with("mk"));
        marks.map(str::to_owned).collect()
    };
    let shown = marks(&emulated_panic(&home));
    assert!(!shown.is_empty());
    pair.sim.panic(0);
    daemon.line("proved stopped");
    let log = home.activity();
    let typed = marks(&log);
    assert!(!typed.is_empty(), "{log}");
    assert!(typed.iter().all(|mark| !shown.contains(mark)), "{log}");
    serves_from_beta(&pair);
}

/// What the journal remembers of the pair.
fn remembered(home: &Home) -> String {
    let journal = Connection::open(home.path("journal.sqlite")).unwrap();
    let query = "SELECT body FROM state WHERE cluster = 'pair'";
    journal.query_row(query, [], |row| row.get(0)).unwrap()
}

fn change(home: &Home, path: &str, value: &str) {
    let journal = Connection::open(home.path("journal.sqlite")).unwrap();
    let change = "UPDATE state SET body = json_set(body, ?1, json(?2)) WHERE cluster = 'pair'";
    assert_eq!(journal.execute(change, [path, value]).unwrap(), 1);
}

/// Waits for the alarm of a cluster that is not begun because its memory cannot be read; gives its text.
fn unread(home: &Home) -> String {
    until("the alarm", || {
        let status = home.status();
        let alarms = status["alarms"].as_array().unwrap();
        let alarm = alarms.iter().find(|alarm| alarm["code"] == "memory")?;
        assert_eq!(alarm["severity"], "critical", "{alarm}");
        Some(alarm["text"].as_str().unwrap().to_owned())
    })
}

#[test]
fn a_memory_that_nobody_understands_is_kept_and_its_cluster_does_not_begin_until_it_is_mended() {
    let (pair, home) = running();
    let mut daemon = home.run();
    daemon.line("state watch");
    good(&home.clusterd(&["hold", "pair", "--yes"]));
    assert!(daemon.stop().success());
    change(&home, "$.nodes[0].siege", "\"suspended\"");
    let before = (remembered(&home), written(&pair), home.activity());

    let daemon = home.run();
    let text = unread(&home);
    for part in ["nobody guards pair", "suspended", "DELETE FROM state"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let said = stdout(&home.clusterd(&["status"]));
    assert!(said.contains("1 NOT GUARDED"), "{said}");
    change(&home, "$.nodes[0].siege", "false");
    change(&home, "$.version", "99");
    let before = (remembered(&home), before.1, before.2);
    good(&home.clusterd(&["reload"]));
    until("the newer clusterd's", || {
        unread(&home).contains("version 99").then_some(())
    });
    assert_eq!((remembered(&home), written(&pair), home.activity()), before);

    change(&home, "$.version", "2");
    good(&home.clusterd(&["reload"]));
    let held = until("its task", || {
        let held = snapshot(&home)["packages"][0]["held"].clone();
        held.is_object().then_some(held)
    });
    assert_eq!(held["who"], "root", "{held}");
    assert!(!home.alarms().contains(&"memory".to_owned()));
    assert!(daemon.stop().success());
}

#[test]
fn a_task_that_crashes_while_the_journal_is_away_begins_again_when_it_is_back() {
    let (pair, home) = running();
    let fault = format!("pair:panic:{}", home.path("fault").display());
    let mut daemon = home.run_with(&[("CLUSTERD_TEST_FAULT", &fault)]);
    daemon.line("state watch");
    maintain(&home, "pair", "2h");
    let before = written(&pair);
    let (journal, aside) = (home.path("journal.sqlite"), home.path("aside"));
    fs::rename(&journal, &aside).unwrap();
    fs::write(home.path("fault"), "a").unwrap();
    pair.sim.panic(0);
    let text = unread(&home);
    assert!(text.contains("it is tried again every"), "{text}");
    // Another file in its place has no memory of it.
    Connection::open(&journal).unwrap();
    let (named, boots) = (unread(&home), pair.boots());
    assert!(named.contains("cannot be read"), "{named}");
    fs::rename(&aside, &journal).unwrap();
    let kept = until("its task", || {
        let kept = snapshot(&home)["maintenance"].clone();
        kept.is_object().then_some(kept)
    });
    assert_eq!(kept["reason"], "new disks", "{kept}");
    assert!(!home.alarms().contains(&"memory".to_owned()));
    assert_eq!((written(&pair), pair.boots()), (before, boots));
    assert!(daemon.stop().success());
}
