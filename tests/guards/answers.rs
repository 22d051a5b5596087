//! What is an answer to a question and what is not (rule 4), and whose answers they are.

use std::time::Duration;

use clusterd::machine::memory::Memory;
use clusterd::script::program::OperatorWord;

use crate::desk::*;

/// One question procedure at the standby.
fn asks(procedure: &str) -> String {
    format!(
        "
    call {procedure}(secondary) else -> bad
    -> good
procedure sets(node) \"asked, then set\"
    live node within 5s
    identity node within 5s
    set node \"auto-boot?\" = \"false\" within 5s
procedure sets_if_there(node) \"asked, then set\"
    live node within 5s
    identity node within 5s
    set node \"error-reset-recovery\" = \"none\" where it exists within 5s
procedure marks(node) \"asked, then marked\"
    live node within 5s
    identity node within 5s
    mark node within 5s"
    )
}

/// Whether the procedure ends well when the standby answers these lines so.
#[track_caller]
fn answered(procedure: &str, instead: &[(&str, &str)]) -> bool {
    let mut d = desk(&asks(procedure));
    for (begins, answer) in instead {
        d.instead(BETA, begins, answer);
    }
    d.act();
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad"));
    d.is_in("good")
}

#[test]
fn good_answers_are_answers() {
    for procedure in ["openboot_look", "sets", "sets_if_there", "marks"] {
        assert!(answered(procedure, &[]), "{procedure}");
    }
}

#[test]
fn a_sum_without_the_echo_of_its_question_is_none() {
    assert!(!answered("openboot_look", &[("hex", "\r\n{answer}ok ")]));
}

#[test]
fn a_wrong_sum_is_none() {
    assert!(!answered(
        "openboot_look",
        &[("hex", "{line}\r\n12345\r\nok ")]
    ));
}

#[test]
fn a_sum_among_other_lines_is_none() {
    assert!(!answered(
        "openboot_look",
        &[("hex", "{line}\r\nlog: up\r\n{answer}ok ")]
    ));
}

#[test]
fn a_parameter_that_reads_otherwise_is_not_set() {
    let shown = ("printenv", "{line}\r\nauto-boot? =   true\r\nok ");
    assert!(!answered("sets", &[shown]));
}

#[test]
fn a_parameter_that_is_missing_is_not_set() {
    let shown = (
        "printenv",
        "{line}\r\nauto-boot? is not a configuration variable.\r\nok ",
    );
    assert!(!answered("sets", &[shown]));
}

#[test]
fn another_parameter_is_no_answer() {
    let shown = ("printenv", "{line}\r\nauto-go? =   false\r\nok ");
    assert!(!answered("sets", &[shown]));
}

#[test]
fn a_value_among_other_lines_is_no_answer() {
    let shown = ("printenv", "{line}\r\nlog: up\r\n{answer}ok ");
    assert!(!answered("sets", &[shown]));
    assert!(!answered("sets_if_there", &[shown]));
}

#[test]
fn a_value_shown_twice_was_not_read() {
    let shown = (
        "printenv",
        "\r\nauto-boot? =   false\r\n{line}\r\nauto-boot? =   true\r\nok ",
    );
    assert!(!answered("sets", &[shown]));
}

#[test]
fn a_word_that_does_not_answer_is_no_mark() {
    let unknown = ("mk", "{line}\r\n{line} ?\r\nok ");
    assert!(!answered("marks", &[unknown]));
}

#[test]
fn two_banners_in_answer_to_one_question_are_none() {
    let wrong = "Ethernet address 8:0:20:c0:ff:ee, Host ID: 80770009.\r\n";
    let said = format!("{{line}}\r\n{wrong}{{answer}}ok ");
    assert!(!answered("openboot_look", &[("banner", &said)]));
}

#[test]
fn another_host_id_is_a_wrong_machine() {
    let wrong = "{line}\r\nEthernet address 8:0:20:c0:ff:ee, Host ID: 80770009.\r\nok ";
    assert!(!answered("openboot_look", &[("banner", wrong)]));
}

/// Whether a fence makes its proof where the word after the reset is answered so.
fn word_gone(answer: &str) -> bool {
    let mut d = desk(
        "
    fence secondary with openboot_reset refused -> vetoed else -> bad
    -> good",
    );
    d.instead(BETA, "mk", "{line}\r\n{answer}ok ");
    d.instead(BETA, "mk", answer);
    d.act();
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad"));
    d.is_in("good")
}

#[test]
fn the_word_is_gone_when_the_firmware_says_so_of_it() {
    assert!(word_gone("{line}\r\n{line} ?\r\nok "));
    assert!(
        !word_gone("{line}\r\n{line} is fine\r\nok "),
        "it does not say so"
    );
    assert!(!word_gone("{line}\r\nother ?\r\nok "), "another word");
}

#[test]
fn a_question_has_an_end() {
    let mut d = desk(&asks("openboot_look"));
    d.consoles[BETA].shows = Shows::Nothing;
    d.act();
    let ended = d.until(Duration::from_secs(60), |d| d.is_in("bad"));
    assert!(ended, "{}", d.story());
}

#[test]
fn nothing_but_return_is_typed_to_a_wrong_machine() {
    let mut d = desk(
        "
    call openboot_look(secondary) else -> two
    -> bad
state two \"it is not the one that is meant\"
    send secondary \"\\r\"
    send secondary \"words\\r\"
    -> bad",
    );
    d.consoles[BETA].host_id = "80770009".to_owned();
    d.act();
    d.reach("the end", |d| d.held() || d.is_in("bad"));
    assert!(!d.typed(BETA, "words"), "{}", d.story());
}

