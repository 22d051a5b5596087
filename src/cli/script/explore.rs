//! `clusterd script explore SCRIPT --seeds N`: random scenes of faults on all cores.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::super::Exit;
use super::finding::{Finding, failure, figures, processor_time, progress, progress_ends, shell};
use super::{Given, Policy, compile_file};
use crate::clock::Span;
use crate::machine::setup::DataPolicy;
use crate::script::program::Program;
use crate::sim::explore::{self, Settings, Side, Weather};
use crate::sim::needs::{self, SIMULATED};
use crate::sim::scene::{self, Bench, Deed, Scene, Stage, Step};
use crate::sim::{Excuse, GRACE, World};

/// A year, with its quarter of a day.
const YEAR: Duration = Duration::from_secs(31_557_600);

/// The most faults in one scene, where nothing is said.
const FAULTS: usize = 12;

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
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Faults on the monitor's side alone: its host, clock, journal and network, clusterd itself, the
    /// terminal server's ports. The nodes are well all the time, and nothing may be done to them.
    #[arg(long)]
    monitor_only: bool,
    /// With --monitor-only: so many years of such faults, of which the quiet time is skipped, instead of
    /// --seeds.
    #[arg(
        long,
        value_name = "N",
        requires = "monitor_only",
        conflicts_with = "seeds",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    years: Option<u32>,
    /// With --years: the mean time between two episodes of trouble.
    #[arg(long, value_name = "TIME", requires = "years", conflicts_with = "seeds", default_value = "30d", value_parser = humantime::parse_duration)]
    every: Duration,
    /// Clusters with any settings, instead of the usual ones: what the network's or the console's silence
    /// alone moves, `stop`, the cap on failures, `dark_after`, times, more power legs, nodes that wait at
    /// their prompts. And people who adopt a node by its name, or say that all is well.
    #[arg(long)]
    any_settings: bool,
    /// The first seed; the others follow.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    from: u64,
    /// The most faults in one scene.
    #[arg(long, value_name = "N", default_value_t = FAULTS, value_parser = RangedU64ValueParser::<usize>::new().range(1..=500))]
    faults: usize,
    /// Play under this policy only, instead of all three.
    #[arg(long, value_name = "POLICY")]
    policy: Option<Policy>,
    /// Where a scene that fails is written; where that file is there already, to one with a number.
    #[arg(long, value_name = "FILE", default_value = "failed.scene")]
    save: PathBuf,
    /// Prints the scene of the first seed, for `script simulate`, and plays nothing.
    #[arg(long)]
    print: bool,
    /// Threads; all cores where it is not said.
    #[arg(long, value_name = "N", value_parser = super::jobs)]
    jobs: Option<usize>,
}

/// What all threads work on.
struct Sweep {
    program: Arc<Program>,
    weather: Weather,
    from: u64,
    /// How many scenes there are, and have been taken up.
    seeds: u64,
    next: AtomicU64,
    done: AtomicU64,
    /// How much was done in them.
    faults: AtomicU64,
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
    /// Ends at which nothing served, though all was whole, by the script's state: how many, and the
    /// first seed of them.
    down: BTreeMap<String, (u64, u64)>,
}

impl ExploreArgs {
    /// How many scenes there are to play; or why there are none.
    fn episodes(&self) -> Result<u64, String> {
        let seeds = match (self.years, self.every.as_secs()) {
            (None, _) => self.seeds,
            (Some(_), 0) => return Err("--every is at least a second".to_owned()),
            (Some(years), every) => u64::from(years) * YEAR.as_secs() / every,
        };
        if seeds == 0 {
            return Err(format!(
                "no episode comes so early, one in {} on average: say more --years, or a shorter --every",
                Span(self.every)
            ));
        }
        match self.from.checked_add(seeds) {
            Some(_) => Ok(seeds),
            None => Err(format!(
                "the seeds end at {}, and {seeds} do not fit behind {}: say a smaller --from",
                u64::MAX,
                self.from
            )),
        }
    }

