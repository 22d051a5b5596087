//! A person types on a console of clusterd's own in the middle of a takeover: what was being
//! proved is void, what was being said is broken off, and afterwards it is done anew.

use std::time::Duration;

use clusterd::machine::input::Deed;
use clusterd::script::program::Severity;
use clusterd::sim::World;

use crate::bench::*;
use crate::person_rest::{said, sound};

/// Lets the takeover of alpha's package go on until `there`.
#[track_caller]
fn takeover(world: &mut World, there: impl FnMut(&mut World) -> bool) {
    panic_node(world, ALPHA);
    let came = world.until(LONG, there);
    assert!(came, "{}", world.timeline());
}

fn proof(world: &World, n: usize) -> bool {
    let snapshot = world.machine().snapshot(world.now());
    snapshot.nodes[n].proof.is_some()
}

fn typed(world: &World, n: usize, text: &str) -> bool {
    let all = world.rig.transcript(n).typed(clusterd::clock::Moment::ZERO);
    all.contains(text)
}

#[test]
fn during_a_fence_it_is_given_up_and_begun_again() {
    // After each of these steps of the fence.
    for step in ["banner", "setenv auto-boot?", ": mk", "reset-all"] {
        let mut world = Bench::default().alpha_runs();
        takeover(&mut world, |w| typed(w, ALPHA, step));
        let since = world.now();
        world.person_types(ALPHA, "bob", "");
        assert!(world.until(LONG, |w| said(w, ALPHA, since, "Granted")));
        let granted = world.now();
        world.pass(Duration::from_secs(40));
        assert_eq!(
            breaks(&world, ALPHA, granted),
            0,
            "{step}\n{}",
            world.timeline()
        );
        assert_eq!(
            boot_commands(&world, since),
            0,
            "{step}\n{}",
            world.timeline()
        );
        assert!(!proof(&world, ALPHA), "{step}");
        let left = world.now();
        world.person_leaves(ALPHA, "bob");
        serves(&mut world, BETA);
        proved_before_boot(&world, ALPHA, BETA, left);
        sound(&mut world);
    }
}

#[test]
fn a_living_proof_dies_with_the_first_key() {
    let mut world = Bench::default().alpha_runs();
    takeover(&mut world, |w| proof(w, ALPHA));
    let since = world.now();
    world.person_types(ALPHA, "bob", "");
    assert!(world.until(LONG, |w| said(w, ALPHA, since, "Granted")));
    assert!(!proof(&world, ALPHA));
    world.pass(Duration::from_secs(40));
    assert_eq!(boot_commands(&world, since), 0, "{}", world.timeline());
    let left = world.now();
    world.person_leaves(ALPHA, "bob");
    serves(&mut world, BETA);
    proved_before_boot(&world, ALPHA, BETA, left);
    assert_eq!(boots(&world), ["alpha", "beta"]);
    sound(&mut world);
}

#[test]
fn a_takeover_that_waits_for_somebody_who_goes_on_typing_becomes_critical() {
    let mut world = Bench::default().alpha_runs();
    let severity = |world: &World| {
        let person = world.open_alarms().find(|alarm| alarm.code == "person");
        person.map(|alarm| alarm.severity)
    };
    for _ in 0..20 {
        world.person_types(BETA, "bob", "");
        world.pass(Duration::from_secs(30));
        assert_ne!(severity(&world), Some(Severity::Critical), "all is well");
    }
    world.person_leaves(BETA, "bob");
    takeover(&mut world, |w| typed(w, ALPHA, "banner"));
    let since = world.now();
    for _ in 0..10 {
        world.person_types(ALPHA, "bob", "");
        world.pass(Duration::from_secs(30));
    }
    assert_eq!(
        severity(&world),
        Some(Severity::Critical),
        "{}",
        world.timeline()
    );
    assert_eq!(boot_commands(&world, since), 0, "{}", world.timeline());
    world.person_leaves(ALPHA, "bob");
    serves(&mut world, BETA);
    assert_eq!(severity(&world), None);
    sound(&mut world);
}

#[test]
fn on_the_console_of_the_node_to_be_booted_the_boot_waits() {
    let mut world = Bench::default().alpha_runs();
    takeover(&mut world, |w| proof(w, ALPHA));
    let since = world.now();
    world.person_types(BETA, "bob", "");
    assert!(world.until(LONG, |w| said(w, BETA, since, "Granted")));
    world.pass(Duration::from_secs(40));
    assert_eq!(boot_commands(&world, since), 0, "{}", world.timeline());
    world.pass(Duration::from_secs(40));
    // The idle time has brought it back.
    serves(&mut world, BETA);
    assert_eq!(boots(&world), ["alpha", "beta"], "{}", world.timeline());
    sound(&mut world);
}

