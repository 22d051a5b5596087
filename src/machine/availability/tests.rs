//! Rows of a journal, and the hours that are counted out of them.

use super::*;
use crate::machine::Event;

const MIN: u64 = 60_000;
const HOUR: u64 = 60 * MIN;
/// Some day.
const T: u64 = 1_793_714_700_000;

/// What stands in the journal, and when, in minutes after [`T`].
#[derive(Clone)]
enum Row {
    Host(u64, Watch),
    Cluster(u64, Event),
}

/// clusterd begins; the one before it watched until then.
fn begins(at: u64, until: Option<u64>) -> Row {
    let until_ms = until.map(|minute| T + minute * MIN);
    Row::Host(at, Watch::Began { until_ms })
}

fn stood_still(at: u64, since: u64) -> Row {
    let since_ms = T + since * MIN;
    Row::Host(at, Watch::StoodStill { since_ms })
}

fn service(at: u64, is: Serves, node: &str) -> Row {
    Row::Cluster(at, told(is, node, false, 0))
}

fn planned(at: u64, is: Serves, node: &str) -> Row {
    Row::Cluster(at, told(is, node, true, 0))
}

fn told(is: Serves, node: &str, planned: bool, ago_ms: u64) -> Event {
    Event::Service {
        package: "ca".to_owned(),
        is,
        node: Some(node.to_owned()).filter(|node| !node.is_empty()),
        planned,
        why: if is == Down { "it fell over" } else { "" }.to_owned(),
        ago_ms,
    }
}

fn unwatched(at: u64) -> Row {
    let why = "its task crashed".to_owned();
    Row::Cluster(at, Event::Unwatched { why })
}

fn spells(rows: &[Row], end: u64) -> Vec<Spell> {
    let mut ledger = Ledger::default();
    for row in rows {
        match row {
            Row::Host(at, watch) => ledger.watch(T + at * MIN, watch),
            Row::Cluster(at, event) => ledger.event(T + at * MIN, event),
        }
    }
    ledger.close(T + end * MIN)
}

fn of(rows: &[Row], end: u64) -> Availability {
    Availability::of(&spells(rows, end), T, T + end * MIN)
}

/// Minutes up, degraded, down as planned, down, unknown.
fn minutes(found: &Availability) -> [u64; 5] {
    [
        found.up_ms,
        found.degraded_ms,
        found.down_planned_ms,
        found.down_unplanned_ms,
        found.unknown_ms,
    ]
    .map(|span| {
        assert_eq!(span % MIN, 0, "{found:?}");
        span / MIN
    })
}

use Serves::{Degraded, Down, Unknown, Up};

