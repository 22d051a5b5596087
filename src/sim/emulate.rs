//! What a machine would do if something happened now: its copy goes on in virtual time, on a bench of
//! simulated nodes that stand as it believes the real ones to stand. Nothing leaves.
//!
//! ```text
//!   Machine (a copy) ─► World with simulated nodes ─► the event ─► timeline until it rests, or holds
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Moment, Span};
use crate::machine::Machine;
use crate::machine::setup::{NodeSetup, listens_for};
use crate::machine::snapshot::{NodeSnapshot, Snapshot};
use crate::matcher::PatternSet;
use crate::script::program::OperatorWord;
use crate::sim::rig::{ConsoleLink, Rig};
use crate::sim::spec::NodeSpec;
use crate::sim::world::World;

/// The bench is set up so long before the moment of the copy: a boot takes less.
const BEFORE: Duration = Duration::from_secs(12);
/// Their self test is over then.
const SELF_TEST: Duration = Duration::from_secs(4);
/// What does nothing for so long has done all that it does at first.
const STIRS: Duration = Duration::from_secs(90);
/// It is played for no longer.
const LONGEST: Duration = Duration::from_secs(2 * 3600);
/// So many lines are kept.
const LINES: usize = 500;

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The primary's kernel panics.
    Panic,
    /// The primary stands still: its console is silent, its address does not answer.
    Silence,
    /// The primary loses its power.
    PowerLoss,
    /// The primary's address does not answer any more; its console does.
    NetworkLoss,
    /// The standby loses its power.
    StandbyLost,
    /// An operator orders a switchover.
    Switchover,
    /// A console says this line.
    Line { node: usize, text: String },
}

impl Happening {
    /// Those that have a name of their own.
    pub const NAMED: [(&str, Happening); 6] = [
        ("panic", Happening::Panic),
        ("silence", Happening::Silence),
        ("power-loss", Happening::PowerLoss),
        ("network-loss", Happening::NetworkLoss),
        ("standby-lost", Happening::StandbyLost),
        ("switchover", Happening::Switchover),
    ];
}

/// What would happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emulated {
    /// What is assumed, in a line each.
    pub assumed: Vec<String>,
    /// What would happen, each with the time after the event.
    pub steps: Vec<(Duration, String)>,
    /// How it would stand at the end.
    pub end: String,
}

/// Plays `happening` to a copy of a machine, at `now` by its clock.
///
/// # Errors
/// Why that cannot be played, for people.
pub fn emulate(
    mut machine: Machine,
    happening: &Happening,
    now: Moment,
) -> Result<Emulated, String> {
    machine.forget_nonces();
    if now.since(Moment::ZERO) < BEFORE + Duration::from_secs(1) {
        return Err(format!(
            "clusterd has run for less than {}: say it again then",
            Span(BEFORE)
        ));
    }
    let snapshot = machine.snapshot(now);
    let setup = machine.setup();
    let package = setup.packages.first().ok_or("it has no package")?;
    let find = |name: &Option<String>| {
        let mut nodes = setup.nodes.iter();
        nodes.position(|node| Some(node.name.as_str()) == name.as_deref())
    };
    let primary = find(&snapshot.packages[0].primary);
    let standby = find(&snapshot.packages[0].secondary);
    let (rig, assumed) = bench(&snapshot, &setup.nodes, &package.boot_device, primary, now)?;
    let set = PatternSet::new(&listens_for(&package.program)).map_err(|err| err.to_string())?;
    let mut world = World::continuing(machine, Arc::new(set), rig, now);
    happen(&mut world, happening, primary, standby)?;
    let done = |world: &mut World| {
        let quiet = world.events().last().map_or(now, |(at, _)| *at).max(now);
        let calm = world.rests() || !world.machine().snapshot(world.now()).settling();
        calm && world.now().since(quiet) >= STIRS
    };
    let ended = world.until_noticed(LONGEST, done);
    Ok(Emulated {
        assumed,
        steps: steps(&world, now),
        end: end(&world, ended),
    })
}

