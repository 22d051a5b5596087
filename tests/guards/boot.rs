//! From a proof to the RETURN of a boot command (rules 1, 3, 8, 9, 10 and 16).

use std::time::Duration;

use clusterd::machine::input::{Deed, Input};
use clusterd::script::program::{Op, OperatorWord, Role, Who};

use crate::desk::*;

/// The primary is stopped for good, the standby is booted.
const TAKEOVER: &str = "
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good";

/// The same with a pause between, in which things may happen.
const WITH_PAUSE: &str = "
    fence primary with openboot_reset refused -> vetoed else -> bad
    wait 8s
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good";

/// The standby is booted, and nobody was stopped.
const BOOT: &str = "
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good";

const BOOT_TYPED: &str = "boot disk";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A takeover whose boot intent is written and not on the disk.
fn intent() -> Desk {
    let mut d = desk(TAKEOVER);
    d.slow_entry = Some("boot it");
    d.act();
    d.reach("the intent", |d| !d.unsynced.is_empty());
    d
}

/// A takeover whose boot command is typed, and has not come back.
fn typed(act: &str) -> Desk {
    let mut d = desk(act);
    d.act();
    d.reach("the command", |d| d.typed(BETA, BOOT_TYPED));
    assert!(!d.typed(BETA, "boot disk\r"));
    d
}

/// A takeover in which the booted node was just asked who it is: the gate is next.
fn identified() -> Desk {
    let mut d = desk(TAKEOVER);
    d.act();
    d.reach("the identity", |d| d.typed(BETA, "banner\r"));
    d
}

#[test]
fn a_takeover_ends_in_a_boot() {
    let mut d = desk(TAKEOVER);
    d.act();
    d.comes_to("good");
    assert!(d.typed(BETA, "boot disk\r"), "{}", d.story());
    assert!(!d.typed(ALPHA, "boot disk"));
}

#[test]
fn without_a_proof_nothing_is_booted() {
    let mut d = desk(BOOT);
    d.act();
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"proof\""), "{}", d.story());
    assert!(!d.wrote("boot it"), "an intent");
}

#[test]
fn a_takeover_asks_the_fenced_node_once_more() {
    let mut d = identified();
    let before = d.consoles[ALPHA].typed.len();
    d.comes_to("good");
    assert!(
        d.consoles[ALPHA].typed[before..].contains("hex "),
        "{}",
        d.story()
    );
}

#[test]
fn a_fenced_node_that_does_not_answer_just_before_is_not_proved() {
    let mut d = identified();
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.comes_to("vetoed");
    assert!(!d.typed(BETA, BOOT_TYPED), "{}", d.story());
    assert!(!d.proved(ALPHA));
}

#[test]
fn an_old_proof_boots_nothing_and_is_told_to_be_dead() {
    let mut d = desk(&TAKEOVER.replace("    boot", "    wait 61s\n    boot"));
    d.act();
    d.comes_to("vetoed");
    assert!(d.said("died: it is too old"), "{}", d.story());
    assert!(!d.wrote("boot it"));
}

#[test]
fn before_its_intent_is_durable_nothing_is_typed() {
    let mut d = intent();
    d.pass(secs(3));
    assert_eq!(
        d.consoles[BETA].typed.matches("hex ").count(),
        0,
        "{}",
        d.story()
    );
}

#[test]
fn another_entry_makes_no_intent_durable() {
    let mut d = intent();
    d.tell(Input::Durable { ticket: 999_999 });
    d.pass(secs(3));
    assert!(!d.typed(BETA, "hex "), "{}", d.story());
}

#[test]
fn no_trigger_comes_between_an_intent_and_its_durability() {
    let mut d = desk(&format!("{TAKEOVER}\n    on operator release -> bad"));
    d.slow_entry = Some("boot it");
    d.act();
    d.reach("the intent", |d| !d.unsynced.is_empty());
    d.order(OperatorWord::Release, None);
    assert!(d.is_in("act"), "{}", d.story());
}

#[test]
fn the_intent_gives_the_package_away_unconfirmed_and_counts_as_a_switch() {
    let d = intent();
    let package = &d.memory.packages[0];
    assert_eq!(package.primary.as_deref(), Some("beta"));
    assert!(!package.confirmed);
    assert_eq!(package.switches.len(), 1);
}

