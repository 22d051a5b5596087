//! The monitor doubts itself (design rule 8): every takeover is held, and there is a way out.

use std::time::Duration;

use clusterd::machine::input::{CommonPath, HostFact, Input};
use clusterd::script::program::OperatorWord;
use clusterd::sim::World;

use crate::bench::*;

const MANY: HostFact = HostFact::ManyDark {
    dark: 3,
    of: 4,
    path: CommonPath::Silent,
};

fn fact(world: &mut World, fact: HostFact) {
    world.tell(Input::Host(fact));
}

fn causes(world: &World) -> Vec<String> {
    let doubts = world.machine().snapshot(world.now()).doubts;
    doubts.into_iter().map(|doubt| doubt.cause).collect()
}

#[test]
fn every_doubt_holds_the_takeover_and_ends() {
    let standstill = HostFact::Standstill {
        millis: 9000,
        counted: 0,
    };
    for (doubt, end, cause) in [
        (HostFact::SocketDrops(7), None, "ping_drops"),
        (HostFact::ClockJump { millis: -90_000 }, None, "clock"),
        (HostFact::ClockJump { millis: 3_600_000 }, None, "clock"),
        (standstill, None, "standstill"),
        (HostFact::PingsLate { millis: 8000 }, None, "standstill"),
        (HostFact::PingTrouble, Some(HostFact::PingWell), "no_pings"),
        (MANY, Some(HostFact::FewDark), "many_dark"),
    ] {
        let mut world = Bench::default().proven();
        let since = world.now();
        fact(&mut world, doubt);
        panic_node(&mut world, ALPHA);
        world.pass(Duration::from_secs(20));
        assert_eq!(causes(&world), [cause]);
        assert!(world.alarmed("impaired", since), "{doubt:?}");
        hands_off(&world, since);
        if let Some(end) = end {
            world.pass(Duration::from_secs(600));
            hands_off(&world, since);
            fact(&mut world, end);
        }
        serves(&mut world, BETA);
        assert!(causes(&world).is_empty());
        assert!(world.open_alarms().all(|alarm| alarm.code != "impaired"));
        judge(&mut world);
    }
}

#[test]
fn an_operators_word_lets_takeovers_go_on() {
    let mut world = Bench::default().proven();
    let since = world.now();
    fact(&mut world, MANY);
    panic_node(&mut world, ALPHA);
    world.pass(Duration::from_secs(300));
    hands_off(&world, since);
    world.operator(OperatorWord::Well, None);
    let snapshot = world.machine().snapshot(world.now());
    assert_eq!(snapshot.impaired, None);
    assert_eq!(snapshot.overruled.unwrap().who, "op");
    assert!(snapshot.doubts[0].covered && snapshot.doubts[0].age_ms >= 300_000);
    serves(&mut world, BETA);
    assert!(world.alarmed("overruled", since));
    let said = "op says that the monitor is well";
    let journal = world.journal().iter();
    assert!(
        journal
            .filter(|(_, entry)| entry.text.contains(said))
            .count()
            == 1
    );
    judge(&mut world);
}

/// The witnesses' silence is the one doubt that also stands in the way of the fence itself.
#[test]
fn an_operator_vouches_for_a_side_that_no_witness_vouches_for() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world.rig.set_service_cable(false, since);
    world.pass(Duration::from_secs(30));
    assert_eq!(causes(&world), ["witnesses"]);
    panic_node(&mut world, ALPHA);
    world.pass(Duration::from_secs(120));
    hands_off(&world, since);
    world.operator(OperatorWord::Well, None);
    assert!(world.until(LONG, |w| boots(w).last().is_some_and(|name| name == "beta")));
    judge(&mut world);
}

#[test]
fn a_word_covers_what_was_known_and_no_more() {
    let mut world = Bench::default().proven();
    fact(&mut world, MANY);
    world.operator(OperatorWord::Well, None);
    let since = world.now();
    fact(&mut world, HostFact::PingTrouble);
    panic_node(&mut world, ALPHA);
    world.pass(Duration::from_secs(120));
    assert_eq!(causes(&world), ["no_pings", "many_dark"]);
    hands_off(&world, since);
    fact(&mut world, HostFact::PingWell);
    serves(&mut world, BETA);
    judge(&mut world);
}

