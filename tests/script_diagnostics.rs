//! What the checker says, word for word: tests/script/NAME.chat is compiled, and what it says
//! is held against NAME.expected. `BLESS=1 cargo test --test script_diagnostics` writes the
//! expected texts anew; then read them, as the operator will.

mod script;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clusterd::script::diagnostic::render;

#[test]
fn every_fault_is_told_word_for_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/script");
    let bless = std::env::var_os("BLESS").is_some();
    let mut names: Vec<_> = fs::read_dir(&folder)
        .expect("the cases are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "chat")
        })
        .collect();
    names.sort();
    assert!(names.len() > 30, "only {} cases were found", names.len());
    let mut wrong = Vec::new();
    for path in names {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let said = said(&name, &fs::read_to_string(&path).expect("a case is text"));
        let expected_path = path.with_extension("expected");
        if bless {
            fs::write(&expected_path, &said).expect("the expected text can be written");
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if said != expected {
            wrong.push(format!(
                "--- {name}: expected\n{expected}\n--- {name}: said\n{said}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn said(name: &str, text: &str) -> String {
    match script::try_compile(name, text, script::CASES, &BTreeMap::new()) {
        Ok(compiled) if compiled.warnings.is_empty() => panic!("{name} has no faults"),
        Ok(compiled) => render(&compiled.warnings, &compiled.sources, false),
        Err(faults) => render(&faults.diagnostics, &faults.sources, false),
    }
}
