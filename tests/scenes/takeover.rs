//! The primary is lost, and the secondary takes over; or nothing more can be done safely.

use std::time::Duration;

use clusterd::clock::{Moment, Span};
use clusterd::machine::setup::{DataPolicy, LegPolicy};
use clusterd::script::program::OperatorWord;
use clusterd::sim::{AlarmWord, Condition, ConsoleLink, NvramFault, World};

use crate::bench::*;

#[test]
fn f_a_panic_moves_the_package_there_and_back() {
    for sun in [false, true] {
        let mut world = Bench {
            sun,
            ..Bench::default()
        }
        .alpha_runs();
        let since = world.now();
        panic_node(&mut world, ALPHA);
        serves(&mut world, BETA);
        proved_before_boot(&world, ALPHA, BETA, since);
        // From the first sign to the service, not of the last state alone.
        let signs = world.events().iter().filter(|(at, _)| *at >= since);
        let mut signs = signs.filter(|(_, event)| event.to_string().contains("alpha: panic"));
        let (sign, _) = signs.next().expect("the panic is seen");
        let (at, text) = started(&world);
        let took = Span(at.since(*sign));
        assert_eq!(text, format!("service runs on beta after {took}"));
        let back = world.now();
        panic_node(&mut world, BETA);
        serves(&mut world, ALPHA);
        proved_before_boot(&world, BETA, ALPHA, back);
        assert_eq!(boots(&world), ["alpha", "beta", "alpha"]);
        assert_eq!(boot_commands(&world, since), 2);
        let_loose(&mut world);
    }
}

/// The last word that the package runs: when, and what it says.
fn started(world: &World) -> (Moment, &str) {
    let mut words = world.alarm_words().iter().rev();
    let last = words.find_map(|(at, word)| match word {
        AlarmWord::Raised(alarm) if alarm.code == "started" => Some((*at, alarm.text.as_str())),
        _ => None,
    });
    last.expect("it was said that the package runs")
}

#[test]
fn c_power_off_under_adaptability_is_dark_then_siege_then_service() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world.rig.power(ALPHA, false, since);
    serves(&mut world, BETA);
    assert!(
        world.machine().snapshot(world.now()).nodes[ALPHA].siege,
        "{}",
        world.timeline()
    );
    let woke = world.now();
    world.rig.power(ALPHA, true, woke);
    alarmed(&mut world, "siege_answered", woke);
    let back = world.until(LONG, |w| {
        let node = &w.machine().snapshot(w.now()).nodes[ALPHA];
        !node.siege && node.condition == "at its prompt" && w.state() == "watch"
    });
    assert!(back, "alpha is no standby again\n{}", world.timeline());
    assert!(breaks(&world, ALPHA, woke) > 0);
    assert!(world.rig.node(BETA).serves());
    let_loose(&mut world);
    panic_node(&mut world, BETA);
    serves(&mut world, ALPHA);
    judge(&mut world);
}

#[test]
fn c_power_off_without_a_proven_break_is_never_taken_for_stopped() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.rig.power(ALPHA, false, since);
    reach(&mut world, "unheard");
    alarmed(&mut world, "hold", since);
    assert_eq!(boot_commands(&world, since), 0);
    let_loose(&mut world);
}

#[test]
fn c_integrity_holds_until_an_operator_says_so() {
    let mut world = Bench {
        policy: DataPolicy::Integrity,
        ..Bench::default()
    }
    .proven();
    let since = world.now();
    world.rig.power(ALPHA, false, since);
    reach(&mut world, "unheard");
    world.pass(Duration::from_secs(1800));
    assert_eq!(boot_commands(&world, since), 0);
    world.operator(OperatorWord::Confirm, Some(ALPHA));
    serves(&mut world, BETA);
    judge(&mut world);
}

#[test]
fn c_integrity_takes_a_power_leg_at_its_word() {
    let bench = Bench {
        policy: DataPolicy::Integrity,
        power_legs: 1,
        ..Bench::default()
    };
    let mut world = bench.proven();
    let since = world.now();
    world.rig.node_at(ALPHA, since).freeze(since);
    serves(&mut world, BETA);
    assert_eq!(world.rig.node(ALPHA).condition(), Condition::Off);
    let_loose(&mut world);
}

