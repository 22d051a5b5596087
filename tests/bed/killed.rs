//! SIGKILL in the middle of a takeover, at three journalled steps; then clusterd starts again.

use std::time::Duration;

use crate::pair::{Alpha, Node};
use crate::scene::scene;

#[test]
#[ignore = "needs the test bed"]
fn l_killed_after_the_fence_intent() {
    killed(
        "l_killed_after_the_fence_intent",
        "service: stopping alpha for good",
    );
}

#[test]
#[ignore = "needs the test bed"]
fn l_killed_after_the_proof() {
    killed("l_killed_after_the_proof", "alpha: proved stopped");
}

#[test]
#[ignore = "needs the test bed"]
fn l_killed_after_the_boot_intent() {
    killed(
        "l_killed_after_the_boot_intent",
        "service: given to beta, unconfirmed",
    );
}

/// Whoever has the package in the end: it runs, alone, after a whole proof.
fn killed(name: &str, step: &str) {
    let Some(mut scene) = scene(name) else { return };
    scene.adopted();
    scene.pair.type_line(Alpha, "panic");
    scene.active_now(step);
    scene.dog.kill();
    scene.dog.start(&scene.pair);
    scene.until(
        "one node has the package again",
        Duration::from_secs(400),
        |scene| {
            scene
                .dog
                .package()
                .is_some_and(|package| package["state"] == "watch" && package["confirmed"] == true)
        },
    );
    let package = scene.dog.package().expect("clusterd answers");
    let primary = Node::BOTH
        .into_iter()
        .find(|node| package["primary"] == node.name());
    let primary = primary.expect("one of the two");
    scene.serves(primary);
    scene.note(&format!("{primary} has it"));
    scene.released(Some(primary));
}
