//! The journal's tables and views, their versions, and how a connection is set up.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{StoreError, utc_text};

/// The schema this clusterd writes.
pub(super) const VERSION: i64 = 3;

/// "clsd", so that a journal is told from other SQLite files.
const APPLICATION_ID: i64 = 0x636c_7364;

/// How long to wait for another program's write transaction.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// One string a version, from nothing to [`VERSION`]. Plain SQL: an old `sqlite3` on the
/// monitoring host must be able to read it. A step is never changed once it was on `main`: a new one
/// follows it, with a `tests/journals/vN.sql` of its own.
const STEPS: [&str; 3] = [
    "
CREATE TABLE schema_versions (
    version    INTEGER PRIMARY KEY,
    since      TEXT NOT NULL,
    clusterd   TEXT NOT NULL
);
CREATE TABLE entries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         TEXT NOT NULL,     -- UTC, 2026-11-03T14:05:09.123Z
    at_ms      INTEGER NOT NULL,  -- the same, milliseconds since 1970
    cluster    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,     -- node or package, or empty
    text       TEXT NOT NULL,     -- one line for people
    body       TEXT NOT NULL,     -- JSON
    expires    INTEGER NOT NULL   -- 1: pruned by age and number; 0: kept
);
CREATE INDEX entries_by_cluster ON entries (cluster, id);
CREATE INDEX entries_that_expire ON entries (cluster, id) WHERE expires = 1;
CREATE TABLE state (
    cluster    TEXT PRIMARY KEY,
    at         TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    body       TEXT NOT NULL      -- JSON
);
CREATE VIEW events_readable AS
    SELECT strftime('%Y-%m-%d %H:%M:%S', at_ms / 1000, 'unixepoch', 'localtime') AS local_time,
           cluster, kind, subject, text, id
    FROM entries ORDER BY id;
CREATE VIEW roles_latest AS
    SELECT cluster, subject, text, at, id
    FROM entries WHERE id IN
        (SELECT max(id) FROM entries WHERE kind = 'role' GROUP BY cluster, subject)
    ORDER BY cluster, subject;
CREATE VIEW intents_and_results AS
    SELECT at, cluster, kind, subject, text, body, id
    FROM entries WHERE kind IN ('intent', 'result') ORDER BY id;
CREATE VIEW alarms_readable AS
    SELECT at, cluster, subject, text, id
    FROM entries WHERE kind = 'alarm' ORDER BY id;
",
    "
CREATE INDEX entries_that_stay ON entries (cluster, kind, id) WHERE expires = 0;
CREATE VIEW words_readable AS
    SELECT at, cluster, subject, text, id
    FROM entries WHERE kind = 'word' AND expires = 0 ORDER BY id;
CREATE VIEW intents_open AS
    SELECT at, cluster, subject, text, id
    FROM entries AS intent WHERE kind = 'intent' AND expires = 0 AND NOT EXISTS
        (SELECT 1 FROM entries AS later
         WHERE later.cluster = intent.cluster AND later.kind IN ('intent', 'result')
           AND later.expires = 0 AND later.id > intent.id)
    ORDER BY id;
",
    "
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,     -- UTC
    at_ms      INTEGER NOT NULL,
    route      TEXT NOT NULL,     -- as clusterd.yaml names it
    subject    TEXT NOT NULL,     -- one line for people
    body       TEXT NOT NULL      -- JSON
);
",
];

/// Opens the file for the writer, brings it to [`VERSION`] and looks it through.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let ours = |err: &rusqlite::Error| StoreError::from_sqlite(path, err);
    let mut connection = Connection::open_with_flags(path, flags).map_err(|err| ours(&err))?;
    connection
        .busy_timeout(BUSY_WAIT)
        .map_err(|err| ours(&err))?;
    check_version(&connection, path)?;
    set_up(&connection, path)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Opens the file for reading, beside a running writer or without one.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let ours = |err: &rusqlite::Error| StoreError::from_sqlite(path, err);
    let connection = Connection::open_with_flags(path, flags).map_err(|err| ours(&err))?;
    connection
        .busy_timeout(BUSY_WAIT)
        .map_err(|err| ours(&err))?;
    check_version(&connection, path)?;
    Ok(connection)
}

/// Looks the whole file through. Some tens of milliseconds for a full journal.
pub(super) fn check_whole(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|err| StoreError::from_sqlite(path, &err))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt {
            path: path.to_owned(),
            why: verdict,
        })
    }
}

fn check_version(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = pragma(connection, path, "user_version")?;
    if found > VERSION {
        return Err(StoreError::NewerSchema {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(|err| StoreError::from_sqlite(path, &err))?;
    let empty = found == 0 && tables == 0;
    if !empty && pragma(connection, path, "application_id")? != APPLICATION_ID {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    Ok(())
}

fn pragma(connection: &Connection, path: &Path, name: &str) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(|err| StoreError::from_sqlite(path, &err))
}

fn set_up(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let ours = |err: &rusqlite::Error| StoreError::from_sqlite(path, err);
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(|err| ours(&err))?;
    if mode != "wal" {
        return Err(StoreError::Sqlite {
            path: path.to_owned(),
            why: format!("its file system gives no WAL, only {mode:?}; use a local disk"),
        });
    }
    // Checkpoints are the writer's own affair, after the answers are out.
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA journal_size_limit = 8388608;
             PRAGMA cache_size = -128;
             PRAGMA temp_store = MEMORY;
             PRAGMA cell_size_check = ON;
             PRAGMA trusted_schema = OFF;",
        )
        .map_err(|err| ours(&err))
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let ours = |err: &rusqlite::Error| StoreError::from_sqlite(path, err);
    let found = pragma(connection, path, "user_version")?;
    if found == VERSION {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|err| ours(&err))?;
    for (step, version) in STEPS.iter().zip(1..) {
        if version > found {
            apply(&transaction, step, version).map_err(|err| ours(&err))?;
        }
    }
    transaction.commit().map_err(|err| ours(&err))
}

fn apply(transaction: &Transaction<'_>, step: &str, version: i64) -> rusqlite::Result<()> {
    transaction.execute_batch(step)?;
    transaction.execute(
        "INSERT INTO schema_versions (version, since, clusterd) VALUES (?1, ?2, ?3)",
        (
            version,
            utc_text(SystemTime::now()),
            env!("CARGO_PKG_VERSION"),
        ),
    )?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", version)
}
