//! All ways through a procedure, with what it calls, and what is known at their ends.

use std::collections::{BTreeMap, BTreeSet};

use super::flow::{Outcome, one_line, place, ways};
use crate::script::compile::Draft;
use crate::script::diagnostic::Sources;
use crate::script::program::{Op, Pc, ProcedureId, Program, Who};

/// More points than this are not looked at.
const MOST: usize = 100_000;

/// Whom a name in a procedure stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// The node that the door is about.
    Subject,
    /// A role: it may be that node too.
    Perhaps,
}

/// A procedure that runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    /// The call, in the procedure below.
    call: Pc,
    nodes: Vec<Node>,
}

/// Where a way has come to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    pc: Pc,
    frames: Vec<Frame>,
}

/// One step of a way.
pub struct Taken<'p> {
    /// The op.
    pub op: &'p Op,
    /// Whom it speaks to.
    pub node: Node,
    /// Whether it went well.
    pub outcome: Outcome,
    /// The arm of an `expect` that was taken.
    pub arm: Option<usize>,
}

/// An end of a procedure in `done`.
pub struct End<S> {
    /// The op that ended it.
    pub pc: Pc,
    /// What is known.
    pub fact: S,
    /// The decisions on the way, one a line.
    pub way: String,
}

/// What came of a walk.
pub struct Walked<S> {
    /// All different ends.
    pub ends: Vec<End<S>>,
    /// Whether there were too many ways.
    pub cut: bool,
}

struct Exit {
    /// `None`: the procedure is done; `Some(None)`: it failed.
    to: Target,
    why: String,
    outcome: Outcome,
    arm: Option<usize>,
}

enum Target {
    Spot(Spot),
    Done,
    Failed,
}

struct Point<S> {
    spot: Spot,
    fact: S,
    from: Option<(usize, String)>,
}

/// Walks all ways through `procedure`; `learn` says what a step adds to what is known.
pub fn walk<S: Clone + Ord>(
    draft: &Draft,
    sources: &Sources,
    procedure: ProcedureId,
    start: S,
    learn: &mut dyn FnMut(&Taken, Pc, &S) -> S,
) -> Walked<S> {
    let program = &draft.program;
    let retries = retries(program);
    let spot = Spot {
        pc: program.procedures[procedure].entry,
        frames: vec![Frame {
            call: 0,
            nodes: vec![Node::Subject; program.procedures[procedure].arguments.len()],
        }],
    };
    let mut points = vec![Point {
        spot: spot.clone(),
        fact: start.clone(),
        from: None,
    }];
    let mut seen: BTreeSet<(Spot, S)> = BTreeSet::from([(spot, start)]);
    let mut ends: BTreeMap<(Pc, S), usize> = BTreeMap::new();
    let mut next = 0;
    while next < points.len() && points.len() < MOST {
        let (spot, fact) = (points[next].spot.clone(), points[next].fact.clone());
        for exit in exits(program, &retries, &spot) {
            let taken = Taken {
                op: &program.ops[spot.pc],
                node: node_of(&program.ops[spot.pc], &spot),
                outcome: exit.outcome,
                arm: exit.arm,
            };
            let learnt = learn(&taken, spot.pc, &fact);
            match exit.to {
                Target::Spot(to) => {
                    if seen.insert((to.clone(), learnt.clone())) {
                        points.push(Point {
                            spot: to,
                            fact: learnt,
                            from: Some((next, exit.why)),
                        });
                    }
                }
                Target::Done => {
                    ends.entry((spot.pc, learnt)).or_insert(next);
                }
                Target::Failed => {}
            }
        }
        next += 1;
    }
    let ends = ends
        .into_iter()
        .map(|((pc, fact), point)| End {
            pc,
            fact,
            way: tell(&points, point, draft, sources),
        })
        .collect();
    Walked {
        ends,
        cut: next < points.len(),
    }
}

fn tell<S>(points: &[Point<S>], last: usize, draft: &Draft, sources: &Sources) -> String {
    let mut lines = Vec::new();
    let mut at = last;
    while let Some((before, why)) = &points[at].from {
        if !why.is_empty() {
            let span = draft.spans[points[*before].spot.pc];
            lines.push(format!(
                "{} {}: {why}",
                place(span, sources),
                one_line(sources.slice(span))
            ));
        }
        at = *before;
    }
    lines.reverse();
    lines.join("\n")
}

