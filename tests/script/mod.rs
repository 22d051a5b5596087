//! What all tests of the language share: the real library, and a judge of patterns.

use std::collections::BTreeMap;

use clusterd::script::diagnostic::render;
use clusterd::script::program::Pattern;
use clusterd::script::{Compiled, Context, Faults, PatternJudge, compile as compile_with};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;

/// Judges with a plain regex engine.
struct Judge;

impl Judge {
    fn regex(regex: &str) -> Result<Regex, String> {
        let config = syntax::Config::new().unicode(false).utf8(false);
        Regex::builder().syntax(config).build(regex).map_err(|error| error.to_string())
    }
}

impl PatternJudge for Judge {
    fn refuses(&self, regex: &str, _prompt: bool) -> Option<String> {
        match Judge::regex(regex) {
            Err(error) => Some(error),
            Ok(built) if built.is_match("") => Some("it matches where nothing is printed".to_owned()),
            Ok(_) => None,
        }
    }

    fn matches(&self, pattern: &Pattern, line: &str) -> bool {
        Judge::regex(&pattern.regex).is_ok_and(|built| built.is_match(line))
    }
}

/// Compiles `text` with the libraries of chat-scripts/lib.
pub fn try_compile(path: &str, text: &str) -> Result<Compiled, Faults> {
    let mut libraries: BTreeMap<String, (String, String)> = BTreeMap::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/chat-scripts/lib");
    for entry in std::fs::read_dir(folder).expect("the library folder is there") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a library is text");
        libraries.insert(name.clone(), (format!("lib/{name}.chat"), text));
    }
    let context = Context { loader: &libraries, params: &BTreeMap::new(), judge: &Judge };
    compile_with(path, text, &context)
}

/// Compiles a script that has no errors.
pub fn compile(path: &str, text: &str) -> Compiled {
    match try_compile(path, text) {
        Ok(compiled) => compiled,
        Err(faults) => panic!("{}", render(&faults.diagnostics, &faults.sources, false)),
    }
}
