//! The small model of a script: two nodes of one of the simulated firmwares, one package, and how
//! the cluster stands when faults begin to strike.

use std::sync::Arc;
use std::time::Duration;

use super::world::World;
use crate::machine::setup::{
    Cap, DataPolicy, LegPolicy, NodeSetup, PackageSetup, Setup, listens_for,
};
use crate::matcher::{PatternError, PatternSet};
use crate::name::{ClusterName, NodeName, PackageName};
use crate::script::program::{Op, Program, When};
use crate::sim::needs;
use crate::sim::spec::{NodeSpec, Times};

/// The names of the nodes, and their Host IDs.
const NODES: [(&str, u32); 2] = [("alpha", 0x8077_0001), ("beta", 0x8077_0002)];

/// How long everything takes on the nodes of the model.
const TIMES: Times = Times {
    post: Duration::from_secs(2),
    load: Duration::from_secs(1),
    boot: Duration::from_secs(2),
    shutdown: Duration::from_secs(1),
};

/// A node that says nothing for so long is dark: longer than all of [`TIMES`].
const DARK_AFTER: Duration = Duration::from_secs(20);

/// Beats of the heart are not looked at: whoever runs from the disk writes to it.
const NO_HEARTBEAT: Duration = Duration::from_secs(1_000_000_000);

/// The way to the beginning takes no more steps than this.
const PREPARED: u32 = 20_000;

/// Waits of a script that are longer count as so long: longer than anything takes that the nodes
/// of the model do, and not the hour that a real file system check may want.
const LONG: Duration = Duration::from_secs(300);

/// Why a script has no small model.
#[derive(Debug, thiserror::Error)]
pub enum NoModel {
    /// None of its firmwares is simulated.
    #[error("the script {0} knows none of the firmwares that are simulated: {all}", all = needs::SIMULATED.join(", "))]
    Firmware(String),
    /// It goes through a service processor, and the nodes of the model have none.
    #[error(
        "the script {0} stops its nodes through a service processor, and the small model has none: \
         explore it instead (clusterd script explore)"
    )]
    Processor(String),
    /// Its patterns cannot be armed together.
    #[error(transparent)]
    Patterns(#[from] PatternError),
    /// The cluster cannot be brought to where the exploration begins.
    #[error(
        "without any fault the script does not take over the running cluster: it stays in state {state}"
    )]
    NotAdopted {
        /// Where it stays.
        state: String,
    },
}

/// A small model.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) setup: Arc<Setup>,
    pub(super) set: Arc<PatternSet>,
    pub(super) specs: Vec<NodeSpec>,
    pub(super) power_legs: bool,
}

impl Model {
    /// The model of `program` under `policy`; `power_legs` says whether the nodes have one each, which
    /// they have in any case where the script cannot do without.
    ///
    /// # Errors
    /// The script speaks to no simulated firmware or to a service processor, or its patterns do not fit
    /// together.
    pub fn new(
        program: &Arc<Program>,
        policy: DataPolicy,
        power_legs: bool,
    ) -> Result<Model, NoModel> {
        if !needs::processors(program).is_empty() {
            return Err(NoModel::Processor(program.name.clone()));
        }
        let power_legs = power_legs || needs::power_leg(program);
        let platform = needs::platforms(program)
            .next()
            .ok_or_else(|| NoModel::Firmware(program.name.clone()))?;
        let program = &Arc::new(shortened(program));
        let spec = |(name, host_id): (&str, u32)| {
            let spec = match platform {
                "openboot" => NodeSpec::sun(name, host_id),
                _ => NodeSpec::openbios(name, host_id),
            };
            NodeSpec {
                heartbeat: NO_HEARTBEAT,
                ..spec.with_times(TIMES)
            }
        };
        Ok(Model {
            setup: Arc::new(setup(program, platform, policy, power_legs)),
            set: Arc::new(PatternSet::new(&listens_for(program))?),
            specs: NODES.into_iter().map(spec).collect(),
            power_legs,
        })
    }

    pub(super) fn program(&self) -> &Program {
        &self.setup.packages[0].program
    }

    pub(super) fn ping_every(&self) -> Duration {
        let every = self.program().ping_every;
        every.clamp(Duration::from_secs(1), Duration::from_secs(10))
    }

    /// What the words of operators are that some state listens for.
    pub(super) fn listens(&self, state: &str, word: crate::script::program::OperatorWord) -> bool {
        let states = self.program().states.iter();
        let mut named = states.filter(|s| s.name == state);
        named.any(|s| s.triggers.iter().any(|t| t.when == When::Operator(word)))
    }

