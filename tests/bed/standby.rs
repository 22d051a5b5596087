//! Scenes of the standby: it is lost, or somebody boots it.

use std::time::Duration;

use crate::pair::{Alpha, Beta};
use crate::scene::scene;

#[test]
#[ignore = "needs the test bed"]
fn a_secondary_powered_off() {
    let Some(mut scene) = scene("a_secondary_powered_off") else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.power(Beta, "off");
    scene.alarm("standby_lost");
    scene.pass(Duration::from_secs(30));
    scene.nothing_was_done();
    scene.boots(&[Alpha]);
    scene.pair.power(Beta, "on");
    scene.cleared("standby_lost");
    scene.nothing_was_done();
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn b_somebody_boots_the_secondary() {
    let Some(mut scene) = scene("b_somebody_boots_the_secondary") else {
        return;
    };
    // There and back, so that the standing guard is set: its boot-device leads nowhere.
    scene.proved_there_and_back();
    scene.mark();
    scene.pair.type_line(Beta, "boot");
    scene.pair.wait(Beta, "has been set by load");
    scene.pass(Duration::from_secs(20));
    scene.watched(Alpha);
    let before = scene.dog.activity().matches("beta: proved stopped").count();
    let mark = scene.pair.wire(Beta).len();
    scene.pair.type_line(Beta, "boot disk");
    scene.alarmed("standby_boots");
    scene.until("beta is fenced", Duration::from_secs(240), |scene| {
        scene.dog.activity().matches("beta: proved stopped").count() > before
    });
    scene.watched(Alpha);
    let wire = scene.pair.wire(Beta).since(mark);
    let breaks = wire.breaks();
    assert!(!breaks.is_empty(), "the boot was not met with BREAK");
    let longest = breaks
        .windows(2)
        .map(|two| two[1] - two[0])
        .max()
        .unwrap_or_default();
    scene.note(&format!(
        "{} BREAKs, at most {longest} ms apart",
        breaks.len()
    ));
    scene.nothing_was_done_to(Alpha);
    scene.boots(&[Alpha, Beta, Alpha]);
    scene.released(Some(Alpha));
}
