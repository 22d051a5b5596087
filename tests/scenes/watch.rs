//! Ordinary life: what must move nothing.

use std::time::Duration;

use clusterd::machine::memory::Memory;
use clusterd::script::program::OperatorWord;
use clusterd::sim::ConsoleLink;

use crate::bench::*;

#[test]
fn a_the_secondary_is_powered_off() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.rig.power(BETA, false, since);
    alarmed(&mut world, "standby_lost", since);
    world.pass(Duration::from_secs(600));
    hands_off(&world, since);
    let now = world.now();
    world.rig.power(BETA, true, now);
    assert!(world.until(LONG, |w| w.open_alarms().all(|a| a.code != "standby_lost")));
}

#[test]
fn e_the_monitors_own_cables_are_out() {
    for (service, console) in [(false, true), (true, false), (false, false)] {
        let mut world = Bench::default().proven();
        let since = world.now();
        world.rig.set_service_cable(service, since);
        world.rig.set_console_cable(console, since);
        world.pass(Duration::from_secs(1800));
        hands_off(&world, since);
        assert!(
            world.open_alarms().count() > 0,
            "silence about a cable that is out"
        );
        let now = world.now();
        world.rig.set_service_cable(true, now);
        world.rig.set_console_cable(true, now);
        reach(&mut world, "watch");
        hands_off(&world, since);
        panic_node(&mut world, ALPHA);
        serves(&mut world, BETA);
        let_loose(&mut world);
    }
}

#[test]
fn m_a_console_is_lost_at_rest() {
    for how in [ConsoleLink::Refused, ConsoleLink::Hung] {
        for n in [ALPHA, BETA] {
            let mut world = Bench::default().alpha_runs();
            let since = world.now();
            world.rig.set_link(n, how, since);
            world.pass(Duration::from_secs(900));
            hands_off(&world, since);
            assert!(
                world.open_alarms().count() > 0,
                "silence about a lost console\n{}",
                world.timeline()
            );
            let now = world.now();
            world.rig.set_link(n, ConsoleLink::Up, now);
            reach(&mut world, "watch");
            world.pass(Duration::from_secs(120));
            panic_node(&mut world, ALPHA);
            serves(&mut world, BETA);
            judge(&mut world);
        }
    }
}

#[test]
fn q_a_stray_break_is_cured_by_go() {
    let mut world = Bench::default().proven();
    let since = world.now();
    let boots_before = boots(&world).len();
    world.rig.break_everything(since);
    alarmed(&mut world, "resumed", since);
    serves(&mut world, ALPHA);
    assert_eq!(breaks(&world, ALPHA, since), 0);
    assert_eq!(boots(&world).len(), boots_before, "{}", world.timeline());
    let_loose(&mut world);
}

#[test]
fn q_a_stray_break_with_a_standby_that_was_never_fenced_is_no_case_for_go() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.rig.break_everything(since);
    world.pass(Duration::from_secs(300));
    judge(&mut world);
    assert!(
        world.rig.node(ALPHA).serves() || world.rig.node(BETA).serves(),
        "{}",
        world.timeline()
    );
    let_loose(&mut world);
}

#[test]
fn r_a_flood_of_noise_moves_nothing() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    types(&mut world, ALPHA, "flood 200");
    world.pass(Duration::from_secs(600));
    hands_off(&world, since);
    assert_eq!(world.state(), "watch");
    assert!(
        !world.timeline().contains("state panicked"),
        "{}",
        world.timeline()
    );
}

#[test]
fn o_a_running_primary_is_adopted_and_its_guard_is_unknown() {
    let world = Bench::default().alpha_runs();
    hands_off(&world, clusterd::clock::Moment::ZERO);
    let snapshot = world.machine().snapshot(world.now());
    assert_eq!(snapshot.packages[0].primary.as_deref(), Some("alpha"));
    assert!(snapshot.nodes[ALPHA].guard.starts_with("unknown"));
    assert!(world.open_alarms().any(|a| a.code == "guard_unknown"));
}

#[test]
fn o_both_at_the_prompt_without_a_journal_is_an_operators_case() {
    let mut world = Bench::default().at_prompts();
    reach(&mut world, "unclear");
    world.pass(Duration::from_secs(1800));
    hands_off(&world, clusterd::clock::Moment::ZERO);
    world.operator(OperatorWord::Adopt, Some(BETA));
    serves(&mut world, BETA);
    proved_before_boot(&world, ALPHA, BETA, clusterd::clock::Moment::ZERO);
    judge(&mut world);
}

#[test]
fn o_both_at_the_prompt_with_a_journal_is_a_start() {
    let mut first = Bench::default().alpha_runs();
    panic_node(&mut first, ALPHA);
    serves(&mut first, BETA);
    let memory = first.memory().clone();
    let mut world = Bench::default().world(|_| {}, memory);
    serves(&mut world, BETA);
    judge(&mut world);
}

#[test]
fn o_a_stale_journal_is_only_a_hypothesis() {
    let memory = |primary: &str| Memory {
        packages: vec![clusterd::machine::memory::PackageMemory {
            package: "service".to_owned(),
            primary: Some(primary.to_owned()),
            confirmed: true,
            ..Default::default()
        }],
        ..Default::default()
    };
    let boot = |rig: &mut clusterd::sim::Rig| {
        let at = clusterd::clock::Moment::from_millis;
        rig.operator_types(ALPHA, b"boot disk\r", at(5000));
        rig.advance(at(15_000));
        rig.read(ALPHA);
    };
    let mut world = Bench::default().world(boot, memory("beta"));
    serves(&mut world, ALPHA);
    hands_off(&world, clusterd::clock::Moment::ZERO);
}

#[test]
fn a_word_that_nobody_waits_for_is_told_as_such() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.operator(OperatorWord::Release, None);
    world.pass(Duration::from_secs(60));
    hands_off(&world, since);
    let timeline = world.timeline();
    assert!(
        timeline.contains("release is not waited for in state watch: nothing is done"),
        "{timeline}"
    );
}

#[test]
fn a_carrier_that_comes_and_goes_proves_nothing_and_voids_what_was_proved() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world.carrier(BETA, true);
    world.carrier(BETA, false);
    world.pass(Duration::from_secs(600));
    hands_off(&world, since);
    let timeline = world.timeline();
    assert!(timeline.contains("the line lost its carrier"), "{timeline}");
    panic_node(&mut world, ALPHA);
    serves(&mut world, BETA);
    judge(&mut world);
}
