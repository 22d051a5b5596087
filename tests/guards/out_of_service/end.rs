//! Its end: its time, `--back`, and what a restart or a clock that is set makes of it.

use super::*;

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
