//! Who calls whom: recursion, arguments, and steps that only a fence may take.

use std::collections::BTreeMap;

use super::sends::stops;
use crate::script::compile::Draft;
use crate::script::diagnostic::Diagnostic;
use crate::script::program::{Op, Pc, ProcedureId, Program};

/// How a procedure is come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    Fence,
    Boot,
    Resume,
    Call,
}

/// For every procedure how it is come by, itself or through others, and by which step of a state.
pub struct Uses(Vec<BTreeMap<Use, Pc>>);

impl Uses {
    /// Follows doors and calls of all states.
    pub fn of(program: &Program) -> Uses {
        let mut uses = Uses(vec![BTreeMap::new(); program.procedures.len()]);
        for (pc, op) in program.ops.iter().enumerate().skip(procedures_end(program)) {
            match op {
                Op::Fence { procedures, .. } => {
                    for procedure in procedures {
                        uses.spread(program, *procedure, Use::Fence, pc);
                    }
                }
                Op::Boot { procedure, .. } => uses.spread(program, *procedure, Use::Boot, pc),
                Op::Resume { procedure, .. } => uses.spread(program, *procedure, Use::Resume, pc),
                Op::Call { procedure, .. } => uses.spread(program, *procedure, Use::Call, pc),
                _ => {}
            }
        }
        uses
    }

    fn spread(&mut self, program: &Program, procedure: ProcedureId, by: Use, at: Pc) {
        if self.0[procedure].contains_key(&by) {
            return;
        }
        self.0[procedure].insert(by, at);
        for (_, called) in calls(program, procedure) {
            self.spread(program, called, by, at);
        }
    }

    /// How a procedure is come by, each with the step of a state.
    pub fn of_procedure(&self, procedure: ProcedureId) -> &BTreeMap<Use, Pc> {
        &self.0[procedure]
    }
}

/// Looks at calls and at what is called.
pub fn check(draft: &Draft, uses: &Uses, faults: &mut Vec<Diagnostic>) {
    let program = &draft.program;
    for procedure in 0..program.procedures.len() {
        recursion(draft, procedure, faults);
        fence_only(draft, uses, procedure, faults);
    }
    for (pc, op) in program.ops.iter().enumerate() {
        let span = draft.spans[pc];
        let (called, given): (&[ProcedureId], usize) = match op {
            Op::Call {
                procedure,
                arguments,
                ..
            } => (std::slice::from_ref(procedure), arguments.len()),
            Op::Fence { procedures, .. } => (procedures, 1),
            Op::Boot { procedure, .. } | Op::Resume { procedure, .. } => {
                (std::slice::from_ref(procedure), 1)
            }
            _ => continue,
        };
        for called in called {
            let wanted = program.procedures[*called].arguments.len();
            if wanted != given {
                let name = &program.procedures[*called].name;
                let door = !matches!(op, Op::Call { .. });
                let hands = if door {
                    "a door hands over the node that it is about"
                } else {
                    ""
                };
                faults.push(
                    Diagnostic::error(
                        span,
                        format!(
                            "`{name}` takes {}, and it gets {}",
                            count(wanted),
                            count(given)
                        ),
                    )
                    .label(hands)
                    .also(draft.procedures[*called], "defined here")
                    .help(if door {
                        format!("write `procedure {name}(node)`")
                    } else {
                        format!("write `call {name}({})`", list(wanted))
                    }),
                );
            }
        }
    }
}

fn count(arguments: usize) -> String {
    match arguments {
        0 => "no node".to_owned(),
        1 => "one node".to_owned(),
        more => format!("{more} nodes"),
    }
}

fn list(arguments: usize) -> String {
    ["node"; 9]
        .iter()
        .take(arguments)
        .copied()
        .collect::<Vec<_>>()
        .join(", ")
}

/// The calls in a procedure.
fn calls(program: &Program, procedure: ProcedureId) -> Vec<(Pc, ProcedureId)> {
    range(program, procedure)
        .filter_map(|pc| match program.ops[pc] {
            Op::Call { procedure, .. } => Some((pc, procedure)),
            _ => None,
        })
        .collect()
}

/// The ops of a procedure: procedures lie before all states, in their order.
pub fn range(program: &Program, procedure: ProcedureId) -> std::ops::Range<Pc> {
    let end = program
        .procedures
        .get(procedure + 1)
        .map_or_else(|| procedures_end(program), |next| next.entry);
    program.procedures[procedure].entry..end
}

/// Where the ops of procedures end and those of states begin.
pub fn procedures_end(program: &Program) -> Pc {
    program
        .states
        .first()
        .map_or(program.ops.len(), |state| state.entry)
}

/// A procedure that comes back to itself.
fn recursion(draft: &Draft, procedure: ProcedureId, faults: &mut Vec<Diagnostic>) {
    let program = &draft.program;
    let mut seen = vec![procedure];
    let mut open: Vec<(Vec<Pc>, ProcedureId)> = vec![(Vec::new(), procedure)];
    while let Some((way, at)) = open.pop() {
        for (pc, called) in calls(program, at) {
            let mut way = way.clone();
            way.push(pc);
            if called == procedure {
                // Told once a ring: with the procedure that stands first.
                if way
                    .iter()
                    .any(|pc| *pc < program.procedures[procedure].entry)
                {
                    return;
                }
                let mut fault = Diagnostic::error(
                    draft.procedures[procedure],
                    format!(
                        "the procedure `{}` calls itself",
                        program.procedures[procedure].name
                    ),
                );
                for pc in way {
                    fault = fault.also(draft.spans[pc], "called here");
                }
                faults.push(fault.help("take one of these calls out; to do something again write `retry 5 every 1s { … }`"));
                return;
            }
            if !seen.contains(&called) {
                seen.push(called);
                open.push((way, called));
            }
        }
    }
}

/// BREAK and its like stop machines: they stand only where nothing but a fence comes by.
fn fence_only(draft: &Draft, uses: &Uses, procedure: ProcedureId, faults: &mut Vec<Diagnostic>) {
    let program = &draft.program;
    let stray = uses
        .of_procedure(procedure)
        .iter()
        .find(|(by, _)| **by != Use::Fence);
    let Some((by, at)) = stray else { return };
    let (verb, word) = match by {
        Use::Boot => ("boots with it", "boot"),
        Use::Resume => ("resumes with it", "resume"),
        _ => ("calls it", "call"),
    };
    let name = &program.procedures[procedure].name;
    for pc in range(program, procedure) {
        let step = match &program.ops[pc] {
            Op::Send { text, .. } => match stops(text) {
                Some(word) => &format!("send \"{word} …\""),
                None => continue,
            },
            Op::Break { .. } => "break",
            Op::Siege { .. } => "siege",
            Op::Dark { .. } => "dark",
            Op::PowerOff { .. } => "power off",
            Op::Word { .. } => "word",
            Op::Assume { .. } => "assume stopped",
            Op::Reset { .. } => "reset",
            _ => continue,
        };
        let help = format!(
            "take it out of what `{word}` runs; to stop a node write `fence … with {name} else -> …` in a state"
        );
        let fault = if draft.library[procedure] {
            Diagnostic::error(
                draft.spans[*at],
                format!("`{word}` runs `{name}`, which holds a step that only a fence may take"),
            )
            .label("this may stop a healthy node")
            .also(draft.spans[pc], format!("`{step}` stands here"))
        } else {
            Diagnostic::error(
                draft.spans[pc],
                format!("only a fence may take the step `{step}`"),
            )
            .label("this may stop a healthy node")
            .also(draft.spans[*at], format!("this {verb}"))
        };
        faults.push(fault.help(help));
    }
}
