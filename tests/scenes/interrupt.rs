//! clusterd killed and stopped at every action of a takeover. `script interrupt` does so with all shipped
//! scenes; this one is short enough for every `cargo test`, and for the mutation check.

use std::collections::BTreeMap;
use std::sync::Arc;

use clusterd::script::diagnostic::Sources;
use clusterd::sim::Interrupt;
use clusterd::sim::explore::{Interrupted, Patience};
use clusterd::sim::scene::{self, Stage};

use crate::bench::program;

/// Sun machines with the times of real ones: five minutes are longer than any proof lives.
const SCENE: &str = "scene 1 \"a panic\"\nnode alpha openboot 80770001\nnode beta openboot 80770002\n\
                     start proven\nmark\npanic alpha\nuntil beta serves\n";

#[test]
fn a_takeover_can_be_interrupted_at_every_action() {
    let mut sources = Sources::default();
    let scene = scene::parse("scene", SCENE, &mut sources).expect("a good scene");
    let program = Arc::new(program("chat-scripts/sun-openboot.chat", &[]));
    let stage = Stage::new(&program).unwrap();
    let opening = stage.open(&scene.bench).unwrap();
    let played = opening.clone().play(&scene);
    assert_eq!(played.failure, None);
    let interrupted = Interrupted::new(&scene, &played, &opening, Patience::of(&program));
    let mut came = BTreeMap::new();
    for strike in interrupted.strikes() {
        let played = opening.clone().play(&interrupted.scene(strike));
        let timeline = || played.world.timeline();
        assert_eq!(played.failure, None, "{strike:?}\n{}", timeline());
        assert!(played.world.was_interrupted(), "{strike:?}\n{}", timeline());
        *came.entry(strike.how).or_insert(0) += 1;
    }
    assert!(interrupted.actions() > 50, "{}", interrupted.actions());
    for how in [
        Interrupt::Before,
        Interrupt::After,
        Interrupt::Torn,
        Interrupt::Stopped,
    ] {
        assert_eq!(came.get(&how), Some(&interrupted.actions()), "{how}");
    }
    assert!(came[&Interrupt::Written] >= 4, "{came:?}");
}
