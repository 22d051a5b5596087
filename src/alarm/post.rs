//! The post office: writes what each route is to be told, hands it to the couriers, and keeps the journal of
//! the alarms.
//!
//! Sending and journalling go side by side: a message does not wait for a slow disk, and a dead mail server
//! keeps nothing from the journal. A message stands in the outbox until the other side took it, so a
//! daemon that was killed sends it once more, with the same number. What was raised in the moment of the
//! kill and stands nowhere yet is raised anew by what is wrong.

mod outgoing;
mod written;

pub(super) use outgoing::Beat;
pub use outgoing::{Outgoing, RouteReport, TestOutcome};
pub use written::{Saved, load};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use super::courier::{self, Came, Outcome};
use super::message::{Letter, millis};
use super::registry::{Alarms, Inner, Subject};
use super::tell::{self, ROUTE_FAILED};
use super::{Told, heartbeat, severity_text, transport};
use crate::clock::Span;
use crate::config::route::{Heartbeat, Route};
use crate::script::program::Severity;
use crate::store::Journal;
use written::Ledger;

/// Messages that may wait for one route.
pub(super) const QUEUE: usize = 4096;

/// Reports of the couriers that may wait.
const REPORTS: usize = 256;

/// Between two looks for what is due without anybody saying so.
const TICK: Duration = Duration::from_secs(1);

/// Between two looks at the alarms, however many are raised.
const LOOK: Duration = Duration::from_millis(20);

/// Where messages go.
#[derive(Clone, Debug)]
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
    posting: Posting,
    mut stop: watch::Receiver<bool>,
) {
    let (mut office, mut reports) = Office::open(alarms, journal, posting).await;
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
    routes: Vec<Route>,
    desks: BTreeMap<String, mpsc::Sender<Letter>>,
    ledger: Ledger,
    next: u64,
    _couriers: JoinSet<()>,
}

impl Office {
    async fn open(
        alarms: Arc<Alarms>,
        journal: Arc<Journal>,
        posting: Posting,
    ) -> (Office, mpsc::Receiver<Came>) {
        let Posting {
            routes,
            heartbeat,
            home,
        } = posting;
        let (report, reports) = mpsc::channel(REPORTS);
        let mut desks = BTreeMap::new();
        let mut tests = BTreeMap::new();
        let mut couriers = JoinSet::new();
        let host = transport::host_name();
        for route in &routes {
            let (desk, letters) = mpsc::channel(QUEUE);
            let (test, wanted) = mpsc::channel(4);
            desks.insert(route.name.clone(), desk);
            tests.insert(route.name.clone(), (test, route.timeout));
            let carrier = transport::Carrier::new(route, &home, &host);
            couriers.spawn(courier::run(
                route.clone(),
                carrier,
                letters,
                wanted,
                report.clone(),
            ));
        }
        let outgoing = Outgoing::new(&routes, tests);
        if let Some(heartbeat) = heartbeat {
            let beats = outgoing.beats();
            couriers.spawn(heartbeat::run(
                heartbeat,
                home,
                host,
                beats,
                Arc::clone(&alarms),
            ));
        } else {
            alarms.clear(&Subject::host(), heartbeat::FAILED);
        }
        alarms.goes_out_by(outgoing);
        let waiting = written::outbox(&journal).await;
        let now = millis(SystemTime::now());
        let last = waiting.last().map_or(0, |letter| letter.id);
        let mut office = Office {
            alarms,
            routes,
            desks,
            ledger: Ledger::new(journal),
            next: now.max(last),
            _couriers: couriers,
        };
        office.forget_others(&waiting);
        for letter in waiting {
            if office.desks.contains_key(&letter.route) {
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
    fn forget_others(&self, waiting: &[Letter]) {
        let known: BTreeSet<&str> = self.desks.keys().map(String::as_str).collect();
        let ids: BTreeSet<u64> = waiting.iter().map(|letter| letter.id).collect();
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
        let Some(desk) = self.desks.get(&letter.route) else {
            return;
        };
        if let Some(outgoing) = self.alarms.outgoing() {
            outgoing.waits(&letter.route, 1);
        }
        if let Err(full) = desk.try_send(letter) {
            let letter = full.into_inner();
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
    severity_text(severity).to_lowercase()
}
