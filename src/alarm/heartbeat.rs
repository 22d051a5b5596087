//! The sign of life to an outside address. It is sent while the supervisor turns and every cluster's task
//! has its turns, and at no other time: when it stays away, whoever waits for it says so.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::message::millis;
use super::post::{Beat, Outgoing};
use super::registry::{Alarms, Subject};
use super::transport::{Trouble, exec, http, in_home, trust};
use crate::caught::caught;
use crate::clock::Span;
use crate::config::route::{Heartbeat, Pulse};
use crate::scribe::stamp;
use crate::script::program::Severity;

/// The code of the alarm that it does not arrive.
pub(super) const FAILED: &str = "heartbeat_failed";

/// The supervisor turns once a second; without a turn for so long it is not alive.
const ALIVE: Duration = Duration::from_secs(10);

/// Sends it until it is dropped.
pub(super) async fn run(
    heartbeat: Heartbeat,
    home: PathBuf,
    host: String,
    mut beats: watch::Receiver<Option<Beat>>,
    alarms: Arc<Alarms>,
) {
    // The first one waits for the supervisor's first turn.
    if beats.wait_for(Option::is_some).await.is_err() {
        return;
    }
    let mut tick = interval(heartbeat.every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut arrived = Instant::now();
    loop {
        tick.tick().await;
        let Some(beat) = beats.borrow().filter(|beat| beat.at.elapsed() < ALIVE) else {
            tracing::error!("no heartbeat is sent: a task of clusterd stands still");
            continue;
        };
        let sent = {
            let sending = pin!(send(&heartbeat, &home, &host, beat, &alarms));
            caught(sending).await
        };
        let fault = |panic| format!("it failed by a fault of clusterd's own: {panic}");
        match sent.unwrap_or_else(|panic| Err(Trouble::Unreachable(fault(panic)))) {
            Ok(_) => {
                arrived = Instant::now();
                alarms.clear(&Subject::host(), FAILED);
            }
            Err(trouble) if arrived.elapsed() >= heartbeat.alarm_after => {
                let since = Span(Duration::from_secs(arrived.elapsed().as_secs()));
                let text = format!("no heartbeat was taken for {since}: {trouble}");
                alarms.raise(&Subject::host(), Severity::Warning, FAILED, &text);
            }
            Err(trouble) => tracing::warn!("a heartbeat was not taken: {trouble}"),
        }
    }
}

async fn send(
    heartbeat: &Heartbeat,
    home: &std::path::Path,
    host: &str,
    beat: Beat,
    alarms: &Alarms,
) -> Result<String, Trouble> {
    let body = body(host, beat, alarms);
    match &heartbeat.by {
        Pulse::Http { url, post } => {
            let request = http::Request {
                url: http::url(url, home)?,
                headers: Vec::new(),
                body: post.then(|| body.to_string()),
                ca: trust::pem(heartbeat.ca_file.as_deref(), home)?,
                within: heartbeat.timeout,
            };
            http::ask(request).await
        }
        Pulse::Exec(argv) => {
            let argv = in_home(argv, home);
            let env = [("CLUSTERD_GUARDED".to_owned(), beat.guarded.to_string())];
            let input = format!("{body}\n");
            let ended = exec::run(&argv, &env, input.as_bytes(), heartbeat.timeout);
            let end = heartbeat.timeout + Duration::from_secs(6);
            let late = || Trouble::Unreachable("the command does not end".to_owned());
            timeout(end, ended).await.unwrap_or_else(|_| Err(late()))
        }
    }
}

fn body(host: &str, beat: Beat, alarms: &Alarms) -> Value {
    let now = SystemTime::now();
    let open = alarms.open(None);
    let critical = open
        .iter()
        .filter(|alarm| alarm.severity == Severity::Critical);
    let failing = alarms.outgoing().map(Outgoing::routes);
    let failing: Vec<String> = failing
        .unwrap_or_default()
        .into_iter()
        .filter(|route| route.failing_since_ms.is_some())
        .map(|route| route.name)
        .collect();
    json!({
        "v": 1,
        "clusterd": env!("CARGO_PKG_VERSION"),
        "host": host,
        "at": stamp(now),
        "at_ms": millis(now),
        "guarded": beat.guarded,
        "not_guarded": beat.refused,
        "alarms": open.len(),
        "critical": critical.count(),
        "routes_failing": failing,
    })
}
