//! Steps -> ops with jumps.

use super::scope::{Kind, Scope};
use crate::script::ast::{Step, StepKind, Word};
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::program::{Op, Pc};

/// Where steps stand.
#[derive(Clone, Copy)]
pub struct Home<'a> {
    /// Node arguments of the procedure.
    pub arguments: &'a [Word],
    /// Whether the procedure comes from a library.
    pub library: bool,
    /// What kind of place it is.
    pub place: HomePlace,
}

/// See [`Home`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HomePlace {
    State,
    Procedure,
}

impl<'a> Home<'a> {
    /// In a state.
    pub fn state() -> Home<'static> {
        Home {
            arguments: &[],
            library: false,
            place: HomePlace::State,
        }
    }

    /// In a procedure.
    pub fn procedure(arguments: &'a [Word], library: bool) -> Home<'a> {
        Home {
            arguments,
            library,
            place: HomePlace::Procedure,
        }
    }
}

/// Whether steps come to their end or lead elsewhere before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fall {
    Through,
    Elsewhere,
}

/// Where the blocks of a step begin, and where all of them meet again.
pub struct Layout {
    pub starts: Vec<Pc>,
    pub join: Pc,
    pub fall: Fall,
}

/// A jump whose target is not known yet.
const LATER: Pc = usize::MAX;

/// The program under construction.
pub struct Builder<'a> {
    pub scope: &'a Scope,
    pub faults: &'a mut Vec<Diagnostic>,
    pub ops: Vec<Op>,
    pub spans: Vec<Span>,
    pub assumptions: Vec<(Span, String)>,
}