#[test]
fn hours_are_counted_where_they_belong() {
    let calm = [begins(0, None), service(0, Up, "ca1")];
    let failed = [
        begins(0, None),
        service(0, Up, "ca1"),
        service(100, Down, "ca1"),
        service(105, Degraded, "ca2"),
        service(115, Up, "ca2"),
    ];
    let ordered = [
        begins(0, None),
        service(0, Up, "ca1"),
        planned(50, Down, "ca1"),
        planned(52, Down, "ca2"),
        service(54, Up, "ca2"),
    ];
    // SIGKILL at 60; the last sign of life was at 59.
    let killed = [
        begins(0, None),
        service(0, Up, "ca1"),
        begins(70, Some(59)),
        service(71, Up, "ca1"),
    ];
    // Stopped while it was down, and up again under another clusterd.
    let stopped = [
        begins(0, None),
        service(0, Up, "ca1"),
        service(30, Down, "ca1"),
        begins(50, Some(40)),
        service(55, Up, "ca2"),
    ];
    // The same, but it is down still.
    let still = [
        begins(0, None),
        service(0, Up, "ca1"),
        service(30, Down, "ca1"),
        begins(50, Some(40)),
        service(55, Down, "ca1"),
        service(60, Up, "ca1"),
    ];
    let slept = [
        begins(0, None),
        service(0, Up, "ca1"),
        stood_still(80, 20),
        service(90, Down, "ca1"),
    ];
    let crashed = [
        begins(0, None),
        service(0, Up, "ca1"),
        unwatched(10),
        service(15, Up, "ca1"),
    ];
    let doubted = [
        begins(0, None),
        service(0, Up, "ca1"),
        service(10, Unknown, "ca1"),
        service(20, Up, "ca1"),
    ];
    let added = [begins(0, None), service(90, Up, "ca1")];
    let removed = [begins(0, None), service(0, Up, "ca1"), unwatched(20)];
    for (name, rows, expected, failures) in [
        ("calm", &calm[..], [120, 0, 0, 0, 0], 0),
        ("failed", &failed, [105, 10, 0, 5, 0], 1),
        ("ordered", &ordered, [116, 0, 4, 0, 0], 0),
        ("killed", &killed, [108, 0, 0, 0, 12], 0),
        ("stopped", &stopped, [95, 0, 0, 10, 15], 1),
        ("still", &still, [90, 0, 0, 15, 15], 1),
        ("slept", &slept, [30, 0, 0, 30, 60], 1),
        ("crashed", &crashed, [115, 0, 0, 0, 5], 0),
        ("doubted", &doubted, [110, 0, 0, 0, 10], 0),
        ("added", &added, [30, 0, 0, 0, 90], 0),
        ("removed", &removed, [20, 0, 0, 0, 100], 0),
        ("nothing", &[], [0, 0, 0, 0, 120], 0),
    ] {
        let found = of(rows, 120);
        assert_eq!(minutes(&found), expected, "{name}");
        assert_eq!(found.failures, failures, "{name}");
    }
}

#[test]
fn outages_and_switchovers_have_their_nodes_and_their_lengths() {
    let rows = [
        begins(0, None),
        service(0, Up, "ca1"),
        service(10, Down, "ca1"),
        service(15, Up, "ca2"),
        // Started again in its place.
        service(30, Down, "ca2"),
        service(31, Up, "ca2"),
        // Moved back while nobody watched.
        begins(50, Some(40)),
        service(51, Up, "ca1"),
        planned(60, Down, "ca1"),
        service(63, Up, "ca2"),
        service(100, Down, "ca2"),
    ];
    let found = of(&rows, 120);
    let outages = found.outages.iter();
    let outages: Vec<_> = outages
        .map(|one| {
            let name = |node: &Option<String>| node.clone().unwrap_or_default();
            let minutes = one.down_ms / MIN;
            (
                minutes,
                one.planned,
                one.open,
                name(&one.from),
                name(&one.to),
            )
        })
        .collect();
    let text = str::to_owned;
    assert_eq!(
        outages,
        [
            (5, false, false, text("ca1"), text("ca2")),
            (1, false, false, text("ca2"), text("ca2")),
            (3, true, false, text("ca1"), text("ca2")),
            (20, false, true, text("ca2"), text("")),
        ]
    );
    let moves = found.switchovers.iter();
    let moves: Vec<_> = moves
        .map(|one| {
            (
                (one.at_ms - T) / MIN,
                one.to.as_str(),
                one.took_ms,
                one.planned,
            )
        })
        .collect();
    assert_eq!(
        moves,
        [
            (15, "ca2", Some(5 * MIN), false),
            (51, "ca1", None, false),
            (63, "ca2", Some(3 * MIN), true),
        ]
    );
    assert_eq!(found.failures, 3);
    assert_eq!(found.to_repair_ms, Some(26 * MIN / 3));
    assert_eq!(
        found.between_failures_ms,
        Some((120 - 26 - 3 - 11) * MIN / 3)
    );
}

