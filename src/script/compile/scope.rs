//! What names mean.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::load::{Loaded, twice};
use crate::script::ast::{Arm, File, ParamValue, Step, StepKind, Word};
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::spelling::nearest;

/// Values that every script knows without defining them.
pub const BUILTIN: [&str; 10] = [
    "primary",
    "secondary",
    "cluster",
    "package",
    "address",
    "boot_device",
    "evidence",
    "elapsed",
    "reason",
    "stop",
];

/// What a name is a name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Pattern,
    Firmware,
    State,
    Procedure,
    Param,
    Value,
}

impl Kind {
    /// With its article.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Pattern => "pattern",
            Kind::Firmware => "firmware block",
            Kind::State => "state",
            Kind::Procedure => "procedure",
            Kind::Param => "parameter",
            Kind::Value => "value",
        }
    }
}

/// The tables of names: for each its number and its place.
pub struct Scope {
    tables: BTreeMap<Kind, BTreeMap<String, (usize, Span)>>,
    params: BTreeMap<String, (ParamValue, Span)>,
    broken: BTreeSet<String>,
    used: RefCell<BTreeSet<(Kind, String)>>,
}

impl Scope {
    /// Takes in all definitions; the n-th of its kind gets the number n.
    pub fn new(
        files: &[Loaded],
        params: BTreeMap<String, (ParamValue, Span)>,
        faults: &mut Vec<Diagnostic>,
    ) -> Scope {
        let mut scope = Scope {
            tables: BTreeMap::new(),
            params,
            broken: BTreeSet::new(),
            used: RefCell::default(),
        };
        let mut slots = Vec::new();
        for Loaded { file, .. } in files {
            scope.broken.extend(file.broken.iter().cloned());
            let patterns = file.patterns.iter().map(|pattern| &pattern.name);
            scope.define(Kind::Pattern, patterns, faults);
            scope.define(
                Kind::Firmware,
                file.firmwares.iter().map(|firmware| &firmware.name),
                faults,
            );
            scope.define(
                Kind::State,
                file.states.iter().map(|state| &state.name),
                faults,
            );
            scope.define(
                Kind::Procedure,
                file.procedures.iter().map(|procedure| &procedure.name),
                faults,
            );
            values_of(file, &mut slots);
        }
        scope.values(&slots, faults);
        scope
    }

