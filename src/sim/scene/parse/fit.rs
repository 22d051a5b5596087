//! Whether a scene and a chat script fit together, with the places of what does not.

use super::{Scene, Step};
use crate::script::diagnostic::{Diagnostic, SourceId, Sources, Span};
use crate::script::nearest;
use crate::script::program::Program;
use crate::sim::scene::Hold;
use crate::sim::scene::words::{Line, lines};

/// What a scene says of states and platforms that `program` does not know. Codes of alarms are not held
/// against anything: those of the machine itself stand in no list. `sources`: the scene is the first.
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
        if let Some(name) = state(hold)
            && !program.states.iter().any(|state| state.name == name)
        {
            let why = format!("the script {} has no state `{name}`", program.name);
            let known = program.states.iter().map(|state| &state.name);
            let help = match nearest(name, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let known: Vec<&str> = known.map(String::as_str).collect();
                    format!("its states are {}", known.join(", "))
                }
            };
            faults.push(Diagnostic::error(*span, why).help(help));
        }
    }
    faults
}

/// The state that is spoken of.
fn state(hold: &Hold) -> Option<&str> {
    match hold {
        Hold::Not(hold) => state(hold),
        Hold::State(name) => Some(name),
        _ => None,
    }
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
