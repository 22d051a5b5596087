//! The rules of the tree, held by reading its text: what the pure folders may not name,
//! which folder may know which, how long files and functions may be, and that no `unwrap`
//! stands outside tests. CONTRIBUTING.md has the rules in words. The last tests show that
//! each rule can fail.

mod alarms;
mod arrows;
mod code;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrows::ARROWS;

/// Folders and files under `src/` that read no clock, open nothing and roll no dice.
const PURE: &[&str] = &[
    "clock",
    "name",
    "script",
    "config",
    "proto",
    "transcript",
    "matcher",
    "machine",
    "sim",
];

/// Files inside pure folders that stand at the edge: they serve simulated nodes on sockets.
const EDGES: &[&str] = &["sim/serve"];

/// What pure code may not name, and what to do instead.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "pure code waits for nothing: give it an input"),
    (
        "std::net",
        "pure code opens nothing; `core::net` has the address types",
    ),
    ("std::fs", "pure code opens nothing: give it the text"),
    (
        "std::process",
        "pure code starts nothing: give it the result",
    ),
    ("std::thread", "pure code has one thread"),
    (
        "std::env",
        "pure code reads no surroundings: give it a value",
    ),
    (
        "Instant",
        "pure code reads no clock: take a `clock::Moment`",
    ),
    (
        "SystemTime",
        "pure code reads no clock: take a `clock::Moment`",
    ),
    (
        "getrandom",
        "pure code rolls no dice: take the number as an input",
    ),
    ("RandomState", "pure code rolls no dice"),
    ("HashMap", "its order changes from run to run: `BTreeMap`"),
    ("HashSet", "its order changes from run to run: `BTreeSet`"),
];

const LONGEST_FILE: usize = 1000;
const LONGEST_FUNCTION: usize = 100;

/// A file of the tree.
struct File {
    /// Its path from the root of the project.
    path: String,
    text: String,
}

impl File {
    /// Whether only tests are built from it.
    fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts
            .clone()
            .any(|part| part == "tests" || part == "benches")
            || parts.next_back().is_some_and(|name| name == "tests.rs")
    }

    /// The folder or file under `src/` that it belongs to.
    fn folder(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split('/').next()?.trim_end_matches(".rs"))
    }

    /// How many modules its own module is below the crate.
    fn depth(&self) -> usize {
        let parts = self.path.trim_start_matches("src/").split('/').count();
        let own_folder = self.path.ends_with("/mod.rs");
        parts - usize::from(own_folder)
    }

    fn is_pure(&self) -> bool {
        let inside = self.path.strip_prefix("src/").unwrap_or("");
        let edge = EDGES.iter().any(|edge| inside.starts_with(edge));
        !edge && self.folder().is_some_and(|folder| PURE.contains(&folder))
    }
}

/// All faults of one file.
fn faults(file: &File) -> Vec<String> {
    let bare = code::bare(&file.text);
    let mut faults = Vec::new();
    let mut fault = |line: usize, what: &str| faults.push(format!("{}:{line}: {what}", file.path));
    if !file.text.starts_with("//!") {
        fault(
            1,
            "the first line does not say (`//!`) what the file is for",
        );
    }
    let lines = file.text.lines().count();
    if lines >= LONGEST_FILE {
        fault(
            lines,
            &format!("{lines} lines: past 400 a file asks to be two"),
        );
    }
    for (name, line, lines) in code::functions(&bare) {
        if lines >= LONGEST_FUNCTION {
            fault(
                line,
                &format!("fn {name} has {lines} lines: past 70 it asks to be two"),
            );
        }
    }
    for line in code::lines_with(&bare, "#[ignore]") {
        fault(line, "say why: #[ignore = \"…\"]");
    }
    if !file.path.starts_with("src/") || file.is_test() {
        return faults;
    }
    let code = code::without_tests(&bare);
    for line in code::lines_with(&code, ".unwrap()") {
        fault(
            line,
            "`unwrap` outside a test: `expect` states the invariant",
        );
    }
    if file.is_pure() {
        for (word, mend) in IMPURE {
            for line in code::lines_with(&code, word) {
                fault(line, &format!("`{word}` in a pure folder: {mend}"));
            }
        }
        // A generator with a seed is welcome; the free functions and `new` take one from
        // the clock and the thread.
        for (n, line) in code.lines().enumerate() {
            let free = line.replace("fastrand::Rng", "");
            if free.contains("fastrand::") || line.contains("Rng::new()") {
                fault(
                    n + 1,
                    "a generator without a seed in a pure folder: `Rng::with_seed`",
                );
            }
        }
    }
    faults.extend(wrong_arrows(file, &code));
    faults
}

