//! A standby that failed, is back at its prompt, and was not fully fenced since: it is told of before it
//! is needed (rule 17), and a script can make it good without going round in circles (rules 10 and 16).

use std::time::Duration;

use crate::desk::*;

/// A script that fences such a standby; what it failed to do it tries again.
const MENDS: &str = "
    on unfenced secondary -> mend
state mend \"make it good\"
    fence secondary with openboot_prove refused -> act else -> act
    -> good";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Beta was stopped by its power, some day, and is back at its prompt.
fn unfenced(act: &str) -> Desk {
    let plan = Plan {
        memory: remembered(|_, nodes| nodes[BETA].unfenced_failure = true),
        ..Plan::default()
    };
    plan.ready(act)
}

fn told(d: &Desk) -> usize {
    let ours = |code: &&String| *code == "unfenced_standby";
    d.alarms.iter().filter(ours).count()
}

fn over(d: &Desk) -> bool {
    d.cleared.iter().any(|code| code == "unfenced_standby")
}

#[test]
fn a_standby_that_was_not_fenced_is_told_of_in_every_state() {
    let mut d = unfenced(
        "
    expect primary within 5m {
        panic   -> bad
        silence -> mend
    }
state mend \"make it good\"
    fence secondary with openboot_prove refused -> vetoed else -> bad
    -> good",
    );
    d.act();
    d.pass(secs(60));
    assert_eq!(told(&d), 0, "the script may fence it\n{}", d.story());
    d.pass(secs(60));
    assert_eq!((told(&d), over(&d)), (1, false), "{}", d.story());
    d.disconnect(BETA);
    d.pass(secs(60));
    d.connect(BETA);
    assert_eq!((told(&d), over(&d)), (1, false), "it is no better");
    d.says(BETA, "\r\nok ");
    d.comes_to("good");
    d.pass(secs(1));
    assert_eq!((told(&d), over(&d)), (1, true), "{}", d.story());
}

#[test]
fn a_fenced_standby_is_not_told_of() {
    let mut d = desk("    wait 10m\n    -> good");
    d.act();
    d.pass(secs(300));
    assert_eq!(told(&d), 0, "{}", d.story());
}

#[test]
fn a_script_fences_it_at_its_prompt_without_a_break() {
    let mut d = unfenced(MENDS);
    d.act();
    d.comes_to("good");
    d.pass(secs(200));
    assert_eq!(told(&d), 0, "{}", d.story());
    assert_eq!(d.consoles[BETA].breaks, 0, "{}", d.story());
    assert!(!d.memory.nodes[BETA].unfenced_failure);
}

#[test]
fn what_could_not_be_fenced_is_left_alone_for_a_while() {
    let mut d = unfenced(MENDS);
    let true_again = "{line}\r\nauto-boot? =    true\r\nok ";
    d.instead(BETA, "printenv auto-boot?", true_again);
    d.act();
    d.reach("the end of the fence", |d| {
        d.wrote("could not be proved stopped")
    });
    d.pass(secs(300));
    assert!(d.is_in("act") && told(&d) == 1, "{}", d.story());
    d.comes_to("good");
    d.pass(secs(1));
    assert!(over(&d), "{}", d.story());
}

#[test]
fn nobody_is_fenced_under_the_hands_of_somebody_who_types_there() {
    let mut d = unfenced(MENDS);
    d.says(BETA, "printenv");
    d.act();
    d.pass(secs(20));
    assert!(!d.typed(BETA, "reset-all"), "{}", d.story());
    d.comes_to("good");
}
