//! `clusterd script prove SCRIPT`: every placement of a few faults in a small model, tried.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::super::Exit;
use super::{Given, Policy, compile_file};
use crate::script::program::Program;
use crate::sim::prove::{Found, Job, Limits, Model, NoModel, Progress, Search, Told};

/// Tries every placement of a few faults in a small model of a chat script.
///
/// Two nodes, one package, the real machine and the script's own patterns, in virtual time. First no
/// fault, then one at every situation that differs from all others, then two, until all are tried or
/// the budget of situations is spent. Then it says for every policy what holds; or it tells the
/// shortest way to a broken rule as a timeline. Exit code 1 then.
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// The script.
    #[arg(value_name = "SCRIPT")]
    script: PathBuf,
    /// The most faults in one story.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(0..=6))]
    faults: u8,
    /// The most situations, over all policies.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    states: usize,
    /// Only this policy, instead of all three.
    #[arg(long, value_name = "POLICY")]
    policy: Option<Policy>,
    /// Every node of the model has a power leg.
    #[arg(long)]
    power_legs: bool,
    /// A value of one of the script's parameters.
    #[arg(long, value_name = "NAME=VALUE", value_parser = param)]
    param: Vec<(String, String)>,
    /// Threads; all cores where it is not said. What is found does not depend on it.
    #[arg(long, value_name = "N", value_parser = super::jobs)]
    jobs: Option<usize>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// `NAME=VALUE`.
fn param(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, _)) if name.trim().is_empty() => Err("write a name before the `=`".to_owned()),
        Some((_, value)) if value.contains('\n') => Err("a value is one line".to_owned()),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("write NAME=VALUE: ask_limit=10s".to_owned()),
    }
}

/// How it went under one policy.
struct Verdict {
    policy: Policy,
    progress: Progress,
    seconds: f64,
    exceptions: Vec<String>,
    told: Option<Told>,
    /// The first way that was given up.
    given_up: Option<Told>,
}

/// Does what the arguments say.
pub fn run(args: &ProveArgs) -> Exit {
    let mut params = BTreeMap::new();
    for (name, value) in &args.param {
        if params.insert(name.clone(), value.clone()).is_some() {
            eprintln!("clusterd: --param {name} is said twice: take one of them out");
            return Exit::Usage;
        }
    }
    let program = match compile_file(&args.script, &params, Given::Options) {
        Ok(compiled) => Arc::new(compiled.program),
        Err(faults) => {
            for fault in &faults {
                eprint!("{}", fault.text);
            }
            return Exit::Faults;
        }
    };
    let policies = match args.policy {
        Some(policy) => vec![policy],
        None => vec![
            Policy::Integrity,
            Policy::Adaptability,
            Policy::Availability,
        ],
    };
    let mut verdicts = Vec::new();
    for policy in &policies {
        let states = args.states.div_ceil(policies.len());
        match prove(&program, *policy, states, args) {
            Ok(verdict) => {
                if !args.json {
                    tell(&verdict, args);
                }
                verdicts.push(verdict);
            }
            Err(why) => {
                eprintln!("clusterd: {}: {why}", args.script.display());
                return Exit::Faults;
            }
        }
    }
    if args.json {
        let report: Vec<serde_json::Value> = verdicts.iter().map(as_json).collect();
        println!(
            "{:#}",
            serde_json::json!({ "script": program.name, "policies": report })
        );
    }
    if verdicts.iter().any(|verdict| verdict.told.is_some()) {
        Exit::Faults
    } else {
        Exit::Good
    }
}

fn prove(
    program: &Arc<Program>,
    policy: Policy,
    states: usize,
    args: &ProveArgs,
) -> Result<Verdict, NoModel> {
    let model = Model::new(program, policy.into(), args.power_legs)?;
    let limits = Limits {
        faults: usize::from(args.faults),
        states,
    };
    let began = Instant::now();
    let mut search = Search::new(model, limits)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores).max(1);
    loop {
        let batch = search.batch();
        if batch.is_empty() {
            break;
        }
        let found = work(&search, &batch, jobs);
        search.join(found);
        show_progress(&search, states);
    }
    if std::io::stderr().is_terminal() {
        eprint!("\r{:60}\r", "");
    }
    Ok(Verdict {
        policy,
        progress: search.progress(),
        seconds: began.elapsed().as_secs_f64(),
        exceptions: search.exceptions(),
        told: search.story().map(|story| search.tell(story)),
        given_up: search.given_up().map(|story| search.tell(story)),
    })
}

