//! The post office: writes what each route is to be told, hands it to the couriers, and keeps the journal of
//! the alarms.
//!
//! Sending and journalling go side by side: a message does not wait for a slow disk, and a dead mail server
//! keeps nothing from the journal. A message stands in the outbox until the other side took it, so a
//! daemon that was killed sends it once more, with the same number. What was raised in the moment of the
//! kill and stands nowhere yet is raised anew by what is wrong.

mod outgoing;
mod roads;
mod written;

pub(super) use outgoing::Beat;
pub use outgoing::{Outgoing, RouteReport, TestOutcome};
pub use written::{Saved, load};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, interval, sleep_until};

use super::courier::{Came, Outcome};
use super::message::{Letter, millis};
use super::registry::{Alarms, Inner, Subject};
use super::tell::{self, ROUTE_FAILED};
use super::{Told, heartbeat};
use crate::clock::Span;
use crate::config::route::{Heartbeat, Route};
use crate::script::program::Severity;
use crate::store::Journal;
use roads::Road;
use written::Ledger;

/// Messages that may wait for one route.
pub(super) const QUEUE: usize = 4096;

/// Reports of the couriers that may wait.
const REPORTS: usize = 256;

/// Between two looks for what is due without anybody saying so.
const TICK: Duration = Duration::from_secs(1);

/// Between two looks at the alarms, however many are raised.
const LOOK: Duration = Duration::from_millis(20);

/// Where messages go; a reload may change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// On what roads.
    pub routes: Vec<Route>,
    /// The sign of life.
    pub heartbeat: Option<Heartbeat>,
    /// The home directory, from which files are taken.
    pub home: PathBuf,
}

