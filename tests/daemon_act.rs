//! Orders of people to a running daemon: weighed, given, followed to their end.

mod daemon_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use clusterd::sim::Shutdown;
use daemon_support::{Home, Pair, stderr, stdout, until};

/// A home whose `stop:` is a program of this test: it says that it was called, and ends when the
/// test says how.
fn stoppable(pair: &Pair) -> Home {
    let home = Home::empty();
    let at = home.dir.path().display().to_string();
    let program = home.path("stop");
    let text = format!(
        "#!/bin/sh\necho \"$@\" > {at}/asked.new && mv {at}/asked.new {at}/asked\n\
         until test -e {at}/answer; do sleep 0.05; done\nexit \"$(cat {at}/answer)\"\n"
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let lines = format!(
        "data_policy: adaptability\n    stop: [{at}/stop, \"root@{{node}}\", \"{{address}}\"]"
    );
    home.write_cluster("pair", pair, &lines);
    home
}

/// What the stop program was called with, when it is.
fn asked(home: &Home) -> String {
    let asked = until("the call of the stop program", || {
        fs::read_to_string(home.path("asked")).ok()
    });
    fs::remove_file(home.path("asked")).unwrap();
    asked.trim().to_owned()
}

fn answer(home: &Home, code: &str) {
    fs::write(home.path("answer.new"), code).unwrap();
    fs::rename(home.path("answer.new"), home.path("answer")).unwrap();
}

/// Runs a command while `meanwhile` does something else.
fn during(home: &Home, args: &[&str], meanwhile: impl FnOnce()) -> Output {
    std::thread::scope(|scope| {
        let command = scope.spawn(|| home.clusterd(args));
        meanwhile();
        command.join().unwrap()
    })
}

#[track_caller]
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn a_switchover_stops_in_good_order_and_is_followed_to_its_end() {
    let pair = Pair::running();
    let home = stoppable(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");

    // What it would do; nothing is written.
    let plan = home.clusterd(&["switchover", "pair", "--dry-run"]);
    assert_eq!(plan.status.code(), Some(4), "{}", stderr(&plan));
    let text = stdout(&plan);
    holds(
        &text,
        &[
            "switchover of svc from alpha to beta:",
            "1. stop the system of alpha in good order: /",
            "/stop root@alpha 127.0.0.1",
            "fence alpha",
            "boot it from disk",
            "AGAINST IT (--force passes it), guard: the standing guard of beta was not read back",
            "Nothing was done.",
        ],
    );
    assert!(!home.activity().contains("orders"), "{}", home.activity());

    let args = [
        "switchover",
        "pair",
        "--force",
        "--yes",
        "--wait",
        "--reason",
        "new disks for alpha",
    ];
    let moved = during(&home, &args, || {
        let called = asked(&home);
        assert!(called.starts_with("root@alpha 127.0.0.1"), "{called}");
        pair.sim
            .order(|rig, now| rig.node_at(0, now).orderly_shutdown(Shutdown::Halt, now));
        answer(&home, "0");
    });
    let text = stdout(&moved);
    assert_eq!(moved.status.code(), Some(0), "{text}{}", stderr(&moved));
    holds(
        &text,
        &[
            "Ordered by ",
            "state hand_over",
            "alpha: proved stopped (firmware reset)",
            "svc: beta is up",
            "Done: svc runs on beta after ",
        ],
    );
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    let log = home.activity();
    holds(
        &log,
        &[
            " orders: switchover of svc from alpha to beta (new disks for alpha)",
            "switchover done",
        ],
    );
    assert!(!log.contains("alarm primary_lost"), "{log}");
    // That of beta was passed by `--force`, and is as unknown as before.
    assert_eq!(home.alarms(), ["guard_unknown"]);

    // What was ordered is no failure in the year's report.
    let moved = until("its account", || {
        let said = stdout(&home.clusterd(&["availability", "pair", "--json"]));
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let moved = said["clusters"][0]["switchovers"][0].clone();
        moved["to"].is_string().then_some(moved)
    });
    assert_eq!(moved["to"], "beta", "{moved}");
    assert_eq!(moved["planned"], true, "{moved}");

    // And home again; where it is at home, no more.
    fs::remove_file(home.path("answer")).unwrap();
    let back = during(&home, &["failback", "pair", "--yes", "--wait"], || {
        assert!(asked(&home).starts_with("root@beta "));
        pair.sim
            .order(|rig, now| rig.node_at(1, now).orderly_shutdown(Shutdown::Halt, now));
        answer(&home, "0");
    });
    assert_eq!(back.status.code(), Some(0), "{}", stdout(&back));
    assert_eq!(pair.boots(), ["alpha", "beta", "alpha"]);
    let home_already = home.clusterd(&["failback", "pair", "--yes"]);
    assert_eq!(home_already.status.code(), Some(4));
    holds(
        &stdout(&home_already),
        &["it is at home already", "Nothing was done."],
    );
    pair.never_two_writers();
}

#[test]
fn what_does_not_stop_stays_and_what_cannot_be_moved_is_refused() {
    let pair = Pair::running();
    let home = stoppable(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    answer(&home, "1");
    let params = home
        .read("clist/pair.yaml")
        .replace("ask_limit: 1s", "ask_limit: 1s, stop_grace: 2s");
    fs::write(home.path("clist/pair.yaml"), params).unwrap();
    assert!(home.clusterd(&["reload"]).status.success());
    daemon.line("state watch");

    let unread = home.clusterd(&["switchover", "pair", "--yes", "--wait"]);
    assert_eq!(unread.status.code(), Some(4), "{}", stdout(&unread));
    set_guard(&pair, &home, &mut daemon);
    let stays = home.clusterd(&["switchover", "pair", "--yes", "--wait"]);
    assert_eq!(stays.status.code(), Some(1), "{}", stdout(&stays));
    holds(&stdout(&stays), &["NOT DONE: ", "refused by guard"]);
    daemon.line("state watch");
    assert!(home.alarms().contains(&"switchover_failed".to_owned()));
    assert_eq!(pair.boots(), ["alpha"]);

    // Nobody consents for whoever is not there.
    let silent = home.clusterd(&["switchover", "pair"]);
    assert_eq!(silent.status.code(), Some(4));
    holds(&stderr(&silent), &["say --yes", "nothing was ordered"]);

    // A person's HOLD, and what it refuses.
    let held = home.clusterd(&[
        "hold",
        "pair",
        "--yes",
        "--reason",
        "the room is being moved",
    ]);
    assert!(held.status.success(), "{}", stderr(&held));
    let again = home.clusterd(&["switchover", "pair", "--yes", "--force"]);
    assert_eq!(again.status.code(), Some(4));
    holds(
        &stdout(&again),
        &["svc is in HOLD (rule 10)", "the room is being moved"],
    );
    pair.sim.panic(0);
    drop(daemon);
    let mut daemon = home.run();
    daemon.line("clusterd starts");
    let status = stdout(&home.clusterd(&["status"]));
    holds(&status, &["HOLD", "the room is being moved"]);
    assert_eq!(pair.boots(), ["alpha"]);
    assert!(home.clusterd(&["release", "pair"]).status.success());
    daemon.line("is up after");
    pair.never_two_writers();
}

/// The standby's guard is set and read back: nobody boots it by accident from here on.
fn set_guard(pair: &Pair, home: &Home, daemon: &mut daemon_support::Daemon<'_>) {
    let fenced = home.clusterd(&["fence", "pair/beta", "--yes", "pair/beta", "--wait"]);
    let text = stdout(&fenced);
    assert_eq!(fenced.status.code(), Some(0), "{text}{}", stderr(&fenced));
    holds(
        &text,
        &[
            "fence of beta:",
            "svc stays where it is",
            "Done: beta is proved stopped",
        ],
    );
    daemon.line("state watch");
    assert_eq!(pair.boots(), ["alpha"]);
}

#[test]
fn fencing_what_serves_wants_a_second_word_and_boot_starts_it_again() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    for (yes, says) in [
        (&[][..], "say --yes pair/alpha"),
        (&["--yes", "pair/beta"], "it is about pair/alpha"),
    ] {
        let mut args = vec!["fence", "pair/alpha"];
        args.extend(yes);
        let said = home.clusterd(&args);
        assert_eq!(said.status.code(), Some(4), "{}", stdout(&said));
        holds(&stderr(&said), &[says, "nothing was ordered"]);
    }
    let runs = home.clusterd(&["boot", "pair/alpha", "--yes"]);
    assert_eq!(runs.status.code(), Some(4));
    holds(&stdout(&runs), &["alpha is running (rule 1)"]);

    let fenced = home.clusterd(&["fence", "pair/alpha", "--yes", "pair/alpha", "--wait"]);
    let text = stdout(&fenced);
    assert_eq!(fenced.status.code(), Some(0), "{text}{}", stderr(&fenced));
    holds(
        &text,
        &[
            "svc is then in HOLD, and runs nowhere",
            "Done: alpha is proved stopped",
        ],
    );

    // It stays so over a restart.
    drop(daemon);
    let mut daemon = home.run();
    daemon.line("clusterd starts");
    let refused = home.clusterd(&["boot", "pair/alpha", "--yes"]);
    assert_eq!(refused.status.code(), Some(4), "{}", stdout(&refused));
    assert!(home.clusterd(&["release", "pair"]).status.success());
    daemon.line("alpha is up");
    daemon.line("state watch");

    let fenced = home.clusterd(&["fence", "pair/alpha", "--yes", "pair/alpha", "--wait"]);
    assert_eq!(fenced.status.code(), Some(0), "{}", stdout(&fenced));
    let booted = home.clusterd(&["boot", "pair/alpha", "--yes", "--wait"]);
    assert_eq!(booted.status.code(), Some(0), "{}", stdout(&booted));
    holds(
        &stdout(&booted),
        &["fence beta: proved stopped", "Done: svc runs on alpha"],
    );
    assert_eq!(pair.boots(), ["alpha", "alpha", "alpha"]);
    pair.never_two_writers();
}

#[test]
fn nothing_is_ordered_in_a_maintenance_and_a_drill_is_known_after_a_restart() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let begin = ["maintenance", "pair", "--for", "1h", "--yes", "--reason"];
    let begun = home.clusterd(&[&begin[..], &["new fans"]].concat());
    assert!(begun.status.success(), "{}", stderr(&begun));
    for order in [
        &["switchover", "pair", "--yes", "--force"][..],
        &["failback", "pair", "--yes", "--force"],
        &["boot", "pair/alpha", "--yes", "--force"],
        &["boot", "pair/beta", "--yes", "--force"],
        &["fence", "pair/alpha", "--yes", "pair/alpha"],
        &["fence", "pair/beta", "--yes", "pair/beta"],
        &["drill", "pair", "--yes"],
    ] {
        let said = home.clusterd(order);
        assert_eq!(said.status.code(), Some(4), "{order:?} {}", stdout(&said));
        holds(
            &stdout(&said),
            &["is in maintenance (rule 15)", "Nothing was done."],
        );
    }
    assert!(!home.activity().contains("orders"), "{}", home.activity());
    let ended = home.clusterd(&["maintenance", "pair", "--end", "--yes"]);
    assert!(ended.status.success(), "{}", stderr(&ended));
    daemon.line("state watch");

    let drill = home.clusterd(&["drill", "pair", "--yes", "--wait"]);
    let text = stdout(&drill);
    assert_eq!(drill.status.code(), Some(0), "{text}{}", stderr(&drill));
    holds(
        &text,
        &[
            "beta: proved stopped (firmware reset)",
            "the boot device opens, and its first block can be read",
            "Done: beta would take over",
        ],
    );
    drop(daemon);
    let mut daemon = home.run();
    daemon.line("state watch");
    let status = stdout(&home.clusterd(&["status", "pair"]));
    holds(&status, &["of beta at ", "good: beta would take over"]);
    assert_eq!(pair.boots(), ["alpha"]);
    pair.never_two_writers();
}
