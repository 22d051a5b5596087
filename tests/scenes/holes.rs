//! Ways by which a BREAK or a boot once reached a node that it should not reach, or nobody was
//! told. Each scene is the shortest that shows one of them.

use std::time::Duration;

use clusterd::machine::setup::DataPolicy;
use clusterd::script::program::{OperatorWord, Severity};
use clusterd::sim::{Condition, ConsoleLink, Shutdown, World};

use crate::bench::*;

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// A takeover from beta to alpha, up to the moment at which the boot command stands on alpha's
/// line, its RETURN not yet pressed.
fn boot_line_typed() -> World {
    let mut world = Bench::default().alpha_runs();
    panic_node(&mut world, ALPHA);
    serves(&mut world, BETA);
    let since = world.now();
    panic_node(&mut world, BETA);
    let typed = |w: &mut World| w.rig.transcript(ALPHA).typed(since).ends_with("boot disk");
    assert!(world.until(LONG, typed), "{}", world.timeline());
    world
}

/// A person boots a node from the shared disk.
#[track_caller]
fn boots_by_hand(world: &mut World, n: usize) {
    types(world, n, "boot disk");
    assert!(world.until(LONG, |w| w.rig.node(n).serves()));
}

#[track_caller]
fn never_broken(world: &mut World, n: usize, span: Duration) {
    let since = world.now();
    world.pass(span);
    assert_eq!(breaks(world, n, since), 0, "{}", world.timeline());
    assert!(world.rig.node(n).answers_ping(), "{}", world.timeline());
    assert!(world.open_alarms().count() > 0, "nobody was told");
}

#[test]
fn a_boot_command_left_behind_by_a_lost_link_is_not_run_by_the_next_return() {
    let mut world = boot_line_typed();
    let now = world.now();
    world.rig.set_link(ALPHA, ConsoleLink::Refused, now);
    world.pass(Duration::from_secs(5));
    boots_by_hand(&mut world, BETA);
    let now = world.now();
    world.rig.set_link(ALPHA, ConsoleLink::Up, now);
    world.pass(minutes(10));
    judge(&mut world);
    assert!(!world.alarmed("standby_boots", now), "{}", world.timeline());
}

#[test]
fn a_boot_command_left_behind_by_a_killed_clusterd_is_not_run_by_the_next_return() {
    let mut world = boot_line_typed();
    world.kill_after(0);
    boots_by_hand(&mut world, BETA);
    world.restart(true);
    world.pass(minutes(10));
    judge(&mut world);
    assert!(world.rig.node(BETA).serves(), "{}", world.timeline());
}

#[test]
fn a_prompt_on_the_journalled_primary_is_no_start_while_the_address_answers() {
    // Moved by hand while clusterd was down, and the new primary's console says nothing.
    let mut world = Bench::default().proven();
    world.kill_after(0);
    let now = world.now();
    world
        .rig
        .node_at(ALPHA, now)
        .orderly_shutdown(Shutdown::Halt, now);
    world.pass(Duration::from_secs(20));
    boots_by_hand(&mut world, BETA);
    let now = world.now();
    world.rig.node_at(BETA, now).hang_userland();
    world.restart(true);
    never_broken(&mut world, BETA, minutes(30));
    judge(&mut world);
}

#[test]
fn a_deaf_node_is_dark_only_when_its_pings_were_missed_for_as_long() {
    let mut world = Bench::default().proven();
    let now = world.now();
    world.rig.node_at(ALPHA, now).set_deaf(true);
    alarmed(&mut world, "console_silent", now);
    world.pass(minutes(30));
    // Its cable is out for 55 s; a start of this node takes 60 s.
    let since = world.now();
    world.rig.node_at(ALPHA, since).set_service_cable(false);
    world.pass(Duration::from_secs(55));
    let now = world.now();
    world.rig.node_at(ALPHA, now).set_service_cable(true);
    world.pass(minutes(30));
    judge(&mut world);
    assert_eq!(boot_commands(&world, since), 0, "{}", world.timeline());
}

/// A panic's text went over the console of a healthy primary, whose login prompt answered then.
fn false_panic() -> World {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    types(&mut world, ALPHA, "panic[cpu0]/thread=1");
    alarmed(&mut world, "panic_text", since);
    reach(&mut world, "watch");
    world.pass(minutes(5));
    world
}

