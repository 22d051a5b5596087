//! What a cluster may be set to, and seldom is. Drawn apart, and only where it is asked for: a seed's
//! faults are the same without it.

use std::time::Duration;

use super::{Side, pick};
use crate::machine::setup::{Cap, LegPolicy};
use crate::script::program::OperatorWord;
use crate::sim::scene::{Bench, Deed, Start};
use crate::sim::spec::Times;
use crate::sim::world::StopWay;

/// The settings of the clusters of random scenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// As most cluster files have them.
    Usual,
    /// Any that a cluster file may have.
    Any,
}

const SECOND: Duration = Duration::from_secs(1);

/// What the silence of one leg alone moves, after how long.
const SILENT: [Duration; 4] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(20 * 60),
];

/// Sets the cluster of a seed to anything that it may be set to. Every setting stays as usual in half of them
/// at least.
pub(super) fn draw(bench: &mut Bench, side: Side) {
    let mut rng = fastrand::Rng::with_seed(bench.seed ^ 0x5e77_1465);
    let mut silent = |usual| match rng.bool() {
        true => usual,
        false => LegPolicy::SwitchAfter(*pick(&mut rng, &SILENT).unwrap_or(&SECOND)),
    };
    bench.network_loss = silent(bench.network_loss);
    if side == Side::Any {
        bench.console_silent = silent(bench.console_silent);
    }
    if rng.bool() {
        bench.dark_after = *pick(&mut rng, &[20 * SECOND, 180 * SECOND, 600 * SECOND])
            .unwrap_or(&bench.dark_after);
    }
    if rng.bool() {
        let ways = StopWay::ALL.iter().map(|(_, way)| Some(*way));
        let ways: Vec<_> = ways.chain([None]).collect();
        bench.stop = *pick(&mut rng, &ways).unwrap_or(&bench.stop);
    }
    if rng.bool() {
        bench.failures = Cap {
            // Each node fails once in the opening of `start proven`.
            max: rng.u32(2..5),
            within: Duration::from_secs(3600),
        };
    }
    if rng.u32(..4) == 0 {
        bench.power_legs += 1;
    }
    if rng.u32(..4) == 0 && side == Side::Any {
        bench.start = Start::AtPrompts;
    }
    match rng.u32(..8) {
        // `dark_after` is longer than its start takes, or it is wrong.
        0 => (bench.times, bench.dark_after) = (Times::REAL, 600 * SECOND),
        // The opening of `start proven` panics, and a machine as fast as that is back before it is missed.
        1 if bench.start != Start::Proven => bench.times = Times::QUICK,
        _ => {}
    }
}

/// Words of people that the usual scenes leave out.
pub(super) fn word(rng: &mut fastrand::Rng) -> Deed {
    match rng.usize(..3) {
        2 => Deed::Operator(OperatorWord::Well, None),
        n => Deed::Operator(OperatorWord::Adopt, Some(n)),
    }
}
