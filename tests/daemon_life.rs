//! How the daemon lives: its lock, its signals, its socket, and files that are wrong.

mod daemon_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

use daemon_support::{Home, Pair, stderr, stdout};
use nix::sys::signal::Signal;
use serde_json::json;

#[test]
fn one_daemon_to_a_home() {
    let home = Home::empty();
    let daemon = home.run();
    let second = home.clusterd(&["run"]);
    assert_eq!(second.status.code(), Some(5));
    let said = stderr(&second);
    assert!(said.contains("another clusterd (pid "), "{said}");
    assert!(
        home.clusterd(&["status"]).status.success(),
        "the first one goes on"
    );
    drop(daemon);
}

#[test]
fn commands_say_when_no_daemon_runs() {
    let home = Home::empty();
    for args in [
        &["status"][..],
        &["adopt", "pair"],
        &["release", "pair"],
        &["reload"],
    ] {
        let output = home.clusterd(args);
        assert_eq!(output.status.code(), Some(3), "{args:?}");
        let said = stderr(&output);
        assert!(
            said.contains("no daemon answers at ") && said.contains("clusterd run --home "),
            "{said}"
        );
    }
    let nowhere = home.clusterd(&["status", "--home", "/no/such/home"]);
    assert_eq!(nowhere.status.code(), Some(5), "{}", stderr(&nowhere));
}

#[test]
fn a_killed_daemon_leaves_a_socket_that_hinders_nobody() {
    let home = Home::empty();
    home.run().kill();
    assert!(home.path("clusterd.sock").exists());
    assert_eq!(home.clusterd(&["status"]).status.code(), Some(3));
    let daemon = home.run();
    assert!(home.clusterd(&["status"]).status.success());
    assert!(daemon.stop().success());
    assert!(!home.path("clusterd.sock").exists());
}

#[test]
fn nothing_to_guard_is_an_alarm_and_no_end() {
    let home = Home::empty();
    let _daemon = home.run();
    assert!(home.alarms().contains(&"nothing_guarded".to_owned()));
}

#[test]
fn what_is_wrong_with_one_cluster_keeps_no_other_unguarded() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    fs::write(
        home.path("clist/other.yaml"),
        "cluster: other\nadress: 192.0.2.1\n",
    )
    .unwrap();
    let mut daemon = home.run();
    daemon.line("state watch");
    let status = home.status();
    let of = |name: &str| {
        let clusters = status["clusters"].as_array().unwrap();
        clusters
            .iter()
            .find(|c| c["cluster"] == name)
            .unwrap()
            .clone()
    };
    assert!(of("pair")["not_guarded"].is_null());
    let why = of("other")["not_guarded"].as_str().unwrap().to_owned();
    assert!(
        why.contains("clist/other.yaml:") && why.contains("adress"),
        "{why}"
    );
    assert!(home.alarms().contains(&"not_guarded".to_owned()));
    let text = stdout(&home.clusterd(&["status"]));
    assert!(text.starts_with("2 clusters, 1 NOT GUARDED, "), "{text}");
    let said = home.clusterd(&["release", "other"]);
    assert_eq!(said.status.code(), Some(4), "{}", stderr(&said));
}

#[test]
fn an_alarm_that_was_mended_in_between_ends_with_the_restart() {
    let home = Home::empty();
    fs::write(home.path("clist/pair.yaml"), "cluster: pair\n").unwrap();
    let daemon = home.run();
    assert!(home.alarms().contains(&"not_guarded".to_owned()));
    assert!(daemon.stop().success());
    let pair = Pair::running();
    home.write_cluster("pair", &pair, "data_policy: adaptability");
    let mut daemon = home.run();
    daemon.line("state watch");
    assert!(!home.alarms().contains(&"not_guarded".to_owned()));
    assert!(
        home.read("logs/alarms.log")
            .contains("cleared   pair  not_guarded")
    );
}

#[test]
fn sigterm_is_said_to_be_the_end() {
    let home = Home::empty();
    let daemon = home.run();
    assert!(daemon.stop().success());
    assert!(
        home.read("logs/clusterd.log")
            .contains("SIGTERM: clusterd ends")
    );
}

