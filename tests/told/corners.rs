//! Messages that a server refuses while it takes others, and a journal that cannot be written while they are
//! sent.

use std::fs;

use nix::sys::signal::Signal;
use rusqlite::Connection;

use crate::daemon_support::until;
use crate::servers::{Web, web, web_that};
use crate::{home, open, route};

/// Quick enough for a test.
const QUICK: &str = "pause: 100ms, pause_max: 200ms, alarm_after: 10m, timeout: 5s";

/// One message is at fault, not the road: after three tries it is given up, and that is told by another way.
#[test]
fn what_is_refused_three_times_while_others_are_taken_is_given_up() {
    let about =
        |code: &'static str| move |heard: &crate::servers::Heard| heard.json()["code"] == code;
    let picky = web_that(move |heard| match about("nothing_guarded")(heard) {
        true => 422,
        false => 204,
    });
    let other = web(|_| Web::Status(204));
    let home = home(&format!(
        "routes:\n  picky: {{ webhook: {{ url: \"http://{}/\" }}, {QUICK} }}\n  \
         other: {{ webhook: {{ url: \"http://{}/\" }}, {QUICK} }}\n",
        picky.at, other.at
    ));
    let daemon = home.run();
    let tries = || {
        let heard = picky.heard();
        heard
            .iter()
            .filter(|heard| about("nothing_guarded")(heard))
            .count()
    };
    until("the first refusal", || (tries() >= 1).then_some(()));
    // As long as nothing else is taken the road is at fault, not the message.
    assert!(open(&home, "route_failed").is_none());
    daemon.signal(Signal::SIGHUP);
    picky.hears("another message", about("reload_refused"));
    let failed = other.message("raised", "route_failed");
    let text = failed["text"].as_str().unwrap();
    assert!(
        text.starts_with("the route picky gave up a message (CRITICAL: @host nothing_guarded"),
        "{text}"
    );
    assert!(
        text.contains("HTTP 422") && text.contains(" tries"),
        "{text}"
    );
    assert!(tries() >= 3, "{}", tries());
    let told = until("what was told", || {
        let told = open(&home, "nothing_guarded")?["told"].clone();
        told["picky"]["trouble"].is_string().then_some(told)
    });
    assert!(
        told["picky"]["pending"].is_null() && told["other"]["delivered_ms"].is_u64(),
        "{told}"
    );
    let picky = route(&home, "picky");
    assert_eq!(
        (picky["given_up"].as_u64(), picky["waiting"].as_u64()),
        (Some(1), Some(0))
    );
    assert!(daemon.stop().success());
}

/// Another program holds the journal: messages leave all the same, and are not sent again once it can be written.
#[test]
fn messages_leave_while_the_journal_cannot_be_written() {
    let server = web(|_| Web::Status(204));
    let home = home(&format!(
        "routes:\n  hook: {{ webhook: {{ url: \"http://{}/\" }}, {QUICK} }}\n",
        server.at
    ));
    let daemon = home.run();
    server.message("raised", "nothing_guarded");
    until("that it was taken, in the journal", || {
        let journal = Connection::open(home.path("journal.sqlite")).unwrap();
        let left: i64 = journal
            .query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))
            .unwrap();
        (left == 0).then_some(())
    });
    let journal = Connection::open(home.path("journal.sqlite")).unwrap();
    journal.busy_timeout(crate::daemon_support::LIMIT).unwrap();
    journal.execute_batch("BEGIN IMMEDIATE").unwrap();
    daemon.signal(Signal::SIGHUP);
    server.message("raised", "reload_refused");
    until("the delivery in the list", || {
        open(&home, "reload_refused")?["told"]["hook"]["delivered_ms"].as_u64()
    });
    // Nothing of it stands in the journal while that is held.
    let known: i64 = journal
        .query_row(
            "SELECT count(*) FROM entries WHERE kind = 'alarm' AND text LIKE '%reload_refused%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(known, 0);
    journal.execute_batch("ROLLBACK").unwrap();
    until("the alarm in the journal", || {
        let known: i64 = journal
            .query_row(
                "SELECT count(*) FROM entries WHERE kind = 'alarm' AND text LIKE '%reload_refused%'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        (known > 0).then_some(())
    });
    drop(journal);
    assert!(daemon.stop().success());
    let daemon = home.run();
    until("the list", || open(&home, "nothing_guarded"));
    assert!(daemon.stop().success());
    let refused = fs::read_to_string(home.path("logs/alarms.log")).unwrap();
    assert!(refused.contains("reload_refused"), "{refused}");
    let messages = server.heard().into_iter().map(|heard| heard.json());
    let messages =
        messages.filter(|one| one["code"] == "reload_refused" && one["kind"] == "raised");
    assert_eq!(messages.count(), 1);
}
