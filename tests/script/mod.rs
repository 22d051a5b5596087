//! What all tests of the language share: the real libraries, and the matcher as judge.

// Each test uses a part of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::Path;

use clusterd::matcher::{PatternDef, check_pattern, example_matches};
use clusterd::script::diagnostic::render;
use clusterd::script::program::Pattern;
use clusterd::script::{
    Compiled, Context, Faults, PatternJudge, check_file as check_file_with, compile as compile_with,
};

/// Judges as the matcher does.
struct Judge;

impl PatternJudge for Judge {
    fn refuses(&self, regex: &str, prompt: bool) -> Option<String> {
        check_pattern(regex, prompt)
            .err()
            .map(|fault| fault.to_string())
    }

    fn matches(&self, pattern: &Pattern, line: &str) -> bool {
        let def = PatternDef {
            name: pattern.name.clone(),
            regex: pattern.regex.clone(),
            quiet: pattern.quiet,
        };
        example_matches(&def, line)
    }
}

/// The shipped libraries.
pub const SHIPPED: &str = "chat-scripts/lib";
/// Libraries that only tests use: a small openboot, and broken ones.
pub const CASES: &str = "tests/script/lib";

/// The libraries of a folder.
pub fn libraries(folder: &str) -> BTreeMap<String, (String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut libraries = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the library folder is there") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(&path).expect("a library is text");
        libraries.insert(name.clone(), (format!("lib/{name}.chat"), text));
    }
    libraries
}

/// Compiles `text` with the libraries of `folder` and the parameters of a cluster file.
pub fn try_compile(
    path: &str,
    text: &str,
    folder: &str,
    params: &BTreeMap<String, String>,
) -> Result<Compiled, Faults> {
    let libraries = libraries(folder);
    let context = Context {
        loader: &libraries,
        params,
        judge: &Judge,
    };
    compile_with(path, text, &context)
}

/// Checks a script or a library by itself, with the shipped libraries.
pub fn check_file(path: &str, text: &str) -> Result<Compiled, Faults> {
    let libraries = libraries(SHIPPED);
    let context = Context {
        loader: &libraries,
        params: &BTreeMap::new(),
        judge: &Judge,
    };
    check_file_with(path, text, &context)
}

/// Compiles a script that has no errors, with the shipped libraries.
pub fn compile(path: &str, text: &str) -> Compiled {
    match try_compile(path, text, SHIPPED, &BTreeMap::new()) {
        Ok(compiled) => compiled,
        Err(faults) => panic!("{}", render(&faults.diagnostics, &faults.sources, false)),
    }
}
