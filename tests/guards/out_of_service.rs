//! A node out of service counts as stopped on a person's word, until it shows life (rules 1, 7 and 15).

use std::time::Duration;

use clusterd::machine::input::{HostFact, Input, Upkeep};
use clusterd::machine::snapshot::OutSnapshot;
use clusterd::script::program::OperatorWord;

use crate::desk::*;
use crate::maintenance::switched_off_beside;

/// What a restart in place does.
const RESTART: &str = "
    fence secondary with openboot_reset refused -> vetoed else -> bad
    boot primary with openboot_boot refused -> vetoed else -> bad
    -> good";
const SWITCH: &str = "
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn out(lasts: u64) -> Upkeep {
    Upkeep::OutOfService {
        lasts: secs(lasts),
        reason: "new mainboard".to_owned(),
    }
}

/// Alpha waits at its prompt and is to be started again, beta has no power.
fn dead_standby(act: &str) -> Desk {
    Plan {
        shows: [Shows::Login, Shows::Nothing],
        ..Plan::default()
    }
    .ready(act)
}

impl Desk {
    fn out(&self, n: usize) -> Option<OutSnapshot> {
        self.node(n).out_of_service
    }

    /// It was taken out of service, and what was typed for that is forgotten.
    #[track_caller]
    fn taken_out(&mut self, n: usize, lasts: u64) -> String {
        let said = self.says_out(n, lasts);
        let said = said.unwrap_or_else(|why| panic!("{why}\n{}", self.story()));
        self.hush();
        said
    }

    fn says_out(&mut self, n: usize, lasts: u64) -> Result<String, String> {
        self.answers.clear();
        match self.upkeep(Some(n), out(lasts)) {
            Some(said) => said,
            None => {
                self.pass(secs(6));
                self.answers.pop().expect("an answer within 5 s")
            }
        }
    }

    #[track_caller]
    fn refuses_out(&mut self, n: usize, lasts: u64, part: &str) {
        match self.says_out(n, lasts) {
            Err(why) => assert!(why.contains(part), "{why}"),
            Ok(said) => panic!("{said}\n{}", self.story()),
        }
        assert!(self.out(n).is_none());
    }

    fn hush(&mut self) {
        for console in &mut self.consoles {
            console.typed.clear();
            console.breaks = 0;
        }
    }
}

#[test]
fn it_is_neither_fenced_nor_asked_and_the_primary_is_started_without_its_proof() {
    let mut d = dead_standby(RESTART);
    let said = d.taken_out(BETA, 3600);
    assert!(said.contains("counts as stopped"), "{said}");
    assert!(d.wrote("op says that beta is without power or without its storage"));
    assert!(d.alarms.contains(&"out_of_service".to_owned()));
    assert!(!d.critical.contains(&"out_of_service".to_owned()));
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.comes_to("good");
    assert!(d.said("beta is out of service: it is not fenced"));
    assert_eq!(d.consoles[BETA].typed, "", "{}", d.story());
    assert_eq!(d.consoles[BETA].breaks, 0);
}

#[test]
fn the_primary_is_not_stopped_when_nothing_could_be_started_instead() {
    let mut d = dead_standby(SWITCH);
    d.taken_out(BETA, 3600);
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.comes_to("vetoed");
    assert!(d.said("beta is out of service, and nothing could be started instead"));
    assert_eq!(d.consoles[ALPHA].breaks, 0, "{}", d.story());
}

/// By the power leg: its console says nothing of that.
#[test]
fn a_node_out_of_service_is_not_started() {
    let mut d = dead_standby(
        "
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good",
    );
    d.taken_out(BETA, 3600);
    d.act();
    d.comes_to("vetoed");
    assert!(d.said("\"out_of_service\": beta is out of service") || d.said("living proof"));
    let plan = d.machine.weigh(&clusterd::machine::input::Demand {
        who: "op".to_owned(),
        word: OperatorWord::Switchover,
        node: Some(BETA),
        reason: None,
        force: false,
    });
    let against = plan.refusal(true).expect("it is refused");
    assert!(against.contains("beta is out of service"), "{against}");
}

/// Alpha was switched off, and beta is out of service: a step that starts beta is refused.
#[test]
fn it_is_not_started_beside_a_primary_that_is_proved_stopped() {
    let mut d = switched_off_beside(Shows::Nothing);
    d.taken_out(BETA, 3600);
    d.order(OperatorWord::Release, None);
    d.pass(secs(30));
    assert!(!d.wrote("belongs to beta"), "{}", d.story());
    assert!(d.is_in("vetoed"), "{}", d.story());
}

