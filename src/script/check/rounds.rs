//! Rounds without a pause: states that lead back to each other, and nothing on the way takes
//! time or waits for something new. A trigger for a level (`on ping misses …`) is no such wait: the
//! level may still be on when its state is entered again. Nor is a console's answer: it takes
//! milliseconds, and comes as often as it is asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::flow::{Outcome, Way, ways};
use super::quick::{Ends, ends};
use crate::script::compile::Draft;
use crate::script::diagnostic::Diagnostic;
use crate::script::program::{
    LinkState, Op, PatternId, Pc, Probe, ProcedureId, Program, Role, StateId, Trigger, Urgency,
    When, Who,
};

/// What is shorter than this is no pause.
pub const PAUSE: Duration = Duration::from_secs(1);
/// More points than this are not looked at from one state.
const MOST: usize = 4_000;

/// Finds rounds: one for every state at the most, the shortest.
pub fn check(draft: &Draft, faults: &mut Vec<Diagnostic>) {
    let program = &draft.program;
    let calls: Vec<Ends> = (0..program.procedures.len())
        .map(|procedure| ends(program, procedure))
        .collect();
    let mut told: BTreeSet<StateId> = BTreeSet::new();
    for state in 0..program.states.len() {
        if told.contains(&state) {
            continue;
        }
        if let Some(round) = (Search {
            program,
            calls: &calls,
        })
        .round(state)
        {
            told.extend(round.iter().map(|step| step.state));
            faults.push(report(draft, &round));
        }
    }
}

/// What must be so for a way to be taken, and is still so the next time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    AddressMissed,
    AddressAnswers,
    Link(Role, bool),
    NetworkLoss,
    ConsoleSilent,
    SiegeAnswers(Role),
    Unfenced(Role),
    /// A door was tried: it takes up what a besieged node said, and that a node was not fenced.
    Refused(Role),
    Says(Role, Vec<PatternId>),
    AllLive,
    AllWait,
    /// A time shorter than [`PAUSE`] is over.
    Soon,
}

impl Fact {
    /// Whether both cannot be so at one time.
    fn excludes(&self, other: &Fact, program: &Program) -> bool {
        let one_way = |a: &Fact, b: &Fact| match (a, b) {
            (Fact::AddressMissed | Fact::NetworkLoss, Fact::AddressAnswers)
            | (Fact::ConsoleSilent, Fact::Says(Role::Primary, _))
            | (Fact::AllLive, Fact::AllWait) => true,
            (Fact::Link(one, up), Fact::Link(two, up_too)) => one == two && up != up_too,
            (Fact::Link(one, false), Fact::Says(two, _))
            | (Fact::SiegeAnswers(one) | Fact::Unfenced(one), Fact::Refused(two)) => one == two,
            (Fact::Says(one, these), Fact::Says(two, those)) => {
                one == two && !these.iter().any(|pattern| those.contains(pattern))
            }
            (Fact::AllLive, Fact::Says(_, these)) => !these.iter().any(|p| is_login(program, *p)),
            (Fact::AllWait, Fact::Says(_, these)) => these.iter().all(|p| is_login(program, *p)),
            _ => false,
        };
        one_way(self, other) || one_way(other, self)
    }
}

fn is_login(program: &Program, pattern: PatternId) -> bool {
    let mut firmwares = program.firmwares.iter();
    firmwares.any(|firmware| firmware.login.contains(&pattern))
}

/// Where a way through states has come to.
struct Point {
    state: StateId,
    pc: Pc,
    /// Sorted.
    facts: Vec<Fact>,
    from: Option<usize>,
    /// The trigger that led here.
    trigger: Option<usize>,
}

/// A way on, and what must be so for it.
type Onward = (Pc, Option<Fact>);

/// A step of a round that people should see.
struct Step {
    state: StateId,
    pc: Pc,
    trigger: Option<usize>,
}

