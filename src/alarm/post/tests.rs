//! The post office itself, with a real journal and real couriers.

use super::*;
use crate::alarm::Saved;
use crate::config::Settings;
use crate::config::route::Transport;
use crate::scribe::Scribe;

/// A route by that command, which is tried again every hour.
fn route(name: &str, argv: &[&str]) -> Route {
    let hour = Duration::from_secs(3600);
    Route {
        name: name.to_owned(),
        by: Transport::Exec(argv.iter().map(|word| (*word).to_owned()).collect()),
        severity: Severity::Warning,
        clusters: Vec::new(),
        repeat: None,
        calm: hour,
        timeout: Duration::from_secs(10),
        pause: hour,
        pause_max: hour,
        give_up: hour,
        alarm_after: hour,
    }
}

/// Looks until `there` has something to give.
async fn until<T>(mut there: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = there() {
            return found;
        }
        assert!(Instant::now() < end, "it did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A route that takes nothing keeps so many messages, in the outbox too; what comes beyond is given up, and
/// that is said.
#[tokio::test]
async fn beyond_the_queue_messages_are_given_up_and_that_is_an_alarm() {
    const MORE: usize = 30;
    let home = tempfile::tempdir().unwrap();
    let scribe = Arc::new(Scribe::start(home.path(), &Settings::default()).unwrap());
    let alarms = Arc::new(Alarms::new(scribe, Saved::default()));
    let journal = Arc::new(Journal::open(home.path()).unwrap());
    for number in 0..QUEUE + MORE {
        let subject = Subject::cluster(&format!("c{number}"));
        alarms.raise(&subject, Severity::Warning, "standby_lost", "no answer");
    }
    let posting = Posting {
        routes: vec![route("dead", &["/bin/false"])],
        heartbeat: None,
        home: home.path().to_owned(),
    };
    let (_change, posting) = watch::channel(posting);
    let (stop, stopped) = watch::channel(false);
    let office = tokio::spawn(post(
        Arc::clone(&alarms),
        Arc::clone(&journal),
        posting,
        stopped,
    ));
    let report = || alarms.outgoing().and_then(|out| out.routes().pop());
    let report = until(|| report().filter(|one| one.given_up > 0)).await;
    let counted = (report.waiting, report.given_up);
    assert_eq!(counted, (QUEUE as u64, MORE as u64), "{report:?}");
    let open = alarms.open(Some(crate::alarm::HOST));
    let failed = open.iter().find(|one| one.code == ROUTE_FAILED).unwrap();
    assert_eq!(failed.package, "dead");
    assert!(
        failed
            .text
            .contains("4096 messages wait for this route already"),
        "{failed:?}"
    );
    // What was given up is not told again at once.
    let told = alarms.open(None);
    let trouble = told.iter().filter(|one| {
        one.told
            .get("dead")
            .is_some_and(|told| told.trouble.is_some())
    });
    assert_eq!(trouble.count(), MORE);
    stop.send_replace(true);
    office.await.unwrap();
    assert_eq!(written::outbox(&journal).await.len(), QUEUE);
}

/// Without the part of the runtime that waits for commands and sockets each try ends in a panic, as it does with
/// no thread to be had.
#[test]
fn a_courier_whose_try_panics_tries_again_and_its_route_fails() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let home = tempfile::tempdir().unwrap();
        let scribe = Arc::new(Scribe::start(home.path(), &Settings::default()).unwrap());
        let alarms = Arc::new(Alarms::new(scribe, Saved::default()));
        let journal = Arc::new(Journal::open(home.path()).unwrap());
        let subject = Subject::cluster("pair");
        alarms.raise(&subject, Severity::Critical, "hold", "in HOLD");
        let pause = Duration::from_millis(5);
        let posting = Posting {
            routes: vec![Route {
                pause,
                pause_max: pause,
                alarm_after: Duration::ZERO,
                ..route("faulty", &["/bin/true"])
            }],
            heartbeat: None,
            home: home.path().to_owned(),
        };
        let (_change, posting) = watch::channel(posting);
        let (stop, stopped) = watch::channel(false);
        let office = tokio::spawn(post(Arc::clone(&alarms), journal, posting, stopped));
        let failed = || {
            let open = alarms.open(Some(crate::alarm::HOST));
            let failed = open.into_iter().find(|one| one.code == ROUTE_FAILED);
            failed.filter(|one| one.count >= 3)
        };
        let failed = until(failed).await;
        assert!(
            failed.text.contains("a fault of clusterd's own"),
            "{failed:?}"
        );
        stop.send_replace(true);
        office.await.unwrap();
    });
}
