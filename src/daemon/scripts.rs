//! The chat scripts of a home: found, compiled for each package with its own parameters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Cluster, Fault, Files, LARGEST, Package, SCRIPTS, check_against};
use crate::matcher::{PatternDef, check_pattern, example_matches};
use crate::name::PackageName;
use crate::script::diagnostic::render;
use crate::script::program::{Pattern, Program};
use crate::script::{Context, Loader, PatternJudge, compile};

/// The programs of a cluster's packages, or what is wrong, in lines for people.
pub(super) fn programs(
    cluster: &Cluster,
    files: &dyn Files,
    text: &str,
) -> Result<BTreeMap<PackageName, Arc<Program>>, String> {
    let mut programs = BTreeMap::new();
    for (name, package) in &cluster.packages {
        let program = program(package, files)?;
        let faults = check_against(cluster, name, text, &program);
        let errors: Vec<String> = faults
            .iter()
            .filter(|fault| fault.weight == crate::config::Weight::Error)
            .map(Fault::to_string)
            .collect();
        if !errors.is_empty() {
            return Err(errors.join("\n"));
        }
        programs.insert(name.clone(), Arc::new(program));
    }
    Ok(programs)
}

fn program(package: &Package, files: &dyn Files) -> Result<Program, String> {
    let path = format!("{SCRIPTS}/{}.chat", package.script);
    let text = read(files, &path)?.ok_or_else(|| format!("there is no chat script {path}"))?;
    let loader = Libraries(files);
    let judge = MatcherJudge;
    let params = params(package, &text);
    let context = Context {
        loader: &loader,
        params: &params,
        judge: &judge,
    };
    compile(&path, &text, &context)
        .map(|compiled| compiled.program)
        .map_err(|faults| render(&faults.diagnostics, &faults.sources, false))
}

/// The package's own parameters, and its `planned_grace` where the script has a use for it.
fn params(package: &Package, text: &str) -> BTreeMap<String, String> {
    let mut params = package.params.clone();
    let named = |line: &str| {
        let mut words = line.split_whitespace();
        words.next() == Some("param") && words.next() == Some("planned_grace")
    };
    if text.lines().any(named) {
        params
            .entry("planned_grace".to_owned())
            .or_insert_with(|| span(package.planned_grace));
    }
    params
}

/// As scripts write it.
fn span(span: Duration) -> String {
    format!("{}ms", span.as_millis())
}

fn read(files: &dyn Files, path: &str) -> Result<Option<String>, String> {
    let said = |why: &str| format!("{path}: {why}");
    let Some(bytes) = files.read(path, LARGEST + 1).map_err(|why| said(&why))? else {
        return Ok(None);
    };
    if bytes.len() > LARGEST {
        return Err(said("larger than 1 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| said("it is not UTF-8"))?;
    Ok(Some(text))
}

/// `chat-scripts/lib/NAME.chat`.
struct Libraries<'a>(&'a dyn Files);

impl Loader for Libraries<'_> {
    fn load(&self, name: &str) -> Option<(String, String)> {
        let path = format!("{SCRIPTS}/lib/{name}.chat");
        let text = read(self.0, &path).ok()??;
        Some((path, text))
    }
}

/// The matcher's own word on patterns.
struct MatcherJudge;

impl PatternJudge for MatcherJudge {
    fn refuses(&self, regex: &str, prompt: bool) -> Option<String> {
        check_pattern(regex, prompt).err().map(|fault| fault.to_string())
    }

    fn matches(&self, pattern: &Pattern, line: &str) -> bool {
        let def = PatternDef {
            name: pattern.name.clone(),
            regex: pattern.regex.clone(),
            quiet: pattern.quiet,
        };
        example_matches(&def, line)
    }
}