struct Search<'p> {
    program: &'p Program,
    calls: &'p [Ends],
}

impl Search<'_> {
    /// The shortest round through a state.
    fn round(&self, state: StateId) -> Option<Vec<Step>> {
        let program = self.program;
        let entry = program.states[state].entry;
        let mut points = vec![Point {
            state,
            pc: entry,
            facts: Vec::new(),
            from: None,
            trigger: None,
        }];
        let mut seen: BTreeSet<(Pc, Vec<Fact>)> = BTreeSet::from([(entry, Vec::new())]);
        let mut next = 0;
        while next < points.len() && points.len() < MOST {
            let (at, pc) = (points[next].state, points[next].pc);
            let entered = match program.ops[pc] {
                Op::Goto(to) if to == state => return Some(tell(program, &points, next)),
                Op::Goto(to) => to,
                _ => at,
            };
            let onward = self.at_once(pc).into_iter().map(|on| (on, None));
            let fired = self.triggers(at, pc).into_iter();
            let fired = fired.map(|(on, trigger)| (on, Some(trigger)));
            for ((to, fact), trigger) in onward.chain(fired) {
                let Some(facts) = self.with(&points[next].facts, fact) else {
                    continue;
                };
                if seen.insert((to, facts.clone())) {
                    points.push(Point {
                        state: entered,
                        pc: to,
                        facts,
                        from: Some(next),
                        trigger,
                    });
                }
            }
            next += 1;
        }
        None
    }

    /// `facts` and one more; `None` where it cannot be so beside them.
    fn with(&self, facts: &[Fact], fact: Option<Fact>) -> Option<Vec<Fact>> {
        let mut out = facts.to_vec();
        if let Some(fact) = fact {
            if facts.iter().any(|other| fact.excludes(other, self.program)) {
                return None;
            }
            if let Err(place) = out.binary_search(&fact) {
                out.insert(place, fact);
            }
        }
        Some(out)
    }

    /// The ways on from an op that may take no time at all, with what makes them so.
    fn at_once(&self, pc: Pc) -> Vec<Onward> {
        let op = &self.program.ops[pc];
        let all = ways(self.program, pc);
        let plain = |way: Way| (way.to, None);
        let role = match op.who() {
            Some(Who::Role(role)) => Some(role),
            _ => None,
        };
        match op {
            Op::Fence { .. } | Op::Boot { .. } | Op::Resume { .. } => {
                let refused = all.into_iter().filter(|w| w.outcome == Outcome::Refused);
                refused.map(|w| (w.to, role.map(Fact::Refused))).collect()
            }
            Op::WaitLink { .. } => vec![(pc + 1, role.map(|role| Fact::Link(role, true)))],
            Op::Expect {
                within,
                arms,
                silence,
                ..
            } => {
                let says = |patterns: &[PatternId]| role.map(|r| Fact::Says(r, patterns.to_vec()));
                let silence = silence.filter(|_| *within < PAUSE).map(|to| (to, None));
                let arms = arms.iter().map(|arm| (arm.then, says(&arm.patterns)));
                arms.chain(silence).collect()
            }
            Op::Wait(time) if *time >= PAUSE => Vec::new(),
            Op::Survey {
                one_runs,
                all_wait,
                two_live,
                unclear,
                ..
            } => vec![
                (*one_runs, None),
                (*all_wait, Some(Fact::AllWait)),
                (*two_live, Some(Fact::AllLive)),
                (*unclear, None),
            ],
            Op::Probe { probe, answers, .. } => {
                let service = *probe == Probe::Service;
                vec![(*answers, service.then_some(Fact::AddressAnswers))]
            }
            Op::Call {
                procedure,
                otherwise,
                ..
            } => self.call(pc, *procedure, *otherwise),
            _ => all.into_iter().map(plain).collect(),
        }
    }

    fn call(&self, pc: Pc, procedure: ProcedureId, otherwise: Option<Pc>) -> Vec<Onward> {
        let ends = &self.calls[procedure];
        let done = ends.done.then_some((pc + 1, None));
        let failed = otherwise.filter(|_| ends.failed).map(|to| (to, None));
        done.into_iter().chain(failed).collect()
    }

    /// The triggers of a state that may be due as soon as this op waits.
    fn triggers(&self, state: StateId, pc: Pc) -> Vec<(Onward, usize)> {
        let op = &self.program.ops[pc];
        let waits = matches!(
            op,
            Op::End
                | Op::Expect { .. }
                | Op::Wait(_)
                | Op::WaitLink { .. }
                | Op::Run { .. }
                | Op::Probe { .. }
                | Op::PowerStatus { .. }
        );
        let talks = matches!(
            op,
            Op::Fence { .. } | Op::Boot { .. } | Op::Resume { .. } | Op::Call { .. }
        );
        let fires = |trigger: &Trigger| waits || (talks && trigger.urgency == Urgency::Urgent);
        let triggers = self.program.states[state].triggers.iter().enumerate();
        triggers
            .filter(|(_, trigger)| fires(trigger))
            .filter_map(|(index, trigger)| {
                let fact = level(&trigger.when, matches!(op, Op::End))?;
                Some(((trigger.body, Some(fact)), index))
            })
            .collect()
    }
}

