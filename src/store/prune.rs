//! Bounded growth: entries of the kinds that expire go when they are too many or too old.

use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::utc::unix_millis;

/// How much of what expires is kept, for each cluster on its own. What does not expire
/// (see [`super::EntryKind::expires`]) and the `state` table are never pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Never more than so many expiring entries of a cluster, and so many of the kind `service`.
    pub most: u32,
    /// Of these, the ones older than this go...
    pub age: Duration,
    /// ...but so many of the newest stay however old they seem: a clock that jumps ahead
    /// must not empty the journal.
    pub least: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            most: 100_000,
            age: Duration::from_secs(400 * 86_400),
            least: 10_000,
        }
    }
}

/// Rows taken in one go, so that nobody waits long behind it.
const AT_ONCE: u32 = 5000;

/// Prunes the entries of `cluster`; gives how many rows went.
pub(super) fn prune(
    connection: &Connection,
    cluster: &str,
    retention: Retention,
    now: SystemTime,
) -> rusqlite::Result<usize> {
    let too_many = connection
        .prepare_cached(
            "DELETE FROM entries WHERE id IN (
                SELECT id FROM entries WHERE cluster = ?1 AND expires = 1 AND id <= (
                    SELECT id FROM entries WHERE cluster = ?1 AND expires = 1
                    ORDER BY id DESC LIMIT 1 OFFSET ?2)
                ORDER BY id LIMIT ?3)",
        )?
        .execute((cluster, retention.most, AT_ONCE))?;
    let oldest = unix_millis(
        now.checked_sub(retention.age)
            .unwrap_or(SystemTime::UNIX_EPOCH),
    );
    let too_old = connection
        .prepare_cached(
            "DELETE FROM entries WHERE id IN (
                SELECT id FROM entries WHERE cluster = ?1 AND expires = 1 AND id <= (
                    SELECT id FROM entries WHERE cluster = ?1 AND expires = 1
                    ORDER BY id DESC LIMIT 1 OFFSET ?2)
                AND at_ms < ?3
                ORDER BY id LIMIT ?4)",
        )?
        .execute((cluster, retention.least, oldest, AT_ONCE))?;
    // What `availability` counts stays whatever its age: the last year is asked for in the next one.
    let flickered = connection
        .prepare_cached(
            "DELETE FROM entries WHERE id IN (
                SELECT id FROM entries WHERE cluster = ?1 AND kind = 'service' AND expires = 0 AND id <= (
                    SELECT id FROM entries WHERE cluster = ?1 AND kind = 'service' AND expires = 0
                    ORDER BY id DESC LIMIT 1 OFFSET ?2)
                ORDER BY id LIMIT ?3)",
        )?
        .execute((cluster, retention.most, AT_ONCE))?;
    Ok(too_many + too_old + flickered)
}

/// Every cluster that has entries.
pub(super) fn clusters(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT DISTINCT cluster FROM entries")?
        .query_map([], |row| row.get(0))?
        .collect()
}
