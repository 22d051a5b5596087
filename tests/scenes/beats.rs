//! Heartbeats on the shared disk that nobody notices are written together, with the next thing
//! that somebody does notice; pings that are answered like the one before are left out but for the last.
//! Whoever stops at each of them sees the same.
//!
//! `CLUSTERD_BEATS=N` plays N scenes.

use std::sync::Arc;
use std::time::Duration;

use clusterd::machine::setup::DataPolicy;
use clusterd::sim::explore::{self, Patience, Settings, Side, Weather};
use clusterd::sim::scene::{Scene, Stage, Step};

use crate::bench::program;

/// Scenes of a normal run.
const SEEDS: u64 = 40;
/// Long enough for what the last fault began; the explorer waits longer.
const CALM: Duration = Duration::from_secs(120);

fn scene(seed: u64) -> Scene {
    let weather = Weather {
        power_legs: false,
        processors: Vec::new(),
        patience: Patience::default(),
        side: Side::Any,
        settings: Settings::Usual,
        faults: 8,
        platforms: vec!["openboot".to_owned(), "openbios".to_owned()],
        policies: vec![DataPolicy::Integrity, DataPolicy::Adaptability],
    };
    let mut scene = explore::scene(seed, &weather);
    for (_, step) in &mut scene.steps {
        if let Step::Pass(span) = step {
            *span = (*span).min(CALM);
        }
    }
    scene
}

#[test]
fn whoever_stops_at_each_heartbeat_sees_the_same() {
    let program = Arc::new(program("chat-scripts/sun-openboot.chat", &[]));
    let fast = Stage::new(&program).unwrap();
    let slow = Stage::new(&program).unwrap().at_each_beat();
    let seeds = std::env::var("CLUSTERD_BEATS").ok();
    let seeds = seeds.map_or(SEEDS, |n| n.parse().expect("a number"));
    for seed in 0..seeds {
        let scene = scene(seed);
        let (fast, slow) = (fast.play(&scene).unwrap(), slow.play(&scene).unwrap());
        assert_eq!(fast.failure, slow.failure, "seed {seed}");
        assert_eq!(fast.steps, slow.steps, "seed {seed}");
        let (fast, slow) = (&fast.world, &slow.world);
        assert_eq!(fast.now(), slow.now(), "seed {seed}");
        assert_eq!(fast.events(), slow.events(), "seed {seed}");
        assert_eq!(fast.journal(), slow.journal(), "seed {seed}");
        assert_eq!(fast.memory(), slow.memory(), "seed {seed}");
        assert!(fast.open_alarms().eq(slow.open_alarms()), "seed {seed}");
        assert_eq!(fast.machine(), slow.machine(), "seed {seed}");
        assert_eq!(fast.rig.disk(), slow.rig.disk(), "seed {seed}");
        for n in 0..fast.rig.len() {
            let went = |world: &clusterd::sim::World| {
                let entries = world.rig.transcript(n).entries();
                entries.cloned().collect::<Vec<_>>()
            };
            assert_eq!(went(fast), went(slow), "seed {seed}");
        }
    }
}
