//! What a bench must have for a script, read off the compiled script: nobody has to say it.

use std::time::Duration;

use super::scene::BenchProcessor;
use super::service_processor::{Host, ProcessorKind, ServiceProcessor};
use crate::machine::setup::listens_for;
use crate::matcher::example_matches;
use crate::script::program::{Op, Pc, ProcedureId, Program};

/// The firmwares that are simulated.
pub const SIMULATED: [&str; 2] = ["openboot", "openbios"];

/// The service processors that are simulated, with what is behind them.
const PROCESSORS: [BenchProcessor; 3] = [
    BenchProcessor {
        kind: ProcessorKind::Alom,
        host: Host::Sun4u,
    },
    BenchProcessor {
        kind: ProcessorKind::Alom,
        host: Host::Sun4v,
    },
    BenchProcessor {
        kind: ProcessorKind::Ilom,
        host: Host::Sun4v,
    },
];

/// The firmwares that the script speaks to, of those that are simulated.
pub fn platforms(program: &Program) -> impl Iterator<Item = &'static str> + use<'_> {
    let known = |name: &&str| program.firmware(name).is_some();
    SIMULATED.into_iter().filter(known)
}

/// Whether a node cannot be stopped without a power leg: some `fence` of the script has procedures that
/// switch power off, and besides them at best one that asks for a person's word.
pub fn power_leg(program: &Program) -> bool {
    program.ops.iter().any(|op| match op {
        Op::Fence { procedures, .. } => {
            let does = |what: &dyn Fn(&Op) -> bool, procedure: &ProcedureId| {
                does(program, *procedure, what, &mut Vec::new())
            };
            let switches =
                |procedure: &&ProcedureId| does(&|op| matches!(op, Op::PowerOff { .. }), procedure);
            let proves = |procedure: &ProcedureId| {
                let proof =
                    |op: &Op| matches!(op, Op::Reset { .. } | Op::Dark { .. } | Op::Assume { .. });
                does(&proof, procedure)
            };
            procedures.iter().any(|procedure| switches(&procedure))
                && !procedures.iter().any(proves)
        }
        _ => false,
    })
}

/// The service processors whose prompt the script knows.
pub fn processors(program: &Program) -> Vec<BenchProcessor> {
    let patterns = listens_for(program);
    let known = |processor: &BenchProcessor| {
        let prompt = ServiceProcessor::prompt(processor.kind);
        let mut prompts = patterns.iter().filter(|pattern| pattern.quiet.is_some());
        prompts.any(|pattern| example_matches(pattern, prompt))
    };
    PROCESSORS.into_iter().filter(known).collect()
}

/// How long the script waits at most for anything, but for darkness and a person's word, for which no script
/// waits in silence: a service that is down for longer without an alarm was forgotten.
pub fn longest_wait(program: &Program) -> Duration {
    waits_longest(program).map_or(Duration::ZERO, |(_, lasts)| lasts)
}

/// That wait, and where it stands: the first of several.
pub fn waits_longest(program: &Program) -> Option<(Pc, Duration)> {
    let told = |op: &Op| matches!(op, Op::Dark { .. } | Op::Word { .. });
    let ops = program.ops.iter().enumerate();
    let waits = ops
        .filter(|(_, op)| !told(op))
        .map(|(pc, op)| (pc, op.takes()));
    waits.rev().max_by_key(|(_, lasts)| *lasts)
}

/// Whether a procedure, or one that it calls, has such a step.
fn does(
    program: &Program,
    procedure: ProcedureId,
    what: &dyn Fn(&Op) -> bool,
    seen: &mut Vec<ProcedureId>,
) -> bool {
    if seen.contains(&procedure) {
        return false;
    }
    seen.push(procedure);
    steps(program, procedure).iter().any(|op| {
        let calls = match op {
            Op::Call { procedure, .. } => does(program, *procedure, what, seen),
            _ => false,
        };
        calls || what(op)
    })
}

/// The steps of a procedure: all up to where something else begins.
fn steps(program: &Program, procedure: ProcedureId) -> &[Op] {
    let begins = program.procedures[procedure].entry;
    let states = program.states.iter().flat_map(|state| {
        let triggers = state.triggers.iter().map(|trigger| trigger.body);
        std::iter::once(state.entry).chain(triggers)
    });
    let procedures = program.procedures.iter().map(|other| other.entry);
    let ends = states.chain(procedures).filter(|entry| *entry > begins);
    let ends: Pc = ends.min().unwrap_or(program.ops.len());
    &program.ops[begins..ends]
}
