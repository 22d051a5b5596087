//! What a script may not do however it is written, and where it stops (rules 3, 10 and 17).

use std::time::Duration;

use clusterd::machine::input::Input;
use clusterd::script::program::OperatorWord;

use crate::desk::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn in_the_engines_own_hold_no_trigger_fires_and_release_is_heard() {
    let mut d = desk(
        "
    send secondary \"boot disk\\r\"
    on secondary prints prompt -> good",
    );
    d.act();
    d.pass(secs(1));
    assert!(d.held(), "{}", d.story());
    assert!(d.wrote("outside boot and resume"), "{}", d.story());
    assert!(d.memory.packages[0].hold.is_some());
    d.says(BETA, "\r\nok ");
    d.pass(secs(1));
    assert!(d.is_in("act"), "{}", d.story());
    d.order(OperatorWord::Release, None);
    d.pass(secs(60));
    assert!(d.is_in("rest"), "{}", d.story());
}

#[test]
fn a_circle_of_states_ends_in_hold() {
    let mut d = desk("    -> two\nstate two \"and back\"\n    -> act");
    d.act();
    d.pass(secs(1));
    assert!(d.wrote("a circle of states"), "{}", d.story());
}

#[test]
fn a_retry_has_an_end() {
    let mut d = desk(
        "
    call tries(secondary) else -> bad
    -> good
procedure tries(node) \"twice\"
    retry 2 every 1s { fail \"no\" }",
    );
    d.act();
    d.pass(secs(20));
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn only_an_urgent_trigger_interrupts_a_procedure() {
    let mut d = desk(
        "
    fence secondary with openboot_reset refused -> vetoed else -> bad
    -> good
    on secondary prints banner -> vetoed",
    );
    d.act();
    d.pass(secs(30));
    assert!(d.said("proved stopped"), "{}", d.story());
}

#[test]
fn the_answer_to_another_probe_is_no_answer() {
    let mut d = desk("    probe service within 5s { answers -> good  silent -> bad }");
    d.act();
    let ticket = d.probes.pop().expect("it was asked");
    let answered = true;
    d.tell(Input::ProbeDone {
        ticket: ticket + 1000,
        answered,
    });
    assert!(d.is_in("act"), "{}", d.story());
    d.tell(Input::ProbeDone { ticket, answered });
    d.pass(secs(1));
    assert!(d.is_in("good"), "{}", d.story());
}
