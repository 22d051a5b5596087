//! The doors, calls, retries, and the wait for a link.

use super::scope::Kind;
use super::steps::{Builder, Fall, Home, HomePlace};
use crate::script::ast::{Door, Quoted, QuotedPiece, Step, StepKind};
use crate::script::diagnostic::Diagnostic;
use crate::script::program::{Op, ProcedureId, Who};

impl Builder<'_> {
    pub fn door(&mut self, step: &Step, home: Home) -> Fall {
        let StepKind::Door {
            door,
            who,
            procedures,
            refused,
            otherwise,
        } = &step.kind
        else {
            return Fall::Through;
        };
        let span = step.span;
        self.about_door(step, home);
        let who = self.who(who, home);
        let called: Option<Vec<ProcedureId>> = procedures
            .iter()
            .map(|procedure| self.scope.find(Kind::Procedure, procedure, self.faults))
            .collect();
        let at = self.emit(Op::End, span);
        let blocks: Vec<&[Step]> = [refused.as_deref(), otherwise.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        let layout = self.lay_out(&blocks, span, home, Fall::Through);
        let refused_to = refused
            .as_ref()
            .and_then(|_| layout.starts.first().copied());
        let otherwise_to = otherwise
            .as_ref()
            .and_then(|_| layout.starts.last().copied())
            .unwrap_or(layout.join);
        if let (Some(who), Some(procedures)) = (who, called) {
            let (refused, otherwise) = (refused_to, otherwise_to);
            let procedure = procedures[0];
            self.ops[at] = match door {
                Door::Fence => Op::Fence {
                    who,
                    procedures,
                    refused,
                    otherwise,
                },
                Door::Boot => Op::Boot {
                    who,
                    procedure,
                    refused,
                    otherwise,
                },
                Door::Resume => Op::Resume {
                    who,
                    procedure,
                    refused,
                    otherwise,
                },
            };
        }
        Fall::Through
    }

    /// What a door must have, and where it must stand.
    fn about_door(&mut self, step: &Step, home: Home) {
        let StepKind::Door {
            door,
            procedures,
            otherwise,
            ..
        } = &step.kind
        else {
            return;
        };
        if home.place == HomePlace::Procedure {
            let message = format!("`{}` has no place in a procedure", door.word());
            self.fault(
                Diagnostic::error(step.span, message)
                    .label("a door is a step of a state")
                    .help("move it to the state that calls this procedure"),
            );
        } else {
            self.needs_else(otherwise.as_deref(), step.span, door.word());
        }
        if let ([_, second, ..], Door::Boot | Door::Resume) = (procedures.as_slice(), door) {
            self.fault(
                Diagnostic::error(second.span, format!("`{}` has one procedure", door.word()))
                    .help("only a `fence` tries several, one after the other"),
            );
        }
    }

    pub fn call(&mut self, step: &Step, home: Home) -> Fall {
        let StepKind::Call {
            procedure,
            arguments,
            otherwise,
        } = &step.kind
        else {
            return Fall::Through;
        };
        let span = step.span;
        if home.place == HomePlace::State {
            self.needs_else(otherwise.as_deref(), span, "call");
        }
        let called = self.scope.find(Kind::Procedure, procedure, self.faults);
        let nodes: Vec<Option<Who>> = arguments.iter().map(|name| self.who(name, home)).collect();
        let at = self.emit(Op::End, span);
        let otherwise_to = match otherwise {
            Some(block) => self
                .lay_out(&[block.as_slice()], span, home, Fall::Through)
                .starts
                .first()
                .copied(),
            None => None,
        };
        if let (Some(procedure), Some(arguments)) =
            (called, nodes.into_iter().collect::<Option<Vec<Who>>>())
        {
            self.ops[at] = Op::Call {
                procedure,
                arguments,
                otherwise: otherwise_to,
            };
        }
        Fall::Through
    }

    pub fn retry(&mut self, step: &Step, home: Home) -> Fall {
        let StepKind::Retry { count, every, body } = &step.kind else {
            return Fall::Through;
        };
        let span = step.span;
        self.only_in_procedure(home, span, "retry");
        let (count, every) = (self.count(count), self.time(every));
        let at = self.emit(Op::End, span);
        if body.is_empty() {
            self.fault(
                Diagnostic::error(span, "this retry tries nothing")
                    .help("put steps in its braces; `done` ends it well"),
            );
        }
        self.body(body, home);
        self.emit(Op::Again, span);
        if let (Some(count), Some(every)) = (count, every) {
            self.ops[at] = Op::Retry {
                count,
                every,
                end: self.ops.len(),
            };
        }
        Fall::Through
    }

    pub fn wait_link(&mut self, step: &Step, home: Home) -> Fall {
        let StepKind::WaitLink {
            who,
            within,
            otherwise,
        } = &step.kind
        else {
            return Fall::Through;
        };
        let span = step.span;
        if home.place == HomePlace::State {
            self.needs_else(otherwise.as_deref(), span, "wait link");
        }
        let (who, within) = (self.who(who, home), self.time(within));
        let at = self.emit(Op::End, span);
        let why = QuotedPiece::Literal("the console did not come back in time".to_owned());
        let fail = [Step {
            kind: StepKind::Fail(Quoted {
                pieces: vec![why],
                span,
            }),
            span,
        }];
        let block = match otherwise {
            Some(block) => block.as_slice(),
            None if home.place == HomePlace::Procedure => &fail,
            None => &[],
        };
        let layout = self.lay_out(&[block], span, home, Fall::Through);
        if let (Some(who), Some(within)) = (who, within) {
            self.ops[at] = Op::WaitLink {
                who,
                within,
                otherwise: layout.starts[0],
            };
        }
        Fall::Through
    }
}
