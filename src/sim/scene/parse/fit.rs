//! Whether a scene and a chat script fit together, with the places of what does not.

use std::collections::BTreeSet;

use super::{Scene, Step};
use crate::machine::alarm_code;
use crate::script::diagnostic::{Diagnostic, SourceId, Sources, Span};
use crate::script::nearest;
use crate::script::program::Program;
use crate::sim::scene::Hold;
use crate::sim::scene::words::{Line, lines};

/// What a scene says of states, platforms and alarms that `program` does not know, nor the machine.
/// `sources`: the scene is the first.
pub fn misfits(scene: &Scene, program: &Program, sources: &Sources) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    for node in &scene.bench.nodes {
        if program.firmware(&node.platform).is_none() {
            let (script, platform) = (&program.name, &node.platform);
            let why = format!("the script {script} knows no platform {platform}");
            let span = place(sources, &["node", &node.name], 2).unwrap_or_default();
            let known = program
                .firmwares
                .iter()
                .map(|known| known.platform.as_str());
            let known: Vec<&str> = known.collect();
            let help = match known.as_slice() {
                [] => "give it a firmware block, or use a library that has one".to_owned(),
                known => format!("it knows {}", known.join(", ")),
            };
            faults.push(Diagnostic::error(span, why).help(help));
        }
    }
    for (span, step) in &scene.steps {
        let (Step::Until(hold, _) | Step::Expect(hold)) = step else {
            continue;
        };
        let fault = match asked(hold) {
            Hold::State(name) => no_state(program, name),
            Hold::Alarm(code) | Hold::Open(code) => no_alarm(program, code),
            _ => None,
        };
        faults.extend(fault.map(|(why, help)| Diagnostic::error(*span, why).help(help)));
    }
    faults
}

/// What is asked, whatever the answer should be.
fn asked(hold: &Hold) -> &Hold {
    match hold {
        Hold::Not(hold) => asked(hold),
        hold => hold,
    }
}

/// Why a state is none of the script's, and what to do.
fn no_state(program: &Program, name: &str) -> Option<(String, String)> {
    let known = program.states.iter().map(|state| state.name.as_str());
    if known.clone().any(|known| known == name) {
        return None;
    }
    let why = format!("the script {} has no state `{name}`", program.name);
    let all = || format!("its states are {}", listed(known.clone()));
    Some((why, did_you_mean(name, known.clone()).unwrap_or_else(all)))
}

/// Why nothing raises an alarm of this code, and what to do.
fn no_alarm(program: &Program, code: &str) -> Option<(String, String)> {
    let known: BTreeSet<&str> = program.alarm_codes().chain(alarm_code::ALL).collect();
    if known.contains(code) {
        return None;
    }
    let script = &program.name;
    let why =
        format!("neither the script {script} nor clusterd's machine raises an alarm `{code}`");
    let all = || format!("the alarms are {}", listed(known.iter().copied()));
    let help = did_you_mean(code, known.iter().copied()).unwrap_or_else(all);
    Some((why, help))
}

fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|near| format!("did you mean `{near}`?"))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Where a scene, the first of `sources`, gives a parameter its name or its value.
pub fn param_place(sources: &Sources, name: &str, value: bool) -> Option<Span> {
    place(sources, &["param", name], 1 + usize::from(value))
}

/// The `word`th word of the line that begins with `head`.
fn place(sources: &Sources, head: &[&str], word: usize) -> Option<Span> {
    let source = SourceId::default();
    let all = lines(source, sources.text(source), &mut Vec::new());
    let begins = |line: &&Line| {
        let words = line.words.iter().map(|word| word.text.as_str());
        words.take(head.len()).eq(head.iter().copied())
    };
    let line = all.iter().find(begins)?;
    line.words.get(word).map(|word| word.span)
}
