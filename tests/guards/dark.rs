//! Darkness, the path to a dark node, and the siege (rule 7).

use std::time::Duration;

use clusterd::machine::setup::DataPolicy;

use crate::desk::*;

/// The primary is waited for in the dark; then some time passes.
const DARKNESS: &str = "
    fence primary with darkness refused -> vetoed else -> bad
    wait 1m
    -> good";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Alpha says nothing any more, and its address does not answer; a minute later it would be dark.
fn falls_silent(mut d: Desk) -> Desk {
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.address = false;
    d.act();
    d.pass(secs(1));
    d
}

fn dark() -> Desk {
    falls_silent(desk(DARKNESS))
}

#[test]
fn a_minute_of_darkness_is_a_proof_under_adaptability() {
    let mut d = dark();
    assert!(d.node(ALPHA).siege, "{}", d.story());
    d.pass(secs(25));
    assert!(!d.proved(ALPHA), "{}", d.story());
    d.pass(secs(60));
    assert!(d.proved(ALPHA), "{}", d.story());
    assert!(d.consoles[ALPHA].breaks > 10);
}

#[test]
fn the_policy_says_where_darkness_counts() {
    let policies = [
        DataPolicy::Integrity,
        DataPolicy::Adaptability,
        DataPolicy::Availability,
    ];
    for policy in policies {
        for (worked, guard) in [(true, true), (true, false), (false, true)] {
            let d = Plan {
                policy,
                memory: remembered(|_, nodes| {
                    nodes[ALPHA].break_worked = worked;
                    nodes[ALPHA].guard_read = guard;
                }),
                ..Plan::default()
            };
            let mut d = falls_silent(d.ready(DARKNESS));
            d.pass(secs(100));
            let counts = match policy {
                DataPolicy::Integrity => false,
                DataPolicy::Adaptability => worked && guard,
                DataPolicy::Availability => true,
            };
            let case = format!("{policy:?} {worked} {guard}\n{}", d.story());
            assert_eq!(d.proved(ALPHA) || d.is_in("good"), counts, "{case}");
            assert_eq!(d.consoles[ALPHA].breaks > 0, counts, "{case}");
            assert!(counts || !d.node(ALPHA).siege, "{case}");
        }
    }
}

