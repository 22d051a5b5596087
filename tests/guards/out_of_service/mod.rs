//! A node out of service counts as stopped on a person's word, until it shows life (rules 1, 7 and 15).

mod end;
mod life;
mod orders;

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
