//! `events`: pages of the journal for whoever follows it. The file is read by threads beside the
//! tasks, two at a time: however many clients ask, and however much, the tasks of the clusters keep
//! their own, and between two pages nobody holds the journal.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use crate::control::{Answer, EVENTS_WAIT, EventsAsked, Refusal};
use crate::store::{Journal, Page, Start, StoreError, Wanted};

/// Readers at once.
static READERS: Semaphore = Semaphore::const_new(2);
/// After a transaction so long is waited for the next ones: what comes together is read together.
const TOGETHER: Duration = Duration::from_millis(50);

/// A page; if there is nothing on it, the wait that was asked for comes first.
pub(super) async fn page(journal: Weak<Journal>, asked: &EventsAsked) -> Answer {
    let wait = Duration::from_millis(asked.wait_ms).min(EVENTS_WAIT);
    match next(&journal, asked.wanted(), Instant::now() + wait).await {
        Ok(page) => Answer::Events {
            page: Box::new(page.into()),
        },
        Err(err) => {
            let text = format!("the journal cannot be read: {err}");
            Answer::refused(Refusal::Busy, text)
        }
    }
}

/// Whoever waits here does not keep the journal from being closed.
async fn next(
    journal: &Weak<Journal>,
    mut wanted: Wanted,
    end: Instant,
) -> Result<Page, StoreError> {
    let open = || journal.upgrade().ok_or(StoreError::Stopped);
    let mut changes = open()?.changes();
    loop {
        changes.borrow_and_update();
        let page = read(open()?, wanted.clone()).await?;
        if !page.found.is_empty() || Instant::now() >= end {
            return Ok(page);
        }
        wanted.from = Start::After(page.last);
        // An error means that the journal is being closed: then there is nothing to wait for.
        if !matches!(timeout_at(end, changes.changed()).await, Ok(Ok(()))) {
            return Ok(page);
        }
        sleep(TOGETHER).await;
    }
}

pub(super) async fn read(journal: Arc<Journal>, wanted: Wanted) -> Result<Page, StoreError> {
    // It is never closed.
    let _turn = READERS.acquire().await.ok();
    let read = tokio::task::spawn_blocking(move || journal.page(&wanted));
    // It ends early only with the runtime.
    read.await.unwrap_or(Err(StoreError::Stopped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::EventPage;
    use crate::store::{Entry, EntryKind};

    fn entry(cluster: &str, text: &str) -> Entry {
        Entry {
            cluster: cluster.to_owned(),
            kind: EntryKind::Event,
            subject: String::new(),
            body: serde_json::Value::Null,
            text: text.to_owned(),
        }
    }

    async fn ask(journal: &Arc<Journal>, asked: &EventsAsked) -> EventPage {
        match page(Arc::downgrade(journal), asked).await {
            Answer::Events { page } => *page,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn whoever_waits_is_told_of_the_next_and_of_no_other_cluster() {
        let home = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        journal.append(vec![entry("pki", "one")]).await.unwrap();
        let newest = EventsAsked::default();
        let first = ask(&journal, &newest).await;
        assert_eq!(first.lines.len(), 1);
        let asked = EventsAsked {
            cluster: Some("pki".to_owned()),
            after: Some(first.last),
            wait_ms: 10_000,
            ..newest
        };
        let waits = {
            let (journal, asked) = (Arc::clone(&journal), asked.clone());
            tokio::spawn(async move { ask(&journal, &asked).await })
        };
        journal.append(vec![entry("web", "no")]).await.unwrap();
        journal.append(vec![entry("pki", "two")]).await.unwrap();
        let page = waits.await.unwrap();
        let texts: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["two"]);
        let nothing = EventsAsked {
            after: Some(page.last),
            wait_ms: 1,
            ..asked
        };
        let none = ask(&journal, &nothing).await;
        assert_eq!((none.lines.len(), none.last), (0, page.last));
    }

    #[tokio::test]
    async fn who_waits_does_not_keep_the_journal_open() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::open(home.path()).unwrap();
        journal.append(vec![entry("pki", "one")]).await.unwrap();
        let journal = Arc::new(journal);
        let asked = EventsAsked {
            after: Some(1),
            wait_ms: 10_000,
            ..EventsAsked::default()
        };
        let waits = page(Arc::downgrade(&journal), &asked);
        let close = async move {
            tokio::task::yield_now().await;
            drop(journal);
        };
        let (told, ()) = tokio::join!(waits, close);
        // It was asked of before, or after: both end, and the home is free.
        assert!(matches!(
            told,
            Answer::Events { .. } | Answer::Refused { .. }
        ));
        Journal::open(home.path()).unwrap();
    }
}
