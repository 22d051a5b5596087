//! Rule 1: no way reaches a `boot` without a living fence of the other node. And no takeover
//! happens without a word.

use std::time::Duration;

use super::flow::{Outcome, Point, reachable_states, tell, ways};
use super::sends::starts_system;
use super::times::{Times, takes};
use crate::script::compile::Draft;
use crate::script::diagnostic::{Diagnostic, Sources};
use crate::script::program::{Op, Pc, ProcedureId, Program, Role, Who};

/// How long a FirmwareReset proof lives (design, rule 3).
const PROOF_LIVES: Duration = Duration::from_secs(60);

/// What is known on a way through states.
#[derive(Clone, Debug, Default)]
struct Fact {
    /// The node that is proved stopped, and how old the proof may be.
    fence: Option<(Role, Duration)>,
    /// An alarm was raised since the machine last listened.
    alarmed: bool,
    /// A takeover that nobody was told of yet.
    owes: Option<Pc>,
    /// Where a fence was made and where it died, and why.
    lost: Option<(Pc, Pc, String)>,
    made: Option<Pc>,
}

impl Fact {
    /// Whether everything that can go wrong after `other` can go wrong after this.
    fn covers(&self, other: &Fact) -> bool {
        let fence = match (&self.fence, &other.fence) {
            (None, _) => true,
            (Some((a, old)), Some((b, young))) => a == b && old >= young,
            (Some(_), None) => false,
        };
        fence && (!self.alarmed || other.alarmed) && (self.owes.is_some() || other.owes.is_none())
    }

    fn dies(&mut self, at: Pc, why: &str) {
        if self.fence.take().is_some() {
            self.lost = self.made.map(|made| (made, at, why.to_owned()));
        }
    }
}

/// Follows all ways from the start and from every trigger.
pub fn check(draft: &Draft, sources: &Sources, faults: &mut Vec<Diagnostic>) {
    let program = &draft.program;
    let mut points: Vec<Point<Fact>> = Vec::new();
    let root = |pc, state, trigger| Point {
        pc,
        fact: Fact::default(),
        from: None,
        state,
        trigger,
    };
    for state in reachable_states(program) {
        if state == program.start {
            points.push(root(program.states[state].entry, state, None));
        }
        for (number, trigger) in program.states[state].triggers.iter().enumerate() {
            points.push(root(trigger.body, state, Some(number)));
        }
    }
    let mut seen: Vec<Vec<Fact>> = vec![Vec::new(); program.ops.len()];
    let mut told: Vec<(Pc, bool)> = Vec::new();
    let mut next = 0;
    while next < points.len() {
        let (pc, state, fact) = (
            points[next].pc,
            points[next].state,
            points[next].fact.clone(),
        );
        next += 1;
        if seen[pc].iter().any(|other| other.covers(&fact)) {
            continue;
        }
        seen[pc].push(fact.clone());
        let way = |points: &[Point<Fact>]| tell(points, next - 1, draft, sources);
        if let Op::Boot {
            who: Who::Role(role),
            procedure,
            ..
        } = &program.ops[pc]
            && let Some(fault) = unfenced(draft, pc, *role, *procedure, &fact)
            && !told.contains(&(pc, true))
        {
            told.push((pc, true));
            faults.push(fault.note(format!("the way there:\n{}", way(&points))));
        }
        if let (Op::End, Some(boot)) = (&program.ops[pc], fact.owes)
            && !told.contains(&(boot, false))
        {
            told.push((boot, false));
            faults.push(
                Diagnostic::error(draft.spans[boot], "a takeover happens here, and no alarm tells of it")
                    .note(format!("the way there:\n{}", way(&points)))
                    .help("write `alarm critical primary_lost \"{primary}: {evidence}\"` before the fence"),
            );
        }
        for on in ways(program, pc) {
            let mut fact = after(program, pc, on.outcome, &fact);
            let to_state = if let Op::Goto(to) = program.ops[pc] {
                to
            } else {
                state
            };
            if let Op::Boot {
                who: Who::Role(Role::Secondary),
                ..
            } = program.ops[pc]
                && on.outcome != Outcome::Refused
                && !fact.alarmed
            {
                fact.owes = Some(pc);
            }
            points.push(Point {
                pc: on.to,
                fact,
                from: Some((next - 1, on.why)),
                state: to_state,
                trigger: None,
            });
        }
    }
}

