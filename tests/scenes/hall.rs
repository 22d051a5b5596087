//! Many clusters under one monitoring host, and what happens to many of them at once.

use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::setup::DataPolicy;
use clusterd::sim::scene::Deed;
use clusterd::sim::{Condition, Hall, World};

use crate::bench::*;

/// As many as the issue asks for.
const ALL: usize = 64;
/// Long enough for what follows a takeover.
const CALM: Duration = Duration::from_secs(300);
/// So many of them differ; the others are like them.
const KINDS: usize = 4;

/// A hall of clusters that are in good order, sixteen at each terminal server.
fn hall(count: usize, gateway: bool) -> Hall {
    let policies = [DataPolicy::Integrity, DataPolicy::Adaptability];
    let kinds: Vec<World> = (0..KINDS)
        .map(|n| {
            let bench = Bench {
                seed: 1 + n as u64,
                sun: n % 2 == 1,
                policy: policies[n / 2],
                ..Bench::default()
            };
            bench.proven()
        })
        .collect();
    let clusters = (0..count).map(|n| (kinds[n % KINDS].clone(), n / 16));
    Hall::new(clusters, gateway)
}

/// Boots of a cluster since its way to good order: alpha, beta, alpha.
fn boots_since(world: &World) -> Vec<String> {
    let boots = world.rig.disk().boot_order();
    boots[3..].iter().map(|name| (*name).to_owned()).collect()
}

fn breaks_since(world: &World, since: Moment) -> usize {
    [ALPHA, BETA].iter().map(|n| breaks(world, *n, since)).sum()
}

fn serves_from(world: &World, node: usize) -> bool {
    world.rests()
        && world.machine().primary(0) == Some(node)
        && world.rig.node(node).condition() == Condition::Running
}

fn stopped(world: &World, node: usize) -> bool {
    world.rig.node(node).condition() == Condition::Prompt { resumable: true }
}

fn no_rule_is_broken(hall: &Hall) {
    if let Some((n, broken)) = hall.broken() {
        let world = hall.worlds().nth(n).unwrap();
        panic!("cluster {n}: {broken:?}\n{}", world.timeline());
    }
    for world in hall.worlds() {
        assert_eq!(world.rig.disk().violations(), 0);
    }
}

#[track_caller]
fn all(hall: &mut Hall, what: &str, holds: impl Fn(&World) -> bool) {
    if !hall.until(LONG, |hall| hall.worlds().all(&holds)) {
        let (n, world) = hall.worlds().enumerate().find(|(_, w)| !holds(w)).unwrap();
        panic!("cluster {n}: {what} did not come\n{}", world.timeline());
    }
}

#[test]
fn sixty_four_primaries_that_panic_at_once_are_switched_over_once_each() {
    for gateway in [true, false] {
        let mut hall = hall(ALL, gateway);
        hall.pass(Duration::from_secs(30));
        (0..ALL).for_each(|n| hall.act(n, &Deed::Panic(ALPHA)));
        let since = hall.now();
        all(&mut hall, "the service on beta", |w| serves_from(w, BETA));
        let took = hall.now().since(since);
        assert!(took < Duration::from_secs(120), "{took:?}");
        hall.pass(CALM);
        for world in hall.worlds() {
            assert_eq!(boots_since(world), ["beta"], "{}", world.timeline());
            assert!(serves_from(world, BETA), "{}", world.timeline());
            assert!(!world.alarmed("impaired", since), "{}", world.timeline());
        }
        assert_eq!(hall.alarms(), [], "panics are seen, not silence");
        no_rule_is_broken(&hall);
    }
}

#[test]
fn sixty_four_primaries_that_hang_at_once_are_held_for_seconds_and_switched_over_once_each() {
    let mut hall = hall(ALL, true);
    hall.pass(Duration::from_secs(30));
    (0..ALL).for_each(|n| hall.act(n, &Deed::Hang(ALPHA)));
    all(&mut hall, "the service on beta", |w| serves_from(w, BETA));
    hall.pass(CALM);
    for world in hall.worlds() {
        assert_eq!(boots_since(world), ["beta"], "{}", world.timeline());
        assert!(serves_from(world, BETA), "{}", world.timeline());
    }
    let told = hall.alarms();
    assert!(
        told.iter()
            .any(|(_, text)| text.contains("takeovers go on")),
        "{told:?}"
    );
    assert_eq!(hall.alarm(), None, "it is over");
    no_rule_is_broken(&hall);
}