#[test]
fn a_panic_that_was_none_does_not_come_back_with_a_new_link() {
    let mut world = false_panic();
    let now = world.now();
    world.rig.set_link(ALPHA, ConsoleLink::Refused, now);
    world.pass(Duration::from_secs(5));
    let now = world.now();
    world.rig.set_link(ALPHA, ConsoleLink::Up, now);
    world.rig.node_at(ALPHA, now).hang_userland();
    never_broken(&mut world, ALPHA, minutes(30));
}

#[test]
fn a_panic_that_was_none_does_not_come_back_with_a_restart() {
    let mut world = false_panic();
    world.kill_after(0);
    let now = world.now();
    world.rig.node_at(ALPHA, now).hang_userland();
    world.restart(true);
    never_broken(&mut world, ALPHA, minutes(30));
}

#[test]
fn an_order_that_no_state_listens_for_is_not_in_force_later() {
    let mut world = Bench::default().proven();
    let now = world.now();
    world.rig.node_at(ALPHA, now).set_address(false);
    reach(&mut world, "network_only");
    world.operator(OperatorWord::Switchover, None);
    let now = world.now();
    world.rig.node_at(ALPHA, now).set_address(true);
    reach(&mut world, "watch");
    world.pass(minutes(60));
    // A console that only echoes, and a text that looks like a restart.
    let now = world.now();
    world.rig.node_at(ALPHA, now).hang_userland();
    types(&mut world, ALPHA, "reboot: Restarting system");
    never_broken(&mut world, ALPHA, minutes(60));
}

#[test]
fn a_siege_ends_when_the_node_has_the_package_again() {
    let mut world = Bench::default().proven();
    let now = world.now();
    world.rig.power(ALPHA, false, now);
    serves(&mut world, BETA);
    world.kill_after(0);
    let now = world.now();
    world
        .rig
        .node_at(BETA, now)
        .orderly_shutdown(Shutdown::Halt, now);
    world.pass(Duration::from_secs(20));
    let now = world.now();
    world.rig.power(ALPHA, true, now);
    world.pass(Duration::from_secs(20));
    boots_by_hand(&mut world, ALPHA);
    world.restart(true);
    let since = world.now();
    serves(&mut world, ALPHA);
    let siege = |w: &World| w.machine().snapshot(w.now()).nodes[ALPHA].siege;
    assert!(!siege(&world), "{}", world.timeline());
    world.pass(minutes(10));
    assert_eq!(breaks(&world, ALPHA, since), 0);
    judge(&mut world);
}

#[test]
fn a_primary_that_answers_again_is_not_switched_off() {
    let mut world = Bench {
        power_legs: 1,
        ..Bench::default()
    }
    .proven();
    let since = world.now();
    world.rig.node_at(ALPHA, since).freeze(since);
    world.rig.node_at(ALPHA, since).lose_breaks(100_000);
    assert!(world.until(LONG, |w| breaks(w, ALPHA, since) > 0));
    let now = world.now();
    world.rig.node_at(ALPHA, now).thaw(now);
    world.pass(minutes(10));
    assert!(world.rig.node(ALPHA).serves(), "{}", world.timeline());
    assert_eq!(boot_commands(&world, since), 0);
}

#[test]
fn a_node_once_switched_off_is_switched_off_again_before_another_boot() {
    let mut world = Bench {
        policy: DataPolicy::Integrity,
        power_legs: 1,
        ..Bench::default()
    }
    .proven();
    let since = world.now();
    world.rig.node_at(ALPHA, since).freeze(since);
    world.rig.node_at(BETA, since).fail_boots(1);
    assert!(world.until(LONG, |w| w.rig.node(ALPHA).condition() == Condition::Off));
    // Its console is dead, its guard is gone, and somebody presses the button.
    let now = world.now();
    world.rig.set_link(ALPHA, ConsoleLink::Hung, now);
    for (name, value) in [("auto-boot?", "true"), ("boot-device", "disk")] {
        world.rig.node_at(ALPHA, now).set_variable(name, value);
    }
    // Meanwhile the other one takes its time to fail.
    assert!(world.until(LONG, |w| boot_commands(w, since) > 0));
    let now = world.now();
    world.rig.node_at(BETA, now).freeze(now);
    world.pass(Duration::from_secs(60));
    let now = world.now();
    world.rig.power(ALPHA, true, now);
    world.pass(Duration::from_secs(30));
    assert!(world.rig.node(ALPHA).serves());
    let now = world.now();
    world.rig.node_at(BETA, now).thaw(now);
    world.pass(minutes(30));
    judge(&mut world);
}