/// Its link is made anew while alpha is being started: it counts again, and is asked no sum.
#[test]
fn it_is_typed_nothing_but_return_even_where_it_counts_again() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.reach("the boot's questions", |d| d.typed(ALPHA, "banner"));
    d.connect(BETA);
    d.pass(secs(3));
    assert!(!d.typed(BETA, "hex"), "{}", d.story());
    assert!(!d.said("boot command given"), "{}", d.story());
}

#[test]
fn a_standby_that_is_out_of_service_is_not_fenced_by_an_act_of_its_own() {
    let mut d = dead_standby(
        "
    call stops(secondary) else -> good
    -> bad
procedure stops(node) \"by hand\"
    send node \"\\r\"
    live node within 5s",
    );
    d.taken_out(BETA, 3600);
    d.act();
    d.comes_to("good");
    assert_eq!(d.consoles[BETA].typed, "", "{}", d.story());
}

#[test]
fn its_first_byte_ends_it_and_it_meets_a_break() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    d.pass(secs(600));
    assert_eq!(d.consoles[BETA].breaks, 0);
    d.turns(BETA, Shows::Prompt);
    assert!(d.out(BETA).is_none(), "{}", d.story());
    assert!(d.critical.contains(&"out_of_service_woke".to_owned()));
    assert!(d.cleared.contains(&"out_of_service".to_owned()));
    assert!(d.wrote("beta is out of service no more"));
    assert!(d.node(BETA).siege && !d.node(BETA).guard_read);
    let beta = &d.memory.nodes[BETA];
    assert!(beta.siege && beta.unfenced_failure && beta.out_of_service.is_none());
    d.pass(secs(2));
    assert!(d.consoles[BETA].breaks > 0, "{}", d.story());
    // It counts: alpha is not started beside it before it was fenced, which it is now.
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.comes_to("good");
    assert!(d.said("beta: siege ended: fully fenced"), "{}", d.story());
    assert!(d.cleared.contains(&"out_of_service_woke".to_owned()));
}

#[test]
fn a_node_that_was_out_of_service_takes_over_nothing_before_it_was_fenced() {
    let mut d = dead_standby(SWITCH);
    d.taken_out(BETA, 3600);
    d.turns(BETA, Shows::Prompt);
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.comes_to("vetoed");
    assert!(
        d.said("beta failed and was not fully fenced since"),
        "{}",
        d.story()
    );
}

/// A siege that no fence stands behind: its entry comes before its BREAK.
#[test]
fn the_break_waits_for_the_journal() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    d.slow_entry = Some("siege begun");
    d.says(BETA, "\r\nself test");
    d.pass(secs(3));
    assert_eq!(d.consoles[BETA].breaks, 0, "{}", d.story());
    assert!(!d.machine.is_out(BETA));
    d.sync();
    d.pass(secs(2));
    assert!(d.consoles[BETA].breaks > 0, "{}", d.story());
}

#[test]
fn a_siege_is_suspended_and_that_is_critical() {
    let mut d = Plan {
        memory: remembered(|_, nodes| nodes[BETA].siege = true),
        shows: [Shows::Login, Shows::Nothing],
        ..Plan::default()
    }
    .ready(RESTART);
    let said = d.taken_out(BETA, 3600);
    assert!(said.contains("the siege of it is suspended"), "{said}");
    assert!(d.critical.contains(&"out_of_service".to_owned()));
    d.pass(secs(60));
    assert_eq!(d.consoles[BETA].breaks, 0);
    assert!(!d.node(BETA).siege && d.out(BETA).is_some_and(|out| out.siege_suspended));
    d.asks(BETA);
    assert!(d.pen_words.last().is_some_and(|word| word == "Granted"));
    d.says(BETA, "self test");
    d.pass(secs(2));
    assert!(d.consoles[BETA].breaks > 0, "{}", d.story());
}

#[test]
fn who_shows_life_is_not_out_of_service() {
    let mut d = desk(RESTART);
    d.refuses_out(BETA, 3600, "beta shows life");
    assert!(d.typed(BETA, "\r"));
    d.refuses_out(BETA, 3600, "said something on its console");
    d.consoles[BETA].shows = Shows::Nothing;
    d.pass(secs(20));
    d.says_out(BETA, 3600).expect("it is silent now");
}