/// The arrows of a file that point where none may.
fn wrong_arrows(file: &File, code: &str) -> Vec<String> {
    let Some(folder) = file.folder().filter(|f| !["lib", "main"].contains(f)) else {
        return Vec::new();
    };
    let Some((_, may)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
        return vec![format!(
            "{}: no rule says whom {folder} may know",
            file.path
        )];
    };
    let is_folder = |name: &String| ARROWS.iter().any(|(folder, _)| folder == name);
    arrows::named(code, file.depth())
        .into_iter()
        .filter(is_folder)
        .filter(|name| name != folder && !["clock", "name"].contains(&name.as_str()))
        .filter(|name| !may.contains(&name.as_str()))
        .map(|name| format!("{}: {folder} may not know {name}", file.path))
        .collect()
}

fn tree() -> Vec<File> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz/fuzz_targets", "fuzz/src"] {
        collect(&root, &root.join(folder), &mut files);
    }
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(File {
                text: fs::read_to_string(&path).unwrap(),
                path: path.strip_prefix(root).unwrap().display().to_string(),
            });
        }
    }
}

#[test]
fn the_tree_is_tidy() {
    let files = tree();
    assert!(
        files.len() > 20,
        "only {} files: is this the project?",
        files.len()
    );
    let mut all: Vec<String> = files.iter().flat_map(faults).collect();
    all.sort();
    assert!(all.is_empty(), "\n{}\n", all.join("\n"));
}

#[test]
fn no_arrow_points_back() {
    // The table itself must have no circle: give each folder a height above all it knows.
    let mut heights: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in ARROWS {
        for (folder, may) in ARROWS {
            let height = may
                .iter()
                .map(|known| heights.get(known).map_or(1, |h| h + 1))
                .max();
            heights.insert(folder, height.unwrap_or(0));
        }
    }
    let highest = heights.values().max().copied().unwrap_or(0);
    assert!(
        highest < ARROWS.len(),
        "the arrows run in a circle: {heights:?}"
    );
}

/// The faults of a text that stands at `path`.
fn said(path: &str, text: &str) -> String {
    faults(&File {
        path: path.to_owned(),
        text: format!("//! A file.\n{text}"),
    })
    .join("\n")
}

#[test]
fn pure_folders_are_held_to_their_rule() {
    for (text, word) in [
        ("use tokio::time;", "tokio"),
        ("fn f() { let x = std::fs::read(\"a\"); }", "std::fs"),
        ("use std::net::TcpStream;", "std::net"),
        ("use std::process::Command;", "std::process"),
        ("use std::time::{Duration, Instant};", "Instant"),
        ("fn f() { std::time::SystemTime::now(); }", "SystemTime"),
        ("use std::collections::{BTreeMap, HashMap};", "HashMap"),
        ("type S = std::collections::HashSet<u8>;", "HashSet"),
        ("fn f() { let a = fastrand::u32(..); }", "without a seed"),
        ("fn f() { let r = fastrand::Rng::new(); }", "without a seed"),
        ("fn f() { getrandom::fill(&mut []); }", "getrandom"),
    ] {
        for path in ["src/machine/step.rs", "src/sim/node.rs", "src/clock.rs"] {
            assert!(said(path, text).contains(word), "{path}: {text}");
        }
        assert_eq!(said("src/probe/ping.rs", text), "", "edges may");
        assert_eq!(said("src/sim/serve.rs", text), "", "serve is an edge");
    }
    for fine in [
        "// tokio, HashMap and std::fs stand in a comment only\n",
        "const A: &str = \"std::fs and Instant\";",
        "const A: &str = r#\"HashMap \" tokio\"#;",
        "/* a /* nested */ tokio */",
        "fn f(r: &mut fastrand::Rng) { r.u32(..); }",
        "struct Instantly; fn f<'a>(x: &'a str) -> char { '\"' }",
        "use core::net::IpAddr; use std::time::Duration;",
        "#[cfg(test)]\nmod tests { use std::fs; fn f() { std::fs::read(\"x\").unwrap(); } }",
    ] {
        assert_eq!(said("src/machine/step.rs", fine), "", "{fine}");
    }
}