/// What a trigger that may be due at once listens for; `None` for those that wait.
fn level(when: &When, rests: bool) -> Option<Fact> {
    Some(match when {
        When::PingMisses { .. } => Fact::AddressMissed,
        When::PingAnswers => Fact::AddressAnswers,
        When::Link { who, state, .. } => Fact::Link(*who, *state == LinkState::Up),
        When::NetworkLoss => Fact::NetworkLoss,
        When::ConsoleSilent => Fact::ConsoleSilent,
        When::SiegeAnswers { who } => Fact::SiegeAnswers(*who),
        When::Unfenced { who } => Fact::Unfenced(*who),
        When::After(span) | When::Every(span) if *span < PAUSE && rests => Fact::Soon,
        When::After(_) | When::Every(_) | When::Prints { .. } | When::Operator(_) => return None,
    })
}

/// The steps that people should see on the way to a point: triggers, and `->`.
fn tell(program: &Program, points: &[Point], last: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = Some(last);
    while let Some(index) = at {
        let point = &points[index];
        let step = |trigger| Step {
            state: point.state,
            pc: point.pc,
            trigger,
        };
        if matches!(program.ops[point.pc], Op::Goto(_)) {
            steps.push(step(None));
        }
        if point.trigger.is_some() {
            steps.push(step(point.trigger));
        }
        at = point.from;
    }
    steps.reverse();
    steps
}

fn report(draft: &Draft, round: &[Step]) -> Diagnostic {
    let level = round.iter().find(|step| step.trigger.is_some());
    let mut gotos = round.iter().filter(|step| step.trigger.is_none());
    let first = gotos.next().expect("a round goes to a state");
    let mut fault = Diagnostic::error(
        draft.spans[first.pc],
        "this goes round and round without a pause",
    );
    for step in round {
        if let Some(trigger) = step.trigger {
            let span = draft.triggers[step.state][trigger];
            let timed = matches!(
                draft.program.states[step.state].triggers[trigger].when,
                When::After(_) | When::Every(_)
            );
            let why = match timed {
                true => "this is no time worth the name",
                false => "this may still be so, and then leads on at once",
            };
            fault = fault.also(span, why);
        }
    }
    for step in gotos {
        fault = fault.also(draft.spans[step.pc], "and on from here");
    }
    match level {
        Some(_) => fault.help(
            "go to a state that listens for the end of it instead of back (as `on ping answers -> …` for `on ping misses …`), or write `wait 10s` on the way",
        ),
        None => fault.help(
            "wait for something on the way: `wait 10s`; or stay in one of the states and listen",
        ),
    }
}
