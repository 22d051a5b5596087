//! Who runs, who waits: what binds the roles, and what leaves them open (rules 9, 13 and 14).

use std::time::Duration;

use clusterd::machine::memory::Memory;
use clusterd::script::program::OperatorWord;

use crate::desk::*;
use Shows::{Login, Nothing, Prompt};

const ACT: &str = "    log \"nothing\"";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Where the survey leads: journal or none, what the consoles show, whether the address answers.
#[track_caller]
fn leads(known: bool, shows: [Shows; 2], address: bool) -> String {
    let memory = match known {
        true => remembered(|_, _| {}),
        false => Memory::default(),
    };
    let mut d = Plan {
        memory,
        shows,
        address,
        ..Plan::default()
    }
    .bare(ACT);
    d.reach("the end of the survey", |d| !d.is_in("begin"));
    d.machine.state(0).to_owned()
}

#[test]
fn what_the_consoles_show_binds_the_roles_or_does_not() {
    assert_eq!(leads(true, [Login, Prompt], true), "rest");
    assert_eq!(
        leads(true, [Login, Nothing], false),
        "rest",
        "the journal agrees"
    );
    assert_eq!(leads(false, [Login, Prompt], true), "rest", "adopted");
    assert_eq!(leads(true, [Login, Login], true), "rest_two");
    assert_eq!(leads(true, [Prompt, Prompt], false), "rest");
    assert_eq!(leads(true, [Nothing, Prompt], false), "rest_silent");
}

#[test]
fn two_logins_without_a_journal_bind_nobody() {
    assert_eq!(leads(false, [Login, Login], true), "unclear");
}

#[test]
fn a_login_elsewhere_binds_with_address_and_prompts_only() {
    assert_eq!(leads(true, [Prompt, Login], true), "rest", "moved by hand");
    assert_eq!(leads(true, [Prompt, Login], false), "unclear");
    assert_eq!(leads(true, [Nothing, Login], true), "unclear");
}

#[test]
fn prompts_bind_nobody_while_the_address_answers() {
    assert_eq!(leads(true, [Prompt, Prompt], true), "unclear");
    assert_eq!(leads(true, [Prompt, Nothing], true), "unclear");
}

#[test]
fn without_a_journal_and_a_login_nobody_is_bound() {
    assert_eq!(leads(false, [Prompt, Prompt], false), "unclear");
}

#[test]
fn an_adoption_starts_a_node_only_while_all_wait() {
    for (beta, state) in [(Prompt, "rest"), (Nothing, "unclear")] {
        let mut d = Plan {
            memory: Memory::default(),
            shows: [Prompt, beta],
            address: false,
            ..Plan::default()
        }
        .bare(ACT);
        d.comes_to("unclear");
        d.order(OperatorWord::Adopt, Some(ALPHA));
        d.pass(secs(60));
        assert!(d.is_in(state), "{}", d.story());
    }
}

#[test]
fn an_adoption_starts_no_node_while_the_address_answers() {
    let mut d = Plan {
        memory: Memory::default(),
        shows: [Prompt, Prompt],
        ..Plan::default()
    }
    .bare(ACT);
    d.comes_to("unclear");
    d.order(OperatorWord::Adopt, Some(ALPHA));
    d.pass(secs(60));
    assert!(d.is_in("unclear"), "{}", d.story());
}

#[test]
fn the_heir_of_a_takeover_is_started_only_while_all_wait() {
    let mut d = Plan {
        memory: remembered(|package, _| package.heir = Some("beta".to_owned())),
        shows: [Nothing, Prompt],
        address: false,
        ..Plan::default()
    }
    .bare(ACT);
    d.reach("the end of the survey", |d| !d.is_in("begin"));
    assert!(d.is_in("rest_silent"), "{}", d.story());
}

#[test]
fn a_console_that_is_not_connected_is_not_silent() {
    let mut d = Plan {
        address: false,
        ..Plan::default()
    }
    .bare(ACT);
    d.disconnect(ALPHA);
    d.reach("the end of the survey", |d| !d.is_in("begin"));
    assert!(d.is_in("unclear"), "{}", d.story());
}

/// Where it leads when the primary at its prompt answers this line so.
fn answers(begins: &str, answer: &str) -> String {
    let mut d = Plan {
        shows: [Prompt, Prompt],
        address: false,
        ..Plan::default()
    }
    .bare(ACT);
    d.instead(ALPHA, begins, answer);
    d.reach("the end of the survey", |d| !d.is_in("begin"));
    d.machine.state(0).to_owned()
}

#[test]
fn a_prompt_waits_when_it_is_live_and_the_right_one() {
    assert_eq!(answers("nothing", ""), "rest");
    assert_eq!(answers("hex", "{line}\r\nok "), "unclear");
    assert_eq!(answers("banner", "{line}\r\nok "), "unclear");
}

#[test]
fn a_wrong_machine_binds_nobody() {
    let mut d = Plan::default().bare(ACT);
    d.consoles[BETA].host_id = "80770009".to_owned();
    d.reach("the end of the survey", |d| !d.is_in("begin"));
    assert!(d.is_in("unclear"), "{}", d.story());
}

#[test]
fn a_login_from_before_the_survey_is_none() {
    let mut d = Plan {
        memory: Memory::default(),
        shows: [Login, Nothing],
        ..Plan::default()
    }
    .bare(ACT);
    d.comes_to("unclear");
    d.consoles[ALPHA].shows = Nothing;
    d.consoles[BETA].shows = Prompt;
    d.order(OperatorWord::Adopt, None);
    d.pass(secs(60));
    assert!(d.is_in("unclear"), "{}", d.story());
}

#[test]
fn a_node_that_starts_is_waited_for() {
    let mut d = Plan {
        shows: [Nothing, Prompt],
        address: false,
        ..Plan::default()
    }
    .bare(ACT);
    for _ in 0..5 {
        d.says(ALPHA, "\r\nBoot device: disk  File and args:\r\n");
        d.pass(secs(10));
    }
    assert!(d.is_in("begin"), "{}", d.story());
    d.turns(ALPHA, Login);
    d.comes_to("rest");
}

#[test]
fn a_node_that_starts_again_and_again_is_not_waited_for_without_end() {
    let mut d = Plan {
        shows: [Nothing, Prompt],
        address: false,
        ..Plan::default()
    }
    .bare(ACT);
    for _ in 0..190 {
        d.says(ALPHA, "\r\nBoot device: disk  File and args:\r\n");
        d.pass(secs(10));
    }
    assert!(d.is_in("rest_silent"), "{}", d.story());
}

#[test]
fn a_person_at_a_console_is_not_asked_and_not_silent() {
    let mut d = Plan::default().bare(ACT);
    d.asks(BETA);
    d.pass(secs(40));
    assert!(d.is_in("begin"), "{}", d.story());
}