/// Simulated nodes that stand as the real ones are believed to stand.
fn bench(
    snapshot: &Snapshot,
    nodes: &[NodeSetup],
    device: &str,
    primary: Option<usize>,
    now: Moment,
) -> Result<(Rig, Vec<String>), String> {
    let mut assumed = vec![
        "simulated nodes answer as the simulator's machines do: BREAK works, NVRAM keeps, boots succeed; a self test takes 3 s, a boot 5 s"
            .to_owned(),
        "the journal writes, witnesses answer, no command of a script's `run` succeeds".to_owned(),
        "a guard that was never read does not hold: such a node would boot by itself after a reset".to_owned(),
    ];
    let specs = nodes.iter().zip(&snapshot.nodes).zip(1_u32..);
    let specs = specs.map(|((node, seen), number)| {
        let disk_alias = device.to_owned();
        spec(node, seen, number).map(|spec| NodeSpec { disk_alias, ..spec })
    });
    let mut rig = Rig::new(specs.collect::<Result<Vec<_>, _>>()?);
    let began = now - BEFORE;
    for n in 0..nodes.len() {
        rig.power(n, true, began);
        rig.node_at(n, began).set_variable("auto-boot?", "false");
    }
    for (n, seen) in snapshot.nodes.iter().enumerate() {
        let waits = seen.condition == "at its prompt";
        if seen.condition == "running" || (primary == Some(n) && !waits) {
            let typed = format!("boot {device}\r");
            rig.operator_types(n, typed.as_bytes(), began + SELF_TEST);
        }
    }
    rig.advance(now);
    for (n, seen) in snapshot.nodes.iter().enumerate() {
        let name = &seen.node;
        let guard = match seen.guard_read {
            true => [("auto-boot?", "false"), ("boot-device", "clusterd-none")],
            // Nobody knows; the worst is assumed.
            false => [("auto-boot?", "true"), ("boot-device", device)],
        };
        for (name, value) in guard {
            rig.node_at(n, now).set_variable(name, value);
        }
        let is = match seen.condition.as_str() {
            _ if seen.out_of_service.is_some() => {
                rig.power(n, false, now);
                "has no power"
            }
            "silent" => {
                rig.power(n, false, now);
                "has no power"
            }
            "panicked" => {
                rig.node_at(n, now).panic(now);
                "has just panicked"
            }
            "at its prompt" => "stands at its firmware prompt",
            _ if primary == Some(n) || seen.condition == "running" => "runs and serves",
            _ => "stands at its firmware prompt",
        };
        let seen_as = match seen.out_of_service {
            Some(_) => "out of service",
            None => &seen.condition,
        };
        assumed.push(format!("{name}, which is {seen_as} now, {is}"));
        if seen.link != "connected" {
            rig.set_link(n, ConsoleLink::Refused, now);
            assumed.push(format!("the console of {name} stays lost"));
        }
        rig.read(n);
    }
    Ok((rig, assumed))
}

fn spec(node: &NodeSetup, seen: &NodeSnapshot, number: u32) -> Result<NodeSpec, String> {
    let id = seen.host_id.as_deref();
    let id = id.and_then(|id| u32::from_str_radix(id, 16).ok());
    let id = id.unwrap_or(0x8000_0000 + number);
    match node.platform.as_str() {
        "openboot" => Ok(NodeSpec::sun(node.name.as_str(), id)),
        "openbios" => Ok(NodeSpec::openbios(node.name.as_str(), id)),
        other => Err(format!(
            "{} is of platform {other}, which is not simulated without its service processor: openboot and openbios are",
            node.name
        )),
    }
}

fn happen(
    world: &mut World,
    happening: &Happening,
    primary: Option<usize>,
    standby: Option<usize>,
) -> Result<(), String> {
    let now = world.now();
    let primary = primary.ok_or("it is not known who has the package");
    match happening {
        Happening::Panic => world.rig.node_at(primary?, now).panic(now),
        Happening::Silence => world.rig.node_at(primary?, now).freeze(now),
        Happening::PowerLoss => world.rig.power(primary?, false, now),
        Happening::NetworkLoss => world.rig.node_at(primary?, now).set_address(false),
        Happening::StandbyLost => {
            let standby = standby.ok_or("it has no standby")?;
            world.rig.power(standby, false, now);
        }
        Happening::Switchover => world.operator(OperatorWord::Switchover, None),
        Happening::Line { node, text } => world.console_says(*node, text),
    }
    Ok(())
}

/// Events and alarms, in the order of their times.
fn steps(world: &World, now: Moment) -> Vec<(Duration, String)> {
    let story = world.story().into_iter();
    let mut steps: Vec<(Duration, String)> =
        story.map(|(at, line)| (at.since(now), line)).collect();
    let all = steps.len();
    steps.truncate(LINES);
    if all > LINES {
        let last = steps.last().map_or(Duration::ZERO, |(at, _)| *at);
        steps.push((last, format!("and {} lines more", all - LINES)));
    }
    steps
}

fn end(world: &World, ended: bool) -> String {
    let snapshot = world.machine().snapshot(world.now());
    let Some(package) = snapshot.packages.first() else {
        return String::new();
    };
    let has = match &package.primary {
        Some(primary) => format!("{} is on {primary}", package.package),
        None => format!("it is not known who has {}", package.package),
    };
    let maintained = snapshot.maintenance.is_some();
    let how = match (&package.hold, package.confirmed) {
        _ if maintained => "in maintenance: nothing is done".to_owned(),
        (Some(why), _) => format!("in HOLD ({why})"),
        (None, true) => format!("in state {}", package.state),
        (None, false) => format!("not seen to serve, in state {}", package.state),
    };
    match ended {
        true => format!("{has}, {how}"),
        false => format!("{has}, {how}; it goes on longer than {}", Span(LONGEST)),
    }
}

impl Snapshot {
    /// Whether something is under way that will end by itself.
    fn settling(&self) -> bool {
        let held = |p: &crate::machine::snapshot::PackageSnapshot| p.hold.is_some();
        self.maintenance.is_none() && !self.packages.iter().any(held)
    }
}
