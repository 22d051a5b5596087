//! `status CLUSTER` of the built daemon: the last lines of the consoles, the standing guard's date, and how
//! far a boot is.

mod daemon_support;

use std::fs;
use std::time::Duration;

use daemon_support::{Home, Pair, stderr, stdout, until};
use serde_json::Value;

/// All of `pair`, as a program reads it.
fn whole(home: &Home) -> Value {
    let output = home.clusterd(&["status", "pair", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    all["clusters"][0].clone()
}

fn text(home: &Home) -> String {
    stdout(&home.clusterd(&["status", "pair"]))
}

/// The boot of a node, and when it reached its steps.
fn boot(cluster: &Value, node: &str) -> Option<(Value, Vec<String>)> {
    let boots = cluster["boots"].as_array()?;
    let boot = boots.iter().find(|boot| boot["node"] == node)?.clone();
    let steps = boot["steps"].as_array().unwrap().iter();
    let reached = steps.filter(|step| step["after_ms"].is_u64());
    let names = reached.map(|step| step["step"].as_str().unwrap().to_owned());
    let names = names.collect();
    Some((boot, names))
}

#[test]
fn one_cluster_shows_its_consoles_its_guards_and_its_boots() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    fs::write(home.path("clist/other.yaml"), "cluster: other\n").unwrap();
    let mut daemon = home.run();
    daemon.line("state watch");
    let now = whole(&home);
    let last = now["consoles"][0]["last_lines"].as_array().unwrap();
    let ends = last.last().unwrap().as_str().unwrap();
    assert!(ends.ends_with("console login:"), "{last:?}");
    let shown = text(&home);
    assert!(
        shown.contains("guard     alpha UNKNOWN: never read back\n"),
        "{shown}"
    );
    assert!(shown.contains("  console of beta\n"), "{shown}");
    // With others it is a line, and what consoles say is nobody's but theirs who ask for it.
    let all = home.status();
    let all = all["clusters"].as_array().unwrap();
    let brief = all.iter().find(|one| one["cluster"] == "pair").unwrap();
    assert!(brief["consoles"][0].get("last_lines").is_none(), "{brief}");

    // Beta's first boot stays at the check of its disk until that was seen.
    let hour = Duration::from_secs(3600);
    pair.sim
        .order(|rig, now| rig.node_at(1, now).check_disk(hour));
    pair.sim.panic(0);
    let checked = until("the check of a file system", || {
        let (boot, steps) = boot(&whole(&home), "beta")?;
        steps.contains(&"fsck".to_owned()).then_some(boot)
    });
    assert_eq!(
        (&checked["under_way"], &checked["fsck"]),
        (&true.into(), &"checking".into())
    );
    assert_eq!(checked["measured"], 0);
    let shown = text(&home);
    assert!(shown.contains("boot      beta boots for "), "{shown}");
    assert!(shown.contains(", no verdict yet"), "{shown}");
    let alpha = &whole(&home)["snapshot"]["nodes"][0];
    assert_eq!(alpha["guard_last"]["by"], "a fence");
    let guarded = alpha["guard_last"]["at"].clone();
    assert!(
        guarded.as_u64().is_some_and(|at| at > 1_700_000_000),
        "{alpha}"
    );
    assert!(
        shown.contains("guard     alpha holds; last read back 20"),
        "{shown}"
    );

    // What is known of the guard outlives clusterd.
    assert!(daemon.stop().success());
    let _daemon = home.run();
    let again = until("the snapshot", || {
        let now = whole(&home);
        now["snapshot"]["nodes"][0]["guard_last"]["at"]
            .is_u64()
            .then_some(now)
    });
    let at = again["snapshot"]["nodes"][0]["guard_last"]["at"].as_u64();
    assert!(at >= guarded.as_u64(), "{again}");
}

#[test]
fn a_boot_that_is_over_is_the_measure_of_the_next_one() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("beta: booted in ");
    let last = until("the boot in the journal", || boot(&whole(&home), "beta"));
    assert_eq!(
        (&last.0["under_way"], &last.0["failed"]),
        (&false.into(), &Value::Null)
    );
    assert_eq!(last.1.last().map(String::as_str), Some("service"));
    assert!(
        last.1.contains(&"load".to_owned()) && last.1.contains(&"kernel".to_owned()),
        "{last:?}"
    );
    assert!(text(&home).contains("last boot beta "), "{}", text(&home));
    let journal = stdout(&home.clusterd(&["events", "pair", "--kind", "boot"]));
    assert!(journal.contains("beta: booted in "), "{journal}");
}
