//! A pair of simulated nodes with the shipped script, ready for a scene.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::Event;
use clusterd::machine::memory::Memory;
use clusterd::machine::setup::{
    Cap, DataPolicy, GateHook, LegPolicy, NodeSetup, PackageSetup, Setup,
};
use clusterd::matcher::{PatternDef, PatternSet};
use clusterd::name::{ClusterName, NodeName, PackageName};
use clusterd::script::program::{Op, Pattern, Program};
use clusterd::sim::{Condition, ConsoleLink, NodeSpec, Rig, Times, Traffic, World};

#[path = "../chat_support/mod.rs"]
mod chat_support;

/// Alpha, the first primary.
pub const ALPHA: usize = 0;
/// Beta, the first standby.
pub const BETA: usize = 1;
/// Generous: virtual time is cheap.
pub const LONG: Duration = Duration::from_secs(3600);

fn def(pattern: &Pattern) -> PatternDef {
    PatternDef {
        name: pattern.name.clone(),
        regex: pattern.regex.clone(),
        quiet: pattern.quiet,
    }
}

/// Compiles a script of the project, with parameters set anew.
pub fn program(file: &str, params: &[(&str, &str)]) -> Program {
    let params: BTreeMap<String, String> = params
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    chat_support::program(file, &params, true)
}

/// What differs from scene to scene.
pub struct Bench {
    pub script: &'static str,
    pub params: Vec<(&'static str, &'static str)>,
    pub policy: DataPolicy,
    pub network_loss: LegPolicy,
    pub console_silent: LegPolicy,
    pub switches: u32,
    pub sun: bool,
    pub seed: u64,
    pub power_legs: usize,
    /// The Host ID that the cluster file gives for alpha.
    pub alpha_id: &'static str,
    /// What every `wait` of the script lasts instead: the checker lets no script without pauses through.
    pub waits: Option<Duration>,
    /// Hooks that may hold up a boot.
    pub gates: Vec<GateHook>,
}

impl Default for Bench {
    fn default() -> Bench {
        Bench {
            script: "chat-scripts/sun-openboot.chat",
            params: Vec::new(),
            policy: DataPolicy::Adaptability,
            network_loss: LegPolicy::Alarm,
            console_silent: LegPolicy::Alarm,
            switches: 6,
            sun: false,
            seed: 1,
            power_legs: 0,
            alpha_id: "80770001",
            waits: None,
            gates: Vec::new(),
        }
    }
}

impl Bench {
    fn program(&self) -> Program {
        let mut program = program(self.script, &self.params);
        for op in &mut program.ops {
            if let (Op::Wait(time), Some(waits)) = (op, self.waits) {
                *time = waits;
            }
        }
        program
    }

    fn setup(&self) -> Setup {
        let node = |name: &str, id: &str| NodeSetup {
            name: NodeName::new(name).expect("a good name"),
            platform: if self.sun { "openboot" } else { "openbios" }.to_owned(),
            host_id: Some(id.to_owned()),
            dark_after: Duration::from_secs(60),
            power_legs: self.power_legs,
            server: "ts1".to_owned(),
            echo: true,
        };
        Setup {
            cluster: ClusterName::new("bench").expect("a good name"),
            nodes: vec![node("alpha", self.alpha_id), node("beta", "80770002")],
            packages: vec![PackageSetup {
                name: PackageName::new("service").expect("a good name"),
                program: Arc::new(self.program()),
                nodes: vec![ALPHA, BETA],
                boot_device: "disk".to_owned(),
                address: "10.77.0.10".to_owned(),
                data_policy: self.policy,
                network_loss: self.network_loss,
                console_silent: self.console_silent,
                switches: Cap {
                    max: self.switches,
                    within: Duration::from_secs(3600),
                },
                failures: Cap {
                    max: 100,
                    within: Duration::from_secs(3600),
                },
                stop: None,
                gates: self.gates.clone(),
            }],
            witnesses: vec!["10.77.0.1".to_owned()],
        }
    }

    /// Both nodes at their prompts, clusterd not yet told anything.
    pub fn at_prompts(&self) -> World {
        self.world(|_| {}, Memory::default())
    }

    /// The world after `prepare` was done to its bench.
    pub fn world(&self, prepare: impl FnOnce(&mut Rig), memory: Memory) -> World {
        let setup = Arc::new(self.setup());
        let defs: Vec<PatternDef> = setup.packages[0].program.patterns.iter().map(def).collect();
        let set = Arc::new(PatternSet::new(&defs).expect("the script was checked"));
        let spec = |name: &str, id: u32| {
            let spec = if self.sun {
                NodeSpec::sun(name, id)
            } else {
                NodeSpec::openbios(name, id)
            };
            let mut spec = spec.with_times(Times::BED);
            spec.seed = spec.seed.wrapping_add(self.seed);
            spec
        };
        let mut rig = Rig::new([spec("alpha", 0x8077_0001), spec("beta", 0x8077_0002)]);
        for n in [ALPHA, BETA] {
            let node = rig.node_at(n, Moment::ZERO);
            node.set_variable("auto-boot?", "false");
            node.power(true, Moment::ZERO);
        }
        rig.advance(Moment::from_millis(5000));
        for n in [ALPHA, BETA] {
            rig.read(n);
        }
        prepare(&mut rig);
        let mut world = World::new(setup, set, rig, memory, self.seed);
        world.power_legs = self.power_legs > 0;
        world
    }

    /// Alpha was booted by hand and is adopted.
    pub fn alpha_runs(&self) -> World {
        let boot = |rig: &mut Rig| {
            rig.operator_types(ALPHA, b"boot disk\r", Moment::from_millis(5000));
            rig.advance(Moment::from_millis(15_000));
            assert_eq!(rig.node(ALPHA).condition(), Condition::Running);
            rig.read(ALPHA);
        };
        let mut world = self.world(boot, Memory::default());
        reach(&mut world, "watch");
        world.pass(Duration::from_secs(1));
        world
    }

