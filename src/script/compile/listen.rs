//! `expect`, `ask` and `nudge`.

use super::steps::{Builder, Fall, Home, HomePlace};
use crate::script::ast::{Arm, Step, StepKind};
use crate::script::diagnostic::Diagnostic;
use crate::script::program::{Arm as OpArm, Op, Piece, Text};

impl Builder<'_> {
    pub fn expect(&mut self, step: &Step, home: Home) -> Fall {
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

    pub fn nudge(&mut self, step: &Step, home: Home) -> Fall {
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
}
