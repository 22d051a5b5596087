//! An episode of trouble on the monitor's side alone: its host, clock, journal, network and power legs'
//! answers, the ports of its terminal server. The nodes are well all the time, so nothing may be
//! done to them.

use std::time::Duration;

use super::{Weather, pick};
use crate::machine::setup::LegPolicy;
use crate::sim::rig::ConsoleLink;
use crate::sim::scene::{Bench, Deed, Hold, MonitorCable, Start, Step};
use crate::sim::world::{Interrupt, Interruption, JournalState, LegWay, PingWay};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Faults that come while others still last, everything mended, and the service where it was.
pub(super) fn steps(rng: &mut fastrand::Rng, weather: &Weather, bench: &Bench) -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..rng.usize(1..=weather.faults.max(1)) {
        let struck = match rng.u32(..100) {
            0..=34 => network(rng, bench),
            35..=54 => consoles(rng),
            55..=79 => process(rng, bench),
            80..=91 => disk_and_clock(rng),
            _ => legs(rng),
        };
        steps.extend(struck);
        let longest = *pick(rng, &[3_000, 40_000, 600_000]).unwrap_or(&3_000);
        steps.push(Step::Pass(Duration::from_millis(rng.u64(1..longest))));
    }
    let calm = weather.patience.calm;
    steps.push(Step::Do(Deed::LetLoose));
    steps.push(Step::Until(Hold::Serves(0), calm));
    steps.push(Step::Pass(calm));
    steps.push(Step::Until(Hold::Serves(0), calm));
    steps.push(Step::Expect(Hold::BootCommands(0)));
    for node in 0..bench.nodes.len() {
        steps.push(Step::Expect(Hold::Not(Box::new(Hold::Breaks(node, 1)))));
    }
    steps
}

fn one(deed: Deed) -> Vec<Step> {
    vec![Step::Do(deed)]
}

/// Gateway, witnesses, the host's own cables, its pings and their socket. Where the network's silence alone
/// moves the package, pings that are lost while a witness answers are no fault of this side that clusterd
/// could tell from the node's.
fn network(rng: &mut fastrand::Rng, bench: &Bench) -> Vec<Step> {
    let lost = *pick(rng, &[50, 500, 1000, 1000]).unwrap_or(&50);
    let late = [SECOND / 10, SECOND / 2, 4 * SECOND];
    let alone = bench.network_loss != LegPolicy::Alarm;
    one(match rng.u32(..14) {
        8..=10 if alone => Deed::DropReplies(rng.u64(1..100)),
        0 | 1 => Deed::Gateway(rng.bool()),
        2 | 3 => Deed::Witness(rng.bool()),
        4 | 5 => Deed::MonitorCable(MonitorCable::Service, rng.bool()),
        6 | 7 => Deed::MonitorCable(MonitorCable::Console, rng.bool()),
        8 | 9 => Deed::Pings(PingWay::Lost(lost)),
        10 => Deed::Pings(PingWay::Late(*pick(rng, &late).unwrap_or(&SECOND))),
        11 => Deed::Pings(PingWay::Twice),
        12 => Deed::Pings(PingWay::Well),
        _ => Deed::DropReplies(rng.u64(1..100)),
    })
}

/// The terminal server and the way to it: one port, or all of them at once.
fn consoles(rng: &mut fastrand::Rng) -> Vec<Step> {
    let n = rng.usize(..2);
    let link = *pick(
        rng,
        &[ConsoleLink::Refused, ConsoleLink::Hung, ConsoleLink::Up],
    )
    .unwrap_or(&ConsoleLink::Up);
    match rng.u32(..9) {
        0..=2 => one(Deed::Link(n, link)),
        3..=5 => (0..2).map(|n| Step::Do(Deed::Link(n, link))).collect(),
        6 => one(Deed::Carrier(n, rng.bool())),
        7 => one(Deed::Split(n, rng.bool())),
        _ => one(Deed::Delay(
            n,
            *pick(rng, &[SECOND / 10, SECOND / 2]).unwrap_or(&SECOND),
        )),
    }
}

/// clusterd and its host: killed, stopped, started again, the whole host rebooted.
fn process(rng: &mut fastrand::Rng, bench: &Bench) -> Vec<Step> {
    let some = |rng: &mut fastrand::Rng, most: u64| Duration::from_millis(rng.u64(1..most));
    let interruption = Interruption {
        action: rng.u64(1..40),
        how: *pick(rng, &Interrupt::ALL).unwrap_or(&Interrupt::Before),
        lasts: some(rng, 300_000),
    };
    match rng.u32(..12) {
        0 | 1 => one(Deed::Kill(rng.u32(..4))),
        2 | 3 => one(Deed::Interrupt(interruption)),
        4 | 5 => one(Deed::Restart(true)),
        // A host that was set up anew finds its cluster as at the first start.
        6 if bench.start == Start::Adopted => one(Deed::Restart(false)),
        6..=8 => one(Deed::StandStill(some(rng, 600_000))),
        _ => vec![
            Step::Do(Deed::Kill(0)),
            Step::Pass(some(rng, 600_000)),
            Step::Do(Deed::Clock(rng.i64(-60..60))),
            Step::Do(Deed::Restart(true)),
        ],
    }
}

fn disk_and_clock(rng: &mut fastrand::Rng) -> Vec<Step> {
    let year = i64::try_from(8766 * HOUR.as_secs()).unwrap_or(i64::MAX);
    let slow = Duration::from_millis(rng.u64(1..20_000));
    one(match rng.u32(..8) {
        0 | 1 => Deed::Journal(JournalState::Fails),
        2 => Deed::Journal(JournalState::Slow(slow)),
        3 => Deed::Journal(JournalState::Well),
        4 => Deed::TearJournal,
        5 | 6 => Deed::Clock(rng.i64(-7200..7200)),
        _ => Deed::Clock(rng.i64(-year..year)),
    })
}

fn legs(rng: &mut fastrand::Rng) -> Vec<Step> {
    let ways = [LegWay::Hang, LegWay::Unknown, LegWay::LieOnce, LegWay::Well];
    let way = *pick(rng, &ways).unwrap_or(&LegWay::Well);
    one(Deed::Legs(rng.usize(..2), way))
}
