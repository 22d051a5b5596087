//! States that cannot be reached, and states that cannot be left.

use super::flow::{reachable_states, ways_out};
use crate::script::compile::Draft;
use crate::script::diagnostic::Diagnostic;
use crate::script::program::{StateKind, Trigger, When};

/// Looks at every state.
pub fn check(draft: &Draft, faults: &mut Vec<Diagnostic>) {
    let program = &draft.program;
    let reachable = reachable_states(program);
    for (id, (state, span)) in program.states.iter().zip(&draft.states).enumerate() {
        let name = &state.name;
        if !reachable.contains(&id) {
            faults.push(
                Diagnostic::warning(*span, format!("no way leads to the state `{name}`")).help(
                    format!("write `-> {name}` where it is meant to begin, or take it out"),
                ),
            );
        } else if state.kind == StateKind::Ordinary
            && ways_out(program, id).iter().all(|to| *to == id)
        {
            faults.push(
                Diagnostic::error(*span, format!("no way leads out of the state `{name}`"))
                    .label("the machine would stay here for ever")
                    .help(format!(
                        "give it a trigger, `on operator release -> …`; where it is meant to wait for an operator write `hold state {name}`"
                    )),
            );
        }
        let operator = |trigger: &Trigger| matches!(trigger.when, When::Operator(_));
        if state.kind == StateKind::Hold && !state.triggers.iter().any(operator) {
            faults.push(
                Diagnostic::warning(
                    *span,
                    format!("the hold state `{name}` does not listen to an operator"),
                )
                .label("HOLD needs an operator's way out")
                .help("write `on operator release -> …` in it"),
            );
        }
    }
}