#[test]
fn c_a_frozen_node_that_wakes_meets_the_siege_first() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world.rig.node_at(ALPHA, since).freeze(since);
    serves(&mut world, BETA);
    let woke = world.now();
    world.rig.node_at(ALPHA, woke).thaw(woke);
    alarmed(&mut world, "siege_answered", woke);
    world.pass(Duration::from_secs(120));
    judge(&mut world);
    assert_eq!(world.state(), "watch", "{}", world.timeline());
}

#[test]
fn d_the_address_is_gone_but_the_console_answers() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world.rig.node_at(ALPHA, since).set_address(false);
    alarmed(&mut world, "network_lost", since);
    world.pass(Duration::from_secs(1800));
    hands_off(&world, since);
    let now = world.now();
    world.rig.node_at(ALPHA, now).set_address(true);
    reach(&mut world, "watch");
}

#[test]
fn d_network_loss_switches_after_its_time_with_a_full_proof() {
    let after = LegPolicy::SwitchAfter(Duration::from_secs(300));
    let mut world = Bench {
        network_loss: after,
        ..Bench::default()
    }
    .proven();
    let since = world.now();
    world.rig.node_at(ALPHA, since).set_service_cable(false);
    serves(&mut world, BETA);
    assert!(world.now().since(since) >= Duration::from_secs(300));
    proved_before_boot(&world, ALPHA, BETA, since);
    let_loose(&mut world);
}

#[test]
fn g_a_hang_of_the_whole_node() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.rig.node_at(ALPHA, since).hang();
    serves(&mut world, BETA);
    proved_before_boot(&world, ALPHA, BETA, since);
    let_loose(&mut world);
}

#[test]
fn g_a_hang_of_the_userland_is_decided_by_console_silent() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.rig.node_at(ALPHA, since).hang_userland();
    alarmed(&mut world, "console_silent", since);
    world.pass(Duration::from_secs(3600));
    hands_off(&world, since);

    let after = LegPolicy::SwitchAfter(Duration::from_secs(300));
    let mut world = Bench {
        console_silent: after,
        ..Bench::default()
    }
    .alpha_runs();
    let since = world.now();
    world.rig.node_at(ALPHA, since).hang_userland();
    serves(&mut world, BETA);
    proved_before_boot(&world, ALPHA, BETA, since);
    let_loose(&mut world);
}

#[test]
fn h_break_disabled_on_a_node_that_shows_life() {
    let after = LegPolicy::SwitchAfter(Duration::from_secs(60));
    let mut world = Bench {
        network_loss: after,
        ..Bench::default()
    }
    .proven();
    let since = world.now();
    world.rig.node_at(ALPHA, since).set_address(false);
    world.rig.node_at(ALPHA, since).set_break_enabled(false);
    reach(&mut world, "held");
    alarmed(&mut world, "hold", since);
    assert_eq!(boot_commands(&world, since), 0);
    world.rig.node_at(ALPHA, since).set_address(true);
    reach(&mut world, "watch");
    assert!(world.rig.node(ALPHA).serves());
}

#[test]
fn i_an_operator_types_go_after_the_break() {
    for wait in [300, 1000, 2000] {
        let mut world = Bench::default().alpha_runs();
        let since = world.now();
        panic_node(&mut world, ALPHA);
        assert!(world.until(LONG, |w| breaks(w, ALPHA, since) > 0));
        world.pass(Duration::from_millis(wait / 10));
        types(&mut world, ALPHA, "go");
        world.pass(Duration::from_secs(300));
        judge(&mut world);
        assert!(
            world.rig.node(BETA).serves() || world.state() == "held",
            "{}",
            world.timeline()
        );
        let_loose(&mut world);
    }
}

#[test]
fn i_a_resumed_node_is_not_taken_for_stopped() {
    // A hung node goes on for good when somebody types `go` between BREAK and reset.
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.rig.node_at(ALPHA, since).hang();
    assert!(world.until(LONG, |w| {
        w.rig.transcript(ALPHA).typed(since).contains("banner")
    }));
    types(&mut world, ALPHA, "go");
    world.pass(Duration::from_secs(600));
    let_loose(&mut world);
}

