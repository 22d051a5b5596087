//! People at consoles (rule 16): who may type, who waits, and what their keys end.

use std::time::Duration;

use clusterd::machine::input::Deed;

use crate::desk::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn leaves(d: &mut Desk, n: usize) {
    let why = "detached".to_owned();
    d.person(n, Deed::Leaves { why });
}

fn types(d: &mut Desk, n: usize, text: &str) {
    let bytes = text.as_bytes().to_vec();
    d.person(n, Deed::Types { bytes });
}

/// What whoever asked was told last.
fn told(d: &Desk) -> &str {
    d.pen_words.last().map_or("", String::as_str)
}

#[test]
fn who_asks_at_rest_may_type() {
    let mut d = desk("    -> good");
    d.asks(BETA);
    assert_eq!(told(&d), "Granted");
    types(&mut d, BETA, "x");
    assert!(d.typed(BETA, "x"));
}

#[test]
fn who_asks_while_a_question_is_open_waits_and_types_nothing() {
    let mut d = desk("    call openboot_look(secondary) else -> bad\n    -> good");
    d.consoles[BETA].shows = Shows::Nothing;
    d.act();
    assert!(d.typed(BETA, "hex "));
    d.asks(BETA);
    assert_eq!(told(&d), "Waits");
    types(&mut d, BETA, "zz");
    assert!(!d.typed(BETA, "zz"), "{}", d.story());
}

#[test]
fn a_step_that_speaks_to_a_node_waits_for_whoever_types_there() {
    let mut d = desk("    send secondary \"\\r\"\n    -> good");
    d.asks(BETA);
    d.act();
    d.pass(secs(5));
    assert!(d.is_in("act"), "{}", d.story());
    leaves(&mut d, BETA);
    d.pass(secs(5));
    assert!(d.is_in("good"), "{}", d.story());
}

#[test]
fn what_they_leave_unfinished_is_killed_first() {
    let mut d = desk("    send primary \"\\r\"\n    -> good");
    d.asks(ALPHA);
    types(&mut d, ALPHA, "half");
    d.pass(secs(1));
    leaves(&mut d, ALPHA);
    d.act();
    d.comes_to("good");
    assert!(
        d.consoles[ALPHA].typed.ends_with("half\x15\r"),
        "{}",
        d.story()
    );
}

#[test]
fn a_key_ends_the_scripts_conversation_with_that_node() {
    let mut d = desk(
        "
    fence primary with pauses refused -> vetoed else -> bad
    -> good
procedure pauses(node) \"a whole proof, slowly\"
    call openboot_stop(node)
    wait 5s
    call openboot_prove(node)",
    );
    d.act();
    d.reach("the BREAK", |d| d.consoles[ALPHA].breaks > 0);
    d.pass(secs(1));
    d.asks(ALPHA);
    leaves(&mut d, ALPHA);
    assert!(d.wrote("the fence is given up"), "{}", d.story());
}

#[test]
fn a_key_throws_away_what_was_asked() {
    let mut d = desk(
        "
    call openboot_look(secondary) else -> bad
    wait 20s
    call setting(secondary) else -> bad
    -> good
procedure setting(node) \"it sets\"
    set node \"auto-boot?\" = \"false\" within 5s",
    );
    d.act();
    d.reach("the identity", |d| d.said("is right"));
    d.pass(secs(2));
    d.asks(BETA);
    leaves(&mut d, BETA);
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad"));
    assert!(!d.typed(BETA, "setenv"), "{}", d.story());
}

#[test]
fn a_pause_without_a_key_has_an_end() {
    let mut d = desk("    -> good");
    d.asks(BETA);
    d.pass(secs(70));
    assert!(told(&d).starts_with("Ended"), "{}", told(&d));
}

#[test]
fn timed_triggers_wait_for_whoever_types() {
    let mut d = desk("    log \"waits\"\n    every 5s -> good");
    d.asks(BETA);
    d.act();
    d.pass(secs(20));
    assert!(d.is_in("act"), "{}", d.story());
    leaves(&mut d, BETA);
    d.comes_to("good");
}

// --- where nobody may type ------------------------------------------------------------------

#[test]
fn nobody_types_at_a_besieged_node() {
    let mut d = Plan {
        memory: remembered(|_, nodes| nodes[BETA].siege = true),
        shows: [Shows::Login, Shows::Nothing],
        ..Plan::default()
    }
    .ready("    -> good");
    d.asks(BETA);
    assert!(told(&d).starts_with("Refused"), "{}", told(&d));
}

#[test]
fn nobody_types_at_a_node_that_must_stay_stopped_while_another_one_starts() {
    let mut d = desk(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good",
    );
    d.instead(BETA, "boot", "");
    d.act();
    d.reach("the RETURN", |d| d.typed(BETA, "boot disk\r"));
    d.asks(ALPHA);
    assert!(told(&d).contains("is being started"), "{}", told(&d));
}

#[test]
fn nobody_types_at_a_node_that_loads_a_system_beside_the_primary() {
    let mut d = desk("    -> good");
    d.says(BETA, "\r\nBoot device: disk  File and args:\r\n");
    d.asks(BETA);
    assert!(told(&d).contains("runs or loads"), "{}", told(&d));
}
