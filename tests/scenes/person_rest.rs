//! A person at a console of clusterd's own, in ordinary life: the script leaves that console
//! to them, and asks again afterwards (design rule 16).

use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::action::PenWord;
use clusterd::machine::input::Deed;
use clusterd::script::program::Severity;
use clusterd::sim::{Condition, Traffic, World};

use crate::bench::*;

const IDLE: Duration = Duration::from_secs(60);
/// How OpenBIOS and Sun's OpenBoot have a line killed.
const KILL: [char; 2] = ['\x03', '\x15'];

/// What clusterd itself and its person typed on a console since, piece by piece.
fn pieces(world: &World, n: usize, since: Moment) -> Vec<(Moment, String)> {
    let entries = world.rig.transcript(n).entries();
    let typed = entries.filter_map(|(at, traffic)| match traffic {
        Traffic::Typed(bytes) => Some((*at, String::from_utf8_lossy(bytes).into_owned())),
        _ => None,
    });
    typed.filter(|(at, _)| *at >= since).collect()
}

pub fn said(world: &World, n: usize, since: Moment, text: &str) -> bool {
    let words = world.pen_words().iter();
    words
        .filter(|(at, node, _)| *at >= since && *node == n)
        .any(|(_, _, word)| format!("{word:?}").contains(text))
}

/// No rule was broken, and none is when everything is let loose.
#[track_caller]
pub fn sound(world: &mut World) {
    assert_eq!(world.broken(), None, "{}", world.timeline());
    let_loose(world);
}

#[test]
fn the_script_types_nothing_while_a_person_does_and_asks_afterwards() {
    for n in [ALPHA, BETA] {
        let mut world = Bench::default().alpha_runs();
        let since = world.now();
        for _ in 0..10 {
            world.person_types(n, "bob", "x");
            world.pass(Duration::from_secs(30));
        }
        let typed = pieces(&world, n, since);
        assert_eq!(typed.len(), 10, "{typed:?}\n{}", world.timeline());
        assert!(typed.iter().all(|(_, text)| text == "x\r"), "{typed:?}");
        let snapshot = world.machine().snapshot(world.now());
        assert_eq!(snapshot.nodes[n].keyboard.as_ref().unwrap().text, "bob");
        let left = world.now();
        world.person_leaves(n, "bob");
        assert!(
            world.until(Duration::from_secs(10), |w| pieces(w, n, left).len() == 1),
            "{}",
            world.timeline()
        );
        let (_, first) = &pieces(&world, n, left)[0];
        assert!(
            first.starts_with(KILL),
            "{first:?}: the line is killed first"
        );
        assert_eq!(world.state(), "watch");
        hands_off(&world, since);
    }
}

#[test]
fn the_pause_ends_after_the_idle_time_with_half_a_line_wiped() {
    let mut world = Bench::default().alpha_runs();
    let since = world.now();
    world.person(BETA, "bob", Deed::Asks { idle: IDLE });
    assert!(said(&world, BETA, since, "Granted"));
    let bytes = b"boot di".to_vec();
    world.person(BETA, "bob", Deed::Types { bytes });
    world.pass(Duration::from_secs(59));
    assert_eq!(pieces(&world, BETA, since).len(), 1);
    world.pass(Duration::from_secs(2));
    assert!(said(&world, BETA, since, "no key for"));
    world.pass(Duration::from_secs(120));
    let typed = pieces(&world, BETA, since);
    assert!(typed.len() > 1 && typed[1].1.starts_with(KILL), "{typed:?}");
    assert_eq!(
        world.rig.node(BETA).condition(),
        Condition::Prompt { resumable: false }
    );
    let bytes = b"x".to_vec();
    world.person(BETA, "bob", Deed::Types { bytes });
    assert_eq!(
        pieces(&world, BETA, since)
            .iter()
            .filter(|(_, text)| text == "x")
            .count(),
        0,
        "the pen is gone"
    );
    assert_eq!(world.state(), "watch", "{}", world.timeline());
}

#[test]
fn a_question_of_ours_is_ended_before_the_first_key() {
    let mut world = Bench::default().proven();
    panic_node(&mut world, ALPHA);
    // The standby's nonce, asked in the gate or by the survey, is one of many questions.
    let asked = |w: &mut World| {
        let typed = pieces(w, ALPHA, w.now());
        typed.iter().any(|(_, text)| text.starts_with("hex "))
    };
    assert!(world.until(LONG, asked), "{}", world.timeline());
    let since = world.now();
    world.person_types(ALPHA, "bob", "x");
    assert!(said(&world, ALPHA, since, "Waits"));
    assert!(world.until(LONG, |w| said(w, ALPHA, since, "Granted")));
    let typed = pieces(&world, ALPHA, since);
    assert_eq!(
        typed.last().map(|(_, text)| text.as_str()),
        Some("x\r"),
        "{typed:?}"
    );
    world.pass(Duration::from_secs(30));
    let after = pieces(&world, ALPHA, since);
    assert_eq!(
        after,
        typed,
        "nothing came after the person's line\n{}",
        world.timeline()
    );
}

