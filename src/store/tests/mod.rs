//! The journal on real files: opening, writing, reading, pruning, and what may go wrong.

mod hard;
mod pages;
mod versions;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Entry, EntryKind, FILE_NAME, Journal, Reader, Retention, StoreError};

fn entry(kind: EntryKind, text: &str) -> Entry {
    Entry {
        cluster: "pki".to_owned(),
        kind,
        subject: "ca1".to_owned(),
        body: json!({ "v": 1, "text": text }),
        text: text.to_owned(),
    }
}

fn texts(journal: &Journal) -> Vec<String> {
    let history = journal.history("pki", u32::MAX).unwrap();
    history.into_iter().map(|found| found.entry.text).collect()
}

#[tokio::test]
async fn what_was_appended_is_read_back_in_order_and_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let entries: Vec<Entry> = EntryKind::ALL
        .into_iter()
        .map(|kind| entry(kind, kind.name()))
        .collect();
    journal.append(entries.clone()).await.unwrap();
    journal
        .append(vec![Entry {
            cluster: "other".to_owned(),
            ..entry(EntryKind::Event, "no")
        }])
        .await
        .unwrap();

    drop(journal);
    let journal = Journal::open(home.path()).unwrap();
    let found = journal.history("pki", 100).unwrap();
    assert!(found.is_sorted_by_key(|one| one.id));
    let found: Vec<Entry> = found.into_iter().map(|one| one.entry).collect();
    assert_eq!(found, entries);
    let last: Vec<Entry> = entries[entries.len() - 2..].to_vec();
    let found = journal.history("pki", 2).unwrap();
    assert_eq!(
        found.into_iter().map(|one| one.entry).collect::<Vec<_>>(),
        last
    );
}

#[tokio::test]
async fn state_is_kept_latest_per_cluster() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    assert_eq!(journal.load_state("pki").unwrap(), None);
    for count in 1..=3 {
        let state = Some(("pki".to_owned(), json!({ "count": count })));
        journal
            .append_with_state(vec![entry(EntryKind::Role, "ca1 is primary")], state)
            .await
            .unwrap();
    }
    assert_eq!(
        journal.load_state("pki").unwrap(),
        Some(json!({ "count": 3 }))
    );
    assert_eq!(journal.load_state("other").unwrap(), None);
}

