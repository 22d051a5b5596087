//! Rounds without a pause: states that send each other on without waiting for anything.

use std::collections::BTreeMap;

use super::flow::{Outcome, Way, ways};
use crate::script::compile::Draft;
use crate::script::diagnostic::Diagnostic;
use crate::script::program::{Op, Pc, Program};

/// Finds rounds among the ops of states.
pub fn check(draft: &Draft, faults: &mut Vec<Diagnostic>) {
    let program = &draft.program;
    let mut colours: BTreeMap<Pc, Colour> = BTreeMap::new();
    for state in &program.states {
        let mut stack = Vec::new();
        search(
            program,
            state.entry,
            &mut colours,
            &mut stack,
            &mut |round| report(draft, round, faults),
        );
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Colour {
    Open,
    Finished,
}

fn search(
    program: &Program,
    entry: Pc,
    colours: &mut BTreeMap<Pc, Colour>,
    stack: &mut Vec<Pc>,
    found: &mut dyn FnMut(&[Pc]),
) {
    let mut work = vec![(entry, false)];
    while let Some((pc, leaving)) = work.pop() {
        if leaving {
            colours.insert(pc, Colour::Finished);
            stack.pop();
            continue;
        }
        match colours.get(&pc) {
            Some(Colour::Open) => {
                let start = stack.iter().position(|other| *other == pc).unwrap_or(0);
                found(&stack[start..]);
            }
            Some(Colour::Finished) => {}
            None => {
                colours.insert(pc, Colour::Open);
                stack.push(pc);
                work.push((pc, true));
                work.extend(at_once(program, pc).into_iter().map(|way| (way.to, false)));
            }
        }
    }
}

/// The ways on from an op that may take no time at all.
fn at_once(program: &Program, pc: Pc) -> Vec<Way> {
    let mut out = ways(program, pc);
    match &program.ops[pc] {
        Op::Fence { .. } | Op::Boot { .. } | Op::Resume { .. } => {
            out.retain(|way| way.outcome == Outcome::Refused);
        }
        Op::WaitLink { .. } => out.retain(|way| way.outcome == Outcome::Well),
        Op::Expect { .. }
        | Op::Call { .. }
        | Op::Wait(_)
        | Op::Survey { .. }
        | Op::Run { .. }
        | Op::Probe { .. }
        | Op::PowerStatus { .. } => out.clear(),
        _ => {}
    }
    out
}

fn report(draft: &Draft, round: &[Pc], faults: &mut Vec<Diagnostic>) {
    let mut steps = round
        .iter()
        .filter(|pc| matches!(draft.program.ops[**pc], Op::Goto(_)));
    let Some(first) = steps.next() else { return };
    let mut fault = Diagnostic::error(draft.spans[*first], "this goes round and round without a pause")
        .help("wait for something on the way: `wait 10s`, or an `expect`; or stay in one of the states and listen");
    for step in steps {
        fault = fault.also(draft.spans[*step], "and on from here");
    }
    faults.push(fault);
}
