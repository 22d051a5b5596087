//! Scenes in which a person or a fault comes between: BREAK disabled, `go` at the wrong moment, a
//! console lost between fence and boot, a stray BREAK.

use std::thread;
use std::time::{Duration, Instant};

use crate::pair::{Alpha, BOOT, Beta, Node};
use crate::scene::{Proof, Scene, scene, scene_with};

#[test]
#[ignore = "needs the test bed"]
fn h_break_disabled() {
    let edits = [("network_loss: alarm", "network_loss: switch after 15s")];
    let Some(mut scene) = scene_with("h_break_disabled", &edits) else {
        return;
    };
    scene.adopted();
    scene.pair.type_line(Alpha, "stopa0");
    scene.pass(Duration::from_secs(5));
    scene.mark();
    scene.pair.run(&["service-cable", "alpha", "out"]);
    scene.alarmed("primary_lost");
    scene.alarm("hold");
    scene.no_boot_of(Beta);
    scene.boots(&[Alpha]);
    assert!(
        !scene.pair.wire(Alpha).breaks().is_empty(),
        "BREAK was tried"
    );
    scene.pair.run(&["service-cable", "alpha", "in"]);
    scene.watched(Alpha);
    scene.boots(&[Alpha]);
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn i_go_before_the_reset() {
    let edits = [("network_loss: alarm", "network_loss: switch after 15s")];
    let Some(mut scene) = scene_with("i_go_before_the_reset", &edits) else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.run(&["service-cable", "alpha", "out"]);
    says(&scene, Alpha, "Type  'go' to resume");
    scene.pair.type_line(Alpha, "go");
    ends_fenced_or_held(scene);
}

#[test]
#[ignore = "needs the test bed"]
fn i_go_after_the_reset() {
    let edits = [("network_loss: alarm", "network_loss: switch after 15s")];
    let Some(mut scene) = scene_with("i_go_after_the_reset", &edits) else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.run(&["service-cable", "alpha", "out"]);
    says(&scene, Alpha, ": undefined word.");
    scene.pair.type_line(Alpha, "go");
    ends_fenced_or_held(scene);
}

/// A proof that a `go` came between is made again; where that fails, HOLD is right too.
fn ends_fenced_or_held(mut scene: Scene) {
    let serves = |scene: &Scene| {
        let package = scene.dog.package().unwrap_or_default();
        package["state"] == "watch" && package["primary"] == "beta"
    };
    scene.until("a takeover or HOLD", Duration::from_secs(300), |scene| {
        serves(scene) || scene.dog.alarm_is_open("hold")
    });
    scene.judged_clean();
    scene.boots_are_fenced();
    let primary = serves(&scene).then_some(Beta);
    scene.released(primary);
}

/// Waits for a node's words as closely as can be.
fn says(scene: &Scene, node: Node, text: &str) {
    let end = Instant::now() + BOOT;
    let mark = scene.pair.wire(node).len();
    while !scene
        .pair
        .wire(node)
        .since(mark.saturating_sub(1))
        .says(text)
    {
        assert!(Instant::now() < end, "{node} does not say {text:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
#[ignore = "needs the test bed"]
fn m_console_lost_between_fence_and_boot() {
    let Some(mut scene) = scene("m_console_lost_between_fence_and_boot") else {
        return;
    };
    scene.adopted();
    scene.pair.type_line(Alpha, "panic");
    scene.active_now("alpha: proved stopped");
    scene.pair.relay(Alpha, "cut refuse");
    thread::sleep(Duration::from_secs(6));
    let typed = scene.pair.wire(Beta).boots_by_client().len();
    scene.note(if typed == 0 {
        "cut before the boot"
    } else {
        "cut after the boot"
    });
    scene.pair.relay(Alpha, "restore");
    scene.taken_over(Beta, Proof::Console);
    scene.boots(&[Alpha, Beta]);
    scene.released(Some(Beta));
}

#[test]
#[ignore = "needs the test bed"]
fn m_console_hangs_between_fence_and_boot() {
    let Some(mut scene) = scene("m_console_hangs_between_fence_and_boot") else {
        return;
    };
    scene.adopted();
    scene.pair.type_line(Alpha, "panic");
    says(&scene, Alpha, ": undefined word.");
    scene.pair.relay(Alpha, "cut hang");
    thread::sleep(Duration::from_secs(20));
    let typed = scene.pair.wire(Beta).boots_by_client().len();
    scene.note(if typed == 0 {
        "cut before the boot"
    } else {
        "cut after the boot"
    });
    scene.pair.relay(Alpha, "restore");
    scene.taken_over(Beta, Proof::Console);
    scene.boots(&[Alpha, Beta]);
    scene.released(Some(Beta));
}

#[test]
#[ignore = "needs the test bed"]
fn q_stray_break() {
    let Some(mut scene) = scene("q_stray_break") else {
        return;
    };
    // `go` wants the standby fenced since it ran last, so there and back first.
    scene.proved_there_and_back();
    scene.mark();
    scene.pair.act("break", Alpha);
    scene.alarmed("resumed");
    scene.watched(Alpha);
    scene.nothing_was_done();
    scene.serves(Alpha);
    scene.boots(&[Alpha, Beta, Alpha]);
    scene.released(Some(Alpha));
}
