//! The pieces of a proof.

use super::steps::{Builder, Fall, Home, HomePlace};
use crate::script::ast::{Asked, Quoted, Setter, Step, StepKind, Word};
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::program::{Op, Question, Who};

impl Builder<'_> {
    /// Steps that may fail stand in procedures, where a failure leads somewhere.
    pub fn only_in_procedure(&mut self, home: Home, span: Span, word: &str) {
        if home.place == HomePlace::State {
            self.fault(
                Diagnostic::error(span, format!("`{word}` has no place in a state"))
                    .label("this step can fail, and a state does not say what then")
                    .help("put it in a procedure, and `fence`, `boot`, `resume` or `call` that with `else -> STATE`"),
            );
        }
    }

    pub fn assume(&mut self, who: &Word, because: &Quoted, home: Home, span: Span) -> Fall {
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

    pub fn question(&mut self, step: &Step, home: Home) -> Fall {
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
}

impl Asked {
    /// The word in the language.
    pub fn word(self) -> &'static str {
        match self {
            Asked::Live => "live",
            Asked::Identity => "identity",
            Asked::Mark => "mark",
            Asked::Unmarked => "unmarked",
            Asked::Opens => "opens",
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
            Asked::Opens => question(Question::Opens),
            Asked::Reset => Op::Reset { who, within },
            Asked::Dark => Op::Dark { who, within },
            Asked::Word => Op::Word { who, within },
            Asked::PowerOff => Op::PowerOff { who, within },
        }
    }
}
