//! `clusterd reload` and SIGHUP with the built daemon: what differs is touched, nothing else is.

mod daemon_support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Output;

use daemon_support::{Home, Pair, stderr, stdout, until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const POLICY: &str = "data_policy: adaptability";

/// Three pairs as clusters `one`, `two` and `three`.
fn three() -> (Vec<Pair>, Home) {
    let pairs = Pair::several(3);
    let home = Home::empty();
    for (name, pair) in ["one", "two", "three"].iter().zip(&pairs) {
        home.write_cluster(name, pair, POLICY);
    }
    (pairs, home)
}

/// Waits until the activity log of a cluster holds `text` behind its first `from` bytes.
fn logged(home: &Home, cluster: &str, from: usize, text: &str) {
    let log = || home.read(&format!("logs/{cluster}/activity.log"));
    let found = daemon_support::found(|| log().get(from..)?.contains(text).then_some(()));
    assert!(
        found.is_some(),
        "no {text:?} in {cluster}:\n{}\n{}",
        log(),
        home.read("logs/clusterd.log")
    );
}

fn length(home: &Home, cluster: &str) -> usize {
    home.read(&format!("logs/{cluster}/activity.log")).len()
}

fn accepted(pairs: &[Pair]) -> Vec<u64> {
    let both = pairs.iter().flat_map(|pair| [(pair, 0), (pair, 1)]);
    both.map(|(pair, port)| pair.sim.accepted(port)).collect()
}

/// Changes a file of the home.
fn edit(home: &Home, path: &str, from: &str, to: &str) {
    let text = home.read(path);
    assert!(text.contains(from), "{path} has no {from:?}:\n{text}");
    fs::write(home.path(path), text.replace(from, to)).unwrap();
}

fn good(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output)
}

fn cluster(home: &Home, name: &str) -> Value {
    let status = home.status();
    let clusters = status["clusters"].as_array().unwrap();
    let found = clusters.iter().find(|one| one["cluster"] == name);
    found.cloned().unwrap_or(Value::Null)
}

/// One of three changes: its console that stays is not dialled again, its other one is new, the person
/// at it stays; the other clusters do not notice.
#[test]
fn only_what_differs_is_touched_and_what_stays_stays_connected() {
    let (pairs, home) = three();
    let _daemon = home.run();
    for name in ["one", "two", "three"] {
        logged(&home, name, 0, "state watch");
    }
    let mut spy = home.visit(&["--spy", "two/beta"]);
    spy.sees("[you look on]");
    assert_eq!(
        good(&home.clusterd(&["reload"])),
        "No difference: 3 clusters as before.\n"
    );

    edit(
        &home,
        "clist/two.yaml",
        "dark_after: 30s",
        "dark_after: 31s",
    );
    let before = accepted(&pairs);
    let lengths: Vec<usize> = ["one", "two", "three"]
        .map(|name| length(&home, name))
        .into();
    let dry = good(&home.clusterd(&["reload", "--dry-run"]));
    assert!(
        dry.contains("two  changed\n  dark_after of alpha\n  dark_after of beta\n"),
        "{dry}"
    );
    assert!(
        dry.contains("Nothing was changed; a reload would touch: 0 added, 1 changed, 0 removed"),
        "{dry}"
    );
    assert_eq!(
        length(&home, "two"),
        lengths[1],
        "a dry run changes nothing"
    );

    let text = good(&home.clusterd(&["reload"]));
    assert!(text.contains("two  changed"), "{text}");
    assert!(
        text.contains("Touched: 0 added, 1 changed, 0 removed"),
        "{text}"
    );
    assert!(text.contains("2 clusters as before."), "{text}");
    logged(
        &home,
        "two",
        lengths[1],
        "reload by root: the new configuration (dark_after of alpha, dark_after of beta) is taken",
    );
    logged(&home, "two", lengths[1], "state watch");
    assert_eq!(accepted(&pairs), before, "nobody was dialled again");
    let two = cluster(&home, "two");
    assert_eq!(two["snapshot"]["packages"][0]["primary"], "alpha");
    assert_eq!(two["consoles"][1]["visitors"][0]["who"], "root");
    spy.press("\x05cw");
    spy.sees("root (you)  looks on");
    for name in ["one", "three"] {
        let log = home.read(&format!("logs/{name}/activity.log"));
        assert!(!log.contains("reload"), "{log}");
    }

    let text = good(&home.clusterd(&["reload"]));
    assert_eq!(text, "No difference: 3 clusters as before.\n");

    // One console of it is used in another way: that one is dialled anew.
    edit(
        &home,
        "clist/two.yaml",
        &format!("\"telnet://{}\"", pairs[1].sim.consoles()[1]),
        &format!(
            "{{ at: \"telnet://{}\", lost_after: 40s }}",
            pairs[1].sim.consoles()[1]
        ),
    );
    let text = good(&home.clusterd(&["reload"]));
    assert!(
        text.contains("how the console of beta is dialled and held"),
        "{text}"
    );
    until("the console of beta", || {
        (cluster(&home, "two")["consoles"][1]["up"] == true).then_some(())
    });
    let after = accepted(&pairs);
    assert!(after[3] > before[3], "beta of two was dialled anew");
    let others = |counts: &[u64]| [&counts[..3], &counts[4..]].concat();
    assert_eq!(others(&after), others(&before));
    let two = cluster(&home, "two");
    assert_eq!(two["consoles"][1]["visitors"][0]["who"], "root");
    for pair in &pairs {
        assert_eq!(pair.boots(), ["alpha"]);
        pair.never_two_writers();
    }
}

