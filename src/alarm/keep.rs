//! The journal of the alarms: every change, and what is open, so that a restart forgets none.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Alarm;
use super::registry::{Alarms, Change};
use crate::store::{Entry, EntryKind, Journal, StoreError};

/// The name under which the journal keeps the host's own state: no cluster is called so.
const HOST: &str = "";

/// A journal that failed is tried again after so long.
const TRIED_AGAIN: Duration = Duration::from_secs(5);

/// Changes that wait for a journal that fails; the oldest are dropped.
const WAITING: usize = 1000;

/// What was open when clusterd was last here.
///
/// # Errors
/// The journal cannot be read.
pub fn load(journal: &Journal) -> Result<Vec<Alarm>, StoreError> {
    let kept = journal.load_state(HOST)?;
    // Alarms of another version that cannot be read are raised again by what is wrong.
    Ok(kept
        .and_then(|json| serde_json::from_value(json).ok())
        .unwrap_or_default())
}

/// Journals the changes until `stop` says so, and what is left then.
pub async fn keep(alarms: Arc<Alarms>, journal: Arc<Journal>, mut stop: watch::Receiver<bool>) {
    let mut waiting: Vec<Change> = Vec::new();
    loop {
        let stopping = tokio::select! {
            () = alarms.changed.notified() => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        let (changes, open) = alarms.take_changes();
        waiting.extend(changes);
        if !waiting.is_empty() {
            match write(&journal, &waiting, &open).await {
                Ok(()) => waiting.clear(),
                Err(err) if !stopping => {
                    tracing::warn!("failed to journal the alarms: {err}");
                    tokio::select! {
                        () = tokio::time::sleep(TRIED_AGAIN) => alarms.changed.notify_one(),
                        _ = stop.wait_for(|stop| *stop) => {}
                    }
                    // What is open is what counts; of a long failure's lines the last will do.
                    let excess = waiting.len().saturating_sub(WAITING);
                    waiting.drain(..excess);
                }
                Err(_) => {}
            }
        }
        if stopping {
            return;
        }
    }
}

async fn write(journal: &Journal, changes: &[Change], open: &[Alarm]) -> Result<(), StoreError> {
    let entries = changes
        .iter()
        .map(|change| Entry {
            cluster: change.subject.cluster.clone(),
            kind: EntryKind::Alarm,
            subject: change.subject.package.clone(),
            body: serde_json::json!({ "code": change.code }),
            text: change.text.clone(),
        })
        .collect();
    let state = serde_json::to_value(open).unwrap_or_default();
    journal
        .append_with_state(entries, Some((HOST.to_owned(), state)))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::Subject;
    use crate::config::Settings;
    use crate::scribe::Scribe;
    use crate::script::program::Severity;

    #[tokio::test]
    async fn what_is_open_outlives_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let scribe = Arc::new(Scribe::start(home.path(), &Settings::default()).unwrap());
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        let alarms = Arc::new(Alarms::new(Arc::clone(&scribe), load(&journal).unwrap()));
        let (stop, stopped) = watch::channel(false);
        let keeper = tokio::spawn(keep(Arc::clone(&alarms), Arc::clone(&journal), stopped));
        let ca = Subject::package("pki-ca", "ca");
        alarms.raise(&ca, Severity::Critical, "hold", "in HOLD");
        alarms.raise(&ca, Severity::Warning, "standby_lost", "dark");
        alarms.clear(&ca, "standby_lost");
        stop.send(true).unwrap();
        keeper.await.unwrap();
        let again = Alarms::new(scribe, load(&journal).unwrap());
        let open = again.open(None);
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].code.as_str(), open[0].from_before), ("hold", true));
        assert_eq!(journal.history("pki-ca", 10).unwrap().len(), 3);
    }
}