    /// The command that plays the scene of a seed again, whatever else was played.
    fn again(&self, seed: u64) -> String {
        let script = shell(&self.script);
        let mut command = format!("clusterd script explore {script} --seeds 1 --from {seed}");
        if self.faults != FAULTS {
            command.push_str(&format!(" --faults {}", self.faults));
        }
        if let Some(policy) = self.policy {
            command.push_str(&format!(" --policy {}", policy.word()));
        }
        if self.monitor_only {
            command.push_str(" --monitor-only");
        }
        if self.any_settings {
            command.push_str(" --any-settings");
        }
        command
    }
}

/// What is done in a scene, but for what mends it all.
fn faults(scene: &Scene) -> u64 {
    let deeds = scene.steps.iter().map(|(_, step)| step);
    let deeds = deeds.filter(|step| matches!(step, Step::Do(deed) if *deed != Deed::LetLoose));
    u64::try_from(deeds.count()).unwrap_or(u64::MAX)
}

/// Does what the arguments say.
pub fn run(args: &ExploreArgs) -> Exit {
    let seeds = match args.episodes() {
        Ok(seeds) => seeds,
        Err(why) => {
            eprintln!("clusterd: {why}");
            return Exit::Usage;
        }
    };
    let program = match compile_file(&args.script, &BTreeMap::new(), Given::Options) {
        Ok(compiled) => Arc::new(compiled.program),
        Err(faults) => {
            for fault in &faults {
                eprint!("{}", fault.text);
            }
            return Exit::Faults;
        }
    };
    let policies = match args.policy {
        Some(policy) => vec![policy.into()],
        None => vec![
            DataPolicy::Integrity,
            DataPolicy::Adaptability,
            DataPolicy::Availability,
        ],
    };
    let side = match args.monitor_only {
        true => Side::Monitor,
        false => Side::Any,
    };
    let settings = match args.any_settings {
        true => Settings::Any,
        false => Settings::Usual,
    };
    let weather = Weather::of(&program, side, settings, args.faults, policies);
    if weather.platforms.is_empty() {
        eprintln!(
            "clusterd: {} knows none of the firmwares that are simulated: {}",
            args.script.display(),
            SIMULATED.join(", ")
        );
        return Exit::Faults;
    }
    if args.print {
        print!("{}", scene::write(&explore::scene(args.from, &weather)));
        return Exit::Good;
    }
    if let Some(why) = cannot_begin(&program, &weather) {
        eprint!("clusterd: {}: {why}", args.script.display());
        return Exit::Faults;
    }
    let sweep = Sweep {
        program,
        weather,
        from: args.from,
        seeds,
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        faults: AtomicU64::new(0),
        over: AtomicBool::new(false),
        failed: Mutex::new(None),
        bent: Mutex::default(),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args
        .jobs
        .unwrap_or(cores)
        .min(usize::try_from(seeds).unwrap_or(usize::MAX));
    let (began, ran) = (Instant::now(), processor_time());
    sweep.play_all(jobs);
    let failed = sweep.failed.lock();
    let failed = failed.unwrap_or_else(PoisonError::into_inner).take();
    // What was found is kept before a word is printed: whoever reads that may have gone.
    let finding = failed.map(|(seed, why)| {
        let scene = explore::scene(seed, &sweep.weather);
        let again = Some(args.again(seed));
        Finding::keep(scene, why, again, &args.script, &args.save)
    });
    let done = sweep.done.load(Ordering::Relaxed);
    let ran = processor_time().saturating_sub(ran);
    println!("{}", figures(done, began.elapsed(), ran, jobs));
    sweep.tell_bent();
    if let Some(years) = args.years {
        sweep.tell_years(years, args.every);
    }
    match finding {
        None => {
            println!("{}", sweep.verdict());
            Exit::Good
        }
        Some(finding) => finding.tell(&sweep.program),
    }
}

/// Why no scene of this script can begin: without any fault, the cluster does not come to where scenes
/// begin. With what happened on the way.
fn cannot_begin(program: &Arc<Program>, weather: &Weather) -> Option<String> {
    let stage = match Stage::new(program) {
        Ok(stage) => stage,
        Err(why) => return Some(format!("{why}\n")),
    };
    for bench in explore::openings(weather) {
        let why = match stage.open(&bench) {
            Err(why) => format!("{why}\n"),
            Ok(opening) => match opening.missing() {
                None => continue,
                Some(why) => told(&bench, why, opening.world()),
            },
        };
        return Some(why);
    }
    None
}

/// An opening that does not come, as its scene and its timeline.
fn told(bench: &Bench, why: &str, world: &World) -> String {
    let head = scene::write(&Scene {
        title: "nothing but the opening".to_owned(),
        bench: bench.clone(),
        steps: Vec::new(),
    });
    format!(
        "this script cannot be explored: without any fault, {why}\n\n\
         what happened until then:\n\n{}\nthe scene, for `clusterd script simulate`:\n\n{}\n",
        world.timeline(),
        head.trim_end()
    )
}

impl Sweep {
    fn play_all(&self, jobs: usize) {
        std::thread::scope(|threads| {
            for _ in 0..jobs {
                threads.spawn(|| self.play_some());
            }
        });
        progress_ends();
    }

    /// One thread's share.
    fn play_some(&self) {
        let stage = Stage::new(&self.program);
        while !self.over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.seeds {
                return;
            }
            let seed = self.from + number;
            let scene = explore::scene(seed, &self.weather);
            if let Some(why) = failure(&stage, &scene, |world| self.note_bent(seed, world)) {
                self.over.store(true, Ordering::Relaxed);
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                // Of several that fail at once the lowest seed is told.
                if failed.as_ref().is_none_or(|(lowest, _)| seed < *lowest) {
                    *failed = Some((seed, why));
                }
                return;
            }
            self.faults.fetch_add(faults(&scene), Ordering::Relaxed);
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            progress(done, self.seeds, "scenes");
        }
    }

    /// What the years held, of which only the episodes were played.
    fn tell_years(&self, years: u32, every: Duration) {
        println!(
            "{years} years of faults on the monitor's side only, the quiet time skipped: {} episodes, one in {} on average, {} faults",
            self.done.load(Ordering::Relaxed),
            Span(every),
            self.faults.load(Ordering::Relaxed)
        );
    }

    fn verdict(&self) -> String {
        if self.weather.side == Side::Monitor {
            let none =
                "needless switchovers: 0 (no BREAK, no stop, no order to a power leg, no boot)";
            return none.to_owned();
        }
        format!(
            "{}\nno rule was broken, and every scene ended in service or in an alarm",
            self.silence()
        )
    }

    /// By how long a silent outage is judged: who has written a wait of a day learns it here.
    fn silence(&self) -> String {
        let (of, lasts) = match needs::waits_longest(&self.program) {
            Some((pc, lasts)) => (self.program.place_text(pc), lasts),
            None => ("no wait".to_owned(), Duration::ZERO),
        };
        format!(
            "an outage untold for more than {} would have counted as broken: the script's longest wait ({} at {of}) and {}",
            Span(lasts + GRACE),
            Span(lasts),
            Span(GRACE)
        )
    }

    fn note_bent(&self, seed: u64, world: &World) {
        let serves = world.serves();
        if serves && world.windows().is_empty() && world.excused().is_empty() {
            return;
        }
        let mut bent = self.bent.lock().unwrap_or_else(PoisonError::into_inner);
        bent.windows
            .extend(world.windows().iter().map(|window| window.lasted));
        for excuse in world.excused().iter().collect::<BTreeSet<_>>() {
            *bent.excused.entry(*excuse).or_insert(0) += 1;
        }
        if !serves {
            let (times, first) = bent
                .down
                .entry(world.state().to_owned())
                .or_insert((0, seed));
            (*times, *first) = (*times + 1, seed.min(*first));
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
            println!("in {times} scenes the data policy accepted it: {excuse}");
        }
        if !bent.down.is_empty() {
            println!("{}", in_states(&bent.down));
        }
    }
}

/// In which states scenes ended with nothing served, the most frequent first.
fn in_states(down: &BTreeMap<String, (u64, u64)>) -> String {
    let mut states: Vec<_> = down.iter().collect();
    states.sort_by_key(|(_, (times, _))| std::cmp::Reverse(*times));
    let all: u64 = down.values().map(|(times, _)| times).sum();
    let state = |(state, (times, first)): (&String, &(u64, u64))| {
        format!("{state} {times} (the first with seed {first})")
    };
    let states: Vec<_> = states.into_iter().map(state).collect();
    format!(
        "{all} times nothing served at the end, and somebody was told; in state {}",
        states.join(", ")
    )
}

fn whole_seconds(time: Duration) -> Span {
    Span(Duration::from_secs(time.as_secs()))
}