/// The innermost retry around every op.
fn retries(program: &Program) -> BTreeMap<Pc, Pc> {
    let mut out = BTreeMap::new();
    for (pc, op) in program.ops.iter().enumerate() {
        if let Op::Retry { end, .. } = op {
            out.extend((pc + 1..*end).map(|inside| (inside, pc)));
        }
    }
    out
}

fn exits(program: &Program, retries: &BTreeMap<Pc, Pc>, spot: &Spot) -> Vec<Exit> {
    let exit = |to: Target, why: &str, outcome| Exit {
        to,
        why: why.to_owned(),
        outcome,
        arm: None,
    };
    let at = |pc: Pc| {
        Target::Spot(Spot {
            pc,
            frames: spot.frames.clone(),
        })
    };
    let fail = |why: &str| exit(failed(program, retries, spot), why, Outcome::Failed);
    match &program.ops[spot.pc] {
        Op::Done => vec![exit(done(program, retries, spot), "", Outcome::Well)],
        Op::Fail(_) => vec![exit(failed(program, retries, spot), "", Outcome::Well)],
        Op::Again => {
            let retry = retries.get(&spot.pc).copied().unwrap_or(spot.pc);
            let outside = Spot {
                pc: retry,
                frames: spot.frames.clone(),
            };
            vec![
                exit(at(retry + 1), "once more", Outcome::Well),
                exit(failed(program, retries, &outside), "", Outcome::Failed),
            ]
        }
        Op::Call {
            procedure,
            arguments,
            ..
        } => {
            let here = &spot.frames.last().map_or(&[][..], |frame| &frame.nodes);
            let nodes = arguments.iter().map(|who| resolve(*who, here)).collect();
            let mut frames = spot.frames.clone();
            frames.push(Frame {
                call: spot.pc,
                nodes,
            });
            let pc = program.procedures[*procedure].entry;
            vec![exit(Target::Spot(Spot { pc, frames }), "", Outcome::Well)]
        }
        Op::Expect { arms, silence, .. } => {
            let mut out: Vec<Exit> = ways(program, spot.pc)
                .into_iter()
                .map(|way| exit(at(way.to), &way.why, way.outcome))
                .collect();
            for (number, exit) in out.iter_mut().enumerate().take(arms.len()) {
                exit.arm = Some(number);
            }
            if silence.is_none() {
                out.push(fail("silence"));
            }
            out
        }
        Op::Question { .. }
        | Op::Reset { .. }
        | Op::Dark { .. }
        | Op::PowerOff { .. }
        | Op::Word { .. } => {
            vec![exit(at(spot.pc + 1), "", Outcome::Well), fail("it fails")]
        }
        _ => ways(program, spot.pc)
            .into_iter()
            .map(|way| exit(at(way.to), &way.why, way.outcome))
            .collect(),
    }
}

fn done(program: &Program, retries: &BTreeMap<Pc, Pc>, spot: &Spot) -> Target {
    if let Some(retry) = retries.get(&spot.pc)
        && let Op::Retry { end, .. } = program.ops[*retry]
    {
        return Target::Spot(Spot {
            pc: end,
            frames: spot.frames.clone(),
        });
    }
    let mut frames = spot.frames.clone();
    match frames.pop() {
        Some(frame) if !frames.is_empty() => Target::Spot(Spot {
            pc: frame.call + 1,
            frames,
        }),
        _ => Target::Done,
    }
}

fn failed(program: &Program, retries: &BTreeMap<Pc, Pc>, spot: &Spot) -> Target {
    if let Some(retry) = retries.get(&spot.pc)
        && let Op::Retry { end, .. } = program.ops[*retry]
    {
        return Target::Spot(Spot {
            pc: end - 1,
            frames: spot.frames.clone(),
        });
    }
    let mut frames = spot.frames.clone();
    let Some(frame) = frames.pop().filter(|_| !frames.is_empty()) else {
        return Target::Failed;
    };
    match program.ops[frame.call] {
        Op::Call {
            otherwise: Some(otherwise),
            ..
        } => Target::Spot(Spot {
            pc: otherwise,
            frames,
        }),
        _ => failed(
            program,
            retries,
            &Spot {
                pc: frame.call,
                frames,
            },
        ),
    }
}

fn resolve(who: Who, nodes: &[Node]) -> Node {
    match who {
        Who::Argument(number) => nodes.get(number).copied().unwrap_or(Node::Perhaps),
        Who::Role(_) => Node::Perhaps,
    }
}

fn node_of(op: &Op, spot: &Spot) -> Node {
    let nodes = spot.frames.last().map_or(&[][..], |frame| &frame.nodes);
    op.who().map_or(Node::Perhaps, |who| resolve(who, nodes))
}
