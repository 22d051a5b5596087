//! Where each op leads, and how to tell a way through a script.

use std::collections::BTreeSet;

use crate::script::compile::Draft;
use crate::script::diagnostic::{SourceId, Sources, Span};
use crate::script::program::{Op, PatternId, Pc, Program, StateId};

/// One way on from an op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where it leads.
    pub to: Pc,
    /// What made it so; empty where there is only one way.
    pub why: String,
    /// Whether the step was done as it was meant.
    pub outcome: Outcome,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it was meant, or one of several answers.
    Well,
    /// A door's `else`, a call's `else`, a question without an answer.
    Failed,
    /// A guard's veto.
    Refused,
}

fn way(to: Pc, why: impl Into<String>, outcome: Outcome) -> Way {
    Way {
        to,
        why: why.into(),
        outcome,
    }
}

/// All ways on from `pc` in a state; in a procedure also, but for those that leave it.
pub fn ways(program: &Program, pc: Pc) -> Vec<Way> {
    use Outcome::{Failed, Refused, Well};
    let next = |why: &str| way(pc + 1, why, Well);
    match &program.ops[pc] {
        Op::Jump(to) => vec![way(*to, "", Well)],
        Op::Goto(state) => vec![way(program.states[*state].entry, "", Well)],
        Op::End | Op::Done | Op::Fail(_) | Op::Again => Vec::new(),
        Op::Expect { arms, silence, .. } => {
            let of_arms = arms
                .iter()
                .map(|arm| way(arm.then, names(program, &arm.patterns), Well));
            of_arms
                .chain(silence.map(|to| way(to, "silence", Failed)))
                .collect()
        }
        Op::PowerStatus {
            on, off, unknown, ..
        } => {
            vec![
                way(*on, "on", Well),
                way(*off, "off", Well),
                way(*unknown, "unknown", Well),
            ]
        }
        Op::Fence {
            refused, otherwise, ..
        }
        | Op::Boot {
            refused, otherwise, ..
        }
        | Op::Resume {
            refused, otherwise, ..
        } => {
            let mut out = vec![next("done"), way(*otherwise, "else", Failed)];
            out.extend(refused.map(|to| way(to, "refused", Refused)));
            out
        }
        Op::Call {
            otherwise: Some(otherwise),
            ..
        } => vec![next("done"), way(*otherwise, "else", Failed)],
        Op::WaitLink { otherwise, .. } => vec![next("connected"), way(*otherwise, "else", Failed)],
        Op::Survey {
            one_runs,
            all_wait,
            two_live,
            silent,
            unclear,
            ..
        } => vec![
            way(*one_runs, "one_runs", Well),
            way(*all_wait, "all_wait", Well),
            way(*two_live, "two_live", Well),
            way(*silent, "silent", Well),
            way(*unclear, "unclear", Well),
        ],
        Op::Run {
            codes, otherwise, ..
        } => {
            let mut out: Vec<Way> = codes
                .iter()
                .map(|(code, to)| way(*to, code.to_string(), Well))
                .collect();
            out.push(way(*otherwise, "else", Failed));
            out
        }
        Op::Probe {
            answers, silent, ..
        } => vec![way(*answers, "answers", Well), way(*silent, "silent", Well)],
        _ => vec![next("")],
    }
}

fn names(program: &Program, patterns: &[PatternId]) -> String {
    let names: Vec<&str> = patterns
        .iter()
        .map(|pattern| program.patterns[*pattern].name.as_str())
        .collect();
    names.join(", ")
}

/// The states that the machine can come to.
pub fn reachable_states(program: &Program) -> BTreeSet<StateId> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<StateId> = if program.states.is_empty() {
        Vec::new()
    } else {
        vec![program.start]
    };
    while let Some(state) = open.pop() {
        if seen.insert(state) {
            open.extend(ways_out(program, state));
        }
    }
    seen
}

/// The states that a state leads to, by its entry steps and its triggers.
pub fn ways_out(program: &Program, state: StateId) -> BTreeSet<StateId> {
    let state = &program.states[state];
    let blocks =
        std::iter::once(state.entry).chain(state.triggers.iter().map(|trigger| trigger.body));
    blocks
        .flat_map(|entry| block(program, entry))
        .filter_map(|pc| match program.ops[pc] {
            Op::Goto(to) => Some(to),
            _ => None,
        })
        .collect()
}

/// The ops that may run from `entry` on without another state's.
pub fn block(program: &Program, entry: Pc) -> BTreeSet<Pc> {
    let mut seen = BTreeSet::new();
    let mut open = vec![entry];
    while let Some(pc) = open.pop() {
        if seen.insert(pc) && !matches!(program.ops[pc], Op::Goto(_)) {
            open.extend(ways(program, pc).into_iter().map(|way| way.to));
        }
    }
    seen
}

/// A point on a way through a script.
#[derive(Clone, Debug)]
pub struct Point<F> {
    /// The op.
    pub pc: Pc,
    /// What is known there.
    pub fact: F,
    /// The point before it, and why the way led on from there.
    pub from: Option<(usize, String)>,
    /// The state it belongs to.
    pub state: StateId,
    /// The trigger that it began with.
    pub trigger: Option<usize>,
}

/// Tells the way to the last of `points`' ancestors, one line a state.
pub fn tell<F>(points: &[Point<F>], last: usize, draft: &Draft, sources: &Sources) -> String {
    let mut chain = vec![last];
    while let Some((before, _)) = &points[*chain.last().unwrap_or(&last)].from {
        chain.push(*before);
    }
    chain.reverse();
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut at: Option<StateId> = None;
    for (position, index) in chain.iter().enumerate() {
        let point = &points[*index];
        if at != Some(point.state) {
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            at = Some(point.state);
            line = format!("state {}", draft.program.state_name(point.state));
            if let Some(trigger) = point.trigger.filter(|_| position == 0) {
                let span = draft.triggers[point.state][trigger];
                line.push_str(&format!(
                    "\n    {} {}",
                    place(span, sources),
                    one_line(sources.slice(span))
                ));
            }
        }
        let taken = chain
            .get(position + 1)
            .and_then(|next| points[*next].from.as_ref());
        if let Some((_, why)) = taken.filter(|(_, why)| !why.is_empty()) {
            let span = draft.spans[point.pc];
            line.push_str(&format!(
                "\n    {} {}: {why}",
                place(span, sources),
                one_line(sources.slice(span))
            ));
        }
    }
    lines.push(line);
    lines.join("\n")
}

/// A line of the script by its number, a line of a library with its file.
pub fn place(span: Span, sources: &Sources) -> String {
    let line = sources.line(span);
    if span.source == SourceId(0) {
        format!("line {line}:")
    } else {
        format!("{}:{line}:", sources.path(span.source))
    }
}

/// A step on one line.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
