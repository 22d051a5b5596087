//! Rule 2: every way through a fence's procedure makes one whole proof.

use super::calls::{Use, Uses, range};
use super::proof::{Proof, learn};
use super::walk::{End, walk};
use crate::script::compile::Draft;
use crate::script::diagnostic::{Diagnostic, Sources};
use crate::script::program::{Op, Pc, ProcedureId};

/// Looks at the procedures that fences name.
pub fn check(draft: &Draft, uses: &Uses, sources: &Sources, faults: &mut Vec<Diagnostic>) {
    let mut seen: Vec<ProcedureId> = Vec::new();
    for (pc, op) in draft.program.ops.iter().enumerate() {
        let Op::Fence { procedures, .. } = op else {
            continue;
        };
        for procedure in procedures {
            if !seen.contains(procedure) && uses.of_procedure(*procedure).contains_key(&Use::Fence)
            {
                seen.push(*procedure);
                one(draft, sources, *procedure, pc, faults);
            }
        }
    }
}

fn one(
    draft: &Draft,
    sources: &Sources,
    procedure: ProcedureId,
    door: usize,
    faults: &mut Vec<Diagnostic>,
) {
    let program = &draft.program;
    let start = Proof::nothing(&program.firmwares);
    let walked = walk(
        draft,
        sources,
        procedure,
        start,
        &mut |taken, pc, before| {
            let mut proof = learn(&program.firmwares, taken, before);
            if before.lost_in(&proof) {
                proof.voided = Some(pc);
            }
            proof
        },
    );
    let name = &program.procedures[procedure].name;
    if walked.cut {
        faults.push(
            Diagnostic::error(
                draft.procedures[procedure],
                format!("`{name}` has too many ways to look at them all"),
            )
            .help("make it simpler: fewer arms that go on in the same place"),
        );
        return;
    }
    if walked.ends.is_empty() {
        faults.push(
            Diagnostic::error(
                draft.procedures[procedure],
                format!("no way through `{name}` ends in `done`"),
            )
            .also(draft.spans[door], "used as a fence here")
            .help("a fence that always fails stops nothing: let the last step be one of a proof"),
        );
    }
    let mut told: Vec<Pc> = Vec::new();
    for end in &walked.ends {
        if end.fact.kinds(&program.firmwares).is_empty() && !told.contains(&end.pc) {
            told.push(end.pc);
            let fault = unproved(draft, procedure, end, &walked.ends);
            faults.push(fault.also(draft.spans[door], "used as a fence here"));
        }
    }
}

/// A way that ends in `done` without a whole proof.
fn unproved(
    draft: &Draft,
    procedure: ProcedureId,
    end: &End<Proof>,
    all: &[End<Proof>],
) -> Diagnostic {
    let program = &draft.program;
    let name = &program.procedures[procedure].name;
    let message = format!("this way through `{name}` stops nothing for good");
    let mut fault =
        Diagnostic::error(draft.spans[end.pc], message).label("ends here without a whole proof");
    for other in all.iter().filter(|other| other.pc != end.pc) {
        if let Some(kind) = other.fact.kinds(&program.firmwares).first() {
            fault = fault.also(
                draft.spans[other.pc],
                format!("this way makes the proof {kind}"),
            );
        }
    }
    if let Some(voided) = end.fact.voided {
        let typed = !matches!(
            program.ops[voided],
            Op::Wait(_) | Op::Expect { .. } | Op::Run { .. } | Op::Probe { .. }
        );
        let why = if typed {
            "this makes void what was proved before it"
        } else {
            "a proof lives for 60 s, and this may take longer"
        };
        fault = fault.also(draft.spans[voided], why);
    }
    if !end.way.is_empty() {
        fault = fault.note(format!("the way:\n{}", end.way));
    }
    let breaks = breaks(draft, procedure);
    let (note, help) = end.fact.missing(&program.firmwares, breaks);
    fault = fault.note(note);
    if breaks && end.fact.voided.is_none() && !reset_ordered(draft, procedure) {
        fault = fault
            .note("BREAK alone stops nothing for good: the kernel is intact, and `go` resumes it");
    }
    fault.help(help)
}

/// Whether the procedure sends BREAK.
fn breaks(draft: &Draft, procedure: ProcedureId) -> bool {
    holds(draft, procedure, &|op| matches!(op, Op::Break { .. }))
}

/// Whether the procedure orders a reset.
fn reset_ordered(draft: &Draft, procedure: ProcedureId) -> bool {
    holds(draft, procedure, &|op| matches!(op, Op::Reset { .. }))
}

/// Whether such an op stands in the procedure or in what it calls.
fn holds(draft: &Draft, procedure: ProcedureId, such: &dyn Fn(&Op) -> bool) -> bool {
    let ops = &draft.program.ops;
    range(&draft.program, procedure).any(|pc| match &ops[pc] {
        Op::Call { procedure, .. } => holds(draft, *procedure, such),
        op => such(op),
    })
}
