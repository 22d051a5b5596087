//! Patterns: what the matcher refuses, and examples that say otherwise.

use crate::script::PatternJudge;
use crate::script::ast::{Claim, Pattern};
use crate::script::compile::Draft;
use crate::script::compile::load::Loaded;
use crate::script::diagnostic::Diagnostic;

/// Looks at every pattern, and at what `keep` wants of them.
pub fn check(
    files: &[Loaded],
    draft: &Draft,
    judge: &dyn PatternJudge,
    faults: &mut Vec<Diagnostic>,
) {
    let patterns = files.iter().flat_map(|loaded| &loaded.file.patterns);
    for (pattern, compiled) in patterns.zip(&draft.program.patterns) {
        match judge.refuses(&pattern.regex.text, pattern.quiet.is_some()) {
            Some(why) => faults.push(
                Diagnostic::error(
                    pattern.regex.span,
                    format!("the pattern `{}` cannot be used", pattern.name.text),
                )
                .label(why)
                .help("see \"Patterns\" in the reference for what a pattern may be"),
            ),
            None => examples(pattern, compiled, judge, faults),
        }
        if pattern.quiet.is_none() && pattern.regex.text.ends_with(" $") {
            faults.push(
                Diagnostic::error(
                    pattern.regex.span,
                    format!("the prompt `{}` has no quiet time", pattern.name.text),
                )
                .label("the blank before `$` makes it a prompt, which no newline follows")
                .help("write `quiet 200ms` behind it: it counts when nothing follows for so long"),
            );
        }
    }
    for loaded in files {
        kept_groups(loaded, draft, faults);
    }
}

fn examples(
    pattern: &Pattern,
    compiled: &crate::script::program::Pattern,
    judge: &dyn PatternJudge,
    faults: &mut Vec<Diagnostic>,
) {
    for example in &pattern.examples {
        let matches = judge.matches(compiled, &example.line.text);
        let message = match (example.claim, matches) {
            (Claim::Like, false) => format!(
                "the pattern `{}` does not match what it is said to match",
                pattern.name.text
            ),
            (Claim::Unlike, true) => format!(
                "the pattern `{}` matches what it is said not to match",
                pattern.name.text
            ),
            _ => continue,
        };
        faults.push(
            Diagnostic::error(example.line.span, message)
                .also(pattern.regex.span, "this regex")
                .help("mend the regex, or take the example out if it is wrong"),
        );
    }
}

fn kept_groups(loaded: &Loaded, draft: &Draft, faults: &mut Vec<Diagnostic>) {
    super::alike::steps_of(&loaded.file, &mut |step| {
        for (arm, group) in step
            .arms()
            .iter()
            .flat_map(|arm| arm.keep.iter().map(move |(group, _)| (arm, group)))
        {
            for label in &arm.labels {
                let Some(pattern) = draft
                    .program
                    .patterns
                    .iter()
                    .find(|pattern| pattern.name == label.text)
                else {
                    continue;
                };
                let there = groups_of(&pattern.regex);
                if !there.contains(&group.text) {
                    let help = if there.is_empty() {
                        format!("write `(?<{}>…)` around that part of its regex", group.text)
                    } else {
                        format!(
                            "it has {}",
                            there
                                .iter()
                                .map(|name| format!("`{name}`"))
                                .collect::<Vec<_>>()
                                .join(", ")
                        )
                    };
                    faults.push(
                        Diagnostic::error(
                            group.span,
                            format!("the pattern `{}` has no group `{}`", label.text, group.text),
                        )
                        .help(help),
                    );
                }
            }
        }
    });
}

/// Names of the groups in a regex.
pub fn groups_of(regex: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, _) in regex.match_indices("(?") {
        let rest = &regex[at + 2..];
        let rest = rest.strip_prefix('P').unwrap_or(rest);
        if let Some(name) = rest
            .strip_prefix('<')
            .and_then(|rest| rest.split('>').next())
        {
            out.push(name.to_owned());
        }
    }
    out
}
