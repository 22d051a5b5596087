//! What all tests of the language share: the real library, and a judge of patterns.

use std::collections::BTreeMap;

use clusterd::matcher::{PatternDef, check_pattern, example_matches};
use clusterd::script::diagnostic::render;
use clusterd::script::program::Pattern;
use clusterd::script::{Compiled, Context, Faults, PatternJudge, compile as compile_with};

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

/// Compiles `text` with the libraries of chat-scripts/lib.
pub fn try_compile(path: &str, text: &str) -> Result<Compiled, Faults> {
    let mut libraries: BTreeMap<String, (String, String)> = BTreeMap::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/chat-scripts/lib");
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
    let context = Context {
        loader: &libraries,
        params: &BTreeMap::new(),
        judge: &Judge,
    };
    compile_with(path, text, &context)
}

/// Compiles a script that has no errors.
pub fn compile(path: &str, text: &str) -> Compiled {
    match try_compile(path, text) {
        Ok(compiled) => compiled,
        Err(faults) => panic!("{}", render(&faults.diagnostics, &faults.sources, false)),
    }
}