#[test]
fn arrows_are_held_to_their_direction() {
    for (path, text) in [
        ("src/script/parse.rs", "use crate::config::Cluster;"),
        ("src/machine/step.rs", "fn f() { crate::store::open(); }"),
        (
            "src/machine/proof/reset.rs",
            "use crate::{clock::Moment, daemon::{self, x}, name};",
        ),
        ("src/proto/mod.rs", "use super::machine::Input;"),
        ("src/proto/telnet.rs", "use super::super::machine::Input;"),
        ("src/cluster/mod.rs", "use crate::cli::Cli;"),
        ("src/novel.rs", "fn f() {}"),
    ] {
        assert_ne!(said(path, text), "", "{path}: {text}");
    }
    for (path, text) in [
        (
            "src/config/program.rs",
            "use crate::script::program::Program;",
        ),
        (
            "src/script/parse/mod.rs",
            "use super::ast::File; use crate::clock::parse_span;",
        ),
        (
            "src/machine/step.rs",
            "pub(in crate::machine) fn f() {} use super::guard;",
        ),
        ("src/script/x.rs", "// use crate::machine::Input;\n"),
        (
            "src/script/x.rs",
            "#[cfg(test)]\nmod tests { use crate::matcher::Ear; }",
        ),
    ] {
        assert_eq!(said(path, text), "", "{path}: {text}");
    }
}

#[test]
fn sizes_unwraps_and_silent_ignores_are_told() {
    let long = "    x();\n".repeat(99);
    assert!(said("src/x/y.rs", &format!("fn f() {{\n{long}}}\n")).contains("fn f has 101 lines"));
    assert!(!said("src/cli/y.rs", "fn f() {\n    x();\n}\n").contains("fn f"));
    assert!(said("src/cli/y.rs", &"// x\n".repeat(1000)).contains("1001 lines"));
    assert!(said("src/cli/y.rs", "fn f() { g().unwrap(); }").contains("unwrap"));
    assert_eq!(said("src/cli/y.rs", "fn f() { g().unwrap_or(1); }"), "");
    assert_eq!(said("src/cli/tests.rs", "fn f() { g().unwrap(); }"), "");
    assert!(said("tests/a.rs", "#[ignore]\n#[test]\nfn f() {}").contains("say why"));
    assert_eq!(
        said(
            "tests/a.rs",
            "#[ignore = \"needs the bed\"]\n#[test]\nfn f() {}"
        ),
        ""
    );
    let silent = faults(&File {
        path: "src/cli/y.rs".to_owned(),
        text: "fn f() {}\n".to_owned(),
    });
    assert!(silent[0].contains("first line"), "{silent:?}");
}

#[test]
fn code_is_found_behind_strings_characters_and_comments() {
    let text = "let a = '\\''; let b = b'\\\\'; let c: &'static str = \"\\\"// no\"; tokio::x();";
    assert_eq!(code::lines_with(&code::bare(text), "tokio"), [1]);
    let text = "let a = \"one\ntwo tokio\n\"; x();\n// tokio\ntokio";
    assert_eq!(code::lines_with(&code::bare(text), "tokio"), [5]);
    let text = "#[test]\nfn a() { x[0]; }\nfn b() { tokio }";
    let code = code::without_tests(&code::bare(text));
    assert_eq!(code::lines_with(&code, "tokio"), [3]);
    assert_eq!(code::lines_with(&code, "a"), [0usize; 0]);
}
