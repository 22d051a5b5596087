//! An alarm's whole life: raised, acknowledged, over, and what a restart remembers of it.

use std::fs;

use crate::daemon_support::{Home, Pair, stderr, stdout, until};
use crate::servers::{Web, web};
use crate::{alarms, home, open};

#[test]
fn an_acknowledgement_is_journalled_stops_reminders_and_survives_a_restart() {
    let server = web(|_| Web::Status(200));
    let home = home(&format!(
        "routes:\n  hook: {{ webhook: {{ url: \"http://{}/\" }}, repeat: 300ms, calm: 100ms }}\n",
        server.at
    ));
    let daemon = home.run();
    let count = |kind: &str| {
        let heard = server.heard();
        heard
            .iter()
            .filter(|heard| heard.json()["kind"] == kind)
            .count()
    };
    until("two reminders", || (count("again") >= 2).then_some(()));
    let unknown = home.clusterd(&["ack", "@host", "no_such"]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(
        stderr(&unknown).contains("but nothing_guarded"),
        "{}",
        stderr(&unknown)
    );
    let acked = home.clusterd(&["ack", "@host", "nothing_guarded", "--reason", "I am at it"]);
    assert!(acked.status.success(), "{}", stderr(&acked));
    server.message("acknowledged", "nothing_guarded");
    // A message may be on its way before the journal has what it tells.
    until("the acknowledgement in the journal", || {
        let journal = clusterd::store::Reader::open(home.dir.path()).ok()?;
        let entries = journal.history("", 100).ok()?;
        let mut texts = entries.iter().map(|one| &one.entry.text);
        texts
            .any(|text| text.contains("acknowledged by"))
            .then_some(())
    });
    let reminders = count("again");
    daemon.kill();
    let daemon = home.run();
    let alarm = open(&home, "nothing_guarded").unwrap();
    assert_eq!(alarm["acknowledged"]["reason"], "I am at it");
    let list = stdout(&home.clusterd(&["alarms"]));
    assert!(list.contains("taken by"), "{list}");
    let status = stdout(&home.clusterd(&["status"]));
    assert!(status.contains("I am at it"), "{status}");
    assert!(count("again") <= reminders + 1, "no reminder after it");
    assert_eq!(count("raised"), 1, "a restart tells nothing twice");
    let log = home.read("logs/alarms.log");
    assert!(log.contains("nothing_guarded acknowledged by "), "{log}");
    daemon.stop();
}

#[test]
fn an_alarm_that_is_mended_is_over_and_that_is_told() {
    let server = web(|_| Web::Status(200));
    let settings = format!(
        "routes:\n  hook: {{ webhook: {{ url: \"http://{}/\" }}, calm: 200ms }}\n",
        server.at
    );
    let home = home(&format!("{settings}ping: {{ timeout: soon }}\n"));
    let daemon = home.run();
    let raised = server.message("raised", "settings");
    let text = raised["text"].as_str().unwrap();
    assert!(
        text.contains("clusterd.yaml") && text.contains("is no time"),
        "{text}"
    );
    daemon.stop();
    fs::write(home.path("clusterd.yaml"), settings).unwrap();
    let daemon = home.run();
    let closed = server.message("closed", "settings");
    assert!(closed["closed"].is_string(), "{closed}");
    assert!(
        closed["subject"]
            .as_str()
            .unwrap()
            .starts_with("closed, was CRITICAL: @host settings")
    );
    let list = alarms(&home);
    let over = list["closed"].as_array().unwrap().iter();
    assert_eq!(over.filter(|alarm| alarm["code"] == "settings").count(), 1);
    daemon.stop();
}

#[test]
fn a_takeover_is_told_from_its_panic_to_its_end_and_that_it_was_slow() {
    let pair = Pair::running();
    // No machine is as quick as that.
    let targets = "data_policy: adaptability\n    targets: { takeover: 1ms, fence: 1h, boot: 1ms }";
    let home = Home::with(&pair, targets);
    let (server, other) = (web(|_| Web::Status(200)), web(|_| Web::Status(200)));
    let settings = format!(
        "routes:\n  ops: {{ webhook: {{ url: \"http://{}/\" }}, severity: notice, clusters: \"pa*\", calm: 100ms }}\n  \
         web: {{ webhook: {{ url: \"http://{}/\" }}, severity: notice, clusters: [web] }}\n",
        server.at, other.at
    );
    fs::write(home.path("clusterd.yaml"), settings).unwrap();
    let checked = home.clusterd(&["check"]);
    let faults = stdout(&checked) + &stderr(&checked);
    assert!(faults.contains("no cluster here is called web"), "{faults}");
    let mut daemon = home.run();
    daemon.line("state watch");
    pair.sim.panic(0);
    let panic = server.message("raised", "primary_panic");
    assert_eq!(
        (&panic["name"], &panic["severity"]),
        (&"pair/svc".into(), &"critical".into())
    );
    daemon.line("beta is up");
    for code in ["takeover_slow", "boot_slow", "primary_panic"] {
        server.message("raised", code);
        server.message("closed", code);
    }
    let said = |code: &str| {
        server
            .heard()
            .iter()
            .any(|heard| heard.json()["code"] == code)
    };
    assert!(!said("fence_slow"));
    assert!(
        said("started") || said("switchover"),
        "a notice says how it ended"
    );
    assert!(other.heard().is_empty(), "another cluster's people");
    daemon.stop();
    pair.never_two_writers();
}

#[test]
fn no_heartbeat_leaves_while_a_cluster_stands_still() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let beats = web(|_| Web::Status(200));
    let settings = format!(
        "heartbeat: {{ url: \"http://{}/\", every: 500ms }}\n",
        beats.at
    );
    fs::write(home.path("clusterd.yaml"), settings).unwrap();
    let fault = home.path("fault");
    let order = format!("pair:stalls:{}", fault.display());
    let mut daemon = home.run_with(&[("CLUSTERD_TEST_FAULT", &order)]);
    daemon.line("state watch");
    let beat = beats.hears("a beat", |_| true).json();
    assert_eq!(
        (&beat["guarded"], &beat["not_guarded"]),
        (&1.into(), &0.into())
    );
    fs::write(&fault, "panic").unwrap();
    pair.sim.panic(0);
    until("a task that stands still", || open(&home, "task_stuck"));
    let silent = |beats: usize| {
        let log = home.read("logs/clusterd.log");
        (log.matches("no heartbeat is sent").count() >= beats).then_some(())
    };
    until("the first beat that is left out", || silent(1));
    let then = beats.heard().len();
    until("five more", || silent(6));
    assert_eq!(
        beats.heard().len(),
        then,
        "the outside learns of it by silence"
    );
    fs::remove_file(&fault).unwrap();
    until("a beat again", || {
        (beats.heard().len() > then + 1).then_some(())
    });
    daemon.stop();
}
