//! Maintenance writes nothing, has an end, and outlives what clusterd does not (rule 15).

use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::input::{Deed, HostFact, Input, Upkeep};
use clusterd::machine::snapshot::MaintenanceSnapshot;
use clusterd::script::program::OperatorWord;

use crate::desk::*;

const SWITCH: &str = "
    fence primary with openboot_reset refused -> vetoed else -> bad
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good";
const STANDBY: &str = "
    fence secondary with openboot_reset refused -> vetoed else -> bad
    -> good";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn maintain(lasts: u64) -> Upkeep {
    Upkeep::Maintain {
        lasts: secs(lasts),
        reason: "new disks".to_owned(),
    }
}

impl Desk {
    #[track_caller]
    fn maintained(&mut self, node: Option<usize>, lasts: u64) {
        let said = self.upkeep(node, maintain(lasts));
        assert!(matches!(said, Some(Ok(_))), "{said:?}\n{}", self.story());
        self.forget_typed();
    }

    fn forget_typed(&mut self) {
        for console in &mut self.consoles {
            console.typed.clear();
            console.breaks = 0;
        }
    }

    fn cluster_maintenance(&self) -> Option<MaintenanceSnapshot> {
        self.machine.snapshot(self.now).maintenance
    }

    #[track_caller]
    fn wrote_nothing(&self, n: usize) {
        let console = &self.consoles[n];
        let nothing = console.typed.is_empty() && console.breaks == 0;
        assert!(nothing, "{}", self.story());
    }
}

#[test]
fn nothing_is_written_and_nothing_happens_until_its_end() {
    let mut d = desk(SWITCH);
    d.maintained(None, 3600);
    d.order(OperatorWord::Switchover, None);
    d.turns(ALPHA, Shows::Prompt);
    d.address = false;
    d.pass(secs(3000));
    d.wrote_nothing(ALPHA);
    d.wrote_nothing(BETA);
    assert!(
        d.said("is not waited for: op has it in maintenance"),
        "{}",
        d.story()
    );
    d.pass(secs(700));
    assert!(
        d.said("the maintenance is over: its time is over"),
        "{}",
        d.story()
    );
    assert!(d.cluster_maintenance().is_none());
    // It looks anew: alpha waits at its prompt.
    assert!(d.typed(ALPHA, "\r"), "{}", d.story());
    assert!(d.cleared.contains(&"maintenance".to_owned()));
}

#[test]
fn it_is_ended_by_hand_and_prolonged() {
    let mut d = desk(SWITCH);
    d.maintained(None, 600);
    d.maintained(None, 7200);
    d.pass(secs(3600));
    d.wrote_nothing(ALPHA);
    let left = d.cluster_maintenance().expect("it lasts").left_ms;
    assert_eq!(left / 1000, 3600);
    let said = d.upkeep(None, Upkeep::EndMaintenance);
    assert!(matches!(said, Some(Ok(_))), "{said:?}");
    d.pass(secs(30));
    assert!(d.is_in("rest") && d.typed(ALPHA, "\r"), "{}", d.story());
    let said = d.upkeep(None, Upkeep::EndMaintenance);
    assert_eq!(said, Some(Err("desk is not in maintenance".to_owned())));
}

