//! What is told when: registry and routes, with times of the test's own.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::alarm::message::millis;
use crate::alarm::{Alarms, Saved, Subject};
use crate::config::Settings;
use crate::config::route::{Glob, Transport};
use crate::scribe::Scribe;
use crate::script::program::Severity;

struct Bench {
    home: tempfile::TempDir,
    alarms: Alarms,
    routes: Vec<Route>,
    now_ms: u64,
    id: u64,
}

fn route(name: &str) -> Route {
    Route {
        name: name.to_owned(),
        by: Transport::Exec(vec!["true".to_owned()]),
        severity: Severity::Warning,
        clusters: Vec::new(),
        repeat: Some(Duration::from_secs(60)),
        calm: Duration::from_secs(30),
        timeout: Duration::from_secs(1),
        pause: Duration::from_secs(1),
        pause_max: Duration::from_secs(1),
        give_up: Duration::from_secs(1),
        alarm_after: Duration::from_secs(1),
    }
}

impl Bench {
    fn new(routes: Vec<Route>) -> Bench {
        let home = tempfile::tempdir().unwrap();
        let scribe = Arc::new(Scribe::start(home.path(), &Settings::default()).unwrap());
        Bench {
            home,
            alarms: Alarms::new(scribe, Saved::default()),
            routes,
            now_ms: millis(std::time::SystemTime::now()),
            id: 0,
        }
    }

    /// What is told after so many seconds, all of it taken by the other side.
    fn after(&mut self, seconds: u64) -> Vec<String> {
        self.now_ms += seconds * 1000;
        let mut inner = self.alarms.lock();
        let letters = letters(&mut inner, &self.routes, self.now_ms, &mut || {
            self.id += 1;
            self.id
        });
        for letter in &letters {
            if let Some(told) = inner.told(&letter.message.alarm, &letter.route) {
                told.pending = None;
                told.delivered_ms = Some(self.now_ms);
            }
        }
        letters
            .iter()
            .map(|letter| format!("{} {}", letter.route, letter.message.kind.word()))
            .collect()
    }

    fn raise(&self, severity: Severity) {
        self.alarms.raise(&ca(), severity, "hold", "in HOLD");
    }
}

fn ca() -> Subject {
    Subject::package("pki-ca", "ca")
}

#[test]
fn an_alarm_is_told_once_again_while_nobody_takes_it_and_at_its_end() {
    let mut bench = Bench::new(vec![route("a")]);
    bench.raise(Severity::Warning);
    assert_eq!(bench.after(0), ["a raised"]);
    bench.raise(Severity::Warning);
    assert!(bench.after(59).is_empty(), "said again is only counted");
    assert_eq!(bench.after(1), ["a again"]);
    bench.raise(Severity::Critical);
    assert_eq!(bench.after(1), ["a worse"]);
    bench
        .alarms
        .acknowledge(&ca(), "hold", "alice", None)
        .unwrap();
    assert_eq!(bench.after(1), ["a acknowledged"]);
    assert!(bench.after(3600).is_empty(), "somebody has it");
    bench.alarms.clear(&ca(), "hold");
    bench.now_ms = millis(std::time::SystemTime::now());
    assert!(bench.after(29).is_empty());
    assert_eq!(bench.after(2), ["a closed"]);
    assert!(bench.after(3600).is_empty());
    bench.raise(Severity::Critical);
    assert_eq!(bench.after(0), ["a raised"]);
    let open = bench.alarms.open(None);
    assert_eq!(
        open[0].acknowledged, None,
        "it ended, and so did the word for it"
    );
}

#[test]
fn a_clock_put_back_delays_nothing() {
    let mut bench = Bench::new(vec![route("a")]);
    let hour = 3_600_000;
    bench.raise(Severity::Critical);
    assert_eq!(bench.after(0), ["a raised"]);
    bench.now_ms -= hour;
    assert_eq!(bench.after(1), ["a again"]);
    assert!(bench.after(59).is_empty());
    assert_eq!(bench.after(1), ["a again"]);
    bench.alarms.clear(&ca(), "hold");
    assert_eq!(bench.after(1), ["a closed"]);
    assert!(bench.after(3600).is_empty());
}

