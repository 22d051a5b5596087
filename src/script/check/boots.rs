//! What a `boot` runs: the node is asked who it is, a word that starts it is typed, and only
//! what a running system prints ends it well.

use super::calls::Uses;
use super::flow::Outcome;
use super::sends::starts_system;
use super::walk::{End, Node, Taken, walk};
use crate::script::compile::Draft;
use crate::script::diagnostic::{Diagnostic, Sources};
use crate::script::program::{Op, PatternId, Pc, ProcedureId, Program, Question};

/// Looks at the procedures that `boot` names.
pub fn check(draft: &Draft, _uses: &Uses, sources: &Sources, faults: &mut Vec<Diagnostic>) {
    let mut seen: Vec<ProcedureId> = Vec::new();
    for (pc, op) in draft.program.ops.iter().enumerate() {
        if let Op::Boot { procedure, .. } = op
            && !seen.contains(procedure)
        {
            seen.push(*procedure);
            one(draft, sources, *procedure, pc, faults);
        }
    }
}

/// What a way through a boot has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Boot {
    live: bool,
    known: bool,
    started: bool,
    seen: bool,
}

fn one(
    draft: &Draft,
    sources: &Sources,
    procedure: ProcedureId,
    door: Pc,
    faults: &mut Vec<Diagnostic>,
) {
    let program = &draft.program;
    let name = &program.procedures[procedure].name;
    let firmware = firmware_patterns(program);
    let mut early: Vec<(Pc, Boot)> = Vec::new();
    let mut strangers: Vec<Pc> = Vec::new();
    let walked = walk(
        draft,
        sources,
        procedure,
        Boot::default(),
        &mut |taken, pc, boot| {
            if taken.node == Node::Perhaps && taken.op.who().is_some() {
                strangers.push(pc);
            }
            learn(program, &firmware, taken, *boot, &mut |boot| {
                early.push((pc, boot));
            })
        },
    );
    if walked.cut {
        let message = format!("`{name}` has too many ways to look at them all");
        faults.push(
            Diagnostic::error(draft.procedures[procedure], message)
                .help("make it simpler: fewer arms that go on in the same place"),
        );
    }
    strangers.sort_unstable();
    strangers.dedup();
    for pc in strangers {
        faults.push(
            Diagnostic::error(
                draft.spans[pc],
                "what `boot` runs speaks to its own node only",
            )
            .label("this may be the node that was fenced")
            .also(draft.spans[door], "booted with it here")
            .help("write the procedure's argument; roles are on the move while a node boots"),
        );
    }
    early.sort_unstable();
    early.dedup_by_key(|(pc, _)| *pc);
    for (pc, boot) in early {
        let missing = if boot.live {
            "identity node within 10s"
        } else {
            "live node within 5s  identity node within 10s"
        };
        faults.push(
            Diagnostic::error(
                draft.spans[pc],
                "a system is started on a node that was not asked who it is",
            )
            .label("another machine may stand behind this console")
            .also(draft.spans[door], "booted with it here")
            .help(format!("write `{missing}` before it")),
        );
    }
    ends(draft, procedure, door, &walked.ends, faults);
}

/// Every way that ends well has started a system and seen it.
fn ends(
    draft: &Draft,
    procedure: ProcedureId,
    door: Pc,
    ends: &[End<Boot>],
    faults: &mut Vec<Diagnostic>,
) {
    let name = &draft.program.procedures[procedure].name;
    let mut told: Vec<Pc> = Vec::new();
    for end in ends
        .iter()
        .filter(|end| !(end.fact.started && end.fact.seen))
    {
        if told.contains(&end.pc) {
            continue;
        }
        told.push(end.pc);
        let (message, help) = if end.fact.started {
            (
                format!("this way through `{name}` ends well without having seen a running system"),
                "end it with what only a running system prints: `expect node within 15m { login -> done }`",
            )
        } else {
            (
                format!("this way through `{name}` starts nothing"),
                "send a word that the firmware block lists under `starts`: `send node \"boot {boot_device}\\r\"`",
            )
        };
        let mut fault = Diagnostic::error(draft.spans[end.pc], message)
            .label("ends here in `done`")
            .also(draft.spans[door], "booted with it here");
        if !end.way.is_empty() {
            fault = fault.note(format!("the way:\n{}", end.way));
        }
        faults.push(fault.help(help));
    }
}

/// Patterns that a firmware prints: no sign of a running system.
fn firmware_patterns(program: &Program) -> Vec<PatternId> {
    let mut out = Vec::new();
    for firmware in &program.firmwares {
        out.extend([
            firmware.prompt,
            firmware.banner,
            firmware.resumable,
            firmware.host_id,
        ]);
        out.extend(&firmware.booting);
        out.extend(&firmware.panic);
    }
    out
}

fn learn(
    program: &Program,
    firmware: &[PatternId],
    taken: &Taken,
    before: Boot,
    early: &mut dyn FnMut(Boot),
) -> Boot {
    let mut boot = before;
    if taken.node != Node::Subject {
        return boot;
    }
    match taken.op {
        Op::Question {
            question: Question::Live,
            ..
        } if taken.outcome == Outcome::Well => boot.live = true,
        Op::Question {
            question: Question::Identity,
            ..
        } if taken.outcome == Outcome::Well => boot.known = boot.live,
        Op::Send { text, .. } if starts_system(program, text) => {
            if !boot.known {
                early(boot);
            }
            boot.started = true;
            boot.seen = false;
        }
        Op::Expect { arms, .. } => {
            let arm = taken.arm.and_then(|number| arms.get(number));
            boot.seen = boot.started
                && arm.is_some_and(|arm| {
                    arm.patterns
                        .iter()
                        .all(|pattern| !firmware.contains(pattern))
                });
        }
        _ => {}
    }
    boot
}
