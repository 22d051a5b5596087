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

/// The way to the post office.
#[derive(Debug)]
pub struct Outgoing {
    routes: Mutex<BTreeMap<String, Known>>,
    beat: watch::Sender<Option<Beat>>,
}

/// A route, seen from the rest of the daemon.
#[derive(Debug)]
struct Known {
    report: RouteReport,
    tests: mpsc::Sender<Test>,
    within: Duration,
}

impl Default for Outgoing {
    fn default() -> Outgoing {
        Outgoing {
            routes: Mutex::default(),
            beat: watch::Sender::new(None),
        }
    }
}

impl Outgoing {
    /// A route that is new, with the way to its courier.
    pub(super) fn begins(&self, route: &Route, tests: mpsc::Sender<Test>) {
        let known = Known {
            report: described(route, RouteReport::default()),
            tests,
            within: route.timeout,
        };
        self.lock().insert(route.name.clone(), known);
    }

    /// A route that was changed; what was counted stays.
    pub(super) fn changes(&self, route: &Route) {
        if let Some(known) = self.lock().get_mut(&route.name) {
            known.report = described(route, known.report.clone());
            known.within = route.timeout;
        }
    }

    /// A route that is gone.
    pub(super) fn ends(&self, route: &str) {
        self.lock().remove(route);
    }

    /// How every route is.
    pub fn routes(&self) -> Vec<RouteReport> {
        let routes = self.lock();
        routes.values().map(|known| known.report.clone()).collect()
    }

    /// Sends a message by this route that says it is a test, and tells what came of it.
    ///
    /// # Errors
    /// There is no such route; here are those that there are.
    pub async fn test(&self, route: &str, who: &str) -> Result<TestOutcome, Vec<String>> {
        let (courier, within) = {
            let routes = self.lock();
            let Some(known) = routes.get(route) else {
                return Err(routes.keys().cloned().collect());
            };
            (known.tests.clone(), known.within)
        };
        let began = Instant::now();
        let (answer, answered) = oneshot::channel();
        let message = Message::test(route, who, SystemTime::now());
        let sent = async {
            courier.send(Test { message, answer }).await.ok()?;
            answered.await.ok()
        };
        // One message may be under way before it.
        let outcome = timeout(within * 2 + Duration::from_secs(5), sent).await;
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

    /// One more message waits for a route: how many those are.
    pub(super) fn waits(&self, route: &str) -> usize {
        let mut routes = self.lock();
        let waiting = routes.get_mut(route).map_or(0, |known| {
            known.report.waiting += 1;
            known.report.waiting
        });
        usize::try_from(waiting).unwrap_or(usize::MAX)
    }

    pub(super) fn heard(&self, route: &str, outcome: &Outcome) {
        let mut routes = self.lock();
        let Some(Known { report, .. }) = routes.get_mut(route) else {
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
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `report` with what the settings say of a route.
fn described(route: &Route, report: RouteReport) -> RouteReport {
    RouteReport {
        name: route.name.clone(),
        by: route.by.word().to_owned(),
        severity: word(route.severity),
        clusters: route
            .clusters
            .iter()
            .map(|glob| glob.text().to_owned())
            .collect(),
        ..report
    }
}
