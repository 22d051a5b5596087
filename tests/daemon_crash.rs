//! A cluster's task that panics or stands still, in the built daemon: what becomes of it, of the
//! others, and of the service manager's watchdog. The faults are made by `src/cluster/on_purpose.rs`.

mod daemon_support;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use daemon_support::{Daemon, Home, LIMIT, Pair, found, stderr, stdout, until};

/// `pair` and `two`, guarded by a daemon that makes a fault of `kind` in `pair` while the file `fault`
/// of the home holds a text of its events.
fn two(kind: &str) -> (Home, Vec<Pair>, String) {
    let pairs = Pair::several(2);
    let home = Home::empty();
    home.write_cluster("pair", &pairs[0], "data_policy: adaptability");
    home.write_cluster("two", &pairs[1], "data_policy: adaptability");
    let fault = format!("pair:{kind}:{}", home.path("fault").display());
    (home, pairs, fault)
}

fn watched(home: &Home, daemon: &mut Daemon<'_>) {
    daemon.line("state watch");
    until("two watched", || {
        let log = home.read("logs/two/activity.log");
        log.contains("state watch").then_some(())
    });
}

#[test]
fn a_panic_in_the_middle_of_a_takeover_is_taken_up_from_the_journal_and_delays_no_other() {
    let (home, pairs, fault) = two("panic");
    let mut daemon = home.run_with(&[("CLUSTERD_TEST_FAULT", &fault)]);
    watched(&home, &mut daemon);
    fs::write(home.path("fault"), "stopping alpha for good").unwrap();
    for pair in &pairs {
        pair.sim.panic(0);
    }
    until("the alarm", || {
        let log = home.read("logs/alarms.log");
        log.contains("the task of pair crashed (told to panic) and begins again in 1 s")
            .then_some(())
    });
    for pair in &pairs {
        until("the service on beta", || {
            let now = pair.sim.snapshot();
            (now.serving && pair.boots() == ["alpha", "beta"]).then_some(())
        });
        pair.never_two_writers();
    }
    let starts = |name: &str| {
        let log = home.read(&format!("logs/{name}/activity.log"));
        log.matches("because clusterd starts").count()
    };
    assert_eq!((starts("pair"), starts("two")), (2, 1));
    assert!(home.alarms().contains(&"task_crashed".to_owned()));
}

#[test]
fn a_task_that_panics_again_and_again_is_left_alone_until_a_person_says_release() {
    let (home, _pairs, fault) = two("panics");
    let mut daemon = home.run_with(&[("CLUSTERD_TEST_FAULT", &fault)]);
    watched(&home, &mut daemon);
    fs::write(home.path("fault"), "a").unwrap();
    // Any event will do: a word that nobody waits for is one.
    home.clusterd(&["release", "pair"]);
    until("the end of its tries", || {
        home.alarms()
            .contains(&"task_given_up".to_owned())
            .then_some(())
    });
    let text = stdout(&home.clusterd(&["status"]));
    assert!(text.contains("1 NOT GUARDED"), "{text}");
    let text = stdout(&home.clusterd(&["status", "pair"]));
    assert!(
        text.contains("crashed 6 times in a row and is left alone"),
        "{text}"
    );
    let said = home.clusterd(&["adopt", "pair"]);
    assert_eq!(said.status.code(), Some(4));
    assert!(
        stderr(&said).contains("`clusterd release pair` begins it again"),
        "{}",
        stderr(&said)
    );
    let status = home.status();
    let two = status["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["cluster"] == "two");
    assert!(two.unwrap()["not_guarded"].is_null(), "{status}");

    fs::remove_file(home.path("fault")).unwrap();
    let said = home.clusterd(&["release", "pair"]);
    assert!(said.status.success(), "{}", stderr(&said));
    daemon.line("state watch");
    assert!(!home.alarms().contains(&"task_given_up".to_owned()));
}

/// What a service manager hears within the time.
fn watchdog_within(socket: &UnixDatagram, span: Duration) -> bool {
    let end = Instant::now() + span;
    let mut bytes = [0; 4096];
    while let Some(left) = end
        .checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
    {
        socket.set_read_timeout(Some(left)).unwrap();
        match socket.recv(&mut bytes) {
            Ok(count) if String::from_utf8_lossy(&bytes[..count]).contains("WATCHDOG=1") => {
                return true;
            }
            _ => {}
        }
    }
    false
}

#[test]
fn the_watchdog_is_fed_while_every_cluster_has_its_turns() {
    let (home, pairs, fault) = two("stalls");
    let path = home.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut daemon = home.run_with(&[
        ("CLUSTERD_TEST_FAULT", &fault),
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "60000000"),
    ]);
    watched(&home, &mut daemon);
    assert!(watchdog_within(&socket, LIMIT));
    fs::write(home.path("fault"), "panic").unwrap();
    pairs[0].sim.panic(0);
    // A `status` that the task answered in the very turn in which it gets stuck waits for that turn's
    // end: its answer is the next thing which that thread does. The one after it is told.
    until("the alarm", || {
        let output = home.clusterd(&["status"]);
        String::from_utf8_lossy(&output.stdout)
            .contains("task_stuck")
            .then_some(())
    });
    // Drain what came before, and then nothing comes.
    let silent = found(|| (!watchdog_within(&socket, Duration::from_secs(4))).then_some(()));
    assert!(silent.is_some(), "it is fed although a task stands still");
    pairs[1].sim.panic(0);
    until("the other cluster's takeover", || {
        (pairs[1].boots() == ["alpha", "beta"]).then_some(())
    });
    fs::remove_file(home.path("fault")).unwrap();
    assert!(watchdog_within(&socket, LIMIT));
    daemon.line("monitor impaired");
    daemon.line("beta is up");
    pairs.iter().for_each(Pair::never_two_writers);
}
