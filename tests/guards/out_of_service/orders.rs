//! What is refused, and when an order is in force.

use super::*;

/// A takeover whose fence only waits.
const SLOW: &str = "
    fence primary with slow refused -> vetoed else -> bad
    -> good
procedure slow(node) \"it waits\"
    wait 60s";

#[test]
fn who_shows_life_is_not_out_of_service() {
    let mut d = desk(RESTART);
    d.refuses_out(BETA, 3600, "beta shows life");
    assert!(d.typed(BETA, "\r"));
    d.refuses_out(BETA, 3600, "said something on its console");
    d.consoles[BETA].shows = Shows::Nothing;
    d.pass(secs(20));
    d.says_out(BETA, 3600).expect("it is silent now");
}

#[test]
fn what_cannot_be_is_refused() {
    let mut d = dead_standby(RESTART);
    d.refuses_out(BETA, 15 * 24 * 3600, "for 1 s to 14 d");
    d.refuses_out(BETA, 0, "1 s to");
    d.refuses_out(ALPHA, 3600, "alpha has service");
    let said = d.upkeep(Some(BETA), Upkeep::Back);
    assert_eq!(said, Some(Err("beta is not out of service".to_owned())));
    d.asks(BETA);
    d.refuses_out(BETA, 3600, "bob types on the console of beta");
}

#[test]
fn nobody_goes_before_it_is_known_who_has_the_package() {
    let mut d = Plan {
        memory: remembered(|package, _| package.primary = None),
        shows: [Shows::Prompt, Shows::Nothing],
        address: false,
        ..Plan::default()
    }
    .ready(RESTART);
    d.refuses_out(BETA, 3600, "it is not known yet who has service");
}

#[test]
fn not_in_the_middle_of_a_switch() {
    let mut d = dead_standby(SLOW);
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.pass(secs(12));
    d.refuses_out(BETA, 3600, "alpha is being stopped for good");
}

/// The journal has it, and a byte came before that was known.
#[test]
fn it_is_in_force_when_it_is_on_the_disk_and_not_when_a_byte_came_before() {
    let mut d = dead_standby(RESTART);
    d.slow_entry = Some("without power");
    d.upkeep(Some(BETA), out(3600));
    d.pass(secs(20));
    assert!(d.out(BETA).is_none(), "{}", d.story());
    assert!(d.memory.nodes[BETA].out_of_service.is_some());
    d.says(BETA, "self test");
    let said = d.answers.pop().expect("it is refused at once");
    assert!(said.is_err_and(|why| why.contains("shows life")));
    assert!(d.memory.nodes[BETA].out_of_service.is_none());
    d.sync();
    assert!(d.out(BETA).is_none(), "{}", d.story());
}

/// A takeover begins while the entry is on its way.
#[test]
fn what_speaks_against_it_is_weighed_again() {
    let mut d = dead_standby(SLOW);
    d.slow_entry = Some("without power");
    d.upkeep(Some(BETA), out(3600));
    d.pass(secs(6));
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.pass(secs(12));
    d.sync();
    let said = d.answers.pop().expect("an answer");
    assert!(said.is_err_and(|why| why.contains("alpha is being stopped")));
    assert!(d.out(BETA).is_none());
    assert!(d.memory.nodes[BETA].out_of_service.is_none());
}
