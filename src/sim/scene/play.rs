//! Plays a scene: sets the bench up, does the steps, and looks at the rules all the time.

use std::sync::Arc;
use std::time::Duration;

use super::act::act;
use super::hold::holds;
use super::{Bench, BenchNode, BenchProcessor, Scene, Start, Step};
use crate::clock::Moment;
use crate::machine::memory::Memory;
use crate::machine::setup::{NodeSetup, PackageSetup, Setup, listens_for};
use crate::matcher::{PatternError, PatternSet};
use crate::name::{ClusterName, NodeName, PackageName};
use crate::script::diagnostic::Span;
use crate::script::program::Program;
use crate::sim::node::Condition;
use crate::sim::rig::Rig;
use crate::sim::rules::Broken;
use crate::sim::service_processor::ServiceProcessor;
use crate::sim::spec::{AfterPanic, NodeSpec};
use crate::sim::world::{Beats, StopWay, World};

/// The bench has settled after so long: every machine is at its prompt.
const SETTLED: Duration = Duration::from_secs(5);

/// A machine booted by hand runs after so long, its own times besides.
const BOOTED: Duration = Duration::from_secs(5);

/// How long the way to the start of a scene may take.
const PREPARED: Duration = Duration::from_secs(4 * 3600);

/// A node that is switched on again before a scene is fenced within this.
const FENCED: Duration = Duration::from_secs(1800);

/// How a scene went.
#[derive(Debug)]
pub struct Played {
    /// The world at its end.
    pub world: World,
    /// The first thing that did not hold, with the line of the scene that wanted it.
    pub failure: Option<Failure>,
    /// When each step began, in the order of the scene; those that were not reached are missing.
    pub steps: Vec<(Moment, Span)>,
}

/// Why a scene failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The line.
    pub at: Option<Span>,
    /// What did not hold.
    pub why: String,
}

/// Why a scene cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Unplayable {
    /// It has fewer than two nodes.
    #[error("a scene wants two nodes at least: node alpha openbios 80770001")]
    Nodes,
    /// A name of it is none.
    #[error(
        "{0:?} is no name: use 1 to 40 of a-z, 0-9, `-`, `_`, beginning with a letter or digit"
    )]
    Name(String),
    /// The script has no firmware block for a node.
    #[error("the script {script} knows no platform {platform}, which node {node} has")]
    Platform {
        /// The script.
        script: String,
        /// The platform.
        platform: String,
        /// The node.
        node: String,
    },
    /// The script's patterns cannot be armed together.
    #[error(transparent)]
    Patterns(#[from] PatternError),
}

/// Plays scenes with one script, whose patterns are compiled once for all of them.
///
/// One stage is for one thread: the matcher's states are shared by all its scenes, under a lock.
#[derive(Debug)]
pub struct Stage {
    program: Arc<Program>,
    set: Arc<PatternSet>,
    beats: Beats,
}

impl Stage {
    /// A stage for the compiled script `program`.
    ///
    /// # Errors
    /// The script's patterns cannot be armed together.
    pub fn new(program: &Arc<Program>) -> Result<Stage, Unplayable> {
        Ok(Stage {
            program: Arc::clone(program),
            set: Arc::new(PatternSet::new(&listens_for(program))?),
            beats: Beats::Noticed,
        })
    }

    /// The same, stopping at every heartbeat on the shared disk as if somebody looked at it: what
    /// comes out must be the same, some times slower.
    pub fn at_each_beat(self) -> Stage {
        Stage {
            beats: Beats::Each,
            ..self
        }
    }

    /// Plays `scene` from its beginning.
    ///
    /// # Errors
    /// The scene and the script do not fit together.
    pub fn play(&self, scene: &Scene) -> Result<Played, Unplayable> {
        Ok(self.open(&scene.bench)?.play(scene))
    }

    /// Brings a bench to where its scenes begin.
    ///
    /// # Errors
    /// The bench and the script do not fit together.
    pub fn open(&self, bench: &Bench) -> Result<Opening, Unplayable> {
        let mut world = self.world(bench)?;
        world.beats = self.beats;
        let started = start(&mut world, bench.start);
        // A rule that was broken on the way says more than that the way did not end.
        let started = unbroken(&world).and(started);
        let failure = started.err().map(|why| Failure { at: None, why });
        world.watch().keep_account();
        Ok(Opening { world, failure })
    }

