//! `send` must not start a system: rules 1 and 2 leave that to `boot` and `resume`. Nor may it stop a
//! machine: that is left to `fence`.

use super::calls::{Use, Uses, procedures_end, range};
use super::flow::one_line;
use crate::script::compile::Draft;
use crate::script::diagnostic::{Diagnostic, Sources, Span};
use crate::script::program::{Op, Pc, Piece, Program, Question, Text, Value};

/// Looks at every `send` that stands elsewhere than in a procedure of `boot` or `resume`.
pub fn check(draft: &Draft, uses: &Uses, sources: &Sources, faults: &mut Vec<Diagnostic>) {
    let program = &draft.program;
    for pc in procedures_end(program)..program.ops.len() {
        send(draft, pc, None, sources, faults);
        stop(draft, pc, faults);
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
    let danger = match &draft.program.ops[pc] {
        Op::Send { text, .. } => danger(&draft.program, text),
        _ => None,
    };
    let Some(mut fault) = danger.map(|danger| danger.at(draft.spans[pc])) else {
        return;
    };
    if let Some(at) = used {
        let step = one_line(sources.slice(draft.spans[at]));
        fault = fault.also(draft.spans[at], format!("reached from here: `{step}`"));
    }
    faults.push(fault);
}

/// Words that stop a machine, switch it off or reset it when a line begins with them, at a shell or at
/// the prompt of a service processor: ALOM `poweroff`, `break`, `powercycle`; ILOM `stop /SYS`; XSCF
/// `poweroff`, `sendbreak`; Solaris and Linux `halt`, `poweroff`, `shutdown`, `reboot`, `uadmin`.
/// What a firmware takes so stands under `starts` in its block.
const STOPS: [&str; 10] = [
    "poweroff",
    "power-off",
    "powercycle",
    "stop",
    "break",
    "sendbreak",
    "halt",
    "shutdown",
    "reboot",
    "uadmin",
];

/// The word in a text that stops a machine.
pub fn stops(text: &Text) -> Option<&'static str> {
    let mut line = String::new();
    for piece in &text.0 {
        match piece {
            Piece::Literal(literal) => line.push_str(literal),
            Piece::Value(_) => line.push('\u{fffd}'),
        }
    }
    let first = line.split(['\r', '\n', ';', '&', '|']);
    let mut first = first.filter_map(|line| words(line).find(|word| !word.is_empty()));
    first.find_map(|word| {
        let mut known = STOPS.iter().copied();
        known.find(|stop| stop.eq_ignore_ascii_case(word))
    })
}

/// A step of a state that types such a word.
fn stop(draft: &Draft, pc: Pc, faults: &mut Vec<Diagnostic>) {
    let Op::Send { text, .. } = &draft.program.ops[pc] else {
        return;
    };
    let Some(word) = stops(text) else { return };
    faults.push(
        Diagnostic::error(
            draft.spans[pc],
            format!("`{word}` stops a machine, and only a fence may do that"),
        )
        .label("this may stop a healthy node")
        .help("put it into a procedure and write `fence … with … else -> …` in a state"),
    );
}

/// The value of a `set` is typed behind a command: it must not be able to end that line.
pub fn check_values(draft: &Draft, faults: &mut Vec<Diagnostic>) {
    for (pc, op) in draft.program.ops.iter().enumerate() {
        let Op::Question {
            question: Question::Set { name, value, .. } | Question::Verify { name, value, .. },
            ..
        } = op
        else {
            continue;
        };
        let ends = |text: &str| text.chars().any(char::is_control);
        let bad_name = name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace());
        let bad_value = value.0.iter().any(|piece| match piece {
            Piece::Literal(text) => ends(text),
            Piece::Value(value) => matches!(
                value,
                Value::Slot(_) | Value::Evidence | Value::Reason | Value::Elapsed | Value::Stop
            ),
        });
        if bad_name {
            faults.push(
                Diagnostic::error(draft.spans[pc], "this is no name of a boot parameter")
                    .label("a name is one word")
                    .help("write `set node \"auto-boot?\" = \"false\" within 10s`"),
            );
        } else if bad_value {
            faults.push(
                Diagnostic::error(draft.spans[pc], "this value could hold the end of a line, and a command behind it")
                    .label("it is typed on the console")
                    .help("write it out, or use a parameter, `{boot_device}`, `{address}` or a node's name"),
            );
        }
    }
}