#[test]
fn what_is_no_maintenance_is_refused_with_a_word() {
    let mut d = desk(SWITCH);
    for (word, says) in [
        (maintain(25 * 3600), "from 1 s to 24 h"),
        (maintain(0), "from 1 s to 24 h"),
        (
            Upkeep::Maintain {
                lasts: secs(60),
                reason: " \n".to_owned(),
            },
            "a reason is to be given",
        ),
    ] {
        match d.upkeep(None, word) {
            Some(Err(why)) => assert!(why.contains(says), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(d.cluster_maintenance().is_none());
}

#[test]
fn in_the_middle_of_a_switch_it_is_refused() {
    let mut d = desk(SWITCH);
    d.act();
    d.reach("the reset", |d| d.typed(ALPHA, "reset-all"));
    for node in [None, Some(ALPHA), Some(BETA)] {
        match d.upkeep(node, maintain(600)) {
            Some(Err(why)) => assert!(why.contains("alpha is being stopped for good"), "{why}"),
            other => panic!("{other:?}\n{}", d.story()),
        }
    }
    d.reach("the boot", |d| d.typed(BETA, "boot disk\r"));
    match d.upkeep(None, maintain(600)) {
        Some(Err(why)) => assert!(why.contains("beta is being started"), "{why}"),
        other => panic!("{other:?}\n{}", d.story()),
    }
}

#[test]
fn it_is_in_force_when_it_is_on_the_disk_and_until_then_nothing_is_stopped() {
    let mut d = desk(SWITCH);
    d.slow_entry = Some("maintenance of desk");
    assert_eq!(d.upkeep(None, maintain(600)), None);
    assert!(d.cluster_maintenance().is_none(), "{}", d.story());
    d.act();
    d.pass(secs(60));
    assert!(!d.wrote("stop alpha for good"), "{}", d.story());
    d.sync();
    assert!(matches!(d.answers.pop(), Some(Ok(_))));
    assert!(d.cluster_maintenance().is_some());
    d.forget_typed();
    d.pass(secs(500));
    d.wrote_nothing(ALPHA);
}

#[test]
fn an_order_that_is_taken_back_before_it_is_on_the_disk_holds_nothing_up() {
    let mut d = desk(SWITCH);
    d.slow_entry = Some("maintenance of desk");
    d.upkeep(None, maintain(600));
    d.act();
    d.upkeep(None, Upkeep::EndMaintenance);
    d.sync();
    assert!(d.cluster_maintenance().is_none());
    d.pass(secs(30));
    assert!(d.is_in("rest"), "{}", d.story());
    assert_eq!(d.memory.maintenance, None);
}

#[test]
fn all_proofs_die() {
    let mut d = desk(STANDBY);
    d.act();
    d.comes_to("good");
    assert!(d.proved(BETA));
    d.maintained(None, 600);
    assert!(!d.proved(BETA), "{}", d.story());
}

#[test]
fn after_it_the_consoles_say_who_has_the_package() {
    let mut d = desk(SWITCH);
    d.maintained(None, 600);
    d.consoles[ALPHA].shows = Shows::Nothing;
    d.consoles[BETA].shows = Shows::Nothing;
    d.upkeep(None, Upkeep::EndMaintenance);
    // Before the survey has said anything, no role counts.
    let roles = |d: &Desk| d.machine.snapshot(d.now).packages[0].state.clone();
    assert_eq!(roles(&d), "begin");
    d.turns(ALPHA, Shows::Login);
    d.turns(BETA, Shows::Prompt);
    d.events.clear();
    d.comes_to("rest");
    assert!(d.said("primary is alpha"), "{}", d.story());
}

#[test]
fn it_outlives_a_restart_and_ends_at_its_hour() {
    let mut d = desk(SWITCH);
    d.maintained(None, 3600);
    d.pass(secs(600));
    d.alarms.clear();
    d.restart(secs(600), WALL_ZERO);
    d.forget_typed();
    d.pass(secs(2300));
    d.wrote_nothing(ALPHA);
    d.wrote_nothing(BETA);
    assert!(d.alarms.contains(&"maintenance".to_owned()));
    assert!(d.alarms.contains(&"maintenance_ends".to_owned()));
    d.pass(secs(200));
    assert!(d.is_in("rest") && d.typed(ALPHA, "\r"), "{}", d.story());

    let mut d = desk(SWITCH);
    d.maintained(None, 600);
    d.restart(secs(3600), WALL_ZERO);
    d.pass(secs(60));
    assert!(d.is_in("rest") && d.typed(ALPHA, "\r"), "{}", d.story());
}

/// The clock is set by an hour: what is left stays what it is, also over a restart.
#[test]
fn a_clock_that_is_set_changes_nothing_of_what_is_left() {
    for hours in [1_i64, -1] {
        let mut d = desk(SWITCH);
        d.maintained(None, 3600);
        let millis = hours * 3_600_000;
        d.tell(Input::Host(HostFact::ClockJump { millis }));
        d.pass(secs(1200));
        let left = |d: &Desk| d.cluster_maintenance().map(|kept| kept.left_ms / 1000);
        assert_eq!(left(&d), Some(2400));
        let wall_zero = WALL_ZERO.saturating_add_signed(hours * 3600);
        d.restart(Duration::ZERO, wall_zero);
        let left = left(&d).expect("it goes on");
        assert!((2398..=2401).contains(&left), "{left} s left");
    }
    // Put back while clusterd was away: it is not longer than it was given.
    let mut d = desk(SWITCH);
    d.maintained(None, 3600);
    d.restart(secs(60), WALL_ZERO - 7200);
    let left = d.cluster_maintenance().expect("it goes on").left_ms;
    assert!(left <= 3_600_000, "{left}");
}

#[test]
fn a_host_that_slept_has_slept_through_its_maintenance() {
    let mut d = desk(SWITCH);
    d.maintained(None, 3600);
    d.tell(Input::Host(HostFact::Standstill {
        millis: 1_800_000,
        counted: 1000,
    }));
    let left = d.cluster_maintenance().expect("it goes on").left_ms;
    assert_eq!(left / 1000, 1801);
}

#[test]
fn a_service_that_is_down_meanwhile_is_told_of() {
    let mut d = desk(SWITCH);
    d.maintained(None, 3600);
    d.address = false;
    d.pass(secs(50));
    let down = "maintenance_down".to_owned();
    assert!(!d.alarms.contains(&down));
    d.pass(secs(30));
    assert!(d.alarms.contains(&down), "{}", d.story());
    d.address = true;
    d.pass(secs(10));
    assert!(d.cleared.contains(&down));
    d.alarms.clear();
    d.says(ALPHA, "\r\npanic[cpu0]/thread=30001a2b3c0: test\r\n");
    d.pass(secs(1));
    assert!(d.alarms.contains(&down), "{}", d.story());
}

#[test]
fn reminders_and_a_word_before_the_end() {
    let mut d = desk(SWITCH);
    d.maintained(None, 4 * 3600);
    d.alarms.clear();
    d.pass(secs(3 * 3600));
    let said = |d: &Desk, code: &str| d.alarms.iter().filter(|c| *c == code).count();
    assert_eq!(said(&d, "maintenance"), 3);
    assert_eq!(said(&d, "maintenance_ends"), 0);
    d.pass(secs(3600 - 890));
    assert_eq!(said(&d, "maintenance_ends"), 1);
}

#[test]
fn a_siege_goes_on_and_people_may_type() {
    let mut d = Plan {
        memory: remembered(|_, nodes| nodes[BETA].siege = true),
        shows: [Shows::Login, Shows::Nothing],
        ..Plan::default()
    }
    .ready(SWITCH);
    match d.upkeep(None, maintain(600)) {
        Some(Ok(said)) => assert!(said.contains("the siege of beta goes on"), "{said}"),
        other => panic!("{other:?}"),
    }
    d.forget_typed();
    d.pass(secs(10));
    assert!(d.consoles[BETA].breaks > 5, "{}", d.story());
    d.wrote_nothing(ALPHA);
    d.asks(ALPHA);
    let bytes = b"uptime\r".to_vec();
    d.person(ALPHA, Deed::Types { bytes });
    assert_eq!(d.consoles[ALPHA].typed, "uptime\r");
    d.pass(secs(120));
    assert_eq!(d.consoles[ALPHA].typed, "uptime\r", "{}", d.story());
}

#[test]
fn half_a_line_of_ours_is_wiped_before_it_begins_and_not_later() {
    let mut d = desk("    send secondary \"half\"\n    -> good");
    d.act();
    d.comes_to("good");
    let said = d.upkeep(None, maintain(600));
    assert!(matches!(said, Some(Ok(_))), "{said:?}");
    assert!(
        d.consoles[BETA].typed.ends_with("half\x15"),
        "{}",
        d.story()
    );
}

#[test]
fn a_step_under_way_goes_no_further() {
    let mut d = desk("    wait 30s\n    -> good");
    d.act();
    d.pass(secs(5));
    d.maintained(None, 600);
    d.pass(secs(500));
    assert!(d.is_in("act"), "{}", d.story());
}

// --- one node -----------------------------------------------------------------------------------

#[test]
fn a_standby_in_maintenance_is_written_nothing_and_the_primary_is_not_stopped_for_it() {
    let mut d = desk(SWITCH);
    d.maintained(Some(BETA), 3600);
    d.act();
    d.pass(secs(30));
    assert!(d.is_in("vetoed"), "{}", d.story());
    assert!(d.said("beta is in maintenance, and nothing could be started instead"));
    assert_eq!(d.consoles[ALPHA].breaks, 0, "{}", d.story());
    d.wrote_nothing(BETA);
}

#[test]
fn a_node_in_maintenance_is_not_stopped() {
    let mut d = desk(STANDBY);
    d.maintained(Some(BETA), 3600);
    d.act_unordered();
    d.pass(secs(60));
    assert!(d.is_in("vetoed"), "{}", d.story());
    assert!(d.said("beta is in maintenance"), "{}", d.story());
    d.wrote_nothing(BETA);
}

/// Alpha was switched off by its leg; a `release` would start beta, whose console shows that.
pub fn switched_off_beside(beta: Shows) -> Desk {
    let mut d = Plan {
        shows: [Shows::Nothing, beta],
        legs: 1,
        address: false,
        ..Plan::default()
    }
    .ready(
        "
    fence primary with off refused -> vetoed else -> bad
    -> waits
state waits \"for an operator\"
    on operator release -> go_on
state go_on \"boots the other\"
    boot secondary with openboot_boot refused -> vetoed else -> bad
    -> good
procedure off(node) \"by its leg\"
    power off node within 30s",
    );
    d.act();
    if d.is_in("rest_silent") {
        d.order(OperatorWord::Release, None);
    }
    d.pass(secs(5));
    let off = clusterd::machine::input::PowerState::Off;
    for _ in 0..2 {
        if !d.power.is_empty() {
            d.legs_say(std::slice::from_ref(&off));
        }
    }
    d.pass(secs(5));
    assert!(d.proved(ALPHA) && d.is_in("waits"), "{}", d.story());
    d
}

/// The primary was switched off, its standby goes into maintenance: that is not started.
#[test]
fn a_node_in_maintenance_is_not_started() {
    let mut d = switched_off_beside(Shows::Prompt);
    d.maintained(Some(BETA), 600);
    assert!(d.proved(ALPHA), "its own maintenance it is not");
    d.order(OperatorWord::Release, None);
    d.pass(secs(30));
    assert!(!d.wrote("belongs to beta"), "{}", d.story());
    assert!(d.is_in("vetoed"), "{}", d.story());
    d.wrote_nothing(BETA);
}

#[test]
fn a_primary_in_maintenance_lets_its_script_rest() {
    let mut d = desk(STANDBY);
    d.maintained(Some(ALPHA), 600);
    d.act_unordered();
    d.address = false;
    d.turns(ALPHA, Shows::Prompt);
    d.pass(secs(300));
    d.wrote_nothing(ALPHA);
    d.wrote_nothing(BETA);
    d.pass(secs(330));
    assert!(d.said("the maintenance is over"), "{}", d.story());
    assert!(d.typed(BETA, "\r"), "{}", d.story());
}

#[test]
fn what_a_standby_in_maintenance_says_moves_no_script_and_it_is_asked_nothing() {
    let mut d = desk(
        "
    send secondary \"\\r\"
    expect secondary within 5s { prompt -> bad silence -> quiet }
state quiet \"nothing is heard\"
    on secondary prints booting, login -> bad",
    );
    d.maintained(Some(BETA), 3600);
    d.act_unordered();
    d.pass(secs(30));
    assert!(d.is_in("quiet"), "{}", d.story());
    assert_eq!(d.node(BETA).condition, "at its prompt", "{}", d.story());
    d.wrote_nothing(BETA);
    d.turns(BETA, Shows::Login);
    d.pass(secs(5));
    assert!(d.is_in("quiet"), "{}", d.story());
    // Whoever works there may type though a system runs beside the primary.
    d.asks(BETA);
    assert!(d.pen_words.last().is_some_and(|word| word == "Granted"));
}

/// Its last RETURN was answered long before.
#[test]
fn what_was_not_typed_is_not_unanswered() {
    let mut d = desk(
        "
    send secondary \"\\r\"
    expect secondary within 5s { prompt -> { } silence -> bad }
    wait 10s
    send secondary \"\\r\"
    expect secondary within 5s { prompt -> bad silence -> good }",
    );
    d.act_unordered();
    d.pass(secs(3));
    d.maintained(Some(BETA), 3600);
    d.comes_to("good");
    assert!(!d.said("RETURN is not answered"), "{}", d.story());
    d.wrote_nothing(BETA);
}

#[test]
fn a_survey_asks_nothing_of_it() {
    let mut d = desk("    -> good");
    d.maintained(Some(BETA), 3600);
    d.restart(secs(1), WALL_ZERO);
    d.forget_typed();
    d.pass(secs(60));
    assert!(d.is_in("rest"), "{}", d.story());
    assert_ne!(d.node(BETA).condition, "silent", "{}", d.story());
    d.wrote_nothing(BETA);
    let since = Moment::ZERO;
    assert!(d.events.iter().any(|(at, _)| *at > since));
}
