//! What it takes to stop a node (rules 6, 7, 8, 9 and 14), and what a fence leaves behind.

use std::time::Duration;

use clusterd::machine::input::PowerState;
use clusterd::machine::setup::{DataPolicy, LegPolicy};
use clusterd::script::program::OperatorWord;

use crate::desk::*;

/// A fence of the primary; what follows it is nobody's concern here.
const FENCE: &str = "
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good";

/// The same behind a RETURN that is awaited for 5 s.
const ASKED: &str = "
    ask primary within 5s { login -> fence_it  silence -> fence_it  prompt -> fence_it }
state fence_it \"now\"
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good";

/// A fence of the standby.
const STANDBY: &str = "
    fence secondary with openboot_reset refused -> vetoed else -> bad
    -> good";

const PANIC: &str = "\r\npanic[cpu0]/thread=1: x\r\n";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The script begins its act without an operator's order; the guard of that name refuses the fence.
#[track_caller]
fn refused(mut d: Desk, guard: &str) {
    let breaks = d.consoles[ALPHA].breaks;
    d.act_unordered();
    d.comes_to("vetoed");
    assert!(
        d.said(&format!("refused by guard \"{guard}\"")),
        "{}",
        d.story()
    );
    assert_eq!(d.consoles[ALPHA].breaks, breaks);
}

/// The script begins its act without an operator's order; a fence begins.
#[track_caller]
fn fences(mut d: Desk) {
    d.act_unordered();
    d.reach("the fence", |d| d.said("for good with"));
}

#[test]
fn a_healthy_node_is_not_fenced() {
    refused(desk(FENCE), "evidence");
    refused(desk(ASKED), "evidence");
}

#[test]
fn nobody_is_fenced_before_the_roles_are_known() {
    let plan = Plan {
        memory: clusterd::machine::memory::Memory::default(),
        shows: [Shows::Prompt, Shows::Nothing],
        address: false,
        ..Plan::default()
    };
    let mut d = plan.bare(FENCE);
    d.comes_to("unclear");
    refused(d, "roles");
}

#[test]
fn a_wrong_machine_is_not_fenced() {
    let mut d = desk(
        "
    call openboot_look(primary) else -> two
    -> bad
state two \"the same\"
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good",
    );
    d.consoles[ALPHA].host_id = "80770009".to_owned();
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(10));
    refused(d, "identity");
}

#[test]
fn a_prompt_on_the_primary_while_its_address_answers_is_not_broken_into() {
    let mut d = desk(FENCE);
    d.turns(ALPHA, Shows::Prompt);
    d.pass(secs(12));
    refused(d, "swapped");
}

#[test]
fn a_prompt_is_evidence_when_it_answers() {
    let mut d = desk(FENCE);
    d.address = false;
    d.turns(ALPHA, Shows::Prompt);
    d.pass(secs(12));
    fences(d);
}

#[test]
fn a_prompt_that_does_not_answer_is_none() {
    let mut d = desk(FENCE);
    d.address = false;
    d.turns(ALPHA, Shows::Prompt);
    d.pass(secs(12));
    d.consoles[ALPHA].shows = Shows::Nothing;
    refused(d, "evidence");
}

#[test]
fn a_prompt_of_an_old_link_is_none() {
    let mut d = desk(
        "
    call openboot_look(primary) else -> bad
    -> two
state two \"wait for the word\"
    on operator release -> three
state three \"now\"
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good",
    );
    d.address = false;
    d.turns(ALPHA, Shows::Prompt);
    d.pass(secs(12));
    d.act_unordered();
    d.comes_to("two");
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.connect(ALPHA);
    d.pass(secs(1));
    refused(d, "evidence");
}

#[test]
fn both_legs_silent_are_evidence_and_one_is_none() {
    for (address, falls) in [(false, true), (true, false)] {
        let mut d = desk(ASKED);
        d.address = address;
        d.consoles[ALPHA].shows = Shows::Nothing;
        d.pass(secs(12));
        match falls {
            true => fences(d),
            false => refused(d, "evidence"),
        }
    }
}

#[test]
fn an_old_silence_is_none() {
    let mut d = desk(&ASKED.replace("    fence primary", "    wait 100s\n    fence primary"));
    d.address = false;
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.pass(secs(12));
    refused(d, "evidence");
}

#[test]
fn a_panic_is_evidence_with_an_unanswered_return_only() {
    let mut d = desk(FENCE);
    d.says(ALPHA, PANIC);
    refused(d, "evidence");
    let mut d = desk(ASKED);
    d.says(ALPHA, PANIC);
    d.consoles[ALPHA].shows = Shows::Nothing;
    fences(d);
}

