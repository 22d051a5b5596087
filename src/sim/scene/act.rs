//! Doing what a scene says.

use std::time::Duration;

use super::{Deed, MonitorCable, ProcessorWay};
use crate::machine::input;
use crate::machine::setup::{LegPolicy, PackageSetup};
use crate::script::program::OperatorWord;
use crate::sim::node::Condition;
use crate::sim::nvram::NvramFault;
use crate::sim::rig::ConsoleLink;
use crate::sim::spec::AfterPanic;
use crate::sim::world::{PingWay, World};

/// Who sits at a console of clusterd's own.
const PERSON: &str = "bob";

/// Their pause ends after so long without a key.
const PERSON_IDLE: Duration = Duration::from_secs(60);

/// A panicked kernel reboots after so long.
const DUMP: Duration = Duration::from_secs(2);

/// What comes so late is as good as cut off.
const WIRE_IS_CUT: Duration = Duration::from_secs(1);

/// How long everything that was let loose may take to show what it does.
const LET_LOOSE: Duration = Duration::from_secs(180);

/// Does one thing, now.
pub(in crate::sim) fn act(world: &mut World, deed: &Deed) {
    let now = world.now();
    account(world, deed);
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
        Deed::Order(word, node, force) => world.order(*word, *node, *force),
        Deed::Kill(entries) => world.kill_after(*entries),
        Deed::Restart(keep) => world.restart(*keep),
        Deed::Reload => world.reload(),
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
        Deed::TerminalServer(on) => world.rig.power_server(*on, now),
        Deed::Site(on) => site(world, *on),
        Deed::TypeUnended(node, text) => world.rig.operator_types(*node, text.as_bytes(), now),
        Deed::Split(node, split) => world.rig.set_split(*node, *split, now),
        Deed::Delay(node, by) => world.rig.set_delay(*node, *by, now),
        Deed::Loss(node, share) => world.rig.set_loss(*node, *share, now),
        Deed::BreakWay(node, way) => world.rig.set_break_way(*node, *way, now),
        Deed::Slow(node, by) => {
            world.rig.set_delay(*node, *by, now);
            world.rig.node_at(*node, now).set_slow(*by);
        }
        Deed::Maintenance(node, lasts) => world.maintenance(*node, *lasts),
        Deed::OutOfService(node, lasts) => world.out_of_service(*node, *lasts),
        Deed::PersonTypes(node, line) => world.person_types(*node, PERSON, line),
        Deed::PersonBreaks(node) => {
            world.person(*node, PERSON, input::Deed::Asks { idle: PERSON_IDLE });
            world.person(*node, PERSON, input::Deed::Breaks);
        }
        Deed::PersonLeaves(node) => world.person_leaves(*node, PERSON),
        Deed::Processor(node, way) => processor(world, *node, *way),
        Deed::Legs(node, way) => world.set_legs(*node, *way),
        Deed::Pings(way) => world.set_pings(*way),
        Deed::DropReplies(count) => world.drop_replies(*count),
        Deed::Clock(by) => world.jump_clock(*by),
        Deed::StandStill(span) => world.stand_still(*span),
        Deed::KillAt(actions) => world.kill_at_action(*actions),
        Deed::Interrupt(interruption) => world.interrupt(*interruption),
        Deed::Gateway(answers) => world.set_gateway(*answers),
        Deed::Witness(answers) => world.set_witness(*answers),
        Deed::Journal(state) => world.set_journal(*state),
        Deed::TearJournal => world.tear_journal(),
        Deed::HookSays(verdict, after) => world.hooks.push_back((*after, verdict.clone())),
        _ => to_a_node(world, deed),
    }
}

/// What happens to a service processor; nothing, where the node has none.
fn processor(world: &mut World, node: usize, way: ProcessorWay) {
    let now = world.now();
    if let Some(processor) = world.rig.processor_at(node, now) {
        match way {
            ProcessorWay::Hangs => processor.hang(),
            ProcessorWay::Answers => processor.mend(),
            ProcessorWay::Restarts => processor.restart(),
            ProcessorWay::Taken => processor.taken_by_another(),
        }
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
        Deed::LoopBoots(node, count) => rig.node_at(*node, now).loop_boots(*count),
        Deed::DiskCheck(node, takes) => rig.node_at(*node, now).check_disk(*takes),
        Deed::AfterPanic(node, reboots) => {
            let then = match reboots {
                true => AfterPanic::Reboot(DUMP),
                false => AfterPanic::Stay,
            };
            rig.node_at(*node, now).set_after_panic(then);
        }
        Deed::RebootsFrom(node, from) => rig.node_at(*node, now).set_reboots_from(*from),
        Deed::SpontaneousReboot(node) => rig.node_at(*node, now).reboot_by_itself(now),
        Deed::Debugger(node, loaded) => rig.node_at(*node, now).set_debugger(*loaded),
        Deed::Security(node, mode) => {
            rig.node_at(*node, now)
                .set_variable("security-mode", mode.word());
        }
        Deed::Says(node, text, ended) => rig.node_at(*node, now).print(text, *ended),
        Deed::Flood(node, size) => rig.node_at(*node, now).flood(*size, now),
        _ => {}
    }
}

