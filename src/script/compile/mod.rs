//! [`ast::File`](super::ast::File)s -> a draft of the program: names looked up, steps laid
//! out as ops with jumps. What cannot be compiled is told, and left out.

mod choice;
mod doors;
mod firmware;
mod listen;
pub mod load;
mod questions;
pub mod scope;
mod steps;
mod value;

use std::time::Duration;

use load::{FileRole, Loaded, Loading};
use scope::{Kind, Scope};
use steps::{Builder, Home};

use super::Context;
use super::ast::{self, Amount, AmountKind, ParamValue, Word};
use super::diagnostic::{Diagnostic, Severity, Sources, Span};
use super::program::{Op, Pattern, Place, Procedure, Program, Role, State, Trigger, When};

/// How often a package's address is asked when no trigger says so.
const PING_EVERY: Duration = Duration::from_secs(5);

/// A program with the exact place of everything in it.
pub struct Draft {
    pub program: Program,
    /// The place of every op.
    pub spans: Vec<Span>,
    /// The place of every state's name.
    pub states: Vec<Span>,
    /// The place of every trigger's head, by state.
    pub triggers: Vec<Vec<Span>>,
    /// The place of every procedure's name.
    pub procedures: Vec<Span>,
    /// Whether a procedure comes from a library.
    pub library: Vec<bool>,
}

/// What became of the text.
pub struct Lowered {
    pub draft: Draft,
    pub files: Vec<Loaded>,
    pub scope: Scope,
    pub sources: Sources,
    pub faults: Vec<Diagnostic>,
    /// Whether something was left out, so that the flow of the draft says little.
    pub broken: bool,
}

/// Compiles without checking the flow.
pub fn lower(path: &str, text: &str, context: &Context, role: FileRole) -> Lowered {
    let mut loading = Loading::default();
    loading.read(path, text, context, role);
    let paths: Vec<String> = loading.sources.paths().map(str::to_owned).collect();
    let params = loading.params(context.params);
    let Loading {
        sources,
        files,
        mut faults,
        ..
    } = loading;
    let scope = Scope::new(&files, params, &mut faults);
    let draft = draft(paths, &files, &scope, &sources, &mut faults);
    let broken = faults.iter().any(|fault| fault.severity == Severity::Error);
    Lowered {
        draft,
        files,
        scope,
        sources,
        faults,
        broken,
    }
}

/// Lays everything out: procedures first, then states.
fn draft(
    paths: Vec<String>,
    files: &[Loaded],
    scope: &Scope,
    sources: &Sources,
    faults: &mut Vec<Diagnostic>,
) -> Draft {
    let firmwares = firmware::firmwares(files, scope, faults);
    let mut builder = Builder::new(scope, faults);
    let patterns = patterns(files, &mut builder);
    let procedures = procedures(files, &mut builder);
    let states = states(files, &mut builder);
    let library = files.last().is_some_and(|main| main.library);
    let start = if library {
        0
    } else {
        one_start(files, &mut builder)
    };
    let Builder {
        ops,
        spans,
        assumptions,
        ..
    } = builder;
    let place = |span: Span| Place {
        file: span.source.0,
        line: sources.line(span),
    };
    let loud = |(span, text): &(Span, String)| {
        format!(
            "{}:{}: {text}",
            sources.path(span.source),
            sources.line(*span)
        )
    };
    let script = files.last().and_then(|main| main.file.script.as_ref());
    let mut draft = Draft {
        program: Program {
            name: script.map_or_else(String::new, |name| name.text.clone()),
            files: paths,
            patterns,
            firmwares,
            states: Vec::new(),
            start,
            procedures: Vec::new(),
            slots: scope.names(Kind::Value),
            places: spans.iter().map(|span| place(*span)).collect(),
            ops,
            ping_every: PING_EVERY,
            assumptions: assumptions.iter().map(loud).collect(),
        },
        spans,
        states: Vec::new(),
        triggers: Vec::new(),
        procedures: Vec::new(),
        library: Vec::new(),
    };
    for (mut procedure, span, library) in procedures {
        procedure.place = place(span);
        draft.program.procedures.push(procedure);
        draft.procedures.push(span);
        draft.library.push(library);
    }
    for (mut state, span, heads) in states {
        state.place = place(span);
        for (trigger, head) in state.triggers.iter_mut().zip(&heads) {
            trigger.place = place(*head);
        }
        draft.program.states.push(state);
        draft.states.push(span);
        draft.triggers.push(heads);
    }
    draft.program.ping_every = ping_every(&draft.program.states);
    draft
}

