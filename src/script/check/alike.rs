//! Arms and triggers that are hidden by earlier ones.

use std::collections::BTreeMap;

use crate::script::PatternJudge;
use crate::script::ast::{Arm, Claim, File, Pattern, State, Step, StepKind, Trigger, When, Word};
use crate::script::compile::Draft;
use crate::script::compile::load::Loaded;
use crate::script::diagnostic::Diagnostic;
use crate::script::program::Urgency;

/// Looks at every `expect` and at the triggers of every state.
pub fn check(
    files: &[Loaded],
    draft: &Draft,
    judge: &dyn PatternJudge,
    faults: &mut Vec<Diagnostic>,
) {
    let patterns = files
        .iter()
        .flat_map(|loaded| &loaded.file.patterns)
        .collect();
    let mut covers = Covers {
        patterns,
        draft,
        judge,
        known: BTreeMap::new(),
    };
    for Loaded { file, .. } in files {
        steps_of(file, &mut |step| match &step.kind {
            StepKind::Expect { arms, .. } => {
                twice(
                    &arms.iter().flat_map(|arm| &arm.labels).collect::<Vec<_>>(),
                    faults,
                );
                hidden(arms, &mut covers, faults);
            }
            StepKind::Nudge { patterns, .. } => twice(&patterns.iter().collect::<Vec<_>>(), faults),
            _ => {}
        });
        for state in &file.states {
            triggers(state, faults);
        }
    }
}

/// One name in two places of the same list or the same step.
fn twice(labels: &[&Word], faults: &mut Vec<Diagnostic>) {
    for (number, label) in labels.iter().enumerate() {
        if let Some(first) = labels[..number]
            .iter()
            .find(|first| first.text == label.text && label.text != "silence")
        {
            faults.push(
                Diagnostic::error(label.span, format!("`{}` is listed twice", label.text))
                    .label("never taken")
                    .also(first.span, "the first one is taken")
                    .help("take one of them out"),
            );
        }
    }
}

/// Which patterns match all that others are said to match, as far as it was asked.
struct Covers<'c> {
    patterns: Vec<&'c Pattern>,
    draft: &'c Draft,
    judge: &'c dyn PatternJudge,
    known: BTreeMap<(String, String), bool>,
}

impl Covers<'_> {
    /// Whether `wide` matches every example of `narrow`, and there is one.
    fn covers(&mut self, wide: &str, narrow: &str) -> bool {
        let key = (wide.to_owned(), narrow.to_owned());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let compiled = self
            .draft
            .program
            .patterns
            .iter()
            .find(|pattern| pattern.name == wide);
        let examples = self
            .patterns
            .iter()
            .filter(|pattern| pattern.name.text == narrow);
        let mut likes = examples
            .flat_map(|pattern| &pattern.examples)
            .filter(|example| example.claim == Claim::Like)
            .peekable();
        let covers = compiled.is_some_and(|wide| {
            likes.peek().is_some()
                && likes.all(|example| self.judge.matches(wide, &example.line.text))
        });
        self.known.insert(key, covers);
        covers
    }
}

/// An arm whose pattern's every example is taken by the pattern of an earlier arm.
fn hidden(arms: &[Arm], covers: &mut Covers, faults: &mut Vec<Diagnostic>) {
    for (number, arm) in arms.iter().enumerate() {
        for label in &arm.labels {
            let earlier = arms[..number].iter().flat_map(|arm| &arm.labels);
            for first in earlier.filter(|first| first.text != label.text) {
                if covers.covers(&first.text, &label.text) {
                    let message = format!(
                        "`{}` matches all that `{}` is said to match",
                        first.text, label.text
                    );
                    faults.push(
                        Diagnostic::warning(label.span, message)
                            .label("this arm may never be taken")
                            .also(first.span, "this one comes first")
                            .help("put the narrower pattern first, or make the wider one narrower"),
                    );
                }
            }
        }
    }
}

fn triggers(state: &State, faults: &mut Vec<Diagnostic>) {
    for (number, trigger) in state.triggers.iter().enumerate() {
        if let When::Prints { patterns, .. } = &trigger.when {
            twice(&patterns.iter().collect::<Vec<_>>(), faults);
        }
        for earlier in &state.triggers[..number] {
            let urgency_hides =
                earlier.urgency == Urgency::Urgent || trigger.urgency == Urgency::Ordinary;
            if let Some(what) = same(earlier, trigger).filter(|_| urgency_hides) {
                faults.push(
                    Diagnostic::error(trigger.span, format!("{what} is listened for twice"))
                        .label("never fires")
                        .also(earlier.span, "this trigger comes first")
                        .help("take one of them out"),
                );
            }
        }
    }
}

/// What both triggers wait for.
fn same(first: &Trigger, second: &Trigger) -> Option<String> {
    match (&first.when, &second.when) {
        (
            When::Prints {
                who: a,
                patterns: first,
            },
            When::Prints {
                who: b,
                patterns: second,
            },
        ) if a.text == b.text => {
            let name = second
                .iter()
                .find(|name| first.iter().any(|other| other.text == name.text))?;
            Some(format!("`{}` of the {}", name.text, a.text))
        }
        (When::PingAnswers, When::PingAnswers) => Some("`ping answers`".to_owned()),
        (When::NetworkLoss, When::NetworkLoss) => Some("`network_loss`".to_owned()),
        (When::ConsoleSilent, When::ConsoleSilent) => Some("`console_silent`".to_owned()),
        (When::Operator(a), When::Operator(b)) if a == b => {
            Some("this word of the operator".to_owned())
        }
        (When::SiegeAnswers { who: a }, When::SiegeAnswers { who: b }) if a.text == b.text => {
            Some(format!("an answer of the besieged {}", a.text))
        }
        (When::Unfenced { who: a }, When::Unfenced { who: b }) if a.text == b.text => {
            Some(format!("the unfenced {}", a.text))
        }
        (
            When::Link {
                who: a,
                state: up,
                held: None,
            },
            When::Link {
                who: b,
                state: other,
                held: None,
            },
        ) if a.text == b.text && up == other => Some(format!("the link of the {}", a.text)),
        _ => None,
    }
}

/// Every step of a file, inner ones too.
pub(super) fn steps_of<'f>(file: &'f File, visit: &mut dyn FnMut(&'f Step)) {
    let mut open: Vec<&Step> = Vec::new();
    for state in &file.states {
        open.extend(&state.entry);
        open.extend(state.triggers.iter().flat_map(|trigger| &trigger.body));
    }
    open.extend(file.procedures.iter().flat_map(|procedure| &procedure.body));
    while let Some(step) = open.pop() {
        visit(step);
        open.extend(step.blocks().into_iter().flatten());
    }
}
