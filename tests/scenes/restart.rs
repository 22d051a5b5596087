//! The primary stops in good order, or clusterd itself is killed.

use std::time::Duration;

use clusterd::script::program::OperatorWord;
use clusterd::sim::Shutdown;

use crate::bench::*;

#[test]
fn n_an_orderly_reboot_is_a_restart_in_place() {
    for sun in [false, true] {
        let mut world = Bench {
            sun,
            ..Bench::default()
        }
        .alpha_runs();
        let since = world.now();
        world
            .rig
            .node_at(ALPHA, since)
            .orderly_shutdown(Shutdown::Reboot, since);
        assert!(world.until(LONG, |w| w.alarmed("restarted", since)
            || w.alarmed("primary_reboots", since)));
        serves(&mut world, ALPHA);
        assert!(
            !boots(&world).contains(&"beta".to_owned()),
            "{}",
            world.timeline()
        );
        assert_eq!(breaks(&world, ALPHA, since), 0);
        let_loose(&mut world);
    }
}

#[test]
fn n_a_halt_waits_for_planned_grace_then_starts_again() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world
        .rig
        .node_at(ALPHA, since)
        .orderly_shutdown(Shutdown::Halt, since);
    reach(&mut world, "planned");
    alarmed(&mut world, "planned_stop", since);
    world.pass(Duration::from_secs(300));
    assert_eq!(boot_commands(&world, since), 0);
    serves(&mut world, ALPHA);
    assert!(world.now().since(since) >= Duration::from_secs(600));
    judge(&mut world);
}

#[test]
fn l_killed_at_every_journalled_step_of_a_takeover() {
    let steps = {
        let mut world = Bench::default().alpha_runs();
        let before = world.journal().len();
        panic_node(&mut world, ALPHA);
        serves(&mut world, BETA);
        u32::try_from(world.journal().len() - before).expect("a few")
    };
    assert!(steps >= 3, "{steps}");
    for step in 1..=steps {
        let mut world = Bench::default().alpha_runs();
        panic_node(&mut world, ALPHA);
        world.kill_after(step);
        assert!(world.until(LONG, |w| !w.is_alive()), "step {step}");
        world.pass(Duration::from_secs(20));
        world.restart(true);
        let ends_well = world.until(LONG, |w| {
            w.state() == "watch" && (w.rig.node(ALPHA).serves() || w.rig.node(BETA).serves())
        });
        assert!(
            ends_well,
            "step {step}: {}\n{}",
            world.state(),
            world.timeline()
        );
        let_loose(&mut world);
    }
}

#[test]
fn l_restarted_without_its_journal_it_does_nothing_dangerous() {
    let mut world = Bench::default().alpha_runs();
    panic_node(&mut world, ALPHA);
    world.kill_after(2);
    assert!(world.until(LONG, |w| !w.is_alive()));
    world.restart(false);
    let since = world.now();
    world.pass(Duration::from_secs(600));
    hands_off(&world, since);
    assert!(world.open_alarms().count() > 0);
    judge(&mut world);
}

#[test]
fn n_a_restart_with_a_dead_standby_takes_an_operators_word_for_it() {
    let mut world = Bench {
        policy: clusterd::machine::setup::DataPolicy::Integrity,
        ..Bench::default()
    }
    .alpha_runs();
    let since = world.now();
    world.rig.power(BETA, false, since);
    alarmed(&mut world, "standby_lost", since);
    let now = world.now();
    world
        .rig
        .node_at(ALPHA, now)
        .orderly_shutdown(Shutdown::Reboot, now);
    reach(&mut world, "held");
    world.operator(OperatorWord::Confirm, Some(BETA));
    serves(&mut world, ALPHA);
    judge(&mut world);
}

/// A person's HOLD ends with their `release`, and the reload that waited for it comes after that: a machine
/// that came before it would begin with the HOLD, and their word would be lost.
#[test]
fn a_release_of_a_persons_hold_comes_before_the_reload_that_waits_for_it() {
    let mut world = Bench::default().alpha_runs();
    world.order(OperatorWord::Hold, None, false);
    world.reload();
    world.pass(Duration::from_secs(60));
    assert!(world.reloads(), "{}", world.timeline());
    world.operator(OperatorWord::Release, None);
    world.pass(Duration::from_secs(300));
    assert!(!world.reloads(), "{}", world.timeline());
    assert_eq!(world.machine().held_for(0), None, "{}", world.timeline());
    let_loose(&mut world);
}