#[test]
fn a_break_to_all_nodes_of_a_terminal_server_is_cured_by_go() {
    let mut hall = hall(32, true);
    let since = hall.now();
    (0..16).for_each(|n| hall.act(n, &Deed::StrayBreak));
    hall.pass(Duration::from_millis(100));
    let stopped = hall.worlds().take(16).all(|w| stopped(w, ALPHA));
    assert!(stopped, "it comes to all");
    all(&mut hall, "the service on alpha", |w| serves_from(w, ALPHA));
    hall.pass(CALM);
    for world in hall.worlds() {
        assert_eq!(boots_since(world), [""; 0], "{}", world.timeline());
        assert_eq!(breaks_since(world, since), 0, "{}", world.timeline());
    }
    no_rule_is_broken(&hall);
}

/// Nobody was connected when the server sent BREAK to all its nodes: a bare prompt is found, and the same node
/// is started again. Nothing is switched over.
#[test]
fn a_terminal_server_that_lost_its_power_costs_a_restart_and_no_switchover() {
    let mut hall = hall(32, true);
    hall.power_server(0, false);
    hall.pass(Duration::from_secs(60));
    hall.power_server(0, true);
    assert!(hall.worlds().take(16).all(|w| stopped(w, ALPHA)));
    let back = hall.now();
    hall.pass(Duration::from_secs(15));
    all(&mut hall, "the service on alpha", |w| serves_from(w, ALPHA));
    let took = hall.now().since(back);
    assert!(took < Duration::from_secs(120), "{took:?}");
    hall.pass(CALM);
    for (n, world) in hall.worlds().enumerate() {
        let boots = if n < 16 { vec!["alpha"] } else { Vec::new() };
        assert_eq!(boots_since(world), boots, "{}", world.timeline());
        assert!(serves_from(world, ALPHA), "{}", world.timeline());
    }
    no_rule_is_broken(&hall);
}

#[test]
fn most_clusters_dark_at_once_are_the_monitors_own_trouble() {
    for gateway in [true, false] {
        let mut hall = hall(ALL, gateway);
        hall.pass(Duration::from_secs(30));
        let since = hall.now();
        // A switch between the host and most of its clusters dies.
        hall.set_way(0..40, false);
        hall.pass(Duration::from_secs(1200));
        assert!(hall.alarm().is_some_and(|text| text.contains("40 of 64")));
        for world in hall.worlds() {
            assert!(world.alarmed("impaired", since), "{}", world.timeline());
        }
        hall.set_way(0..40, true);
        all(&mut hall, "the service on alpha", |w| serves_from(w, ALPHA));
        hall.pass(CALM);
        for world in hall.worlds() {
            assert_eq!(boots_since(world), [""; 0], "{}", world.timeline());
            assert_eq!(breaks_since(world, since), 0, "{}", world.timeline());
            let impaired = world.open_alarms().any(|alarm| alarm.code == "impaired");
            assert!(!impaired, "{}", world.timeline());
        }
        assert_eq!(hall.alarm(), None);
        no_rule_is_broken(&hall);
    }
}

#[test]
fn the_power_of_the_site_comes_back_and_everything_starts_where_it_was() {
    let mut hall = hall(ALL, true);
    hall.power_site(false);
    hall.pass(Duration::from_secs(600));
    hall.power_site(true);
    all(&mut hall, "the service on alpha", |w| serves_from(w, ALPHA));
    hall.pass(CALM);
    for world in hall.worlds() {
        assert_eq!(boots_since(world), ["alpha"], "{}", world.timeline());
        assert!(serves_from(world, ALPHA), "{}", world.timeline());
    }
    no_rule_is_broken(&hall);
}

#[test]
fn the_host_is_killed_and_stopped_while_all_clusters_fail() {
    let mut hall = hall(ALL, true);
    hall.pass(Duration::from_secs(30));
    (0..ALL).for_each(|n| hall.act(n, &Deed::Panic(ALPHA)));
    hall.pass(Duration::from_millis(4_300));
    hall.kill();
    hall.pass(Duration::from_secs(20));
    hall.restart();
    hall.pass(Duration::from_millis(6_700));
    hall.stand_still(Duration::from_secs(300));
    hall.jump_clock(-300);
    all(&mut hall, "the service", |w| {
        serves_from(w, ALPHA) || serves_from(w, BETA)
    });
    hall.pass(CALM);
    for world in hall.worlds() {
        assert_eq!(boots_since(world).len(), 1, "{}", world.timeline());
    }
    no_rule_is_broken(&hall);
}
