//! What all shipped scripts do alike, each played by itself: a takeover whose heir has lost its console
//! (`no_heir`) with every way out of it, a standby that only its power had stopped (`mend`), and one that
//! comes back while a takeover waits for it (`back`).

use std::time::Duration;

use clusterd::machine::setup::DataPolicy;
use clusterd::script::program::{OperatorWord, Severity};
use clusterd::sim::{Condition, ConsoleLink, World};

use crate::bench::*;

/// The scripts; the machines behind a service processor are Suns, here with their consoles at hand.
const SCRIPTS: [(&str, bool); 4] = [
    ("chat-scripts/sun-openboot.chat", false),
    ("chat-scripts/power-leg.chat", false),
    ("chat-scripts/sun-alom.chat", true),
    ("chat-scripts/sun-ilom.chat", true),
];

/// Alpha runs, and both have a power leg.
fn worlds() -> impl Iterator<Item = World> {
    SCRIPTS.into_iter().map(|(script, sun)| {
        let bench = Bench {
            script,
            sun,
            power_legs: 1,
            policy: DataPolicy::Integrity,
            ..Bench::default()
        };
        bench.alpha_runs()
    })
}

/// The machine stands still: nothing but its power stops it.
fn freezes(world: &mut World, n: usize) {
    let now = world.now();
    world.rig.node_at(n, now).freeze(now);
}

fn link(world: &mut World, n: usize, link: ConsoleLink) {
    let now = world.now();
    world.rig.set_link(n, link, now);
}

/// Alpha is stopped for good, and beta's console is lost before beta could be booted.
fn without_heir() -> impl Iterator<Item = World> {
    worlds().map(|mut world| {
        link(&mut world, BETA, ConsoleLink::Refused);
        world.pass(Duration::from_secs(1));
        freezes(&mut world, ALPHA);
        reach(&mut world, "no_heir");
        world
    })
}

#[track_caller]
fn leaves_for(world: &mut World, state: &str) {
    let left = world.until(Duration::from_secs(600), |w| w.state() == state);
    assert!(
        left,
        "not {state}, but {}\n{}",
        world.state(),
        world.timeline()
    );
}

#[test]
fn a_lost_heir_is_told_of_and_goes_on_when_its_console_is_back() {
    for mut world in without_heir() {
        let told = world.open_alarms().any(|alarm| {
            alarm.code == "hold"
                && alarm.severity == Severity::Critical
                && alarm.text.contains("the console of beta is lost")
        });
        assert!(told, "{}", world.timeline());
        world.pass(Duration::from_secs(120));
        assert_eq!(world.state(), "no_heir", "{}", world.timeline());
        link(&mut world, BETA, ConsoleLink::Up);
        serves(&mut world, BETA);
        assert!(world.open_alarms().all(|alarm| alarm.code != "hold"));
        judge(&mut world);
    }
}

#[test]
fn an_operator_ends_the_wait_for_a_lost_heir() {
    for mut world in without_heir() {
        world.operator(OperatorWord::Release, None);
        leaves_for(&mut world, "assess");
        judge(&mut world);
    }
    for mut world in without_heir() {
        world.operator(OperatorWord::Confirm, Some(ALPHA));
        leaves_for(&mut world, "held");
        judge(&mut world);
    }
}

#[test]
fn a_primary_that_is_started_by_hand_ends_the_wait_for_a_lost_heir() {
    for mut world in without_heir() {
        let now = world.now();
        if world.rig.node(ALPHA).condition() == Condition::Off {
            world.rig.power(ALPHA, true, now);
        }
        world.pass(Duration::from_secs(120));
        types(&mut world, ALPHA, "boot disk");
        let left = world.until(Duration::from_secs(600), |w| w.state() != "no_heir");
        assert!(left, "{}", world.timeline());
    }
}

#[test]
fn a_standby_that_its_power_had_stopped_is_fenced_when_it_is_back() {
    for mut world in worlds() {
        let since = world.now();
        freezes(&mut world, ALPHA);
        serves(&mut world, BETA);
        assert_eq!(world.rig.node(ALPHA).condition(), Condition::Off);
        let now = world.now();
        world.rig.power(ALPHA, true, now);
        let back = world.until(LONG, |w| w.alarmed("standby_back", since));
        assert!(back, "{}", world.timeline());
        leaves_for(&mut world, "watch");
        // The journal's entry about it is written.
        world.pass(Duration::from_secs(1));
        let unfenced = world.memory().nodes[ALPHA].unfenced_failure;
        assert!(!unfenced, "{}", world.timeline());
        assert!(
            !world.alarmed("unfenced_standby", since),
            "{}",
            world.timeline()
        );
        judge(&mut world);
    }
}

/// Beta is out of service and alpha stands still: nothing can take over.
fn waits_for_a_standby() -> impl Iterator<Item = World> {
    worlds().map(|mut world| {
        let now = world.now();
        world.rig.power(BETA, false, now);
        world.pass(Duration::from_secs(60));
        world.out_of_service(BETA, Some(Duration::from_secs(86_400)));
        world.pass(Duration::from_secs(60));
        freezes(&mut world, ALPHA);
        reach(&mut world, "waiting");
        world
    })
}

fn comes_back(world: &mut World) {
    world.out_of_service(BETA, None);
    world.pass(Duration::from_secs(60));
    let now = world.now();
    world.rig.power(BETA, true, now);
}

#[test]
fn a_standby_that_comes_back_while_a_takeover_waits_is_fenced_and_takes_over() {
    for mut world in waits_for_a_standby() {
        let since = world.now();
        comes_back(&mut world);
        let back = world.until(LONG, |w| w.alarmed("standby_back", since));
        assert!(back, "{}", world.timeline());
        leaves_for(&mut world, "assess");
        serves(&mut world, BETA);
        assert!(world.open_alarms().all(|alarm| alarm.code != "hold"));
        judge(&mut world);
    }
}

/// A person's HOLD stands in the same state, and no trigger fires in it.
#[test]
fn a_standby_that_comes_back_while_a_person_holds_is_left_alone() {
    for mut world in waits_for_a_standby() {
        world.order(OperatorWord::Hold, None, false);
        let since = world.now();
        comes_back(&mut world);
        world.pass(Duration::from_secs(3600));
        assert_eq!(world.state(), "waiting", "{}", world.timeline());
        assert!(
            !world.alarmed("standby_back", since),
            "{}",
            world.timeline()
        );
        world.operator(OperatorWord::Release, None);
        leaves_for(&mut world, "assess");
        judge(&mut world);
    }
}
