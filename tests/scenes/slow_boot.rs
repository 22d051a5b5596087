//! A new primary that starts slowly and without a word while clusterd itself is started again, and
//! a primary that is started again and again.

use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::Event;
use clusterd::sim::World;

use crate::bench::*;

/// Beta was told to boot, stands still in the middle of it, and clusterd is started again.
fn silent_after_a_restart() -> World {
    let mut world = Bench::default().proven();
    let since = world.now();
    panic_node(&mut world, ALPHA);
    let typed =
        |(at, event): &(Moment, Event)| *at >= since && matches!(event, Event::BootTyped { .. });
    assert!(world.until(LONG, |w| w.events().iter().any(typed)));
    world.pass(Duration::from_millis(500));
    let now = world.now();
    world.rig.node_at(BETA, now).freeze(now);
    world.kill_after(0);
    world.pass(Duration::from_secs(20));
    world.restart(true);
    world
}

#[test]
fn a_silent_start_has_its_time_once_more_after_a_restart_of_clusterd() {
    let mut world = silent_after_a_restart();
    let since = world.now();
    world.pass(Duration::from_secs(600));
    hands_off(&world, since);
    assert!(world.alarmed("awaited", since), "{}", world.timeline());
    let now = world.now();
    world.rig.node_at(BETA, now).thaw(now);
    serves(&mut world, BETA);
    assert_eq!(boot_commands(&world, since), 0);
    assert!(world.open_alarms().all(|alarm| alarm.code != "awaited"));
    judge(&mut world);
}

#[test]
fn it_counts_as_lost_when_that_time_is_over() {
    let mut world = silent_after_a_restart();
    let since = world.now();
    world.pass(Duration::from_secs(15 * 60 + 120));
    assert!(
        world.alarmed("primary_silent", since) || world.alarmed("primary_lost", since),
        "{}",
        world.timeline()
    );
    let_loose(&mut world);
}

#[test]
fn an_operators_word_ends_the_patience() {
    let mut world = silent_after_a_restart();
    let since = world.now();
    world.pass(Duration::from_secs(60));
    world.operator(clusterd::script::program::OperatorWord::Confirm, Some(BETA));
    let asked = |w: &mut World| w.alarmed("primary_silent", since);
    assert!(
        world.until(Duration::from_secs(60), asked),
        "{}",
        world.timeline()
    );
}

/// It falls to its prompt again and again: started again so often, and then it is a person's case.
#[test]
fn restarts_in_place_are_capped_as_switches_are() {
    let mut world = Bench {
        switches: 3,
        ..Bench::default()
    }
    .alpha_runs();
    let since = world.now();
    let mut restarts = 0;
    while restarts < 10 && world.state() != "held" {
        let now = world.now();
        world
            .rig
            .node_at(ALPHA, now)
            .orderly_shutdown(clusterd::sim::Shutdown::Halt, now);
        reach(&mut world, "planned");
        let ended = world.until(LONG, |w| matches!(w.state(), "watch" | "held"));
        assert!(ended, "{}", world.timeline());
        restarts += 1;
    }
    assert!(world.alarmed("hold", since), "{}", world.timeline());
    assert_eq!(boot_commands(&world, since), 3);
    assert!(world.timeline().contains("refused by guard \"restarts\""));
    judge(&mut world);
}
