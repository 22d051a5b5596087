//! Random scenes of faults, by seed, and the shortest one that still fails.

mod boundary;
mod monitor;
mod settings;
mod strike;

use std::time::Duration;

use super::needs;
use super::scene::{
    Bench, BenchNode, BenchProcessor, Deed, Hold, ProcessorWay, Scene, Start, Step,
};
use crate::machine::setup::{Cap, DataPolicy};
use crate::script::diagnostic::Span;
use crate::script::program::Program;

pub use boundary::Interrupted;
pub use settings::Settings;

/// Where the faults of random scenes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Anywhere.
    Any,
    /// On the monitor's side alone: the nodes are well all the time.
    Monitor,
}

/// What random scenes are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Where faults are.
    pub side: Side,
    /// What the clusters are set to.
    pub settings: Settings,
    /// The most faults in one scene.
    pub faults: usize,
    /// The firmwares that the script speaks to, of those that are simulated.
    pub platforms: Vec<String>,
    /// The policies that scenes are played under.
    pub policies: Vec<DataPolicy>,
    /// The script cannot do without a power leg: every node has one, and not every other bench.
    pub power_legs: bool,
    /// The service processors that the script speaks to; its nodes are behind one of them.
    pub processors: Vec<BenchProcessor>,
    /// How long their ends are waited for.
    pub patience: Patience,
}

impl Weather {
    /// Everything that `program` wants of its benches, read off it.
    pub fn of(
        program: &Program,
        side: Side,
        settings: Settings,
        faults: usize,
        policies: Vec<DataPolicy>,
    ) -> Weather {
        Weather {
            side,
            settings,
            faults,
            platforms: needs::platforms(program).map(str::to_owned).collect(),
            policies,
            power_legs: needs::power_leg(program),
            processors: needs::processors(program),
            patience: Patience::of(program),
        }
    }
}

/// How long the end of a scene is waited for. That nothing serves and nobody was told for longer than the
/// script's longest wait breaks a rule at any time of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Behind the last fault, everything being whole again: twice the script's longest wait, half an hour
    /// at least.
    pub calm: Duration,
    /// Behind a single fault, before anything is mended: three times the script's longest wait, 45
    /// minutes at least.
    pub alone: Duration,
}

impl Patience {
    /// What this script wants.
    pub fn of(program: &Program) -> Patience {
        let longest = needs::longest_wait(program);
        let least = Patience::default();
        Patience {
            calm: least.calm.max(2 * longest),
            alone: least.alone.max(3 * longest),
        }
    }
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            calm: Duration::from_secs(30 * 60),
            alone: Duration::from_secs(45 * 60),
        }
    }
}

/// The scene of a seed: a bench, faults at random moments, everything let loose, and what must
/// hold then.
pub fn scene(seed: u64, weather: &Weather) -> Scene {
    let mut rng = fastrand::Rng::with_seed(seed);
    let platform = pick(&mut rng, &weather.platforms)
        .cloned()
        .unwrap_or_default();
    let mut bench = Bench {
        nodes: nodes(&platform),
        policy: *pick(&mut rng, &weather.policies).unwrap_or(&DataPolicy::Integrity),
        switches: Cap {
            max: *pick(&mut rng, &[4, 20, 20]).unwrap_or(&20),
            within: Duration::from_secs(3600),
        },
        power_legs: rng.usize(..2).max(usize::from(weather.power_legs)),
        processor: processor(seed, weather),
        start: if rng.bool() {
            Start::Proven
        } else {
            Start::Adopted
        },
        gates: strike::gates(&mut rng),
        seed,
        ..Bench::default()
    };
    if weather.settings == Settings::Any {
        settings::draw(&mut bench, weather.side);
    }
    Scene {
        title: format!("seed {seed}"),
        steps: match weather.side {
            Side::Any => steps(&mut rng, weather, &bench),
            Side::Monitor => monitor::steps(&mut rng, weather, &bench),
        }
        .into_iter()
        .map(|step| (Span::default(), step))
        .collect(),
        bench,
    }
}