    /// After one switchover there and back: guards read, BREAKs worked on both consoles.
    pub fn proven(&self) -> World {
        let mut world = self.alpha_runs();
        for (from, to) in [(ALPHA, BETA), (BETA, ALPHA)] {
            panic_node(&mut world, from);
            serves(&mut world, to);
        }
        world
    }
}

/// Waits until the script is in a state.
#[track_caller]
pub fn reach(world: &mut World, state: &str) {
    let there = world.until(LONG, |w| w.state() == state);
    assert!(
        there,
        "state {state} was not reached; it is {}\n{}",
        world.state(),
        world.timeline()
    );
}

/// Waits until this node serves under the script's watch.
#[track_caller]
pub fn serves(world: &mut World, n: usize) {
    let name = world.rig.node(n).spec().name.clone();
    let there = world.until(LONG, |w| {
        w.state() == "watch" && w.machine().primary(0) == Some(n) && w.rig.node(n).serves()
    });
    assert!(
        there,
        "{name} does not serve; state {}\n{}",
        world.state(),
        world.timeline()
    );
}

/// The system of a node panics.
pub fn panic_node(world: &mut World, n: usize) {
    let now = world.now();
    world.rig.node_at(n, now).panic(now);
}

/// The two-writers record is empty, and stays so when everything is let loose.
#[track_caller]
pub fn judge(world: &mut World) {
    assert_eq!(world.rig.disk().two_writers(), &[], "{}", world.timeline());
}

/// Boots in their order.
pub fn boots(world: &World) -> Vec<String> {
    world
        .rig
        .disk()
        .boot_order()
        .iter()
        .map(|s| (*s).to_owned())
        .collect()
}

/// How many boot commands clusterd has given since.
pub fn boot_commands(world: &World, since: Moment) -> usize {
    let typed = |(at, e): &&(Moment, Event)| *at >= since && matches!(e, Event::BootTyped { .. });
    world.events().iter().filter(typed).count()
}

/// BREAKs sent to a console since.
pub fn breaks(world: &World, n: usize, since: Moment) -> usize {
    world.rig.transcript(n).breaks(since)
}

/// From the terminal server's transcripts, not from our logs: the whole proof on one console
/// stands before the first boot byte on the other.
#[track_caller]
pub fn proved_before_boot(world: &World, fenced: usize, booted: usize, since: Moment) {
    let typed = |n: usize| {
        let entries = world.rig.transcript(n).entries();
        let ours = entries.filter_map(|(at, traffic)| match traffic {
            Traffic::Typed(bytes) => Some((*at, String::from_utf8_lossy(bytes).into_owned())),
            _ => None,
        });
        ours.filter(|(at, _)| *at >= since).collect::<Vec<_>>()
    };
    let boot = typed(booted)
        .iter()
        .find(|(_, text)| text.starts_with("boot "))
        .map(|(at, _)| *at);
    let boot = boot.expect("a boot command was typed");
    let said: Vec<String> = typed(fenced)
        .into_iter()
        .filter(|(at, _)| *at < boot)
        .map(|(_, text)| text)
        .collect();
    let proof = [
        "hex ",
        "banner",
        "setenv auto-boot? false",
        "printenv auto-boot?",
        "setenv boot-device ",
        "printenv boot-device",
        ": mk",
        "mk",
        "reset-all",
        "hex ",
        "mk",
        "banner",
        "printenv auto-boot?",
        "printenv boot-device",
    ];
    let mut rest = said.iter();
    for step in proof {
        assert!(
            rest.any(|text| text.starts_with(step)),
            "{step:?} is missing in its order: {said:#?}"
        );
    }
}

/// Clusterd did nothing dangerous since: no BREAK, no boot command, on any console.
#[track_caller]
pub fn hands_off(world: &World, since: Moment) {
    for n in [ALPHA, BETA] {
        assert_eq!(
            breaks(world, n, since),
            0,
            "BREAK was sent\n{}",
            world.timeline()
        );
        let typed = world.rig.transcript(n).typed(since);
        for word in ["boot", "go", "reset", "setenv"] {
            let dangerous = typed.split(['\r', ' ']).any(|w| w == word);
            assert!(
                !dangerous,
                "{word:?} was typed: {typed:?}\n{}",
                world.timeline()
            );
        }
    }
}

/// An alarm of this code was raised since.
#[track_caller]
pub fn alarmed(world: &mut World, code: &str, since: Moment) {
    let raised = world.until(LONG, |w| w.alarmed(code, since));
    assert!(
        raised,
        "no alarm {code}; state {}\n{}",
        world.state(),
        world.timeline()
    );
}

/// An operator's fingers on a console.
pub fn types(world: &mut World, n: usize, line: &str) {
    let now = world.now();
    world
        .rig
        .operator_types(n, format!("{line}\r").as_bytes(), now);
}

/// Everything is let loose; the judge looks again.
#[track_caller]
pub fn let_loose(world: &mut World) {
    for n in [ALPHA, BETA] {
        let now = world.now();
        world.rig.node_at(n, now).thaw(now);
        world.rig.node_at(n, now).set_break_enabled(true);
        world.rig.node_at(n, now).set_service_cable(true);
        if world.rig.node(n).condition() == Condition::Off {
            world.rig.power(n, true, now);
        }
        world.rig.set_link(n, ConsoleLink::Up, now);
    }
    let now = world.now();
    world.rig.set_service_cable(true, now);
    world.rig.set_console_cable(true, now);
    world.pass(Duration::from_secs(180));
    judge(world);
}