#[test]
fn an_outage_that_goes_wrong_is_a_failure() {
    let rows = [
        begins(0, None),
        service(0, Up, "ca1"),
        planned(10, Down, "ca1"),
        service(12, Down, "ca1"),
        service(20, Up, "ca1"),
    ];
    let found = of(&rows, 120);
    assert_eq!(minutes(&found), [110, 0, 2, 8, 0]);
    assert_eq!((found.outages.len(), found.failures), (1, 1));
    assert!(found.switchovers.is_empty());
}

#[test]
fn the_last_that_was_seen_counts_however_short() {
    let rows = [
        begins(0, None),
        service(0, Up, "ca1"),
        service(10, Down, "ca1"),
        service(15, Up, "ca2"),
    ];
    // Killed at once: nobody watched after that.
    let spells = spells(&rows, 15);
    let found = Availability::of(&spells, T, T + 20 * MIN);
    assert_eq!(minutes(&found), [10, 0, 0, 5, 5]);
    assert_eq!((found.outages[0].open, found.switchovers.len()), (false, 1));
}

#[test]
fn a_part_of_the_time_is_a_part_of_the_hours() {
    let rows = [
        begins(0, None),
        service(0, Up, "ca1"),
        service(10, Down, "ca1"),
        service(30, Up, "ca2"),
    ];
    let spells = spells(&rows, 120);
    let part = Availability::of(&spells, T + 20 * MIN, T + 40 * MIN);
    assert_eq!(minutes(&part), [10, 0, 0, 10, 0]);
    // It began before: it is another time's failure.
    assert_eq!((part.outages.len(), part.failures), (1, 0));
    assert!(part.outages[0].began_before);
    assert_eq!(part.switchovers.len(), 1);
    let early = Availability::of(&spells, T - HOUR, T + 10 * MIN);
    assert_eq!(minutes(&early), [10, 0, 0, 0, 60]);
    assert_eq!(early.told_from_ms, Some(T));
    let later = Availability::of(&spells, T + 3 * HOUR, T + 4 * HOUR);
    assert_eq!(minutes(&later), [0, 0, 0, 0, 60]);
    assert_eq!(
        (later.available_ppm, later.available_at_least_ppm),
        (None, None)
    );
}

#[test]
fn time_never_runs_backwards_and_what_was_seen_late_counts_from_its_beginning() {
    let rows = [
        begins(0, None),
        service(0, Up, "ca1"),
        Row::Cluster(10, told(Down, "ca1", false, 3 * MIN)),
        // The clock was set back.
        service(5, Up, "ca1"),
        Row::Cluster(20, told(Down, "ca1", false, HOUR)),
        service(30, Up, "ca1"),
    ];
    let found = of(&rows, 120);
    assert_eq!(minutes(&found)[4], 0);
    assert_eq!(found.watched_ms(), 2 * HOUR);
    // Until 7 up; then nothing is known to have been better before 30.
    assert_eq!(minutes(&found), [97, 0, 0, 23, 0]);
}

#[test]
fn nobody_is_believed_before_the_watch_is_known() {
    let rows = [
        service(0, Up, "ca1"),
        begins(60, None),
        service(60, Up, "ca1"),
    ];
    assert_eq!(minutes(&of(&rows, 120)), [60, 0, 0, 0, 60]);
}

#[test]
fn nines_are_whole_and_never_rounded_up() {
    for (lost, whole, text) in [
        (0, 100, None),
        (1, 100, Some(2)),
        (1, 99, Some(1)),
        (1, 1000, Some(3)),
        (100, 100, Some(0)),
        (1, u64::MAX, Some(9)),
    ] {
        assert_eq!(nines(lost, whole), text, "{lost} of {whole}");
    }
    assert_eq!(ppm(2, 3), Some(666_666));
    assert_eq!(ppm(0, 0), None);
    let year = 365 * 24 * HOUR;
    assert_eq!(nines(5 * MIN + 15_000, year), Some(5));
    assert_eq!(nines(53 * MIN, year), Some(3));
}