/// Carries messages and journals the alarms until `stop` says so; then writes what is left.
pub async fn post(
    alarms: Arc<Alarms>,
    journal: Arc<Journal>,
    mut posting: watch::Receiver<Posting>,
    mut stop: watch::Receiver<bool>,
) {
    let begins = posting.borrow_and_update().clone();
    let (mut office, mut reports) = Office::open(alarms, journal, begins).await;
    let mut tick = interval(TICK);
    let alarms = Arc::clone(&office.alarms);
    let mut look = Some(Instant::now());
    loop {
        if look.is_some_and(|look| look <= Instant::now()) {
            look = None;
            office.tell();
        }
        office.ledger.begin(&alarms);
        let next_look = look.unwrap_or_else(|| Instant::now() + TICK);
        tokio::select! {
            () = alarms.changed.notified() => {
                office.ledger.noticed(&alarms);
                look = look.or(Some(Instant::now() + LOOK));
            }
            Some(came) = reports.recv() => office.heard(came),
            Ok(()) = posting.changed() => {
                let wanted = posting.borrow_and_update().clone();
                office.goes_by(wanted);
                look = Some(Instant::now());
            }
            () = office.ledger.ready() => {}
            () = sleep_until(next_look), if look.is_some() => {}
            _ = tick.tick() => look = look.or(Some(Instant::now())),
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    office.tell();
    office.ledger.noticed(&alarms);
    office.ledger.finish(&alarms).await;
}

struct Office {
    alarms: Arc<Alarms>,
    home: PathBuf,
    routes: Vec<Route>,
    roads: BTreeMap<String, Road>,
    heartbeat: Option<(Heartbeat, AbortHandle)>,
    /// Messages on their way, and the route of each.
    on_their_way: BTreeMap<u64, String>,
    ledger: Ledger,
    next: u64,
    report: mpsc::Sender<Came>,
    couriers: JoinSet<()>,
}

impl Office {
    async fn open(
        alarms: Arc<Alarms>,
        journal: Arc<Journal>,
        posting: Posting,
    ) -> (Office, mpsc::Receiver<Came>) {
        let (report, reports) = mpsc::channel(REPORTS);
        alarms.goes_out_by(Outgoing::default());
        let waiting = written::outbox(&journal).await;
        let now = millis(SystemTime::now());
        let last = waiting.last().map_or(0, |letter| letter.id);
        let mut office = Office {
            alarms,
            home: posting.home.clone(),
            routes: Vec::new(),
            roads: BTreeMap::new(),
            heartbeat: None,
            on_their_way: BTreeMap::new(),
            ledger: Ledger::new(journal),
            next: now.max(last),
            report,
            couriers: JoinSet::new(),
        };
        let ids = waiting.iter().map(|letter| letter.id).collect();
        office.goes_by(posting);
        if office.heartbeat.is_none() {
            office.alarms.clear(&Subject::host(), heartbeat::FAILED);
        }
        office.forget_others(&ids);
        for letter in waiting {
            if office.roads.contains_key(&letter.route) {
                office.hand_over(letter);
            } else {
                tracing::warn!(
                    "there is no route {} any more; not sent: {}",
                    letter.route,
                    letter.message.subject()
                );
                office.ledger.sent(letter.id);
            }
        }
        (office, reports)
    }

    /// What was told on routes that are gone, and what waited in an outbox that is gone.
    fn forget_others(&self, ids: &BTreeSet<u64>) {
        let known: BTreeSet<&str> = self.roads.keys().map(String::as_str).collect();
        let mut inner = self.alarms.lock();
        let Inner { open, closed, .. } = &mut *inner;
        for alarm in open.values_mut().map(|open| &mut open.alarm).chain(closed) {
            alarm.told.retain(|route, _| known.contains(route.as_str()));
            for told in alarm.told.values_mut() {
                told.pending = told.pending.filter(|id| ids.contains(id));
            }
        }
        drop(inner);
        for alarm in self.alarms.open(Some(super::HOST)) {
            if alarm.code == ROUTE_FAILED && !known.contains(alarm.package.as_str()) {
                self.alarms
                    .clear(&Subject::route(&alarm.package), ROUTE_FAILED);
            }
        }
    }

    /// Writes what is due, and hands it over.
    fn tell(&mut self) {
        let now = millis(SystemTime::now());
        let mut id = self.next;
        let letters = {
            let mut inner = self.alarms.lock();
            tell::letters(&mut inner, &self.routes, now, &mut || {
                id += 1;
                id
            })
        };
        self.next = id;
        for letter in letters {
            self.ledger.posted(letter.clone());
            self.hand_over(letter);
        }
    }

    fn hand_over(&mut self, letter: Letter) {
        let Some(road) = self.roads.get(&letter.route) else {
            return;
        };
        self.on_their_way.insert(letter.id, letter.route.clone());
        let outgoing = self.alarms.outgoing();
        let waiting = outgoing.map_or(0, |outgoing| outgoing.waits(&letter.route));
        // The courier holds some, and the way to it others.
        let taken = match waiting > QUEUE {
            true => Err(letter),
            false => road
                .letters
                .try_send(letter)
                .map_err(TrySendError::into_inner),
        };
        if let Err(letter) = taken {
            let why = format!("{QUEUE} messages wait for this route already");
            self.heard(Came {
                letter,
                outcome: Outcome::GivenUp(why),
            });
        }
    }

    /// What came of a message.
    fn heard(&mut self, came: Came) {
        let Came { letter, outcome } = came;
        let route = letter.route.clone();
        if !self.roads.contains_key(&route) {
            // It is gone, and what it said last is nobody's.
            return;
        }
        if let Some(outgoing) = self.alarms.outgoing() {
            outgoing.heard(&route, &outcome);
        }
        match outcome {
            Outcome::Delivered => {
                self.closes(&letter, |told| {
                    told.delivered_ms = Some(millis(SystemTime::now()));
                });
                self.alarms.clear(&Subject::route(&route), ROUTE_FAILED);
            }
            Outcome::TestDelivered => self.alarms.clear(&Subject::route(&route), ROUTE_FAILED),
            Outcome::Failing { since_ms, why } => {
                let lasts = millis(SystemTime::now()).saturating_sub(since_ms);
                let limit = self.routes.iter().find(|known| known.name == route);
                let limit = limit.map_or(Duration::ZERO, |route| route.alarm_after);
                if Duration::from_millis(lasts) >= limit {
                    let span = Span(Duration::from_secs(lasts / 1000));
                    let text = format!(
                        "no alarm leaves by the route {route}, for {span}; it is tried again: {why}"
                    );
                    self.failed(&route, &text);
                }
            }
            Outcome::GivenUp(why) => {
                let subject = letter.message.subject();
                tracing::error!("route {route}: given up: {subject}: {why}");
                let text = format!("the route {route} gave up a message ({subject}): {why}");
                self.failed(&route, &text);
                self.closes(&letter, |told| told.trouble = Some(why));
            }
        }
    }

    fn failed(&self, route: &str, text: &str) {
        self.alarms.raise(
            &Subject::route(route),
            Severity::Critical,
            ROUTE_FAILED,
            text,
        );
    }

    /// A message is out of the outbox; what was told of its alarm is noted.
    fn closes(&mut self, letter: &Letter, note: impl FnOnce(&mut Told)) {
        self.ledger.sent(letter.id);
        self.on_their_way.remove(&letter.id);
        let mut inner = self.alarms.lock();
        if let Some(told) = inner.told(&letter.message.alarm, &letter.route)
            && told.pending == Some(letter.id)
        {
            told.pending = None;
            note(told);
        }
    }
}

/// `notice`, `warning`, `critical`.
fn word(severity: Severity) -> String {
    severity.text().to_lowercase()
}

#[cfg(test)]
mod tests;