#[test]
fn a_boot_refused_after_its_intent_types_nothing_and_takes_the_roles_back() {
    let mut d = intent();
    d.says(ALPHA, "x");
    d.sync();
    d.comes_to("vetoed");
    assert!(!d.typed(BETA, "hex "), "{}", d.story());
    let package = &d.memory.packages[0];
    assert_eq!(package.primary.as_deref(), Some("alpha"));
    assert!(package.confirmed);
    assert_eq!(package.switches.len(), 0);
}

#[test]
fn a_monitor_that_doubts_itself_after_the_intent_boots_nothing() {
    let mut d = intent();
    d.doubts();
    d.sync();
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"impaired\""), "{}", d.story());
}

#[test]
fn a_monitor_that_doubts_itself_begins_no_boot_and_waits() {
    let mut d = desk(WITH_PAUSE);
    d.act();
    d.reach("the proof", |d| d.proved(ALPHA));
    d.doubts();
    d.pass(secs(12));
    assert!(d.is_in("act"), "{}", d.story());
    assert!(!d.wrote("boot it"));
}

#[test]
fn a_boot_needs_the_console_after_the_intent_too() {
    let mut d = intent();
    d.disconnect(BETA);
    d.sync();
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"link\""), "{}", d.story());
}

#[test]
fn a_wrong_machine_is_not_booted() {
    let mut d = desk(
        "
    call openboot_look(secondary) else -> two
    -> bad
state two \"the same\"
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good",
    );
    d.consoles[BETA].host_id = "80770009".to_owned();
    d.act();
    d.comes_to("vetoed");
    assert!(
        d.said("boot beta refused by guard \"identity\""),
        "{}",
        d.story()
    );
}

#[test]
fn a_wrong_machine_is_forgotten_with_its_link() {
    let mut d = desk(
        "
    call openboot_look(secondary) else -> two
    -> bad
state two \"the same\"
    fence primary with openboot_reset refused -> vetoed else -> bad
    wait link secondary within 1m else -> bad
    wait 8s
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good",
    );
    d.consoles[BETA].host_id = "80770009".to_owned();
    d.act();
    d.comes_to("two");
    d.consoles[BETA].host_id = "80770002".to_owned();
    d.connect(BETA);
    d.comes_to("good");
}

#[test]
fn a_node_that_runs_is_not_booted() {
    let mut d = Plan {
        shows: [Shows::Login, Shows::Login],
        ..Plan::default()
    }
    .ready(
        "
    fence primary with by_word refused -> vetoed else -> bad
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good",
    );
    assert!(d.is_in("rest_two"), "{}", d.story());
    d.order(OperatorWord::Confirm, Some(ALPHA));
    d.act_unordered();
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"condition\""), "{}", d.story());
}

#[test]
fn the_cap_on_switches_is_kept() {
    let plan = Plan {
        switches: 0,
        ..Plan::default()
    };
    let mut d = plan.ready(TAKEOVER);
    d.act();
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"cap\""), "{}", d.story());
}

#[test]
fn a_node_that_failed_and_was_not_fenced_is_not_booted() {
    let plan = Plan {
        memory: remembered(|_, nodes| nodes[BETA].unfenced_failure = true),
        ..Plan::default()
    };
    let mut d = plan.ready(TAKEOVER);
    d.act();
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"failed\""), "{}", d.story());
}

#[test]
fn a_node_that_failed_too_often_is_not_booted() {
    let plan = Plan {
        failures: 1,
        memory: remembered(|_, nodes| nodes[BETA].failures = vec![1_000_000]),
        ..Plan::default()
    };
    let mut d = plan.ready(TAKEOVER);
    d.act();
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"failures\""), "{}", d.story());
}

#[test]
fn a_boot_that_failed_is_remembered() {
    let mut d = desk(TAKEOVER);
    d.instead(BETA, "boot", "{line}\r\nCan't open boot device\r\nok ");
    d.act();
    d.comes_to("bad");
    let beta = &d.memory.nodes[BETA];
    assert_eq!(beta.failures.len(), 1, "{}", d.story());
    assert!(beta.unfenced_failure);
}