    /// The world in which faults begin to strike: the first node was booted by hand and adopted,
    /// and where the script can, the package went there and back once, so that every guard was
    /// read and a BREAK has worked on every console, as the documents ask for before production.
    ///
    /// # Errors
    /// The script does not take over a healthy cluster.
    pub(super) fn begin(&self) -> Result<World, NoModel> {
        let mut world = World::new(self);
        for node in &mut world.nodes {
            node.set_variable("auto-boot?", "false");
            node.power(true, world.now);
        }
        world.without_clusterd(TIMES.post * 2);
        let line = format!("boot {}\r", world.nodes[0].spec().disk_alias);
        world.nodes[0].type_bytes(line.as_bytes(), world.now);
        world.without_clusterd((TIMES.load + TIMES.boot) * 2);
        let adopted = |world: &World| {
            let known = world.machine.primary(0) == Some(0) && world.machine.rests(0);
            known && world.nodes[0].serves()
        };
        if !until(&mut world, adopted) {
            let state = world.machine.state(0).to_owned();
            return Err(NoModel::NotAdopted { state });
        }
        let adopted_world = world.clone();
        if !goes_there_and_back(&mut world) {
            world = adopted_world;
            world.adopted = true;
        }
        pass(&mut world, Duration::from_secs(1));
        world.watch.keep_account();
        Ok(world)
    }
}

/// The package goes to the other node and comes back, each time after a panic.
fn goes_there_and_back(world: &mut World) -> bool {
    [(0, 1), (1, 0)].into_iter().all(|(from, to)| {
        let now = world.now;
        world.nodes[from].panic(now);
        let there = |world: &World| {
            let known = world.machine.primary(0) == Some(to) && world.machine.rests(0);
            known && world.nodes[to].serves()
        };
        if !until(world, there) {
            return false;
        }
        // Where it was stopped by its power, somebody switches it on again, and the script fences it.
        let now = world.now;
        world.nodes[from].power(true, now);
        pass(world, TIMES.post * 2);
        until(world, |world| {
            world.machine.guard_read(from) && world.machine.rests(0)
        })
    })
}

/// The program with no wait above [`LONG`].
fn shortened(program: &Program) -> Program {
    let mut short = program.clone();
    for op in &mut short.ops {
        match op {
            Op::Expect { within, .. }
            | Op::Reset { within, .. }
            | Op::Dark { within, .. }
            | Op::WaitLink { within, .. }
            | Op::PowerOff { within, .. }
            | Op::Wait(within) => *within = LONG.min(*within),
            _ => {}
        }
    }
    let triggers = short.states.iter_mut().flat_map(|s| &mut s.triggers);
    for trigger in triggers {
        if let When::After(span) | When::Every(span) = &mut trigger.when {
            *span = LONG.min(*span);
        }
    }
    short
}

fn until(world: &mut World, holds: impl Fn(&World) -> bool) -> bool {
    for _ in 0..PREPARED {
        if holds(world) {
            return true;
        }
        world.step();
    }
    false
}

fn pass(world: &mut World, span: Duration) {
    let end = world.now + span;
    while world.now < end {
        world.step();
    }
}

fn setup(program: &Arc<Program>, platform: &str, policy: DataPolicy, power_legs: bool) -> Setup {
    let hour = Duration::from_secs(3600);
    let nodes = NODES.iter().map(|(name, host_id)| NodeSetup {
        name: NodeName::new(name).expect("a plain word is a name"),
        platform: platform.to_owned(),
        host_id: Some(format!("{host_id:08x}")),
        dark_after: DARK_AFTER,
        power_legs: usize::from(power_legs),
        server: "ts1".to_owned(),
        echo: true,
    });
    Setup {
        cluster: ClusterName::new("model").expect("a plain word is a name"),
        nodes: nodes.collect(),
        packages: vec![PackageSetup {
            name: PackageName::new("service").expect("a plain word is a name"),
            program: Arc::clone(program),
            nodes: (0..NODES.len()).collect(),
            boot_device: "disk".to_owned(),
            address: "192.0.2.10".to_owned(),
            data_policy: policy,
            network_loss: LegPolicy::Alarm,
            console_silent: LegPolicy::Alarm,
            switches: Cap {
                max: 6,
                within: hour,
            },
            failures: Cap {
                max: 6,
                within: hour,
            },
            stop: None,
            gates: Vec::new(),
        }],
        witnesses: vec!["192.0.2.1".to_owned()],
    }
}
