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
    scene.adopted();
    scene.active("beta: standing guard read back");
    // The standing guard leads nowhere, so this one comes back to its prompt by itself.
    scene.pair.type_line(Beta, "boot");
    scene.pair.wait(Beta, "has been set by load");
    scene.active("beta: proved stopped");
    scene.watched(Alpha);
    scene.mark();
    scene.pair.type_line(Beta, "boot disk");
    scene.alarmed("standby_boots");
    scene.until("beta is fenced", Duration::from_secs(240), |scene| {
        scene.dog.activity().matches("beta: proved stopped").count() >= 2
    });
    scene.watched(Alpha);
    let wire = scene.pair.wire(Beta);
    let breaks = wire.breaks();
    let gaps: Vec<u64> = breaks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    scene.note(&format!("{} BREAKs, gaps {gaps:?} ms", breaks.len()));
    assert!(!breaks.is_empty(), "the boot was not met with BREAK");
    scene.nothing_was_done_to(Alpha);
    scene.boots(&[Alpha]);
    scene.released(Some(Alpha));
}