#[test]
fn why_a_boot_failed_is_said_and_at_once() {
    let cases = [
        (
            "{line}\r\npanic[cpu0]/thread=1: x\r\n",
            60,
            "it panicked while it started",
        ),
        (
            "{line}\r\nCan't open boot device\r\n",
            60,
            "it cannot boot from disk",
        ),
        ("{line}\r\nok ", 60, "it came back to its prompt"),
    ];
    for (says, limit, why) in cases {
        let mut d = desk(TAKEOVER);
        d.instead(BETA, "boot", says);
        d.act();
        d.until(secs(limit), |d| d.is_in("bad"));
        assert!(
            d.said(&format!("did not start: {why}")),
            "{why}\n{}",
            d.story()
        );
    }
}

#[test]
fn a_boot_that_was_not_seen_to_end_is_asked_once() {
    let cases = [
        (Shows::Login, "good", "beta: login prompt"),
        (Shows::Prompt, "bad", "it came back to its prompt"),
        (Shows::Nothing, "bad", "no login prompt within 15 min"),
    ];
    for (shows, end, says) in cases {
        let mut d = desk(TAKEOVER);
        d.instead(BETA, "boot", "");
        d.act();
        d.reach("the boot command", |d| d.typed(BETA, "boot"));
        d.pass(secs(1));
        d.consoles[BETA].shows = shows;
        d.pass(secs(600));
        assert!(d.is_in("act"), "{}", d.story());
        d.pass(secs(400));
        assert!(d.is_in(end) && d.said(says), "{end}\n{}", d.story());
    }
}

#[test]
fn the_standing_guard_is_set_and_read_back() {
    let plan = Plan {
        memory: remembered(|_, nodes| nodes[BETA].guard_read = false),
        ..Plan::default()
    };
    let mut d = plan.ready("    call openboot_guard(secondary) else -> bad\n    -> good");
    d.act();
    d.comes_to("good");
    assert!(d.machine.guard_read(BETA), "{}", d.story());
}

#[test]
fn a_boot_that_gave_no_command_has_failed() {
    let mut d = desk(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with openboot_look refused -> vetoed else -> bad
    -> good",
    );
    d.act();
    d.comes_to("bad");
}

#[test]
fn a_boot_command_goes_to_the_node_of_the_open_door_only() {
    // After the intent the old primary is the secondary.
    let plan = Plan {
        change: |program| {
            for op in &mut program.ops {
                if let Op::Send { who, text } = op
                    && format!("{text:?}").contains("boot ")
                {
                    *who = Who::Role(Role::Secondary);
                }
            }
        },
        ..Plan::default()
    };
    let mut d = plan.ready(TAKEOVER);
    d.act();
    d.pass(secs(5));
    assert!(d.held(), "{}", d.story());
    assert!(d.wrote("outside boot and resume"), "{}", d.story());
}

/// A boot procedure that asks nobody who they are.
const UNASKED: &str = "
procedure unasked(node) \"it types at once\"
    send node \"boot {boot_device}\\r\"
    expect node within 1m { login -> done }";

#[test]
fn nothing_is_started_on_a_node_that_was_not_asked_who_it_is() {
    let mut d = desk(&format!(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with unasked refused -> vetoed else -> bad
    -> good{UNASKED}"
    ));
    d.act();
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"identity\""), "{}", d.story());
}

#[test]
fn what_was_asked_before_the_boot_counts_for_nothing() {
    let mut d = desk(&format!(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    call openboot_look(secondary) else -> bad
    boot secondary with unasked refused -> vetoed else -> bad
    -> good{UNASKED}"
    ));
    d.act();
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"identity\""), "{}", d.story());
}

#[test]
fn a_doubt_at_the_gate_comes_before_the_first_byte() {
    let mut d = identified();
    let before = d.consoles[ALPHA].typed.len();
    d.reach("the nonce", |d| d.consoles[ALPHA].typed.len() > before);
    d.doubts();
    d.comes_to("vetoed");
    assert!(!d.typed(BETA, BOOT_TYPED), "{}", d.story());
}

