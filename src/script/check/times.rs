//! How long steps and procedures may take.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::calls;
use super::flow::ways;
use crate::script::program::{Op, Pc, ProcedureId, Program};

/// How long a FirmwareReset proof lives (design, rule 3).
pub const PROOF_LIVES: Duration = Duration::from_secs(60);

/// The longest times of procedures that do not call themselves.
pub struct Times<'p> {
    program: &'p Program,
    stop: &'p dyn Fn(&Op) -> bool,
    known: BTreeMap<ProcedureId, Longest>,
}

/// To the end, and to the last op that `stop` tells of; `None` if no such op is come to.
type Longest = (Duration, Option<Duration>);

impl<'p> Times<'p> {
    /// Times until an op that `stop` tells of.
    pub fn until(program: &'p Program, stop: &'p dyn Fn(&Op) -> bool) -> Times<'p> {
        Times {
            program,
            stop,
            known: BTreeMap::new(),
        }
    }

    /// The longest time that passes in a procedure until then.
    pub fn of(&mut self, procedure: ProcedureId) -> Option<Duration> {
        self.procedure(procedure).1
    }

    fn procedure(&mut self, procedure: ProcedureId) -> Longest {
        if let Some(known) = self.known.get(&procedure) {
            return *known;
        }
        let longest = self.range(calls::range(self.program, procedure));
        self.known.insert(procedure, longest);
        longest
    }

    /// All jumps lead forward, so that one pass from the end does it.
    fn range(&mut self, range: Range<Pc>) -> Longest {
        let mut times: BTreeMap<Pc, Longest> = BTreeMap::new();
        for pc in self.outer(range.clone()).into_iter().rev() {
            let op = &self.program.ops[pc];
            let (own, own_stop, targets): (Duration, Option<Duration>, Vec<Pc>) = match op {
                Op::Retry { count, every, end } => {
                    let (body, inner) = self.range(pc + 1..*end - 1);
                    let all = (*every).max(body).saturating_mul(*count);
                    (
                        all,
                        inner.map(|inner| all.saturating_sub(body).saturating_add(inner)),
                        vec![*end],
                    )
                }
                Op::Call {
                    procedure,
                    otherwise,
                    ..
                } => {
                    let (whole, inner) = self.procedure(*procedure);
                    (
                        whole,
                        inner,
                        std::iter::once(pc + 1).chain(*otherwise).collect(),
                    )
                }
                Op::Done | Op::Fail(_) => (Duration::ZERO, None, Vec::new()),
                _ => (
                    op.takes(),
                    None,
                    ways(self.program, pc)
                        .into_iter()
                        .map(|way| way.to)
                        .collect(),
                ),
            };
            let after = |to: &Pc| times.get(to).copied().unwrap_or_default();
            let whole = targets
                .iter()
                .map(|to| after(to).0)
                .max()
                .unwrap_or_default();
            let later = targets.iter().filter_map(|to| after(to).1).max();
            let stopped = if (self.stop)(op) {
                later
                    .map(|later| own.saturating_add(later))
                    .max(Some(Duration::ZERO))
            } else {
                later.map(|later| own.saturating_add(later)).max(own_stop)
            };
            times.insert(pc, (own.saturating_add(whole), stopped));
        }
        times.get(&range.start).copied().unwrap_or_default()
    }

    /// The ops of a range that stand in none of its retries.
    fn outer(&self, range: Range<Pc>) -> Vec<Pc> {
        let mut out = Vec::new();
        let mut pc = range.start;
        while pc < range.end {
            out.push(pc);
            pc = match self.program.ops[pc] {
                Op::Retry { end, .. } => end,
                _ => pc + 1,
            };
        }
        out
    }
}
