//! The built daemon and a node out of service: simulated machines behind real sockets, through SIGKILL,
//! restart and reload, until the node shows life.

mod daemon_support;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use clusterd::clock::Moment;
use daemon_support::{Home, Pair, stderr, stdout, until};
use serde_json::{Value, json};

fn good(output: &Output) -> String {
    let said = (stdout(output), stderr(output));
    assert!(output.status.success(), "{said:?}");
    said.0
}

fn snapshot(home: &Home) -> Value {
    home.status()["clusters"][0]["snapshot"].clone()
}

fn beta(home: &Home) -> Value {
    snapshot(home)["nodes"][1].clone()
}

fn out(home: &Home, args: &[&str]) -> Output {
    home.clusterd(&[&["out-of-service"], args].concat())
}

const TAKE: [&str; 7] = [
    "pair/beta",
    "--for",
    "3d",
    "--reason",
    "new mainboard",
    "--yes-i-have-checked",
    "pair/beta",
];

/// Beta has no power, and its console is silent for long enough: it is taken out.
fn taken_out(pair: &Pair, home: &Home) -> String {
    pair.sim.power(1, false);
    until("the silence of beta", || {
        let said = out(home, &TAKE);
        said.status.success().then(|| stdout(&said))
    })
}

/// All that was typed to beta so far, and how many BREAKs were sent.
fn written(pair: &Pair) -> (String, usize) {
    let transcript = pair.sim.transcript(1);
    let typed = transcript.typed(Moment::ZERO);
    (typed, transcript.breaks(Moment::ZERO))
}

/// Nothing went to beta since but RETURN.
fn hands_off(pair: &Pair, before: &(String, usize)) {
    let (typed, breaks) = written(pair);
    let since = &typed[before.0.len()..];
    assert!(since.chars().all(char::is_control), "{since:?}");
    assert_eq!(breaks, before.1);
}

fn serves_from(pair: &Pair, boots: &[&str]) {
    until("the service", || {
        let now = pair.sim.snapshot();
        (now.serving && pair.boots() == boots).then_some(())
    });
    pair.never_two_writers();
}

#[test]
fn it_counts_as_stopped_through_a_kill_and_a_reload_and_its_first_byte_ends_that() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let text = taken_out(&pair, &home);
    for part in [
        "beta out of service for 72 h:",
        "1. press RETURN once on the console of beta",
        "no node can take over svc meanwhile: if alpha fails, that is HOLD",
        "beta is out of service for 72 h: it counts as stopped",
        "Said by root.",
        "clusterd out-of-service pair/beta --back",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    let before = written(&pair);
    let text = stdout(&home.clusterd(&["status"]));
    for part in [
        "DEGRADED",
        "OUT OF SERVICE",
        "out of service by root for",
        "no node can take over",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    let one = stdout(&home.clusterd(&["metrics"]));
    assert!(
        one.contains("clusterd_node_out_of_service{cluster=\"pair\",node=\"beta\"} 1"),
        "{one}"
    );
    let emulated = stdout(&home.clusterd(&["emulate", "pair", "panic"]));
    assert!(
        emulated.contains("beta, which is out of service now, has no power"),
        "{emulated}"
    );

    daemon.kill();
    let mut daemon = home.run();
    daemon.line("state watch");
    let kept = beta(&home)["out_of_service"].clone();
    let who = (&kept["who"], &kept["reason"], &kept["over"]);
    assert_eq!(
        who,
        (&json!("root"), &json!("new mainboard"), &json!(false))
    );
    assert!(kept["left_ms"].as_u64().unwrap() > 259_000_000, "{kept}");
    let file = home.path("clist/pair.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("dark_after: 30s", "dark_after: 40s")).unwrap();
    good(&home.clusterd(&["reload"]));
    daemon.line("is taken, the script begins anew");
    daemon.line("state watch");
    assert_eq!(beta(&home)["out_of_service"]["who"], "root");
    assert!(home.alarms().contains(&"out_of_service".to_owned()));
    hands_off(&pair, &before);

    pair.sim.power(1, true);
    daemon.line("beta: not out of service any more: its console says something");
    daemon.line("beta: siege ended: fully fenced");
    daemon.line("state watch");
    until("the end of its alarms", || {
        let open = home.alarms();
        let of_it = |code: &String| code.starts_with("out_of_service");
        (!open.iter().any(of_it)).then_some(())
    });
    assert!(beta(&home)["out_of_service"].is_null());
    assert_eq!(pair.boots(), ["alpha"]);
    let log = home.read("logs/audit.log");
    assert!(log.contains("\"do\":\"out_of_service\""), "{log}");
    // It takes over now.
    pair.sim.panic(0);
    serves_from(&pair, &["alpha", "beta"]);
}

#[test]
fn a_panic_beside_it_is_hold_and_a_person_starts_the_same_node_again() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    taken_out(&pair, &home);
    let before = written(&pair);
    pair.sim.panic(0);
    daemon.line("beta is out of service, and nothing could be started instead");
    until("the alarm", || {
        home.alarms().contains(&"hold".to_owned()).then_some(())
    });
    let status = stdout(&home.clusterd(&["status"]));
    let status = status.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        status.contains("beta is out of service, and nothing could be"),
        "{status}"
    );
    let refused = home.clusterd(&["switchover", "pair", "--yes"]);
    let text = stdout(&refused);
    assert_eq!(refused.status.code(), Some(4), "{text}");
    assert!(text.contains("beta is out of service"), "{text}");
    assert_eq!(pair.boots(), ["alpha"]);
    daemon.line("state waiting");
    let order = ["fence", "pair/alpha", "--yes", "pair/alpha", "--wait"];
    good(&home.clusterd(&order));
    good(&home.clusterd(&["boot", "pair/alpha", "--yes", "--wait"]));
    serves_from(&pair, &["alpha", "alpha"]);
    hands_off(&pair, &before);
}

