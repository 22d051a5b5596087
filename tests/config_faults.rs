//! Golden cases: a home directory and, word for word, what is said about it.
//!
//! A case is one file in `tests/config/`: the files of a home directory, each after a line
//! `=== PATH`, then `=== guarded` with the names of the clusters that may be guarded, then
//! `=== faults` with the faults as people see them. `UPDATE_GOLDEN=1 cargo test --test
//! config_faults` writes the last two anew: look at the difference before it is committed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clusterd::config::{self, Files, Loaded};

/// A home directory in memory.
#[derive(Default)]
struct Home(BTreeMap<String, Vec<u8>>);

impl Home {
    fn with(mut self, path: &str, text: impl Into<Vec<u8>>) -> Home {
        self.0.insert(path.to_owned(), text.into());
        self
    }
}

impl Files for Home {
    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        let inside = |path: &String| path.strip_prefix(&format!("{folder}/")).map(str::to_owned);
        let names: Vec<String> = self.0.keys().filter_map(inside).collect();
        if names.is_empty() && folder == config::CLIST {
            return Err("no such folder".to_owned());
        }
        Ok(names)
    }

    fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, String> {
        let cut = |bytes: &Vec<u8>| bytes[..bytes.len().min(limit)].to_vec();
        Ok(self.0.get(path).map(cut))
    }

    fn exists(&self, path: &str) -> bool {
        path == "chat-scripts/sun-openboot.chat" || self.0.contains_key(path)
    }
}

fn said(loaded: &Loaded) -> (String, String) {
    let mut guarded = String::new();
    for cluster in &loaded.clusters {
        writeln!(guarded, "{}", cluster.name).unwrap();
    }
    let faults: Vec<String> = loaded
        .faults
        .iter()
        .map(|f| loaded.render(f, false))
        .collect();
    (guarded, faults.join("\n"))
}

/// The sections of a case, by their title.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("=== ") {
            Some(title) => sections.push((title.trim().to_owned(), String::new())),
            None => match sections.last_mut() {
                Some((_, body)) => body.push_str(line),
                None => panic!("a case begins with `=== PATH`, not with {line:?}"),
            },
        }
    }
    sections
}

#[test]
fn every_case_is_told_word_for_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut cases = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut home = Home::default();
        let mut expected = (String::new(), String::new());
        let mut files = String::new();
        for (title, body) in sections(&text) {
            match title.as_str() {
                "guarded" => expected.0 = body,
                "faults" => expected.1 = body,
                _ => {
                    write!(files, "=== {title}\n{body}").unwrap();
                    home = home.with(&title, body);
                }
            }
        }
        let found = said(&config::load(&home));
        if update {
            let (guarded, faults) = &found;
            let text = format!("{files}=== guarded\n{guarded}=== faults\n{faults}");
            fs::write(&path, text).unwrap();
        } else if found != expected {
            wrong.push(format!(
                "{}\n--- expected\n{}{}\n--- found\n{}{}",
                path.display(),
                expected.0,
                expected.1,
                found.0,
                found.1
            ));
        }
        cases += 1;
    }
    assert!(cases >= 30, "only {cases} cases: is the folder there?");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

const GOOD: &str = include_str!("config/good-smallest.case");

/// The cluster file of the smallest good case.
fn good() -> String {
    sections(GOOD).remove(0).1
}

#[test]
fn the_smallest_good_case_is_good() {
    let loaded = config::load(&Home::default().with("clist/pki-ca.yaml", good()));
    assert_eq!(loaded.clusters.len(), 1);
    assert_eq!(loaded.faults, []);
}

#[test]
fn bytes_that_are_no_text_are_shown_where_they_stand() {
    let text = [good().as_bytes(), b"# caf\xe9\n"].concat();
    let loaded = config::load(&Home::default().with("clist/pki-ca.yaml", text));
    let (guarded, faults) = said(&loaded);
    assert_eq!(guarded, "");
    let line = good().lines().count() + 1;
    assert_eq!(
        faults,
        format!(
            "error: byte e9 is not UTF-8\n --> clist/pki-ca.yaml:{line}:6\n  \
             = help: save the file as UTF-8\n"
        )
    );
}

#[test]
fn huge_files_are_refused_unread() {
    let text = good() + &"# padding\n".repeat(110_000);
    assert!(text.len() > config::LARGEST);
    let loaded = config::load(&Home::default().with("clist/pki-ca.yaml", text));
    assert!(loaded.clusters.is_empty());
    assert!(
        said(&loaded).1.contains("larger than 1 MiB"),
        "{}",
        said(&loaded).1
    );
}

#[test]
fn aliases_cannot_grow_without_end() {
    let mut text = good();
    text.push_str("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for n in 1..9 {
        let uses = vec![format!("*x{}", n - 1); 10].join(", ");
        writeln!(text, "x{n}: &x{n} [{uses}]").unwrap();
    }
    let loaded = config::load(&Home::default().with("clist/pki-ca.yaml", text));
    assert!(loaded.clusters.is_empty());
    let faults = said(&loaded).1;
    assert!(
        faults.contains("more than 50000 values") || faults.contains("repetition"),
        "{faults}"
    );
}

#[test]
fn a_file_with_thousands_of_faults_is_told_in_a_bounded_way() {
    let mut text = good();
    for n in 0..5_000 {
        writeln!(text, "nonsense{n}: 1").unwrap();
    }
    let loaded = config::load(&Home::default().with("clist/pki-ca.yaml", text));
    assert_eq!(loaded.faults.len(), 101);
    assert!(loaded.clusters.is_empty());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// A good file with one line taken out, doubled, cut or replaced by rubbish never
    /// makes the reader panic, and never leaves an error without its file.
    #[test]
    fn mangled_files_end_in_faults_or_clusters(line in 0usize..20, how in 0u8..4, rubbish in ".{0,30}") {
        let good = good();
        let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
        let line = line % lines.len();
        match how {
            0 => drop(lines.remove(line)),
            1 => lines.insert(line, lines[line].clone()),
            2 => { let half = lines[line].chars().count() / 2; lines[line] = lines[line].chars().take(half).collect(); }
            _ => lines[line].push_str(&rubbish),
        }
        let loaded = config::load(&Home::default().with("clist/pki-ca.yaml", lines.join("\n")));
        assert_eq!(loaded.clusters.len() + loaded.refused.len(), 1);
        assert_eq!(loaded.clusters.is_empty(), loaded.has_errors());
        let _ = said(&loaded);
    }
}
