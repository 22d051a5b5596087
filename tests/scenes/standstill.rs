//! clusterd stands still for minutes and goes on: nothing is decided by a clock that ran unwatched.

use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::Event;

use crate::bench::*;

const MINUTES: Duration = Duration::from_secs(300);

#[test]
fn at_rest_nothing_is_moved() {
    for span in [5, 60, 300, 7200].map(Duration::from_secs) {
        let mut world = Bench::default().proven();
        let since = world.now();
        world.stand_still(span);
        world.pass(Duration::from_secs(900));
        hands_off(&world, since);
        assert!(world.alarmed("impaired", since));
        assert_eq!(world.state(), "watch", "{}", world.timeline());
        let calm = [
            "primary_silent",
            "primary_lost",
            "network_lost",
            "standby_lost",
        ];
        for code in calm {
            assert!(!world.alarmed(code, since), "{code}\n{}", world.timeline());
        }
        judge(&mut world);
    }
}

/// RETURN was typed, and the answer came while nobody read.
#[test]
fn an_answer_that_was_not_read_in_time_is_no_silence() {
    for n in [ALPHA, BETA] {
        let mut world = Bench::default().proven();
        world.pass(Duration::from_secs(1));
        let since = world.now();
        let asked = |w: &mut clusterd::sim::World| !w.rig.transcript(n).typed(since).is_empty();
        assert!(world.until(LONG, asked));
        world.stand_still(MINUTES);
        world.pass(Duration::from_secs(300));
        hands_off(&world, since);
        let moved = |(at, event): &&(Moment, Event)| {
            *at >= since && matches!(event, Event::State { .. } | Event::Evidence { .. })
        };
        assert_eq!(world.events().iter().find(moved), None);
        assert!(
            !world.alarmed("standby_lost", since),
            "{}",
            world.timeline()
        );
    }
}

/// At any moment of a takeover: it is looked at anew, ends in service, and in between nothing is
/// done for as long as the doubt lasts.
#[test]
fn in_the_middle_of_a_takeover_it_looks_anew() {
    let whole = {
        let mut world = Bench::default().proven();
        let since = world.now();
        panic_node(&mut world, ALPHA);
        serves(&mut world, BETA);
        world.now().since(since)
    };
    let steps = 60;
    for step in 0..steps {
        let mut world = Bench::default().proven();
        let since = world.now();
        panic_node(&mut world, ALPHA);
        world.pass(whole * step / steps);
        let booted = boot_commands(&world, since) > 0;
        world.stand_still(MINUTES);
        let woken = world.now();
        world.pass(Duration::from_secs(29));
        if !booted {
            hands_off(&world, woken);
        }
        serves(&mut world, BETA);
        assert_eq!(
            boot_commands(&world, since),
            1,
            "step {step}\n{}",
            world.timeline()
        );
        let_loose(&mut world);
    }
}

/// The primary is lost while clusterd stands still: found by questions asked afterwards.
#[test]
fn what_happened_meanwhile_is_found_by_asking() {
    let mut world = Bench::default().proven();
    let now = world.now();
    world.rig.node_at(ALPHA, now).hang();
    world.stand_still(MINUTES);
    let woken = world.now();
    world.pass(Duration::from_secs(29));
    hands_off(&world, woken);
    serves(&mut world, BETA);
    judge(&mut world);
}

/// The minutes of a `network_loss: switch after` are minutes in which it was asked.
#[test]
fn a_silence_is_as_long_as_it_was_watched() {
    let after = Duration::from_secs(600);
    let mut world = Bench {
        network_loss: clusterd::machine::setup::LegPolicy::SwitchAfter(after),
        ..Bench::default()
    }
    .proven();
    let now = world.now();
    world.rig.node_at(ALPHA, now).set_service_cable(false);
    reach(&mut world, "network_only");
    let since = world.now();
    world.stand_still(Duration::from_secs(3600));
    world.pass(Duration::from_secs(540));
    hands_off(&world, since);
    serves(&mut world, BETA);
    judge(&mut world);
}
