//! `send` must not start a system: rules 1 and 2 leave that to `boot` and `resume`.

use super::calls::{Use, Uses, procedures_end, range};
use crate::script::compile::Draft;
use crate::script::diagnostic::{Diagnostic, Sources};
use crate::script::program::{Op, Pc, Piece, Program, Text};

/// Looks at every `send` that stands elsewhere than in a procedure of `boot` or `resume`.
pub fn check(draft: &Draft, uses: &Uses, sources: &Sources, faults: &mut Vec<Diagnostic>) {
    let program = &draft.program;
    for pc in procedures_end(program)..program.ops.len() {
        send(draft, pc, None, sources, faults);
    }
    for procedure in 0..program.procedures.len() {
        let stray = uses
            .of_procedure(procedure)
            .iter()
            .find(|(by, _)| matches!(by, Use::Fence | Use::Call));
        if let Some((_, at)) = stray {
            for pc in range(program, procedure) {
                send(draft, pc, Some(*at), sources, faults);
            }
        }
    }
}

fn send(draft: &Draft, pc: Pc, used: Option<Pc>, sources: &Sources, faults: &mut Vec<Diagnostic>) {
    let Op::Send { text, .. } = &draft.program.ops[pc] else {
        return;
    };
    let Some((message, label, help)) = danger(&draft.program, text) else {
        return;
    };
    // `ask` sends RETURN by itself; what stands there is never dangerous.
    let mut fault = Diagnostic::error(draft.spans[pc], message)
        .label(label)
        .help(help);
    if let Some(at) = used {
        fault = fault.also(
            draft.spans[at],
            format!(
                "reached from here: `{}`",
                super::flow::one_line(sources.slice(draft.spans[at]))
            ),
        );
    }
    faults.push(fault);
}

/// Why a text may start a system: what is wrong, what the caret says, the mend.
fn danger(program: &Program, text: &Text) -> Option<(String, String, String)> {
    let mut line = String::new();
    for piece in &text.0 {
        match piece {
            Piece::Literal(literal) => line.push_str(literal),
            Piece::Value(_) => {
                return Some((
                    "this `send` types a value that is only known when it runs".to_owned(),
                    "the value might be a word that starts a system".to_owned(),
                    "write the text out or make it a parameter; boot parameters are written with `set`".to_owned(),
                ));
            }
        }
    }
    let starts = || {
        program
            .firmwares
            .iter()
            .flat_map(|firmware| &firmware.starts)
    };
    if let Some(control) = line
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\u{3}' | '\u{15}'))
    {
        return Some((
            "this `send` types a control character that could recall or complete a command".to_owned(),
            format!("`\\x{:02x}`", u32::from(control)),
            "outside `boot` and `resume` only `\\r`, `\\n`, `\\x03` (give up the line) and `\\x15` (wipe it) are sent".to_owned(),
        ));
    }
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || c.is_control())
        .collect();
    for word in &words {
        if let Some(start) = starts().find(|start| start.eq_ignore_ascii_case(word)) {
            return Some((
                format!("`{start}` starts a system, and only `boot` and `resume` may do that"),
                format!("the firmware takes `{word}` as a command"),
                "put it into a procedure and write `boot secondary with …` in a state, where the fence is checked".to_owned(),
            ));
        }
    }
    let last = words.last().copied().unwrap_or_default();
    let begun = starts().find(|start| {
        !last.is_empty()
            && start.len() > last.len()
            && start
                .get(..last.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(last))
    });
    begun.map(|start| {
        (
            "this `send` ends in the middle of a word".to_owned(),
            format!("`{last}` could become `{start}`"),
            "end the line in the same text: `\\r`".to_owned(),
        )
    })
}

/// Whether a text holds a word that starts a system.
pub fn starts_system(program: &Program, text: &Text) -> bool {
    // A value glued to a word makes it another word: a place holder that is no blank.
    let line: String = text
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Literal(literal) => literal.as_str(),
            Piece::Value(_) => "\u{fffd}",
        })
        .collect();
    line.split(|c: char| c.is_whitespace() || c.is_control())
        .any(|word| {
            program
                .firmwares
                .iter()
                .flat_map(|firmware| &firmware.starts)
                .any(|start| start.eq_ignore_ascii_case(word))
        })
}
