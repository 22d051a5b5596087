//! Scenes in which the primary is lost and the secondary takes over.

use std::time::Duration;

use crate::pair::{Alpha, Beta, Node};
use crate::scene::{Proof, Scene, scene, scene_with};

#[test]
#[ignore = "needs the test bed"]
fn c_primary_powered_off() {
    let Some(mut scene) = scene("c_primary_powered_off") else {
        return;
    };
    scene.proved_there_and_back();
    scene.pair.power(Alpha, "off");
    scene.taken_over(Beta, Proof::Elsewhere);
    scene.active("alpha: under siege");
    scene.boots(&[Alpha, Beta, Alpha, Beta]);
    scene.mark();
    scene.pair.power(Alpha, "on");
    scene.alarmed("siege_answered");
    scene.active("alpha: siege ended: fully fenced");
    scene.watched(Beta);
    scene.no_boot_of(Alpha);
    scene.boots(&[Alpha, Beta, Alpha, Beta]);
    scene.released(Some(Beta));
}

#[test]
#[ignore = "needs the test bed"]
fn c_integrity_holds_until_somebody_confirms() {
    let edits = [("data_policy: adaptability", "data_policy: integrity")];
    let Some(mut scene) = scene_with("c_integrity_holds_until_somebody_confirms", &edits) else {
        return;
    };
    scene.proved_there_and_back();
    scene.mark();
    scene.pair.power(Alpha, "off");
    scene.alarm("hold");
    scene.pass(Duration::from_secs(20));
    scene.no_boot_of(Beta);
    let (good, said) = scene.dog.command(&[
        "confirm",
        "bed/alpha",
        "stopped",
        "--yes-i-have-checked",
        "bed/alpha",
    ]);
    assert!(good, "{said}");
    scene.taken_over(Beta, Proof::Elsewhere);
    scene.boots(&[Alpha, Beta, Alpha, Beta]);
    scene.released(Some(Beta));
}

#[test]
#[ignore = "needs the test bed"]
fn c_integrity_with_a_power_leg() {
    let legs = power_legs();
    let mut edits: Vec<(&str, &str)> = legs.iter().map(|(old, new)| (*old, &**new)).collect();
    edits.push(("data_policy: adaptability", "data_policy: integrity"));
    let Some(mut scene) = scene_with("c_integrity_with_a_power_leg", &edits) else {
        return;
    };
    scene.adopted();
    scene.pair.act("freeze", Alpha);
    scene.taken_over(Beta, Proof::Elsewhere);
    assert!(
        scene.pair.run(&["status"]).contains("alpha: power off"),
        "alpha was switched off"
    );
    scene.boots(&[Alpha, Beta]);
    scene.released(Some(Beta));
}