impl<'a> Builder<'a> {
    pub fn new(scope: &'a Scope, faults: &'a mut Vec<Diagnostic>) -> Builder<'a> {
        Builder {
            scope,
            faults,
            ops: Vec::new(),
            spans: Vec::new(),
            assumptions: Vec::new(),
        }
    }

    pub fn fault(&mut self, fault: Diagnostic) {
        self.faults.push(fault);
    }

    pub fn emit(&mut self, op: Op, span: Span) -> Pc {
        self.ops.push(op);
        self.spans.push(span);
        self.ops.len() - 1
    }

    /// Lays steps out one behind the other.
    pub fn body(&mut self, steps: &[Step], home: Home) -> Fall {
        let mut steps = steps.iter();
        while let Some(step) = steps.next() {
            if self.step(step, home) == Fall::Elsewhere {
                if let Some(next) = steps.next() {
                    self.fault(
                        Diagnostic::error(next.span, "this step is never reached")
                            .also(step.span, "this leads elsewhere")
                            .help("take it out, or put it first"),
                    );
                    let faults = self.faults.len();
                    for step in std::iter::once(next).chain(steps) {
                        self.step(step, home);
                    }
                    debug_assert!(self.faults.len() >= faults);
                }
                return Fall::Elsewhere;
            }
        }
        Fall::Through
    }

    /// Lays blocks out behind each other; those that come to their end meet behind the last.
    pub fn lay_out(&mut self, blocks: &[&[Step]], span: Span, home: Home, over: Fall) -> Layout {
        let mut jumps = Vec::new();
        if over == Fall::Through {
            jumps.push(self.emit(Op::Jump(LATER), span));
        }
        let mut starts = Vec::new();
        for block in blocks {
            starts.push(self.ops.len());
            if self.body(block, home) == Fall::Through {
                jumps.push(self.emit(Op::Jump(LATER), span));
            }
        }
        let join = self.ops.len();
        let fall = if jumps.is_empty() {
            Fall::Elsewhere
        } else {
            Fall::Through
        };
        for jump in jumps {
            self.ops[jump] = Op::Jump(join);
        }
        Layout { starts, join, fall }
    }

    /// One step.
    fn step(&mut self, step: &Step, home: Home) -> Fall {
        let span = step.span;
        match &step.kind {
            StepKind::Send { who, text } => {
                let (who, text) = (self.who(who, home), self.text(text, home));
                self.simple(who.map(|who| Op::Send { who, text }), span)
            }
            StepKind::Break { who } => {
                self.only_in_procedure(home, span, "break");
                let op = self.who(who, home).map(|who| Op::Break { who });
                self.simple(op, span)
            }
            StepKind::Siege { who } => {
                self.only_in_procedure(home, span, "siege");
                let op = self.who(who, home).map(|who| Op::Siege { who });
                self.simple(op, span)
            }
            StepKind::Assume { who, because } => self.assume(who, because, home, span),
            StepKind::Question { .. } | StepKind::Setting { .. } => self.question(step, home),
            StepKind::Expect { .. } => self.expect(step, home),
            StepKind::Nudge { .. } => self.nudge(step, home),
            StepKind::PowerStatus { .. }
            | StepKind::Survey { .. }
            | StepKind::Run { .. }
            | StepKind::Probe { .. } => self.choice(step, home),
            StepKind::Door { .. } => self.door(step, home),
            StepKind::Call { .. } => self.call(step, home),
            StepKind::Retry { .. } => self.retry(step, home),
            StepKind::Wait(time) => {
                let op = self.time(time).map(Op::Wait);
                self.simple(op, span)
            }
            StepKind::WaitLink { .. } => self.wait_link(step, home),
            StepKind::Alarm {
                severity,
                code,
                text,
            } => {
                let text = self.text(text, home);
                self.simple(
                    Some(Op::Alarm {
                        severity: *severity,
                        code: code.text.clone(),
                        text,
                    }),
                    span,
                )
            }
            StepKind::Clear { code } => self.simple(
                Some(Op::Clear {
                    code: code.text.clone(),
                }),
                span,
            ),
            StepKind::Log(text) => {
                let text = self.text(text, home);
                self.simple(Some(Op::Log(text)), span)
            }
            StepKind::Let { name, value } => {
                let value = self.text(value, home);
                let op = self
                    .scope
                    .slot(&name.text)
                    .map(|slot| Op::Let { slot, value });
                self.simple(op, span)
            }
            StepKind::Done | StepKind::Fail(_) | StepKind::Goto(_) => self.end(step, home),
        }
    }

    pub fn simple(&mut self, op: Option<Op>, span: Span) -> Fall {
        if let Some(op) = op {
            self.emit(op, span);
        }
        Fall::Through
    }

    /// `done`, `fail` and `->`.
    fn end(&mut self, step: &Step, home: Home) -> Fall {
        let span = step.span;
        let procedure = home.place == HomePlace::Procedure;
        let op = match &step.kind {
            StepKind::Goto(name) if procedure => {
                self.fault(
                    Diagnostic::error(
                        span,
                        format!("a procedure cannot go to the state `{}`", name.text),
                    )
                    .label("a procedure ends in `done` or `fail`")
                    .help(format!(
                        "write `-> fail \"why\"`, and where the procedure is called `else -> {}`",
                        name.text
                    )),
                );
                None
            }
            StepKind::Goto(name) => self
                .scope
                .find(Kind::State, name, self.faults)
                .map(Op::Goto),
            StepKind::Fail(why) if procedure => Some(Op::Fail(self.text(why, home))),
            StepKind::Done if procedure => Some(Op::Done),
            _ => {
                let word = if matches!(step.kind, StepKind::Done) {
                    "done"
                } else {
                    "fail"
                };
                self.fault(
                    Diagnostic::error(
                        span,
                        format!("`{word}` ends a procedure, and this is a state"),
                    )
                    .help("write `-> STATE`; at the end of its steps a state stays and listens"),
                );
                None
            }
        };
        if let Some(op) = op {
            self.emit(op, span);
        }
        Fall::Elsewhere
    }

    pub fn needs_else(&mut self, otherwise: Option<&[Step]>, span: Span, word: &str) {
        if otherwise.is_none() {
            self.fault(
                Diagnostic::error(
                    span,
                    format!("nothing says where a failure of this `{word}` leads"),
                )
                .help("write `else -> STATE` behind it"),
            );
        }
    }
}