#[test]
fn nobody_writes_to_a_node_under_siege() {
    let mut world = Bench::default().proven();
    let now = world.now();
    world.rig.power(ALPHA, false, now);
    serves(&mut world, BETA);
    let since = world.now();
    world.person_types(ALPHA, "bob", "boot disk");
    assert!(
        said(&world, ALPHA, since, "under siege"),
        "{:?}",
        world.pen_words()
    );
    world.person(ALPHA, "bob", Deed::Breaks);
    world.pass(Duration::from_secs(5));
    let typed = world.rig.transcript(ALPHA).typed(since);
    assert!(!typed.contains("boot"), "{typed:?}");
    assert!(breaks(&world, ALPHA, since) >= 4, "the siege goes on");
    sound(&mut world);
}

#[test]
fn a_person_who_boots_the_standby_loses_the_pen_before_it_comes_to_its_disk() {
    for at_primary in [false, true] {
        let mut world = Bench::default().proven();
        let before = boots(&world).len();
        let since = world.now();
        if at_primary {
            world.person_types(ALPHA, "carol", "");
        }
        world.person_types(BETA, "bob", "setenv boot-device disk");
        world.pass(Duration::from_secs(2));
        world.person_types(BETA, "bob", "boot disk");
        alarmed(&mut world, "standby_boots", since);
        assert!(said(
            &world,
            BETA,
            since,
            "loads a system while alpha has the package"
        ));
        assert!(
            world.now().since(since) < Duration::from_secs(30),
            "{}",
            world.timeline()
        );
        assert!(
            world.until(LONG, |w| w.state() == "watch"
                && w.rig.node(BETA).condition()
                    == Condition::Prompt { resumable: false }),
            "{}",
            world.timeline()
        );
        judge(&mut world);
        assert_eq!(boots(&world).len(), before, "{}", world.timeline());
        assert!(world.rig.node(ALPHA).serves());
        sound(&mut world);
    }
}

#[test]
fn a_break_of_a_persons_is_theirs_to_undo() {
    let mut world = Bench::default().proven();
    let since = world.now();
    world.person(ALPHA, "bob", Deed::Asks { idle: IDLE });
    world.person(ALPHA, "bob", Deed::Breaks);
    alarmed(&mut world, "person", since);
    world.pass(Duration::from_secs(20));
    assert_eq!(breaks(&world, ALPHA, since), 1, "{}", world.timeline());
    assert_eq!(world.rig.transcript(ALPHA).typed(since), "");
    world.person_types(ALPHA, "bob", "go");
    world.pass(Duration::from_secs(5));
    world.person_leaves(ALPHA, "bob");
    serves(&mut world, ALPHA);
    let words = world.pen_words().iter().map(|(_, _, word)| word);
    assert!(
        words
            .clone()
            .any(|word| matches!(word, PenWord::Ended { .. }))
    );
    assert!(world.open_alarms().all(|alarm| alarm.code != "person"));
    assert_eq!(breaks(&world, ALPHA, since), 1, "{}", world.timeline());
    sound(&mut world);
}

#[test]
fn a_survey_waits_visibly_for_a_person_and_then_asks_their_node_anew() {
    let mut world = Bench::default().alpha_runs();
    world.kill_after(0);
    world.restart(true);
    let since = world.now();
    let has_the_pen = |world: &World| {
        let snapshot = world.machine().snapshot(world.now());
        snapshot.nodes[BETA].keyboard.is_some()
    };
    for _ in 0..1000 {
        if has_the_pen(&world) {
            break;
        }
        world.person_types(BETA, "bob", "x");
        world.pass(Duration::from_millis(1));
    }
    assert!(has_the_pen(&world), "{}", world.timeline());
    assert_eq!(world.state(), "assess", "{}", world.timeline());
    // At once, not at the end of the survey's two minutes.
    world.pass(Duration::from_secs(2));
    alarmed(&mut world, "person", since);
    assert!(world.now().since(since) < Duration::from_secs(5));
    let shown = world.machine().snapshot(world.now()).packages[0].clone();
    let waits = shown.waits_for.unwrap();
    assert!(
        waits
            .what
            .contains("person who types on the console of beta"),
        "{waits:?}"
    );
    // Nobody serves: after a while that is an emergency.
    let off = world.now();
    world.rig.power(ALPHA, false, off);
    let critical = |w: &World| {
        let mut open = w.open_alarms();
        open.any(|a| a.code == "person" && a.severity == Severity::Critical)
    };
    for _ in 0..20 {
        world.person_types(BETA, "bob", "x");
        world.pass(Duration::from_secs(20));
        if critical(&world) {
            break;
        }
    }
    assert!(critical(&world), "{}", world.timeline());
    assert_eq!(world.state(), "assess");
    hands_off(&world, since);
    world.person_leaves(BETA, "bob");
    assert!(world.until(Duration::from_secs(120), |w| w.state() != "assess"));
    assert!(world.open_alarms().all(|a| a.code != "person"));
}