#[test]
fn a_broken_file_changes_nothing_for_anybody() {
    let (pairs, home) = three();
    let daemon = home.run();
    for name in ["one", "two", "three"] {
        logged(&home, name, 0, "state watch");
    }
    let lengths: Vec<usize> = ["one", "two"].map(|name| length(&home, name)).into();
    edit(
        &home,
        "clist/one.yaml",
        "dark_after: 30s",
        "dark_after: 31s",
    );
    edit(
        &home,
        "clist/two.yaml",
        "data_policy: adaptability",
        "data_polizy: adaptability",
    );
    let output = home.clusterd(&["reload"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("clist/two.yaml:12:5: ") && said.contains("data_polizy"),
        "{said}"
    );
    assert!(said.contains("did you mean `data_policy`?"), "{said}");
    assert!(
        said.contains("nothing was changed, what was guarded is guarded as before"),
        "{said}"
    );
    let json = home.clusterd(&["reload", "--json"]);
    assert_eq!(json.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(answer["is"], "faulty");
    let alarmed = || home.alarms().contains(&"reload_refused".to_owned());
    assert!(!alarmed(), "who asks is told");

    // A signal has nobody to tell: an alarm does it.
    daemon.signal(Signal::SIGHUP);
    until("the alarm", || alarmed().then_some(()));
    until("its line", || {
        let log = home.read("logs/alarms.log");
        log.contains("clist/two.yaml:12:5").then_some(())
    });
    // A script is a file as well as any other.
    edit(&home, "clist/two.yaml", "data_polizy", "data_policy");
    edit(
        &home,
        "chat-scripts/sun-openboot.chat",
        "state watch",
        "state wotch",
    );
    let output = home.clusterd(&["reload"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("chat-scripts/sun-openboot.chat:"), "{said}");
    edit(
        &home,
        "chat-scripts/sun-openboot.chat",
        "state wotch",
        "state watch",
    );
    for (name, from) in ["one", "two"].iter().zip(lengths) {
        let log = home.read(&format!("logs/{name}/activity.log"));
        assert!(!log[from..].contains("reload"), "{log}");
    }

    // Mended, the signal does it and ends the alarm.
    daemon.signal(Signal::SIGHUP);
    logged(&home, "one", 0, "reload by SIGHUP: the new configuration");
    until("the end of the alarm", || (!alarmed()).then_some(()));
    for pair in &pairs {
        pair.never_two_writers();
    }
    assert!(daemon.stop().success());
}

/// What cannot be changed in a running daemon, and what must not be given to two clusters.
#[test]
fn what_cannot_be_done_now_is_refused_whole() {
    let (pairs, home) = three();
    let _daemon = home.run();
    fs::write(home.path("clusterd.yaml"), "control_socket: other.sock\n").unwrap();
    // The commands look for the socket where the file says.
    let answer = home.ask(&json!({ "do": "reload" }));
    assert_eq!(answer["answer"]["code"], "needs_restart", "{answer}");
    let text = answer["answer"]["text"].as_str().unwrap();
    assert!(text.contains("`control_socket`"), "{text}");
    fs::write(
        home.path("clusterd.yaml"),
        "log: { keep: 3 }\nping: { timeout: 2s }\n",
    )
    .unwrap();
    let output = home.clusterd(&["reload"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("`log`, `ping` cannot be changed while clusterd runs"));
    fs::remove_file(home.path("clusterd.yaml")).unwrap();

    // Consoles of two clusters change places: each would believe its own proofs of the other's nodes.
    let [a, b] = [&pairs[0], &pairs[1]].map(|pair| pair.sim.consoles()[1].to_string());
    edit(&home, "clist/one.yaml", &a, "x");
    edit(&home, "clist/two.yaml", &b, &a);
    edit(&home, "clist/one.yaml", "x", &b);
    let output = home.clusterd(&["reload"]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("which cluster two still has: nothing was changed"),
        "{said}"
    );
    assert!(cluster(&home, "one")["reload"].is_null());
}

/// In the middle of a switchover a cluster keeps its script; the new one is taken when it is done.
#[test]
fn a_switch_keeps_its_script_until_it_is_done() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("stopping alpha for good");
    let script = "chat-scripts/sun-openboot.chat";
    edit(
        &home,
        script,
        "alarm notice started \"{package} runs on {primary} after {elapsed}\"",
        "log \"the old script is gone\"\n    alarm notice started \"{package} runs\"",
    );
    let text = good(&home.clusterd(&["reload"]));
    assert!(
        text.contains("pair  changed\n  script sun_openboot or its params\n  waits until "),
        "{text}"
    );
    assert!(
        text.contains("1 changed, 0 removed, 1 of them later (clusterd status)"),
        "{text}"
    );
    let shown = stdout(&home.clusterd(&["status"]));
    // It may be done by now on a quick machine, but never without this line.
    daemon.line(
        "reload by root: the new configuration (script sun_openboot or its params) waits until",
    );
    if !home.activity().contains("is taken") {
        assert!(shown.contains("1 with a reload that waits"), "{shown}");
    }
    daemon.line("beta is up");
    daemon.line("is taken, the script begins anew");
    daemon.line("state watch");
    assert!(!home.activity().contains("the old script is gone"));
    let text = good(&home.clusterd(&["reload"]));
    assert_eq!(text, "No difference: 1 cluster as before.\n");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    let package = &home.status()["clusters"][0]["snapshot"]["packages"][0];
    assert_eq!(
        (&package["primary"], &package["confirmed"]),
        (&json!("beta"), &json!(true))
    );
    assert!(cluster(&home, "pair")["reload"].is_null());
    pair.never_two_writers();
}

/// A second reload takes the place of one that waits: here it takes it back.
#[test]
fn a_second_reload_replaces_the_one_that_waits() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let file = home.read("clist/pair.yaml");
    pair.sim.panic(0);
    daemon.line("stopping alpha for good");
    edit(
        &home,
        "clist/pair.yaml",
        "dark_after: 30s",
        "dark_after: 31s",
    );
    let text = good(&home.clusterd(&["reload"]));
    assert!(text.contains("waits until"), "{text}");
    fs::write(home.path("clist/pair.yaml"), &file).unwrap();
    let text = good(&home.clusterd(&["reload"]));
    assert_eq!(text, "No difference: 1 cluster as before.\n");
    daemon.line("beta is up");
    daemon.line("state watch");
    assert!(!home.activity().contains("is taken"), "{}", home.activity());
    assert!(cluster(&home, "pair")["reload"].is_null());
}

#[test]
fn clusters_come_and_go_while_the_others_are_watched() {
    let pairs = Pair::several(3);
    let home = Home::empty();
    home.write_cluster("one", &pairs[0], POLICY);
    fs::write(home.path("clist/two.yaml"), "cluster: two\n").unwrap();
    let _daemon = home.run();
    logged(&home, "one", 0, "state watch");
    assert!(home.alarms().contains(&"not_guarded".to_owned()));
    // A file that was faulty at the start is right now, and a third one is new.
    home.write_cluster("two", &pairs[1], POLICY);
    home.write_cluster("three", &pairs[2], POLICY);
    let text = good(&home.clusterd(&["reload"]));
    assert!(text.contains("three  added\ntwo  added\n"), "{text}");
    assert!(
        text.contains("Touched: 2 added, 0 changed, 0 removed. 1 cluster as before."),
        "{text}"
    );
    assert!(!home.alarms().contains(&"not_guarded".to_owned()));
    logged(&home, "two", 0, "state watch");
    logged(&home, "three", 0, "state watch");

    fs::remove_file(home.path("clist/two.yaml")).unwrap();
    let text = good(&home.clusterd(&["reload", "--dry-run"]));
    assert!(
        text.contains("two  removed\n  svc is on alpha: nobody restarts it or moves it\n"),
        "{text}"
    );
    assert_eq!(home.status()["clusters"].as_array().unwrap().len(), 3);
    let text = good(&home.clusterd(&["reload"]));
    assert!(
        text.contains("Touched: 0 added, 0 changed, 1 removed. 2 clusters as before."),
        "{text}"
    );
    assert_eq!(cluster(&home, "two"), Value::Null);
    logged(
        &home,
        "two",
        0,
        "reload by root: not guarded any more; svc is on alpha: nobody restarts it or moves it",
    );
    // Its consoles are free: one client at a time is served there.
    let mut person = TcpStream::connect(pairs[1].sim.consoles()[0]).unwrap();
    person
        .set_read_timeout(Some(daemon_support::LIMIT))
        .unwrap();
    person.write_all(b"\r").unwrap();
    assert!(person.read(&mut [0; 64]).unwrap() > 0);
    assert_eq!(home.clusterd(&["status", "two"]).status.code(), Some(4));

    // The last one is not taken away by an empty folder: it may be a disk that is not mounted.
    fs::remove_file(home.path("clist/one.yaml")).unwrap();
    fs::remove_file(home.path("clist/three.yaml")).unwrap();
    let output = home.clusterd(&["reload"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no cluster file"),
        "{}",
        stderr(&output)
    );
    assert_eq!(home.status()["clusters"].as_array().unwrap().len(), 2);
    assert_eq!(pairs[0].sim.accepted(0), 1);
}

/// Under another name it is another cluster: it comes when the old one is gone, never beside it.
#[test]
fn a_cluster_with_a_new_name_waits_for_its_own_old_one() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("stopping alpha for good");
    fs::remove_file(home.path("clist/pair.yaml")).unwrap();
    home.write_cluster("named", &pair, POLICY);
    let text = good(&home.clusterd(&["reload"]));
    assert!(
        text.contains("named  added\n  waits until pair is gone\n"),
        "{text}"
    );
    assert!(text.contains("pair  removed\n  waits until "), "{text}");
    daemon.line("beta is up");
    daemon.line("not guarded any more; svc is on beta");
    logged(&home, "named", 0, "state watch");
    assert_eq!(cluster(&home, "pair"), Value::Null);
    assert_eq!(
        cluster(&home, "named")["snapshot"]["packages"][0]["primary"],
        "beta"
    );
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
}

/// HOLD is ended by an operator, not by a reload: the new configuration waits for `release`.
#[test]
fn a_hold_is_not_ended_by_a_reload() {
    let pair = Pair::at_prompt();
    // Both run: nobody knows who should.
    let home = Home::of(&pair);
    for node in 0..2 {
        pair.sim
            .order(|rig, now| rig.set_link(node, clusterd::sim::ConsoleLink::Refused, now));
    }
    let mut daemon = home.run();
    until("HOLD", || {
        let hold = &home.status()["clusters"][0]["snapshot"]["packages"][0]["hold"];
        hold.is_string().then_some(())
    });
    edit(
        &home,
        "clist/pair.yaml",
        "dark_after: 30s",
        "dark_after: 31s",
    );
    let text = good(&home.clusterd(&["reload"]));
    assert!(
        text.contains("waits until the HOLD ends: svc is in HOLD"),
        "{text}"
    );
    assert!(
        text.contains("`clusterd release pair` takes it now"),
        "{text}"
    );
    let said = good(&home.clusterd(&["release", "pair"]));
    assert!(
        said.contains("the new configuration is taken, and its script looks anew"),
        "{said}"
    );
    daemon.line("is taken, the script begins anew");
    until("the reload's end", || {
        cluster(&home, "pair")["reload"].is_null().then_some(())
    });
}

/// A person can always say `hold`, also while a new configuration waits for somebody who types: it waits for
/// the HOLD, too, and its task begins with what is remembered of it.
#[test]
fn a_hold_is_taken_while_a_reload_waits() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let mut bob = home.visit(&["pair/beta"]);
    bob.press("p");
    bob.sees("[you have the pen]");
    edit(
        &home,
        "clist/pair.yaml",
        "dark_after: 30s",
        "dark_after: 31s",
    );
    let text = good(&home.clusterd(&["reload"]));
    assert!(
        text.contains("waits until nobody types on the console of beta"),
        "{text}"
    );
    // What a rule speaks against it is refused for that rule alone.
    let refused = home.clusterd(&["drill", "pair", "--yes"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(
        stdout(&refused).contains("types on the console of beta (rule 16)"),
        "{}",
        stdout(&refused)
    );
    assert!(!stdout(&refused).contains("AGAINST IT, reload"));

    let text = good(&home.clusterd(&["hold", "pair", "--yes", "--reason", "wait for me"]));
    assert!(
        text.contains(
            "the reload by root, which waits, takes the new configuration when the HOLD has ended"
        ),
        "{text}"
    );
    bob.press("\x05c.");
    until("the reload to wait for the HOLD", || {
        let waits = cluster(&home, "pair")["reload"].as_str()?.to_owned();
        waits.contains("the HOLD ends").then_some(())
    });
    let held = || cluster(&home, "pair")["snapshot"]["packages"][0]["held"].clone();
    assert_eq!(held()["reason"], "wait for me");
    good(&home.clusterd(&["release", "pair"]));
    daemon.line("is taken, the script begins anew");
    daemon.line("state watch");
    assert!(held().is_null() && cluster(&home, "pair")["reload"].is_null());
    assert_eq!(pair.boots(), ["alpha"]);
    pair.never_two_writers();
}

/// What a person orders where their own HOLD keeps a reload waiting is done, and followed to its end, by the
/// script that has it; then the new configuration is taken.
#[test]
fn an_order_goes_before_a_reload_that_waits() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let fenced = home.clusterd(&["fence", "pair/alpha", "--yes", "pair/alpha", "--wait"]);
    assert_eq!(fenced.status.code(), Some(0), "{}", stdout(&fenced));
    edit(
        &home,
        "clist/pair.yaml",
        "dark_after: 30s",
        "dark_after: 31s",
    );
    let text = good(&home.clusterd(&["reload"]));
    assert!(
        text.contains("waits until the HOLD ends: svc is in HOLD"),
        "{text}"
    );
    let text = good(&home.clusterd(&["boot", "pair/alpha", "--yes", "--wait"]));
    assert!(
        text.contains("the reload by root, which waits, takes the new configuration after that"),
        "{text}"
    );
    assert!(text.contains("Done: svc runs on alpha"), "{text}");
    daemon.line("is taken, the script begins anew");
    daemon.line("state watch");
    until("the reload's end", || {
        cluster(&home, "pair")["reload"].is_null().then_some(())
    });
    assert!(home.alarms().is_empty(), "{:?}", home.alarms());
    assert_eq!(pair.boots(), ["alpha", "alpha"]);
    pair.never_two_writers();
}

/// Rights are read again too, and only those may order it who may operate.
#[test]
fn rights_are_read_again() {
    let home = Home::empty();
    let pair = Pair::running();
    home.write_cluster("pair", &pair, POLICY);
    let _daemon = home.run();
    fs::write(home.path("clusterd.yaml"), "access: { watch: [nobody] }\n").unwrap();
    let text = good(&home.clusterd(&["reload"]));
    assert!(text.contains("clusterd.yaml  access\n"), "{text}");
    assert_eq!(
        good(&home.clusterd(&["reload"])),
        "No difference: 1 cluster as before.\n"
    );
}
