//! When a machine gives way to a new configuration (rules 9, 10 and 16), and when it does not.

use std::time::Duration;

use clusterd::machine::handover::Unready;
use clusterd::machine::input::Deed;
use clusterd::script::program::OperatorWord;

use crate::desk::*;

const SWITCH: &str = "
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good
state waits \"nothing\"
    log \"waits\"";

/// What a new configuration waits for.
fn under_way(d: &Desk) -> String {
    match d.machine.unready() {
        Some(Unready::UnderWay(what)) => what,
        other => panic!("{other:?}\n{}", d.story()),
    }
}

#[test]
fn at_rest_it_gives_way() {
    let d = desk("    -> good");
    assert!(d.is_in("rest"));
    assert_eq!(d.machine.unready(), None, "{}", d.story());
}

#[test]
fn before_the_survey_is_done_it_does_not() {
    let d = Plan::default().bare("    -> good");
    assert_eq!(under_way(&d), "all consoles have said who they are");
}

/// From the first byte of a fence to the login of the new primary there is no moment at which it gives
/// way, but for the wait in an ordinary state between them.
#[test]
fn in_the_middle_of_a_switch_it_does_not() {
    let mut d = desk(SWITCH);
    d.act();
    let mut seen = Vec::new();
    for _ in 0..5000 {
        if d.is_in("good") || d.is_in("bad") {
            break;
        }
        let what = under_way(&d);
        if seen.last() != Some(&what) {
            seen.push(what);
        }
        let boots = d.machine.snapshot(d.now).packages[0].primary.as_deref() == Some("beta");
        if boots && d.consoles[BETA].typed.ends_with("boot disk\r") {
            d.turns(BETA, Shows::Login);
        }
        d.pass(Duration::from_millis(20));
    }
    assert!(d.is_in("good"), "{}", d.story());
    let takeover = "the takeover to beta is done".to_owned();
    assert!(seen.contains(&takeover), "{seen:?}");
    d.pass(Duration::from_secs(5));
    assert_eq!(d.machine.unready(), None, "{}", d.story());
}

#[test]
fn a_takeover_that_was_begun_is_one_until_it_is_done() {
    let d = Plan {
        memory: remembered(|package, _| package.heir = Some("beta".to_owned())),
        ..Plan::default()
    };
    let d = d.bare("    -> good");
    assert_eq!(under_way(&d), "the takeover to beta is done");
}

#[test]
fn while_a_person_types_it_does_not() {
    let mut d = desk("    -> good");
    d.asks(BETA);
    assert_eq!(under_way(&d), "nobody types on the console of beta");
    let why = "detached".to_owned();
    d.person(BETA, Deed::Leaves { why });
    assert_eq!(d.machine.unready(), None, "{}", d.story());
}

#[test]
fn a_question_that_is_open_is_answered_first() {
    let mut d = desk("    call openboot_look(secondary) else -> bad\n    -> good");
    d.consoles[BETA].shows = Shows::Nothing;
    d.act();
    assert!(d.typed(BETA, "hex "));
    assert_eq!(under_way(&d), "the script has done its step in state act");
}

#[test]
fn a_hold_is_for_an_operator_to_end() {
    let mut d = desk("    -> stops\nhold state stops \"it stops\"\n    log \"held\"");
    d.act();
    d.pass(Duration::from_secs(5));
    assert!(d.held(), "{}", d.story());
    let said = "service is in HOLD (stops)".to_owned();
    assert_eq!(d.machine.unready(), Some(Unready::Held(said)));

    // The engine's own HOLD too.
    let mut d = desk("    send secondary \"boot disk\\r\"\n    -> good");
    d.act();
    d.pass(Duration::from_secs(1));
    assert!(d.held(), "{}", d.story());
    assert!(
        matches!(d.machine.unready(), Some(Unready::Held(_))),
        "{:?}",
        d.machine.unready()
    );
    d.order(OperatorWord::Release, None);
    d.pass(Duration::from_secs(60));
    assert_eq!(d.machine.unready(), None, "{}", d.story());
}

/// What a script has left on an input line keeps nothing waiting: the next machine kills it first.
#[test]
fn half_a_line_is_no_reason_to_wait() {
    let mut d = desk("    send secondary \"half\"\n    -> good");
    d.act();
    d.comes_to("good");
    assert_eq!(d.machine.unready(), None, "{}", d.story());
}

/// What speaks in the desk's script of a HOLD that a person's order may end.
const STOPS: &str = "
    -> stops
hold state stops \"it stops\"
    on operator boot -> good";

/// From the moment that a person is told that their order begins, through the journal and the script, until
/// whoever follows it was told how it ended.
#[test]
fn a_persons_order_is_done_first() {
    let mut d = desk(STOPS);
    d.act();
    d.comes_to("stops");
    d.address = false;
    d.turns(ALPHA, Shows::Prompt);
    d.pass(Duration::from_secs(5));
    assert!(
        matches!(d.machine.unready(), Some(Unready::Held(_))),
        "{}",
        d.story()
    );
    d.slow_entry = Some("op orders: boot");
    d.demand(OperatorWord::Boot, Some(ALPHA), true);
    assert!(d.said("op orders: boot of alpha"), "{}", d.story());
    assert!(d.is_in("stops"), "the journal has not said so yet");
    assert_eq!(under_way(&d), "the boot of alpha is done");
    d.sync();
    assert!(d.is_in("good"), "{}", d.story());
    assert_eq!(d.machine.unready(), None, "{}", d.story());
    let told = "op was told how the boot of alpha ended".to_owned();
    assert_eq!(d.machine.untold(d.now), Some(told));
    assert_eq!(d.machine.untold(d.now + Duration::from_secs(3)), None);
}

/// A HOLD is an order that is done at once, and the next machine begins with it.
#[test]
fn a_persons_hold_is_not_given_way() {
    let mut d = desk("    -> good");
    d.asks(BETA);
    d.demand(OperatorWord::Hold, None, false);
    assert_eq!(under_way(&d), "nobody types on the console of beta");
    let why = "detached".to_owned();
    d.person(BETA, Deed::Leaves { why });
    assert!(
        matches!(d.machine.unready(), Some(Unready::Held(_))),
        "{}",
        d.story()
    );
    d.sync();
    let held = d.memory.packages[0]
        .held
        .as_ref()
        .map(|held| held.who.as_str());
    assert_eq!(held, Some("op"), "{}", d.story());
}
