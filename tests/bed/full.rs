//! Scenes in which clusterd's own disk fills up during a takeover: its logs, and its whole home
//! with the journal in it.

use std::time::Duration;

use crate::pair::{Alpha, Beta};
use crate::scene::{Proof, Scene, scene};

/// The proof of a fence lives 60 s (design rule 3): so long that it dies while the boot is held.
const PAST_THE_PROOF: Duration = Duration::from_secs(70);

/// Logs decide nothing: the takeover goes on, an alarm says what is not written, and afterwards
/// the transcripts say that something is missing.
#[test]
#[ignore = "needs the test bed"]
fn u_logs_are_full() {
    let Some(mut scene) = scene("u_logs_are_full") else {
        return;
    };
    scene.dog.on_a_small_disk(&scene.pair, "logs");
    scene.adopted();
    scene.dog.disk().fill();
    scene.pair.type_line(Alpha, "panic");
    scene.taken_over(Beta, Proof::Console);
    says_alarm(&mut scene, "logs");
    assert!(
        !scene.dog.activity().contains("beta is up"),
        "the disk was full"
    );
    scene.dog.disk().free();
    scene.until(
        "the end of the alarm logs",
        Duration::from_secs(60),
        |scene| !scene.dog.says_alarm("logs"),
    );
    // The new primary fails too: what is written from now on is whole.
    scene.pair.type_line(Beta, "panic");
    scene.taken_over(Alpha, Proof::Console);
    scene.active("service: alpha is up");
    let transcript = scene.dog.seen().join("logs/bed/beta.console");
    let transcript = std::fs::read_to_string(transcript).expect("a transcript");
    let lost = transcript.lines().find(|line| line.contains("-- lost: "));
    assert!(lost.is_some(), "the transcript says what is missing");
    scene.boots(&[Alpha, Beta, Alpha]);
    scene.released(Some(Alpha));
}

/// Rule 9: no BREAK without its intent on the disk, and no boot without its own; the watch goes
/// on, and the takeover too when there is room again.
#[test]
#[ignore = "needs the test bed"]
fn u_home_is_full() {
    let Some(mut scene) = scene("u_home_is_full") else {
        return;
    };
    scene.dog.on_a_small_disk(&scene.pair, "");
    scene.adopted();
    full_before_the_fence(&mut scene);
    full_before_the_boot(&mut scene);
    scene.boots(&[Alpha, Beta, Alpha]);
    scene.released(Some(Alpha));
}

fn full_before_the_fence(scene: &mut Scene) {
    scene.mark();
    scene.dog.disk().fill();
    scene.pair.type_line(Alpha, "panic");
    says_alarm(scene, "primary_panic");
    says_alarm(scene, "impaired");
    scene.pass(Duration::from_secs(20));
    scene.nothing_was_done();
    scene.boots(&[Alpha]);
    scene.dog.disk().free();
    scene.taken_over(Beta, Proof::Console);
    scene.note("full before the fence: held, then done");
}

fn full_before_the_boot(scene: &mut Scene) {
    scene.mark();
    scene.pair.type_line(Beta, "panic");
    scene.until("a BREAK to beta", Duration::from_secs(120), |scene| {
        scene.breaks_since_mark(Beta) > 0
    });
    scene.dog.disk().fill();
    says_alarm(scene, "impaired");
    scene.pass(PAST_THE_PROOF);
    scene.no_boot_of(Alpha);
    scene.dog.disk().free();
    scene.taken_over(Alpha, Proof::Console);
    scene.note("full before the boot: held until the proof was too old, made again, done");
}

fn says_alarm(scene: &mut Scene, code: &str) {
    scene.until(
        &format!("the alarm {code}"),
        Duration::from_secs(120),
        |scene| scene.dog.says_alarm(code),
    );
}