    fn define<'a>(
        &mut self,
        kind: Kind,
        names: impl Iterator<Item = &'a Word>,
        faults: &mut Vec<Diagnostic>,
    ) {
        let table = self.tables.entry(kind).or_default();
        for name in names {
            let number = table.len();
            match table.get(&name.text) {
                Some((_, first)) => faults.push(twice(name, *first)),
                None => {
                    table.insert(name.text.clone(), (number, name.span));
                }
            }
        }
    }

    fn values(&mut self, names: &[Word], faults: &mut Vec<Diagnostic>) {
        let table = self.tables.entry(Kind::Value).or_default();
        for name in names {
            if BUILTIN.contains(&name.text.as_str()) {
                faults.push(
                    Diagnostic::error(name.span, format!("`{}` has a value of its own", name.text))
                        .help("give what is kept here another name"),
                );
            } else if let Some((_, first)) = self.params.get(&name.text) {
                faults.push(
                    Diagnostic::error(name.span, format!("`{}` is a parameter", name.text))
                        .also(*first, "defined here")
                        .help("give what is kept here another name; a parameter does not change"),
                );
            } else {
                let number = table.len();
                table
                    .entry(name.text.clone())
                    .or_insert((number, name.span));
            }
        }
    }

    /// The number of a name, or a fault with the nearest spelling.
    pub fn find(&self, kind: Kind, name: &Word, faults: &mut Vec<Diagnostic>) -> Option<usize> {
        let table = self.tables.get(&kind);
        if let Some((number, _)) = table.and_then(|table| table.get(&name.text)) {
            self.used.borrow_mut().insert((kind, name.text.clone()));
            return Some(*number);
        }
        if !self.broken.contains(&name.text) {
            let known: Vec<&String> = table.into_iter().flat_map(BTreeMap::keys).collect();
            faults.push(self.unknown(kind.words(), name, &known));
        }
        None
    }

    fn unknown(&self, what: &str, name: &Word, known: &[&String]) -> Diagnostic {
        let fault = Diagnostic::error(name.span, format!("there is no {what} `{}`", name.text));
        if let Some(near) = nearest(&name.text, known.iter().copied()) {
            return fault
                .label("unknown")
                .help(format!("did you mean `{near}`?"));
        }
        let other = self
            .tables
            .iter()
            .find(|(_, table)| table.contains_key(&name.text));
        match other {
            Some((kind, table)) => fault
                .label("unknown")
                .also(table[&name.text].1, format!("this is a {}", kind.words()))
                .help(format!("a {what} is needed here")),
            None if known.is_empty() => fault
                .label("unknown")
                .help(format!("define it; this script has no {what} yet")),
            None => {
                let list: Vec<String> = known
                    .iter()
                    .take(12)
                    .map(|name| format!("`{name}`"))
                    .collect();
                let more = if known.len() > 12 { ", …" } else { "" };
                fault.label("unknown").help(format!(
                    "define it, or take one of {}{more}",
                    list.join(", ")
                ))
            }
        }
    }

    /// A parameter's value.
    pub fn param(&self, name: &str) -> Option<&ParamValue> {
        let (value, _) = self.params.get(name)?;
        self.used
            .borrow_mut()
            .insert((Kind::Param, name.to_owned()));
        Some(value)
    }

    /// Says that there is no such parameter.
    pub fn no_param(&self, name: &Word, faults: &mut Vec<Diagnostic>) {
        if !self.broken.contains(&name.text) {
            let known: Vec<&String> = self.params.keys().collect();
            faults.push(self.unknown("parameter", name, &known));
        }
    }

    /// The slot of a `let` or capture.
    pub fn slot(&self, name: &str) -> Option<usize> {
        let (number, _) = self.tables.get(&Kind::Value)?.get(name)?;
        Some(*number)
    }

    /// Notes that a value is read.
    pub fn read_value(&self, name: &str) {
        self.used
            .borrow_mut()
            .insert((Kind::Value, name.to_owned()));
    }

    /// Says that a text names no value.
    pub fn no_value(&self, name: &Word, arguments: &[Word], faults: &mut Vec<Diagnostic>) {
        if self.broken.contains(&name.text) {
            return;
        }
        let builtin: Vec<String> = BUILTIN.map(String::from).to_vec();
        let known: Vec<&String> = arguments
            .iter()
            .map(|argument| &argument.text)
            .chain(builtin.iter())
            .chain(self.params.keys())
            .chain(
                self.tables
                    .get(&Kind::Value)
                    .into_iter()
                    .flat_map(BTreeMap::keys),
            )
            .collect();
        faults.push(
            self.unknown("value", name, &known)
                .help_if_none("write `\\{` for a brace"),
        );
    }

    /// Names of `kind` in table order.
    pub fn names(&self, kind: Kind) -> Vec<String> {
        let mut names: Vec<(usize, String)> = self
            .tables
            .get(&kind)
            .into_iter()
            .flatten()
            .map(|(name, (number, _))| (*number, name.clone()))
            .collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// Names that nobody used, with their places.
    pub fn unused(&self) -> Vec<(Kind, String, Span)> {
        let used = self.used.borrow();
        let tables = self.tables.iter().flat_map(|(kind, table)| {
            table
                .iter()
                .map(|(name, (_, span))| (*kind, name.clone(), *span))
        });
        let params = self
            .params
            .iter()
            .map(|(name, (_, span))| (Kind::Param, name.clone(), *span));
        tables
            .chain(params)
            .filter(|(kind, name, _)| !used.contains(&(*kind, name.clone())))
            .collect()
    }
}

/// All names that a file's steps give values.
fn values_of(file: &File, out: &mut Vec<Word>) {
    for state in &file.states {
        values(&state.entry, out);
        for trigger in &state.triggers {
            values(&trigger.body, out);
        }
    }
    for procedure in &file.procedures {
        values(&procedure.body, out);
    }
}

fn values(steps: &[Step], out: &mut Vec<Word>) {
    for step in steps {
        if let StepKind::Let { name, .. } = &step.kind {
            out.push(name.clone());
        }
        for arm in step.arms() {
            out.extend(arm.keep.iter().map(|(_, name)| name.clone()));
        }
        for block in step.blocks() {
            values(block, out);
        }
    }
}

impl Step {
    /// The arms of a step that has some.
    pub fn arms(&self) -> &[Arm] {
        match &self.kind {
            StepKind::Expect { arms, .. }
            | StepKind::PowerStatus { arms, .. }
            | StepKind::Survey { arms, .. }
            | StepKind::Run { arms, .. }
            | StepKind::Probe { arms, .. } => arms,
            _ => &[],
        }
    }

    /// All blocks of steps inside a step.
    pub fn blocks(&self) -> Vec<&[Step]> {
        let mut out: Vec<&[Step]> = self.arms().iter().map(|arm| arm.then.as_slice()).collect();
        match &self.kind {
            StepKind::Retry { body, .. } => out.push(body),
            StepKind::Door {
                refused, otherwise, ..
            } => {
                out.extend(refused.as_deref());
                out.extend(otherwise.as_deref());
            }
            StepKind::Nudge { otherwise, .. }
            | StepKind::Call { otherwise, .. }
            | StepKind::WaitLink { otherwise, .. } => {
                out.extend(otherwise.as_deref());
            }
            _ => {}
        }
        out
    }
}
