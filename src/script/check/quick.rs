//! Whether a procedure may end at once, before anything in it has taken a time worth the name.

use std::collections::BTreeSet;

use super::flow::ways;
use super::rounds::PAUSE;
use crate::script::program::{Op, Pc, ProcedureId, Program};

/// How a procedure may end at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// In `done`.
    pub done: bool,
    /// In a failure.
    pub failed: bool,
}

/// How this procedure may end at once.
pub fn ends(program: &Program, procedure: ProcedureId) -> Ends {
    look(program, procedure, &mut BTreeSet::new())
}

fn look(program: &Program, procedure: ProcedureId, open: &mut BTreeSet<ProcedureId>) -> Ends {
    let mut out = Ends::default();
    if !open.insert(procedure) {
        // It calls itself, which is told elsewhere.
        return out;
    }
    let mut seen: BTreeSet<Pc> = BTreeSet::new();
    let mut work = vec![program.procedures[procedure].entry];
    let mut retries: Vec<(Pc, Pc)> = Vec::new();
    while let Some(pc) = work.pop() {
        let Some(op) = program.ops.get(pc).filter(|_| seen.insert(pc)) else {
            continue;
        };
        let inside = retries
            .iter()
            .filter(|(start, end)| (*start..*end).contains(&pc));
        let retry = inside.max_by_key(|(start, _)| *start).copied();
        let mut fails = false;
        match op {
            Op::Done => match retry {
                Some((_, end)) => work.push(end),
                None => out.done = true,
            },
            Op::Fail(_) => fails = true,
            Op::Retry { end, .. } => {
                retries.push((pc + 1, *end));
                work.push(pc + 1);
            }
            Op::Expect {
                arms,
                silence,
                within,
                ..
            } => {
                work.extend(arms.iter().map(|arm| arm.then));
                if *within < PAUSE {
                    work.extend(*silence);
                    fails = silence.is_none();
                }
            }
            Op::Question { .. } => {
                work.push(pc + 1);
                fails = true;
            }
            Op::Call {
                procedure,
                otherwise,
                ..
            } => {
                let called = look(program, *procedure, open);
                work.extend(Some(pc + 1).filter(|_| called.done));
                match otherwise {
                    Some(to) if called.failed => work.push(*to),
                    Some(_) => {}
                    None => fails = called.failed,
                }
            }
            Op::Wait(time) if *time >= PAUSE => {}
            Op::WaitLink { .. } => work.push(pc + 1),
            Op::Probe { answers, .. } => work.push(*answers),
            // A retry's pace stands in its own line; the others wait for a machine or a person.
            Op::Again
            | Op::Reset { .. }
            | Op::Dark { .. }
            | Op::PowerOff { .. }
            | Op::Word { .. } => {}
            _ => work.extend(ways(program, pc).into_iter().map(|way| way.to)),
        }
        // The next try of a retry waits for its pace.
        out.failed |= fails && retry.is_none();
    }
    open.remove(&procedure);
    out
}
