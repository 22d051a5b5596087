//! One thing that happens in a random scene, and how often which kind does.

use std::time::Duration;

use super::pick;
use crate::machine::input::Verdict;
use crate::machine::setup::{GateHook, Gated, HookMay};
use crate::script::program::OperatorWord;
use crate::sim::fault::Shutdown;
use crate::sim::nvram::NvramFault;
use crate::sim::rig::ConsoleLink;
use crate::sim::scene::{Deed, MonitorCable, Security};
use crate::sim::spec::RebootsFrom;
use crate::sim::wire::BreakWay;
use crate::sim::world::{Interrupt, Interruption, JournalState, LegWay, PingWay};

/// What a kernel or a daemon on it may well print: texts that look like something else.
const LOOKALIKES: [&str; 15] = [
    "ok ",
    "{0} ok ",
    "Type  'go' to resume",
    "panic[cpu0]/thread=2a10001fcc0: this is a quotation",
    "[ 9.1] Kernel panic - not syncing: sysrq triggered crash",
    "Fast Data Access MMU Miss",
    "RED State Exception",
    "rebooting...",
    "Program terminated",
    "syncing file systems... done",
    "Boot device: disk  File and args: ",
    "Rebooting with command: boot",
    "Ethernet address 0:3:ba:77:0:2, Host ID: 80770002.",
    "service console login: ",
    "auto-boot? =            false",
];

/// What people type at a node's own keyboard, and at clusterd's.
const TYPED: [&str; 12] = [
    "",
    "x",
    "go",
    "boot",
    "boot disk",
    "boot disk -s",
    "printenv",
    "banner",
    "reset-all",
    "root",
    ":c",
    "$q",
];

/// What is typed, and not ended.
const UNENDED: [&str; 5] = ["boot di", "boot disk", "go", "setenv auto-boot? tr", ": x "];

/// What a person or a running system may set behind clusterd's back.
const UNGUARDED: [(&str, &str); 2] = [("auto-boot?", "true"), ("boot-device", "disk")];

/// The hooks that may hold up a boot: most clusters have none.
pub(super) fn gates(rng: &mut fastrand::Rng) -> Vec<GateHook> {
    let count = rng.u32(..8).saturating_sub(5);
    let one = |hook| GateHook {
        hook,
        before: *pick(rng, &[Gated::Boot, Gated::Switchover]).unwrap_or(&Gated::Boot),
        may: *pick(rng, &[HookMay::Delay, HookMay::Veto]).unwrap_or(&HookMay::Delay),
        within: Duration::from_secs(rng.u64(1..120)),
    };
    (0..count as usize).map(one).collect()
}

/// What one of them says, soon or too late.
pub(super) fn hook_says(rng: &mut fastrand::Rng) -> Deed {
    let verdict = match rng.u32(..4) {
        0 => Verdict::GoOn,
        1 => Verdict::No,
        2 => Verdict::NotHere,
        _ => Verdict::None("it hung".to_owned()),
    };
    Deed::HookSays(verdict, Duration::from_millis(rng.u64(1..180_000)))
}

/// One thing that happens.
pub(super) fn deed(rng: &mut fastrand::Rng) -> Deed {
    match rng.u32(..100) {
        0..=28 => node(rng),
        29..=42 => console(rng),
        43..=54 => breaks(rng),
        55..=70 => people(rng),
        71..=91 => host(rng),
        _ => boots(rng),
    }
}

/// What happens to a machine.
fn node(rng: &mut fastrand::Rng) -> Deed {
    let n = rng.usize(..2);
    match rng.u32(..26) {
        0..=5 => Deed::Panic(n),
        6 | 7 => Deed::Hang(n),
        8 | 9 => Deed::HangUserland(n),
        10 | 11 => Deed::Power(n, false),
        12 => Deed::Power(n, true),
        13 => Deed::Freeze(n),
        14 | 15 => Deed::Thaw(n),
        16 => Deed::Cable(n, rng.bool()),
        17 => Deed::Address(n, rng.bool()),
        18 => Deed::Shutdown(n, Shutdown::Halt),
        19 => Deed::Shutdown(n, Shutdown::Reboot),
        20 => Deed::Shutdown(n, Shutdown::PowerOff),
        21 => Deed::ErrorReset(n),
        22 => Deed::SpontaneousReboot(n),
        23 => Deed::Slow(n, *pick(rng, &SLOW).unwrap_or(&SLOW[0])),
        24 => Deed::Site(rng.bool()),
        _ => Deed::Deaf(n, rng.bool()),
    }
}

