//! Orders of people: weighed, durable, and no key to any door.

use std::time::Duration;

use clusterd::machine::input::Upkeep;
use clusterd::script::program::OperatorWord;

use crate::desk::*;

/// A fence of the primary.
const FENCE: &str = "
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good";

/// The cluster file's `stop:`, then a fence of the primary.
const STOP: &str = "
    run \"{stop}\" within 5m { 0 -> fence_it  127 -> no_stop  else -> bad }
state no_stop \"there is none\"
    log \"none\"
state fence_it \"now\"
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good";

const PUT_DOWN: &str = "
    -> ready
state ready \"all is well\"
    on operator fence_primary -> put_down
state put_down \"an operator stops the primary\"
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> away
hold state away \"put away\"
    on primary prints login -> ready
    after 1m -> wilful
state wilful \"a script that does not wait for their word\"
    fence secondary with openboot_reset refused -> bad else -> bad
    boot primary with openboot_boot refused -> vetoed else -> bad
    -> good";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn with_stop(act: &str) -> Desk {
    let plan = Plan {
        stop: true,
        ..Plan::default()
    };
    let mut d = plan.bare(act);
    d.comes_to("rest");
    d
}

#[test]
fn what_a_rule_speaks_against_is_refused_before_anything_is_stopped() {
    let mut d = with_stop(STOP);
    d.doubts();
    d.demand(OperatorWord::Switchover, None, true);
    d.pass(secs(1));
    assert!(d.said("REFUSED, nothing is done"), "{}", d.story());
    assert!(d.said("(rule 8)"), "{}", d.story());
    assert!(d.runs.is_empty() && d.is_in("rest"), "{}", d.story());
}

#[test]
fn force_passes_what_is_no_rule_and_nothing_else() {
    let mut d = desk(FENCE);
    d.demand(OperatorWord::Switchover, None, false);
    assert!(d.said("has no `stop:`") && d.is_in("rest"), "{}", d.story());
    d.demand(OperatorWord::Switchover, Some(ALPHA), true);
    assert!(
        d.said("is on alpha already") && d.is_in("rest"),
        "{}",
        d.story()
    );
    d.demand(OperatorWord::Switchover, None, true);
    d.reach("the fence", |d| d.said("for good with"));
}

#[test]
fn before_an_order_is_durable_the_script_hears_nothing_of_it() {
    let mut d = with_stop(STOP);
    d.slow_entry = Some("op orders: switchover");
    d.demand(OperatorWord::Switchover, None, false);
    d.pass(secs(20));
    assert!(d.runs.is_empty() && d.is_in("rest"), "{}", d.story());
    d.sync();
    d.reach("the command", |d| !d.runs.is_empty());
    assert_eq!(d.runs[0].1, ["stop", "alpha"]);
    // Whom it is for outlives a restart from here on.
    assert_eq!(d.memory.packages[0].heir.as_deref(), Some("beta"));
}

#[test]
fn an_order_that_the_journal_does_not_take_is_over() {
    let mut d = with_stop(STOP);
    d.slow_entry = Some("op orders: switchover");
    d.demand(OperatorWord::Switchover, None, false);
    d.pass(secs(90));
    assert!(d.said("the journal did not take it"), "{}", d.story());
    d.sync();
    d.pass(secs(5));
    assert!(d.runs.is_empty() && d.is_in("rest"), "{}", d.story());
}

#[test]
fn a_primary_that_serves_meets_no_break_for_an_order_without_force() {
    let mut d = with_stop(STOP);
    d.demand(OperatorWord::Switchover, None, false);
    d.reach("the command", |d| !d.runs.is_empty());
    d.command_ends(Ok(0));
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"evidence\""), "{}", d.story());
    assert_eq!(d.consoles[ALPHA].breaks, 0);
    // With force it does, however long the command took.
    let mut d = with_stop(STOP);
    d.demand(OperatorWord::Switchover, None, true);
    d.reach("the command", |d| !d.runs.is_empty());
    d.pass(secs(200));
    d.command_ends(Ok(0));
    d.reach("the fence", |d| d.said("for good with"));
}

#[test]
fn a_system_that_shut_down_is_fenced_without_force() {
    let mut d = with_stop(STOP);
    d.demand(OperatorWord::Switchover, None, false);
    d.reach("the command", |d| !d.runs.is_empty());
    d.address = false;
    d.turns(ALPHA, Shows::Prompt);
    d.pass(secs(10));
    d.command_ends(Ok(0));
    d.comes_to("good");
    assert!(d.proved(ALPHA), "{}", d.story());
}

