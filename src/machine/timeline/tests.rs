//! Events of real switchovers, and what is read out of them.

use super::*;
use crate::machine::proof::ProofKind;

fn state(state: &str, cause: &str) -> Event {
    Event::State {
        package: "ca".to_owned(),
        state: state.to_owned(),
        about: String::new(),
        cause: cause.to_owned(),
        place: "x.chat:1".to_owned(),
    }
}

fn adopted() -> Event {
    Event::Roles {
        package: "ca".to_owned(),
        primary: "ca1".to_owned(),
        secondary: "ca2".to_owned(),
        how: "adopted".to_owned(),
    }
}

fn fence(node: &str) -> Event {
    Event::FenceBegan {
        package: "ca".to_owned(),
        node: node.to_owned(),
        procedure: "openboot_reset".to_owned(),
        evidence: "RETURN is not answered".to_owned(),
    }
}

fn proved(node: &str) -> Event {
    Event::Proved {
        node: node.to_owned(),
        kind: ProofKind::FirmwareReset,
        took_ms: 1,
    }
}

fn piece(node: &str) -> Event {
    Event::Piece {
        node: node.to_owned(),
        text: "the prompt is live".to_owned(),
    }
}

fn boot(node: &str) -> [Event; 3] {
    let (package, node) = ("ca".to_owned(), node.to_owned());
    [
        Event::BootBegan {
            package: package.clone(),
            node: node.clone(),
        },
        Event::BootTyped {
            package: package.clone(),
            node: node.clone(),
            text: "boot disk".to_owned(),
        },
        Event::BootDone {
            package,
            node,
            took_ms: 1,
        },
    ]
}

fn read(story: &[(u64, Event)]) -> Vec<Switchover> {
    let mut timeline = Timeline::default();
    for (at, event) in story {
        timeline.event(*at, event);
    }
    timeline.switchovers().to_vec()
}

/// A silent primary, stopped, its package moved.
fn moved() -> Vec<(u64, Event)> {
    let [given, typed, done] = boot("ca2");
    vec![
        (0, state("assess", "clusterd starts")),
        (1000, adopted()),
        (1000, state("watch", "assess says so")),
        (
            50_000,
            state("suspect", "3 pings in a row were not answered"),
        ),
        (58_000, state("console_quiet", "suspect says so")),
        (63_000, state("stopped", "both_silent says so")),
        (64_000, fence("ca1")),
        (74_000, piece("ca1")),
        (80_000, proved("ca1")),
        (80_500, given),
        (81_000, piece("ca2")),
        (82_000, typed),
        (130_000, done),
        (130_000, state("started", "stopped says so")),
        (132_000, state("watch", "started says so")),
    ]
}

#[test]
fn a_takeover_from_its_first_evidence_to_the_service() {
    let found = read(&moved());
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(one.outcome, Outcome::Moved);
    assert_eq!(
        (
            one.from.as_deref(),
            one.stopped.as_deref(),
            one.to.as_deref()
        ),
        (Some("ca1"), Some("ca1"), Some("ca2"))
    );
    let reached: Vec<_> = one.reached.iter().map(|r| (r.phase, r.at_ms)).collect();
    assert_eq!(
        reached,
        [
            (Phase::Evidence, 50_000),
            (Phase::Fence, 64_000),
            (Phase::Stopped, 74_000),
            (Phase::Proved, 80_000),
            (Phase::Given, 80_500),
            (Phase::BootCommand, 82_000),
            (Phase::Login, 130_000),
            (Phase::Service, 132_000),
        ]
    );
    assert_eq!(one.reached[0].text, "3 pings in a row were not answered");
    assert_eq!(
        one.between(Phase::Fence, Phase::Login),
        Some(Duration::from_secs(66))
    );
    assert_eq!(one.between(Phase::Fence, Phase::NotProved), None);
}

#[test]
fn what_was_wrong_long_before_is_not_its_evidence() {
    let found = read(&[
        (0, adopted()),
        (0, state("network_only", "the address is silent")),
        (500_000, state("stopped", "a panic was printed")),
        (501_000, fence("ca1")),
    ]);
    assert_eq!(found[0].at(Phase::Evidence), Some(500_000));
    assert_eq!(found[0].outcome, Outcome::UnderWay);
}

#[test]
fn a_start_is_no_evidence_and_what_follows_a_hold_begins_anew() {
    let mut timeline = Timeline::default();
    timeline.event(0, &state("assess", "clusterd starts"));
    timeline.event(1000, &state("unclear", "assess says so"));
    timeline.hold(Some("nobody knows"));
    timeline.event(20_000, &state("adopting", "root says adopt"));
    timeline.hold(None);
    timeline.event(21_000, &fence("ca2"));
    let [one] = timeline.switchovers() else {
        panic!("{timeline:?}");
    };
    assert_eq!(one.at(Phase::Evidence), Some(20_000));
    assert_eq!(one.reached[0].text, "root says adopt");
}

#[test]
fn a_hold_stands_until_it_ends_and_a_start_in_the_middle_is_counted() {
    let mut timeline = Timeline::default();
    for (at, event) in [
        (0, adopted()),
        (10, state("stopped", "a panic")),
        (20, fence("ca1")),
        (30, state("held", "stopped says so")),
    ] {
        timeline.event(at, &event);
    }
    timeline.hold(Some("no proof"));
    let outcome = |timeline: &Timeline| timeline.switchovers()[0].outcome.clone();
    assert_eq!(outcome(&timeline), Outcome::Hold("no proof".to_owned()));
    timeline.event(40, &state("assess", "clusterd starts"));
    timeline.hold(None);
    assert_eq!(outcome(&timeline), Outcome::UnderWay);
    timeline.event(50, &fence("ca1"));
    timeline.event(60, &state("watch", "assess says so"));
    assert_eq!(outcome(&timeline), Outcome::OnlyStopped);
    let [one] = timeline.switchovers() else {
        panic!("{timeline:?}");
    };
    assert_eq!(one.restarts, 1);
    assert_eq!(one.at(Phase::Fence), Some(20), "the first one counts");
    assert_eq!(one.at(Phase::Service), None);
}

#[test]
fn the_same_node_again_is_a_restart() {
    let [given, typed, done] = boot("ca1");
    let found = read(&[
        (0, adopted()),
        (0, state("watch", "assess says so")),
        (10, state("restart", "the prompt")),
        (20, fence("ca2")),
        (30, proved("ca2")),
        (40, given),
        (50, typed),
        (60, done),
        (70, state("watch", "started says so")),
    ]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].outcome, Outcome::Restarted);
    assert_eq!(found[0].stopped.as_deref(), Some("ca2"));
}

#[test]
fn a_second_takeover_is_another_one() {
    let mut story = moved();
    let [given, typed, done] = boot("ca1");
    story.extend([
        (900_000, state("panicked", "panic[cpu0]")),
        (901_000, fence("ca2")),
        (902_000, proved("ca2")),
        (903_000, given),
        (904_000, typed),
        (905_000, done),
        (906_000, state("watch", "started says so")),
    ]);
    let found = read(&story);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].from.as_deref(), Some("ca2"));
    assert_eq!(found[1].to.as_deref(), Some("ca1"));
    assert_eq!(found[1].at(Phase::Evidence), Some(900_000));
    assert_eq!(found[1].outcome, Outcome::Moved);
}