#[test]
fn a_proof_that_dies_behind_the_first_byte_stops_the_return_and_the_line_is_wiped() {
    let mut d = typed(TAKEOVER);
    d.says(ALPHA, "x");
    d.comes_to("vetoed");
    assert!(!d.typed(BETA, "boot disk\r"), "{}", d.story());
    assert!(d.typed(BETA, "boot disk\x15"), "{}", d.story());
}

#[test]
fn a_command_that_does_not_come_back_as_typed_gets_no_return() {
    let mut d = typed(TAKEOVER);
    d.says(BETA, "zz");
    d.comes_to("vetoed");
    assert!(!d.typed(BETA, "boot disk\r"), "{}", d.story());
    assert!(d.said("refused by guard \"echo\""));
}

#[test]
fn a_boot_waits_until_nobody_types_there() {
    let mut d = desk(WITH_PAUSE);
    d.act();
    d.reach("the proof", |d| d.proved(ALPHA));
    d.pass(secs(7));
    d.says(BETA, "x");
    d.pass(secs(3));
    assert!(!d.wrote("boot it"), "{}", d.story());
    d.comes_to("good");
}

#[test]
fn whoever_types_after_the_intent_is_left_alone_too() {
    let mut d = intent();
    d.says(BETA, "x");
    d.sync();
    d.pass(secs(2));
    assert!(!d.typed(BETA, BOOT_TYPED), "{}", d.story());
    assert!(
        d.wrote("beta was not booted: somebody types"),
        "{}",
        d.story()
    );
}

#[test]
fn a_person_at_the_fenced_node_stops_the_boot_at_its_gate() {
    let mut d = identified();
    d.asks(ALPHA);
    d.pass(secs(1));
    assert!(
        d.wrote("beta was not booted: somebody types on the console of alpha"),
        "{}",
        d.story()
    );
}

#[test]
fn a_node_that_is_started_is_proved_no_more() {
    let mut d = desk(
        "
    fence secondary with openboot_reset refused -> vetoed else -> bad
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good",
    );
    d.instead(BETA, "boot", "");
    d.order(OperatorWord::Confirm, Some(BETA));
    d.act();
    d.reach("the RETURN", |d| d.typed(BETA, "boot disk\r"));
    assert!(!d.proved(BETA), "{}", d.story());
}

#[test]
fn a_boot_given_up_before_its_return_takes_the_roles_back() {
    let mut d = desk(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with slow refused -> vetoed else -> bad
    -> good
    urgent on primary prints panic, trap { log \"urgent\" }
procedure slow(node) \"it takes its time\"
    live node within 5s
    identity node within 10s
    wait 10s
    send node \"boot {boot_device}\\r\"
    expect node within 1m { login -> done }",
    );
    d.act();
    d.reach("the pause", |d| d.typed(BETA, "banner\r"));
    d.pass(secs(2));
    assert_eq!(d.memory.packages[0].primary.as_deref(), Some("beta"));
    d.says(BETA, "\r\npanic[cpu0]/thread=1: x\r\n");
    d.pass(secs(1));
    assert!(d.said("urgent"), "{}", d.story());
    let package = &d.memory.packages[0];
    assert_eq!(package.primary.as_deref(), Some("alpha"), "{}", d.story());
    assert_eq!(package.switches.len(), 0);
}

#[test]
fn a_boot_given_up_behind_its_first_byte_is_wiped_from_the_line() {
    let mut d = typed(&format!(
        "{TAKEOVER}\n    urgent on primary prints panic, trap -> bad"
    ));
    d.says(BETA, "\r\npanic[cpu0]/thread=1: x\r\n");
    d.comes_to("bad");
    assert!(d.typed(BETA, "boot disk\x15"), "{}", d.story());
}

#[test]
fn a_boot_waits_for_a_person_at_any_node_of_the_package() {
    let mut d = desk(WITH_PAUSE);
    d.act();
    d.reach("the proof", |d| d.proved(ALPHA));
    d.pass(secs(2));
    d.asks(ALPHA);
    d.pass(secs(10));
    assert!(d.is_in("act"), "{}", d.story());
    let why = "detached".to_owned();
    d.person(ALPHA, Deed::Leaves { why });
}