#[test]
fn what_cannot_be_is_refused() {
    let mut d = dead_standby(RESTART);
    d.refuses_out(BETA, 15 * 24 * 3600, "for 1 s to 14 d");
    d.refuses_out(BETA, 0, "1 s to");
    d.refuses_out(ALPHA, 3600, "alpha has service");
    let said = d.upkeep(Some(BETA), Upkeep::Back);
    assert_eq!(said, Some(Err("beta is not out of service".to_owned())));
    d.asks(BETA);
    d.refuses_out(BETA, 3600, "bob types on the console of beta");
}

#[test]
fn nobody_goes_before_it_is_known_who_has_the_package() {
    let mut d = Plan {
        memory: remembered(|package, _| package.primary = None),
        shows: [Shows::Prompt, Shows::Nothing],
        address: false,
        ..Plan::default()
    }
    .ready(RESTART);
    d.refuses_out(BETA, 3600, "it is not known yet who has service");
}

#[test]
fn not_in_the_middle_of_a_switch() {
    let mut d = dead_standby(
        "
    fence primary with slow refused -> vetoed else -> bad
    -> good
procedure slow(node) \"it waits\"
    wait 60s",
    );
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.pass(secs(12));
    d.refuses_out(BETA, 3600, "alpha is being stopped for good");
}

/// The journal has it, and a byte came before that was known.
#[test]
fn it_is_in_force_when_it_is_on_the_disk_and_not_when_a_byte_came_before() {
    let mut d = dead_standby(RESTART);
    d.slow_entry = Some("without power");
    d.upkeep(Some(BETA), out(3600));
    d.pass(secs(20));
    assert!(d.out(BETA).is_none(), "{}", d.story());
    assert!(d.memory.nodes[BETA].out_of_service.is_some());
    d.says(BETA, "self test");
    let said = d.answers.pop().expect("it is refused at once");
    assert!(said.is_err_and(|why| why.contains("shows life")));
    assert!(d.memory.nodes[BETA].out_of_service.is_none());
    d.sync();
    assert!(d.out(BETA).is_none(), "{}", d.story());
}

/// A takeover begins while the entry is on its way.
#[test]
fn what_speaks_against_it_is_weighed_again() {
    let mut d = dead_standby(
        "
    fence primary with slow refused -> vetoed else -> bad
    -> good
procedure slow(node) \"it waits\"
    wait 60s",
    );
    d.slow_entry = Some("without power");
    d.upkeep(Some(BETA), out(3600));
    d.pass(secs(6));
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.pass(secs(12));
    d.sync();
    let said = d.answers.pop().expect("an answer");
    assert!(said.is_err_and(|why| why.contains("alpha is being stopped")));
    assert!(d.out(BETA).is_none());
    assert!(d.memory.nodes[BETA].out_of_service.is_none());
}

#[test]
fn it_ends_with_its_time_and_does_not_come_back_by_that() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    d.pass(secs(2800));
    assert!(d.alarms.contains(&"out_of_service_ends".to_owned()));
    d.pass(secs(1000));
    assert!(d.critical.contains(&"out_of_service_over".to_owned()));
    assert!(d.out(BETA).is_some_and(|out| out.over) && !d.machine.is_out(BETA));
    assert!(d.consoles[BETA].breaks > 0, "{}", d.story());
    assert!(
        d.memory.nodes[BETA]
            .out_of_service
            .as_ref()
            .is_some_and(|out| out.over)
    );
    // Nobody has said how it is: that is said again, over a restart too.
    d.alarms.clear();
    d.restart(secs(1), WALL_ZERO);
    d.pass(secs(30));
    assert!(d.alarms.contains(&"out_of_service_over".to_owned()));
    d.taken_out(BETA, 7200);
    assert!(d.machine.is_out(BETA));
    assert!(d.cleared.contains(&"out_of_service_over".to_owned()));
}

#[test]
fn it_is_back_when_somebody_says_so_and_meets_a_break_when_it_wakes() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    match d.upkeep(Some(BETA), Upkeep::Back) {
        Some(Ok(said)) => assert!(said.contains("Power it up now"), "{said}"),
        other => panic!("{other:?}"),
    }
    assert!(d.out(BETA).is_none() && d.node(BETA).siege);
    assert!(d.memory.nodes[BETA].unfenced_failure && !d.node(BETA).guard_read);
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.act();
    d.pass(secs(60));
    assert!(!d.said("boot command given"), "{}", d.story());
}