/// The benches of these scenes as they begin, one for every way to begin: without any fault, all of them
/// must come there.
pub fn openings(weather: &Weather) -> Vec<Bench> {
    let processors = weather.processors.iter().copied().map(Some);
    let processors: Vec<_> = match weather.processors.is_empty() {
        true => vec![None],
        false => processors.collect(),
    };
    let mut openings = Vec::new();
    for start in [Start::Adopted, Start::Proven] {
        for platform in &weather.platforms {
            for policy in &weather.policies {
                openings.extend(processors.iter().map(|processor| Bench {
                    nodes: nodes(platform),
                    policy: *policy,
                    power_legs: usize::from(weather.power_legs),
                    processor: *processor,
                    start,
                    ..Bench::default()
                }));
            }
        }
    }
    openings
}

fn nodes(platform: &str) -> Vec<BenchNode> {
    let node = |name: &str, host_id| BenchNode {
        name: name.to_owned(),
        platform: platform.to_owned(),
        host_id,
        meant: None,
    };
    vec![node("alpha", 0x8077_0001), node("beta", 0x8077_0002)]
}

/// The service processor of a seed's bench. It is drawn apart: a script that knows none has the same
/// scenes as ever.
fn processor(seed: u64, weather: &Weather) -> Option<BenchProcessor> {
    pick(&mut fastrand::Rng::with_seed(!seed), &weather.processors).copied()
}

/// What happens on a bench: where it has service processors, to one of them now and then.
fn strikes(rng: &mut fastrand::Rng, weather: &Weather, bench: &Bench) -> Deed {
    if weather.settings == Settings::Any && rng.u32(..16) == 0 {
        return settings::word(rng);
    }
    if bench.processor.is_some() && rng.u32(..12) == 0 {
        let (_, way) = pick(rng, &ProcessorWay::ALL).unwrap_or(&ProcessorWay::ALL[0]);
        return Deed::Processor(rng.usize(..2), *way);
    }
    strike::deed(rng)
}

/// Faults at random moments, then everything whole, and what must hold at the end. A third of all
/// scenes have one fault alone: after it, too, the service must run or somebody be told, before
/// anything is mended.
fn steps(rng: &mut fastrand::Rng, weather: &Weather, bench: &Bench) -> Vec<Step> {
    let most = weather.faults.max(1);
    let faults = match rng.u32(..3) {
        0 => 1,
        1 => rng.usize(1..=most.min(3)),
        _ => rng.usize(1..=most),
    };
    let mut steps = Vec::new();
    for _ in 0..faults {
        if faults > 1 && !bench.gates.is_empty() && rng.u32(..3) == 0 {
            steps.push(Step::Do(strike::hook_says(rng)));
        }
        let deed = match strikes(rng, weather, bench) {
            // A Sun whose guard was never set boots itself after an error, past `auto-boot?`: that
            // is the firmware's doing, and why the guard is to be read before production.
            Deed::ErrorReset(n) if bench.start != Start::Proven => Deed::Panic(n),
            // That a node is without power is true, as often as not.
            Deed::OutOfService(n, Some(lasts)) if faults > 1 && rng.bool() => {
                steps.push(Step::Do(Deed::Power(n, false)));
                steps.push(Step::Pass(Duration::from_secs(rng.u64(10..120))));
                Deed::OutOfService(n, Some(lasts))
            }
            deed => deed,
        };
        steps.push(Step::Do(deed));
        // Short pauses strike in the middle of what the last fault began.
        let longest = *pick(rng, &[3_000, 40_000, 600_000]).unwrap_or(&3_000);
        steps.push(Step::Pass(Duration::from_millis(rng.u64(1..longest))));
    }
    let Patience { calm, alone } = weather.patience;
    if faults == 1 {
        // A monitoring host that is dead or without power tells nobody: it comes back alone.
        match &steps[0] {
            Step::Do(Deed::Kill(_) | Deed::KillAt(_)) => steps.push(Step::Do(Deed::Restart(true))),
            Step::Do(Deed::Site(false)) => steps.push(Step::Do(Deed::Site(true))),
            _ => {}
        }
        steps.push(Step::Pass(alone));
        steps.push(Step::Until(Hold::ServedOrTold, calm));
    }
    steps.push(Step::Do(Deed::LetLoose));
    steps.push(Step::Pass(calm));
    steps.push(Step::Until(Hold::ServedOrTold, calm));
    steps
}

