//! A sign of life ends it, and the node is besieged and fenced.

use super::*;

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