fn patterns(files: &[Loaded], builder: &mut Builder) -> Vec<Pattern> {
    files
        .iter()
        .flat_map(|loaded| &loaded.file.patterns)
        .map(|pattern| Pattern {
            name: pattern.name.text.clone(),
            regex: pattern.regex.text.clone(),
            quiet: pattern.quiet.as_ref().and_then(|quiet| builder.time(quiet)),
        })
        .collect()
}

fn procedures(files: &[Loaded], builder: &mut Builder) -> Vec<(Procedure, Span, bool)> {
    let mut out = Vec::new();
    for Loaded { file, library } in files {
        for procedure in &file.procedures {
            let entry = builder.ops.len();
            let home = Home::procedure(&procedure.arguments, *library);
            builder.arguments(&procedure.arguments);
            builder.body(&procedure.body, home);
            builder.emit(Op::Done, procedure.name.span);
            let compiled = Procedure {
                name: procedure.name.text.clone(),
                about: procedure.about.clone(),
                arguments: procedure
                    .arguments
                    .iter()
                    .map(|name| name.text.clone())
                    .collect(),
                entry,
                place: Place::default(),
            };
            out.push((compiled, procedure.name.span, *library));
        }
    }
    out
}

/// Each with the place of its name and of its triggers' heads.
fn states(files: &[Loaded], builder: &mut Builder) -> Vec<(State, Span, Vec<Span>)> {
    let mut out = Vec::new();
    for state in files.iter().flat_map(|loaded| &loaded.file.states) {
        let entry = builder.ops.len();
        builder.body(&state.entry, Home::state());
        builder.emit(Op::End, state.name.span);
        let (mut triggers, mut heads) = (Vec::new(), Vec::new());
        for trigger in &state.triggers {
            let body = builder.ops.len();
            builder.body(&trigger.body, Home::state());
            builder.emit(Op::End, trigger.span);
            if let Some(when) = when(&trigger.when, builder) {
                let (urgency, place) = (trigger.urgency, Place::default());
                triggers.push(Trigger {
                    when,
                    urgency,
                    body,
                    place,
                });
                heads.push(trigger.span);
            }
        }
        let compiled = State {
            name: state.name.text.clone(),
            about: state.about.clone(),
            kind: state.kind,
            entry,
            triggers,
            place: Place::default(),
        };
        out.push((compiled, state.name.span, heads));
    }
    out
}

/// Where the machine begins: exactly one state says so.
fn one_start(files: &[Loaded], builder: &mut Builder) -> usize {
    let states = files.iter().flat_map(|loaded| &loaded.file.states);
    let starts: Vec<(usize, Span)> = states
        .enumerate()
        .filter_map(|(number, state)| Some((number, state.start?)))
        .collect();
    match starts.as_slice() {
        [(start, _)] => return *start,
        [(_, first), (_, second), ..] => builder.fault(
            Diagnostic::error(*second, "there is more than one start state")
                .also(*first, "the first one")
                .help("take one `start` out"),
        ),
        [] => {
            let main = files.last().map(|loaded| &loaded.file);
            let name = main
                .and_then(|file| file.states.first())
                .map(|state| &state.name);
            match (name, main.and_then(|file| file.script.as_ref())) {
                (Some(name), _) => builder.fault(
                    Diagnostic::error(name.span, "no state says that it is the first").help(
                        format!("write `start state {}` if it is this one", name.text),
                    ),
                ),
                (None, Some(script)) => builder.fault(
                    Diagnostic::error(script.span, "this script has no states").help(
                        "write `start state watch \"what it is about\"` and what is done there",
                    ),
                ),
                _ => {}
            }
        }
    }
    0
}