/// One of these.
fn pick<'a, T>(rng: &mut fastrand::Rng, all: &'a [T]) -> Option<&'a T> {
    if all.is_empty() {
        return None;
    }
    all.get(rng.usize(..all.len()))
}

/// The shortest scene found that still fails: steps are left out, in ever smaller groups, as long as
/// `fails` says so of the rest; then pauses are shortened. `tries` bounds the work.
pub fn shrink(scene: &Scene, mut fails: impl FnMut(&Scene) -> bool, tries: usize) -> Scene {
    let mut best = scene.clone();
    let mut left = tries;
    let mut group = (best.steps.len() / 2).max(1);
    while left > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < best.steps.len() && left > 0 {
            left -= 1;
            let end = (at + group).min(best.steps.len());
            let mut candidate = best.clone();
            candidate.steps.drain(at..end);
            if fails(&candidate) {
                best = candidate;
                shorter = true;
            } else {
                at = end;
            }
        }
        if group == 1 && !shorter {
            break;
        }
        group = (group / 2).max(1);
    }
    shorten_pauses(&mut best, &mut fails, left);
    best
}

fn shorten_pauses(best: &mut Scene, fails: &mut impl FnMut(&Scene) -> bool, mut left: usize) {
    for at in 0..best.steps.len() {
        while let Step::Pass(time) = best.steps[at].1
            && left > 0
        {
            left -= 1;
            // Whole seconds are easier to read than halves of milliseconds.
            let shorter = match time.as_secs() {
                0 => break,
                secs => Duration::from_secs(secs / 2),
            };
            let mut candidate = best.clone();
            candidate.steps[at].1 = Step::Pass(shorter);
            if !fails(&candidate) {
                break;
            }
            *best = candidate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::diagnostic::Sources;
    use crate::sim::{Host, ProcessorKind, scene};

    fn weather() -> Weather {
        Weather {
            side: Side::Any,
            settings: Settings::Usual,
            faults: 12,
            platforms: vec!["openbios".to_owned(), "openboot".to_owned()],
            policies: vec![DataPolicy::Integrity, DataPolicy::Adaptability],
            power_legs: false,
            processors: Vec::new(),
            patience: Patience::default(),
        }
    }

    #[test]
    fn every_random_scene_is_read_back_as_it_was_written() {
        let monitor = Weather {
            side: Side::Monitor,
            ..weather()
        };
        let behind = [ProcessorKind::Alom, ProcessorKind::Ilom].map(|kind| BenchProcessor {
            kind,
            host: Host::Sun4v,
        });
        let processors = Weather {
            power_legs: true,
            processors: behind.to_vec(),
            ..weather()
        };
        let any = Weather {
            settings: Settings::Any,
            ..weather()
        };
        for seed in 0..1000 {
            let weathers = [&weather(), &monitor, &processors, &any];
            let made = scene(
                seed,
                weathers[usize::try_from(seed % 4).expect("it is small")],
            );
            let text = scene::write(&made);
            let mut read = scene::parse("x", &text, &mut Sources::default())
                .unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
            for (place, _) in &mut read.steps {
                *place = Span::default();
            }
            assert_eq!(read, made, "{text}");
        }
    }

    #[test]
    fn what_does_not_matter_is_left_out() {
        let made = scene(7, &weather());
        let panics = |scene: &Scene| {
            let count = scene
                .steps
                .iter()
                .filter(|(_, s)| matches!(s, Step::Pass(_)))
                .count();
            count >= 2
        };
        assert!(panics(&made));
        let short = shrink(&made, panics, 1000);
        assert_eq!(short.steps.len(), 2);
    }
}
