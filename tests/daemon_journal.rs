//! The built daemon on a journal of an older schema, killed while it brings it to the newest one.

mod daemon_support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use daemon_support::{Home, stderr};
use rusqlite::Connection;

/// So many entries make the migration last long enough to be killed in it.
const ENTRIES: i64 = 30_000;

/// Kills, spread over a whole start.
const KILLS: u32 = 24;

/// A journal of schema 1 with a long history.
fn old_journal(path: &Path) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals/v1.sql");
    let journal = Connection::open(path).unwrap();
    journal
        .execute_batch(&fs::read_to_string(file).unwrap())
        .unwrap();
    let more = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO entries (at, at_ms, cluster, kind, subject, text, body, expires)
        SELECT '2026-11-21T02:15:00.000Z', 1795227300000 + i, 'pki-ca', 'result', 'ca2', 'entry ' || i, 'null', 0 FROM n";
    journal.execute(more, [ENTRIES]).unwrap();
}

/// What a journal is after a kill: its schema, how much of the newest one is there, its entries.
fn state(home: &Home) -> (i64, i64, i64) {
    let journal = Connection::open(home.path("journal.sqlite")).unwrap();
    let one = |query: &str| -> i64 { journal.query_row(query, [], |row| row.get(0)).unwrap() };
    let sound: String = journal
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    (
        one("PRAGMA user_version"),
        one(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('entries_that_stay', 'words_readable', 'intents_open', 'outbox')",
        ),
        one("SELECT count(*) FROM entries"),
    )
}

#[test]
fn a_migration_that_is_killed_leaves_the_old_or_the_new_and_never_half() {
    let whole = ENTRIES + 9;
    let template = Home::empty();
    old_journal(&template.path("old"));
    let home_with_it = || {
        let home = Home::empty();
        fs::copy(template.path("old"), home.path("journal.sqlite")).unwrap();
        home
    };
    let start = {
        let home = home_with_it();
        let began = Instant::now();
        let daemon = home.run();
        let start = began.elapsed();
        assert!(daemon.stop().success());
        start
    };
    let (mut old, mut new) = (0, 0);
    for kill in 0..=KILLS {
        let home = home_with_it();
        killed_after(&home, start * kill / KILLS);
        match state(&home) {
            (1, 0, entries) if entries == whole => old += 1,
            (3, 4, entries) if entries >= whole => new += 1,
            half => panic!("kill {kill} of a start of {start:?}: {half:?}"),
        }
        if kill % 8 == 0 {
            // What is left is taken up by the next start.
            let daemon = home.run();
            let (schema, brought, entries) = state(&home);
            assert_eq!((schema, brought), (3, 4));
            assert!(entries >= whole, "and what this start added");
            assert!(daemon.stop().success());
        }
    }
    println!("of a start of {start:?}: {old} kills left the old journal, {new} the new one");
    assert!(old > 0);
}

/// Starts the daemon and kills it when that time is over.
fn killed_after(home: &Home, delay: Duration) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .arg("run")
        .env("CLUSTER_HOME", home.dir.path())
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + delay;
    while Instant::now() < end {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_journal_of_a_newer_clusterd_is_refused_with_its_mend() {
    let home = Home::empty();
    old_journal(&home.path("journal.sqlite"));
    let journal = Connection::open(home.path("journal.sqlite")).unwrap();
    journal.pragma_update(None, "user_version", 99).unwrap();
    drop(journal);
    let output = home.clusterd(&["run"]);
    assert_eq!(output.status.code(), Some(5));
    let said = stderr(&output);
    assert!(
        said.contains("has schema 99, this clusterd knows schemas up to")
            && said.contains("run the newer clusterd, or move the file away"),
        "{said}"
    );
}
