//! What a script must not do, one rule or one group of rules a file.

mod alike;
mod boots;
mod calls;
mod fences;
mod firmware;
mod flow;
mod names;
mod patterns;
mod proof;
mod quick;
mod rounds;
mod sends;
mod shell;
mod states;
mod takeover;
mod times;
mod walk;

use super::PatternJudge;
use super::compile::Draft;
use super::compile::load::Loaded;
use super::compile::scope::Scope;
use super::diagnostic::{Diagnostic, Sources};

/// Rules that look at one place at a time.
pub fn local(
    files: &[Loaded],
    draft: &Draft,
    judge: &dyn PatternJudge,
    faults: &mut Vec<Diagnostic>,
) {
    patterns::check(files, draft, judge, faults);
    firmware::check(files, draft, faults);
    alike::check(files, draft, judge, faults);
}

/// Rules that follow the flow of a whole script.
pub fn flow(
    files: &[Loaded],
    draft: &Draft,
    scope: &Scope,
    sources: &Sources,
    faults: &mut Vec<Diagnostic>,
) {
    names::check(files, scope, faults);
    states::check(draft, faults);
    rounds::check(draft, faults);
    let uses = calls::Uses::of(&draft.program);
    let before = faults.len();
    calls::check(draft, &uses, faults);
    let whole = faults.len() == before;
    sends::check(draft, &uses, sources, faults);
    sends::check_values(draft, faults);
    shell::check(draft, faults);
    if whole {
        takeover::check(draft, sources, faults);
        fences::check(draft, &uses, sources, faults);
        boots::check(draft, &uses, sources, faults);
    }
}