fn other(role: Role) -> Role {
    match role {
        Role::Primary => Role::Secondary,
        Role::Secondary => Role::Primary,
    }
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Secondary => "secondary",
    }
}

/// The fault, if the other node may run when this `boot` begins.
fn unfenced(
    draft: &Draft,
    pc: Pc,
    role: Role,
    procedure: ProcedureId,
    fact: &Fact,
) -> Option<Diagnostic> {
    let program = &draft.program;
    let (booted, fenced) = (name(role), name(other(role)));
    let starts = |op: &Op| matches!(op, Op::Send { text, .. } if starts_system(program, text));
    let lead = Times::until(program, &starts)
        .of(procedure)
        .unwrap_or_default();
    let mut lost = fact.lost.clone();
    if let Some((role_fenced, age)) = fact.fence
        && role_fenced == other(role)
    {
        if age.saturating_add(lead) <= PROOF_LIVES {
            return None;
        }
        let shown = crate::clock::Span(age.saturating_add(lead));
        lost = fact.made.map(|made| {
            (
                made,
                pc,
                format!("it may take {shown} until the boot command, and a proof lives for 60 s"),
            )
        });
    }
    let mut fault = Diagnostic::error(
        draft.spans[pc],
        format!("this boots the {booted}, and the {fenced} may still run"),
    )
    .help(format!(
        "write `fence {fenced} with openboot_reset else -> …` right before it"
    ));
    match lost {
        Some((made, died, why)) if died != pc => {
            fault = fault
                .label("the fence is dead by now")
                .also(draft.spans[made], "fenced here")
                .also(draft.spans[died], why);
        }
        Some((made, _, why)) => fault = fault.label(why).also(draft.spans[made], "fenced here"),
        None => fault = fault.label(format!("nothing on this way has fenced the {fenced}")),
    }
    Some(fault)
}

/// What is known behind an op.
fn after(program: &Program, pc: Pc, outcome: Outcome, before: &Fact) -> Fact {
    let mut fact = before.clone();
    let op = &program.ops[pc];
    let fenced = fact.fence.map(|(role, _)| Who::Role(role));
    match op {
        Op::Alarm { .. } => {
            fact.alarmed = true;
            fact.owes = None;
        }
        Op::Fence { who, .. } => {
            fact.dies(pc, "another fence comes in between");
            if let (Who::Role(role), Outcome::Well) = (*who, outcome) {
                fact.fence = Some((role, Duration::ZERO));
                fact.made = Some(pc);
                fact.lost = None;
            }
        }
        Op::Boot { .. } | Op::Resume { .. } => fact.dies(pc, "this used the fence up"),
        Op::Survey { .. } => fact.dies(pc, "a survey asks all nodes and binds the roles anew"),
        Op::Call { .. } => fact.dies(pc, "what is called may speak to the fenced node"),
        Op::Send { who, .. } | Op::Break { who } if Some(*who) == fenced => {
            fact.dies(pc, "this types on the console of the fenced node");
        }
        Op::WaitLink { who, .. } if Some(*who) == fenced => {
            fact.dies(pc, "a console that comes back proves nothing");
        }
        _ => {}
    }
    if let Some((_, age)) = &mut fact.fence
        && !matches!(op, Op::Fence { .. })
    {
        *age = age.saturating_add(takes(op));
        if *age > PROOF_LIVES {
            fact.dies(pc, "a proof lives for 60 s, and this may take longer");
        }
    }
    fact
}
