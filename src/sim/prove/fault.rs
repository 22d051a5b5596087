//! The faults that may strike the small world, and where each of them can.

use std::fmt;

use super::model::Model;
use super::world::{Chances, Twist, World};
use crate::script::program::OperatorWord;
use crate::sim::fault::Shutdown;
use crate::sim::node::Condition;

/// One fault. What is mended by somebody (power, a link, a frozen machine) counts as another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The kernel panics.
    Panic(u8),
    /// The kernel stands still; BREAK works.
    Hang(u8),
    /// The machine stands still, and keeps what is sent to it.
    Freeze(u8),
    /// It goes on.
    Thaw(u8),
    /// It loses its power.
    PowerOff(u8),
    /// It has power again.
    PowerOn(u8),
    /// It resets by itself, as after a hardware error.
    ErrorReset(u8),
    /// Its system reboots in order, and nobody told clusterd.
    Reboot(u8),
    /// It heeds BREAK no more (a keyswitch), or again.
    BreakHeeded(u8, bool),
    /// Its cable to the service network.
    Cable(u8, bool),
    /// Its console port carries nothing, or carries again.
    Link(u8, bool),
    /// Its console connection is reset, and can be made again at once.
    LinkReset(u8),
    /// Somebody at its own keyboard types `go`.
    TypesGo(u8),
    /// Somebody at its own keyboard types `boot` and the true device.
    TypesBoot(u8),
    /// The terminal server sends BREAK to all.
    StrayBreak,
    /// The monitoring host's own cable to the service network.
    MonitorCable(bool),
    /// The journal cannot be written for half a minute.
    JournalFails,
    /// clusterd is killed and started again; entries on their way to the disk are lost (`false`),
    /// or were just written (`true`).
    Kill(bool),
    /// An operator orders something.
    Operator(OperatorWord),
    /// A twist of the next step.
    Twist(Twist),
}

/// All that can strike `world` between two steps.
pub(super) fn between(model: &Model, world: &World) -> Vec<Fault> {
    let mut faults = Vec::new();
    for n in [0_u8, 1] {
        at_node(world, n, &mut faults);
        at_console(world, n, &mut faults);
    }
    let runs = |n: usize| world.nodes[n].condition() == Condition::Running;
    if (0..world.nodes.len()).any(runs) {
        faults.push(Fault::StrayBreak);
    }
    faults.push(Fault::MonitorCable(!world.cable));
    if world.journal_fails.is_none() {
        faults.push(Fault::JournalFails);
    }
    faults.push(Fault::Kill(false));
    if world.journal_is_open() {
        faults.push(Fault::Kill(true));
    }
    for word in [OperatorWord::Switchover, OperatorWord::Release] {
        if model.listens(world.machine.state(0), word) {
            faults.push(Fault::Operator(word));
        }
    }
    faults
}

fn at_node(world: &World, n: u8, faults: &mut Vec<Fault>) {
    let node = &world.nodes[usize::from(n)];
    let condition = node.condition();
    if node.is_frozen() {
        faults.push(Fault::Thaw(n));
    } else if condition != Condition::Off {
        faults.push(Fault::Freeze(n));
    }
    match condition {
        Condition::Off => faults.push(Fault::PowerOn(n)),
        _ => faults.push(Fault::PowerOff(n)),
    }
    if node.is_frozen() {
        return;
    }
    if matches!(condition, Condition::Running | Condition::Booting) {
        faults.extend([Fault::Panic(n), Fault::Hang(n), Fault::ErrorReset(n)]);
    }
    if condition == Condition::Running {
        let plugged = node.faults().cable_out;
        faults.extend([Fault::Reboot(n), Fault::Cable(n, plugged)]);
    }
    if let Condition::Prompt { resumable } = condition {
        faults.push(Fault::TypesBoot(n));
        if resumable {
            faults.push(Fault::TypesGo(n));
        }
    }
}

fn at_console(world: &World, n: u8, faults: &mut Vec<Fault>) {
    let port = &world.ports[usize::from(n)];
    faults.push(Fault::Link(n, port.cut));
    if port.up && !port.cut {
        faults.push(Fault::LinkReset(n));
    }
    let deaf = world.nodes[usize::from(n)].faults().break_disabled;
    faults.push(Fault::BreakHeeded(n, deaf));
}

/// All twists of a step that did `chances`.
pub(super) fn within(chances: Chances) -> impl Iterator<Item = Fault> {
    let fitting = [
        (chances.breaks, Twist::LoseBreak),
        (chances.setenv, Twist::LoseNvram),
        (chances.power, Twist::LegLies),
        (chances.bytes, Twist::LateBytes),
        (chances.boot, Twist::FailBoot),
        (chances.reset, Twist::FailReset),
    ];
    // Killed before the first action is killed between two steps.
    let kills = (1..chances.actions).map(Twist::KillAfter);
    let fitting = fitting.into_iter().filter(|(fits, _)| *fits);
    fitting
        .map(|(_, twist)| twist)
        .chain(kills)
        .map(Fault::Twist)
}

/// Whether it strikes the monitoring host alone, or what stands beside it.
fn is_ours(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::MonitorCable(_)
            | Fault::JournalFails
            | Fault::Kill(_)
            | Fault::Operator(OperatorWord::Release)
            | Fault::Twist(Twist::KillAfter(_) | Twist::LegLies)
    )
}