#[test]
fn a_panic_is_past_when_a_login_answered() {
    let mut d = desk(ASKED);
    d.says(ALPHA, PANIC);
    d.turns(ALPHA, Shows::Login);
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.pass(secs(1));
    refused(d, "evidence");
}

#[test]
fn a_confirmed_primary_that_restarts_is_not_fenced_for_it() {
    let mut d = desk(FENCE);
    d.says(ALPHA, "\r\nBoot device: disk  File and args:\r\n");
    refused(d, "evidence");
}

/// Both legs silent where no witness is configured, and the standby on this terminal server.
fn without_witness(server: &'static str) -> Desk {
    let mut d = Plan {
        witnesses: 0,
        servers: ["ts1", server],
        ..Plan::default()
    }
    .ready(ASKED);
    d.address = false;
    d.consoles[ALPHA].shows = Shows::Nothing;
    d
}

#[test]
fn all_else_silent_too_is_the_path() {
    let mut d = without_witness("ts1");
    d.pass(secs(40));
    refused(d, "path");
}

#[test]
fn another_console_of_the_same_server_vouches_for_the_path_and_no_other() {
    for (server, falls) in [("ts1", true), ("ts2", false)] {
        let mut d = without_witness(server);
        d.pass(secs(12));
        d.says(BETA, "\r\nok ");
        match falls {
            true => fences(d),
            false => refused(d, "path"),
        }
    }
}

#[test]
fn one_leg_moves_nothing_where_the_file_says_alarm() {
    let mut d = desk(FENCE);
    d.address = false;
    d.pass(secs(1000));
    refused(d, "evidence");
}

#[test]
fn one_leg_moves_after_its_time_and_with_a_witness() {
    let network_loss = LegPolicy::SwitchAfter(secs(300));
    for (witnesses, pause, falls) in [(1, 330, true), (1, 60, false), (0, 330, false)] {
        let mut d = Plan {
            network_loss,
            witnesses,
            ..Plan::default()
        }
        .ready(FENCE);
        d.address = false;
        d.pass(secs(pause));
        match falls {
            true => fences(d),
            false => refused(d, "evidence"),
        }
    }
}

#[test]
fn time_in_which_no_witness_answers_does_not_count_for_one_leg() {
    let network_loss = LegPolicy::SwitchAfter(secs(60));
    for (back, falls) in [(10, false), (90, true)] {
        let mut d = Plan {
            network_loss,
            ..Plan::default()
        }
        .ready(FENCE);
        // This side's own cable is out, and back.
        (d.address, d.witness) = (false, false);
        d.pass(secs(90));
        d.witness = true;
        d.pass(secs(back));
        match falls {
            true => fences(d),
            false => refused(d, "evidence"),
        }
    }
}

#[test]
fn a_gap_of_the_witness_between_two_pings_begins_the_time_of_one_leg_anew() {
    let mut d = Plan {
        network_loss: LegPolicy::SwitchAfter(secs(60)),
        ..Plan::default()
    }
    .ready(FENCE);
    d.address = false;
    d.pass(secs(40));
    // The address is asked seldom: no ping is lost while nobody vouches for this side.
    (d.pings, d.witness) = (false, false);
    d.pass(secs(60));
    d.witness = true;
    d.pass(secs(10));
    d.pings = true;
    d.pass(secs(20));
    refused(d, "evidence");
}

#[test]
fn one_leg_moves_only_when_pings_are_lost_behind_the_witnesss_answer() {
    for (pings, falls) in [(true, true), (false, false)] {
        let mut d = Plan {
            network_loss: LegPolicy::SwitchAfter(secs(60)),
            ..Plan::default()
        }
        .ready(FENCE);
        d.address = false;
        d.pass(secs(50));
        d.pings = pings;
        d.pass(secs(60));
        match falls {
            true => fences(d),
            false => refused(d, "evidence"),
        }
    }
}

// --- the standby ----------------------------------------------------------------------------

#[test]
fn a_silent_standby_is_not_fenced_where_the_primary_waits_and_the_address_answers() {
    let mut d = desk(STANDBY);
    d.consoles[BETA].shows = Shows::Nothing;
    d.connect(BETA);
    d.turns(ALPHA, Shows::Prompt);
    d.pass(secs(12));
    refused(d, "swapped");
}

#[test]
fn a_standby_that_runs_is_fenced_while_the_primary_shows_that_it_serves() {
    let mut d = desk(STANDBY);
    d.turns(BETA, Shows::Login);
    d.turns(ALPHA, Shows::Login);
    fences(d);
    let mut d = desk(STANDBY);
    d.turns(BETA, Shows::Login);
    d.turns(ALPHA, Shows::Login);
    d.pass(secs(15));
    refused(d, "swapped");
}