const SLOW: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(700),
    Duration::from_secs(4),
    Duration::from_secs(30),
];

/// What happens to a console and its cable.
fn console(rng: &mut fastrand::Rng) -> Deed {
    let n = rng.usize(..2);
    match rng.u32(..18) {
        0 | 1 => Deed::Link(n, ConsoleLink::Refused),
        2 => Deed::Link(n, ConsoleLink::Hung),
        3 | 4 => Deed::Link(n, ConsoleLink::Up),
        5 => Deed::Carrier(n, rng.bool()),
        6 | 7 => Deed::Swap(0, 1),
        8 => Deed::Split(n, true),
        9 => Deed::Delay(n, *pick(rng, &SLOW).unwrap_or(&SLOW[0])),
        10 => Deed::Noise(n, *pick(rng, &[1, 20, 300]).unwrap_or(&1)),
        11 => Deed::Loss(n, *pick(rng, &[1, 20, 300, 1000]).unwrap_or(&1)),
        12 => Deed::Flood(n, *pick(rng, &[1, 60, 600]).unwrap_or(&1)),
        13..=16 => Deed::Says(
            n,
            (*pick(rng, &LOOKALIKES).unwrap_or(&"ok ")).to_owned(),
            rng.bool(),
        ),
        _ => Deed::TerminalServer(rng.bool()),
    }
}

/// What happens to BREAKs.
fn breaks(rng: &mut fastrand::Rng) -> Deed {
    let n = rng.usize(..2);
    match rng.u32(..12) {
        0 | 1 => Deed::StrayBreak,
        2 | 3 => Deed::LoseBreaks(n, rng.u32(1..100)),
        4 => Deed::BreakHeeded(n, false),
        5 => Deed::BreakHeeded(n, true),
        6 | 7 => Deed::BreakWay(
            n,
            BreakWay::Late(Duration::from_millis(rng.u64(50..60_000))),
        ),
        8 | 9 => Deed::BreakWay(
            n,
            BreakWay::Twice(Duration::from_millis(rng.u64(50..60_000))),
        ),
        _ => Deed::Debugger(n, rng.bool()),
    }
}

/// What people do.
fn people(rng: &mut fastrand::Rng) -> Deed {
    let n = rng.usize(..2);
    let typed = |rng: &mut fastrand::Rng| (*pick(rng, &TYPED).unwrap_or(&"")).to_owned();
    match rng.u32(..22) {
        0..=3 => Deed::Type(n, typed(rng)),
        4 | 5 => Deed::TypeUnended(n, (*pick(rng, &UNENDED).unwrap_or(&"go")).to_owned()),
        6..=8 => Deed::PersonTypes(n, typed(rng)),
        9 => Deed::PersonBreaks(n),
        10 => Deed::PersonLeaves(n),
        11..=13 => order(rng, n),
        14 => Deed::Operator(OperatorWord::Adopt, None),
        15 => Deed::Operator(OperatorWord::Release, None),
        16 | 17 => out_of_service(rng),
        18 | 19 => maintenance(rng),
        21 => Deed::Operator(OperatorWord::Confirm, Some(n)),
        _ => {
            let (name, value) = *pick(rng, &UNGUARDED).unwrap_or(&UNGUARDED[0]);
            Deed::Setenv(n, name.to_owned(), value.to_owned())
        }
    }
}

/// What people order.
fn order(rng: &mut fastrand::Rng, n: usize) -> Deed {
    let (word, node) = match rng.u32(..14) {
        0..=4 => (OperatorWord::Switchover, None),
        5 => (OperatorWord::Failback, None),
        6 => (OperatorWord::Hold, None),
        7 | 8 => (OperatorWord::Boot, Some(n)),
        9 | 10 => (OperatorWord::FenceStandby, Some(n)),
        _ => (OperatorWord::Drill, None),
    };
    Deed::Order(word, node, rng.bool())
}

