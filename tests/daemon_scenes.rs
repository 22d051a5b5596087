//! The built daemon on simulated machines behind real sockets: adopted, crashed, taken over.

mod daemon_support;

use clusterd::clock::Moment;
use clusterd::sim::NvramFault;
use daemon_support::{Home, Pair, stdout, until};

#[test]
fn a_panic_ends_on_the_other_node() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("primary is alpha, secondary is beta");
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("alpha: proved stopped (firmware reset)");
    daemon.line("given to beta, unconfirmed");
    daemon.line("beta is up");
    daemon.line("state watch");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    assert!(pair.sim.snapshot().serving);
    pair.never_two_writers();

    let status = home.status();
    let package = &status["clusters"][0]["snapshot"]["packages"][0];
    assert_eq!(package["primary"], "beta");
    assert_eq!(package["confirmed"], true);
    // alpha was left at its prompt: beta serves, and has a standby again.
    until("pair in order", || {
        let text = stdout(&home.clusterd(&["status"]));
        text.contains("\npair  svc is on beta\n").then_some(())
    });
    assert!(daemon.stop().success());
    for file in [
        "logs/clusterd.log",
        "logs/alarms.log",
        "logs/pair/alpha.console",
    ] {
        assert!(!home.read(file).is_empty(), "{file}");
    }
    assert!(
        home.read("logs/alarms.log")
            .contains("CRITICAL  pair/svc  primary_panic")
    );
    assert!(
        home.read("logs/pair/alpha.console")
            .contains("Z ! BREAK ordered\n")
    );
}

#[test]
fn a_restart_finds_what_it_left() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("beta is up");
    daemon.line("state watch");
    assert!(daemon.stop().success());
    let before = home.activity().len();
    let mut daemon = home.run();
    until("the roles", || {
        home.activity()[before..]
            .contains("primary is beta")
            .then_some(())
    });
    daemon.line("state watch");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
}

/// At three steps of a takeover: the fence's intent, the proof, the boot's intent.
#[test]
fn a_kill_in_the_middle_of_a_takeover_ends_well() {
    for step in [
        "stopping alpha for good",
        "proved stopped",
        "given to beta, unconfirmed",
    ] {
        let pair = Pair::running();
        let home = Home::of(&pair);
        let mut daemon = home.run();
        daemon.line("state watch");
        pair.sim.panic(0);
        daemon.line(step);
        daemon.kill();
        let mut daemon = home.run();
        until(&format!("the service after a kill at {step:?}"), || {
            let now = pair.sim.snapshot();
            (now.serving && pair.boots().len() == 2).then_some(())
        });
        daemon.line("state watch");
        assert_eq!(pair.boots(), ["alpha", "beta"], "{step}");
        pair.never_two_writers();
    }
}

#[test]
fn without_a_proof_it_holds_until_an_operator_gives_his_word() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    pair.sim.order(|rig, now| {
        let alpha = rig.node_at(0, now);
        alpha.set_variable("boot-device", "disk");
        alpha.set_nvram_fault(NvramFault::LostAtReset);
    });
    pair.sim.panic(0);
    daemon.line("alpha: openboot_reset made no proof");
    daemon.line("state held");
    assert!(home.alarms().contains(&"hold".to_owned()));
    let text = stdout(&home.clusterd(&["status"]));
    assert!(text.starts_with("1 cluster, 1 in HOLD, "), "{text}");
    assert_eq!(pair.boots(), ["alpha"]);

    pair.sim.power(0, false);
    let word = [
        "confirm",
        "pair/alpha",
        "stopped",
        "--yes-i-have-checked",
        "pair/alpha",
    ];
    let said = home.clusterd(&word);
    assert!(said.status.success(), "{}", daemon_support::stderr(&said));
    daemon.line("alpha: proved stopped (an operator's word)");
    daemon.line("beta is up");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
}

#[test]
fn all_at_the_prompt_without_a_journal_waits_for_a_person() {
    let pair = Pair::at_prompt();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state unclear");
    assert_eq!(pair.sim.transcript(0).breaks(Moment::ZERO), 0);
    let said = home.clusterd(&["adopt", "pair", "--primary", "beta"]);
    assert!(said.status.success(), "{}", daemon_support::stderr(&said));
    daemon.line("beta is up");
    daemon.line("state watch");
    assert_eq!(pair.boots(), ["beta"]);
}

/// As many as a machine with two cores bears beside other tests.
const MANY: u8 = 16;

#[test]
fn many_clusters_that_fail_at_once_are_switched_over_once_each() {
    let pairs = Pair::several(MANY);
    let home = Home::empty();
    let name = |n: usize| format!("pair-{n}");
    for (n, pair) in pairs.iter().enumerate() {
        home.write_cluster(&name(n), pair, "data_policy: adaptability");
        let file = home.path(&format!("clist/{}.yaml", name(n)));
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("ping_every: 200ms", "ping_every: 5s");
        std::fs::write(&file, text).unwrap();
    }
    // Nobody could vouch for this side, and nobody has to: their consoles say that they panicked, and
    // are read long before two pings were missed.
    std::fs::write(home.path("clusterd.yaml"), "ping: { gateway: none }\n").unwrap();
    let _daemon = home.run();
    let log = |n: usize| home.read(&format!("logs/{}/activity.log", name(n)));
    for n in 0..pairs.len() {
        until("the first rest", || {
            log(n).contains("state watch").then_some(())
        });
    }
    for pair in &pairs {
        pair.sim.panic(0);
    }
    for (n, pair) in pairs.iter().enumerate() {
        until("the service on beta", || {
            let there = pair.sim.snapshot().serving && pair.boots() == ["alpha", "beta"];
            (there && log(n).contains("beta is up")).then_some(())
        });
    }
    until("the roles of all", || {
        let status = home.status();
        let all = status["clusters"].as_array()?.iter();
        let moved = all.filter(|cluster| {
            let package = &cluster["snapshot"]["packages"][0];
            package["primary"] == "beta" && package["confirmed"] == true
        });
        (moved.count() == pairs.len()).then_some(())
    });
    for (n, pair) in pairs.iter().enumerate() {
        assert_eq!(pair.boots(), ["alpha", "beta"], "{}", log(n));
        // A busy machine may doubt itself for late pings; that is over by itself.
        assert!(!log(n).contains("went dark at once"), "{}", log(n));
        pair.never_two_writers();
    }
}
