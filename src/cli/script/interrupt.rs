//! `clusterd script interrupt SCRIPT SCENE…`: clusterd killed and stopped at every action of scenes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clap::Args;

use super::super::Exit;
use super::super::check::number;
use super::finding::{Finding, figures, processor_time, progress, progress_ends, shell};
use super::{Given, Policy, compile_file};
use crate::home::scripts;
use crate::machine::setup::DataPolicy;
use crate::script::diagnostic::{Diagnostic, Sources, render};
use crate::script::program::Program;
use crate::sim::explore::{Interrupted, Patience};
use crate::sim::scene::{self, Opening, Scene, Stage};
use crate::sim::{Interrupt, Interruption};

/// Kills and stops clusterd at every action of scenes, in virtual time.
///
/// Every scene is played once, as `script simulate` does, and clusterd's actions in it are counted: a
/// byte typed, a BREAK, a journal entry, an order to a power leg, an alarm, each word in the log. Then
/// it is played anew for each of them, and each way to be interrupted there: killed before it, behind
/// it, behind it with its journal entry on the disk and nobody told of it, behind it with the journal's
/// last record torn, each time started again five seconds later; stopped before it for five minutes,
/// and going on with it. No rule may be broken at any time; in the end the service runs or an alarm is
/// open, before anything is mended and after it. What fails first is shortened, written to a file that
/// `script simulate` plays, and told. Exit code 1 then.
#[derive(Debug, Args)]
pub struct InterruptArgs {
    /// The script.
    #[arg(value_name = "SCRIPT")]
    script: PathBuf,
    /// The scenes.
    #[arg(required = true, value_name = "SCENE")]
    scenes: Vec<PathBuf>,
    /// Play under this policy, instead of the scene's own; may be given several times.
    #[arg(long, value_name = "POLICY")]
    policy: Vec<Policy>,
    /// Where a scene that fails is written; where that file is there already, to one with a number.
    #[arg(long, value_name = "FILE", default_value = "failed.scene")]
    save: PathBuf,
    /// Threads; all cores where it is not said.
    #[arg(long, value_name = "N", value_parser = super::jobs)]
    jobs: Option<usize>,
}

/// A scene under one policy.
struct Case {
    program: Arc<Program>,
    interrupted: Interrupted,
    bench: scene::Bench,
    strikes: Vec<Interruption>,
}

/// What all threads work on.
struct Sweep {
    cases: Vec<Case>,
    /// The next case and strike.
    next: AtomicUsize,
    of: usize,
    struck: Mutex<BTreeMap<Interrupt, u64>>,
    done: AtomicU64,
    over: AtomicBool,
    failed: Mutex<Option<(usize, String)>>,
}

/// Does what the arguments say.
pub fn run(args: &InterruptArgs) -> Exit {
    let mut cases = Vec::new();
    for path in &args.scenes {
        match cases_of(args, path) {
            Ok(found) => cases.extend(found),
            Err(why) => {
                eprint!("{why}");
                return Exit::Faults;
            }
        }
    }
    let boundaries: u64 = cases.iter().map(|case| case.interrupted.actions()).sum();
    let of = cases.iter().map(|case| case.strikes.len()).sum();
    let sweep = Sweep {
        cases,
        next: AtomicUsize::new(0),
        of,
        struck: Mutex::default(),
        done: AtomicU64::new(0),
        over: AtomicBool::new(false),
        failed: Mutex::new(None),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores).clamp(1, sweep.of.max(1));
    let (began, ran) = (Instant::now(), processor_time());
    std::thread::scope(|threads| {
        for _ in 0..jobs {
            threads.spawn(|| sweep.play_some());
        }
    });
    progress_ends();
    let ran = processor_time().saturating_sub(ran);
    let finding = sweep.finding(args);
    let done = sweep.done.load(Ordering::Relaxed);
    println!("{}", figures(done, began.elapsed(), ran, jobs));
    sweep.end(boundaries, finding)
}

