//! `availability` of the built daemon: a takeover, a kill, a restart, a cluster that is taken away and
//! comes back. What nobody saw is unknown, and nothing else is.

mod daemon_support;

use std::fs;

use daemon_support::{Home, Pair, stderr, stdout, until};
use serde_json::Value;

/// All of `pair`, as a program reads it.
fn counted(home: &Home) -> Value {
    let output = home.clusterd(&["availability", "pair", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all["v"], 1);
    let one = all["clusters"][0].clone();
    assert_eq!(one["cluster"], "pair");
    let parts = [
        "up_ms",
        "degraded_ms",
        "down_planned_ms",
        "down_unplanned_ms",
        "unknown_ms",
    ];
    let sum: u64 = parts.iter().map(|part| ms(&one, part)).sum();
    assert_eq!(sum, ms(&one, "to_ms") - ms(&one, "from_ms"), "{one}");
    one
}

/// Waits until the journal has told this so often.
fn told(home: &Home, text: &str, times: usize) {
    until(text, || {
        let told = stdout(&home.clusterd(&["events", "pair", "--kind", "service"]));
        (told.matches(text).count() == times).then_some(())
    });
}

fn ms(one: &Value, key: &str) -> u64 {
    one[key].as_u64().unwrap_or_else(|| panic!("{key}: {one}"))
}

#[test]
fn hours_are_counted_across_a_takeover_a_kill_and_a_removal() {
    let [pair, other] = <[Pair; 2]>::try_from(Pair::several(2)).unwrap_or_else(|_| panic!());
    let home = Home::of(&pair);
    // A reload that leaves nothing guarded is refused.
    home.write_cluster("other", &other, "data_policy: adaptability");
    let mut daemon = home.run();
    told(&home, "svc: service up on alpha", 1);
    let one = counted(&home);
    assert_eq!(
        ms(&one, "unknown_ms"),
        0,
        "it is told of since its first answer"
    );
    assert_eq!(one["nines"], Value::Null);

    pair.sim.panic(0);
    daemon.line("svc: service DOWN");
    daemon.line("beta is up");
    told(&home, "svc: service up on beta", 1);
    let one = counted(&home);
    assert_eq!(
        (&one["failures"], ms(&one, "unknown_ms")),
        (&Value::from(1), 0)
    );
    let outage = &one["outages"][0];
    assert_eq!(
        (&outage["from"], &outage["to"]),
        (&"alpha".into(), &"beta".into())
    );
    assert_eq!(outage["planned"], false);
    let moved = &one["switchovers"][0];
    assert_eq!(moved["took_ms"], outage["down_ms"]);
    assert_eq!(moved["took_ms"], one["down_unplanned_ms"]);
    let down = ms(&one, "down_unplanned_ms");

    // The journal's last word is the end of what is known.
    daemon.kill();
    let output = home.clusterd(&["availability", "pair"]);
    let text = stdout(&output);
    assert!(stderr(&output).contains("the journal's file is read"));
    assert!(text.contains("alpha to beta"), "{text}");
    let killed = counted(&home);
    assert!(ms(&killed, "unknown_ms") > 0, "{killed}");

    let daemon = home.run();
    told(&home, "svc: service up on beta", 2);
    let again = counted(&home);
    assert!(
        ms(&again, "unknown_ms") >= ms(&killed, "unknown_ms"),
        "{again}"
    );
    assert_eq!(ms(&again, "down_unplanned_ms"), down);
    assert_eq!(again["failures"], 1);
    let host = stdout(&home.clusterd(&["events", "@host", "--kind", "service"]));
    assert!(
        host.contains("the last sign of the one before it is of "),
        "{host}"
    );

    // A new configuration loses nothing; a cluster that is taken away is nobody's.
    let file = home.path("clist/pair.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let targets = text.replace("    params:", "    targets: { fence: 10m }\n    params:");
    fs::write(&file, targets).unwrap();
    assert!(home.clusterd(&["reload"]).status.success());
    told(&home, "svc: service up on beta", 3);
    let same = counted(&home);
    assert_eq!(same["unknown_ms"], again["unknown_ms"]);
    let kept = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(home.clusterd(&["reload"]).status.success());
    told(
        &home,
        "not watched any more: taken out of clusterd's guard",
        1,
    );
    fs::write(&file, kept).unwrap();
    assert!(home.clusterd(&["reload"]).status.success());
    told(&home, "svc: service up on beta", 4);
    let back = counted(&home);
    assert!(ms(&back, "unknown_ms") > ms(&same, "unknown_ms"), "{back}");
    assert_eq!(
        (&back["failures"], ms(&back, "down_unplanned_ms")),
        (&1.into(), down)
    );

    // Stopped in good order, it is known to the end.
    assert!(daemon.stop().success());
    let all = stdout(&home.clusterd(&["availability"]));
    assert!(all.starts_with("CLUSTER  AVAILABLE"), "{all}");
    assert!(all.contains("\npair "), "{all}");
    pair.never_two_writers();
}

#[test]
fn an_outage_in_a_maintenance_is_planned() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    told(&home, "svc: service up on alpha", 1);
    let said = home.clusterd(&[
        "maintenance",
        "pair",
        "--for",
        "1h",
        "--reason",
        "new disks",
        "--yes",
    ]);
    assert!(said.status.success(), "{}", stderr(&said));
    told(&home, "svc: service degraded on alpha", 1);
    pair.sim.panic(0);
    daemon.line("svc: service DOWN, as planned");
    told(&home, "svc: service DOWN, as planned", 1);
    let one = counted(&home);
    assert!(ms(&one, "down_planned_ms") > 0, "{one}");
    assert_eq!(
        (&one["failures"], ms(&one, "down_unplanned_ms")),
        (&0.into(), 0)
    );
    assert_eq!(one["outages"][0]["planned"], true);
}

/// A new cluster waits at its prompts until somebody says who has the package: that is no outage.
#[test]
fn what_nobody_has_been_given_yet_is_not_down() {
    let pair = Pair::at_prompt();
    let home = Home::of(&pair);
    let _daemon = home.run();
    told(&home, "svc: service unknown", 1);
    let log = stdout(&home.clusterd(&["events", "pair", "--kind", "service"]));
    assert!(log.contains("(nobody has said yet who has svc)"), "{log}");
    let one = counted(&home);
    assert_eq!(
        (&one["failures"], ms(&one, "down_unplanned_ms")),
        (&0.into(), 0)
    );
    assert!(ms(&one, "unknown_ms") > 0, "{one}");
    let waited = ms(&one, "to_ms");
    let said = home.clusterd(&["adopt", "pair", "--primary", "alpha"]);
    assert!(said.status.success(), "{}", stderr(&said));
    told(&home, "svc: service up on alpha", 1);
    let one = counted(&home);
    let outages = one["outages"].as_array().unwrap();
    assert!(
        outages.iter().all(|outage| ms(outage, "from_ms") >= waited),
        "{one}"
    );
    // Its first start is by that word.
    assert!(ms(&one, "down_planned_ms") > 0, "{one}");
    assert_eq!(
        (&one["failures"], ms(&one, "down_unplanned_ms")),
        (&0.into(), 0),
        "{one}"
    );
}