/// Texts of the cluster file, and what stands there instead where both nodes have a power leg.
pub fn power_legs() -> [(&'static str, String); 2] {
    let leg = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bed/power-leg");
    let power = |node: Node| {
        let bed = crate::pair::find_bed()
            .map(|bed| bed.display().to_string())
            .unwrap_or_default();
        let environment = crate::pair::environment();
        let words: Vec<String> = environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let line = |what: &str| {
            format!(
                "[/usr/bin/env, BED={bed}, {}, {leg}, {node}, \"{what}\"]",
                words.join(", ")
            )
        };
        format!(
            "host_id: {}\n    power: [{{ off: {}, status: {}, on: {} }}]",
            node.host_id(),
            line("off"),
            line("status"),
            line("on")
        )
    };
    [
        ("host_id: 80770001", power(Alpha)),
        ("host_id: 80770002", power(Beta)),
    ]
}

#[test]
#[ignore = "needs the test bed"]
fn d_network_loss_switches() {
    let edits = [("network_loss: alarm", "network_loss: switch after 20s")];
    let Some(mut scene) = scene_with("d_network_loss_switches", &edits) else {
        return;
    };
    scene.adopted();
    scene.pair.run(&["service-cable", "alpha", "out"]);
    scene.alarmed("network_lost");
    scene.taken_over(Beta, Proof::Console);
    scene.boots(&[Alpha, Beta]);
    scene.released(Some(Beta));
}

#[test]
#[ignore = "needs the test bed"]
fn f_panic() {
    let Some(mut scene) = scene("f_panic") else {
        return;
    };
    scene.adopted();
    drilled(&mut scene);
    scene.pair.type_line(Alpha, "panic");
    scene.taken_over(Beta, Proof::Console);
    scene.boots(&[Alpha, Beta]);
    assert!(
        scene
            .dog
            .alarm_codes()
            .iter()
            .any(|code| code == "primary_panic")
    );
    scene.released(Some(Beta));
}

/// A drill finds that beta cannot read the disk, and when it can, that it would take over.
fn drilled(scene: &mut Scene) {
    scene.mark();
    let drill = |scene: &Scene| scene.dog.command(&["drill", "bed", "--yes", "--wait"]);
    scene.pair.run(&["disk", "dead", "beta"]);
    let (good, said) = drill(scene);
    assert!(!good && said.contains("disk cannot be read"), "{said}");
    scene.alarm("drill_failed");
    scene.watched(Alpha);
    scene.pair.run(&["disk", "alive", "beta"]);
    let (good, said) = drill(scene);
    assert!(good && said.contains("beta would take over"), "{said}");
    scene.cleared("drill_failed");
    scene.watched(Alpha);
    scene.nothing_was_done_to(Alpha);
}

#[test]
#[ignore = "needs the test bed"]
fn g_console_silent_switches() {
    let edits = [("console_silent: alarm", "console_silent: switch after 25s")];
    let Some(mut scene) = scene_with("g_console_silent_switches", &edits) else {
        return;
    };
    scene.adopted();
    scene.pair.type_line(Alpha, "hang");
    scene.alarmed("console_silent");
    scene.taken_over(Beta, Proof::Console);
    scene.boots(&[Alpha, Beta]);
    scene.released(Some(Beta));
}

#[test]
#[ignore = "needs the test bed"]
fn j_switchovers_there_and_back() {
    let rounds = std::env::var("CLUSTERD_BED_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10);
    let Some(mut scene) = scene("j_switchovers_there_and_back") else {
        return;
    };
    scene.adopted();
    let mut boots = vec![Alpha];
    for _ in 0..rounds {
        for node in [Alpha, Beta] {
            scene.pair.type_line(node, "panic");
            scene.taken_over(node.other(), Proof::Console);
            boots.push(node.other());
            scene.boots(&boots);
        }
    }
    scene.note(&format!("{rounds} rounds"));
    scene.released(Some(Alpha));
}

#[test]
#[ignore = "needs the test bed"]
fn k_label_corrupt() {
    let Some(mut scene) = scene("k_label_corrupt") else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.run(&["disk", "corrupt-label"]);
    does_not_start(&mut scene);
    scene.released(Some(Beta));
}

#[test]
#[ignore = "needs the test bed"]
fn k_boot_device_dead() {
    let Some(mut scene) = scene("k_boot_device_dead") else {
        return;
    };
    scene.adopted();
    scene.mark();
    scene.pair.run(&["disk", "dead", "beta"]);
    does_not_start(&mut scene);
    scene.released(Some(Beta));
}

/// Alpha panics, and beta cannot boot: two tries, then HOLD, and no loop.
fn does_not_start(scene: &mut Scene) {
    scene.pair.type_line(Alpha, "panic");
    scene.alarmed("boot_failed");
    scene.alarm("hold");
    scene.pass(Duration::from_secs(40));
    let boots = scene.pair.wire(Beta).boots_by_client().len();
    assert_eq!(boots, 2, "boot commands for beta");
    scene.no_boot_of(Alpha);
    scene.boots_are_fenced();
    scene.boots(&[Alpha]);
    // Mended, and an operator lets go of HOLD.
    scene.pair.run(&["disk", "restore"]);
    scene.pair.run(&["disk", "alive", "beta"]);
    let (good, said) = scene.dog.command(&["release", "bed"]);
    assert!(good, "{said}");
    scene.watched(Beta);
    scene.serves(Beta);
    scene.boots(&[Alpha, Beta]);
}

#[test]
#[ignore = "needs the test bed"]
fn k_boot_fails_once() {
    let Some(mut scene) = scene("k_boot_fails_once") else {
        return;
    };
    scene.adopted();
    scene.pair.run(&["disk", "corrupt-label"]);
    scene.pair.type_line(Alpha, "panic");
    scene.active_now("beta did not start");
    scene.pair.run(&["disk", "restore"]);
    scene.taken_over(Beta, Proof::Console);
    scene.boots(&[Alpha, Beta]);
    scene.released(Some(Beta));
}