/// Lets a fault strike.
pub(super) fn strike(model: &Model, world: &mut World, fault: Fault) {
    world.note(|| format!("FAULT: {}", Told(model, fault)));
    if !is_ours(fault) {
        world.watch.nodes_suffer();
    }
    let now = world.now;
    let alias = |n: u8| model.specs[usize::from(n)].disk_alias.clone();
    match fault {
        Fault::Panic(n) => world.nodes[usize::from(n)].panic(now),
        Fault::Hang(n) => world.nodes[usize::from(n)].hang(),
        Fault::Freeze(n) => world.nodes[usize::from(n)].freeze(now),
        Fault::Thaw(n) => world.nodes[usize::from(n)].thaw(now),
        Fault::PowerOff(n) => world.nodes[usize::from(n)].power(false, now),
        Fault::PowerOn(n) => world.nodes[usize::from(n)].power(true, now),
        Fault::ErrorReset(n) => world.nodes[usize::from(n)].error_reset(now),
        Fault::Reboot(n) => world.nodes[usize::from(n)].orderly_shutdown(Shutdown::Reboot, now),
        Fault::BreakHeeded(n, heeded) => world.nodes[usize::from(n)].set_break_enabled(heeded),
        Fault::Cable(n, plugged) => world.nodes[usize::from(n)].set_service_cable(plugged),
        Fault::Link(n, carries) => world.ports[usize::from(n)].cut = !carries,
        Fault::LinkReset(n) => world.drop_link(usize::from(n), "reset by the terminal server"),
        Fault::TypesGo(n) => {
            world.nodes[usize::from(n)].person_types(b"\x15go\r", now);
        }
        Fault::TypesBoot(n) => {
            let line = format!("\x15boot {}\r", alias(n));
            world.nodes[usize::from(n)].person_types(line.as_bytes(), now);
        }
        Fault::StrayBreak => {
            for node in &mut world.nodes {
                node.send_break(now);
            }
        }
        Fault::MonitorCable(plugged) => world.cable = plugged,
        Fault::JournalFails => world.fail_journal(),
        Fault::Kill(written) => world.kill(written),
        Fault::Operator(word) => world.operator(word),
        Fault::Twist(twist) => {
            world.twist = Some(twist);
            world.step();
        }
    }
}

/// A fault in words.
pub(super) struct Told<'a>(pub &'a Model, pub Fault);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |n: u8| &self.0.specs[usize::from(n)].name;
        match self.1 {
            Fault::Panic(n) => write!(f, "{} panics", name(n)),
            Fault::Hang(n) => write!(f, "the kernel of {} stands still", name(n)),
            Fault::Freeze(n) => write!(f, "{} freezes", name(n)),
            Fault::Thaw(n) => write!(f, "{} thaws", name(n)),
            Fault::PowerOff(n) => write!(f, "{} loses its power", name(n)),
            Fault::PowerOn(n) => write!(f, "{} has power again", name(n)),
            Fault::ErrorReset(n) => write!(f, "{} resets by itself", name(n)),
            Fault::Reboot(n) => write!(f, "the system of {} reboots", name(n)),
            Fault::BreakHeeded(n, false) => write!(f, "{} heeds BREAK no more", name(n)),
            Fault::BreakHeeded(n, true) => write!(f, "{} heeds BREAK again", name(n)),
            Fault::Cable(n, false) => write!(f, "the network cable of {} is pulled", name(n)),
            Fault::Cable(n, true) => write!(f, "the network cable of {} is in again", name(n)),
            Fault::Link(n, false) => write!(f, "the console line of {} is cut", name(n)),
            Fault::Link(n, true) => write!(f, "the console line of {} is mended", name(n)),
            Fault::LinkReset(n) => write!(f, "the console connection of {} is reset", name(n)),
            Fault::TypesGo(n) => write!(f, "somebody at the keyboard of {} types go", name(n)),
            Fault::TypesBoot(n) => write!(f, "somebody at the keyboard of {} types boot", name(n)),
            Fault::StrayBreak => f.write_str("the terminal server sends BREAK to all"),
            Fault::MonitorCable(false) => f.write_str("the monitor's own network cable is pulled"),
            Fault::MonitorCable(true) => f.write_str("the monitor's own network cable is in again"),
            Fault::JournalFails => f.write_str("the journal cannot be written for half a minute"),
            Fault::Kill(false) => {
                f.write_str("clusterd is killed and started again; what was not yet written is lost")
            }
            Fault::Kill(true) => f.write_str(
                "clusterd is killed just after its last entry was written, and started again",
            ),
            Fault::Operator(word) => {
                let word = format!("{word:?}").to_lowercase();
                write!(f, "an operator says {word}")
            }
            Fault::Twist(twist) => f.write_str(match twist {
                Twist::KillAfter(actions) => {
                    return write!(
                        f,
                        "clusterd is killed {actions} actions into what it does next, and started again"
                    );
                }
                Twist::LoseBreak => "the next BREAK is lost",
                Twist::LoseNvram => "the next setenv is lost with the next reset",
                Twist::LegLies => "the power leg says that it obeys, and does not",
                Twist::LateBytes => "what the console says next comes 4 s late",
                Twist::FailBoot => "the next boot fails without a reason",
                Twist::FailReset => "the self test after the next reset never ends",
            }),
        }
    }
}