/// The entry is on the disk, and nobody was told: it is out of service when clusterd comes back.
#[test]
fn a_kill_at_its_entry_leaves_it_out_of_service_until_it_answers() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let fault = format!("pair:kills:{}", home.path("fault").display());
    let mut daemon = home.run_with(&[("CLUSTERD_TEST_FAULT", &fault)]);
    daemon.line("state watch");
    pair.sim.power(1, false);
    fs::write(home.path("fault"), "without power or without its storage").unwrap();
    let status = until("the kill", || {
        let said = out(&home, &TAKE);
        assert!(!said.status.success(), "{}", stdout(&said));
        daemon.child.try_wait().unwrap()
    });
    assert_eq!(status.signal(), Some(9));
    drop(daemon);
    let daemon = home.run();
    assert_eq!(beta(&home)["out_of_service"]["who"], "root");
    daemon.kill();
    // Switched on while clusterd was away, it says nothing by itself.
    pair.sim.power(1, true);
    until("the prompt of beta", || {
        let said = pair.sim.transcript(1).output(Moment::ZERO);
        said.ends_with("ok ").then_some(())
    });
    let mut daemon = home.run();
    daemon.line("beta: not out of service any more: its console says something");
    daemon.line("beta: siege ended: fully fenced");
    assert_eq!(pair.boots(), ["alpha"]);
}

#[test]
fn brought_back_it_is_stopped_and_fenced_when_it_powers_up() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    taken_out(&pair, &home);
    let text = good(&out(&home, &["pair/beta", "--back", "--yes"]));
    assert!(text.contains("Power it up now"), "{text}");
    daemon.line("beta: under siege");
    until("a BREAK", || (written(&pair).1 > 0).then_some(()));
    let plan = stdout(&home.clusterd(&["switchover", "pair", "--dry-run"]));
    assert!(plan.contains("was not fully fenced since"), "{plan}");
    pair.sim.order(|rig, now| {
        rig.node_at(1, now).set_variable("auto-boot?", "true");
    });
    pair.sim.power(1, true);
    daemon.line("beta: siege ended: fully fenced");
    assert_eq!(pair.boots(), ["alpha"]);
    pair.never_two_writers();
}

/// A reload that has no such node any more: nothing is left of its time out of service.
#[test]
fn a_node_that_is_in_no_file_any_more_is_not_out_of_service() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    taken_out(&pair, &home);
    let file = home.path("clist/pair.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("beta", "gamma")).unwrap();
    good(&home.clusterd(&["reload"]));
    daemon.line("is taken, the script begins anew");
    until("the end of its alarm", || {
        let open = home.alarms();
        (!open.contains(&"out_of_service".to_owned())).then_some(())
    });
    let node = beta(&home);
    assert_eq!(node["node"], "gamma");
    assert!(node["out_of_service"].is_null(), "{node}");
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let said = |args: &[&str], code: i32, part: &str| {
        let output = out(&home, args);
        let text = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(part), "{args:?}: {text}");
    };
    let for_it = ["--for", "3d", "--reason", "x"];
    let with = |args: &[&'static str]| [args, &for_it[..]].concat();
    said(&["pair/beta", "--for", "3d"], 2, "--reason");
    said(&["pair/beta", "--back", "--for", "3d"], 2, "cannot be used");
    said(&with(&["pair"]), 2, "CLUSTER/NODE");
    said(
        &with(&["pair/gamma"]),
        4,
        "no such node; it has alpha, beta",
    );
    said(&with(&["pair/alpha"]), 4, "alpha has svc");
    said(&["pair/beta", "--back"], 4, "beta is not out of service");
    said(
        &[
            "pair/beta",
            "--for",
            "15d",
            "--reason",
            "x",
            "--yes-i-have-checked",
            "pair/beta",
        ],
        4,
        "14 d",
    );
    // It stands at its prompt: it is asked, and answers. The script may just have asked it, too.
    until("a word of it", || {
        let output = out(&home, &TAKE);
        let text = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(4), "{text}");
        let lives = text.contains("said something on its console") || text.contains("shows life");
        lives.then_some(())
    });
    pair.sim.power(1, false);
    until("its silence", || {
        let plan = out(&home, &[&with(&["pair/beta"])[..], &["--dry-run"]].concat());
        plan.status.success().then_some(())
    });
    said(&with(&["pair/beta"]), 2, "no terminal to ask at");
    said(
        &[
            &with(&["pair/beta"])[..],
            &["--yes-i-have-checked", "pair/alpha"],
        ]
        .concat(),
        2,
        "names pair/alpha",
    );
    let args = [&["out-of-service", "pair/beta"], &for_it[..]].concat();
    let (status, shown) = home.at_terminal(&args, &["beta", "yes"]);
    assert_eq!(status.code(), Some(4), "{shown}");
    assert!(beta(&home)["out_of_service"].is_null());
    let (status, shown) = home.at_terminal(&args, &["beta", "out of service"]);
    assert!(status.success(), "{shown}");
    assert!(
        shown.contains("has no power, or no way to its storage"),
        "{shown}"
    );
    let json = out(&home, &["pair/beta", "--back", "--yes", "--json"]);
    let json: Value = serde_json::from_str(&good(&json)).unwrap();
    assert_eq!(
        (&json["is"], &json["who"]),
        (&json!("told"), &json!("root"))
    );
}