#[tokio::test]
async fn only_the_owner_may_read_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(FILE_NAME);
    File::create(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let journal = Journal::open(home.path()).unwrap();
    journal
        .append(vec![entry(EntryKind::Event, "x")])
        .await
        .unwrap();
    for name in [
        "journal.sqlite",
        "journal.sqlite-wal",
        "journal.sqlite-shm",
        "clusterd.lock",
    ] {
        let mode = fs::metadata(home.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn an_operator_reads_it_with_plain_sql() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    journal
        .append(vec![
            entry(EntryKind::Role, "ca1 is primary"),
            entry(EntryKind::Intent, "boot ca2"),
            entry(EntryKind::Role, "ca1 is secondary"),
            entry(EntryKind::Alarm, "\x1b[2Jpanic"),
        ])
        .await
        .unwrap();
    let sql = Connection::open(home.path().join(FILE_NAME)).unwrap();
    let one = |query: &str| -> String { sql.query_row(query, [], |row| row.get(0)).unwrap() };
    assert_eq!(one("SELECT text FROM roles_latest"), "ca1 is secondary");
    assert_eq!(one("SELECT text FROM intents_and_results"), "boot ca2");
    assert_eq!(one("SELECT text FROM alarms_readable"), "\\u{1b}[2Jpanic");
    assert_eq!(one("SELECT count(*) || '' FROM events_readable"), "4");
    assert_eq!(
        one("SELECT body ->> '$.text' FROM entries WHERE id = 2"),
        "boot ca2"
    );
    let at = one("SELECT at FROM entries WHERE id = 1");
    assert_eq!(at.len(), "2026-11-03T14:05:09.123Z".len());
    assert_eq!(
        one(
            "SELECT strftime('%Y-%m-%dT%H:%M:', at_ms / 1000, 'unixepoch') FROM entries WHERE id = 1"
        ),
        at[..17]
    );
}

#[tokio::test]
async fn appends_queued_behind_a_transaction_share_the_next_one() {
    let home = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::open(home.path()).unwrap());
    // Somebody's open transaction holds the writer up until all 200 are queued.
    let other = Connection::open(home.path().join(FILE_NAME)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut appends = JoinSet::new();
    for count in 0..200 {
        let journal = Arc::clone(&journal);
        appends.spawn(async move {
            journal
                .append(vec![entry(EntryKind::Event, &count.to_string())])
                .await
        });
    }
    // On this one-thread runtime every append has run up to its wait after this.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(journal.commits(), 0);
    other.execute_batch("ROLLBACK").unwrap();
    while let Some(done) = appends.join_next().await {
        done.unwrap().unwrap();
    }
    assert!(journal.commits() <= 2, "{} transactions", journal.commits());
    assert_eq!(texts(&journal).len(), 200);
}

#[tokio::test]
async fn old_events_go_and_intents_stay() {
    let home = tempfile::tempdir().unwrap();
    let retention = Retention {
        most: 50,
        age: Duration::from_secs(1_000_000),
        least: 10,
    };
    let journal = Journal::open_with(home.path(), retention).unwrap();
    journal
        .append(vec![entry(EntryKind::Intent, "intent")])
        .await
        .unwrap();
    let events = |text| vec![entry(EntryKind::Event, text); 1500];
    journal.append(events("first")).await.unwrap();
    drop(journal);
    let journal = Journal::open_with(home.path(), retention).unwrap();
    let left = texts(&journal);
    assert_eq!((left.len(), left[0].as_str()), (51, "intent"));
    drop(journal);

    // With an age nothing survives but the least number that always does.
    let retention = Retention {
        age: Duration::ZERO,
        ..retention
    };
    tokio::task::spawn_blocking(|| ()).await.unwrap();
    let journal = Journal::open_with(home.path(), retention).unwrap();
    let left = texts(&journal);
    assert_eq!((left.len(), left[0].as_str()), (11, "intent"));

    // What tells of the service has a number, and no age.
    let service = (0..1500).map(|n| entry(EntryKind::Service, &n.to_string()));
    journal.append(service.collect()).await.unwrap();
    drop(journal);
    let journal = Journal::open_with(home.path(), retention).unwrap();
    let left = texts(&journal);
    assert_eq!((left.len(), left[11].as_str()), (61, "1450"));
    assert_eq!(left[0], "intent");
}

#[tokio::test]
async fn the_write_ahead_log_stays_small() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let wal = home.path().join("journal.sqlite-wal");
    let mut largest = 0;
    for count in 0..1500 {
        let state = Some(("pki".to_owned(), json!({ "count": count })));
        journal.append_with_state(Vec::new(), state).await.unwrap();
        journal
            .append(vec![entry(EntryKind::Intent, "boot")])
            .await
            .unwrap();
        largest = largest.max(fs::metadata(&wal).unwrap().len());
    }
    for _ in 0..40 {
        let large = Entry {
            body: json!("x".repeat(1_000_000)),
            ..entry(EntryKind::Intent, "large")
        };
        journal.append(vec![large]).await.unwrap();
        largest = largest.max(fs::metadata(&wal).unwrap().len());
    }
    assert!(largest < 16 << 20, "{largest} bytes");
}

#[tokio::test]
async fn an_entry_too_large_is_refused_and_the_next_is_not() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let large = Entry {
        body: json!("x".repeat(2 << 20)),
        ..entry(EntryKind::Event, "large")
    };
    let refused = journal
        .append(vec![entry(EntryKind::Event, "beside"), large])
        .await;
    assert!(
        matches!(refused, Err(StoreError::TooLarge { .. })),
        "{refused:?}"
    );
    journal
        .append(vec![entry(EntryKind::Event, "small")])
        .await
        .unwrap();
    assert_eq!(texts(&journal), ["small"]);
}

#[test]
fn a_second_daemon_is_told_the_pid_of_the_first() {
    let home = tempfile::tempdir().unwrap();
    let first = Journal::open(home.path()).unwrap();
    let refused = Journal::open(home.path()).unwrap_err();
    let pid = i32::try_from(std::process::id()).unwrap();
    assert_eq!(
        refused,
        StoreError::InUse {
            home: home.path().to_owned(),
            pid: Some(pid)
        }
    );
    assert!(
        refused
            .to_string()
            .contains(&format!("another clusterd (pid {pid})")),
        "{refused}"
    );
    drop(first);
    Journal::open(home.path()).unwrap();
}

#[test]
fn a_newer_schema_is_refused_untouched() {
    let home = tempfile::tempdir().unwrap();
    drop(Journal::open(home.path()).unwrap());
    let sql = Connection::open(home.path().join(FILE_NAME)).unwrap();
    sql.pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(home.path().join(FILE_NAME)).unwrap();
    for refused in [
        Journal::open(home.path()).map(drop).unwrap_err(),
        Reader::open(home.path()).map(drop).unwrap_err(),
    ] {
        assert!(
            matches!(
                refused,
                StoreError::NewerSchema {
                    found: 99,
                    known: crate::store::schema::VERSION,
                    ..
                }
            ),
            "{refused}"
        );
    }
    assert_eq!(fs::read(home.path().join(FILE_NAME)).unwrap(), before);
}

