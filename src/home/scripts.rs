//! Chat scripts from files: where their libraries are found, who judges their patterns,
//! and their faults in one form for text and `--json`.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, IsTerminal as _};
use std::path::{Path, PathBuf};

use crate::config::{LARGEST, Weight};
use crate::matcher::{PatternDef, PatternSet, check_pattern, example_matches};
use crate::script::diagnostic::{Diagnostic, Severity, Sources, render};
use crate::script::program::{Pattern, Program};
use crate::script::{Compiled, Loader, PatternJudge};

/// Libraries in a folder: `use openboot` is `openboot.chat` there.
pub struct Libraries {
    /// The folder.
    pub folder: PathBuf,
    /// The folder as people know it.
    pub shown: String,
}

impl Loader for Libraries {
    fn load(&self, name: &str) -> Option<(String, String)> {
        if !plain(name) {
            return None;
        }
        let file = format!("{name}.chat");
        let text = read(&self.folder.join(&file)).ok()?;
        Some((format!("{}/{file}", self.shown), text))
    }

    fn unreadable(&self, name: &str) -> Option<(String, String)> {
        let file = format!("{name}.chat");
        let path = self.folder.join(&file);
        let missing = |error: &io::Error| error.kind() == ErrorKind::NotFound;
        if !plain(name) || fs::metadata(&path).err().as_ref().is_some_and(missing) {
            return None;
        }
        let why = read(&path).err()?;
        Some((format!("{}/{file}", self.shown), why))
    }
}

/// Whether a library may be called so: its name leads to no other folder.
fn plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.chars().all(plain)
}

/// The text of a script.
///
/// # Errors
/// There is none; why, in a person's words.
pub fn read(path: &Path) -> Result<String, String> {
    let meta = fs::metadata(path).map_err(|error| error.to_string())?;
    if !meta.is_file() {
        return Err("not a regular file".to_owned());
    }
    if usize::try_from(meta.len()).map_or(true, |size| size > LARGEST) {
        return Err("larger than 1 MiB, which no script needs".to_owned());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        format!("line {line} is not UTF-8")
    })
}

/// The matcher's own judgement: what it refuses can never be armed.
pub struct Matcher;

impl PatternJudge for Matcher {
    fn refuses(&self, regex: &str, prompt: bool) -> Option<String> {
        check_pattern(regex, prompt)
            .err()
            .map(|fault| fault.to_string())
    }

    fn matches(&self, pattern: &Pattern, line: &str) -> bool {
        example_matches(&definition(pattern), line)
    }
}

fn definition(pattern: &Pattern) -> PatternDef {
    PatternDef {
        name: pattern.name.clone(),
        regex: pattern.regex.clone(),
        quiet: pattern.quiet,
    }
}

/// Why the patterns of a program cannot be armed together.
pub fn unfit_together(program: &Program) -> Option<String> {
    let all: Vec<PatternDef> = program.patterns.iter().map(definition).collect();
    PatternSet::new(&all).err().map(|error| error.to_string())
}

/// A fault of a script, as text and as what the text says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptFault {
    /// The file.
    pub file: String,
    /// Line, beginning with 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// Column in characters, beginning with 1.
    pub column: usize,
    /// How bad it is.
    pub weight: Weight,
    /// What is wrong.
    pub message: String,
    /// The mend.
    pub help: Option<String>,
    /// All of it as people read it.
    pub text: String,
}

/// In one line, as a fault of a cluster file.
impl fmt::Display for ScriptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({})", help.replace('\n', "; ")),
            None => Ok(()),
        }
    }
}

impl ScriptFault {
    /// An error about a file as a whole.
    pub fn of_file(file: &str, message: String) -> ScriptFault {
        ScriptFault {
            text: format!("error: {message}\n --> {file}\n\n"),
            file: file.to_owned(),
            line: 0,
            column: 0,
            weight: Weight::Error,
            message,
            help: None,
        }
    }
}

/// Whether faults are printed in colour: on a terminal, unless `NO_COLOR` is set. Some commands tell them
/// on stdout and some on stderr: where one of the two goes elsewhere there is none.
pub fn color() -> bool {
    let terminals = io::stdout().is_terminal() && io::stderr().is_terminal();
    terminals && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// The faults or warnings that the compiler gave.
pub fn faults(diagnostics: &[Diagnostic], sources: &Sources) -> Vec<ScriptFault> {
    diagnostics
        .iter()
        .map(|diagnostic| {
            let span = diagnostic.primary.0;
            let before = sources.text(span.source).get(..span.start).unwrap_or("");
            let last = before.rsplit('\n').next().unwrap_or("");
            ScriptFault {
                file: sources.path(span.source).to_owned(),
                line: sources.line(span),
                column: last.chars().count() + 1,
                weight: match diagnostic.severity {
                    Severity::Error => Weight::Error,
                    Severity::Warning => Weight::Warning,
                },
                message: diagnostic.message.clone(),
                help: diagnostic.help.clone(),
                text: render(std::slice::from_ref(diagnostic), sources, color()),
            }
        })
        .collect()
}

/// The warnings of a script without errors.
pub fn warnings(compiled: &Compiled) -> Vec<ScriptFault> {
    faults(&compiled.warnings, &compiled.sources)
}