fn when(when: &ast::When, builder: &mut Builder) -> Option<When> {
    let home = Home::state();
    let role = |builder: &mut Builder, who: &Word| -> Option<Role> { builder.role(who, home) };
    Some(match when {
        ast::When::Prints { who, patterns } => {
            let who = role(builder, who);
            let patterns = builder.pattern_list(patterns);
            When::Prints {
                who: who?,
                patterns,
            }
        }
        ast::When::PingMisses { count, every } => {
            let (count, every) = (builder.count(count), builder.time(every));
            When::PingMisses {
                count: count?,
                every: every?,
            }
        }
        ast::When::PingAnswers => When::PingAnswers,
        ast::When::Link { who, state, held } => {
            let held = match held {
                Some(held) => builder.time(held),
                None => Some(Duration::ZERO),
            };
            When::Link {
                who: role(builder, who)?,
                state: *state,
                held: held?,
            }
        }
        ast::When::Operator(word) => When::Operator(*word),
        ast::When::After(time) => When::After(builder.time(time)?),
        ast::When::Every(time) => When::Every(builder.time(time)?),
        ast::When::NetworkLoss => When::NetworkLoss,
        ast::When::ConsoleSilent => When::ConsoleSilent,
        ast::When::SiegeAnswers { who } => When::SiegeAnswers {
            who: role(builder, who)?,
        },
        ast::When::Unfenced { who } => When::Unfenced {
            who: role(builder, who)?,
        },
    })
}

fn ping_every(states: &[State]) -> Duration {
    let triggers = states.iter().flat_map(|state| &state.triggers);
    let every = triggers.filter_map(|trigger| match trigger.when {
        When::PingMisses { every, .. } => Some(every),
        _ => None,
    });
    every.min().unwrap_or(PING_EVERY)
}

impl Builder<'_> {
    /// A time that is written out or a parameter's.
    pub fn time(&mut self, amount: &Amount) -> Option<Duration> {
        let value = self.amount(amount)?;
        match value {
            ParamValue::Time(Duration::ZERO) => {
                self.fault(
                    Diagnostic::error(amount.span, "no time at all is no time")
                        .help("write a time above zero: `500ms`, `10s`, `2m`"),
                );
                None
            }
            ParamValue::Time(time) => Some(time),
            ParamValue::Count(count) => {
                let fault = Diagnostic::error(amount.span, "a time needs a unit");
                let help = match &amount.kind {
                    AmountKind::Named(name) => {
                        format!("make the parameter a time: `param {name} = {count}s`")
                    }
                    _ => format!("write `{count}s`, or another of ms, s, m, h, d"),
                };
                self.fault(fault.help(help));
                None
            }
            ParamValue::Text(_) => {
                self.fault(
                    Diagnostic::error(amount.span, "a time is needed here, and this is a text")
                        .help("write `10s`, or a parameter that is a time"),
                );
                None
            }
        }
    }

    /// A count that is written out or a parameter's.
    pub fn count(&mut self, amount: &Amount) -> Option<u32> {
        let value = self.amount(amount)?;
        if let ParamValue::Count(count @ 1..=1_000_000) = value {
            return u32::try_from(count).ok();
        }
        let fault = match value {
            ParamValue::Count(_) => {
                Diagnostic::error(amount.span, "this count is not between 1 and 1000000")
            }
            other => Diagnostic::error(
                amount.span,
                format!("a number is needed here, and this is {}", other.kind()),
            ),
        };
        self.fault(fault.help("write a number: `3`"));
        None
    }

    fn amount(&mut self, amount: &Amount) -> Option<ParamValue> {
        match &amount.kind {
            AmountKind::Time(time) => Some(ParamValue::Time(*time)),
            AmountKind::Count(count) => Some(ParamValue::Count(*count)),
            AmountKind::Named(name) => {
                let value = self.scope.param(name).cloned();
                if value.is_none() {
                    let word = Word {
                        text: name.clone(),
                        span: amount.span,
                    };
                    self.scope.no_param(&word, self.faults);
                }
                value
            }
        }
    }
}
