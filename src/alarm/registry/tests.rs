//! Raising, counting, clearing, and what a restart remembers.

use super::*;
use crate::config::Settings;

fn registry() -> (tempfile::TempDir, Arc<Scribe>, Alarms) {
    let home = tempfile::tempdir().unwrap();
    let scribe = Arc::new(Scribe::start(home.path(), &Settings::default()).unwrap());
    let alarms = Alarms::new(Arc::clone(&scribe), Saved::default());
    (home, scribe, alarms)
}

#[test]
fn an_alarm_said_again_is_counted_and_not_logged() {
    let (home, scribe, alarms) = registry();
    let ca = Subject::package("pki-ca", "ca");
    assert_eq!(
        alarms.raise(&ca, Severity::Warning, "standby_lost", "no answer"),
        Raised::New
    );
    assert_eq!(
        alarms.raise(&ca, Severity::Warning, "standby_lost", "no answer"),
        Raised::Again
    );
    let open = alarms.open(Some("pki-ca"));
    assert_eq!((open.len(), open[0].count), (1, 2));
    alarms.clear(&ca, "standby_lost");
    alarms.clear(&ca, "standby_lost");
    assert!(alarms.open(None).is_empty());
    scribe.flush();
    let log = std::fs::read_to_string(home.path().join("logs/alarms.log")).unwrap();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(
        log.contains("Z  WARNING   pki-ca/ca  standby_lost: no answer"),
        "{log}"
    );
    assert!(
        log.contains("Z  cleared   pki-ca/ca  standby_lost after "),
        "{log}"
    );
}

#[test]
fn an_alarm_that_gets_worse_is_logged_again() {
    let (_home, _scribe, alarms) = registry();
    let ca = Subject::cluster("pki-ca");
    alarms.raise(&ca, Severity::Warning, "link", "a console is lost");
    assert_eq!(
        alarms.raise(&ca, Severity::Critical, "link", "both are lost"),
        Raised::New
    );
    alarms.raise(&ca, Severity::Warning, "link", "a console is lost");
    assert_eq!(alarms.open(None)[0].severity, Severity::Critical);
}

#[test]
fn the_most_urgent_alarm_stands_first() {
    let (_home, _scribe, alarms) = registry();
    alarms.raise(&Subject::cluster("a"), Severity::Notice, "n", "n");
    alarms.raise(&Subject::cluster("b"), Severity::Critical, "c", "c");
    alarms.raise(&Subject::host(), Severity::Warning, "w", "w");
    let codes: Vec<String> = alarms.open(None).into_iter().map(|a| a.code).collect();
    assert_eq!(codes, ["c", "w"], "a notice is said, but not kept open");
    let codes: Vec<String> = alarms.open(Some("a")).into_iter().map(|a| a.code).collect();
    assert_eq!(codes, ["w"], "the host's own alarms concern every cluster");
}

#[test]
fn of_the_time_before_only_what_is_said_again_stays() {
    let (_home, scribe, alarms) = registry();
    let ca = Subject::cluster("pki-ca");
    alarms.raise(&ca, Severity::Critical, "hold", "in HOLD");
    alarms.raise(&ca, Severity::Critical, "primary_panic", "a panic");
    let again = Alarms::new(scribe, alarms.saved());
    again.raise(&ca, Severity::Critical, "hold", "in HOLD");
    again.end_unsaid(Duration::ZERO);
    let open = again.open(None);
    assert_eq!(
        (open.len(), open[0].code.as_str(), open[0].count),
        (1, "hold", 2)
    );
}

#[test]
fn alarms_of_clusters_that_are_gone_end() {
    let (_home, _scribe, alarms) = registry();
    alarms.raise(&Subject::cluster("gone"), Severity::Warning, "n", "n");
    alarms.raise(&Subject::host(), Severity::Warning, "w", "w");
    alarms.forget_clusters(&|_| false);
    assert_eq!(alarms.open(None).len(), 1);
}
