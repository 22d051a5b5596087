//! The one thread that writes: takes all that is queued into one transaction, answers
//! when it is on the disk, then tidies up.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::entry::{printable, printable_json};
use super::lock::HomeLock;
use super::place::Place;
use super::times::Stopwatch;
use super::utc::unix_millis;
use super::{Batch, Entry, FILE_NAME, Posted, Retention, StoreError, prune, schema, utc_text};

/// Longest JSON text of an entry or a state, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Longest JSON text of a state, in bytes: the open alarms of a thousand clusters are one.
const MAX_STATE: usize = 16 << 20;
/// Longest line for people, in characters.
const MAX_TEXT: usize = 1000;
/// Entries in one transaction, more or less: what is queued beyond waits for the next.
const MAX_BATCH: usize = 4096;
/// Bytes of WAL between two checkpoints, as estimated.
const CHECKPOINT_EVERY: usize = 8 << 20;
/// What a transaction adds to the WAL at least: the pages of table and indexes it touches.
const TRANSACTION_COST: usize = 24 << 10;
/// What a pruned row adds to the WAL, more or less.
const ROW_COST: usize = 300;
/// Expiring entries between two rounds of pruning.
const PRUNE_EVERY: usize = 1000;

/// One append, ready to be written.
#[derive(Debug)]
pub(super) struct Request {
    at: SystemTime,
    rows: Vec<EntryRow>,
    state: Option<(String, String)>,
    posted: Vec<PostedRow>,
    sent: Vec<u64>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

#[derive(Debug)]
struct PostedRow {
    id: u64,
    at: SystemTime,
    route: String,
    subject: String,
    body: String,
}

#[derive(Debug)]
struct EntryRow {
    at: SystemTime,
    cluster: String,
    kind: &'static str,
    subject: String,
    text: String,
    body: String,
    expires: bool,
}

impl Request {
    pub(super) fn new(
        at: SystemTime,
        batch: Batch,
        done: oneshot::Sender<Result<(), StoreError>>,
    ) -> Result<Request, StoreError> {
        let times = batch.times.iter().copied().chain(std::iter::repeat(at));
        let rows = batch
            .entries
            .iter()
            .zip(times)
            .map(|(entry, at)| EntryRow::new(entry, at))
            .collect::<Result<_, _>>()?;
        let state = match batch.state {
            Some((cluster, state)) => {
                Some((cluster, within_limit(printable_json(state.0), MAX_STATE)?))
            }
            None => None,
        };
        let posted = batch.posted.iter().map(PostedRow::new);
        Ok(Request {
            at,
            rows,
            state,
            posted: posted.collect::<Result<_, _>>()?,
            sent: batch.sent,
            done,
        })
    }
}

impl PostedRow {
    fn new(posted: &Posted) -> Result<PostedRow, StoreError> {
        Ok(PostedRow {
            id: posted.id,
            at: posted.at,
            route: printable(&posted.route, MAX_TEXT),
            subject: printable(&posted.subject, MAX_TEXT),
            body: within_limit(printable_json(posted.body.to_string()), MAX_BODY)?,
        })
    }
}

impl EntryRow {
    fn new(entry: &Entry, at: SystemTime) -> Result<EntryRow, StoreError> {
        Ok(EntryRow {
            at,
            cluster: printable(&entry.cluster, MAX_TEXT),
            kind: entry.kind.name(),
            subject: printable(&entry.subject, MAX_TEXT),
            text: printable(&entry.text, MAX_TEXT),
            body: within_limit(printable_json(entry.body.to_string()), MAX_BODY)?,
            expires: entry.kind.expires(),
        })
    }
}

fn within_limit(text: String, limit: usize) -> Result<String, StoreError> {
    if text.len() > limit {
        return Err(StoreError::TooLarge {
            bytes: text.len(),
            limit,
        });
    }
    Ok(text)
}

/// The writing end of the journal. The lock stands last: it goes after the connection.
pub(super) struct Writer {
    path: PathBuf,
    retention: Retention,
    commits: Arc<watch::Sender<u64>>,
    stopwatch: Arc<Stopwatch>,
    connection: Option<Connection>,
    place: Arc<Place>,
    since_checkpoint: usize,
    since_prune: usize,
    touched: BTreeSet<String>,
    _lock: HomeLock,
}

impl Writer {
    pub(super) fn open(
        home: &Path,
        retention: Retention,
        commits: Arc<watch::Sender<u64>>,
    ) -> Result<Writer, StoreError> {
        let lock = HomeLock::take(home)?;
        let path = home.join(FILE_NAME);
        make_private(home, &path)?;
        let connection = schema::open_for_writing(&path)?;
        schema::check_whole(&connection, &path)?;
        let touched = prune::clusters(&connection)
            .map_err(|err| StoreError::from_sqlite(&path, &err))?
            .into_iter()
            .collect();
        let mut writer = Writer {
            place: Arc::new(Place::of(&path)?),
            path,
            retention,
            commits,
            stopwatch: Arc::default(),
            connection: Some(connection),
            since_checkpoint: 0,
            since_prune: PRUNE_EVERY,
            touched,
            _lock: lock,
        };
        writer.tidy();
        Ok(writer)
    }

    /// The files that it writes.
    pub(super) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// How long its transactions take.
    pub(super) fn stopwatch(&self) -> &Arc<Stopwatch> {
        &self.stopwatch
    }

