//! Journals of every schema there ever was, `tests/journals/vN.sql`: each opens, is brought to the
//! newest schema, and gives what it held.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::super::schema::VERSION;
use super::super::*;
use crate::machine::memory::{self, *};

/// A home with that journal.
fn home_of(name: &str) -> tempfile::TempDir {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals");
    let file: PathBuf = folder.join(name);
    let sql = fs::read_to_string(&file)
        .unwrap_or_else(|_| panic!("there is no {}: dump one", file.display()));
    let home = tempfile::tempdir().unwrap();
    let journal = Connection::open(home.path().join(FILE_NAME)).unwrap();
    journal.execute_batch(&sql).unwrap();
    home
}

fn memory(journal: &Journal, cluster: &str) -> Memory {
    let state = journal.load_state(cluster).unwrap().unwrap();
    Memory::read(state).unwrap()
}

fn one(home: &Path, query: &str) -> i64 {
    let journal = Connection::open(home.join(FILE_NAME)).unwrap();
    journal.query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_journal_of_every_schema_is_read_and_goes_on() {
    for version in 1..=VERSION {
        let home = home_of(&format!("v{version}.sql"));
        let journal = Journal::open(home.path()).unwrap();
        assert_eq!(one(home.path(), "PRAGMA user_version"), VERSION);
        let brought = "SELECT count(*) FROM schema_versions";
        assert_eq!(one(home.path(), brought), VERSION, "from {version}");

        let remembered = memory(&journal, "pki-ca");
        let package = &remembered.packages[0];
        assert_eq!(package.primary.as_deref(), Some("ca2"));
        assert_eq!(package.heir.as_deref(), Some("ca2"));
        assert!(!package.confirmed);
        assert_eq!(package.switches, [1_795_227_189]);
        assert!(remembered.nodes[0].panicked && remembered.nodes[0].guard_read);
        assert!(remembered.nodes[1].siege);
        assert_eq!(remembered.nodes[1].host_id.as_deref(), Some("80b1c2d4"));
        assert_eq!(remembered.version, 1);
        let old = memory(&journal, "old");
        assert_eq!(old.packages[0].primary.as_deref(), Some("o1"));
        assert!(old.packages[0].confirmed && !old.nodes[0].panicked);

        let texts = || -> Vec<String> {
            let history = journal.history("pki-ca", 99).unwrap().into_iter();
            history.map(|recorded| recorded.entry.text).collect()
        };
        assert_eq!(texts().len(), 8, "from {version}");
        assert_eq!(texts()[0], "ca1: console connected");
        let entry = Entry {
            cluster: "pki-ca".to_owned(),
            kind: EntryKind::Result,
            subject: "ca2".to_owned(),
            body: serde_json::Value::Null,
            text: "ca runs on ca2".to_owned(),
        };
        let open = "SELECT count(*) FROM intents_open WHERE cluster = 'pki-ca'";
        assert_eq!(one(home.path(), open), 1);
        journal.append(vec![entry]).await.unwrap();
        assert_eq!(texts().len(), 9);
        assert_eq!(one(home.path(), open), 0);
        assert_eq!(one(home.path(), "SELECT count(*) FROM words_readable"), 1);
    }
}

/// Every field by its name: a new one does not compile here, and needs a version and a file of its own.
#[test]
fn every_word_that_is_remembered_is_read() {
    let home = home_of(&format!("memory{}.sql", memory::VERSION));
    let journal = Journal::open(home.path()).unwrap();
    let some = |text: &str| Some(text.to_owned());
    let at = |seconds: u64| 1_795_227_189 + seconds;
    let word = |who: &str, reason: &str, began, lasts| WordMemory {
        who: who.to_owned(),
        reason: reason.to_owned(),
        began: at(began),
        until: at(began) + lasts,
        lasts,
    };
    let package = PackageMemory {
        package: "ca".to_owned(),
        primary: some("ca2"),
        had: some("ca1"),
        confirmed: true,
        heir: some("ca1"),
        hold: some("nobody can be stopped"),
        switches: vec![at(0)],
        restarts: vec![at(1)],
        held: Some(Held {
            who: "alice".to_owned(),
            reason: "audit".to_owned(),
            since: at(2),
            fence: true,
            state: some("away"),
        }),
        drill: Some(Drill {
            node: "ca1".to_owned(),
            at: at(3),
            good: true,
            text: "all went well".to_owned(),
        }),
    };
    let node = NodeMemory {
        node: "ca1".to_owned(),
        host_id: some("80b1c2d3"),
        break_worked: true,
        guard_read: true,
        guard_last: Some(GuardReading {
            at: at(4),
            by: "a fence".to_owned(),
        }),
        siege: true,
        failures: vec![at(5)],
        panicked: true,
        unfenced_failure: true,
        maintenance: Some(word("bob", "new disks", 6, 7200)),
        out_of_service: Some(OutMemory {
            word: word("carol", "new mainboard", 7, 86400),
            over: true,
        }),
    };
    let mut whole = Memory {
        version: 3,
        packages: vec![package],
        nodes: vec![node],
        maintenance: Some(word("dave", "new switch", 8, 3600)),
        well: Some(WellMemory {
            word: word("erin", "it is well", 9, 1800),
            causes: vec!["logs".to_owned()],
        }),
    };
    assert_eq!(memory(&journal, "pki-ca"), whole);
    let body = journal.load_state("pki-ca").unwrap().unwrap();
    assert_eq!(serde_json::to_value(&whole).unwrap(), body);

    // The version before had all but the newest words.
    let home = home_of("memory2.sql");
    whole.version = 2;
    whole.packages[0].had = None;
    assert_eq!(
        memory(&Journal::open(home.path()).unwrap(), "pki-ca"),
        whole
    );
}

#[test]
fn a_memory_of_a_newer_clusterd_is_not_read() {
    for (body, why) in [
        (
            "{\"version\":4,\"packages\":[],\"nodes\":[]}",
            "a newer clusterd wrote it",
        ),
        ("{\"version\":\"4\"}", "is no number"),
        ("[]", "expected struct Memory"),
    ] {
        let said = Memory::read(serde_json::from_str(body).unwrap()).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}
