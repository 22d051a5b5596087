//! The built daemon when it has reason to doubt itself: takeovers are held, `status` and the alarms
//! say why, and there is a way out of each.

mod daemon_support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use daemon_support::{Daemon, Home, Pair, found, stderr, stdout, until};
use nix::sys::signal::Signal;

/// A pair whose alpha serves, guarded as `pair`, with `two` and `three` beside it.
fn three(host: &str) -> (Home, Vec<Pair>) {
    let pairs = Pair::several(3);
    let home = Home::empty();
    for (name, pair) in ["pair", "two", "three"].iter().zip(&pairs) {
        home.write_cluster(name, pair, "data_policy: adaptability");
    }
    fs::write(home.path("clusterd.yaml"), host).unwrap();
    (home, pairs)
}

/// A cluster of which nothing is known: it can be neither dark nor well.
fn never_adopted(home: &Home, number: u8) {
    let text = format!(
        "cluster: new{number}\nnodes:\n  a: {{ platform: openboot, console: \"unix:{0}/a{number}\", dark_after: 1m }}\n  \
         b: {{ platform: openboot, console: \"unix:{0}/b{number}\", dark_after: 1m }}\n\
         packages:\n  p: {{ script: sun-openboot, nodes: [a, b], boot_device: disk, address: 127.0.99.{number}, \
         reach: \"tcp:9\", data_policy: integrity }}\n",
        home.path("").display()
    );
    fs::write(home.path(&format!("clist/new{number}.yaml")), text).unwrap();
}

/// Waits until all three are watched.
fn watched(home: &Home) {
    for name in ["pair", "two", "three"] {
        let log = || home.read(&format!("logs/{name}/activity.log"));
        let watched = found(|| log().contains("state watch").then_some(()));
        assert!(
            watched.is_some(),
            "{name}: {}\n{}",
            log(),
            stdout(&home.clusterd(&["check"]))
        );
    }
}

fn hang(pair: &Pair) {
    pair.sim.order(|rig, now| rig.node_at(0, now).hang());
}

fn serves_from_beta(pair: &Pair) {
    until("the service on beta", || {
        let now = pair.sim.snapshot();
        (now.serving && pair.boots() == ["alpha", "beta"]).then_some(())
    });
    pair.never_two_writers();
}

#[test]
fn most_clusters_dark_at_once_are_held_until_an_operator_says_otherwise() {
    let (home, pairs) = three("ping: { gateway: none }\n");
    (1..=4).for_each(|number| never_adopted(&home, number));
    let mut daemon = home.run();
    watched(&home);
    assert_eq!(home.status()["clusters"].as_array().unwrap().len(), 7);
    pairs.iter().for_each(hang);
    let line = daemon.line("monitor impaired");
    assert!(line.contains("of 3 clusters went dark at once"), "{line}");
    let held = "the monitor to be well again";
    until("all three held", || {
        let text = stdout(&home.clusterd(&["status", "--json"]));
        (text.matches(held).count() == 3).then_some(())
    });
    let text = stdout(&home.clusterd(&["status", "pair"]));
    assert!(
        text.contains("impaired") && text.contains("every takeover is held"),
        "{text}"
    );
    for code in ["impaired", "many_dark"] {
        assert!(home.alarms().contains(&code.to_owned()), "{code}");
    }
    for pair in &pairs {
        assert_eq!(pair.boots(), ["alpha"]);
        assert_eq!(
            pair.sim.transcript(0).breaks(clusterd::clock::Moment::ZERO),
            0
        );
    }

    let said = home.clusterd(&["confirm", "pair", "well", "--yes-i-have-checked", "pair"]);
    assert!(said.status.success(), "{}", stderr(&said));
    daemon.line("says that the monitor is well");
    serves_from_beta(&pairs[0]);
    for pair in &pairs[1..] {
        assert_eq!(pair.boots(), ["alpha"], "nobody vouched for these");
    }
    // With a second one back, most are not dark any more, and the third goes on by itself.
    let said = home.clusterd(&["confirm", "two", "well", "--yes-i-have-checked", "two"]);
    assert!(said.status.success(), "{}", stderr(&said));
    pairs[1..].iter().for_each(serves_from_beta);
    assert!(
        home.read("logs/three/activity.log")
            .contains("monitor well again")
    );
    until("no alarm about it", || {
        let alarms = home.alarms();
        let open = |code: &&str| alarms.iter().any(|alarm| alarm == code);
        ["impaired", "overruled", "many_dark"]
            .iter()
            .find(|code| open(code))
            .is_none()
            .then_some(())
    });
}