/// A maintenance begins, of the cluster or of one node, or ends.
fn maintenance(rng: &mut fastrand::Rng) -> Deed {
    let node = [None, Some(0), Some(1)][rng.usize(..3)];
    let lasts = Duration::from_secs(rng.u64(30..3600));
    Deed::Maintenance(node, (rng.u32(..4) > 0).then_some(lasts))
}

/// A node is said to be without power, which may be true, or to be back.
fn out_of_service(rng: &mut fastrand::Rng) -> Deed {
    let lasts = Duration::from_secs(rng.u64(60..7200));
    Deed::OutOfService(rng.usize(..2), (rng.u32(..5) > 0).then_some(lasts))
}

/// What happens to the monitoring host.
fn host(rng: &mut fastrand::Rng) -> Deed {
    let n = rng.usize(..2);
    match rng.u32(..34) {
        0..=2 => Deed::Kill(rng.u32(..6)),
        3..=5 => Deed::KillAt(rng.u32(..60)),
        6..=9 => Deed::Restart(true),
        10 => Deed::TearJournal,
        11 => Deed::Journal(JournalState::Fails),
        12 => Deed::Journal(JournalState::Well),
        13 => Deed::Journal(JournalState::Slow(Duration::from_millis(
            rng.u64(1..20_000),
        ))),
        14 => Deed::MonitorCable(MonitorCable::Service, rng.bool()),
        15 => Deed::MonitorCable(MonitorCable::Console, rng.bool()),
        16 => Deed::StandStill(Duration::from_millis(rng.u64(1..600_000))),
        17 => Deed::Clock(rng.i64(-7200..7200)),
        18 => Deed::Pings(PingWay::Lost(*pick(rng, &[50, 500, 1000]).unwrap_or(&50))),
        19 => Deed::Pings(PingWay::Late(*pick(rng, &SLOW).unwrap_or(&SLOW[0]))),
        20 => Deed::Pings(PingWay::Twice),
        21 => Deed::Pings(PingWay::Well),
        22 => Deed::DropReplies(rng.u64(1..100)),
        23 => Deed::Legs(n, LegWay::LieOnce),
        24 => Deed::Legs(n, LegWay::Hang),
        25..=28 => Deed::Reload,
        30 | 31 => Deed::Interrupt(Interruption {
            action: rng.u64(1..40),
            how: *pick(rng, &Interrupt::ALL).unwrap_or(&Interrupt::Before),
            lasts: Duration::from_millis(rng.u64(1..300_000)),
        }),
        32 => Deed::Gateway(rng.bool()),
        33 => Deed::Witness(rng.bool()),
        _ => Deed::Legs(n, LegWay::Unknown),
    }
}

/// What happens to boots, firmware and the disk.
fn boots(rng: &mut fastrand::Rng) -> Deed {
    let n = rng.usize(..2);
    match rng.u32(..14) {
        0 => Deed::Nvram(n, NvramFault::LostAtReset),
        1 => Deed::Nvram(n, NvramFault::Ignored),
        2 => Deed::Nvram(n, NvramFault::None),
        3 => Deed::FailBoots(n, rng.u32(1..3)),
        4 => Deed::FailResets(n, 1),
        5 => Deed::LoopBoots(n, rng.u32(1..4)),
        6 => Deed::DiskCheck(n, *pick(rng, &CHECKS).unwrap_or(&CHECKS[0])),
        7 => Deed::AfterPanic(n, rng.bool()),
        8 => Deed::RebootsFrom(n, RebootsFrom::LastDevice),
        9 => Deed::Security(
            n,
            *pick(rng, &[Security::Command, Security::Full]).unwrap_or(&Security::Full),
        ),
        10 => Deed::Security(n, Security::None),
        11 => Deed::DiskLabel(rng.bool()),
        12 => Deed::DiskPath(n, true),
        _ => Deed::DiskPath(n, false),
    }
}

const CHECKS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(3600)];
