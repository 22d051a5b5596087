//! Every alarm that can be raised stands in docs/safety.md, with what to do about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clusterd::machine::alarm_code;

use crate::{File, tree};

/// Codes by the file that raises them.
type Raised = BTreeMap<String, String>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn is_code(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

fn is_constant(word: &str) -> bool {
    word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// Constants of codes, by their names: `const HOOK: &str = "hook";`.
fn constants(files: &[File]) -> BTreeMap<String, BTreeSet<String>> {
    let mut constants: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let lines = files.iter().flat_map(|file| file.text.lines());
    for line in lines {
        let Some((_, rest)) = line.split_once("const ") else {
            continue;
        };
        if let Some((name, value)) = rest.split_once(": &str = \"") {
            let code = value.trim_end_matches("\";");
            if is_code(code) {
                let all = constants.entry(name.to_owned()).or_default();
                all.insert(code.to_owned());
            }
        }
    }
    constants
}

/// What the daemon raises by itself: literals and constants behind `.raise(`.
fn of_the_daemon() -> Raised {
    let files = tree();
    let constants = constants(&files);
    let mut raised = Raised::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        for call in file.text.split(".raise(").skip(1) {
            let call = call.split(");").next().unwrap_or(call);
            let literals = call
                .split('"')
                .skip(1)
                .step_by(2)
                .filter(|word| is_code(word));
            for code in literals {
                raised.insert(code.to_owned(), file.path.clone());
            }
            let words = call.split(|c: char| !c.is_alphanumeric() && c != '_');
            for name in words.filter(|word| is_constant(word)) {
                for code in constants.get(name).into_iter().flatten() {
                    raised.insert(code.clone(), file.path.clone());
                }
            }
        }
    }
    raised
}

fn of_the_scripts() -> Raised {
    let mut raised = Raised::new();
    for entry in fs::read_dir(root().join("chat-scripts")).expect("they are there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|kind| kind != "chat") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a script can be read");
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            for three in words.windows(3) {
                if let ["alarm", "critical" | "warning" | "notice", code] = three
                    && is_code(code)
                {
                    raised.insert((*code).to_owned(), path.display().to_string());
                }
            }
        }
    }
    raised
}

/// Codes in the first cells of the page's tables, and those that its last paragraph names.
fn told(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).expect("the page is there");
    let (_, alarms) = text
        .split_once("## Alarms: what to do")
        .expect("its chapter");
    let mut told = BTreeSet::new();
    for line in alarms.lines() {
        let told_here = match line.strip_prefix("| ") {
            Some(row) => row.split(" | ").next().unwrap_or(row),
            None if line.starts_with('`') => line,
            None => continue,
        };
        let words = told_here.split('`').skip(1).step_by(2);
        told.extend(words.filter(|word| is_code(word)).map(str::to_owned));
    }
    told
}

#[test]
fn every_alarm_stands_in_the_safety_chapter() {
    let daemon = of_the_daemon();
    let scripts = of_the_scripts();
    assert!(
        daemon.contains_key("task_stuck") && daemon.contains_key("hook"),
        "{daemon:?}"
    );
    assert!(daemon.len() > 12, "{daemon:?}");
    assert!(scripts.len() > 25, "{scripts:?}");
    let machine = alarm_code::ALL.map(|code| (code.to_owned(), "src/machine".to_owned()));
    let told = told(&root().join("docs/safety.md"));
    let missing: Vec<String> = machine
        .into_iter()
        .chain(daemon)
        .chain(scripts)
        .filter(|(code, _)| !told.contains(code))
        .map(|(code, path)| format!("{code}, raised in {path}"))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/safety.md says nothing of\n{}",
        missing.join("\n")
    );
}