#[test]
fn a_common_path_that_answers_lets_all_of_them_go_on() {
    let (home, pairs) = three("ping: { gateway: 127.0.0.1 }\n");
    let _daemon = home.run();
    watched(&home);
    pairs.iter().for_each(hang);
    pairs.iter().for_each(serves_from_beta);
    let log = home.read("logs/alarms.log");
    assert!(
        log.contains("gateway and witnesses answer, so takeovers go on"),
        "{log}"
    );
}

#[test]
fn a_word_about_the_monitor_needs_to_be_meant_and_needs_a_doubt() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    for (args, part) in [
        (
            &["confirm", "pair/alpha", "well"][..],
            "name the cluster alone",
        ),
        (&["confirm", "pair", "stopped"], "CLUSTER/NODE"),
        (&["confirm", "pair", "well"], "no terminal to ask at"),
    ] {
        let said = home.clusterd(args);
        assert_eq!(said.status.code(), Some(2), "{args:?}: {}", stderr(&said));
        assert!(stderr(&said).contains(part), "{args:?}: {}", stderr(&said));
    }
    let (status, text) = home.at_terminal(&["confirm", "pair", "well"], &["pair", "well"]);
    assert!(status.success(), "{text}");
    assert!(
        text.contains("not in doubt about itself: nothing is done"),
        "{text}"
    );
}

/// Builds the shim; the daemon that is run with what this gives has it before its C library.
fn shimmed<'a>(home: &'a Home, switch: &str) -> (PathBuf, Daemon<'a>) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon_support/shim.c");
    let shim = home.path("shim.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&shim)
        .arg(source)
        .status();
    assert!(built.unwrap().success());
    let file = home.path("switch");
    let env = [
        ("LD_PRELOAD", shim.to_str().unwrap()),
        (switch, file.to_str().unwrap()),
    ];
    let daemon = home.run_with(&env);
    (file, daemon)
}

#[test]
fn a_disk_that_hangs_is_an_alarm_and_holds_takeovers_until_it_goes_on() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let (hangs, mut daemon) = shimmed(&home, "SHIM_DISK_HANGS");
    daemon.line("state watch");
    fs::write(&hangs, "").unwrap();
    pair.sim.panic(0);
    let line = daemon.line("monitor impaired");
    assert!(
        line.contains("a write has not ended for 10 s: its disk hangs"),
        "{line}"
    );
    assert_eq!(pair.boots(), ["alpha"]);
    assert!(home.alarms().contains(&"impaired".to_owned()));
    fs::remove_file(&hangs).unwrap();
    daemon.line("monitor well again");
    daemon.line("beta is up");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
}

#[test]
fn a_clock_that_is_set_is_told_from_a_standstill() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let (ahead, mut daemon) = shimmed(&home, "SHIM_CLOCK_AHEAD");
    daemon.line("state watch");
    fs::write(&ahead, "").unwrap();
    let line = daemon.line("monitor impaired");
    assert!(
        line.contains("the clock of this host jumped ahead by "),
        "{line}"
    );
    assert!(!line.contains("stood still"), "{line}");
    fs::remove_file(&ahead).unwrap();
    let line = daemon.line("monitor impaired");
    // By an hour less what passed, or a little more.
    assert!(line.contains("jumped back by "), "{line}");
}

/// SIGSTOP in the middle of a takeover, and SIGCONT: what was under way is broken off, the consoles
/// are asked anew, and only then it goes on. No burst of what was due meanwhile.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "standing still is a matter of time"
)]
fn a_takeover_that_stood_still_looks_anew() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("stopping alpha for good");
    daemon.signal(Signal::SIGSTOP);
    let typed = pair.sim.transcript(0).typed(clusterd::clock::Moment::ZERO);
    std::thread::sleep(std::time::Duration::from_secs(20));
    daemon.signal(Signal::SIGCONT);
    let line = daemon.line("monitor impaired");
    assert!(line.contains("clusterd stood still for "), "{line}");
    let since = pair.sim.transcript(0).typed(clusterd::clock::Moment::ZERO);
    assert!(!since[typed.len()..].contains("boot"), "{since}");
    assert_eq!(pair.boots(), ["alpha"]);
    daemon.line("monitor well again");
    daemon.line("look again");
    daemon.line("beta is up");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
}