#[test]
fn it_outlives_a_restart_and_the_node_is_asked_once_more() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    d.alarms.clear();
    d.restart(secs(600), WALL_ZERO);
    assert!(d.machine.put_out(BETA) && !d.machine.is_out(BETA));
    d.pass(secs(30));
    assert!(d.machine.is_out(BETA), "{}", d.story());
    assert_eq!(d.consoles[BETA].typed.trim_matches('\x15'), "\r");
    assert!(d.alarms.contains(&"out_of_service".to_owned()));
    // It was switched on while nobody listened.
    d.consoles[BETA].shows = Shows::Prompt;
    d.restart(secs(60), WALL_ZERO);
    d.pass(secs(10));
    assert!(d.out(BETA).is_none() && d.node(BETA).siege, "{}", d.story());
}

#[test]
fn it_is_asked_again_on_a_new_link_and_after_a_standstill() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    d.connect(BETA);
    assert!(!d.machine.is_out(BETA));
    d.pass(secs(6));
    assert!(d.machine.is_out(BETA) && d.typed(BETA, "\r"));
    d.hush();
    d.tell(Input::Host(HostFact::Standstill {
        millis: 60_000,
        counted: 60_000,
    }));
    assert!(!d.machine.is_out(BETA));
    d.pass(secs(6));
    assert!(d.machine.is_out(BETA) && d.typed(BETA, "\r"));
    // A console that stays lost is no sign of life, nor is it waited for without end.
    d.disconnect(BETA);
    d.pass(secs(20));
    assert!(d.machine.is_out(BETA), "{}", d.story());
}

#[test]
fn a_carrier_that_comes_up_is_a_sign_of_life() {
    let mut d = dead_standby(RESTART);
    let carrier = |d: &mut Desk, present| {
        let epoch = d.epoch(BETA);
        d.tell(Input::Carrier {
            node: BETA,
            epoch,
            present,
        });
    };
    carrier(&mut d, true);
    d.taken_out(BETA, 3600);
    carrier(&mut d, false);
    assert!(d.machine.put_out(BETA));
    carrier(&mut d, true);
    assert!(d.out(BETA).is_none(), "{}", d.story());
}

#[test]
fn lost_output_is_a_sign_of_life() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    d.tell(Input::Gap {
        node: BETA,
        lost: 17,
    });
    assert!(d.out(BETA).is_none(), "{}", d.story());
}

/// Alpha is about to be started again, and nobody serves: whose address is that?
#[test]
fn an_address_that_answers_before_anybody_is_started_is_a_sign_of_life() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(8));
    d.slow_entry = Some("belongs to alpha");
    d.act();
    d.reach("the intent", |d| d.wrote("belongs to alpha"));
    d.address = true;
    d.pass(secs(6));
    assert!(d.out(BETA).is_none(), "{}", d.story());
    d.sync();
    d.pass(secs(10));
    assert!(!d.said("boot command given"), "{}", d.story());
}

#[test]
fn a_clock_that_is_set_and_a_host_that_slept() {
    let mut d = dead_standby(RESTART);
    d.taken_out(BETA, 3600);
    let left = |d: &Desk| d.out(BETA).expect("it lasts").left_ms / 1000;
    d.tell(Input::Host(HostFact::ClockJump { millis: 7_200_000 }));
    let before = left(&d);
    d.restart(secs(10), WALL_ZERO + 7_200);
    assert!(left(&d) >= before - 60, "{} {before}", left(&d));
    d.tell(Input::Host(HostFact::Standstill {
        millis: 1_800_000,
        counted: 0,
    }));
    assert!(left(&d) <= before - 1_800, "{} {before}", left(&d));
}

#[test]
fn what_was_proved_before_says_nothing_afterwards() {
    let mut d = dead_standby(
        "
    fence secondary with says refused -> vetoed else -> bad
    -> good
procedure says(node) \"a word\"
    word node within 5s",
    );
    d.order(OperatorWord::Confirm, Some(BETA));
    d.act();
    d.comes_to("good");
    assert!(d.proved(BETA), "{}", d.story());
    d.taken_out(BETA, 3600);
    assert!(!d.proved(BETA), "{}", d.story());
}
