//! The journal page by page: what `events`, `history` and every later face read. A page is one short
//! read transaction; between two pages nobody holds anything, so whoever reads slowly, or not at
//! all, keeps neither the writer nor its checkpoints waiting.

use std::time::{Duration, SystemTime};

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Transaction, params_from_iter};

use super::reader::{RawRow, Reader};
use super::utc::{from_unix_millis, unix_millis};
use super::{EntryKind, Recorded, StoreError};

/// Entries of one page at the most.
pub const PAGE: u32 = 1000;
/// Bytes of text and JSON after which a page ends; its last entry may go beyond.
const PAGE_BYTES: usize = 1 << 20;
/// Entries stand in the order of writing, and say when they happened: a journal that could not be
/// written has older ones behind newer ones. So far back is looked for those.
const SLACK: Duration = Duration::from_secs(60);

/// Which entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of this cluster; of all and of the host where none is named.
    pub cluster: Option<String>,
    /// Of these kinds; of all where none is named.
    pub kinds: Vec<EntryKind>,
    /// From where on.
    pub from: Start,
    /// So many at the most, and never more than [`PAGE`].
    pub limit: u32,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After the entry of that number.
    After(i64),
    /// With what happened then.
    Since(SystemTime),
    /// So that it ends with the newest.
    Newest,
}

/// Some entries, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// They.
    pub found: Vec<Recorded>,
    /// The next page is [`Start::After`] this.
    pub last: i64,
    /// Whether there is more already.
    pub more: bool,
}

impl Reader {
    /// One page. A journal that holds no entry of the number to begin after is another one than
    /// that number is of, and is read from its beginning.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn page(&self, wanted: &Wanted) -> Result<Page, StoreError> {
        let ours = |err: &rusqlite::Error| StoreError::from_sqlite(self.path(), err);
        let view = self
            .connection()
            .unchecked_transaction()
            .map_err(|err| ours(&err))?;
        let tip = tip(&view).map_err(|err| ours(&err))?;
        let (after, since) = match wanted.from {
            Start::After(after) if after > tip => (0, None),
            Start::After(after) => (after, None),
            Start::Since(at) => {
                let early = at.checked_sub(SLACK).unwrap_or(SystemTime::UNIX_EPOCH);
                let before = before(&view, unix_millis(early), tip);
                (before.map_err(|err| ours(&err))?, Some(at))
            }
            Start::Newest => (0, None),
        };
        let (raw, more) = rows(&view, wanted, after, since).map_err(|err| ours(&err))?;
        drop(view);
        let last = match raw.last() {
            Some(row) if more => row.id,
            _ => tip,
        };
        let found: Result<_, _> = raw.into_iter().map(|row| self.recorded(row)).collect();
        Ok(Page {
            found: found?,
            last,
            more,
        })
    }
}

/// The number of the newest entry; 0 before the first.
fn tip(view: &Transaction<'_>) -> rusqlite::Result<i64> {
    view.query_row("SELECT coalesce(max(id), 0) FROM entries", [], |row| {
        row.get(0)
    })
}

/// The number after which what happened since `at_ms` begins, found by halving: no index has the times.
fn before(view: &Transaction<'_>, at_ms: i64, tip: i64) -> rusqlite::Result<i64> {
    let mut next =
        view.prepare_cached("SELECT id, at_ms FROM entries WHERE id > ?1 ORDER BY id LIMIT 1")?;
    let (mut low, mut high) = (0, tip);
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(i64, i64)> = next
            .query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match found {
            Some((id, time)) if time < at_ms => low = id,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The rows of a page, and whether there are more behind them.
fn rows(
    view: &Transaction<'_>,
    wanted: &Wanted,
    after: i64,
    since: Option<SystemTime>,
) -> rusqlite::Result<(Vec<RawRow>, bool)> {
    let limit = usize::try_from(wanted.limit.min(PAGE)).unwrap_or(usize::MAX);
    let newest = wanted.from == Start::Newest;
    let mut conditions = vec!["id > ?".to_owned()];
    let mut values = vec![Value::from(after)];
    if let Some(cluster) = &wanted.cluster {
        conditions.push("cluster = ?".to_owned());
        values.push(Value::from(cluster.clone()));
    }
    if let Some(since) = since {
        conditions.push("at_ms >= ?".to_owned());
        values.push(Value::from(unix_millis(since)));
    }
    if !wanted.kinds.is_empty() {
        let marks = vec!["?"; wanted.kinds.len()].join(", ");
        conditions.push(format!("kind IN ({marks})"));
        let names = wanted.kinds.iter().map(|kind| kind.name().to_owned());
        values.extend(names.map(Value::from));
        if !wanted.kinds.iter().any(|kind| kind.expires()) {
            // An index has what stays, by cluster and kind: all else is not even looked at.
            conditions.push("expires = 0".to_owned());
        }
    }
    let query = format!(
        "SELECT id, at_ms, cluster, kind, subject, text, body FROM entries WHERE {} ORDER BY id {}",
        conditions.join(" AND "),
        if newest { "DESC" } else { "ASC" },
    );
    let mut statement = view.prepare(&query)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut page = Vec::new();
    let mut bytes = 0;
    let mut more = false;
    while let Some(row) = found.next()? {
        if page.len() >= limit || bytes >= PAGE_BYTES {
            more = !newest;
            break;
        }
        let row = RawRow::read(row)?;
        bytes += row.text.len() + row.body.len();
        page.push(row);
    }
    if newest {
        page.reverse();
    }
    Ok((page, more))
}

impl Recorded {
    /// When, in milliseconds since 1970.
    pub fn at_ms(&self) -> u64 {
        u64::try_from(unix_millis(self.at)).unwrap_or(0)
    }
}

/// The time that is so many milliseconds after 1970 began.
pub fn from_millis(millis: u64) -> SystemTime {
    from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
