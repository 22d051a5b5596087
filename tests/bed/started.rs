//! Scenes of starts: orderly ends of the primary, and clusterd's own first moments.

use std::time::Duration;

use crate::pair::{Alpha, Beta};
use crate::scene::scene;

#[test]
#[ignore = "needs the test bed"]
fn n_orderly_reboot() {
    let Some(mut scene) = scene("n_orderly_reboot") else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.type_line(Alpha, "reboot");
    scene.until(
        "alpha was started again",
        Duration::from_secs(300),
        |scene| scene.pair.judge().boots() == ["alpha", "alpha"],
    );
    scene.watched(Alpha);
    scene.serves(Alpha);
    scene.no_boot_of(Beta);
    scene.boots(&[Alpha, Alpha]);
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn n_halt_and_planned_grace() {
    let Some(mut scene) = scene("n_halt_and_planned_grace") else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.type_line(Alpha, "halt");
    scene.alarm("planned_stop");
    scene.nothing_was_done();
    // OpenBIOS does not survive what comes after a halt: `reset-all` and `boot` both end in an
    // Unhandled Exception, each time. So whoever halted it does what was meant, and leaves it on.
    scene.pair.power(Alpha, "cycle");
    scene.pair.wait(Alpha, "ok");
    scene.nothing_was_done();
    scene.until(
        "alpha was started again",
        Duration::from_secs(300),
        |scene| scene.pair.judge().boots() == ["alpha", "alpha"],
    );
    scene.watched(Alpha);
    scene.serves(Alpha);
    scene.no_boot_of(Beta);
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn o_both_wait_and_no_journal() {
    let Some(mut scene) = scene("o_both_wait_and_no_journal") else {
        return;
    };
    scene.mark();
    scene.dog.start(&scene.pair);
    scene.alarm("unclear");
    scene.pass(Duration::from_secs(20));
    scene.nothing_was_done();
    scene.boots(&[]);
    let (good, said) = scene.dog.command(&["adopt", "bed", "--primary", "beta"]);
    assert!(good, "{said}");
    scene.watched(Beta);
    scene.serves(Beta);
    scene.boots(&[Beta]);
    scene.released(Some(Beta));
}

#[test]
#[ignore = "needs the test bed"]
fn o_both_wait_and_a_journal() {
    let Some(mut scene) = scene("o_both_wait_and_a_journal") else {
        return;
    };
    scene.adopted();
    scene.dog.stop();
    for node in [Alpha, Beta] {
        scene.pair.power(node, "cycle");
        scene.pair.wait(node, "ok");
    }
    scene.dog.start(&scene.pair);
    scene.alarmed("starting");
    scene.watched(Alpha);
    scene.serves(Alpha);
    scene.boots(&[Alpha, Alpha]);
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn o_a_primary_runs_already() {
    let Some(mut scene) = scene("o_a_primary_runs_already") else {
        return;
    };
    scene.pair.boot(Beta);
    scene.mark();
    scene.dog.start(&scene.pair);
    scene.watched(Beta);
    scene.alarm("guard_unknown");
    scene.nothing_was_done();
    scene.boots(&[Beta]);
    scene.released(Some(Beta));
}