#[test]
fn once_the_other_is_being_booted_the_fenced_one_is_no_place_to_write() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    takeover(&mut world, |w| boot_commands(w, since) == 1);
    world.person_types(ALPHA, "bob", "boot disk");
    assert!(said(
        &world,
        ALPHA,
        since,
        "must stay stopped until it is up"
    ));
    assert!(
        !world
            .rig
            .transcript(ALPHA)
            .typed(since)
            .contains("boot disk")
    );
    serves(&mut world, BETA);
    sound(&mut world);
}

#[test]
fn a_boot_under_way_is_not_called_back_by_a_key() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    takeover(&mut world, |w| boot_commands(w, since) == 1);
    world.person_types(BETA, "bob", "");
    assert!(said(&world, BETA, since, "Granted"));
    assert!(world.until(LONG, |w| w.timeline().contains("beta is up after")));
    assert_eq!(boots(&world), ["alpha", "beta"], "{}", world.timeline());
    serves(&mut world, BETA);
    assert_eq!(boot_commands(&world, since), 1);
    sound(&mut world);
}

#[test]
fn go_typed_by_a_person_in_the_middle_of_a_fence_is_seen_afterwards() {
    for wait in [1, 2, 30] {
        let mut world = Bench::default().alpha_runs();
        let now = world.now();
        world.rig.node_at(ALPHA, now).hang();
        assert!(world.until(LONG, |w| typed(w, ALPHA, "banner")));
        let since = world.now();
        world.person_types(ALPHA, "bob", "go");
        assert!(world.until(LONG, |w| said(w, ALPHA, since, "Granted")));
        world.pass(Duration::from_secs(wait));
        world.person_leaves(ALPHA, "bob");
        world.pass(Duration::from_secs(900));
        judge(&mut world);
        assert!(
            world.rig.node(ALPHA).serves()
                || world.rig.node(BETA).serves()
                || world.state() == "held",
            "{}",
            world.timeline()
        );
        sound(&mut world);
    }
}

#[test]
fn a_person_may_come_at_any_moment_of_a_takeover() {
    let mut whole = Bench::default().alpha_runs();
    let start = whole.now();
    panic_node(&mut whole, ALPHA);
    serves(&mut whole, BETA);
    let took = whole.now().since(start);
    let moments = 24;
    for n in [ALPHA, BETA] {
        for moment in 0..moments {
            let mut world = Bench {
                seed: u64::from(moment) + 1,
                ..Bench::default()
            }
            .alpha_runs();
            panic_node(&mut world, ALPHA);
            world.pass(took * moment / moments);
            world.person_types(n, "bob", "printenv");
            world.pass(Duration::from_secs(10));
            world.person_types(n, "bob", "");
            world.pass(Duration::from_secs(600));
            judge(&mut world);
            let served = [ALPHA, BETA].iter().any(|n| world.rig.node(*n).serves());
            assert!(served, "node {n}, moment {moment}\n{}", world.timeline());
            sound(&mut world);
        }
    }
}

#[test]
fn half_a_line_of_a_persons_is_never_run_by_ours() {
    for (n, half) in [(ALPHA, "boot di"), (BETA, "boot disk"), (BETA, "reset-all")] {
        let mut world = Bench::default().alpha_runs();
        takeover(&mut world, |w| proof(w, ALPHA));
        let idle = Duration::from_secs(60);
        world.person(n, "bob", Deed::Asks { idle });
        let asked = world.now();
        assert!(world.until(LONG, |w| said(w, n, asked, "Granted")));
        let bytes = half.as_bytes().to_vec();
        world.person(n, "bob", Deed::Types { bytes });
        world.pass(Duration::from_secs(5));
        let why = "the terminal has hung up".to_owned();
        world.person(n, "bob", Deed::Leaves { why });
        serves(&mut world, BETA);
        assert_eq!(
            boots(&world),
            ["alpha", "beta"],
            "{half}\n{}",
            world.timeline()
        );
        sound(&mut world);
    }
}

#[test]
fn a_switchover_back_and_forth_with_somebody_always_at_the_standby() {
    let mut world = Bench::default().proven();
    for (from, to) in [(ALPHA, BETA), (BETA, ALPHA)] {
        world.person_types(to, "bob", "");
        panic_node(&mut world, from);
        world.pass(Duration::from_secs(30));
        world.person_types(to, "bob", "");
        world.pass(Duration::from_secs(30));
        world.person_leaves(to, "bob");
        serves(&mut world, to);
    }
    sound(&mut world);
}
