//! Everything that a home directory needs before its clusters can be guarded: its files,
//! and the scripts, programs and sockets that they name. `check` prints what is found;
//! `run` guards what is left.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::Home;
use super::power;
use super::programs::find_program;
use super::scripts::{self, Libraries, Matcher, ScriptFault};
use super::secrets;
use crate::config::{
    self, Address, Cluster, Fault, Files as _, Loaded, Node, Package, SCRIPTS, Weight,
    check_against,
};
use crate::name::{ClusterName, PackageName};
use crate::script::diagnostic::Sources;
use crate::script::program::{Op, Piece, Program, Text};
use crate::script::{Context, PARAMS, compile, parse};

/// The programs of a cluster's packages.
pub type Programs = BTreeMap<PackageName, Arc<Program>>;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Inspected {
    /// The files; clusters with anything wrong, here or elsewhere, are among the refused.
    pub loaded: Loaded,
    /// The compiled scripts of every cluster that is not refused.
    pub programs: BTreeMap<ClusterName, Programs>,
    /// What is wrong with chat scripts, each fault once.
    pub scripts: Vec<ScriptFault>,
}

impl Inspected {
    /// Whether anything was found that is more than a warning.
    pub fn has_errors(&self) -> bool {
        self.loaded.has_errors() || self.scripts.iter().any(|f| f.weight == Weight::Error)
    }
}

/// Reads all files and looks at all that they name.
pub fn inspect(home: &Home) -> Inspected {
    let mut loaded = config::load(home);
    let mut bench = Bench::new(home);
    let mut programs = BTreeMap::new();
    let mut faults = Vec::new();
    for cluster in &loaded.clusters {
        for (name, node) in &cluster.nodes {
            faults.extend(power::faults(cluster, name.as_str(), node, home, &loaded));
            faults.extend(console(cluster, name.as_str(), node, home, &loaded));
            faults.extend(secrets::faults(cluster, name.as_str(), node, home, &loaded));
        }
        faults.extend(super::hooks::faults(cluster, home, &loaded));
        let mut compiled = Programs::new();
        for (name, package) in &cluster.packages {
            match bench.program(cluster, name, package, &loaded) {
                Ok(program) => {
                    let text = loaded.texts.get(&cluster.file).map_or("", String::as_str);
                    faults.extend(check_against(cluster, name, text, &program));
                    faults.extend(script_programs(cluster, name, &program, home, &loaded));
                    compiled.insert(name.clone(), program);
                }
                Err(wrong) => faults.extend(wrong),
            }
        }
        programs.insert(cluster.name.clone(), compiled);
    }
    bench.unused(&loaded);
    loaded.add(faults);
    loaded.tell(super::routes::faults(home, &loaded));
    programs.retain(|name, _| loaded.clusters.iter().any(|cluster| cluster.name == *name));
    Inspected {
        loaded,
        programs,
        scripts: bench.faults,
    }
}

/// Compiles scripts, the same script with the same parameters once.
struct Bench<'h> {
    home: &'h Home,
    libraries: Libraries,
    done: BTreeMap<Job, Result<Arc<Program>, Spoiled>>,
    faults: Vec<ScriptFault>,
}

/// Values of parameters, as written, by name.
type Params = BTreeMap<String, String>;

/// A script, its parameters, and the package's `planned_grace`.
type Job = (String, Params, Duration);

/// Why there is no program.
#[derive(Clone)]
struct Spoiled {
    /// How many errors the script itself has.
    errors: usize,
    /// What is wrong with the parameters: the name, what, and the mend.
    params: Vec<(String, String, String)>,
}

