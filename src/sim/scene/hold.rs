//! Whether something holds in a world, as the truth there and clusterd's own words have it.

use super::{Hold, NodeIs};
use crate::clock::Moment;
use crate::machine::Event;
use crate::sim::node::Condition;
use crate::sim::transcript::Traffic;
use crate::sim::world::World;

/// Words that clusterd types only where it does something.
const DANGEROUS: [&str; 5] = ["boot", "go", "reset", "reset-all", "setenv"];

/// What a whole proof types on the fenced console, in its order.
const PROOF: [&str; 14] = [
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

/// Whether it holds now. `mark` is the moment since which is counted.
pub(super) fn holds(world: &World, hold: &Hold, mark: Moment) -> bool {
    match hold {
        Hold::Not(hold) => !holds(world, hold, mark),
        Hold::State(name) => world.state() == name,
        Hold::Serves(node) => {
            let known = world.machine().primary(0) == Some(*node);
            known && world.rests() && world.rig.node(*node).serves()
        }
        Hold::Is(node, what) => is(world, *node, *what),
        Hold::Siege(node) => world.machine().snapshot(world.now()).nodes[*node].siege,
        Hold::Proof(node) => {
            let snapshot = world.machine().snapshot(world.now());
            snapshot.nodes[*node].proof.is_some()
        }
        Hold::Guard(node) => world.machine().guard_read(*node),
        Hold::Alarm(code) => world.alarmed(code, mark),
        Hold::Open(code) => world.open_alarms().any(|alarm| alarm.code == *code),
        Hold::Boots(nodes) => {
            let names = nodes
                .iter()
                .map(|node| world.rig.node(*node).spec().name.as_str());
            world.rig.disk().boot_order() == names.collect::<Vec<_>>()
        }
        Hold::BootCommands(count) => boot_commands(world, mark) == *count,
        Hold::Breaks(node, least) => world.rig.transcript(*node).breaks(mark) >= *least,
        Hold::ServedOrTold => world.serves() || world.is_told(),
        Hold::HandsOff => (0..world.rig.len()).all(|node| hands_off(world, node, mark)),
        Hold::Proved(fenced, booted) => proved(world, *fenced, *booted, mark),
        Hold::Accepted(excuse) => world.excused().contains(excuse),
        Hold::Said(text) => {
            let mut story = world.story().into_iter().filter(|(at, _)| *at >= mark);
            story.any(|(_, line)| line.contains(text))
        }
    }
}

fn is(world: &World, node: usize, what: NodeIs) -> bool {
    let condition = world.rig.node(node).condition();
    match what {
        NodeIs::Running => condition == Condition::Running,
        NodeIs::Off => condition == Condition::Off,
        NodeIs::AtPrompt => condition == Condition::Prompt { resumable: false },
        NodeIs::Stopped => condition == Condition::Prompt { resumable: true },
        NodeIs::Starting => matches!(
            condition,
            Condition::Post | Condition::Loading | Condition::Booting
        ),
        NodeIs::Panicked => condition == Condition::Panicked,
        NodeIs::InDebugger => condition == Condition::Debugger,
        NodeIs::Hung => matches!(condition, Condition::Hung | Condition::UserlandHung),
    }
}

fn boot_commands(world: &World, mark: Moment) -> usize {
    let typed = |(at, event): &&(Moment, Event)| {
        *at >= mark && matches!(event, Event::BootTyped { text, .. } if text.starts_with("boot"))
    };
    world.events().iter().filter(typed).count()
}

fn hands_off(world: &World, node: usize, mark: Moment) -> bool {
    let transcript = world.rig.transcript(node);
    let typed = transcript.typed(mark);
    let mut words = typed.split(['\r', ' ']);
    transcript.breaks(mark) == 0 && !words.any(|word| DANGEROUS.contains(&word))
}

/// From the terminal server's transcript, not from our own log.
fn proved(world: &World, fenced: usize, booted: usize, mark: Moment) -> bool {
    let typed = |node: usize| {
        let entries = world.rig.transcript(node).entries();
        let ours = entries.filter_map(|(at, traffic)| match traffic {
            Traffic::Typed(bytes) => Some((*at, String::from_utf8_lossy(bytes).into_owned())),
            _ => None,
        });
        ours.filter(move |(at, _)| *at >= mark)
    };
    let Some((boot, _)) = typed(booted).find(|(_, text)| text.starts_with("boot ")) else {
        return false;
    };
    let mut said = typed(fenced).filter(|(at, _)| *at < boot);
    PROOF
        .iter()
        .all(|step| said.any(|(_, text)| text.starts_with(step)))
}

impl std::fmt::Display for NodeIs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NodeIs::Running => "running",
            NodeIs::Off => "off",
            NodeIs::AtPrompt => "at its prompt",
            NodeIs::Stopped => "stopped by BREAK",
            NodeIs::Starting => "starting",
            NodeIs::Panicked => "panicked",
            NodeIs::Hung => "hung",
            NodeIs::InDebugger => "in its kernel debugger",
        })
    }
}
