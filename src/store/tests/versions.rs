//! Journals of every schema there ever was, `tests/journals/vN.sql`: each opens, is brought to the
//! newest schema, and gives what it held.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::super::schema::VERSION;
use super::super::*;
use crate::machine::memory::Memory;

/// A home whose journal has that schema.
fn home_of(version: i64) -> tempfile::TempDir {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals");
    let file: PathBuf = folder.join(format!("v{version}.sql"));
    let sql = fs::read_to_string(&file)
        .unwrap_or_else(|_| panic!("schema {version} has no {}: dump one", file.display()));
    let home = tempfile::tempdir().unwrap();
    let journal = Connection::open(home.path().join(FILE_NAME)).unwrap();
    journal.execute_batch(&sql).unwrap();
    home
}

fn memory(journal: &Journal, cluster: &str) -> Memory {
    let state = journal.load_state(cluster).unwrap().unwrap();
    serde_json::from_value(state).unwrap()
}

fn one(home: &Path, query: &str) -> i64 {
    let journal = Connection::open(home.join(FILE_NAME)).unwrap();
    journal.query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_journal_of_every_schema_is_read_and_goes_on() {
    for version in 1..=VERSION {
        let home = home_of(version);
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
