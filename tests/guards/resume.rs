//! `go`, the cure of a stray BREAK (rule 12), and what makes a standby count as fully fenced.

use std::time::Duration;

use clusterd::machine::input::{Deed, HostFact, Input};
use clusterd::script::program::OperatorWord;

use crate::desk::*;

/// The standby is fenced; then, on a word, the primary is told to go on.
const GO_ON: &str = "
    fence secondary with openboot_reset refused -> vetoed else -> bad
    -> fenced
state fenced \"wait for the word\"
    on operator release -> two
state two \"go on\"
    resume primary with openboot_go refused -> vetoed else -> bad
    -> good";

const STOPPED: &str = "\r\nType  'go' to resume\r\nok ";

/// The standby is fenced, and its proof has died of age; nothing has happened since.
fn fenced(act: &str) -> Desk {
    let mut d = desk(act);
    d.address = false;
    d.act();
    d.comes_to("fenced");
    d.pass(Duration::from_secs(70));
    assert!(!d.proved(BETA));
    d
}

fn stop_by_break(d: &mut Desk) {
    d.consoles[ALPHA].shows = Shows::Prompt;
    d.says(ALPHA, STOPPED);
    d.pass(Duration::from_millis(100));
}

fn go_on(d: &mut Desk) {
    d.order(OperatorWord::Release, None);
}

#[test]
fn a_primary_that_a_stray_break_stopped_goes_on() {
    let mut d = fenced(GO_ON);
    stop_by_break(&mut d);
    go_on(&mut d);
    d.reach("the word", |d| d.typed(ALPHA, "go\r"));
    // A kernel that was told to go on is given a second before it is asked for its login.
    d.pass(Duration::from_millis(900));
    assert!(d.consoles[ALPHA].typed.ends_with("go\r"), "{}", d.story());
    d.comes_to("good");
}

/// The primary was stopped, and the standby does not count as fenced any more: no word for it.
fn does_not_go_on(mut d: Desk) {
    d.pass(Duration::from_secs(5));
    stop_by_break(&mut d);
    go_on(&mut d);
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"proof\""), "{}", d.story());
    assert!(!d.typed(ALPHA, "go\r"));
}

/// Whatever happened to the fenced standby since.
fn not_after(happens: impl Fn(&mut Desk)) {
    let mut d = fenced(GO_ON);
    happens(&mut d);
    does_not_go_on(d);
}

/// The standby was fenced, and is asked; it has not answered yet.
fn asked() -> Desk {
    let mut d = fenced(
        "
    fence secondary with openboot_reset refused -> vetoed else -> bad
    -> fenced
state fenced \"wait for the word\"
    on operator release -> look
state look \"ask the standby\"
    ask secondary within 3s { login -> looked prompt -> looked silence -> looked }
state looked \"wait for the next word\"
    on operator release -> two
state two \"go on\"
    resume primary with openboot_go refused -> vetoed else -> bad
    -> good",
    );
    d.consoles[BETA].shows = Shows::Nothing;
    d.order(OperatorWord::Release, None);
    d.consoles[BETA].shows = Shows::Prompt;
    d
}

/// Whatever the fenced standby says when it is asked, before it shows its prompt again.
fn not_after_it_answers(answer: &str) {
    let mut d = asked();
    d.says(BETA, &format!("\r\n{answer}\r\nok "));
    d.comes_to("looked");
    does_not_go_on(d);
}

#[test]
fn not_beside_a_standby_that_was_silent() {
    let mut d = asked();
    d.comes_to("looked");
    assert!(d.said("RETURN is not answered"), "{}", d.story());
    d.turns(BETA, Shows::Prompt);
    does_not_go_on(d);
}

#[test]
fn beside_a_standby_that_answers_with_its_prompt_alone() {
    let mut d = asked();
    d.says(BETA, "\r\nok ");
    d.comes_to("looked");
    stop_by_break(&mut d);
    go_on(&mut d);
    d.comes_to("good");
}

#[test]
fn not_beside_a_standby_that_showed_a_login() {
    not_after_it_answers("node console login: ");
}

#[test]
fn not_beside_a_standby_that_panicked() {
    not_after_it_answers("panic[cpu0]/thread=1: x");
}

#[test]
fn not_beside_a_standby_that_was_stopped_by_break() {
    not_after_it_answers("Type  'go' to resume");
}

#[test]
fn not_beside_a_standby_that_loaded_a_system() {
    not_after_it_answers("Boot device: disk  File and args:");
}

#[test]
fn not_beside_a_standby_that_said_what_nobody_asked() {
    not_after(|d| d.says(BETA, "b\u{fffd}\u{fffd}t di\u{fffd}k\r\nok "));
}

#[test]
fn not_beside_a_standby_at_which_a_person_typed() {
    not_after(|d| {
        // Whatever it says to that is lost on the line.
        d.consoles[BETA].shows = Shows::Nothing;
        d.asks(BETA);
        let bytes = b"boot disk -s\r".to_vec();
        d.person(BETA, Deed::Types { bytes });
        d.consoles[BETA].shows = Shows::Prompt;
        let why = "detached".to_owned();
        d.person(BETA, Deed::Leaves { why });
    });
}

#[test]
fn not_beside_a_standby_whose_output_was_lost() {
    not_after(|d| {
        d.tell(Input::Gap {
            node: BETA,
            lost: 9,
        });
    });
}