#[test]
fn under_integrity_there_is_no_darkness_without_a_siege_either() {
    let d = Plan {
        policy: DataPolicy::Integrity,
        ..Plan::default()
    };
    let mut d = falls_silent(d.ready(
        "
    fence primary with unbesieged refused -> vetoed else -> bad
    wait 1m
    -> good
procedure unbesieged(node) \"it waits\"
    dark node within 1h",
    ));
    d.pass(secs(100));
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn a_byte_ends_the_wait() {
    let mut d = dark();
    d.says(ALPHA, "x");
    d.pass(secs(1));
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn an_answer_of_the_address_ends_the_wait() {
    let mut d = dark();
    d.address = true;
    d.pass(secs(6));
    d.address = false;
    d.pass(secs(1));
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn a_new_link_begins_the_wait_anew() {
    let mut d = dark();
    d.pass(secs(45));
    d.connect(ALPHA);
    d.pass(secs(30));
    assert!(!d.proved(ALPHA), "{}", d.story());
    d.pass(secs(40));
    assert!(d.proved(ALPHA), "{}", d.story());
}

#[test]
fn the_time_counts_from_the_last_ping() {
    let mut d = desk(DARKNESS);
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.pass(secs(120));
    let mut d = falls_silent(d);
    d.pass(secs(30));
    assert!(!d.proved(ALPHA), "{}", d.story());
    d.pass(secs(60));
    assert!(d.proved(ALPHA), "{}", d.story());
}

#[test]
fn a_port_that_never_carried_a_byte_proves_nothing() {
    let mut d = Plan {
        shows: [Shows::Nothing, Shows::Prompt],
        address: false,
        ..Plan::default()
    }
    .bare(DARKNESS);
    d.comes_to("rest_silent");
    d.act_unordered();
    d.pass(secs(120));
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn a_silent_witness_leaves_the_path_unproved() {
    let mut d = dark();
    d.witness = false;
    d.pass(secs(120));
    assert!(
        d.said("made no proof: path unproved: no witness answers"),
        "{}",
        d.story()
    );
}

#[test]
fn a_silent_neighbour_leaves_the_path_unproved() {
    let mut d = dark();
    d.consoles[BETA].shows = Shows::Nothing;
    d.pass(secs(120));
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn a_neighbour_of_another_server_leaves_the_path_unproved() {
    let mut d = falls_silent(
        Plan {
            servers: ["ts1", "ts2"],
            ..Plan::default()
        }
        .ready(DARKNESS),
    );
    for _ in 0..12 {
        d.pass(secs(10));
        d.says(BETA, "\r\nok ");
    }
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn whoever_types_at_a_neighbour_is_not_disturbed_for_a_vouch() {
    let mut d = desk(DARKNESS);
    d.says(BETA, "x");
    let before = d.consoles[BETA].typed.len();
    let d = falls_silent(d);
    assert_eq!(d.consoles[BETA].typed.len(), before, "{}", d.story());
    let mut d = desk(DARKNESS);
    d.asks(BETA);
    let before = d.consoles[BETA].typed.len();
    let mut d = falls_silent(d);
    d.pass(secs(20));
    assert_eq!(d.consoles[BETA].typed.len(), before, "{}", d.story());
}

#[test]
fn an_address_that_answers_ends_the_proof_of_the_node_that_may_serve() {
    let mut d = dark();
    d.reach("the proof", |d| d.proved(ALPHA));
    d.address = true;
    d.pass(secs(6));
    assert!(!d.proved(ALPHA), "{}", d.story());
}

#[test]
fn any_byte_ends_the_proof() {
    let mut d = dark();
    d.reach("the proof", |d| d.proved(ALPHA));
    d.says(ALPHA, "x");
    assert!(!d.proved(ALPHA));
}

// --- the siege ------------------------------------------------------------------------------

/// The standby is under siege since before clusterd was started.
fn besieged(mut plan: Plan) -> Plan {
    plan.memory = remembered(|_, nodes| nodes[BETA].siege = true);
    plan
}

#[test]
fn a_byte_of_a_besieged_node_is_an_alarm() {
    let mut d = besieged(Plan {
        shows: [Shows::Login, Shows::Nothing],
        ..Plan::default()
    })
    .ready(DARKNESS);
    d.pass(secs(5));
    assert!(d.consoles[BETA].breaks > 0, "{}", d.story());
    assert!(!d.alarms.contains(&"siege_answered".to_owned()));
    d.says(BETA, "x");
    assert!(d.alarms.contains(&"siege_answered".to_owned()));
}

#[test]
fn no_siege_breaks_into_a_proof() {
    let mut d = besieged(Plan::default()).ready(
        "
    fence secondary with pauses refused -> vetoed else -> bad
    -> good
procedure pauses(node) \"a whole proof, slowly\"
    wait 5s
    call openboot_prove(node)",
    );
    d.act();
    d.pass(secs(1));
    let before = d.consoles[BETA].breaks;
    d.comes_to("good");
    assert_eq!(d.consoles[BETA].breaks, before, "{}", d.story());
}

#[test]
fn the_node_that_has_the_package_is_not_besieged() {
    let mut d = Plan {
        memory: remembered(|_, nodes| nodes[ALPHA].siege = true),
        shows: [Shows::Prompt, Shows::Prompt],
        address: false,
        ..Plan::default()
    }
    .ready(DARKNESS);
    d.pass(secs(5));
    assert!(d.is_in("rest"), "{}", d.story());
    assert_eq!(d.consoles[ALPHA].breaks, 0, "{}", d.story());
}

#[test]
fn a_besieged_node_with_life_waits_until_it_is_clear_who_has_the_package() {
    let mut d = besieged(Plan {
        shows: [Shows::Nothing, Shows::Prompt],
        address: false,
        ..Plan::default()
    })
    .bare(DARKNESS);
    d.pass(secs(5));
    assert!(d.is_in("begin"), "{}", d.story());
    assert_eq!(d.consoles[BETA].breaks, 0, "{}", d.story());
}
