//! Reading the journal: by the daemon at start, by commands at any time.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row};

use super::utc::from_unix_millis;
use super::{Entry, EntryKind, FILE_NAME, Posted, StoreError, schema};

/// A read-only view of a journal; needs no lock and disturbs no writer.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// An entry as it stands in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Grows with every entry; the order of writing even where the clock jumped.
    pub id: i64,
    /// When it was handed in, by the monitoring host's clock.
    pub at: SystemTime,
    /// The entry.
    pub entry: Entry,
}

impl Reader {
    /// Opens the journal in `home`.
    ///
    /// # Errors
    /// There is none, or it is not to be read by this clusterd.
    pub fn open(home: &Path) -> Result<Reader, StoreError> {
        let path = home.join(FILE_NAME);
        let connection = schema::open_for_reading(&path)?;
        Ok(Reader { path, connection })
    }

    /// See [`super::Journal::load_state`].
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn load_state(&self, cluster: &str) -> Result<Option<serde_json::Value>, StoreError> {
        let body: Option<String> = self
            .connection
            .query_row(
                "SELECT body FROM state WHERE cluster = ?1",
                [cluster],
                |row| row.get(0),
            )
            .optional()
            .map_err(|err| StoreError::from_sqlite(&self.path, &err))?;
        body.map(|body| self.json(0, &body)).transpose()
    }

    /// See [`super::Journal::load_outbox`].
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn load_outbox(&self, limit: u32) -> Result<Vec<Posted>, StoreError> {
        let ours = |err: &rusqlite::Error| StoreError::from_sqlite(&self.path, err);
        let query = "SELECT id, at_ms, route, subject, body FROM outbox ORDER BY id LIMIT ?1";
        let mut statement = self.connection.prepare(query).map_err(|err| ours(&err))?;
        let mut rows = statement.query([limit]).map_err(|err| ours(&err))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(|err| ours(&err))? {
            let (id, at_ms, route, subject, body): (i64, i64, String, String, String) =
                row.try_into().map_err(|err| ours(&err))?;
            found.push(Posted {
                id: u64::try_from(id).unwrap_or_default(),
                at: from_unix_millis(at_ms),
                route,
                subject,
                body: self.json(id, &body)?,
            });
        }
        Ok(found)
    }

    /// See [`super::Journal::history`].
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn history(&self, cluster: &str, limit: u32) -> Result<Vec<Recorded>, StoreError> {
        let ours = |err: &rusqlite::Error| StoreError::from_sqlite(&self.path, err);
        let mut statement = self
            .connection
            .prepare(
                "SELECT id, at_ms, cluster, kind, subject, text, body FROM entries
                 WHERE cluster = ?1 ORDER BY id DESC LIMIT ?2",
            )
            .map_err(|err| ours(&err))?;
        let mut rows = statement
            .query((cluster, limit))
            .map_err(|err| ours(&err))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(|err| ours(&err))? {
            let raw = RawRow::read(row).map_err(|err| ours(&err))?;
            found.push(self.recorded(raw)?);
        }
        found.reverse();
        Ok(found)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn recorded(&self, raw: RawRow) -> Result<Recorded, StoreError> {
        let kind = EntryKind::from_name(&raw.kind).ok_or_else(|| StoreError::Unreadable {
            path: self.path.clone(),
            id: raw.id,
            why: format!("no kind is named {:?}", raw.kind),
        })?;
        Ok(Recorded {
            id: raw.id,
            at: from_unix_millis(raw.at_ms),
            entry: Entry {
                kind,
                body: self.json(raw.id, &raw.body)?,
                cluster: raw.cluster,
                subject: raw.subject,
                text: raw.text,
            },
        })
    }

    fn json(&self, id: i64, text: &str) -> Result<serde_json::Value, StoreError> {
        serde_json::from_str(text).map_err(|err| StoreError::Unreadable {
            path: self.path.clone(),
            id,
            why: err.to_string(),
        })
    }
}

pub(super) struct RawRow {
    pub(super) id: i64,
    at_ms: i64,
    cluster: String,
    kind: String,
    subject: String,
    pub(super) text: String,
    pub(super) body: String,
}

impl RawRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<RawRow> {
        Ok(RawRow {
            id: row.get("id")?,
            at_ms: row.get("at_ms")?,
            cluster: row.get("cluster")?,
            kind: row.get("kind")?,
            subject: row.get("subject")?,
            text: row.get("text")?,
            body: row.get("body")?,
        })
    }
}
