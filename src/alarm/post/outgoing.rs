//! What the rest of the daemon may ask of the post office: how the routes are, a test of one, and the sign
//! that the supervisor turns.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::word;
use crate::alarm::courier::{Outcome, Test};
use crate::alarm::message::{Message, millis};
use crate::config::route::Route;

/// What `alarms` tells of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteReport {
    /// Its name.
    pub name: String,
    /// How its messages travel: `mail`, `webhook`, `syslog`, `journald`, `exec`.
    pub by: String,
    /// Alarms of this severity and worse.
    pub severity: String,
    /// Of these clusters; none: of all.
    pub clusters: Vec<String>,
    /// Messages that are on their way.
    pub waiting: u64,
    /// Messages that the other side took since clusterd started.
    pub delivered: u64,
    /// Messages given up since clusterd started.
    pub given_up: u64,
    /// When the other side last took one, milliseconds since 1970.
    pub delivered_ms: Option<u64>,
    /// Since when it fails.
    pub failing_since_ms: Option<u64>,
    /// Why it failed last.
    pub trouble: Option<String>,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    /// Whether the other side took it.
    pub good: bool,
    /// What it said, or what went wrong.
    pub text: String,
    /// How long it took.
    pub took: Duration,
}

/// The supervisor had a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::alarm) struct Beat {
    pub at: Instant,
    pub guarded: usize,
    pub refused: usize,
}

type Tests = BTreeMap<String, (mpsc::Sender<Test>, Duration)>;

/// The way to the post office.
#[derive(Debug)]
pub struct Outgoing {
    tests: Tests,
    routes: Mutex<BTreeMap<String, RouteReport>>,
    beat: watch::Sender<Option<Beat>>,
}

impl Outgoing {
    pub(super) fn new(routes: &[Route], tests: Tests) -> Outgoing {
        let reports = routes.iter().map(|route| {
            let report = RouteReport {
                name: route.name.clone(),
                by: route.by.word().to_owned(),
                severity: word(route.severity),
                clusters: route
                    .clusters
                    .iter()
                    .map(|glob| glob.text().to_owned())
                    .collect(),
                ..RouteReport::default()
            };
            (route.name.clone(), report)
        });
        Outgoing {
            tests,
            routes: Mutex::new(reports.collect()),
            beat: watch::Sender::new(None),
        }
    }

    /// How every route is.
    pub fn routes(&self) -> Vec<RouteReport> {
        self.lock().values().cloned().collect()
    }

    /// Sends a message by this route that says it is a test, and tells what came of it.
    ///
    /// # Errors
    /// There is no such route; here are those that there are.
    pub async fn test(&self, route: &str, who: &str) -> Result<TestOutcome, Vec<String>> {
        let Some((courier, within)) = self.tests.get(route) else {
            return Err(self.tests.keys().cloned().collect());
        };
        let began = Instant::now();
        let (answer, answered) = oneshot::channel();
        let message = Message::test(route, who, SystemTime::now());
        let sent = async {
            courier.send(Test { message, answer }).await.ok()?;
            answered.await.ok()
        };
        // One message may be under way before it.
        let outcome = timeout(*within * 2 + Duration::from_secs(5), sent).await;
        let (good, text) = match outcome.ok().flatten() {
            Some(Ok(text)) => (true, text),
            Some(Err(text)) => (false, text),
            None => (false, "the route's task did not answer".to_owned()),
        };
        let took = began.elapsed();
        Ok(TestOutcome { good, text, took })
    }

    /// The supervisor had a turn, every cluster's task has its turns, and so many are guarded and are not.
    pub fn beat(&self, guarded: usize, refused: usize) {
        let at = Instant::now();
        self.beat.send_replace(Some(Beat {
            at,
            guarded,
            refused,
        }));
    }

    pub(super) fn beats(&self) -> watch::Receiver<Option<Beat>> {
        self.beat.subscribe()
    }

    pub(super) fn waits(&self, route: &str, more: u64) {
        if let Some(report) = self.lock().get_mut(route) {
            report.waiting += more;
        }
    }

    pub(super) fn heard(&self, route: &str, outcome: &Outcome) {
        let mut routes = self.lock();
        let Some(report) = routes.get_mut(route) else {
            return;
        };
        match outcome {
            Outcome::Delivered | Outcome::TestDelivered => {
                if matches!(outcome, Outcome::Delivered) {
                    report.waiting = report.waiting.saturating_sub(1);
                    report.delivered += 1;
                }
                report.delivered_ms = Some(millis(SystemTime::now()));
                report.failing_since_ms = None;
                report.trouble = None;
            }
            Outcome::Failing { since_ms, why } => {
                report.failing_since_ms = Some(*since_ms);
                report.trouble = Some(why.clone());
            }
            Outcome::GivenUp(why) => {
                report.waiting = report.waiting.saturating_sub(1);
                report.given_up += 1;
                report.trouble = Some(why.clone());
            }
        }
    }

    /// Every change is made whole under the lock.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, RouteReport>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