/// Why a text may start a system.
pub struct Danger {
    message: String,
    label: String,
    help: &'static str,
}

impl Danger {
    /// As a fault.
    pub fn at(self, span: Span) -> Diagnostic {
        Diagnostic::error(span, self.message)
            .label(self.label)
            .help(self.help)
    }
}

fn danger(program: &Program, text: &Text) -> Option<Danger> {
    let mut line = String::new();
    for piece in &text.0 {
        match piece {
            Piece::Literal(literal) => line.push_str(literal),
            Piece::Value(_) => {
                return Some(Danger {
                    message: "this `send` types a value that is only known when it runs".to_owned(),
                    label: "the value might be a word that starts a system".to_owned(),
                    help: "write the text out or make it a parameter; boot parameters are written with `set`",
                });
            }
        }
    }
    if program.firmwares.is_empty() && !line.chars().all(char::is_control) {
        return Some(Danger {
            message: "nothing says which words start a system".to_owned(),
            label: "this might be one".to_owned(),
            help: "`use` a library with a firmware block, such as openboot: its `starts` lists them",
        });
    }
    danger_of_line(&all_starts(program), &line)
}

/// Why a line may start a system where it should not.
pub fn danger_of_line(starts: &[&str], line: &str) -> Option<Danger> {
    let harmless = |c: char| matches!(c, '\r' | '\n' | '\u{3}' | '\u{15}');
    if let Some(control) = line.chars().find(|c| c.is_control() && !harmless(*c)) {
        return Some(Danger {
            message: "this types a control character that could recall or complete a command"
                .to_owned(),
            label: format!("`\\x{:02x}`", u32::from(control)),
            help: "outside `boot` and `resume` only `\\r`, `\\n`, `\\x03` (give up the line) and `\\x15` (wipe it) are sent",
        });
    }
    for word in words(line) {
        if let Some(start) = starts.iter().find(|start| start.eq_ignore_ascii_case(word)) {
            return Some(Danger {
                message: format!(
                    "`{start}` starts a system, and only `boot` and `resume` may do that"
                ),
                label: format!("the firmware takes `{word}` as a command"),
                help: "put it into a procedure and write `boot secondary with …` in a state, where the fence is checked",
            });
        }
    }
    let last = words(line).last().unwrap_or_default();
    let becomes = |start: &&&str| {
        let head = start.get(..last.len());
        !last.is_empty() && head.is_some_and(|head| head.eq_ignore_ascii_case(last))
    };
    starts.iter().find(becomes).map(|start| Danger {
        message: "this ends in the middle of a word".to_owned(),
        label: format!("`{last}` could become `{start}`"),
        help: "end the line in the same text: `\\r`",
    })
}

/// The words of a line as firmware and loaders take them apart.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ';' | '|' | '&'))
}

/// The words that start a system on any platform of the script.
pub fn all_starts(program: &Program) -> Vec<&str> {
    let starts = program
        .firmwares
        .iter()
        .flat_map(|firmware| &firmware.starts);
    starts.map(String::as_str).collect()
}

/// Whether a text holds a word that starts a system.
pub fn starts_system(program: &Program, text: &Text) -> bool {
    // A value glued to a word makes it another word: something that is no blank.
    let line: String = text
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Literal(literal) => literal.as_str(),
            Piece::Value(_) => "\u{fffd}",
        })
        .collect();
    let starts = all_starts(program);
    words(&line).any(|word| starts.iter().any(|start| start.eq_ignore_ascii_case(word)))
}
