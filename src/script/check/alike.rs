//! Arms and triggers that are hidden by earlier ones.

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
    let patterns: Vec<&Pattern> = files
        .iter()
        .flat_map(|loaded| &loaded.file.patterns)
        .collect();
    for Loaded { file, .. } in files {
        steps_of(file, &mut |step| match &step.kind {
            StepKind::Expect { arms, .. } => {
                twice(
                    &arms.iter().flat_map(|arm| &arm.labels).collect::<Vec<_>>(),
                    faults,
                );
                hidden(arms, &patterns, draft, judge, faults);
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

/// An arm whose pattern's every example is taken by the pattern of an earlier arm.
fn hidden(
    arms: &[Arm],
    patterns: &[&Pattern],
    draft: &Draft,
    judge: &dyn PatternJudge,
    faults: &mut Vec<Diagnostic>,
) {
    for (number, arm) in arms.iter().enumerate() {
        for label in &arm.labels {
            let earlier = arms[..number]
                .iter()
                .flat_map(|arm| &arm.labels)
                .filter(|earlier| earlier.text != label.text);
            let Some(pattern) = patterns
                .iter()
                .find(|pattern| pattern.name.text == label.text)
            else {
                continue;
            };
            let likes: Vec<&str> = pattern
                .examples
                .iter()
                .filter(|example| example.claim == Claim::Like)
                .map(|example| example.line.text.as_str())
                .collect();
            for first in earlier {
                let compiled = draft
                    .program
                    .patterns
                    .iter()
                    .find(|compiled| compiled.name == first.text);
                if let Some(compiled) = compiled
                    && !likes.is_empty()
                    && likes.iter().all(|line| judge.matches(compiled, line))
                {
                    faults.push(
                        Diagnostic::warning(
                            label.span,
                            format!(
                                "`{}` matches all that `{}` is said to match",
                                first.text, label.text
                            ),
                        )
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
