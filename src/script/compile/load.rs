//! The script and the libraries it uses, each read once.

use std::collections::BTreeMap;

use crate::script::ast::{File, ParamValue, Word};
use crate::script::diagnostic::{Diagnostic, SourceId, Sources, Span};
use crate::script::spelling::nearest;
use crate::script::{Context, parse};

/// The source of the parameters that a cluster file gives.
pub const PARAMS: &str = "params of the cluster file";

/// A file that was read.
pub struct Loaded {
    /// What stands in it.
    pub file: File,
    /// Whether it was named by `use`.
    pub library: bool,
}

/// What a file must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    Script,
    Library,
    /// What it says it is, by a `script` line.
    Either,
}

/// Everything that was read, libraries before those who use them.
#[derive(Default)]
pub struct Loading {
    pub sources: Sources,
    pub files: Vec<Loaded>,
    pub faults: Vec<Diagnostic>,
    seen: Vec<String>,
}

impl Loading {
    /// Reads `text`, and what it uses.
    pub fn read(&mut self, path: &str, text: &str, context: &Context, role: FileRole) {
        let source = self.sources.add(path, text);
        let file = parse(source, text, &mut self.faults);
        let library = match role {
            FileRole::Script => false,
            FileRole::Library => true,
            FileRole::Either => file.script.is_none() && file.states.is_empty(),
        };
        for name in file.uses.clone() {
            self.library(&name, context);
        }
        self.about_script_line(&file, source, library);
        self.files.push(Loaded { file, library });
    }

    fn library(&mut self, name: &Word, context: &Context) {
        if self.seen.contains(&name.text) {
            return;
        }
        self.seen.push(name.text.clone());
        match context.loader.load(&name.text) {
            Some((path, text)) => self.read(&path, &text, context, FileRole::Library),
            None => self.faults.push(no_library(name, context)),
        }
    }

    fn about_script_line(&mut self, file: &File, source: SourceId, library: bool) {
        match (&file.script, library) {
            (Some(line), true) => self.faults.push(
                Diagnostic::error(line.span, "a library has no `script` line")
                    .label("this makes it a script")
                    .help("take the line out, or do not `use` this file"),
            ),
            (None, false) => self.faults.push(
                Diagnostic::error(Span::new(source, 0..0), "this file has no `script` line").help(
                    "begin it with `script NAME`; a library is checked with a script that uses it",
                ),
            ),
            _ => {}
        }
        if library {
            for state in &file.states {
                self.faults.push(
                    Diagnostic::error(state.name.span, "a library holds no states")
                        .help("move the state into the script; a library holds patterns, firmware, parameters and procedures"),
                );
            }
        }
    }

    /// The parameters with their values: a library's, the script's, the cluster file's,
    /// the later before the earlier.
    pub fn params(
        &mut self,
        overrides: &BTreeMap<String, String>,
    ) -> BTreeMap<String, (ParamValue, Span)> {
        let mut params: BTreeMap<String, (ParamValue, Span)> = BTreeMap::new();
        for loaded in &self.files {
            for param in &loaded.file.params {
                let span = param.name.span;
                match params.get(&param.name.text) {
                    Some((_, first)) if first.source == span.source => {
                        self.faults.push(twice(&param.name, *first));
                    }
                    Some((value, first)) if value.kind() != param.value.kind() => self.faults.push(
                        Diagnostic::error(
                            param.value_span,
                            format!("`{}` is {}", param.name.text, value.kind()),
                        )
                        .label(format!("this is {}", param.value.kind()))
                        .also(*first, "defined here")
                        .help("give it a value of the same kind"),
                    ),
                    _ => {
                        params.insert(param.name.text.clone(), (param.value.clone(), span));
                    }
                }
            }
        }
        self.overrides(overrides, &mut params);
        params
    }

    fn overrides(
        &mut self,
        overrides: &BTreeMap<String, String>,
        params: &mut BTreeMap<String, (ParamValue, Span)>,
    ) {
        if overrides.is_empty() {
            return;
        }
        let lines: Vec<String> = overrides
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect();
        let source = self.sources.add(PARAMS, &lines.concat());
        let mut at = 0;
        for ((name, text), line) in overrides.iter().zip(&lines) {
            let name_span = Span::new(source, at..at + name.len());
            let value_span = Span::new(source, at + name.len() + 2..at + line.len() - 1);
            at += line.len();
            let Some((old, first)) = params.get(name) else {
                let help = nearest(name, params.keys()).map_or_else(
                    || "take it out".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.faults.push(
                    Diagnostic::error(name_span, format!("the script has no parameter `{name}`"))
                        .help(help),
                );
                continue;
            };
            match value_like(old, text) {
                Some(value) => {
                    params.insert(name.clone(), (value, *first));
                }
                None => self.faults.push(
                    Diagnostic::error(value_span, format!("`{name}` is {}", old.kind()))
                        .also(*first, "defined here")
                        .help("write a value of the same kind: `10s`, `3`, `text`"),
                ),
            }
        }
    }
}

/// Why a library cannot be used.
fn no_library(name: &Word, context: &Context) -> Diagnostic {
    let called = &name.text;
    if let Some((path, why)) = context.loader.unreadable(called) {
        let fault = Diagnostic::error(name.span, format!("the library `{called}` cannot be read"));
        return fault.label(format!("{path}: {why}")).help(format!(
            "mend {path}: a library is a file of UTF-8 text, of 1 MiB at most"
        ));
    }
    Diagnostic::error(name.span, format!("there is no library `{called}`"))
        .label("no such file was found")
        .help(format!(
            "libraries stand in `lib` beside the script, as chat-scripts/lib: put `{called}.chat` there, or mend the name"
        ))
}

/// `text` as a value of the same kind as `old`.
fn value_like(old: &ParamValue, text: &str) -> Option<ParamValue> {
    match old {
        ParamValue::Time(_) => crate::clock::parse_span(text).map(ParamValue::Time),
        ParamValue::Count(_) => text.parse().ok().map(ParamValue::Count),
        ParamValue::Text(_) => Some(ParamValue::Text(text.to_owned())),
    }
}

/// `name` was defined before.
pub fn twice(name: &Word, first: Span) -> Diagnostic {
    Diagnostic::error(name.span, format!("`{}` is defined twice", name.text))
        .also(first, "defined here before")
        .help("give one of them another name")
}
