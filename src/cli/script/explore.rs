//! `clusterd script explore SCRIPT --seeds N`: random scenes of faults on all cores.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;

use super::super::Exit;
use super::{Policy, compile_file};
use crate::clock::Span;
use crate::machine::setup::DataPolicy;
use crate::script::program::Program;
use crate::sim::explore::{self, Weather};
use crate::sim::scene::{self, Scene, Stage, Unplayable};
use crate::sim::{Excuse, World};

/// How many scenes are played to shorten one that fails.
const SHRINKING: usize = 2000;

/// The firmwares that are simulated.
const SIMULATED: [&str; 2] = ["openboot", "openbios"];

/// Plays random scenes of faults with a chat script, on all cores, in virtual time.
///
/// After every scene everything is made whole again; then the service must run or an alarm be open,
/// and no rule may have been broken at any time. The first scene that fails is shortened as far as it
/// goes, written to a file that `script simulate` plays, and its seed is told. Exit code 1 then.
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// The script.
    #[arg(value_name = "SCRIPT")]
    script: PathBuf,
    /// How many scenes.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    seeds: u64,
    /// The first seed; the others follow.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    from: u64,
    /// The most faults in one scene.
    #[arg(long, value_name = "N", default_value_t = 12)]
    faults: usize,
    /// Play under this policy only, instead of all three.
    #[arg(long, value_name = "POLICY")]
    policy: Option<Policy>,
    /// Where a scene that fails is written.
    #[arg(long, value_name = "FILE", default_value = "failed.scene")]
    save: PathBuf,
    /// Threads; all cores where it is not said.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

/// What all threads work on.
struct Sweep {
    program: Arc<Program>,
    weather: Weather,
    next: AtomicU64,
    done: AtomicU64,
    end: u64,
    over: AtomicBool,
    failed: Mutex<Option<(u64, String)>>,
    bent: Mutex<Bent>,
}

/// What the rules let pass, and is told at the end.
#[derive(Debug, Default)]
struct Bent {
    /// Times in which two nodes wrote because a person had started one of them past the guard.
    windows: Vec<Duration>,
    excused: BTreeMap<Excuse, u64>,
}

/// Does what the arguments say.
pub fn run(args: &ExploreArgs) -> Exit {
    let program = match compile_file(&args.script, &BTreeMap::new()) {
        Ok(compiled) => Arc::new(compiled.program),
        Err(faults) => {
            for fault in &faults {
                eprint!("{}", fault.text);
            }
            return Exit::Faults;
        }
    };
    let platforms = SIMULATED
        .iter()
        .filter(|name| program.firmware(name).is_some());
    let platforms: Vec<String> = platforms.map(|name| (*name).to_owned()).collect();
    if platforms.is_empty() {
        eprintln!(
            "clusterd: {} knows none of the firmwares that are simulated: {}",
            args.script.display(),
            SIMULATED.join(", ")
        );
        return Exit::Faults;
    }
    let every = || {
        vec![
            DataPolicy::Integrity,
            DataPolicy::Adaptability,
            DataPolicy::Availability,
        ]
    };
    let sweep = Sweep {
        program,
        weather: Weather {
            faults: args.faults,
            platforms,
            policies: args.policy.map_or_else(every, |policy| vec![policy.into()]),
        },
        next: AtomicU64::new(args.from),
        done: AtomicU64::new(0),
        end: args.from.saturating_add(args.seeds),
        over: AtomicBool::new(false),
        failed: Mutex::new(None),
        bent: Mutex::default(),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores).max(1);
    let (began, ran) = (Instant::now(), processor_time());
    sweep.play_all(jobs, args.seeds);
    let done = sweep.done.load(Ordering::Relaxed);
    let ran = processor_time().saturating_sub(ran);
    println!("{}", figures(done, began.elapsed(), ran, jobs));
    sweep.tell_bent();
    match sweep
        .failed
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
    {
        None => {
            println!("no rule was broken, and every scene ended in service or in an alarm");
            Exit::Good
        }
        Some((seed, why)) => sweep.tell(seed, &why, args),
    }
}

/// What all threads of this process have taken of the cores so far.
fn processor_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .map(Duration::from)
        .unwrap_or_default()
}