    /// The bench of a scene, clusterd just started.
    fn world(&self, bench: &Bench) -> Result<World, Unplayable> {
        if bench.nodes.len() < 2 {
            return Err(Unplayable::Nodes);
        }
        let setup = Arc::new(setup(bench, &self.program)?);
        let mut rig = Rig::new(bench.nodes.iter().map(|node| spec(node, bench)));
        for node in 0..rig.len() {
            let machine = rig.node_at(node, Moment::ZERO);
            machine.set_variable("auto-boot?", "false");
            machine.power(true, Moment::ZERO);
        }
        if let Some(BenchProcessor { kind, host }) = bench.processor {
            for node in 0..rig.len() {
                rig.attach_processor(node, ServiceProcessor::new(kind, host));
            }
        }
        let settled = Moment::ZERO + SETTLED + bench.times.post;
        rig.advance(settled);
        if bench.start != Start::AtPrompts {
            let alias = rig.node(0).spec().disk_alias.clone();
            rig.operator_types(0, format!("boot {alias}\r").as_bytes(), settled);
            rig.advance(settled + bench.times.load + bench.times.boot + BOOTED);
        }
        for node in 0..rig.len() {
            rig.read(node);
        }
        let mut world = World::new(
            setup,
            Arc::clone(&self.set),
            rig,
            Memory::default(),
            bench.seed,
        );
        world.power_legs = bench.power_legs > 0;
        world.stop_way = bench.stop.unwrap_or(StopWay::Halts);
        Ok(world)
    }
}

/// Plays `scene` with the compiled script `program`, once.
///
/// # Errors
/// The scene and the script do not fit together.
pub fn play(scene: &Scene, program: &Arc<Program>) -> Result<Played, Unplayable> {
    Stage::new(program)?.play(scene)
}

/// A bench where its scenes begin: many can be played from here.
#[derive(Clone, Debug)]
pub struct Opening {
    world: World,
    failure: Option<Failure>,
}

impl Opening {
    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Why the bench did not come to where its scenes begin, no rule being broken on the way.
    pub fn missing(&self) -> Option<&str> {
        let failure = self.failure.as_ref()?;
        self.world.broken().is_none().then_some(&failure.why)
    }

    /// Plays the steps of a scene, whose bench must be this one.
    pub fn play(self, scene: &Scene) -> Played {
        let Opening {
            mut world,
            mut failure,
        } = self;
        let mut steps = Vec::new();
        let mut mark = world.now();
        for (span, step) in &scene.steps {
            if failure.is_some() {
                break;
            }
            steps.push((world.now(), *span));
            if let Err(why) = play_step(&mut world, step, &mut mark) {
                let at = Some(*span);
                failure = Some(Failure { at, why });
            }
        }
        Played {
            world,
            failure,
            steps,
        }
    }
}

fn play_step(world: &mut World, step: &Step, mark: &mut Moment) -> Result<(), String> {
    match step {
        Step::Mark => *mark = world.now(),
        Step::Do(deed) => act(world, deed),
        Step::Pass(span) => world.pass(*span),
        Step::Until(hold, limit) => {
            let since = *mark;
            let there = world.until_noticed(*limit, |world| {
                world.broken().is_some() || holds(world, hold, since)
            });
            if !there && world.broken().is_none() {
                let limit = crate::clock::Span(*limit);
                return Err(format!(
                    "this did not come to hold within {limit}; {}",
                    stands(world)
                ));
            }
        }
        Step::Expect(hold) => {
            if !holds(world, hold, *mark) {
                return Err(format!("this does not hold; {}", stands(world)));
            }
        }
    }
    unbroken(world)
}

/// The first rule that was broken, if one was.
fn unbroken(world: &World) -> Result<(), String> {
    match world.broken() {
        None => Ok(()),
        Some(Broken { at, rule, what }) => {
            let at = world.since_start(at).as_secs_f64();
            Err(format!("a rule was broken at {at:.3} s: {rule}: {what}"))
        }
    }
}

/// How things stand, for whoever reads why something did not hold.
fn stands(world: &World) -> String {
    let nodes = (0..world.rig.len()).map(|n| {
        let node = world.rig.node(n);
        format!("{} is {}", node.spec().name, node.condition())
    });
    let nodes: Vec<String> = nodes.collect();
    let open: Vec<&str> = world
        .open_alarms()
        .map(|alarm| alarm.code.as_str())
        .collect();
    let open = match open.as_slice() {
        [] => "no alarm is open".to_owned(),
        open => format!("open alarms: {}", open.join(", ")),
    };
    format!(
        "the script is in state {}, {}; {open}",
        world.state(),
        nodes.join(", ")
    )
}