#[test]
fn an_alarm_that_comes_and_goes_is_one() {
    let mut bench = Bench::new(vec![route("a")]);
    bench.raise(Severity::Warning);
    assert_eq!(bench.after(0), ["a raised"]);
    bench
        .alarms
        .acknowledge(&ca(), "hold", "alice", None)
        .unwrap();
    assert_eq!(bench.after(0), ["a acknowledged"]);
    for _ in 0..5 {
        bench.alarms.clear(&ca(), "hold");
        assert!(bench.after(1).is_empty());
        bench.raise(Severity::Warning);
        assert!(bench.after(1).is_empty());
    }
    assert!(bench.alarms.open(None)[0].acknowledged.is_some());
    bench.alarms.clear(&ca(), "hold");
    bench.raise(Severity::Critical);
    assert_eq!(bench.after(1), ["a worse"]);
    assert!(
        bench.alarms.open(None)[0].acknowledged.is_none(),
        "worse than what alice took"
    );
}

#[test]
fn routes_take_what_they_are_for_and_none_is_told_of_its_own_failing() {
    let mut bench = Bench::new(vec![
        Route {
            clusters: vec![Glob::new("pki-*")],
            severity: Severity::Critical,
            ..route("pki")
        },
        Route {
            clusters: vec![Glob::new("web")],
            severity: Severity::Notice,
            ..route("web")
        },
    ]);
    bench.raise(Severity::Warning);
    assert!(
        bench.after(0).is_empty(),
        "too little for one, not the other's"
    );
    bench.raise(Severity::Critical);
    assert_eq!(bench.after(0), ["pki raised"]);
    let web = Subject::cluster("web");
    bench
        .alarms
        .raise(&web, Severity::Notice, "moved", "moved by hand");
    assert_eq!(bench.after(0), ["web notice"]);
    bench.alarms.raise(
        &Subject::route("web"),
        Severity::Critical,
        ROUTE_FAILED,
        "dead",
    );
    assert_eq!(bench.after(0), ["pki raised"]);
    bench
        .alarms
        .raise(&Subject::host(), Severity::Critical, "no_ping", "deaf");
    assert_eq!(
        bench.after(0),
        ["pki raised", "web raised"],
        "the host's own take all"
    );
}

#[test]
fn what_ended_before_anybody_looked_is_told_all_the_same() {
    let mut bench = Bench::new(vec![route("a")]);
    bench.raise(Severity::Critical);
    bench.alarms.clear(&ca(), "hold");
    assert_eq!(bench.after(0), ["a raised"]);
    assert_eq!(bench.after(31), ["a closed"]);
}

#[test]
fn a_new_route_is_told_what_is_open_and_a_restart_tells_nothing_twice() {
    let mut bench = Bench::new(vec![route("a")]);
    bench.raise(Severity::Critical);
    assert_eq!(bench.after(0), ["a raised"]);
    bench
        .alarms
        .raise(&ca(), Severity::Critical, "gone", "over");
    bench.alarms.clear(&ca(), "gone");
    bench.after(0);
    let json = serde_json::to_value(bench.alarms.saved()).unwrap();
    let saved: Saved = serde_json::from_value(json).unwrap();
    let mut again = Bench::new(vec![route("a"), route("b")]);
    let scribe = Scribe::start(again.home.path(), &Settings::default()).unwrap();
    again.alarms = Alarms::new(Arc::new(scribe), saved);
    assert_eq!(
        again.after(0),
        ["b raised"],
        "of what is open, and of nothing that is over"
    );
    assert_eq!(again.after(31), ["a closed"]);
}