#[test]
fn another_programs_database_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let sql = Connection::open(home.path().join(FILE_NAME)).unwrap();
    sql.execute_batch("CREATE TABLE recipes (name)").unwrap();
    let refused = Journal::open(home.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
}

#[tokio::test]
async fn a_damaged_journal_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    journal
        .append(vec![entry(EntryKind::Event, "x"); 2000])
        .await
        .unwrap();
    drop(journal);
    let whole = fs::read(home.path().join(FILE_NAME)).unwrap();
    for place in [0, 4096 * 20] {
        fs::write(home.path().join(FILE_NAME), &whole).unwrap();
        scribble(home.path(), place);
        let refused = Journal::open(home.path()).unwrap_err();
        assert!(
            matches!(refused, StoreError::Corrupt { .. }),
            "at {place}: {refused}"
        );
        assert!(refused.to_string().contains("keep a copy"));
    }
    fs::write(home.path().join(FILE_NAME), &whole).unwrap();
    Journal::open(home.path()).unwrap();
}

fn scribble(home: &Path, place: u64) {
    let file = File::options()
        .write(true)
        .open(home.join(FILE_NAME))
        .unwrap();
    file.write_all_at(&[0xa5; 4096], place).unwrap();
}

#[tokio::test]
async fn a_journal_taken_away_is_noticed_and_put_back_is_well_again() {
    let home = tempfile::tempdir().unwrap();
    let (path, aside) = (home.path().join(FILE_NAME), home.path().join("aside"));
    let journal = Journal::open(home.path()).unwrap();
    journal
        .append(vec![entry(EntryKind::Event, "one")])
        .await
        .unwrap();
    fs::rename(&path, &aside).unwrap();
    let refused = journal.append(vec![entry(EntryKind::Event, "two")]).await;
    assert_eq!(refused, Err(StoreError::Gone { path: path.clone() }));
    fs::write(&path, "another file").unwrap();
    let refused = journal.append(vec![entry(EntryKind::Event, "two")]).await;
    assert_eq!(refused, Err(StoreError::Gone { path: path.clone() }));
    fs::rename(&aside, &path).unwrap();
    journal
        .append(vec![entry(EntryKind::Event, "three")])
        .await
        .unwrap();
    assert_eq!(texts(&journal), ["one", "three"]);
}

#[tokio::test]
async fn a_journal_whose_wal_is_taken_away_takes_no_more_and_keeps_what_it_took() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let (wal, aside) = (path("journal.sqlite-wal"), path("aside"));
    let gone = Err(StoreError::Gone { path: wal.clone() });
    let journal = Journal::open(home.path()).unwrap();
    let append = |text| journal.append(vec![entry(EntryKind::Hold, text)]);
    append("one").await.unwrap();
    fs::rename(&wal, &aside).unwrap();
    assert_eq!(append("two").await, gone);
    fs::rename(&aside, &wal).unwrap();
    append("three").await.unwrap();
    fs::remove_file(&wal).unwrap();
    assert_eq!(append("four").await, gone);
    fs::write(&wal, "").unwrap();
    assert_eq!(append("five").await, gone);
    // What a kill leaves now.
    let killed = tempfile::tempdir().unwrap();
    fs::copy(path(FILE_NAME), killed.path().join(FILE_NAME)).unwrap();
    assert_eq!(
        texts(&Journal::open(killed.path()).unwrap()),
        ["one", "three"]
    );
    drop(journal);
    let journal = Journal::open(home.path()).unwrap();
    let six = vec![entry(EntryKind::Hold, "six")];
    journal.append(six).await.unwrap();
    assert_eq!(texts(&journal), ["one", "three", "six"]);
}

#[test]
fn a_second_daemon_is_refused_without_the_lock_file_too() {
    let home = tempfile::tempdir().unwrap();
    let first = Journal::open(home.path()).unwrap();
    fs::remove_file(home.path().join("clusterd.lock")).unwrap();
    let refused = Journal::open(home.path()).unwrap_err();
    let home_in_use = StoreError::InUse {
        home: home.path().to_owned(),
        pid: None,
    };
    assert_eq!(refused, home_in_use);
    drop(first);
    Journal::open(home.path()).unwrap();
}

#[test]
fn no_home_directory_is_told_plainly() {
    let refused = Journal::open(Path::new("/nonexistent/home")).unwrap_err();
    assert!(
        matches!(refused, StoreError::CannotOpen { .. }),
        "{refused}"
    );
}