/// How fast it went: by the clock, and what one core plays that does nothing else.
fn figures(done: u64, took: Duration, ran: Duration, jobs: usize) -> String {
    let each = |span: Duration| {
        f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / span.as_secs_f64().max(0.001)
    };
    format!(
        "{done} scenes in {:.1} s on {jobs} {}: {:.0} a second, {:.0} a second and core",
        took.as_secs_f64(),
        if jobs == 1 { "thread" } else { "threads" },
        each(took),
        each(ran)
    )
}

impl Sweep {
    fn play_all(&self, jobs: usize, seeds: u64) {
        std::thread::scope(|threads| {
            for _ in 0..jobs {
                threads.spawn(|| self.play_some(seeds));
            }
        });
        if std::io::stderr().is_terminal() {
            eprintln!();
        }
    }

    /// One thread's share.
    fn play_some(&self, seeds: u64) {
        let stage = Stage::new(&self.program);
        while !self.over.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                return;
            }
            if let Some(why) = failure(&stage, &explore::scene(seed, &self.weather), |world| {
                self.note_bent(world);
            }) {
                self.over.store(true, Ordering::Relaxed);
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                // Of several that fail at once the lowest seed is told.
                if failed.as_ref().is_none_or(|(lowest, _)| seed < *lowest) {
                    *failed = Some((seed, why));
                }
                return;
            }
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(100) && std::io::stderr().is_terminal() {
                eprint!("\r{done} of {seeds} scenes");
                // A progress bar that cannot be drawn stops nothing.
                let _ = std::io::stderr().flush();
            }
        }
    }

    fn note_bent(&self, world: &World) {
        if world.windows().is_empty() && world.excused().is_empty() {
            return;
        }
        let mut bent = self.bent.lock().unwrap_or_else(PoisonError::into_inner);
        bent.windows
            .extend(world.windows().iter().map(|window| window.lasted));
        for excuse in world.excused() {
            *bent.excused.entry(*excuse).or_insert(0) += 1;
        }
    }

    fn tell_bent(&self) {
        let mut bent = self.bent.lock().unwrap_or_else(PoisonError::into_inner);
        bent.windows.sort_unstable();
        let count = bent.windows.len();
        if let Some(longest) = bent.windows.last() {
            println!(
                "{count} times two nodes wrote because a person had booted one past its guard: half of them no longer than {}, nine of ten {}, the longest {}",
                whole_seconds(bent.windows[(count - 1) / 2]),
                whole_seconds(bent.windows[(count - 1) * 9 / 10]),
                whole_seconds(*longest)
            );
        }
        for (excuse, times) in &bent.excused {
            println!("{times} times the data policy accepted it: {excuse}");
        }
    }

    /// Shortens the scene of a seed, saves it and says how to play it.
    fn tell(&self, seed: u64, why: &str, args: &ExploreArgs) -> Exit {
        println!("seed {seed} fails: {why}");
        // What is left out must not turn it into another failure.
        let kind = kind_of(why);
        let stage = Stage::new(&self.program);
        let same =
            |scene: &Scene| failure(&stage, scene, |_| ()).is_some_and(|why| kind_of(&why) == kind);
        let whole = explore::scene(seed, &self.weather);
        let mut short = explore::shrink(&whole, same, SHRINKING);
        short.title = format!("seed {seed}: {kind}");
        let text = scene::write(&short);
        println!("the shortest scene found that fails in this way:\n\n{text}");
        match fs::write(&args.save, &text) {
            Ok(()) => println!(
                "saved; its timeline: clusterd script simulate {} {}",
                args.script.display(),
                args.save.display()
            ),
            Err(err) => eprintln!("clusterd: cannot write {}: {err}", args.save.display()),
        }
        Exit::Faults
    }
}

fn whole_seconds(time: Duration) -> Span {
    Span(Duration::from_secs(time.as_secs()))
}

/// Why a scene fails, if it does. `seen` is shown the world at its end.
fn failure(
    stage: &Result<Stage, Unplayable>,
    scene: &Scene,
    seen: impl FnOnce(&World),
) -> Option<String> {
    match stage {
        Ok(stage) => match stage.play(scene) {
            Ok(played) => {
                seen(&played.world);
                played.failure.map(|failure| failure.why)
            }
            Err(why) => Some(why.to_string()),
        },
        Err(why) => Some(why.to_string()),
    }
}

/// A failure without its times and states: the rule, or what did not come to hold.
fn kind_of(why: &str) -> String {
    match why.split_once(" s: ") {
        Some((_, rule)) => rule.split(':').next().unwrap_or(rule).to_owned(),
        None => why.split(';').next().unwrap_or(why).to_owned(),
    }
}
