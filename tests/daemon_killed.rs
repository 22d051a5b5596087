//! SIGKILL at every journalled step of a takeover, the moment its entry is on the disk and before
//! anything comes of it; a new start resumes or retreats, and the shared disk is the judge. The
//! kill is made by `src/cluster/on_purpose.rs`; the journal says which step it hit.

mod daemon_support;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use daemon_support::{Home, Pair, until};
use rusqlite::{Connection, OpenFlags};

/// Entries that the machine waited for, since the takeover began: `kind: text`. Events have a body.
fn steps(home: &Home, since: i64) -> Vec<String> {
    let path = home.path("journal.sqlite");
    let journal = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = journal
        .prepare("SELECT kind || ': ' || text FROM entries WHERE body = 'null' AND cluster = 'pair' AND id > ?1 ORDER BY id")
        .unwrap();
    let found = rows.query_map([since], |row| row.get(0)).unwrap();
    // What stands in brackets, as the evidence, is never twice the same.
    let step = |text: Result<String, _>| -> String {
        let text = text.unwrap();
        text.split(" (").next().unwrap_or_default().to_owned()
    };
    found.map(step).collect()
}

/// The last entry before the takeover: the roles are known, and on the disk.
fn last(home: &Home) -> i64 {
    until("the roles in the journal", || {
        steps(home, 0)
            .iter()
            .any(|step| step.starts_with("role"))
            .then_some(())
    });
    let path = home.path("journal.sqlite");
    let journal = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    journal
        .query_row("SELECT max(id) FROM entries", [], |row| row.get(0))
        .unwrap()
}

/// The steps of a takeover that nobody interrupts.
fn undisturbed() -> Vec<String> {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let since = last(&home);
    pair.sim.panic(0);
    daemon.line("beta is up");
    daemon.line("state watch");
    assert!(daemon.stop().success());
    steps(&home, since)
}

/// Kills at `step`, starts again, and waits for service; gives the step that the journal names last.
fn killed_at(step: &str) -> String {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let fault = format!("pair:kills:{}", home.path("fault").display());
    let mut daemon = home.run_with(&[("CLUSTERD_TEST_FAULT", &fault)]);
    daemon.line("state watch");
    let since = last(&home);
    let (_, text) = step.split_once(": ").unwrap();
    fs::write(home.path("fault"), text).unwrap();
    pair.sim.panic(0);
    let status = until("the kill", || daemon.child.try_wait().unwrap());
    assert_eq!(status.signal(), Some(9), "{step}");
    drop(daemon);
    let hit = steps(&home, since).pop().unwrap_or_default();

    let mut daemon = home.run();
    until(&format!("the service after a kill at {step:?}"), || {
        let now = pair.sim.snapshot();
        (now.serving && pair.boots() == ["alpha", "beta"]).then_some(())
    });
    daemon.line("state watch");
    let package = &home.status()["clusters"][0]["snapshot"]["packages"][0];
    assert_eq!(package["primary"], "beta", "{step}");
    pair.never_two_writers();
    hit
}

#[test]
fn a_kill_at_every_journalled_step_of_a_takeover_ends_in_service() {
    let steps = undisturbed();
    let kinds = |kind: &str| steps.iter().filter(|step| step.starts_with(kind)).count();
    assert!(kinds("intent") >= 2 && kinds("result") >= 2, "{steps:#?}");
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(step) = steps.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let hit = killed_at(step);
                    println!("killed at {step:?}, the journal's last step is {hit:?}");
                    // Entries of one transaction are on the disk together.
                    assert!(steps.contains(&hit), "{hit:?} is no step of {steps:#?}");
                }
            });
        }
    });
}
