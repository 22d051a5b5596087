//! Twenty switchovers on end, while the node that is lost goes on writing to the disk.

use std::time::{Duration, Instant};

use crate::pair::Alpha;
use crate::scene::{Proof, scene_with};

/// How a primary is lost. After `hang` its kernel and its heartbeat on the disk go on, to the
/// moment of the BREAK.
const FAILURES: [&str; 2] = ["panic", "hang"];

#[test]
#[ignore = "needs the test bed"]
fn s_twenty_switchovers() {
    let edits = [("console_silent: alarm", "console_silent: switch after 20s")];
    let Some(mut scene) = scene_with("s_twenty_switchovers", &edits) else {
        return;
    };
    scene.forgive_hung_firmware();
    scene.adopted();
    let (mut primary, mut boots) = (Alpha, vec![Alpha]);
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for round in 0..20 {
        // Twice each, so that both nodes meet both.
        let how = round / 2 % 2;
        let heir = primary.other();
        boots.push(heir);
        scene.mark();
        let lost = Instant::now();
        scene.pair.type_line(primary, FAILURES[how]);
        let took = scene.serves_since(lost, &boots);
        scene.taken_over(heir, Proof::Console);
        scene.boots(&boots);
        scene.line(&[
            &(round + 1).to_string(),
            FAILURES[how],
            primary.name(),
            heir.name(),
            &seconds(took),
        ]);
        times[how].push(took);
        primary = heir;
    }
    for (how, times) in FAILURES.iter().zip(&mut times) {
        times.sort();
        let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
        let text = format!(
            "{how}: median {}, worst {}",
            seconds(median),
            seconds(worst)
        );
        scene.note(&text);
    }
    scene.released(Some(primary));
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
