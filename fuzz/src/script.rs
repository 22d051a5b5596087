//! Chat scripts: any text is compiled and checked, or refused with faults that can be shown; what
//! was compiled says where each of its ops stands.

use std::collections::BTreeMap;

use clusterd::matcher::{PatternDef, check_pattern, example_matches};
use clusterd::script::diagnostic::{Severity, Sources, render};
use clusterd::script::program::Pattern;
use clusterd::script::{Context, PatternJudge, check_file, compile};

struct Judge;

impl PatternJudge for Judge {
    fn refuses(&self, regex: &str, prompt: bool) -> Option<String> {
        let fault = check_pattern(regex, prompt).err()?;
        Some(fault.to_string())
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

/// The text of a script or a library; behind a line `=== lib`, of the library `lib`.
pub fn hold(input: &[u8]) {
    // Files that are no UTF-8 are refused before they come here.
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (text, lib) = text.split_once("\n=== lib\n").unwrap_or((text, ""));
    let libraries = BTreeMap::from([
        library(
            "openboot",
            include_str!("../../tests/script/lib/openboot.chat"),
        ),
        library("lib", lib),
    ]);
    let context = Context {
        loader: &libraries,
        params: &BTreeMap::new(),
        judge: &Judge,
    };
    match compile("a.chat", text, &context) {
        Ok(compiled) => {
            let program = &compiled.program;
            assert_eq!(program.ops.len(), program.places.len());
            assert!(program.start < program.states.len(), "no start");
            for pc in 0..program.ops.len() {
                assert!(
                    !program.place_text(pc).contains('?'),
                    "op {pc} has no place"
                );
            }
            assert!(
                check_file("a.chat", text, &context).is_ok(),
                "a script is a file"
            );
            shown(&compiled.warnings, &compiled.sources);
        }
        Err(faults) => {
            let error = |fault: &_| severity(fault) == Severity::Error;
            assert!(
                faults.diagnostics.iter().any(error),
                "refused without a word"
            );
            shown(&faults.diagnostics, &faults.sources);
        }
    }
}

fn library(name: &str, text: &str) -> (String, (String, String)) {
    (
        name.to_owned(),
        (format!("lib/{name}.chat"), text.to_owned()),
    )
}

fn severity(fault: &clusterd::script::diagnostic::Diagnostic) -> Severity {
    fault.severity
}

fn shown(faults: &[clusterd::script::diagnostic::Diagnostic], sources: &Sources) {
    for fault in faults {
        let text = render(std::slice::from_ref(fault), sources, false);
        assert!(text.contains(".chat:"), "it names no place: {text}");
        let bare = |c: char| c.is_control() && c != '\n';
        assert!(
            !text.contains(bare),
            "control characters reach a terminal: {text:?}"
        );
    }
}
