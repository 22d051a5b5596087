//! How a FirmwareReset proof is made, piece behind piece, and what ends a proof (rules 2 and 3).

use std::time::Duration;

use clusterd::machine::input::Input;
use clusterd::script::program::OperatorWord;

use crate::desk::*;

/// A fence with the procedure `made`, whose steps follow.
fn made(steps: &[&str]) -> String {
    let steps: String = steps.iter().map(|step| format!("    {step}\n")).collect();
    format!(
        "
    fence primary with made refused -> vetoed else -> bad
    -> good
procedure made(node) \"as it is tried\"
{steps}"
    )
}

const STOP: &str = "call openboot_stop(node)";
const LIVE: &str = "live node within 5s";
const IDENTITY: &str = "identity node within 5s";
const SET: [&str; 3] = [
    "set node \"auto-boot?\" = \"false\" within 5s",
    "set node \"boot-device\" = \"clusterd-none\" within 5s",
    "set node \"error-reset-recovery\" = \"none\" where it exists within 5s",
];
const MARK: &str = "mark node within 5s";
const RESET: &str = "reset node within 1m";
const UNMARKED: &str = "unmarked node within 5s";
const VERIFY: [&str; 3] = [
    "verify node \"auto-boot?\" = \"false\" within 5s",
    "verify node \"boot-device\" = \"clusterd-none\" within 5s",
    "verify node \"error-reset-recovery\" = \"none\" where it exists within 5s",
];

/// A whole proof, in parts that can be left out or moved.
fn whole() -> Vec<&'static str> {
    let mut steps = vec![STOP, LIVE, IDENTITY];
    steps.extend(SET);
    steps.extend([MARK, RESET, LIVE, UNMARKED, IDENTITY]);
    steps.extend(VERIFY);
    steps
}

/// Tries the fence; whether it made a proof.
#[track_caller]
fn proves(steps: &[&str]) -> bool {
    let mut d = desk(&made(steps));
    d.act();
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad") || d.held());
    d.is_in("good")
}

fn position(steps: &[&str], step: &str) -> usize {
    steps
        .iter()
        .position(|s| *s == step)
        .expect("it is one of them")
}

#[test]
fn all_pieces_in_their_order_are_a_proof() {
    assert!(proves(&whole()));
}

#[test]
fn no_piece_may_be_left_out() {
    for left_out in 1..whole().len() {
        let mut steps = whole();
        let step = steps.remove(left_out);
        assert!(!proves(&steps), "without {step} (number {left_out})");
    }
}

#[test]
fn live_and_identity_alone_are_none() {
    assert!(!proves(&[STOP, LIVE, IDENTITY]));
}

#[test]
fn an_identity_before_the_prompt_is_live_counts_for_nothing() {
    let mut steps = whole();
    steps.swap(1, 2);
    assert!(!proves(&steps));
}