#[test]
fn a_word_ends_after_half_an_hour() {
    let mut world = Bench::default().proven();
    fact(&mut world, MANY);
    world.operator(OperatorWord::Well, None);
    world.pass(Duration::from_secs(1801));
    assert!(world.open_alarms().any(|alarm| alarm.code == "impaired"));
    assert!(world.open_alarms().all(|alarm| alarm.code != "overruled"));
    let since = world.now();
    panic_node(&mut world, ALPHA);
    world.pass(Duration::from_secs(120));
    hands_off(&world, since);
}

#[test]
fn a_word_ends_with_the_doubt() {
    let mut world = Bench::default().proven();
    fact(&mut world, MANY);
    world.operator(OperatorWord::Well, None);
    fact(&mut world, HostFact::FewDark);
    fact(&mut world, MANY);
    assert!(world.machine().snapshot(world.now()).impaired.is_some());
}

/// A reload, and a restart of clusterd: the word goes on, takeovers are not held, and one alarm tells of it.
#[test]
fn a_word_outlives_a_reload_and_a_restart() {
    for anew in [World::reload, |world: &mut World| world.restart(true)] {
        let mut world = Bench::default().proven();
        let now = world.now();
        world.rig.set_service_cable(false, now);
        world.pass(Duration::from_secs(30));
        world.operator(OperatorWord::Well, None);
        world.pass(Duration::from_secs(5));
        let since = world.now();
        anew(&mut world);
        assert!(!world.reloads(), "{}", world.timeline());
        world.pass(Duration::from_secs(1200));
        assert_eq!(causes(&world), ["witnesses"]);
        let open = |world: &World, code| world.open_alarms().any(|alarm| alarm.code == code);
        assert!(open(&world, "overruled"), "{}", world.timeline());
        assert!(!world.alarmed("impaired", since), "{}", world.timeline());
        panic_node(&mut world, ALPHA);
        assert!(world.until(LONG, |w| boots(w).last().is_some_and(|name| name == "beta")));
        world.pass(Duration::from_secs(600));
        assert!(open(&world, "impaired"), "{}", world.timeline());
        assert!(!open(&world, "overruled"), "{}", world.timeline());
        judge(&mut world);
    }
}

#[test]
fn nobody_can_vouch_for_the_journal() {
    let mut world = Bench::default().proven();
    let why = "no space left".to_owned();
    world.tell(Input::JournalFailed { why });
    let since = world.now();
    world.operator(OperatorWord::Well, None);
    panic_node(&mut world, ALPHA);
    world.pass(Duration::from_secs(120));
    assert_eq!(causes(&world), ["journal"]);
    hands_off(&world, since);
    assert!(
        world
            .timeline()
            .contains("nobody can vouch for the journal"),
        "{}",
        world.timeline()
    );
    world.tell(Input::JournalWell);
    serves(&mut world, BETA);
    judge(&mut world);
}

/// A doubt in the middle of a fence: its next procedure, here the one that cuts the power, waits.
#[test]
fn a_fence_under_way_does_not_go_on_to_the_power_switch() {
    let mut world = Bench {
        power_legs: 1,
        ..Bench::default()
    }
    .proven();
    let now = world.now();
    world.rig.node_at(ALPHA, now).freeze(now);
    let began = |w: &mut World| w.timeline().matches("stopping alpha for good").count() >= 2;
    assert!(world.until(LONG, began), "{}", world.timeline());
    fact(&mut world, MANY);
    world.pass(Duration::from_secs(900));
    assert_ne!(
        world.rig.node(ALPHA).condition(),
        clusterd::sim::Condition::Off,
        "{}",
        world.timeline()
    );
    fact(&mut world, HostFact::FewDark);
    serves(&mut world, BETA);
    judge(&mut world);
}
