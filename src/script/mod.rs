//! Chat scripts: text -> checked program.
//!
//! ```text
//! text ─► parse ─► ast ─► compile (names, jumps) ─► check (flow, proofs) ─► Program
//!            └──────────────┴─── faults, with place and mend ──┴─► diagnostic::render
//! ```

pub mod ast;
mod check;
mod compile;
pub mod diagnostic;
mod parse;
pub mod program;
mod spelling;
pub use spelling::nearest;

use std::collections::BTreeMap;

pub use parse::parse;

use compile::load::FileRole;
pub use compile::load::PARAMS;
use diagnostic::{Diagnostic, Severity, Sources};
use program::Program;

/// Finds libraries: `use openboot` asks for `openboot`.
pub trait Loader {
    /// The path for people, and the text; `None` if there is no such library.
    fn load(&self, name: &str) -> Option<(String, String)>;

    /// Why a library that is there cannot be read: its path, and what is the matter with it.
    fn unreadable(&self, _name: &str) -> Option<(String, String)> {
        None
    }
}

/// Libraries in memory: path and text by name.
impl Loader for BTreeMap<String, (String, String)> {
    fn load(&self, name: &str) -> Option<(String, String)> {
        self.get(name).cloned()
    }
}

/// Judges regexes for the checker, as the matcher will run them.
pub trait PatternJudge {
    /// Why the matcher would refuse this regex, in plain words; `prompt` is a pattern with a quiet time.
    fn refuses(&self, regex: &str, prompt: bool) -> Option<String>;
    /// Whether a console that printed `line` has matched the pattern.
    fn matches(&self, pattern: &program::Pattern, line: &str) -> bool;
}

/// What a script needs to know to be compiled.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Finds libraries.
    pub loader: &'a dyn Loader,
    /// Values that the cluster file gives to parameters, as they were written: `10s`, `3`. Their faults
    /// point into [`PARAMS`], one of them a line, in their order.
    pub params: &'a BTreeMap<String, String>,
    /// Judges patterns.
    pub judge: &'a dyn PatternJudge,
}

/// A script without errors.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What the machine runs.
    pub program: Program,
    /// What works, but should be looked at.
    pub warnings: Vec<Diagnostic>,
    /// What the warnings point into.
    pub sources: Sources,
}

/// A script with errors: all that were found, warnings among them, in the order of the text.
#[derive(Clone, Debug)]
pub struct Faults {
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// What the diagnostics point into.
    pub sources: Sources,
}

/// Compiles the script `text` and checks it. `path` is how people know the file.
///
/// # Errors
///
/// All [`Faults`] of script and libraries, in the order of the text.
pub fn compile(path: &str, text: &str, context: &Context) -> Result<Compiled, Faults> {
    compile_as(path, text, context, FileRole::Script)
}

/// Compiles the script `text` and lets the rules of the checker be: for tests of what the machine
/// refuses by itself, whatever a checker lets through.
///
/// # Errors
///
/// All [`Faults`] of text and names.
pub fn compile_unchecked(path: &str, text: &str, context: &Context) -> Result<Program, Faults> {
    let lowered = compile::lower(path, text, context, FileRole::Script);
    if lowered.broken {
        return Err(Faults {
            diagnostics: lowered.faults,
            sources: lowered.sources,
        });
    }
    Ok(lowered.draft.program)
}

/// Checks a file by itself, be it a script or a library. The program of a library has
/// procedures, but no states.
///
/// # Errors
/// All faults of the file, and of the libraries it uses.
pub fn check_file(path: &str, text: &str, context: &Context) -> Result<Compiled, Faults> {
    compile_as(path, text, context, FileRole::Either)
}

fn compile_as(
    path: &str,
    text: &str,
    context: &Context,
    role: FileRole,
) -> Result<Compiled, Faults> {
    let lowered = compile::lower(path, text, context, role);
    let mut diagnostics = lowered.faults;
    check::local(
        &lowered.files,
        &lowered.draft,
        context.judge,
        &mut diagnostics,
    );
    // Where something was left out, what flows through the rest would say little.
    if !lowered.broken {
        check::flow(
            &lowered.files,
            &lowered.draft,
            &lowered.scope,
            &lowered.sources,
            &mut diagnostics,
        );
    }
    diagnostics.sort_by_key(|fault| (fault.primary.0.source, fault.primary.0.start));
    diagnostics.dedup();
    let sources = lowered.sources;
    if diagnostics
        .iter()
        .any(|fault| fault.severity == Severity::Error)
    {
        return Err(Faults {
            diagnostics,
            sources,
        });
    }
    Ok(Compiled {
        program: lowered.draft.program,
        warnings: diagnostics,
        sources,
    })
}
