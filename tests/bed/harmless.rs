//! Scenes in which nothing may be done: alarms, and not one BREAK or boot.

use std::time::Duration;

use crate::pair::{Alpha, BOOT, Beta};
use crate::scene::{Proof, scene};

#[test]
#[ignore = "needs the test bed"]
fn d_address_changed() {
    let Some(mut scene) = scene("d_address_changed") else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.type_line(Alpha, "ip 10.77.0.99/24");
    scene.alarm("network_lost");
    scene.pass(Duration::from_secs(30));
    scene.nothing_was_done();
    scene.pair.type_line(Alpha, "ip 10.77.0.10/24");
    scene.cleared("network_lost");
    scene.watched(Alpha);
    scene.nothing_was_done();
    scene.boots(&[Alpha]);
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn d_cable_out() {
    let Some(mut scene) = scene("d_cable_out") else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.run(&["service-cable", "alpha", "out"]);
    scene.alarm("network_lost");
    scene.pass(Duration::from_secs(30));
    scene.nothing_was_done();
    scene.pair.run(&["service-cable", "alpha", "in"]);
    scene.cleared("network_lost");
    scene.watched(Alpha);
    scene.nothing_was_done();
    scene.boots(&[Alpha]);
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn e_cables_of_the_monitor() {
    let Some(mut scene) = scene("e_cables_of_the_monitor") else {
        return;
    };
    scene.adopted();
    scene.mark();
    for (cables, alarm) in [
        (&["service"][..], "impaired"),
        (&["console"], "console_lost"),
        (&["service", "console"], "impaired"),
    ] {
        for cable in cables {
            scene.pair.run(&["monitor-cable", cable, "out"]);
        }
        if alarm == "console_lost" {
            // With pings that answer, only the links are lost; either word will do.
            scene.until("a console is lost", Duration::from_secs(180), |scene| {
                ["console_lost", "standby_lost", "console_silent"]
                    .iter()
                    .any(|code| scene.dog.alarm_is_open(code))
            });
        } else {
            scene.alarm(alarm);
        }
        scene.pass(Duration::from_secs(40));
        scene.nothing_was_done();
        for cable in cables {
            scene.pair.run(&["monitor-cable", cable, "in"]);
        }
        scene.watched(Alpha);
        scene.cleared("impaired");
        scene.until(
            "both consoles are connected",
            Duration::from_secs(60),
            |scene| {
                ["alpha", "beta"].iter().all(|node| {
                    scene
                        .dog
                        .node(node)
                        .is_some_and(|node| node["link"] == "connected")
                })
            },
        );
        scene.nothing_was_done();
        scene.boots(&[Alpha]);
    }
    scene.pair.type_line(Alpha, "panic");
    scene.taken_over(Beta, Proof::Console);
    scene.boots(&[Alpha, Beta]);
    scene.released(Some(Beta));
}

#[test]
#[ignore = "needs the test bed"]
fn g_userland_hangs() {
    let Some(mut scene) = scene("g_userland_hangs") else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.type_line(Alpha, "hang");
    scene.alarm("console_silent");
    scene.pass(Duration::from_secs(40));
    scene.nothing_was_done();
    scene.boots(&[Alpha]);
    assert!(
        scene.pair.ping(),
        "a node whose userland hangs answers ping"
    );
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn m_console_lost_at_rest() {
    let Some(mut scene) = scene("m_console_lost_at_rest") else {
        return;
    };
    scene.adopted();
    scene.mark();
    for (node, how, alarm) in [
        (Alpha, "refuse", "console_lost"),
        (Beta, "refuse", "standby_lost"),
        (Alpha, "hang", "console_silent"),
        (Beta, "hang", "standby_lost"),
    ] {
        scene.pair.relay(node, &format!("cut {how}"));
        scene.until(&format!("{alarm} for {node} ({how})"), BOOT, |scene| {
            scene.dog.alarm_is_open(alarm)
                || node == Alpha && scene.dog.alarm_is_open("console_silent")
        });
        scene.pass(Duration::from_secs(15));
        scene.pair.relay(node, "restore");
        scene.watched(Alpha);
        scene.cleared(alarm);
        scene.cleared("console_silent");
        scene.nothing_was_done();
    }
    scene.boots(&[Alpha]);
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn p_consoles_swapped() {
    let Some(mut scene) = scene("p_consoles_swapped") else {
        return;
    };
    scene.adopted();
    scene.dog.stop();
    // As if somebody had swapped the cables while clusterd was away.
    scene
        .dog
        .edit(&[(":4201", ":0000"), (":4202", ":4201"), (":0000", ":4202")]);
    scene.mark();
    scene.dog.start(&scene.pair);
    scene.until("an alarm says so", BOOT, |scene| {
        ["wrong_identity", "swapped"]
            .iter()
            .any(|code| scene.dog.alarm_is_open(code))
    });
    scene.pass(Duration::from_secs(60));
    scene.nothing_was_done();
    scene.boots(&[Alpha]);
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn r_noise() {
    let Some(mut scene) = scene("r_noise") else {
        return;
    };
    scene.adopted();
    scene.mark();
    for _ in 0..3 {
        scene.pair.type_line(Alpha, "flood 200");
        scene.pair.wait(Alpha, "flood done");
        scene.pass(Duration::from_secs(20));
    }
    assert!(
        scene.pair.wire(Alpha).says("panic in the sky"),
        "the noise was as bad as it should be"
    );
    scene.watched(Alpha);
    scene.nothing_was_done();
    let codes = scene.dog.alarm_codes();
    assert!(
        codes.iter().all(|code| code == "guard_unknown"),
        "alarms: {codes:?}"
    );
    scene.boots(&[Alpha]);
    scene.released(Some(Alpha));
}