/// Lets clusterd find its cluster, and brings both to where the scene begins.
fn start(world: &mut World, start: Start) -> Result<(), String> {
    if start == Start::AtPrompts {
        return Ok(());
    }
    let adopted = |world: &mut World| world.rests() && world.machine().primary(0) == Some(0);
    if !world.until_noticed(PREPARED, adopted) {
        return Err(format!("the first node was not adopted; {}", stands(world)));
    }
    world.pass(Duration::from_secs(1));
    if start == Start::Proven {
        for (from, to) in [(0, 1), (1, 0)] {
            let now = world.now();
            let node = world.rig.node_at(from, now);
            let after_panic = node.spec().after_panic;
            // It must be there for the BREAK.
            node.set_after_panic(AfterPanic::Stay);
            node.panic(now);
            node.set_after_panic(after_panic);
            let serves = |world: &mut World| {
                let known = world.machine().primary(0) == Some(to);
                known && world.rests() && world.rig.node(to).condition() == Condition::Running
            };
            if !world.until_noticed(PREPARED, serves) {
                return Err(format!(
                    "the switchover before the scene did not come; {}",
                    stands(world)
                ));
            }
            stands_by_again(world, from)?;
        }
    }
    Ok(())
}

/// A node that was stopped by its power stays off: somebody switches it on again, as every script
/// asks for, and it is fenced at its prompt before it can be needed.
fn stands_by_again(world: &mut World, node: usize) -> Result<(), String> {
    if world.rig.node(node).condition() != Condition::Off {
        return Ok(());
    }
    let now = world.now();
    world.rig.power(node, true, now);
    let at_prompt = |world: &mut World| {
        world.rig.node(node).condition() == Condition::Prompt { resumable: false }
    };
    let fenced =
        |world: &mut World| at_prompt(world) && world.machine().guard_read(node) && world.rests();
    let there = world.until_noticed(FENCED, at_prompt);
    world.pass(SETTLED);
    if there && world.until_noticed(FENCED, fenced) {
        // What the journal holds of it is durable.
        world.pass(Duration::from_secs(1));
        return Ok(());
    }
    Err(format!(
        "{} was switched on again before the scene, and was not fenced at its prompt; {}",
        world.rig.node(node).spec().name,
        stands(world)
    ))
}

fn spec(node: &BenchNode, bench: &Bench) -> NodeSpec {
    let spec = match node.platform.as_str() {
        "openboot" => NodeSpec::sun(&node.name, node.host_id),
        _ => NodeSpec::openbios(&node.name, node.host_id),
    };
    let mut spec = spec.with_times(bench.times);
    spec.seed = spec.seed.wrapping_add(bench.seed);
    spec
}

fn setup(bench: &Bench, program: &Arc<Program>) -> Result<Setup, Unplayable> {
    let mut nodes = Vec::new();
    for node in &bench.nodes {
        if program.firmware(&node.platform).is_none() {
            return Err(Unplayable::Platform {
                script: program.name.clone(),
                platform: node.platform.clone(),
                node: node.name.clone(),
            });
        }
        nodes.push(NodeSetup {
            name: NodeName::new(&node.name).map_err(|_| Unplayable::Name(node.name.clone()))?,
            platform: node.platform.clone(),
            host_id: Some(format!("{:08x}", node.meant.unwrap_or(node.host_id))),
            dark_after: bench.dark_after,
            power_legs: bench.power_legs,
            server: "ts1".to_owned(),
            echo: true,
        });
    }
    let cluster = ClusterName::new("scene").expect("a plain word is a name");
    let name = PackageName::new("service").expect("a plain word is a name");
    Ok(Setup {
        cluster,
        packages: vec![PackageSetup {
            name,
            program: Arc::clone(program),
            nodes: (0..nodes.len()).collect(),
            boot_device: "disk".to_owned(),
            address: "10.77.0.10".to_owned(),
            data_policy: bench.policy,
            network_loss: bench.network_loss,
            console_silent: bench.console_silent,
            switches: bench.switches,
            failures: bench.failures,
            gates: bench.gates.clone(),
            stop: bench
                .stop
                .map(|_| vec!["stop".to_owned(), "{node}".to_owned()]),
        }],
        nodes,
        witnesses: vec!["10.77.0.1".to_owned()],
    })
}
