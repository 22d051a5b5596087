//! Blocks in braces, arms, and what is written between the steps and belongs to none.

use super::trigger::{STEP_HELP, STEP_WORDS};
use super::{Node, Reader, Rule, child, children, has};
use crate::script::ast::{Amount, Arm, Step};
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::spelling::nearest;

impl Reader<'_> {
    /// The steps of a procedure or a block; a trigger has no place in them.
    pub(super) fn steps(&mut self, node: &Node) -> Vec<Step> {
        let mut out = Vec::new();
        for child in node.clone().into_inner() {
            if child.as_rule() == Rule::trigger {
                let span = self.head(&child);
                self.fault(
                    Diagnostic::error(span, "a trigger has no place here").help(
                        "triggers stand in states, behind the entry steps, outside all braces",
                    ),
                );
            } else {
                out.extend(self.step(&child));
            }
        }
        self.strays(node, "this is no step", STEP_HELP);
        out
    }

    /// Tells what is written between the steps and belongs to none. Where a step before it
    /// was found wanting, that fault has told of it already.
    pub(super) fn strays(&mut self, node: &Node, message: &str, help: &str) {
        let mut open: Option<Span> = None;
        let mut found = Vec::new();
        let mut told = false;
        for child in node.clone().into_inner() {
            let span = self.span(&child);
            if child.as_rule() == Rule::stray {
                open = Some(open.map_or(span, |first| first.to(span)));
                continue;
            }
            found.extend(open.take().filter(|_| !told));
            told = self.faults.iter().any(|fault| {
                let at = fault.primary.0;
                at.source == span.source && at.start >= span.start && at.end <= span.end
            });
        }
        found.extend(open.filter(|_| !told));
        let base = node.as_span().start();
        for span in found {
            let text = node
                .as_str()
                .get(span.start - base..span.end - base)
                .unwrap_or_default();
            self.stray(span, text, message, help);
        }
    }

    /// Tells of stray words, each line by itself.
    fn stray(&mut self, span: Span, text: &str, message: &str, help: &str) {
        let mut start = span.start;
        for line in text.split_inclusive('\n') {
            let code = line.trim();
            let from = start + (line.len() - line.trim_start().len());
            start += line.len();
            if code.is_empty() || code.starts_with('#') {
                continue;
            }
            let place = Span {
                start: from,
                end: from + code.len(),
                ..span
            };
            if code == "}" {
                self.fault(
                    Diagnostic::error(place, "this brace closes nothing").help("take it out"),
                );
                continue;
            }
            let first: String = code
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let words: Vec<String> = STEP_WORDS.map(str::to_owned).to_vec();
            let help = nearest(&first, &words)
                .filter(|near| *near != first)
                .map_or_else(|| help.to_owned(), |near| format!("did you mean `{near}`?"));
            self.fault(Diagnostic::error(place, message).help(help));
        }
    }

    /// What follows a trigger, an arm or an `else`.
    pub(super) fn then(&mut self, then: &Node) -> Vec<Step> {
        match then.clone().into_inner().next() {
            Some(block) if block.as_rule() == Rule::block => self.block(&block),
            Some(step) => self.step(&step).into_iter().collect(),
            None => Vec::new(),
        }
    }

    pub(super) fn block(&mut self, block: &Node) -> Vec<Step> {
        let open =
            child(block, Rule::open).map_or_else(|| self.span(block), |open| self.span(&open));
        self.closed(block, open);
        self.steps(block)
    }

    /// A block must have its closing brace.
    pub(super) fn closed(&mut self, block: &Node, at: Span) {
        if has(block, Rule::open) && !has(block, Rule::close) {
            self.missing(
                at,
                "this brace is never closed",
                "write `}` where the block ends",
            );
        } else if !has(block, Rule::open) {
            self.missing(at, "a block in braces is missing here", "write `{ … }`");
        }
    }

    /// `else …` or `refused …`.
    pub(super) fn branch(&mut self, node: &Node, rule: Rule) -> Option<Vec<Step>> {
        let branch = child(node, rule)?;
        let Some(then) = child(&branch, Rule::then) else {
            let span = self.span(&branch);
            let word = branch
                .as_str()
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
            self.missing(
                span,
                &format!("nothing follows `{word}`"),
                &format!("write `{word} -> STATE`"),
            );
            return None;
        };
        Some(self.then(&then))
    }

    fn arms(&mut self, node: &Node, step: Span, help: &str) -> Option<Vec<Arm>> {
        let Some(arms) = child(node, Rule::arms) else {
            self.missing(step, "nothing says what happens then", help);
            return None;
        };
        let open = child(&arms, Rule::open).map_or(step, |open| self.span(&open));
        self.closed(&arms, open);
        let out = children(&arms, Rule::arm)
            .iter()
            .filter_map(|arm| self.arm(arm))
            .collect();
        self.strays(&arms, "this is no arm", help);
        Some(out)
    }

    /// The time and the arms of a step; if the time is missing, one fault tells of both.
    pub(super) fn bounded(
        &mut self,
        node: &Node,
        span: Span,
        help: &str,
    ) -> Option<(Amount, Vec<Arm>)> {
        let within = self.within(node, span);
        let arms = self.arms_after(node, span, help, within.is_some());
        within.zip(arms)
    }

    pub(super) fn arms_after(
        &mut self,
        node: &Node,
        span: Span,
        help: &str,
        whole: bool,
    ) -> Option<Vec<Arm>> {
        if !whole && !has(node, Rule::arms) {
            return None;
        }
        self.arms(node, span, help)
    }

    fn arm(&mut self, node: &Node) -> Option<Arm> {
        let span = self.head(node);
        let mut labels = Vec::new();
        for label in children(node, Rule::label) {
            if let Some(word) = label.into_inner().next() {
                labels.push(self.word(&word));
            }
        }
        let mut keep = Vec::new();
        if let Some(list) = child(node, Rule::keep) {
            for kept in children(&list, Rule::kept) {
                let names = self.words(&kept, Rule::name);
                let group = names.first()?.clone();
                let name = names.last()?.clone();
                keep.push((group, name));
            }
            if keep.is_empty() {
                self.missing(
                    span,
                    "`keep` needs the name of a group",
                    "write `shows keep value -> …`, or `shows keep value as device -> …`",
                );
            }
        }
        let Some(then) = child(node, Rule::then) else {
            self.missing(
                span,
                "nothing follows this arm",
                "write `-> STATE`, `-> done`, one step, or several in `{ }` behind it",
            );
            return None;
        };
        Some(Arm {
            labels,
            keep,
            then: self.then(&then),
            span,
        })
    }
}
