//! Steps whose arms have fixed names: `survey`, `run`, `probe`, `power status`.

use super::steps::{Builder, Fall, Home, HomePlace, Layout};
use crate::script::ast::{Arm, Probed, Step, StepKind, Word};
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::program::{Op, Pc, Piece, Probe, Text};

impl Builder<'_> {
    /// Steps whose arms have fixed names.
    pub fn choice(&mut self, step: &Step, home: Home) -> Fall {
        let span = step.span;
        let arms = step.arms();
        if matches!(step.kind, StepKind::Survey { .. }) && home.place == HomePlace::Procedure {
            self.fault(
                Diagnostic::error(span, "`survey` has no place in a procedure")
                    .label("it binds the roles")
                    .help("a state surveys"),
            );
        }
        let (names, needed): (&[&str], bool) = match &step.kind {
            StepKind::PowerStatus { .. } => (&["on", "off", "unknown"], true),
            StepKind::Survey { .. } => (
                &["one_runs", "all_wait", "two_live", "silent", "unclear"],
                true,
            ),
            StepKind::Probe { .. } => (&["answers", "silent"], true),
            _ => (&["else"], home.place == HomePlace::State),
        };
        let numbers = matches!(step.kind, StepKind::Run { .. });
        let picks = self.picks(arms, span, names, needed, numbers);
        let at = self.emit(Op::End, span);
        let blocks: Vec<&[Step]> = arms.iter().map(|arm| arm.then.as_slice()).collect();
        let mut layout = self.lay_out(&blocks, span, home, Fall::Elsewhere);
        let mut missing = layout.join;
        if numbers && picks.named[0].is_none() && home.place == HomePlace::Procedure {
            missing = self.run_fails(span, &mut layout);
        }
        let to = |number: usize| {
            picks
                .named
                .get(number)
                .copied()
                .flatten()
                .map_or(missing, |arm| layout.starts[arm])
        };
        let codes = picks
            .codes
            .iter()
            .map(|(code, arm)| (*code, layout.starts[*arm]))
            .collect();
        if let Some(op) = self.choice_op(step, home, &to, codes) {
            self.ops[at] = op;
        }
        layout.fall
    }

    /// The op itself; `to` tells where the arm with a number leads.
    fn choice_op(
        &mut self,
        step: &Step,
        home: Home,
        to: &dyn Fn(usize) -> Pc,
        codes: Vec<(i32, Pc)>,
    ) -> Option<Op> {
        Some(match &step.kind {
            StepKind::PowerStatus { who, within, .. } => {
                let (who, within) = (self.who(who, home), self.time(within));
                let (on, off, unknown) = (to(0), to(1), to(2));
                Op::PowerStatus {
                    who: who?,
                    within: within?,
                    on,
                    off,
                    unknown,
                }
            }
            StepKind::Survey { within, .. } => Op::Survey {
                within: self.time(within)?,
                one_runs: to(0),
                all_wait: to(1),
                two_live: to(2),
                silent: to(3),
                unclear: to(4),
            },
            StepKind::Probe { probed, within, .. } => {
                let (probe, within) = (self.probe(probed, home), self.time(within)?);
                Op::Probe {
                    probe,
                    within,
                    answers: to(0),
                    silent: to(1),
                }
            }
            StepKind::Run { argv, within, .. } => {
                let argv = argv.iter().map(|text| self.text(text, home)).collect();
                Op::Run {
                    argv,
                    within: self.time(within)?,
                    codes,
                    otherwise: to(0),
                }
            }
            _ => return None,
        })
    }

    /// A `run` in a procedure without an `else` arm fails on every other exit code.
    fn run_fails(&mut self, span: Span, layout: &mut Layout) -> Pc {
        if layout.fall == Fall::Elsewhere {
            return self.emit(
                Op::Fail(literal(
                    "a command ended with an exit code that has no arm, or did not end in time",
                )),
                span,
            );
        }
        let fail = self.ops.len() + 1;
        let over = fail + 1;
        self.emit(Op::Jump(over), span);
        self.emit(
            Op::Fail(literal(
                "a command ended with an exit code that has no arm, or did not end in time",
            )),
            span,
        );
        fail
    }

    fn probe(&mut self, probed: &Probed, home: Home) -> Probe {
        match probed {
            Probed::Ping(text) => Probe::Ping(self.text(text, home)),
            Probed::Tcp(text) => Probe::Tcp(self.text(text, home)),
            Probed::Service => Probe::Service,
        }
    }

    /// Which arm each name and each exit code leads to.
    fn picks(
        &mut self,
        arms: &[Arm],
        span: Span,
        names: &[&str],
        needed: bool,
        numbers: bool,
    ) -> Picks {
        let mut picks = Picks {
            named: vec![None; names.len()],
            codes: Vec::new(),
        };
        for (number, arm) in arms.iter().enumerate() {
            if let Some((group, _)) = arm.keep.first() {
                self.fault(
                    Diagnostic::error(group.span, "nothing is matched here that could be kept")
                        .help("`keep` belongs to an arm of `expect` or `ask`"),
                );
            }
            for label in &arm.labels {
                self.pick(label, number, names, numbers, &mut picks);
            }
        }
        for (name, found) in names.iter().zip(&picks.named) {
            if found.is_none() && needed {
                self.fault(
                    Diagnostic::error(span, format!("nothing says what happens on `{name}`"))
                        .help(format!("add an arm `{name} -> …`")),
                );
            }
        }
        picks
    }

    fn pick(&mut self, label: &Word, arm: usize, names: &[&str], numbers: bool, picks: &mut Picks) {
        let code = label.text.parse::<i32>().ok().filter(|_| numbers);
        let known = names.iter().position(|name| *name == label.text);
        let twice = match (code, known) {
            (Some(code), _) => {
                let twice = picks.codes.iter().any(|(other, _)| *other == code);
                picks.codes.push((code, arm));
                twice
            }
            (None, Some(known)) => picks.named[known].replace(arm).is_some(),
            (None, None) => {
                let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                let codes = if numbers { "exit codes and " } else { "" };
                self.fault(
                    Diagnostic::error(label.span, format!("there is no arm `{}` here", label.text))
                        .help(format!("the arms are {codes}{}", list.join(", "))),
                );
                false
            }
        };
        if twice {
            self.fault(
                Diagnostic::error(
                    label.span,
                    format!("there are two arms for `{}`", label.text),
                )
                .help("take one of them out"),
            );
        }
    }
}

/// Which arm each name and each exit code leads to, by the arm's number.
struct Picks {
    named: Vec<Option<usize>>,
    codes: Vec<(i32, usize)>,
}

fn literal(text: &str) -> Text {
    Text(vec![Piece::Literal(text.to_owned())])
}
