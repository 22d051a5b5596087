//! `clusterd script …`: what is done with chat scripts away from any machine.

mod explore;
mod finding;
mod interrupt;
mod prove;
mod simulate;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use std::collections::BTreeMap;

use super::Exit;
use super::check::{FaultReport, number};
use crate::config::Weight;
use crate::home::scripts::{self, Libraries, Matcher, ScriptFault};
use crate::machine::setup::DataPolicy;
use crate::script::diagnostic::{Diagnostic, Sources, Span};
use crate::script::{Compiled, Context, PARAMS, compile};
use crate::sim::scene::param_place;

/// Works on chat scripts.
#[derive(Debug, Args)]
pub struct ScriptArgs {
    #[command(subcommand)]
    command: ScriptCommand,
}

#[derive(Debug, Subcommand)]
enum ScriptCommand {
    Check(CheckArgs),
    Simulate(simulate::SimulateArgs),
    Explore(explore::ExploreArgs),
    Interrupt(interrupt::InterruptArgs),
    Prove(prove::ProveArgs),
}

/// Says all that is wrong with chat scripts. Their libraries are looked for in `lib/` beside
/// each script.
#[derive(Debug, Args)]
struct CheckArgs {
    /// The scripts.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// A data policy, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// A dark node is never stopped.
    Integrity,
    /// Dark counts as stopped where a BREAK has worked and the guard holds.
    Adaptability,
    /// Dark counts as stopped.
    Availability,
}

impl From<Policy> for DataPolicy {
    fn from(policy: Policy) -> DataPolicy {
        match policy {
            Policy::Integrity => DataPolicy::Integrity,
            Policy::Adaptability => DataPolicy::Adaptability,
            Policy::Availability => DataPolicy::Availability,
        }
    }
}

impl Policy {
    /// Its word on the command line.
    fn word(self) -> &'static str {
        match self {
            Policy::Integrity => "integrity",
            Policy::Adaptability => "adaptability",
            Policy::Availability => "availability",
        }
    }
}

/// A number of threads: one at least.
fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("one thread at least does the work".to_owned()),
        Ok(jobs) => Ok(jobs),
        Err(_) => Err("write a number: 4".to_owned()),
    }
}

/// Does what the arguments say.
pub fn run(args: &ScriptArgs) -> Exit {
    match &args.command {
        ScriptCommand::Check(args) => check(args),
        ScriptCommand::Explore(args) => explore::run(args),
        ScriptCommand::Interrupt(args) => interrupt::run(args),
        ScriptCommand::Prove(args) => prove::run(args),
        ScriptCommand::Simulate(args) => simulate::run(args),
    }
}

fn check(args: &CheckArgs) -> Exit {
    let mut faults: Vec<ScriptFault> = Vec::new();
    for file in &args.files {
        for fault in check_file(file) {
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
    }
    let errors = faults.iter().filter(|f| f.weight == Weight::Error).count();
    let warnings = faults.len() - errors;
    if args.json {
        let faults: Vec<FaultReport<'_>> = faults.iter().map(FaultReport::of_script).collect();
        let report = serde_json::json!({
            "faults": faults, "errors": errors, "warnings": warnings,
        });
        println!("{report:#}");
    } else {
        for fault in &faults {
            print!("{}", fault.text);
        }
        println!(
            "{}: {}, {}",
            number(args.files.len(), "script"),
            number(errors, "error"),
            number(warnings, "warning")
        );
    }
    if errors > 0 { Exit::Faults } else { Exit::Good }
}

fn check_file(file: &Path) -> Vec<ScriptFault> {
    match compile_file(file, &BTreeMap::new(), Given::Options) {
        Err(faults) => faults,
        Ok(compiled) => {
            let mut faults = scripts::warnings(&compiled);
            let unfit = scripts::unfit_together(&compiled.program);
            let shown = file.display().to_string();
            faults.extend(unfit.map(|why| ScriptFault::of_file(&shown, why)));
            faults
        }
    }
}

/// Where values of parameters were given.
#[derive(Clone, Copy)]
enum Given<'a> {
    /// With `--param`.
    Options,
    /// In a scene, the first of these.
    Scene(&'a Sources),
}

/// Compiles a script; its libraries are looked for in `lib/` beside it.
fn compile_file(
    file: &Path,
    params: &BTreeMap<String, String>,
    given: Given<'_>,
) -> Result<Compiled, Vec<ScriptFault>> {
    let shown = file.display().to_string();
    let text = scripts::read(file).map_err(|why| vec![ScriptFault::of_file(&shown, why)])?;
    let folder = file.parent().unwrap_or(Path::new("")).join("lib");
    let libraries = Libraries {
        shown: folder.display().to_string(),
        folder,
    };
    let context = Context {
        loader: &libraries,
        params,
        judge: &Matcher,
    };
    compile(&shown, &text, &context).map_err(|wrong| {
        let mut faults = Vec::new();
        for fault in &wrong.diagnostics {
            let told = match of_param(fault, &wrong.sources, params, given) {
                Some((fault, sources)) => scripts::faults(&[fault], &sources),
                None => scripts::faults(std::slice::from_ref(fault), &wrong.sources),
            };
            faults.extend(told);
        }
        faults
    })
}

/// What is wrong with a parameter, at the place where its value was given.
fn of_param(
    fault: &Diagnostic,
    sources: &Sources,
    params: &BTreeMap<String, String>,
    given: Given<'_>,
) -> Option<(Diagnostic, Sources)> {
    let (span, label) = &fault.primary;
    if sources.path(span.source) != PARAMS {
        return None;
    }
    // One parameter a line, in their order.
    let (name, value) = params.iter().nth(sources.line(*span) - 1)?;
    let before = sources.text(span.source).get(..span.start)?;
    let is_value = !before.is_empty() && !before.ends_with('\n');
    let (shown, place) = match given {
        Given::Options => {
            let mut shown = Sources::default();
            let source = shown.add("--param", &format!("{name}={value}"));
            let place = match is_value {
                true => name.len() + 1..name.len() + 1 + value.len(),
                false => 0..name.len(),
            };
            (shown, Span::new(source, place))
        }
        Given::Scene(scene) => (scene.clone(), param_place(scene, name, is_value)?),
    };
    let mut told = Diagnostic {
        primary: (place, label.clone()),
        secondary: Vec::new(),
        ..fault.clone()
    };
    for (at, label) in &fault.secondary {
        let (path, line) = (sources.path(at.source), sources.line(*at));
        told = told.note(format!("{label}: {path}:{line}"));
    }
    Some((told, shown))
}
