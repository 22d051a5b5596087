//! What is remembered over a restart, and what a console's words do to the standing guard (rules 5, 6,
//! 7 and 9); what lasts is told of in every state (rule 17).

use std::time::Duration;

use crate::desk::*;

const PANIC: &str = "\r\npanic[cpu0]/thread=1: x\r\n";

#[test]
fn a_panic_is_remembered_and_that_it_is_past_too() {
    let mut d = desk("    -> good");
    d.says(ALPHA, PANIC);
    assert!(d.memory.nodes[ALPHA].panicked, "{}", d.story());
    d.turns(ALPHA, Shows::Login);
    assert!(!d.memory.nodes[ALPHA].panicked, "{}", d.story());
}

#[test]
fn a_boot_by_hand_voids_the_guard() {
    let mut d = desk("    -> good");
    assert!(d.machine.guard_read(BETA));
    d.says(BETA, "\r\nBoot device: disk  File and args:\r\n");
    assert!(!d.machine.guard_read(BETA), "{}", d.story());
}

#[test]
fn a_stop_without_a_break_of_ours_does_not_say_that_break_works() {
    let plan = Plan {
        memory: remembered(|_, nodes| nodes[BETA].break_worked = false),
        ..Plan::default()
    };
    let mut d = plan.ready("    -> good");
    d.says(BETA, "\r\nType  'go' to resume\r\nok ");
    assert!(!d.node(BETA).break_worked, "{}", d.story());
}

#[test]
fn a_return_typed_before_a_new_link_is_not_unanswered() {
    let mut d = Plan {
        shows: [Shows::Nothing, Shows::Prompt],
        address: false,
        ..Plan::default()
    }
    .bare(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good",
    );
    d.pass(Duration::from_secs(8));
    d.connect(ALPHA);
    d.comes_to("rest_silent");
    d.act_unordered();
    d.comes_to("vetoed");
}

#[test]
fn a_console_that_stays_lost_is_told_of_in_every_state() {
    let lost = |d: &Desk| {
        d.alarms
            .iter()
            .filter(|code| *code == "console_lost")
            .count()
    };
    let back = |d: &Desk| {
        d.cleared
            .iter()
            .filter(|code| *code == "console_lost")
            .count()
    };
    // The script waits for a login, and listens for nothing else.
    let mut d = desk(
        "
    expect primary within 15m {
        panic   -> bad
        silence -> bad
    }",
    );
    d.act();
    d.disconnect(BETA);
    d.pass(Duration::from_secs(59));
    assert_eq!(lost(&d), 0, "a short loss\n{}", d.story());
    d.pass(Duration::from_secs(2));
    assert_eq!(lost(&d), 1, "{}", d.story());
    d.disconnect(ALPHA);
    d.pass(Duration::from_secs(61));
    assert_eq!(lost(&d), 2, "the other one too\n{}", d.story());
    d.connect(ALPHA);
    d.says(ALPHA, "\r\nnode console login: ");
    assert_eq!((lost(&d), back(&d)), (3, 0), "one is still lost");
    d.connect(BETA);
    assert_eq!((lost(&d), back(&d)), (3, 0), "connected, and silent");
    d.says(BETA, "\r\nok ");
    d.pass(Duration::from_secs(1));
    assert_eq!((lost(&d), back(&d)), (3, 1), "{}", d.story());
    d.disconnect(BETA);
    d.pass(Duration::from_secs(30));
    d.connect(BETA);
    d.pass(Duration::from_secs(30));
    d.says(BETA, "\r\nok ");
    d.pass(Duration::from_secs(120));
    assert_eq!((lost(&d), back(&d)), (3, 1), "a short loss\n{}", d.story());
    d.disconnect(BETA);
    d.connect(BETA);
    d.pass(Duration::from_secs(121));
    assert_eq!(
        (lost(&d), back(&d)),
        (4, 1),
        "nobody asked it\n{}",
        d.story()
    );
}

#[test]
fn a_node_that_runs_beside_the_other_is_told_of_in_every_state() {
    let told = |d: &Desk| d.alarms.iter().any(|code| code == "runs_beside");
    let over = |d: &Desk| d.cleared.iter().any(|code| code == "runs_beside");
    let mut d = desk(
        "
    expect primary within 15m {
        panic   -> bad
        silence -> bad
    }",
    );
    d.act();
    d.turns(BETA, Shows::Login);
    d.pass(Duration::from_secs(59));
    assert!(!told(&d), "the script may stop it\n{}", d.story());
    d.pass(Duration::from_secs(2));
    assert!(told(&d) && !over(&d), "{}", d.story());
    d.turns(BETA, Shows::Prompt);
    d.says(BETA, "\r\nok ");
    d.pass(Duration::from_secs(1));
    assert!(over(&d), "{}", d.story());
}
