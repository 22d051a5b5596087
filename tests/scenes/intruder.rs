//! Somebody boots a standby; consoles are swapped.

use std::time::Duration;

use clusterd::sim::Condition;

use crate::bench::*;

#[test]
fn b_somebody_boots_the_standby() {
    for sun in [false, true] {
        let mut world = Bench {
            sun,
            ..Bench::default()
        }
        .proven();
        let since = world.now();
        types(&mut world, BETA, "boot");
        world.pass(Duration::from_secs(30));
        judge(&mut world);
        let before = boots(&world).len();
        let now = world.now();
        types(&mut world, BETA, "boot disk");
        alarmed(&mut world, "standby_boots", since);
        assert!(
            world.until(LONG, |w| w.state() == "watch"
                && w.rig.node(BETA).condition()
                    == Condition::Prompt { resumable: false }),
            "{}",
            world.timeline()
        );
        judge(&mut world);
        assert_eq!(
            boots(&world).len(),
            before,
            "it came to its disk\n{}",
            world.timeline()
        );
        let rate = breaks(&world, BETA, now);
        assert!(rate >= 5, "{rate} BREAKs");
        assert_eq!(breaks(&world, ALPHA, since), 0);
        assert!(world.rig.node(ALPHA).serves());
        let_loose(&mut world);
    }
}

#[test]
fn p_swapped_consoles_never_break_a_healthy_primary() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world.rig.swap_cables(ALPHA, BETA, since);
    alarmed(&mut world, "swapped", since);
    world.pass(Duration::from_secs(1800));
    hands_off(&world, since);
    assert!(world.rig.node(ALPHA).serves());
    let now = world.now();
    world.rig.swap_cables(ALPHA, BETA, now);
    assert!(
        world.until(LONG, |w| w.state() == "watch"),
        "{}\n{}",
        world.state(),
        world.timeline()
    );
}

#[test]
fn p_swapped_before_the_first_start() {
    let mut world = Bench::default().world(
        |rig| {
            let at = clusterd::clock::Moment::from_millis;
            rig.operator_types(ALPHA, b"boot disk\r", at(5000));
            rig.advance(at(15_000));
            rig.swap_cables(ALPHA, BETA, at(15_000));
            rig.read(ALPHA);
            rig.read(BETA);
        },
        clusterd::machine::memory::Memory::default(),
    );
    reach(&mut world, "unclear");
    alarmed(&mut world, "wrong_identity", clusterd::clock::Moment::ZERO);
    hands_off(&world, clusterd::clock::Moment::ZERO);
}

/// Both nodes were booted by hand before clusterd came.
fn both_run(memory: clusterd::machine::memory::Memory) -> clusterd::sim::World {
    let at = clusterd::clock::Moment::from_millis;
    Bench::default().world(
        |rig| {
            rig.operator_types(ALPHA, b"boot disk\r", at(5000));
            rig.operator_types(BETA, b"boot disk\r", at(5000));
            rig.advance(at(20_000));
            rig.read(ALPHA);
            rig.read(BETA);
        },
        memory,
    )
}

#[test]
fn two_live_the_journalled_primary_goes_on() {
    let memory = clusterd::machine::memory::Memory {
        packages: vec![clusterd::machine::memory::PackageMemory {
            package: "service".to_owned(),
            primary: Some("beta".to_owned()),
            confirmed: true,
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut world = both_run(memory);
    serves(&mut world, BETA);
    let start = clusterd::clock::Moment::ZERO;
    alarmed(&mut world, "two_live", start);
    assert!(breaks(&world, ALPHA, start) > 0);
    assert_eq!(breaks(&world, BETA, start), 0);
    assert_eq!(
        world.rig.node(ALPHA).condition(),
        Condition::Prompt { resumable: false }
    );
}

#[test]
fn two_live_without_a_journal_is_an_operators_case() {
    let mut world = both_run(clusterd::machine::memory::Memory::default());
    reach(&mut world, "unclear");
    world.pass(Duration::from_secs(600));
    hands_off(&world, clusterd::clock::Moment::ZERO);
    alarmed(&mut world, "unclear", clusterd::clock::Moment::ZERO);
}