    /// Serves `requests` until every sender is gone.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let batch = gather(first, &mut requests);
            let begun = Instant::now();
            let outcome = self.commit(&batch);
            self.stopwatch.note(begun.elapsed(), outcome.is_ok());
            if let Err(err) = &outcome {
                tracing::error!("failed to write the journal: {err}");
                if err.spoils_connection() {
                    self.place.closes();
                    self.connection = None;
                }
            }
            for request in batch {
                // A caller that no longer waits is no trouble.
                let _ = request.done.send(outcome.clone());
            }
            if outcome.is_ok() {
                self.tidy();
            }
        }
    }

    fn commit(&mut self, batch: &[Request]) -> Result<(), StoreError> {
        if let Err(gone) = self.place.check() {
            // What was accepted before may stand in a file without a name: into the other one.
            self.checkpoint();
            return Err(gone);
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let connection = none.insert(schema::open_for_writing(&self.path)?);
                self.place.opened();
                connection
            }
        };
        // On an error the transaction is rolled back when it is dropped.
        write(connection, batch).map_err(|err| StoreError::from_sqlite(&self.path, &err))?;
        self.commits.send_modify(|count| *count += 1);
        self.since_checkpoint += TRANSACTION_COST;
        for (_, state) in batch.iter().filter_map(|request| request.state.as_ref()) {
            self.since_checkpoint += 2 * state.len();
        }
        for row in batch.iter().flat_map(|request| &request.posted) {
            self.since_checkpoint += 2 * row.body.len();
        }
        for row in batch.iter().flat_map(|request| &request.rows) {
            self.since_checkpoint += 2 * (row.body.len() + row.text.len());
            if row.expires {
                self.since_prune += 1;
                if !self.touched.contains(&row.cluster) {
                    self.touched.insert(row.cluster.clone());
                }
            }
        }
        Ok(())
    }

    /// Prunes and checkpoints when it is time. What fails here is tried again later; if
    /// it matters, the next append fails and says so.
    fn tidy(&mut self) {
        let Some(connection) = &self.connection else {
            return;
        };
        if self.since_prune >= PRUNE_EVERY {
            self.since_prune = 0;
            let now = SystemTime::now();
            for cluster in std::mem::take(&mut self.touched) {
                match prune::prune(connection, &cluster, self.retention, now) {
                    Ok(0) => {}
                    Ok(rows) => {
                        self.since_checkpoint += TRANSACTION_COST + rows * ROW_COST;
                        tracing::debug!("pruned {rows} old journal entries of {cluster:?}");
                    }
                    Err(err) => tracing::warn!("failed to prune the journal: {err}"),
                }
            }
        }
        if self.since_checkpoint >= CHECKPOINT_EVERY {
            self.checkpoint();
        }
    }

    fn checkpoint(&mut self) {
        let Some(connection) = &self.connection else {
            return;
        };
        self.since_checkpoint = 0;
        if let Err(err) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!("failed to checkpoint the journal: {err}");
        }
    }
}

fn gather(first: Request, requests: &mut mpsc::Receiver<Request>) -> Vec<Request> {
    let mut rows = first.rows.len();
    let mut batch = vec![first];
    while rows < MAX_BATCH
        && let Ok(request) = requests.try_recv()
    {
        rows += request.rows.len();
        batch.push(request);
    }
    batch
}

fn write(connection: &mut Connection, batch: &[Request]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut entry = transaction.prepare_cached(
            "INSERT INTO entries (at, at_ms, cluster, kind, subject, text, body, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut state = transaction.prepare_cached(
            "INSERT INTO state (cluster, at, at_ms, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (cluster) DO UPDATE SET
                 at = excluded.at, at_ms = excluded.at_ms, body = excluded.body",
        )?;
        let mut post = transaction.prepare_cached(
            "INSERT OR REPLACE INTO outbox (id, at, at_ms, route, subject, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let mut send = transaction.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
        for request in batch {
            for row in &request.rows {
                entry.execute((
                    &utc_text(row.at),
                    unix_millis(row.at),
                    &row.cluster,
                    row.kind,
                    &row.subject,
                    &row.text,
                    &row.body,
                    row.expires,
                ))?;
            }
            if let Some((cluster, body)) = &request.state {
                let (at, at_ms) = (utc_text(request.at), unix_millis(request.at));
                state.execute((cluster, &at, at_ms, body))?;
            }
            for row in &request.posted {
                let id = i64::try_from(row.id).unwrap_or(i64::MAX);
                let (at, at_ms) = (utc_text(row.at), unix_millis(row.at));
                post.execute((id, &at, at_ms, &row.route, &row.subject, &row.body))?;
            }
            for id in &request.sent {
                send.execute([i64::try_from(*id).unwrap_or(i64::MAX)])?;
            }
        }
    }
    transaction.commit()
}

/// Makes the file if there is none, for its owner alone; SQLite gives its `-wal` and
/// `-shm` files the same mode. A new name is durable once its directory is synced.
fn make_private(home: &Path, path: &Path) -> Result<(), StoreError> {
    let ours = |err: std::io::Error| StoreError::from_io(path, &err);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(ours)?;
    let meta = file.metadata().map_err(ours)?;
    if meta.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(ours)?;
    }
    if meta.len() == 0 {
        File::open(home)
            .and_then(|dir| dir.sync_all())
            .map_err(|err| StoreError::from_io(home, &err))?;
    }
    Ok(())
}