#[test]
fn a_service_manager_is_told() {
    let home = Home::empty();
    let path = home.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(daemon_support::LIMIT))
        .unwrap();
    let heard = || {
        let mut bytes = [0; 4096];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let daemon = home.run_with(&[
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "3000000"),
    ]);
    let ready = heard();
    assert!(
        ready.contains("READY=1") && ready.contains("STATUS=0 clusters guarded"),
        "{ready}"
    );
    for _ in 0..3 {
        assert!(heard().contains("WATCHDOG=1"));
    }
    daemon.signal(Signal::SIGTERM);
    while !heard().contains("STOPPING=1") {}
}

/// The questions at a terminal: each answer counts, and one wrong word is a no.
#[test]
fn a_word_is_asked_for_twice() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    for (answers, code) in [
        (["alpha", "yes"], 4),
        (["beta", "stopped"], 4),
        (["alpha", "stopped"], 0),
    ] {
        let (status, text) = home.at_terminal(&["confirm", "pair/alpha", "stopped"], &answers);
        assert_eq!(status.code(), Some(code), "{answers:?}: {text}");
        assert!(
            text.contains("both write to that disk, and the data on it"),
            "{text}"
        );
        assert!(
            text.contains("svc is on alpha"),
            "it shows how the cluster is: {text}"
        );
    }
    daemon.line("operator ");
}

#[test]
fn the_socket_is_its_owners_and_strict() {
    let home = Home::empty();
    let _daemon = home.run();
    let mode = fs::metadata(home.path("clusterd.sock"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let pong = home.ask(&json!({ "do": "ping" }));
    assert_eq!(pong["answer"]["is"], "pong");
    for (line, part) in [
        ("hello", "no JSON"),
        (r#"{"ask":{"do":"ping"}}"#, "no version"),
        (r#"{"v":2,"ask":{"do":"ping"}}"#, "speaks 1"),
        (r#"{"v":1,"ask":{"do":"boot"}}"#, "no request"),
    ] {
        let reply = home.say(line);
        assert_eq!(reply["answer"]["code"], "bad_request", "{reply}");
        assert!(
            reply["answer"]["text"].as_str().unwrap().contains(part),
            "{reply}"
        );
    }
    let long = home.say(&"x".repeat(100_000));
    assert_eq!(long["answer"]["code"], "bad_request", "{long}");
    let unknown = home.ask(&json!({ "do": "say", "cluster": "pair", "word": "release" }));
    assert_eq!(unknown["answer"]["code"], "unknown", "{unknown}");
}

#[test]
fn a_word_needs_to_be_meant() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    for (code, args, part) in [
        (
            2,
            &["confirm", "pair/alpha", "stopped"][..],
            "no terminal to ask at",
        ),
        (
            2,
            &[
                "confirm",
                "pair/alpha",
                "stopped",
                "--yes-i-have-checked",
                "pair/beta",
            ],
            "names pair/beta, not pair/alpha",
        ),
        (2, &["confirm", "alpha", "stopped"], "CLUSTER/NODE"),
        (2, &["confirm", "pair/", "stopped"], "CLUSTER/NODE"),
        (2, &["console", "alpha"], "CLUSTER/NODE"),
        (2, &["console", "pair/alpha/beta"], "CLUSTER/NODE"),
        (
            4,
            &[
                "confirm",
                "pair/gamma",
                "stopped",
                "--yes-i-have-checked",
                "pair/gamma",
            ],
            "no such node; it has alpha, beta",
        ),
        (
            4,
            &["release", "pear"],
            "there is no cluster \"pear\"; guarded here: pair",
        ),
    ] {
        let said = home.clusterd(args);
        assert_eq!(
            said.status.code(),
            Some(code),
            "{args:?}: {}",
            stderr(&said)
        );
        assert!(stderr(&said).contains(part), "{args:?}: {}", stderr(&said));
    }
    assert!(!home.activity().contains("operator"), "{}", home.activity());
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "standing still is a matter of time"
)]
fn a_process_that_stood_still_holds_its_takeovers() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    daemon.signal(Signal::SIGSTOP);
    std::thread::sleep(std::time::Duration::from_secs(7));
    daemon.signal(Signal::SIGCONT);
    daemon.line("monitor impaired");
    assert_eq!(pair.boots(), ["alpha"]);
}

#[test]
fn a_journal_that_cannot_be_written_holds_takeovers_until_it_can() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    fs::rename(home.path("journal.sqlite"), home.path("away")).unwrap();
    pair.sim.panic(0);
    daemon.line("journal cannot be written");
    assert_eq!(pair.boots(), ["alpha"]);
    fs::rename(home.path("away"), home.path("journal.sqlite")).unwrap();
    daemon.line("beta is up");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
}
