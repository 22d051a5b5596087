//! Text from a console is data: it reaches commands as arguments, never through a shell.

use crate::script::compile::Draft;
use crate::script::diagnostic::Diagnostic;
use crate::script::program::{Op, Piece, Text, Value};

/// Looks at every `run`.
pub fn check(draft: &Draft, faults: &mut Vec<Diagnostic>) {
    for (pc, op) in draft.program.ops.iter().enumerate() {
        let Op::Run { argv, .. } = op else { continue };
        let Some(shell) = argv.first().and_then(shell) else {
            continue;
        };
        let command = argv.iter().position(|text| {
            literal(text).is_some_and(|word| word.starts_with('-') && word.ends_with('c'))
        });
        let script = command.and_then(|at| argv.get(at + 1));
        if script.is_some_and(|script| script.0.iter().any(from_outside)) {
            faults.push(
                Diagnostic::error(draft.spans[pc], format!("`{shell}` would run text that came from a console"))
                    .label("a console may print anything, `; rm -rf /` too")
                    .help("run the program itself and hand the value over as an argument: `run \"/usr/local/bin/tell\" \"{id}\" …`"),
            );
        }
    }
}

fn from_outside(piece: &Piece) -> bool {
    matches!(
        piece,
        Piece::Value(Value::Slot(_) | Value::Evidence | Value::Reason)
    )
}

fn literal(text: &Text) -> Option<&str> {
    match text.0.as_slice() {
        [Piece::Literal(literal)] => Some(literal),
        _ => None,
    }
}

/// The name of the shell, if a program is one.
fn shell(program: &Text) -> Option<&str> {
    let name = literal(program)?.rsplit('/').next()?;
    ["sh", "bash", "dash", "ksh", "zsh", "csh", "tcsh", "busybox"]
        .contains(&name)
        .then_some(name)
}