#[test]
fn nothing_but_an_order_runs_the_command_that_stops_a_system() {
    let mut d = with_stop(STOP);
    d.act_unordered();
    d.comes_to("bad");
    assert!(d.runs.is_empty(), "{}", d.story());
    let mut d = desk(STOP);
    d.act();
    d.comes_to("no_stop");
}

#[test]
fn a_persons_hold_stays_over_a_restart_until_release() {
    let mut d = desk(FENCE);
    d.demand(OperatorWord::Hold, None, false);
    assert!(d.held(), "{}", d.story());
    let memory = d.memory.clone();
    let plan = Plan {
        memory,
        ..Plan::default()
    };
    let mut d = plan.bare(FENCE);
    d.pass(secs(120));
    assert!(
        d.held() && d.consoles[ALPHA].typed.is_empty(),
        "{}",
        d.story()
    );
    assert!(d.alarms.contains(&"held".to_owned()));
    d.order(OperatorWord::Release, None);
    d.comes_to("rest");
    assert!(!d.held() && d.memory.packages[0].held.is_none());
    assert!(d.cleared.contains(&"held".to_owned()));
}

#[test]
fn a_hold_that_is_released_before_it_is_durable_is_not_said_to_be_done() {
    let mut d = desk(FENCE);
    d.slow_entry = Some("op orders: hold");
    d.demand(OperatorWord::Hold, None, false);
    d.pass(secs(1));
    d.order(OperatorWord::Release, None);
    d.comes_to("rest");
    assert!(d.said("op ended the HOLD before"), "{}", d.story());
    d.sync();
    d.pass(secs(1));
    assert!(!d.said("is in HOLD until"), "{}", d.story());
    assert!(!d.held() && d.memory.packages[0].held.is_none());
}

#[test]
fn a_fence_that_is_released_before_it_is_durable_is_not_begun() {
    let mut d = desk(PUT_DOWN);
    d.act();
    d.comes_to("ready");
    d.slow_entry = Some("op orders: fence");
    d.demand(OperatorWord::FencePrimary, Some(ALPHA), true);
    d.pass(secs(1));
    d.order(OperatorWord::Release, None);
    d.sync();
    d.pass(secs(10));
    assert!(d.said("op ended the HOLD before"), "{}", d.story());
    assert!(d.is_in("ready"), "{}", d.story());
    assert_eq!(d.consoles[ALPHA].breaks, 0);
}

#[test]
fn a_persons_hold_stays_over_a_maintenance() {
    let mut d = desk(FENCE);
    d.demand(OperatorWord::Hold, None, false);
    let lasts = secs(600);
    let reason = "new disks".to_owned();
    let said = d.upkeep(None, Upkeep::Maintain { lasts, reason });
    assert!(matches!(said, Some(Ok(_))), "{said:?}\n{}", d.story());
    d.pass(secs(900));
    assert!(d.said("the maintenance is over"), "{}", d.story());
    assert!(
        d.held() && d.memory.packages[0].held.is_some(),
        "{}",
        d.story()
    );
    d.order(OperatorWord::Release, None);
    d.comes_to("rest");
    assert!(!d.held());
}

#[test]
fn the_hold_of_a_fence_ends_where_the_script_goes_on_and_not_before() {
    let mut d = desk(PUT_DOWN);
    d.act();
    d.comes_to("ready");
    d.demand(OperatorWord::FencePrimary, Some(ALPHA), true);
    d.comes_to("away");
    d.pass(secs(30));
    assert!(d.memory.packages[0].held.is_some(), "{}", d.story());
    // Somebody starts it by hand.
    d.turns(ALPHA, Shows::Login);
    d.comes_to("ready");
    assert!(d.memory.packages[0].held.is_none(), "{}", d.story());
}

#[test]
fn what_a_person_put_away_no_script_boots() {
    let mut d = desk(PUT_DOWN);
    d.act();
    d.comes_to("ready");
    d.demand(OperatorWord::FencePrimary, Some(ALPHA), true);
    d.comes_to("vetoed");
    assert!(
        d.said("refused by guard \"put_away\": op put the package away"),
        "{}",
        d.story()
    );
}