// --- `go` for a wrong machine ---------------------------------------------------------------

const FENCE: &str = "
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good";

#[test]
fn a_wrong_machine_that_our_fence_stopped_goes_on() {
    let mut d = desk(FENCE);
    d.consoles[ALPHA].host_id = "80770009".to_owned();
    d.act();
    d.reach("the end", |d| d.is_in("vetoed") || d.is_in("bad"));
    assert!(d.typed(ALPHA, "go\r"), "{}", d.story());
}

#[test]
fn a_wrong_machine_that_stood_at_its_prompt_stays_there() {
    let mut d = desk(FENCE);
    d.turns(ALPHA, Shows::Prompt);
    d.pass(Duration::from_secs(1));
    d.consoles[ALPHA].host_id = "80770009".to_owned();
    d.act();
    d.reach("the end", |d| d.is_in("vetoed") || d.is_in("bad"));
    assert!(!d.typed(ALPHA, "go"), "{}", d.story());
}

#[test]
fn a_wrong_machine_that_somebody_else_stopped_stays_there() {
    let mut d = desk(
        "
    call openboot_look(primary) else -> bad
    -> good",
    );
    d.consoles[ALPHA].shows = Shows::Prompt;
    d.consoles[ALPHA].host_id = "80770009".to_owned();
    d.says(ALPHA, "\r\nType  'go' to resume\r\nok ");
    d.pass(Duration::from_secs(1));
    d.act();
    d.comes_to("bad");
    assert!(!d.typed(ALPHA, "go"), "{}", d.story());
}

#[test]
fn a_wrong_machine_in_the_place_of_a_standby_stays_stopped() {
    let mut d = Plan {
        shows: [Shows::Login, Shows::Login],
        ..Plan::default()
    }
    .ready(
        "
    send primary \"\\r\"
    wait 1s
    fence secondary with openboot_reset refused -> vetoed else -> bad
    -> good",
    );
    d.consoles[BETA].host_id = "80770009".to_owned();
    d.act_unordered();
    d.reach("the end", |d| d.is_in("vetoed") || d.is_in("bad"));
    assert!(d.consoles[BETA].breaks > 0, "{}", d.story());
    assert!(!d.typed(BETA, "go"), "{}", d.story());
}

// --- Host IDs -------------------------------------------------------------------------------

/// A cluster without a journal, whose standby has no Host ID in its file and shows this one.
fn unknown_standby(host_id: &str) -> Desk {
    let mut d = Plan {
        host_ids: [Some("80770001"), None],
        memory: Memory::default(),
        shows: [Shows::Prompt, Shows::Prompt],
        address: false,
        ..Plan::default()
    }
    .bare("    log \"nothing\"");
    host_id.clone_into(&mut d.consoles[BETA].host_id);
    d.comes_to("unclear");
    d
}

#[test]
fn a_host_id_is_learnt_at_adoption_only() {
    let mut d = unknown_standby("80770002");
    assert_eq!(d.node(BETA).host_id, None, "{}", d.story());
    d.order(OperatorWord::Adopt, None);
    d.comes_to("rest");
    assert_eq!(d.node(BETA).host_id.as_deref(), Some("80770002"));
}

#[test]
fn a_host_id_that_another_node_has_is_not_learnt() {
    let mut d = unknown_standby("80770001");
    d.order(OperatorWord::Adopt, None);
    d.pass(Duration::from_secs(60));
    assert_eq!(d.node(BETA).host_id, None, "{}", d.story());
}

#[test]
fn a_host_id_of_all_ones_is_not_learnt() {
    let mut d = unknown_standby("ffffffff");
    d.order(OperatorWord::Adopt, None);
    d.pass(Duration::from_secs(60));
    assert_eq!(d.node(BETA).host_id, None, "{}", d.story());
}

// --- what is heard --------------------------------------------------------------------------

#[test]
fn an_echo_is_no_panic() {
    let mut d = desk("    send primary \"panic[cpu0]/thread=1\\r\"\n    wait 5s\n    -> good");
    d.act();
    d.comes_to("good");
    assert!(!d.said("panic:"), "{}", d.story());
}

#[test]
fn a_prompt_of_an_old_link_is_not_heard() {
    let mut d = desk("    -> good");
    let epoch = d.epoch(ALPHA);
    d.quiet_on(ALPHA, epoch - 1, "\r\nok ");
    assert_eq!(d.node(ALPHA).condition, "running", "{}", d.story());
}

#[test]
fn a_prompt_from_before_our_send_answers_nothing() {
    let mut d = desk(
        "
    send secondary \"\\r\"
    expect secondary within 5s { prompt -> good  silence -> bad }",
    );
    d.consoles[BETA].shows = Shows::Nothing;
    d.says(BETA, "\r\nok ");
    d.pass(Duration::from_millis(10));
    d.act();
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad"));
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn half_a_line_is_killed_before_the_next_byte() {
    let d = Plan::default().bare("    -> good");
    assert!(d.consoles[ALPHA].typed.starts_with('\x15'), "{}", d.story());
    let mut d = desk("    send secondary \"\\r\"\n    -> good");
    d.says(BETA, "bo");
    d.act();
    d.comes_to("good");
    assert!(d.consoles[BETA].typed.ends_with("\x15\r"), "{}", d.story());
}

#[test]
fn a_byte_that_answers_nothing_is_somebody_typing() {
    let mut d = desk("    log \"waits\"\n    every 2s -> good");
    d.act();
    d.says(BETA, "x");
    d.pass(Duration::from_secs(4));
    assert!(d.is_in("act"), "{}", d.story());
    d.comes_to("good");
}