#[test]
fn i_an_operator_types_after_the_reset() {
    let mut world = Bench::default().alpha_runs();
    panic_node(&mut world, ALPHA);
    let proved = |w: &mut World| w.machine().snapshot(w.now()).nodes[ALPHA].proof.is_some();
    assert!(world.until(LONG, proved));
    types(&mut world, ALPHA, "go");
    serves(&mut world, BETA);
    let died = world
        .timeline()
        .contains("died: the console said something that answers no question");
    assert!(died, "{}", world.timeline());
    let_loose(&mut world);
}

#[test]
fn j_ten_switchovers_there_and_back() {
    let mut world = Bench {
        switches: 100,
        ..Bench::default()
    }
    .alpha_runs();
    for _ in 0..10 {
        for (from, to) in [(ALPHA, BETA), (BETA, ALPHA)] {
            let since = world.now();
            panic_node(&mut world, from);
            serves(&mut world, to);
            proved_before_boot(&world, from, to, since);
        }
    }
    assert_eq!(boots(&world).len(), 21);
    let_loose(&mut world);
}

#[test]
fn j_the_cap_ends_in_hold() {
    let mut world = Bench {
        switches: 2,
        ..Bench::default()
    }
    .proven();
    let since = world.now();
    panic_node(&mut world, ALPHA);
    reach(&mut world, "held");
    alarmed(&mut world, "hold", since);
    assert_eq!(boot_commands(&world, since), 0);
}

#[test]
fn k_a_dead_boot_device_on_takeover_ends_in_hold_without_a_loop() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.rig.disk_at(since).set_path_dead("beta", true);
    panic_node(&mut world, ALPHA);
    reach(&mut world, "held");
    alarmed(&mut world, "boot_failed", since);
    world.pass(Duration::from_secs(3600));
    assert_eq!(boot_commands(&world, since), 2, "{}", world.timeline());
    judge(&mut world);
}

#[test]
fn k_a_corrupt_label_ends_in_hold_without_a_loop() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.rig.disk_at(since).set_label_corrupt(true);
    panic_node(&mut world, ALPHA);
    reach(&mut world, "held");
    world.pass(Duration::from_secs(3600));
    assert_eq!(boot_commands(&world, since), 2);
}

#[test]
fn k_a_boot_that_fails_once_is_tried_again() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.rig.node_at(BETA, since).fail_boots(1);
    panic_node(&mut world, ALPHA);
    serves(&mut world, BETA);
    alarmed(&mut world, "boot_failed", since);
    assert_eq!(boot_commands(&world, since), 2);
    let_loose(&mut world);
}

#[test]
fn a_node_that_loses_its_nvram_is_not_proved_stopped() {
    for fault in [NvramFault::LostAtReset, NvramFault::Ignored] {
        let mut world = Bench::default().alpha_runs();
        let since = world.now();
        world
            .rig
            .node_at(ALPHA, since)
            .set_variable("auto-boot?", "true");
        world
            .rig
            .node_at(ALPHA, since)
            .set_variable("boot-device", "disk");
        world.rig.node_at(ALPHA, since).set_nvram_fault(fault);
        panic_node(&mut world, ALPHA);
        world.pass(Duration::from_secs(600));
        judge(&mut world);
        assert_ne!(
            boots(&world).last().map(String::as_str),
            Some("beta"),
            "{}",
            world.timeline()
        );
    }
}

#[test]
fn m_the_console_is_lost_between_fence_and_boot() {
    for how in [ConsoleLink::Refused, ConsoleLink::Hung] {
        let mut world = Bench::default().alpha_runs();
        let since = world.now();
        panic_node(&mut world, ALPHA);
        let proved = |w: &mut World| w.machine().snapshot(w.now()).nodes[ALPHA].proof.is_some();
        assert!(world.until(LONG, proved));
        let now = world.now();
        world.rig.set_link(ALPHA, how, now);
        world.pass(Duration::from_secs(60));
        assert_eq!(boot_commands(&world, since), 0, "{}", world.timeline());
        let now = world.now();
        world.rig.set_link(ALPHA, ConsoleLink::Up, now);
        serves(&mut world, BETA);
        let_loose(&mut world);
    }
}
