//! Rule 1: no way reaches a `boot` without a living fence of the other node. And no takeover
//! happens without a word.

use std::time::Duration;

use super::flow::{Outcome, Point, block, reachable_states, tell, ways};
use super::sends::starts_system;
use super::times::{PROOF_LIVES, Times};
use crate::script::compile::Draft;
use crate::script::diagnostic::{Diagnostic, Sources, Span};
use crate::script::program::{Op, Pc, ProcedureId, Role, Who};

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
    lost: Option<Lost>,
    made: Option<Span>,
}

/// A fence that is dead.
#[derive(Clone, Debug)]
struct Lost {
    role: Role,
    made: Span,
    died: Span,
    why: String,
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

    fn dies(&mut self, at: Span, why: &str) {
        if let Some((role, _)) = self.fence.take() {
            self.lost = self.made.map(|made| Lost {
                role,
                made,
                died: at,
                why: why.to_owned(),
            });
        }
    }
}

/// Follows all ways from the start and from every trigger.
pub fn check(draft: &Draft, sources: &Sources, faults: &mut Vec<Diagnostic>) {
    let points = roots(draft);
    let seen = vec![Vec::new(); draft.program.ops.len()];
    let told = Vec::new();
    let mut search = Search {
        draft,
        sources,
        points,
        seen,
        told,
        faults,
    };
    let mut next = 0;
    while next < search.points.len() {
        search.visit(next);
        next += 1;
    }
}

/// The start, and every trigger: the machine has listened before it, for any time.
fn roots(draft: &Draft) -> Vec<Point<Fact>> {
    let program = &draft.program;
    let mut points = Vec::new();
    for state in reachable_states(program) {
        let entry = program.states[state].entry;
        let root = |pc, fact, trigger| Point {
            pc,
            fact,
            from: None,
            state,
            trigger,
        };
        if state == program.start {
            points.push(root(entry, Fact::default(), None));
        }
        let fence = block(program, entry)
            .into_iter()
            .find_map(|pc| match program.ops[pc] {
                Op::Fence {
                    who: Who::Role(role),
                    ..
                } => Some((role, draft.spans[pc])),
                _ => None,
            });
        for (number, trigger) in program.states[state].triggers.iter().enumerate() {
            let mut fact = Fact::default();
            if let Some((role, made)) = fence {
                let why = "the machine listens before this comes, and a proof lives for 60 s";
                let died = draft.triggers[state][number];
                fact.lost = Some(Lost {
                    role,
                    made,
                    died,
                    why: why.to_owned(),
                });
            }
            points.push(root(trigger.body, fact, Some(number)));
        }
    }
    points
}

/// The search for ways that go wrong.
struct Search<'s> {
    draft: &'s Draft,
    sources: &'s Sources,
    points: Vec<Point<Fact>>,
    /// For every op what was known there before.
    seen: Vec<Vec<Fact>>,
    told: Vec<(Pc, Wrong)>,
    faults: &'s mut Vec<Diagnostic>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Unfenced,
    Silent,
}

impl Search<'_> {
    fn visit(&mut self, number: usize) {
        let program = &self.draft.program;
        let Point {
            pc, state, fact, ..
        } = self.points[number].clone();
        if self.seen[pc].iter().any(|other| other.covers(&fact)) {
            return;
        }
        self.seen[pc].push(fact.clone());
        match &program.ops[pc] {
            Op::Boot {
                who: Who::Role(role),
                procedure,
                ..
            } => {
                if let Some(fault) = unfenced(self.draft, pc, *role, *procedure, &fact) {
                    self.tell(number, pc, Wrong::Unfenced, fault);
                }
            }
            Op::End => {
                if let Some(boot) = fact.owes {
                    let message = "a takeover happens here, and no alarm tells of it";
                    let help = "write `alarm critical primary_lost \"{primary}: {evidence}\"` before the fence";
                    let fault = Diagnostic::error(self.draft.spans[boot], message).help(help);
                    self.tell(number, boot, Wrong::Silent, fault);
                }
            }
            _ => {}
        }
        for way in ways(program, pc) {
            let fact = after(self.draft, pc, way.outcome, &fact);
            let state = if let Op::Goto(to) = program.ops[pc] {
                to
            } else {
                state
            };
            let from = Some((number, way.why));
            self.points.push(Point {
                pc: way.to,
                fact,
                from,
                state,
                trigger: None,
            });
        }
    }

    fn tell(&mut self, number: usize, pc: Pc, wrong: Wrong, fault: Diagnostic) {
        if !self.told.contains(&(pc, wrong)) {
            self.told.push((pc, wrong));
            let way = tell(&self.points, number, self.draft, self.sources);
            self.faults
                .push(fault.note(format!("the way there:\n{way}")));
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
    let mut lost = fact.lost.clone().filter(|lost| lost.role == other(role));
    if let Some((role_fenced, age)) = fact.fence
        && role_fenced == other(role)
    {
        let late = age.saturating_add(lead);
        if late <= PROOF_LIVES {
            return None;
        }
        let late = crate::clock::Span(late);
        let why = format!("it may take {late} until the boot command, and a proof lives for 60 s");
        lost = fact.made.map(|made| Lost {
            role: role_fenced,
            made,
            died: draft.spans[pc],
            why,
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
        Some(lost) if lost.died != draft.spans[pc] => {
            fault = fault
                .label("the fence is dead by now")
                .also(lost.made, "fenced here")
                .also(lost.died, lost.why);
        }
        Some(lost) => fault = fault.label(lost.why).also(lost.made, "fenced here"),
        None => fault = fault.label(format!("nothing on this way has fenced the {fenced}")),
    }
    Some(fault)
}

/// What is known behind an op.
fn after(draft: &Draft, pc: Pc, outcome: Outcome, before: &Fact) -> Fact {
    let mut fact = before.clone();
    let (op, span) = (&draft.program.ops[pc], draft.spans[pc]);
    let fenced = fact.fence.map(|(role, _)| Who::Role(role));
    match op {
        Op::Alarm { .. } => {
            fact.alarmed = true;
            fact.owes = None;
        }
        Op::Fence { who, .. } => {
            fact.dies(span, "another fence comes in between");
            if let (Who::Role(role), Outcome::Well) = (*who, outcome) {
                fact.fence = Some((role, Duration::ZERO));
                fact.made = Some(span);
                fact.lost = None;
            }
        }
        Op::Boot { who, .. } => {
            fact.dies(span, "this used the fence up");
            let takeover = *who == Who::Role(Role::Secondary) && outcome != Outcome::Refused;
            if takeover && !fact.alarmed {
                fact.owes = Some(pc);
            }
        }
        Op::Resume { .. } => fact.dies(span, "this used the fence up"),
        Op::Survey { .. } => fact.dies(span, "a survey asks all nodes and binds the roles anew"),
        Op::Call { .. } => fact.dies(span, "what is called may speak to the fenced node"),
        Op::Send { who, .. } | Op::Break { who } if Some(*who) == fenced => {
            fact.dies(span, "this types on the console of the fenced node");
        }
        Op::WaitLink { who, .. } if Some(*who) == fenced => {
            fact.dies(span, "a console that comes back proves nothing");
        }
        _ => {}
    }
    if let Some((_, age)) = &mut fact.fence
        && !matches!(op, Op::Fence { .. })
    {
        *age = age.saturating_add(op.takes());
        if *age > PROOF_LIVES {
            fact.dies(span, "a proof lives for 60 s, and this may take longer");
        }
    }
    fact
}