#[test]
fn a_parameter_whose_answer_came_behind_a_gap_counts_for_nothing() {
    let mut steps = vec![STOP, LIVE, IDENTITY, SET[0], LIVE, IDENTITY, SET[1], SET[2]];
    steps.extend(&whole()[6..]);
    let mut d = desk(&made(&steps));
    d.instead(ALPHA, "setenv auto-boot?", "");
    d.act();
    d.reach("the setting", |d| d.typed(ALPHA, "setenv auto-boot?"));
    d.tell(Input::Gap {
        node: ALPHA,
        lost: 9,
    });
    d.consoles[ALPHA]
        .variables
        .insert("auto-boot?".to_owned(), "false".to_owned());
    d.says(
        ALPHA,
        "setenv auto-boot? false\r\nauto-boot? = false\r\nok ",
    );
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad"));
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn only_the_values_of_the_guard_count_before_the_mark() {
    let mut steps = whole();
    steps[4] = "set node \"boot-device\" = \"elsewhere\" within 5s";
    steps.insert(7, SET[1]);
    assert!(!proves(&steps));
}

#[test]
fn a_mark_before_the_whole_guard_is_set_counts_for_nothing() {
    let mut steps = whole();
    let mark = position(&steps, MARK);
    steps.swap(mark, mark - 1);
    assert!(!proves(&steps));
}

#[test]
fn an_unknown_word_before_the_prompt_is_live_again_counts_for_nothing() {
    let mut steps = whole();
    let unmarked = position(&steps, UNMARKED);
    steps.swap(unmarked, unmarked - 1);
    assert!(!proves(&steps));
}

#[test]
fn an_identity_before_the_word_is_gone_counts_for_nothing() {
    let mut steps = whole();
    let unmarked = position(&steps, UNMARKED);
    steps.swap(unmarked, unmarked + 1);
    assert!(!proves(&steps));
}

#[test]
fn parameters_read_before_the_identity_is_right_again_count_for_nothing() {
    let mut steps = whole();
    let again = position(&steps, UNMARKED) + 1;
    let identity = steps.remove(again);
    steps.push(identity);
    assert!(!proves(&steps));
}

#[test]
fn only_the_values_of_the_guard_count_behind_the_reset() {
    let mut steps = whole();
    steps.insert(7, "set node \"boot-device\" = \"elsewhere\" within 5s");
    let verify = position(&steps, VERIFY[1]);
    steps[verify] = "verify node \"boot-device\" = \"elsewhere\" within 5s";
    assert!(!proves(&steps));
}

#[test]
fn nothing_is_changed_before_the_machine_is_known() {
    let mut d = desk(&made(&[STOP, LIVE, SET[0]]));
    d.act();
    d.comes_to("bad");
    assert!(!d.typed(ALPHA, "setenv"), "{}", d.story());
}

#[test]
fn no_reset_without_a_mark() {
    let mut d = desk(&made(&[STOP, LIVE, IDENTITY, RESET]));
    d.act();
    d.comes_to("bad");
    assert!(!d.typed(ALPHA, "reset-all"), "{}", d.story());
}

#[test]
fn a_break_throws_all_away() {
    let mut steps = whole();
    let reset = position(&steps, RESET);
    steps.insert(reset, "break node");
    assert!(!proves(&steps));
}

#[test]
fn a_second_banner_aborts_a_reset() {
    let mut d = desk(&made(&whole()));
    d.consoles[ALPHA].resets =
        "\r\nEthernet address 8:0:20:c0:ff:ee, Host ID: 80770001.\r\n".to_owned();
    d.act();
    d.comes_to("bad");
}

#[test]
fn a_login_during_a_reset_aborts_it() {
    let mut d = desk(&made(&whole()));
    d.consoles[ALPHA].resets = "\r\nnode console login: \r\n".to_owned();
    d.act();
    d.comes_to("bad");
}

#[test]
fn a_gap_during_a_reset_ends_it_at_once() {
    let mut d = desk(&made(&whole()));
    d.instead(ALPHA, "reset-all", "{line}\r\n");
    d.act();
    d.reach("the reset", |d| d.typed(ALPHA, "reset-all\r"));
    d.tell(Input::Gap {
        node: ALPHA,
        lost: 9,
    });
    d.pass(Duration::from_secs(2));
    assert!(d.is_in("bad"), "{}", d.story());
}

/// A whole proof with a pause of 20 s before its reset, in which this happens.
#[track_caller]
fn voided(pause: &[&str], happens: impl Fn(&mut Desk)) {
    let mut steps = whole();
    let reset = position(&steps, RESET);
    for (index, step) in pause.iter().enumerate() {
        steps.insert(reset + index, step);
    }
    let mut d = desk(&made(&steps));
    d.act();
    d.reach("the mark", |d| d.said("is defined"));
    d.pass(Duration::from_secs(1));
    happens(&mut d);
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad"));
    assert!(d.is_in("bad"), "{}", d.story());
}

#[test]
fn a_foreign_byte_throws_all_away() {
    voided(&["wait 20s"], |d| d.says(ALPHA, "x"));
}

#[test]
fn a_gap_throws_all_away() {
    voided(&["wait 20s"], |d| {
        d.tell(Input::Gap {
            node: ALPHA,
            lost: 9,
        });
    });
}

#[test]
fn a_boot_text_throws_all_away_even_where_an_answer_is_due() {
    voided(&["send node \"\\r\"", "wait 20s"], |d| {
        d.says(ALPHA, "\r\nBoot device: disk  File and args:\r\nok ");
    });
}

#[test]
fn a_new_procedure_begins_a_new_proof() {
    let steps = whole();
    let reset = position(&steps, RESET);
    let line =
        |steps: &[&str]| -> String { steps.iter().map(|step| format!("    {step}\n")).collect() };
    let mut d = desk(&format!(
        "
    fence primary with first, second refused -> vetoed else -> bad
    -> good
procedure first(node) \"up to the mark\"
{}    fail \"it ends here\"
procedure second(node) \"from the reset\"
{}",
        line(&steps[..reset]),
        line(&steps[reset..])
    ));
    d.act();
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad"));
    assert!(d.is_in("bad"), "{}", d.story());
}

/// A fence that failed behind its reset; the rest of the proof comes outside of it, in the same state.
#[test]
fn a_proof_is_born_in_a_fence_only() {
    let steps = whole();
    let live = position(&steps, RESET) + 1;
    let line =
        |steps: &[&str]| -> String { steps.iter().map(|step| format!("    {step}\n")).collect() };
    let mut d = desk(&format!(
        "
    fence primary with first refused -> vetoed else {{ call second(primary) else -> bad }}
    wait 1s
    log \"finished\"
procedure first(node) \"up to the reset\"
{}    fail \"it ends here\"
procedure second(node) \"the rest\"
{}",
        line(&steps[..live]),
        line(&steps[live..])
    ));
    d.act();
    d.reach("the end", |d| d.said("finished") || d.is_in("bad"));
    assert!(!d.proved(ALPHA), "{}", d.story());
}

#[test]
fn a_state_that_is_left_leaves_no_pieces_behind() {
    let mut d = desk(
        "
    call openboot_look(secondary) else -> bad
    -> two
state two \"another one\"
    call setting(secondary) else -> bad
    -> good
procedure setting(node) \"it sets\"
    set node \"auto-boot?\" = \"false\" within 5s",
    );
    d.act();
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad"));
    assert!(!d.typed(BETA, "setenv"), "{}", d.story());
}

#[test]
fn no_reset_outside_a_fence() {
    let mut d = desk(
        "
    call openboot_prove(secondary) else -> bad
    -> good",
    );
    d.act();
    d.comes_to("bad");
    assert!(!d.typed(BETA, "reset-all"), "{}", d.story());
}

#[test]
fn a_firmware_without_a_guard_cannot_be_proved() {
    let plan = Plan {
        change: |program| program.firmwares.iter_mut().for_each(|f| f.guard.clear()),
        ..Plan::default()
    };
    let mut d = plan.ready(&made(&whole()));
    d.act();
    d.reach("the end", |d| d.is_in("good") || d.is_in("bad") || d.held());
    assert!(!d.is_in("good") && !d.proved(ALPHA), "{}", d.story());
}

// --- what ends a proof ----------------------------------------------------------------------

/// Alpha is proved stopped by a reset, and nothing goes on.
fn proved() -> Desk {
    let mut d = desk(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    wait 1h",
    );
    d.address = false;
    d.act();
    d.reach("the proof", |d| d.proved(ALPHA));
    d.pass(Duration::from_secs(5));
    assert!(d.proved(ALPHA));
    d
}

/// Alpha is proved stopped by a word.
fn by_word() -> Desk {
    let mut d = desk(
        "
    fence primary with by_word refused -> vetoed else -> bad
    wait 1h",
    );
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.order(OperatorWord::Confirm, Some(ALPHA));
    d.act();
    d.reach("the proof", |d| d.proved(ALPHA));
    d.pass(Duration::from_secs(5));
    d
}

#[test]
fn a_foreign_byte_ends_it() {
    let mut d = proved();
    d.says(ALPHA, "x");
    assert!(!d.proved(ALPHA));
}

#[test]
fn any_byte_ends_a_proof_by_word() {
    let mut d = by_word();
    d.says(ALPHA, "x");
    assert!(!d.proved(ALPHA));
}

#[test]
fn lost_output_ends_it() {
    let mut d = proved();
    d.tell(Input::Gap {
        node: ALPHA,
        lost: 9,
    });
    assert!(!d.proved(ALPHA));
}

#[test]
fn a_lost_link_ends_it() {
    let mut d = proved();
    d.disconnect(ALPHA);
    assert!(!d.proved(ALPHA));
}

#[test]
fn a_carrier_that_changes_ends_it_but_not_one_of_an_old_link() {
    let mut d = proved();
    let epoch = d.epoch(ALPHA);
    let carrier = |epoch, present| Input::Carrier {
        node: ALPHA,
        epoch,
        present,
    };
    d.tell(carrier(epoch - 1, false));
    assert!(d.proved(ALPHA), "{}", d.story());
    d.tell(carrier(epoch, true));
    assert!(d.proved(ALPHA));
    d.tell(carrier(epoch, false));
    assert!(!d.proved(ALPHA));
}

#[test]
fn what_an_old_link_says_ends_nothing() {
    let mut d = proved();
    let epoch = d.epoch(ALPHA);
    d.says_on(ALPHA, epoch - 1, "x");
    assert!(d.proved(ALPHA));
}

#[test]
fn a_system_ends_it_even_where_an_answer_is_due() {
    let mut d = desk(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    send primary \"\\r\"
    wait 1h",
    );
    d.act();
    d.reach("the proof", |d| d.proved(ALPHA));
    d.pass(Duration::from_secs(1));
    assert!(d.proved(ALPHA), "{}", d.story());
    d.says(ALPHA, "\r\nBoot device: disk  File and args:\r\n");
    assert!(!d.proved(ALPHA));
}

#[test]
fn a_persons_key_ends_it() {
    let mut d = proved();
    d.asks(ALPHA);
    assert!(!d.proved(ALPHA));
}

#[test]
fn a_new_fence_ends_an_old_proof() {
    let mut d = desk(
        "
    fence primary with openboot_reset refused -> vetoed else -> bad
    wait 40s
    fence primary with nothing refused -> vetoed else -> bad
    -> good
procedure nothing(node) \"it fails\"
    fail \"it does nothing\"",
    );
    d.act();
    d.comes_to("bad");
    assert!(!d.proved(ALPHA), "{}", d.story());
}

#[test]
fn a_fence_takes_over_a_young_proof_only() {
    for (pause, resets) in [("10s", 1), ("40s", 2)] {
        let mut d = desk(&format!(
            "
    fence primary with openboot_reset refused -> vetoed else -> bad
    wait {pause}
    fence primary with openboot_reset refused -> vetoed else -> bad
    -> good"
        ));
        d.act();
        d.comes_to("good");
        let typed = d.consoles[ALPHA].typed.matches("reset-all").count();
        assert_eq!(typed, resets, "{}", d.story());
    }
}

// --- words and power ------------------------------------------------------------------------

const WORD: &str = "
    fence primary with by_word refused -> vetoed else -> bad
    -> good";

#[test]
fn without_a_word_there_is_no_proof_by_word() {
    let mut d = desk(WORD);
    d.act();
    d.comes_to("bad");
}

#[test]
fn a_word_lives_five_minutes() {
    let mut d = desk(WORD);
    d.order(OperatorWord::Confirm, Some(ALPHA));
    d.pass(Duration::from_secs(301));
    d.act();
    d.comes_to("bad");
}

#[test]
fn a_word_is_for_one_intent() {
    let mut d = desk(
        "
    fence primary with by_word refused -> vetoed else -> bad
    wait 200s
    fence primary with by_word refused -> vetoed else -> bad
    -> good",
    );
    d.order(OperatorWord::Confirm, Some(ALPHA));
    d.act();
    d.reach("the end", |d| {
        d.is_in("good") || d.is_in("bad") || d.is_in("vetoed")
    });
    assert!(!d.is_in("good"), "{}", d.story());
}

#[test]
fn the_proof_by_word_lives_five_minutes() {
    let mut d = by_word();
    d.pass(Duration::from_secs(290));
    assert!(d.proved(ALPHA));
    d.pass(Duration::from_secs(10));
    assert!(!d.proved(ALPHA));
}