/// Tells whoever watches the rules what is done.
fn account(world: &mut World, deed: &Deed) {
    let now = world.now();
    let whole = matches!(deed, Deed::LetLoose).then_some(now);
    world.watch().made_whole(whole);
    match deed {
        Deed::Setenv(node, name, _) => world.watch().person_sets(*node, name),
        Deed::Swap(..) => world.watch().swapped(now),
        _ => {}
    }
    if !ours(world, deed) {
        world.watch().nodes_suffer();
    }
}

/// Whether it happens on the monitor's side alone: to the monitoring host and its network, or to the
/// connections that a terminal server holds, which is no matter of the nodes either.
fn ours(world: &World, deed: &Deed) -> bool {
    let setup = world.machine().setup();
    let alone = |package: &PackageSetup| package.network_loss != LegPolicy::Alarm;
    match deed {
        // Where the network's silence alone moves the package, clusterd cannot tell this from the node's.
        Deed::Pings(PingWay::Lost(_)) => !setup.packages.iter().any(alone),
        Deed::Pings(PingWay::Late(by)) => *by < WIRE_IS_CUT || !setup.packages.iter().any(alone),
        Deed::Delay(_, by) => *by < WIRE_IS_CUT,
        Deed::Pings(_)
        | Deed::Link(..)
        | Deed::Carrier(..)
        | Deed::MonitorCable(..)
        | Deed::Kill(_)
        | Deed::KillAt(_)
        | Deed::Interrupt(_)
        | Deed::Gateway(_)
        | Deed::Witness(_)
        | Deed::Restart(_)
        | Deed::Reload
        | Deed::Journal(_)
        | Deed::TearJournal
        | Deed::HookSays(..)
        | Deed::Clock(_)
        | Deed::StandStill(_)
        | Deed::DropReplies(_)
        | Deed::Legs(..)
        | Deed::LetLoose
        | Deed::Maintenance(..)
        | Deed::Split(..)
        | Deed::Operator(OperatorWord::Release, _) => true,
        _ => false,
    }
}

/// The power of everything.
fn site(world: &mut World, on: bool) {
    let now = world.now();
    if on {
        world.rig.power_server(true, now);
    } else {
        world.kill_after(0);
        world.rig.power_server(false, now);
    }
    for node in 0..world.rig.len() {
        world.rig.power(node, on, now);
    }
    if on && !world.is_alive() {
        world.restart(true);
    }
}

fn let_loose(world: &mut World) {
    let now = world.machine().snapshot(world.now());
    if now.maintenance.is_some() {
        world.maintenance(None, None);
    }
    for (n, node) in now.nodes.iter().enumerate() {
        if node.maintenance.is_some() {
            world.maintenance(Some(n), None);
        }
        if node.out_of_service.is_some() {
            world.out_of_service(n, None);
        }
    }
    for node in 0..world.rig.len() {
        processor(world, node, ProcessorWay::Answers);
        let now = world.now();
        let machine = world.rig.node_at(node, now);
        machine.thaw(now);
        machine.set_break_enabled(true);
        machine.set_deaf(false);
        machine.set_service_cable(true);
        machine.lose_breaks(0);
        machine.fail_boots(0);
        machine.fail_resets(0);
        machine.set_nvram_fault(NvramFault::None);
        machine.loop_boots(0);
        machine.check_disk(Duration::ZERO);
        machine.set_debugger(false);
        machine.set_slow(Duration::ZERO);
        machine.set_variable("security-mode", "none");
        if world.rig.node(node).condition() == Condition::Off {
            world.rig.power(node, true, now);
        }
        world.rig.set_link(node, ConsoleLink::Up, now);
    }
    let now = world.now();
    world.rig.mend_wires(now);
    world.rig.disk_at(now).set_label_corrupt(false);
    for node in 0..world.rig.len() {
        let name = world.rig.node(node).spec().name.clone();
        world.rig.disk_at(now).set_path_dead(&name, false);
    }
    world.rig.set_service_cable(true, now);
    world.rig.set_console_cable(true, now);
    world.mend_host();
    world.pass(LET_LOOSE);
}