#[test]
fn a_standby_that_runs_beside_a_waiting_primary_is_left_alone() {
    let mut d = desk(STANDBY);
    d.address = false;
    d.turns(ALPHA, Shows::Prompt);
    d.turns(BETA, Shows::Login);
    d.pass(secs(15));
    refused(d, "swapped");
}

// --- itself and its journal -----------------------------------------------------------------

#[test]
fn a_monitor_that_doubts_itself_begins_no_takeover() {
    let mut d = desk(FENCE);
    d.doubts();
    d.act();
    d.pass(secs(10));
    assert!(d.is_in("act"), "{}", d.story());
    assert!(!d.wrote("for good"));
}

/// A fence of the primary whose intent is written and not on the disk.
fn intent(act: &str) -> Desk {
    let mut d = desk(act);
    d.slow_entry = Some("for good");
    d.act();
    d.reach("the intent", |d| !d.unsynced.is_empty());
    d
}

#[test]
fn before_its_intent_is_durable_no_break_is_sent() {
    let mut d = intent(FENCE);
    d.pass(secs(3));
    assert_eq!(d.consoles[ALPHA].breaks, 0, "{}", d.story());
}

#[test]
fn a_doubt_behind_the_intent_holds_the_takeover() {
    let mut d = intent(FENCE);
    d.doubts();
    d.sync();
    d.pass(secs(3));
    assert_eq!(d.consoles[ALPHA].breaks, 0, "{}", d.story());
}

#[test]
fn evidence_that_is_gone_behind_the_intent_stops_the_fence() {
    let mut d = desk(FENCE);
    d.address = false;
    d.turns(ALPHA, Shows::Prompt);
    d.pass(secs(12));
    d.slow_entry = Some("for good");
    d.act_unordered();
    d.reach("the intent", |d| !d.unsynced.is_empty());
    d.turns(ALPHA, Shows::Login);
    d.sync();
    d.comes_to("vetoed");
    assert_eq!(d.consoles[ALPHA].breaks, 0, "{}", d.story());
}

#[test]
fn whom_a_takeover_is_for_is_remembered_until_it_came_to_nothing() {
    let mut d = intent(&FENCE.replace("openboot_reset", "cut_power"));
    assert_eq!(d.memory.packages[0].heir.as_deref(), Some("beta"));
    d.sync();
    d.comes_to("bad");
    d.pass(secs(1));
    assert_eq!(d.memory.packages[0].heir, None, "{}", d.story());
}

#[test]
fn a_takeover_counts_as_a_failure_of_the_primary() {
    let mut d = desk(&FENCE.replace("openboot_reset", "cut_power"));
    d.address = false;
    d.turns(ALPHA, Shows::Prompt);
    d.pass(secs(12));
    d.act_unordered();
    d.comes_to("bad");
    let alpha = &d.memory.nodes[ALPHA];
    assert_eq!(alpha.failures.len(), 1, "{}", d.story());
    assert!(alpha.unfenced_failure);
}

#[test]
fn an_order_that_no_state_took_up_is_no_evidence_later() {
    let mut d = desk(
        "
    log \"rests\"
    on operator release -> two
state two \"now\"
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good",
    );
    d.act();
    d.pass(secs(5));
    refused(d, "evidence");
}

// --- how it goes on -------------------------------------------------------------------------

#[test]
fn a_fence_does_not_go_on_with_a_wrong_machine() {
    let mut d = Plan {
        legs: 1,
        ..Plan::default()
    }
    .ready(
        "
    fence primary with openboot_reset, cut_power refused -> vetoed else -> bad
    -> good",
    );
    d.consoles[ALPHA].host_id = "80770009".to_owned();
    d.act();
    d.pass(secs(30));
    assert!(d.power.is_empty(), "{}", d.story());
}

#[test]
fn a_fence_does_not_go_on_when_the_login_answers() {
    let mut d = Plan {
        legs: 1,
        ..Plan::default()
    }
    .ready(
        "
    ask primary within 5s { login -> bad  prompt -> bad  silence -> fence_it }
state fence_it \"now\"
    fence primary with pauses, cut_power refused -> vetoed else -> bad
    -> good
procedure pauses(node) \"and fails\"
    wait 5s
    fail \"it only waits\"",
    );
    d.address = false;
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.pass(secs(12));
    d.act_unordered();
    d.reach("the fence", |d| d.said("for good with"));
    d.pass(secs(1));
    d.address = true;
    d.turns(ALPHA, Shows::Login);
    d.pass(secs(20));
    assert!(d.power.is_empty(), "{}", d.story());
}