/// A scene, counted under each policy that is asked for.
fn cases_of(args: &InterruptArgs, path: &Path) -> Result<Vec<Case>, String> {
    let shown = path.display().to_string();
    let wrong = |why: String| format!("error: {why}\n --> {shown}\n");
    let text = scripts::read(path).map_err(|why| wrong(why.clone()))?;
    let mut sources = Sources::default();
    let scene = scene::parse(&shown, &text, &mut sources)
        .map_err(|faults| render(&faults, &sources, scripts::color()))?;
    let params: BTreeMap<String, String> = scene.bench.params.iter().cloned().collect();
    let compiled = compile_file(&args.script, &params, Given::Scene(&sources));
    let compiled = compiled.map_err(|faults| {
        let texts: Vec<String> = faults.into_iter().map(|fault| fault.text).collect();
        texts.concat()
    })?;
    let misfits = scene::misfits(&scene, &compiled.program, &sources);
    if !misfits.is_empty() {
        return Err(render(&misfits, &sources, scripts::color()));
    }
    let program = Arc::new(compiled.program);
    let stage = Stage::new(&program).map_err(|why| wrong(why.to_string()))?;
    let open = |scene: &Scene| stage.open(&scene.bench).map_err(|e| wrong(e.to_string()));
    let own = open(&scene)?;
    let played = own.clone().play(&scene);
    if let Some(failure) = played.failure {
        let Some(at) = failure.at else {
            let why = failure.why;
            return Err(wrong(format!("undisturbed, this scene fails: {why}")));
        };
        let fault = Diagnostic::error(at, "undisturbed, this scene fails").note(failure.why);
        let (script, path) = (shell(&args.script), shell(path));
        let fault = fault.help(format!(
            "mend it first; what happens in it: clusterd script simulate {script} {path}"
        ));
        return Err(render(&[fault], &sources, scripts::color()));
    }
    let mut policies: Vec<DataPolicy> = args.policy.iter().map(|p| (*p).into()).collect();
    if policies.is_empty() {
        policies.push(scene.bench.policy);
    }
    let mut cases = Vec::new();
    for policy in policies {
        let mut scene = scene.clone();
        scene.bench.policy = policy;
        let interrupted = Interrupted::new(&scene, &played, &open(&scene)?, Patience::of(&program));
        cases.push(Case {
            program: Arc::clone(&program),
            strikes: interrupted.strikes(),
            bench: scene.bench,
            interrupted,
        });
    }
    Ok(cases)
}

impl Sweep {
    /// One thread's share.
    fn play_some(&self) {
        let mut struck: BTreeMap<Interrupt, u64> = BTreeMap::new();
        let mut opened: Option<(usize, Opening)> = None;
        while !self.over.load(Ordering::Relaxed) {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((number, case, strike)) = self.find(next) else {
                break;
            };
            if opened.as_ref().is_none_or(|(at, _)| *at != number) {
                let stage = Stage::new(&case.program);
                let opening = stage.and_then(|stage| stage.open(&case.bench));
                opened = opening.ok().map(|opening| (number, opening));
            }
            let Some((_, opening)) = &opened else {
                break;
            };
            let played = opening.clone().play(&case.interrupted.scene(strike));
            let came = played.world.was_interrupted();
            if let Some(failure) = played.failure {
                self.fails(next, failure.why);
                break;
            }
            if came {
                *struck.entry(strike.how).or_default() += 1;
            }
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            let of = u64::try_from(self.of).unwrap_or(u64::MAX);
            progress(done, of, "interruptions");
        }
        let mut all = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        for (how, times) in struck {
            *all.entry(how).or_default() += times;
        }
    }

    /// The case and the interruption of a number.
    fn find(&self, mut number: usize) -> Option<(usize, &Case, Interruption)> {
        for (at, case) in self.cases.iter().enumerate() {
            match case.strikes.get(number) {
                Some(strike) => return Some((at, case, *strike)),
                None => number -= case.strikes.len(),
            }
        }
        None
    }

    fn fails(&self, number: usize, why: String) {
        self.over.store(true, Ordering::Relaxed);
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // Of several that fail at once the first one is told.
        if failed.as_ref().is_none_or(|(first, _)| number < *first) {
            *failed = Some((number, why));
        }
    }

    /// What failed, kept before a word is printed: whoever reads that may have gone.
    fn finding<'a>(&'a self, args: &'a InterruptArgs) -> Option<(&'a Case, Finding<'a>)> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, why) = failed.take()?;
        let (_, case, strike) = self.find(number)?;
        let scene = case.interrupted.scene(strike);
        let finding = Finding::keep(scene, why, None, &args.script, &args.save);
        Some((case, finding))
    }

    fn end(&self, boundaries: u64, finding: Option<(&Case, Finding<'_>)>) -> Exit {
        let struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        for (how, times) in struck.iter() {
            println!("  {times:>8}  {how}");
        }
        let broken = u8::from(finding.is_some());
        let reached = struck.get(&Interrupt::Before).copied().unwrap_or(0);
        let total: u64 = struck.values().sum();
        println!(
            "boundaries: {reached} of {boundaries} in {}, {} of {} interruptions, broken {broken}",
            number(self.cases.len(), "scene"),
            total,
            self.of
        );
        match finding {
            Some((case, finding)) => finding.tell(&case.program),
            None if total == u64::try_from(self.of).unwrap_or(u64::MAX) => Exit::Good,
            None => Exit::Faults,
        }
    }
}
