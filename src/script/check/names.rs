//! Names that nobody uses.

use crate::script::compile::load::Loaded;
use crate::script::compile::scope::{Kind, Scope};
use crate::script::diagnostic::Diagnostic;

/// Warns of the script's own unused names; a library offers more than a script takes.
pub fn check(files: &[Loaded], scope: &Scope, faults: &mut Vec<Diagnostic>) {
    let Some(main) = files
        .iter()
        .rfind(|loaded| !loaded.library)
        .and_then(|loaded| loaded.file.script.as_ref())
    else {
        return;
    };
    for (kind, name, span) in scope.unused() {
        if span.source != main.span.source || matches!(kind, Kind::State | Kind::Firmware) {
            continue;
        }
        let what = kind.words();
        let help = match kind {
            Kind::Value => format!("take it out, or write `{{{name}}}` in a text"),
            Kind::Procedure => format!("take it out, or call it: `call {name}(…)`"),
            _ => "take it out, or use it".to_owned(),
        };
        faults.push(
            Diagnostic::warning(span, format!("the {what} `{name}` is never used")).help(help),
        );
    }
}
