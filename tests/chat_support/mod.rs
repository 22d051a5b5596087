//! The project's chat scripts, compiled for tests. `CLUSTERD_DROP=openboot:93-95` leaves lines of a
//! library or a script out, past the checker: the mutation check (`tests/mutants/`) asks who notices.

#![allow(dead_code, reason = "not all who share this file need all of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clusterd::home::scripts::Matcher;
use clusterd::script::diagnostic::render;
use clusterd::script::program::Program;
use clusterd::script::{Context, Faults, Loader, compile, compile_unchecked};

/// The environment variable that names the lines to leave out.
pub const DROP: &str = "CLUSTERD_DROP";

/// The built program does what `args` say, in the project's folder and without colours.
pub fn clusterd(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary runs")
}

/// All that it printed.
pub fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(both).expect("clusterd writes UTF-8")
}

/// `chat-scripts/lib`, without the lines that are to be left out.
pub struct Libraries {
    dropped: Option<(String, usize, usize)>,
}

impl Libraries {
    /// Whole, or as the environment says.
    pub fn new() -> Libraries {
        let text = std::env::var(DROP).ok().filter(|text| !text.is_empty());
        Libraries {
            dropped: text.map(|text| parse(&text).expect("library:first-last")),
        }
    }

    /// A library's or script's text without what is to be left out of it.
    fn without(&self, name: &str, text: String) -> String {
        let Some((_, first, last)) = self.dropped.as_ref().filter(|(of, ..)| of == name) else {
            return text;
        };
        let keep = |(index, line)| match (*first..=*last).contains(&(index + 1)) {
            true => "",
            false => line,
        };
        let lines: Vec<&str> = text.lines().enumerate().map(keep).collect();
        lines.join("\n") + "\n"
    }

    /// A script of the project.
    fn script(&self, file: &str) -> String {
        let path = root().join(file);
        let text = fs::read_to_string(&path).expect("the script is part of the project");
        // A test's own script may be named as a library is.
        let name = file.strip_prefix("chat-scripts/").unwrap_or_default();
        self.without(name.strip_suffix(".chat").unwrap_or_default(), text)
    }

    /// Whether they are whole.
    pub fn whole(&self) -> bool {
        self.dropped.is_none()
    }
}

fn parse(text: &str) -> Option<(String, usize, usize)> {
    let (library, lines) = text.split_once(':')?;
    let (first, last) = lines.split_once('-')?;
    Some((library.to_owned(), first.parse().ok()?, last.parse().ok()?))
}

impl Loader for Libraries {
    fn load(&self, name: &str) -> Option<(String, String)> {
        let path = root().join("chat-scripts/lib").join(format!("{name}.chat"));
        let text = self.without(name, fs::read_to_string(&path).ok()?);
        Some((path.display().to_string(), text))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Compiles a script of the project, with parameters set anew; past the checker where lines are
/// left out or `checked` is not wanted.
pub fn program(file: &str, params: &BTreeMap<String, String>, checked: bool) -> Program {
    match try_program(file, params, checked) {
        Ok(program) => program,
        Err(faults) => panic!("{}", render(&faults.diagnostics, &faults.sources, false)),
    }
}

/// The same, with what is wrong with it.
pub fn try_program(
    file: &str,
    params: &BTreeMap<String, String>,
    checked: bool,
) -> Result<Program, Faults> {
    let loader = Libraries::new();
    let text = loader.script(file);
    let context = Context {
        loader: &loader,
        params,
        judge: &Matcher,
    };
    match checked && loader.whole() {
        true => compile(file, &text, &context).map(|compiled| compiled.program),
        false => compile_unchecked(file, &text, &context),
    }
}

/// Whether the checker takes the script.
pub fn checks(file: &str) -> bool {
    let loader = Libraries::new();
    let text = loader.script(file);
    let params = BTreeMap::new();
    let context = Context {
        loader: &loader,
        params: &params,
        judge: &Matcher,
    };
    compile(file, &text, &context).is_ok()
}

/// Compiles a text, past the checker.
pub fn program_of(file: &str, text: &str) -> Program {
    let params = BTreeMap::new();
    let context = Context {
        loader: &Libraries::new(),
        params: &params,
        judge: &Matcher,
    };
    match compile_unchecked(file, text, &context) {
        Ok(program) => program,
        Err(faults) => panic!("{}", render(&faults.diagnostics, &faults.sources, false)),
    }
}