/// Does a batch on several threads; what they found stands in the order of the jobs.
fn work(search: &Search, batch: &[Job], threads: usize) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let found: Mutex<BTreeMap<usize, Found>> = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.min(batch.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = batch.get(number) else {
                        return;
                    };
                    let one = search.explore(job);
                    let mut all = found.lock().unwrap_or_else(PoisonError::into_inner);
                    all.insert(number, one);
                }
            });
        }
    });
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.into_values().collect()
}

fn show_progress(search: &Search, states: usize) {
    if std::io::stderr().is_terminal() {
        let progress = search.progress();
        eprint!(
            "\r{} of {states} situations, with {} faults",
            progress.states, progress.level
        );
        // A progress bar that cannot be drawn stops nothing.
        let _ = std::io::stderr().flush();
    }
}

fn tell(verdict: &Verdict, args: &ProveArgs) {
    let name = format!("{:?}", verdict.policy).to_lowercase();
    let Progress {
        states,
        depth,
        level,
        struck,
        places,
        endless,
        ..
    } = verdict.progress;
    println!(
        "{name}: {states} situations, at most {depth} steps deep, in {:.1} s ({:.0} a second)",
        verdict.seconds,
        f64::from(u32::try_from(states).unwrap_or(u32::MAX)) / verdict.seconds.max(0.001)
    );
    if verdict.progress.adopted {
        println!(
            "  began adopted: after a panic of the primary this script does not take the package there and back, so guards are unread, and no BREAK has worked"
        );
    }
    if let Some(told) = &verdict.told {
        return tell_story(told);
    }
    println!("  verdict: no rule was broken");
    for exception in &verdict.exceptions {
        println!("  accepted, and met: {exception}");
    }
    let complete = verdict.progress.complete.unwrap_or(0);
    let most = usize::from(args.faults);
    println!("  complete: every placement of up to {}", faults(complete));
    if level > complete {
        println!(
            "  cut: the last of {} struck at {struck} of {places} situations, then the budget was spent",
            faults(level)
        );
        if level < most {
            println!("  not begun: more than {}", faults(level));
        }
    } else if complete < most && verdict.progress.exhausted {
        println!("  more faults lead to no new situation");
    } else if complete < most {
        println!(
            "  not begun: more than {}, for the budget was spent",
            faults(complete)
        );
    }
    if endless > 0 {
        println!("  given up: {endless} ways that do not end; the first of them:");
        let told = verdict.given_up.iter().flat_map(|told| &told.lines);
        for (at, text) in told.filter(|(_, text)| text.starts_with("FAULT")) {
            println!("  {at:>10.3}  {text}");
        }
    }
}

fn faults(count: usize) -> String {
    match count {
        1 => "1 fault".to_owned(),
        count => format!("{count} faults"),
    }
}

fn tell_story(told: &Told) {
    let (rule, what) = told.broken.as_ref().map_or_else(
        || ("a rule".to_owned(), String::new()),
        |broken| (broken.rule.to_string(), broken.what.clone()),
    );
    println!(
        "  verdict: BROKEN with {} in {:.1} s: {rule}",
        faults(told.faults),
        told.took
    );
    println!();
    for (at, text) in &told.lines {
        println!("  {at:>10.3}  {text}");
    }
    println!("  {:>10.3}  BROKEN: {rule}: {what}", told.took);
    println!();
}

fn as_json(verdict: &Verdict) -> serde_json::Value {
    let story = verdict.told.as_ref().map(|told| {
        let lines: Vec<serde_json::Value> = told
            .lines
            .iter()
            .map(|(at, text)| serde_json::json!({ "at": at, "what": text }))
            .collect();
        serde_json::json!({
            "faults": told.faults,
            "seconds": told.took,
            "rule": told.broken.as_ref().map(|broken| broken.rule.to_string()),
            "what": told.broken.as_ref().map(|broken| broken.what.clone()),
            "timeline": lines,
        })
    });
    let progress = &verdict.progress;
    let cut = Some(progress).filter(|p| Some(p.level) != p.complete);
    serde_json::json!({
        "policy": format!("{:?}", verdict.policy).to_lowercase(),
        "situations": progress.states,
        "depth": progress.depth,
        "began": if progress.adopted { "adopted" } else { "there_and_back" },
        "complete_for_faults": progress.complete,
        "exhausted": progress.exhausted,
        "cut_at_faults": cut.map(|cut| cut.level),
        "struck": cut.map(|cut| cut.struck),
        "places": cut.map(|cut| cut.places),
        "given_up": progress.endless,
        "seconds": verdict.seconds,
        "exceptions_met": verdict.exceptions,
        "broken": story,
    })
}