#[test]
fn every_leg_of_the_node_says_off() {
    let unknown = || PowerState::Unknown("no answer".to_owned());
    let cases = [
        (vec![PowerState::Off, PowerState::Off], true),
        (vec![PowerState::Off, PowerState::On], false),
        (vec![unknown(), PowerState::Off], false),
        (vec![PowerState::Off], false),
    ];
    for (legs, proved) in cases {
        let mut d = Plan {
            legs: 2,
            ..Plan::default()
        }
        .ready(&FENCE.replace("openboot_reset", "cut_power"));
        d.act();
        d.reach("the order", |d| !d.power.is_empty());
        d.legs_say(&legs);
        assert!(!d.proved(ALPHA), "once is not enough\n{}", d.story());
        if !d.power.is_empty() {
            d.legs_say(&legs);
        }
        d.pass(secs(1));
        assert_eq!(d.is_in("good"), proved, "{legs:?}\n{}", d.story());
    }
}

#[test]
fn a_leg_that_says_off_and_then_on_proves_nothing() {
    let mut d = Plan {
        legs: 1,
        ..Plan::default()
    }
    .ready(&FENCE.replace("openboot_reset", "cut_power"));
    d.act();
    d.reach("the order", |d| !d.power.is_empty());
    d.legs_say(&[PowerState::Off]);
    d.legs_say(&[PowerState::On]);
    d.pass(secs(1));
    assert!(!d.proved(ALPHA) && !d.is_in("good"), "{}", d.story());
}

#[test]
fn the_answer_to_another_order_is_no_answer() {
    let mut d = Plan {
        legs: 1,
        ..Plan::default()
    }
    .ready(&FENCE.replace("openboot_reset", "cut_power"));
    d.act();
    d.reach("the order", |d| !d.power.is_empty());
    d.power[0].0 += 1000;
    d.legs_say(&[PowerState::Off]);
    if !d.power.is_empty() {
        d.legs_say(&[PowerState::Off]);
    }
    assert!(!d.proved(ALPHA), "{}", d.story());
}

#[test]
fn any_byte_ends_a_power_proof() {
    let mut d = Plan {
        legs: 1,
        ..Plan::default()
    }
    .ready(
        "
    fence primary with cut_power refused -> vetoed else -> bad
    wait 1h",
    );
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.act();
    d.reach("the order", |d| !d.power.is_empty());
    d.legs_say(&[PowerState::Off]);
    d.legs_say(&[PowerState::Off]);
    assert!(d.proved(ALPHA), "{}", d.story());
    d.says(ALPHA, "x");
    assert!(!d.proved(ALPHA));
}

#[test]
fn under_integrity_nothing_is_assumed() {
    for (policy, proved) in [
        (DataPolicy::Integrity, false),
        (DataPolicy::Availability, true),
    ] {
        let mut d = Plan {
            policy,
            ..Plan::default()
        }
        .ready(
            "
    fence primary with assumed refused -> vetoed else -> bad
    -> good
procedure assumed(node) \"nothing is done\"
    assume stopped node because \"it is said\"",
        );
        d.act();
        d.pass(secs(5));
        assert_eq!(d.is_in("good"), proved, "{}", d.story());
    }
}

#[test]
fn what_stops_a_node_belongs_into_a_fence_of_it() {
    let steps = [
        "siege node",
        "dark node within 1h",
        "power off node within 1m",
        "word node within 5s",
        "assume stopped node because \"it is said\"",
        "break node",
    ];
    for step in steps {
        let mut d = Plan {
            legs: 1,
            ..Plan::default()
        }
        .ready(&format!(
            "
    call stops(secondary) else -> bad
    -> good
procedure stops(node) \"outside of a fence\"
    {step}"
        ));
        d.order(OperatorWord::Confirm, Some(BETA));
        d.act();
        d.pass(secs(5));
        assert!(d.held() && d.is_in("act"), "{step}\n{}", d.story());
        assert!(
            d.power.is_empty() && !d.node(BETA).siege && !d.proved(BETA),
            "{step}"
        );
        assert_eq!(d.consoles[BETA].breaks, 0, "{step}");
    }
}

#[test]
fn what_starts_a_system_is_typed_through_the_gate_only() {
    for steps in [
        "    send secondary \"boot disk\\r\"",
        "    send secondary \"bo\"\n    send secondary \"ot disk\\r\"",
    ] {
        let mut d = desk(&format!("{steps}\n    -> good"));
        d.act();
        d.pass(secs(5));
        assert!(d.held(), "{}", d.story());
        assert!(!d.typed(BETA, "ot disk"), "{}", d.story());
        assert!(d.wrote("outside boot and resume"));
    }
}