#[test]
fn a_boot_by_hand_voids_the_guard_and_says_so_and_a_restart_knows_it() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world
        .rig
        .node_at(ALPHA, since)
        .orderly_shutdown(Shutdown::Halt, since);
    reach(&mut world, "planned");
    world.pass(Duration::from_secs(10));
    boots_by_hand(&mut world, ALPHA);
    serves(&mut world, ALPHA);
    alarmed(&mut world, "guard_unknown", since);
    world.kill_after(0);
    world.restart(true);
    serves(&mut world, ALPHA);
    let off = world.now();
    world.rig.power(ALPHA, false, off);
    world.pass(minutes(60));
    assert_eq!(boot_commands(&world, off), 0, "{}", world.timeline());
    alarmed(&mut world, "hold", off);
}

#[test]
fn a_circle_of_states_through_a_level_ends_in_hold() {
    let mut world = Bench {
        script: "tests/scenes/circle.chat",
        waits: Some(Duration::ZERO),
        ..Bench::default()
    }
    .at_prompts();
    let since = world.now();
    alarmed(&mut world, "hold", since);
    // A release lets it begin anew, however the circle ended.
    let again = world.now();
    world.operator(OperatorWord::Release, None);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.state(), "resting", "{}", world.timeline());
    alarmed(&mut world, "hold", again);
}

#[test]
fn a_circle_of_states_that_only_waits_for_answers_ends_in_hold() {
    let mut world = Bench {
        script: "tests/scenes/circle_of_answers.chat",
        waits: Some(Duration::ZERO),
        ..Bench::default()
    }
    .at_prompts();
    let since = world.now();
    alarmed(&mut world, "hold", since);
    let now = world.now();
    assert!(now.since(since) < minutes(5), "{}", world.timeline());
    // It types no more.
    world.pass(minutes(10));
    let typed = world.rig.transcript(ALPHA).typed(now);
    assert!(typed.len() < 10, "{typed:?}");
}

#[test]
fn the_same_circle_with_a_pause_goes_on() {
    let mut world = Bench {
        script: "tests/scenes/circle_of_answers.chat",
        ..Bench::default()
    }
    .at_prompts();
    let since = world.now();
    world.pass(minutes(60));
    let typed = world.rig.transcript(ALPHA).typed(since);
    assert!((300..1900).contains(&typed.len()), "{}", typed.len());
    assert_eq!(world.open_alarms().count(), 0, "{}", world.timeline());
}

#[test]
fn a_machine_with_the_wrong_identity_is_told_to_go_on() {
    let mut world = Bench {
        alpha_id: "80770009",
        ..Bench::default()
    }
    .alpha_runs();
    let since = world.now();
    world.rig.node_at(ALPHA, since).hang();
    reach(&mut world, "waiting");
    alarmed(&mut world, "wrong_identity", since);
    world.pass(minutes(5));
    let typed = world.rig.transcript(ALPHA).typed(since);
    assert_eq!(typed.matches("banner").count(), 1, "{typed:?}");
    assert!(typed.contains("go\r"), "{typed:?}");
    for word in ["boot ", "reset", "setenv"] {
        assert!(!typed.contains(word), "{typed:?}");
    }
    assert_eq!(world.rig.node(ALPHA).condition(), Condition::Hung);
}

#[test]
fn nothing_is_booted_under_the_hands_of_a_person() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world.rig.node_at(ALPHA, since).press_reset(since);
    reach(&mut world, "restart");
    for _ in 0..10 {
        types(&mut world, ALPHA, ".version");
        world.pass(Duration::from_secs(2));
    }
    assert_eq!(boot_commands(&world, since), 0, "{}", world.timeline());
    serves(&mut world, ALPHA);
}

#[test]
fn what_is_over_is_no_open_alarm() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world.rig.node_at(ALPHA, since).freeze(since);
    world.rig.node_at(ALPHA, since).lose_breaks(100_000);
    assert!(world.until(LONG, |w| breaks(w, ALPHA, since) > 0));
    let now = world.now();
    world.rig.node_at(ALPHA, now).thaw(now);
    world.pass(minutes(10));
    assert_eq!(world.state(), "watch", "{}", world.timeline());
    let open = world.open_alarms();
    let bad: Vec<&str> = open
        .filter(|a| a.severity != Severity::Notice)
        .map(|a| a.code.as_str())
        .collect();
    assert!(bad.is_empty(), "{bad:?}\n{}", world.timeline());
}
