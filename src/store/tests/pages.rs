//! Pages: every entry once, in order, whoever writes meanwhile.

use std::time::{Duration, SystemTime};

use super::super::{Batch, Entry, EntryKind, Journal, PAGE, Reader, Start, Wanted};
use super::entry;

fn wanted(from: Start) -> Wanted {
    Wanted {
        cluster: Some("pki".to_owned()),
        kinds: Vec::new(),
        from,
        limit: PAGE,
    }
}

fn texts(page: &super::super::Page) -> Vec<&str> {
    page.found.iter().map(|f| f.entry.text.as_str()).collect()
}

fn numbered(count: std::ops::Range<usize>) -> Vec<Entry> {
    count
        .map(|n| entry(EntryKind::Event, &n.to_string()))
        .collect()
}

#[tokio::test]
async fn pages_hold_every_entry_once_while_more_are_written() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    journal.append(numbered(0..1500)).await.unwrap();
    let other = Entry {
        cluster: "web".to_owned(),
        ..entry(EntryKind::Event, "no")
    };
    journal.append(vec![other]).await.unwrap();
    let first = journal.page(&wanted(Start::After(0))).unwrap();
    assert!(first.more);
    assert_eq!(first.found.len(), 1000);
    journal.append(numbered(1500..1510)).await.unwrap();
    let second = journal.page(&wanted(Start::After(first.last))).unwrap();
    assert!(!second.more);
    let all: Vec<String> = [texts(&first), texts(&second)]
        .concat()
        .iter()
        .map(ToString::to_string)
        .collect();
    let numbers: Vec<String> = (0..1510).map(|n| n.to_string()).collect();
    assert_eq!(all, numbers);
    let third = journal.page(&wanted(Start::After(second.last))).unwrap();
    assert_eq!((third.found.len(), third.last), (0, second.last));
}

#[tokio::test]
async fn the_newest_and_those_of_some_kinds() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    for kind in EntryKind::ALL {
        journal
            .append(vec![entry(kind, kind.name())])
            .await
            .unwrap();
    }
    let two = Wanted {
        limit: 2,
        ..wanted(Start::Newest)
    };
    let page = journal.page(&two).unwrap();
    assert_eq!(texts(&page), ["boot", "service"]);
    assert!(!page.more);
    let none = Wanted { limit: 0, ..two };
    assert_eq!(journal.page(&none).unwrap().last, page.last);
    let some = Wanted {
        kinds: vec![EntryKind::Hold, EntryKind::Role],
        ..wanted(Start::After(0))
    };
    assert_eq!(texts(&journal.page(&some).unwrap()), ["role", "hold"]);
    let nobody = Wanted {
        cluster: Some("nobody".to_owned()),
        ..wanted(Start::Newest)
    };
    assert_eq!(journal.page(&nobody).unwrap().last, page.last);
}

#[tokio::test]
async fn entries_have_the_time_when_they_happened_and_are_found_by_it() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_714_709);
    let at = |n: u64| begin + Duration::from_secs(n * 30);
    let batch = Batch {
        entries: numbered(0..100),
        times: (0..100).map(at).collect(),
        ..Batch::default()
    };
    journal.write(batch).await.unwrap();
    for n in [0, 1, 50, 99] {
        let page = journal.page(&wanted(Start::Since(at(n)))).unwrap();
        assert_eq!(texts(&page).len(), 100 - usize::try_from(n).unwrap());
        assert_eq!(page.found[0].at, at(n));
        assert_eq!(page.found[0].entry.text, n.to_string());
    }
    let late = journal.page(&wanted(Start::Since(at(100)))).unwrap();
    assert!(late.found.is_empty());
    let all = wanted(Start::Since(SystemTime::UNIX_EPOCH));
    assert_eq!(journal.page(&all).unwrap().found.len(), 100);
}

#[tokio::test]
async fn a_page_ends_when_it_is_large_and_another_journal_is_read_from_its_beginning() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let large = Entry {
        body: serde_json::json!("x".repeat(600 << 10)),
        ..entry(EntryKind::Event, "large")
    };
    journal.append(vec![large; 5]).await.unwrap();
    let page = journal.page(&wanted(Start::After(0))).unwrap();
    assert_eq!((page.found.len(), page.more), (2, true));
    let page = journal.page(&wanted(Start::After(4711))).unwrap();
    assert_eq!((page.found.len(), page.more), (2, true));
    // Without a writer too.
    drop(journal);
    let reader = Reader::open(home.path()).unwrap();
    assert_eq!(reader.page(&wanted(Start::Newest)).unwrap().found.len(), 2);
}

#[tokio::test]
async fn a_transaction_is_told_to_those_who_wait() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let mut changes = journal.changes();
    assert!(!changes.has_changed().unwrap());
    journal.append(numbered(0..1)).await.unwrap();
    changes.changed().await.unwrap();
    assert_eq!(journal.commits(), 1);
    drop(journal);
    assert!(changes.changed().await.is_err());
}
