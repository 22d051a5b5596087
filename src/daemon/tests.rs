//! The supervisor with tasks that crash.

use std::net::TcpListener;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use super::*;
use crate::cluster::{Happened, Message};
use crate::home::Home;

/// Two clusters whose consoles refuse, in a home of their own.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let scripts = home.path().join("chat-scripts/lib");
    std::fs::create_dir_all(&scripts).unwrap();
    std::fs::create_dir(home.path().join("clist")).unwrap();
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("chat-scripts");
    for script in [
        "sun-openboot.chat",
        "lib/openboot.chat",
        "lib/openbios.chat",
    ] {
        let to = home.path().join("chat-scripts").join(script);
        std::fs::copy(shipped.join(script), to).unwrap();
    }
    for (number, name) in ["one", "two"].iter().enumerate() {
        // Held only until its number is known: nobody listens there afterwards.
        let port = || {
            TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port()
        };
        let (a, b) = (port(), port());
        let text = format!(
            "cluster: {name}\nnodes:\n  a: {{ platform: openboot, console: \"telnet://127.0.0.1:{a}\", dark_after: 1m }}\n  \
             b: {{ platform: openboot, console: \"telnet://127.0.0.1:{b}\", dark_after: 1m }}\n\
             packages:\n  p: {{ script: sun-openboot, nodes: [a, b], boot_device: disk, address: 127.0.0.{}, reach: \"tcp:{a}\", data_policy: integrity }}\n",
            number + 1
        );
        std::fs::write(home.path().join(format!("clist/{name}.yaml")), text).unwrap();
    }
    home
}

async fn heard(events: &mut Receiver<Happened>, cluster: &str) -> Happened {
    let wanted = async {
        loop {
            let happened = events.recv().await.unwrap();
            if &*happened.cluster == cluster {
                return happened;
            }
        }
    };
    timeout(Duration::from_secs(30), wanted).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_task_begins_again_and_touches_no_other() {
    let dir = home();
    let prepared = prepare(Home::open(dir.path()).unwrap()).unwrap();
    let mut events = prepared.happened.subscribe();
    let daemon = Daemon::start(prepared).await.unwrap();
    assert_eq!(daemon.counts(), (2, 0));
    let alarms = std::sync::Arc::clone(&daemon.host().alarms);
    let crash = daemon.mail("one").unwrap();
    let other = daemon.mail("two").unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
        "the test is over".to_owned()
    };
    let running = tokio::spawn(daemon.run(Systemd::absent(), stopped));
    heard(&mut events, "one").await;
    crash.send(Message::Crash).await.unwrap();
    crash.closed().await;
    let again = |happened: &Happened| happened.event.to_string().contains("clusterd starts");
    while !again(&heard(&mut events, "one").await) {}
    let open = alarms.open(Some("one"));
    let crashed = open
        .iter()
        .find(|alarm| alarm.code == "task_crashed")
        .unwrap();
    assert!(crashed.text.contains("told to crash"), "{}", crashed.text);
    assert!(
        alarms
            .open(Some("two"))
            .iter()
            .all(|alarm| alarm.code != "task_crashed")
    );
    assert!(!other.is_closed(), "the other cluster's task lives on");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

/// Half alive it would be fed to the watchdog for ever.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_task_of_its_own_the_daemon_ends() {
    for which in 0..3 {
        let dir = home();
        let prepared = prepare(Home::open(dir.path()).unwrap()).unwrap();
        let daemon = Daemon::start(prepared).await.unwrap();
        match which {
            0 => daemon.keeper.abort(),
            1 => daemon.service.abort(),
            _ => daemon.router.abort(),
        }
        let running = daemon.run(Systemd::absent(), std::future::pending());
        let ended = timeout(Duration::from_secs(60), running).await;
        let why = ended.expect("it goes on").unwrap_err();
        assert!(why.contains("has failed"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_whose_task_has_failed_can_be_fetched_again() {
    let dir = home();
    let at = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let settings = format!("metrics: {{ listen: \"{at}\" }}\n");
    std::fs::write(dir.path().join("clusterd.yaml"), settings).unwrap();
    let prepared = prepare(Home::open(dir.path()).unwrap()).unwrap();
    let daemon = Daemon::start(prepared).await.unwrap();
    let (_, task) = daemon.metrics.listens.as_ref().unwrap();
    task.abort();
    while !task.is_finished() {
        tokio::task::yield_now().await;
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(daemon.run(Systemd::absent(), async {
        stopped.await.unwrap();
        "the test is over".to_owned()
    }));
    let fetched = async {
        while tokio::net::TcpStream::connect(at).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), fetched).await.unwrap();
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

/// Of a process that was stopped, tasks and supervisor come back at once: nobody was stuck.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_stuck_who_stood_still_with_all_others() {
    let dir = home();
    let prepared = prepare(Home::open(dir.path()).unwrap()).unwrap();
    let mut daemon = Daemon::start(prepared).await.unwrap();
    let long = Duration::from_secs(60);
    let now = daemon.awake + long;
    let ward = daemon.wards.values().next().unwrap();
    assert!(ward.stuck(now, daemon.awake).is_some());
    assert!(ward.stuck(now, now).is_none());
    let before = daemon.awake;
    daemon.woke(Duration::from_secs(3));
    assert_eq!(daemon.awake, before, "late, as a busy host makes it");
    daemon.woke(long);
    assert!(daemon.awake > before);
    daemon.end().await;
}