#[test]
fn not_beside_a_standby_whose_link_was_lost() {
    not_after(|d| {
        d.connect(BETA);
        d.turns(BETA, Shows::Prompt);
    });
}

#[test]
fn not_after_clusterd_stood_still() {
    let mut d = fenced(GO_ON);
    d.tell(Input::Host(HostFact::Standstill {
        millis: 300_000,
        counted: 300_000,
    }));
    d.pass(Duration::from_secs(60));
    does_not_go_on(d);
}

#[test]
fn not_beside_a_standby_that_was_not_fenced() {
    let mut d = desk(
        "
    -> fenced
state fenced \"wait for the word\"
    on operator release -> two
state two \"go on\"
    resume primary with openboot_go refused -> vetoed else -> bad
    -> good",
    );
    d.address = false;
    d.act();
    d.comes_to("fenced");
    d.pass(Duration::from_secs(10));
    stop_by_break(&mut d);
    go_on(&mut d);
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"proof\""), "{}", d.story());
    assert!(!d.wrote("go on"), "an intent");
}

#[test]
fn only_the_primary_goes_on() {
    let mut d = fenced(&GO_ON.replace("resume primary", "resume secondary"));
    go_on(&mut d);
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"roles\""), "{}", d.story());
}

#[test]
fn only_a_confirmed_primary_goes_on() {
    let mut d = Plan {
        memory: remembered(|package, _| package.confirmed = false),
        shows: [Shows::Prompt, Shows::Prompt],
        address: false,
        ..Plan::default()
    }
    .ready(GO_ON);
    d.act();
    d.comes_to("fenced");
    stop_by_break(&mut d);
    go_on(&mut d);
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"roles\""), "{}", d.story());
}

#[test]
fn a_monitor_that_doubts_itself_lets_nothing_go_on() {
    let mut d = fenced(GO_ON);
    stop_by_break(&mut d);
    d.doubts();
    go_on(&mut d);
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"impaired\""), "{}", d.story());
}

#[test]
fn only_what_break_stopped_goes_on() {
    let mut d = fenced(GO_ON);
    d.turns(ALPHA, Shows::Prompt);
    d.pass(Duration::from_secs(1));
    go_on(&mut d);
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"resumable\""), "{}", d.story());
}

#[test]
fn what_panicked_does_not_go_on() {
    let mut d = fenced(GO_ON);
    d.says(ALPHA, "\r\npanic[cpu0]/thread=1: x\r\n");
    stop_by_break(&mut d);
    go_on(&mut d);
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"panic\""), "{}", d.story());
}

#[test]
fn what_has_started_anew_does_not_go_on() {
    let mut d = fenced(GO_ON);
    stop_by_break(&mut d);
    d.says(
        ALPHA,
        "\r\nEthernet address 8:0:20:c0:ff:ee, Host ID: 80770001.\r\nok ",
    );
    d.pass(Duration::from_secs(1));
    go_on(&mut d);
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"resumable\""), "{}", d.story());
}

#[test]
fn nothing_goes_on_where_the_address_answers_since() {
    let mut d = fenced(GO_ON);
    stop_by_break(&mut d);
    d.address = true;
    d.pass(Duration::from_secs(10));
    go_on(&mut d);
    d.comes_to("vetoed");
    assert!(d.said("refused by guard \"swapped\""), "{}", d.story());
}

#[test]
fn before_its_intent_is_durable_nothing_is_typed() {
    let mut d = fenced(GO_ON);
    stop_by_break(&mut d);
    d.slow_entry = Some("go on");
    go_on(&mut d);
    let before = d.consoles[ALPHA].typed.len();
    d.pass(Duration::from_secs(5));
    assert_eq!(d.consoles[ALPHA].typed.len(), before, "{}", d.story());
}

#[test]
fn a_panic_behind_the_intent_stops_it() {
    let mut d = fenced(GO_ON);
    stop_by_break(&mut d);
    d.slow_entry = Some("go on");
    go_on(&mut d);
    d.says(ALPHA, "\r\npanic[cpu0]/thread=1: x\r\nok ");
    let before = d.consoles[ALPHA].typed.len();
    d.sync();
    d.comes_to("vetoed");
    assert_eq!(d.consoles[ALPHA].typed.len(), before, "{}", d.story());
}

#[test]
fn a_prompt_that_does_not_answer_is_not_told_to_go_on() {
    let mut d = fenced(GO_ON);
    stop_by_break(&mut d);
    d.instead(ALPHA, "hex", "{line}\r\nok ");
    go_on(&mut d);
    d.comes_to("bad");
    assert!(!d.typed(ALPHA, "go\r"), "{}", d.story());
}

#[test]
fn a_resumption_without_a_login_behind_it_has_failed() {
    let mut d = fenced(GO_ON);
    stop_by_break(&mut d);
    go_on(&mut d);
    d.reach("the word", |d| d.typed(ALPHA, "go\r"));
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.comes_to("bad");
}

#[test]
fn a_resumption_that_typed_nothing_has_failed() {
    let mut d = fenced(&GO_ON.replace("openboot_go", "openboot_look"));
    stop_by_break(&mut d);
    go_on(&mut d);
    d.comes_to("bad");
}