impl<'h> Bench<'h> {
    fn new(home: &'h Home) -> Bench<'h> {
        Bench {
            home,
            libraries: Libraries {
                folder: home.path(SCRIPTS).join("lib"),
                shown: format!("{SCRIPTS}/lib"),
            },
            done: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// The program of a package, or the faults that its cluster file has for it.
    fn program(
        &mut self,
        cluster: &Cluster,
        name: &PackageName,
        package: &Package,
        loaded: &Loaded,
    ) -> Result<Arc<Program>, Vec<Fault>> {
        self.once(package).map_err(|spoiled| {
            let at = |path: &[&str], message: String, help: &str| {
                loaded.error_at(&cluster.file, path, message, help)
            };
            let mut faults: Vec<Fault> = spoiled
                .params
                .iter()
                .map(|(param, message, help)| {
                    let path = ["packages", name.as_str(), "params", param];
                    at(&path, message.clone(), help)
                })
                .collect();
            if spoiled.errors > 0 {
                let path = ["packages", name.as_str(), "script"];
                let message = format!("the chat script {} has errors", package.script);
                faults.push(at(&path, message, "they are told with the script itself"));
            }
            faults
        })
    }

    /// Compiles, or says again what came of it before.
    fn once(&mut self, package: &Package) -> Result<Arc<Program>, Spoiled> {
        let Package {
            script,
            params,
            planned_grace,
            ..
        } = package;
        let job = (script.clone(), params.clone(), *planned_grace);
        if let Some(result) = self.done.get(&job) {
            return result.clone();
        }
        let result = self.compile(script, params, *planned_grace);
        self.done.insert(job, result.clone());
        result
    }

    fn compile(
        &mut self,
        script: &str,
        params: &Params,
        grace: Duration,
    ) -> Result<Arc<Program>, Spoiled> {
        let path = format!("{SCRIPTS}/{script}.chat");
        let text = match scripts::read(&self.home.path(&path)) {
            Ok(text) => text,
            Err(why) => {
                self.note(vec![ScriptFault::of_file(&path, why)]);
                return Err(Spoiled {
                    errors: 1,
                    params: Vec::new(),
                });
            }
        };
        let params = with_grace(&text, params.clone(), grace);
        let context = Context {
            loader: &self.libraries,
            params: &params,
            judge: &Matcher,
        };
        match compile(&path, &text, &context) {
            Ok(compiled) => {
                self.note(scripts::warnings(&compiled));
                match scripts::unfit_together(&compiled.program) {
                    None => Ok(Arc::new(compiled.program)),
                    Some(why) => {
                        self.note(vec![ScriptFault::of_file(&path, why)]);
                        Err(Spoiled {
                            errors: 1,
                            params: Vec::new(),
                        })
                    }
                }
            }
            Err(wrong) => {
                let all = scripts::faults(&wrong.diagnostics, &wrong.sources);
                let (of_params, of_script): (Vec<_>, Vec<_>) =
                    all.into_iter().partition(|fault| fault.file == PARAMS);
                let errors = of_script.iter().filter(|f| f.weight == Weight::Error);
                let spoiled = Spoiled {
                    errors: errors.count(),
                    params: of_params
                        .into_iter()
                        .filter_map(|fault| {
                            // One parameter a line, in their order.
                            let param = params.keys().nth(fault.line - 1)?.clone();
                            Some((param, fault.message, fault.help.unwrap_or_default()))
                        })
                        .collect(),
                };
                self.note(of_script);
                Err(spoiled)
            }
        }
    }

    /// Scripts that no cluster uses are compiled too: they may be used tomorrow.
    fn unused(&mut self, loaded: &Loaded) {
        let mut used: Vec<&str> = Vec::new();
        for cluster in &loaded.clusters {
            used.extend(
                cluster
                    .packages
                    .values()
                    .map(|package| package.script.as_str()),
            );
        }
        let names = self.home.list(SCRIPTS).unwrap_or_default();
        for script in names.iter().filter_map(|name| name.strip_suffix(".chat")) {
            if !used.contains(&script) {
                // What is wrong with it is noted; nobody waits for its program.
                let _ = self.compile(script, &Params::new(), config::PLANNED_GRACE);
            }
        }
    }

    fn note(&mut self, faults: Vec<ScriptFault>) {
        for fault in faults {
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
    }
}

/// A package's parameters, and what its key `planned_grace` says, where the script has a
/// parameter of that name and the package gives it no other value.
fn with_grace(text: &str, mut params: Params, grace: Duration) -> Params {
    let mut sources = Sources::default();
    let source = sources.add("", text);
    let file = parse(source, text, &mut Vec::new());
    if file
        .params
        .iter()
        .any(|param| param.name.text == "planned_grace")
    {
        let grace = format!("{}ms", grace.as_millis());
        params.entry("planned_grace".to_owned()).or_insert(grace);
    }
    params
}

/// The first word of each `run` of a script must be a program, where it is not a value.
fn script_programs(
    cluster: &Cluster,
    name: &PackageName,
    program: &Program,
    home: &Home,
    loaded: &Loaded,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (pc, op) in program.ops.iter().enumerate() {
        let Op::Run { argv, .. } = op else { continue };
        let Some(first) = argv.first().and_then(literal) else {
            continue;
        };
        if let Err((message, help)) = find_program(&first, home.dir()) {
            let message = format!("{}: {message}", program.place_text(pc));
            let path = ["packages", name.as_str(), "script"];
            faults.push(loaded.error_at(&cluster.file, &path, message, help));
        }
    }
    faults
}

/// The text, if no value is part of it.
fn literal(text: &Text) -> Option<String> {
    text.0
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Value(_) => None,
        })
        .collect()
}

/// What a console needs of this machine. A unix socket or an adapter may come later, so its
/// absence is no error; a command or a key that is not there is one.
fn console(
    cluster: &Cluster,
    name: &str,
    node: &Node,
    home: &Home,
    loaded: &Loaded,
) -> Option<Fault> {
    let at = |message: String, help| {
        loaded.error_at(&cluster.file, &["nodes", name, "console"], message, help)
    };
    let later = |message: String, help| Fault {
        weight: Weight::Warning,
        ..at(message, help)
    };
    match &node.console.at {
        Address::Unix(path) if fs::metadata(path).is_err() => Some(later(
            format!("there is no socket {} now", path.display()),
            "start what serves this console",
        )),
        Address::Serial { device, .. } if fs::metadata(device).is_err() => Some(later(
            format!("there is no device {} now", device.display()),
            "plug it in; a name under /dev/serial/by-id stays with its adapter",
        )),
        Address::Exec(argv) => {
            let missing = find_program(argv.first()?, home.dir()).err();
            missing.map(|(message, help)| at(message, help))
        }
        _ => None,
    }
}
