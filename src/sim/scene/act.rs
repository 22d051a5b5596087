//! Doing what a scene says.

use std::time::Duration;

use super::{Deed, MonitorCable};
use crate::sim::node::Condition;
use crate::sim::rig::ConsoleLink;
use crate::sim::world::World;

/// How long everything that was let loose may take to show what it does.
const LET_LOOSE: Duration = Duration::from_secs(180);

/// Does one thing, now.
pub(super) fn act(world: &mut World, deed: &Deed) {
    let now = world.now();
    match deed {
        Deed::StrayBreak => world.rig.break_everything(now),
        Deed::DiskLabel(corrupt) => world.rig.disk_at(now).set_label_corrupt(*corrupt),
        Deed::DiskPath(node, dead) => {
            let name = world.rig.node(*node).spec().name.clone();
            world.rig.disk_at(now).set_path_dead(&name, *dead);
        }
        Deed::MonitorCable(MonitorCable::Service, plugged) => {
            world.rig.set_service_cable(*plugged, now);
        }
        Deed::MonitorCable(MonitorCable::Console, plugged) => {
            world.rig.set_console_cable(*plugged, now);
        }
        Deed::Operator(word, node) => world.operator(*word, *node),
        Deed::Kill(entries) => world.kill_after(*entries),
        Deed::Restart(keep) => world.restart(*keep),
        Deed::LetLoose => let_loose(world),
        Deed::Type(node, line) => {
            let typed = format!("{line}\r");
            world.rig.operator_types(*node, typed.as_bytes(), now);
        }
        Deed::Link(node, link) => world.rig.set_link(*node, *link, now),
        Deed::Noise(node, share) => world.rig.set_noise(*node, *share, now),
        Deed::Swap(a, b) => world.rig.swap_cables(*a, *b, now),
        Deed::Carrier(node, present) => world.carrier(*node, *present),
        Deed::Power(node, on) => world.rig.power(*node, *on, now),
        _ => to_a_node(world, deed),
    }
}

/// What happens to one machine itself.
fn to_a_node(world: &mut World, deed: &Deed) {
    let now = world.now();
    let rig = &mut world.rig;
    match deed {
        Deed::Panic(node) => rig.node_at(*node, now).panic(now),
        Deed::Hang(node) => rig.node_at(*node, now).hang(),
        Deed::HangUserland(node) => rig.node_at(*node, now).hang_userland(),
        Deed::Freeze(node) => rig.node_at(*node, now).freeze(now),
        Deed::Thaw(node) => rig.node_at(*node, now).thaw(now),
        Deed::Cable(node, plugged) => rig.node_at(*node, now).set_service_cable(*plugged),
        Deed::Address(node, there) => rig.node_at(*node, now).set_address(*there),
        Deed::BreakHeeded(node, heeded) => rig.node_at(*node, now).set_break_enabled(*heeded),
        Deed::Deaf(node, deaf) => rig.node_at(*node, now).set_deaf(*deaf),
        Deed::LoseBreaks(node, count) => rig.node_at(*node, now).lose_breaks(*count),
        Deed::FailBoots(node, count) => rig.node_at(*node, now).fail_boots(*count),
        Deed::FailResets(node, count) => rig.node_at(*node, now).fail_resets(*count),
        Deed::Nvram(node, fault) => rig.node_at(*node, now).set_nvram_fault(*fault),
        Deed::Setenv(node, name, value) => rig.node_at(*node, now).set_variable(name, value),
        Deed::Shutdown(node, how) => rig.node_at(*node, now).orderly_shutdown(*how, now),
        Deed::ErrorReset(node) => rig.node_at(*node, now).error_reset(now),
        _ => {}
    }
}

fn let_loose(world: &mut World) {
    for node in 0..world.rig.len() {
        let now = world.now();
        let machine = world.rig.node_at(node, now);
        machine.thaw(now);
        machine.set_break_enabled(true);
        machine.set_deaf(false);
        machine.set_service_cable(true);
        if world.rig.node(node).condition() == Condition::Off {
            world.rig.power(node, true, now);
        }
        world.rig.set_link(node, ConsoleLink::Up, now);
    }
    let now = world.now();
    world.rig.set_service_cable(true, now);
    world.rig.set_console_cable(true, now);
    world.pass(LET_LOOSE);
}
