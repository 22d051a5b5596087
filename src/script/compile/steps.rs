//! Steps -> ops with jumps.

use super::scope::{Kind, Scope};
use crate::script::ast::{
    Arm, Asked, Door, Probed, Quoted, QuotedPiece, Setter, Step, StepKind, Word,
};
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::program::{
    Arm as OpArm, Op, Pc, Piece, Probe, ProcedureId, Question, Text, Who,
};

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
struct Layout {
    starts: Vec<Pc>,
    join: Pc,
    fall: Fall,
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
    fn lay_out(&mut self, blocks: &[&[Step]], span: Span, home: Home, over: Fall) -> Layout {
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

    fn simple(&mut self, op: Option<Op>, span: Span) -> Fall {
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

    /// Steps that may fail stand in procedures, where a failure leads somewhere.
    fn only_in_procedure(&mut self, home: Home, span: Span, word: &str) {
        if home.place == HomePlace::State {
            self.fault(
                Diagnostic::error(span, format!("`{word}` has no place in a state"))
                    .label("this step can fail, and a state does not say what then")
                    .help("put it in a procedure, and `fence`, `boot`, `resume` or `call` that with `else -> STATE`"),
            );
        }
    }

    fn assume(&mut self, who: &Word, because: &Quoted, home: Home, span: Span) -> Fall {
        self.only_in_procedure(home, span, "assume stopped");
        self.assumptions.push((span, because.as_template()));
        self.fault(
            Diagnostic::warning(span, "a node is taken for stopped on somebody's word alone")
                .label("nothing proves it")
                .note("if it is not stopped, two nodes write to one disk")
                .help("fence it with a power leg, or let `word` ask a living operator"),
        );
        let because = self.text(because, home);
        let op = self.who(who, home).map(|who| Op::Assume { who, because });
        self.simple(op, span)
    }

    fn question(&mut self, step: &Step, home: Home) -> Fall {
        let span = step.span;
        let (who, within, make): (_, _, Box<dyn FnOnce(Who, std::time::Duration) -> Op>) =
            match &step.kind {
                StepKind::Question { who, asked, within } => {
                    let asked = *asked;
                    self.only_in_procedure(home, span, asked.word());
                    (
                        who,
                        within,
                        Box::new(move |who, within| asked.op(who, within)),
                    )
                }
                StepKind::Setting {
                    who,
                    setter,
                    name,
                    value,
                    presence,
                    within,
                } => {
                    let word = if *setter == Setter::Set {
                        "set"
                    } else {
                        "verify"
                    };
                    self.only_in_procedure(home, span, word);
                    let (name, value, presence) =
                        (name.as_template(), self.text(value, home), *presence);
                    let question = match setter {
                        Setter::Set => Question::Set {
                            name,
                            value,
                            presence,
                        },
                        Setter::Verify => Question::Verify {
                            name,
                            value,
                            presence,
                        },
                    };
                    (
                        who,
                        within,
                        Box::new(move |who, within| Op::Question {
                            who,
                            question,
                            within,
                        }),
                    )
                }
                _ => return Fall::Through,
            };
        let (who, within) = (self.who(who, home), self.time(within));
        if let (Some(who), Some(within)) = (who, within) {
            self.emit(make(who, within), span);
        }
        Fall::Through
    }

    fn expect(&mut self, step: &Step, home: Home) -> Fall {
        let StepKind::Expect {
            who,
            within,
            arms,
            ask,
        } = &step.kind
        else {
            return Fall::Through;
        };
        let span = step.span;
        let (who, within) = (self.who(who, home), self.time(within));
        if let (Some(who), true) = (who, *ask) {
            self.emit(
                Op::Send {
                    who,
                    text: Text(vec![Piece::Literal("\r".to_owned())]),
                },
                span,
            );
        }
        let silent = |arm: &&Arm| arm.labels.iter().any(|label| label.text == "silence");
        let silence: Vec<&Arm> = arms.iter().filter(silent).collect();
        self.about_silence(&silence, step, home);
        let speaking: Vec<&Arm> = arms.iter().filter(|arm| !silent(arm)).collect();
        if speaking.is_empty() {
            self.fault(Diagnostic::error(span, "this waits for nothing").help(
                "name a pattern in an arm: `prompt -> …`; to let time pass write `wait 10s`",
            ));
        }
        let at = self.emit(Op::End, span);
        let blocks: Vec<&[Step]> = speaking
            .iter()
            .chain(&silence)
            .map(|arm| arm.then.as_slice())
            .collect();
        let layout = self.lay_out(&blocks, span, home, Fall::Elsewhere);
        let mut compiled = Vec::new();
        for (arm, then) in speaking.iter().zip(&layout.starts) {
            let patterns = self.pattern_list(&arm.labels);
            let keep = arm
                .keep
                .iter()
                .filter_map(|(group, name)| {
                    Some((group.text.clone(), self.scope.slot(&name.text)?))
                })
                .collect();
            compiled.push(OpArm {
                patterns,
                keep,
                then: *then,
            });
        }
        if let (Some(who), Some(within)) = (who, within) {
            let silence = layout.starts.get(speaking.len()).copied();
            self.ops[at] = Op::Expect {
                who,
                within,
                arms: compiled,
                silence,
            };
        }
        layout.fall
    }

    fn about_silence(&mut self, silence: &[&Arm], step: &Step, home: Home) {
        if silence.is_empty() && home.place == HomePlace::State {
            self.fault(
                Diagnostic::error(step.span, "nothing says what happens if nothing comes")
                    .help("add an arm `silence -> STATE`"),
            );
        }
        if let [_, second, ..] = silence {
            self.fault(
                Diagnostic::error(second.span, "there are two arms for silence")
                    .help("take one of them out"),
            );
        }
        for arm in silence {
            if arm.labels.len() > 1 || !arm.keep.is_empty() {
                self.fault(
                    Diagnostic::error(arm.span, "`silence` stands alone in its arm")
                        .help("give it an arm of its own: `silence -> …`"),
                );
            }
        }
    }

    fn nudge(&mut self, step: &Step, home: Home) -> Fall {
        let StepKind::Nudge {
            who,
            text,
            patterns,
            within,
            otherwise,
        } = &step.kind
        else {
            return Fall::Through;
        };
        let span = step.span;
        let (who, within, text) = (
            self.who(who, home),
            self.time(within),
            self.text(text, home),
        );
        let patterns = self.pattern_list(patterns);
        if home.place == HomePlace::State {
            self.needs_else(otherwise.as_deref(), span, "nudge");
        }
        if let Some(who) = who {
            self.emit(Op::Send { who, text }, span);
        }
        let at = self.emit(Op::End, span);
        let blocks: Vec<&[Step]> = otherwise.iter().map(Vec::as_slice).collect();
        let layout = self.lay_out(&blocks, span, home, Fall::Elsewhere);
        if let (Some(who), Some(within)) = (who, within) {
            let arms = vec![OpArm {
                patterns,
                keep: Vec::new(),
                then: layout.join,
            }];
            self.ops[at] = Op::Expect {
                who,
                within,
                arms,
                silence: layout.starts.first().copied(),
            };
        }
        Fall::Through
    }

    fn needs_else(&mut self, otherwise: Option<&[Step]>, span: Span, word: &str) {
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

    /// Steps whose arms have fixed names.
    fn choice(&mut self, step: &Step, home: Home) -> Fall {
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
        let op = match &step.kind {
            StepKind::PowerStatus { who, within, .. } => {
                let (who, within) = (self.who(who, home), self.time(within));
                who.zip(within).map(|(who, within)| Op::PowerStatus {
                    who,
                    within,
                    on: to(0),
                    off: to(1),
                    unknown: to(2),
                })
            }
            StepKind::Survey { within, .. } => self.time(within).map(|within| Op::Survey {
                within,
                one_runs: to(0),
                all_wait: to(1),
                two_live: to(2),
                silent: to(3),
                unclear: to(4),
            }),
            StepKind::Probe { probed, within, .. } => {
                let (probe, within) = (self.probe(probed, home), self.time(within));
                within.map(|within| Op::Probe {
                    probe,
                    within,
                    answers: to(0),
                    silent: to(1),
                })
            }
            StepKind::Run { argv, within, .. } => {
                let argv = argv.iter().map(|text| self.text(text, home)).collect();
                self.time(within).map(|within| Op::Run {
                    argv,
                    within,
                    codes,
                    otherwise: to(0),
                })
            }
            _ => None,
        };
        if let Some(op) = op {
            self.ops[at] = op;
        }
        layout.fall
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

    fn door(&mut self, step: &Step, home: Home) -> Fall {
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
        if home.place == HomePlace::Procedure {
            self.fault(
                Diagnostic::error(
                    span,
                    format!("`{}` has no place in a procedure", door.word()),
                )
                .label("a door is a step of a state")
                .help("move it to the state that calls this procedure"),
            );
        } else {
            self.needs_else(otherwise.as_deref(), span, door.word());
        }
        let who = self.who(who, home);
        if let ([_, second, ..], Door::Boot | Door::Resume) = (procedures.as_slice(), door) {
            self.fault(
                Diagnostic::error(second.span, format!("`{}` has one procedure", door.word()))
                    .help("only a `fence` tries several, one after the other"),
            );
        }
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

    fn call(&mut self, step: &Step, home: Home) -> Fall {
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

    fn retry(&mut self, step: &Step, home: Home) -> Fall {
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

    fn wait_link(&mut self, step: &Step, home: Home) -> Fall {
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

/// Which arm each name and each exit code leads to, by the arm's number.
struct Picks {
    named: Vec<Option<usize>>,
    codes: Vec<(i32, usize)>,
}

fn literal(text: &str) -> Text {
    Text(vec![Piece::Literal(text.to_owned())])
}

impl Asked {
    /// The word in the language.
    pub fn word(self) -> &'static str {
        match self {
            Asked::Live => "live",
            Asked::Identity => "identity",
            Asked::Mark => "mark",
            Asked::Unmarked => "unmarked",
            Asked::Reset => "reset",
            Asked::Dark => "dark",
            Asked::Word => "word",
            Asked::PowerOff => "power off",
        }
    }

    fn op(self, who: Who, within: std::time::Duration) -> Op {
        let question = |question| Op::Question {
            who,
            question,
            within,
        };
        match self {
            Asked::Live => question(Question::Live),
            Asked::Identity => question(Question::Identity),
            Asked::Mark => question(Question::Mark),
            Asked::Unmarked => question(Question::Unmarked),
            Asked::Reset => Op::Reset { who, within },
            Asked::Dark => Op::Dark { who, within },
            Asked::Word => Op::Word { who, within },
            Asked::PowerOff => Op::PowerOff { who, within },
        }
    }
}
