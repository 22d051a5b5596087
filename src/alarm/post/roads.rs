//! The routes' couriers and the heartbeat, as the settings want them: at the start, and after a reload, which
//! touches only what differs. A route is known by its name: it keeps under it what waits and what it
//! was told.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::{Office, Posting, QUEUE};
use crate::alarm::courier::{self, Test, Ways};
use crate::alarm::heartbeat;
use crate::alarm::message::Letter;
use crate::alarm::registry::Subject;
use crate::alarm::transport::host_name;
use crate::config::route::{Heartbeat, Route};

/// Tests of a route that may wait.
const TESTS: usize = 4;

/// The way to a route's courier.
pub(super) struct Road {
    pub letters: mpsc::Sender<Letter>,
    route: watch::Sender<Route>,
    courier: AbortHandle,
}

impl Office {
    /// Messages go so from now on.
    pub(super) fn goes_by(&mut self, posting: Posting) {
        let Posting {
            routes, heartbeat, ..
        } = posting;
        let wanted: BTreeSet<&str> = routes.iter().map(|route| route.name.as_str()).collect();
        let gone = self.roads.keys();
        let gone = gone.filter(|name| !wanted.contains(name.as_str()));
        let gone: Vec<String> = gone.cloned().collect();
        for name in &gone {
            self.ends(name);
        }
        for route in &routes {
            match self.roads.get(&route.name) {
                None => self.begins(route),
                Some(road) => {
                    let changes = |now: &mut Route| {
                        let differs = now != route;
                        now.clone_from(route);
                        differs
                    };
                    if road.route.send_if_modified(changes)
                        && let Some(outgoing) = self.alarms.outgoing()
                    {
                        outgoing.changes(route);
                    }
                }
            }
        }
        self.routes = routes;
        if !gone.is_empty() {
            let ids = self.on_their_way.keys().copied().collect();
            self.forget_others(&ids);
        }
        self.beats(heartbeat);
        // Those that were told to end.
        while self.couriers.try_join_next().is_some() {}
    }

    fn begins(&mut self, route: &Route) {
        let (letters, taken) = mpsc::channel(QUEUE);
        let (tests, wanted): (mpsc::Sender<Test>, _) = mpsc::channel(TESTS);
        let (change, changed) = watch::channel(route.clone());
        let courier = self.couriers.spawn(courier::run(Ways {
            route: changed,
            home: self.home.clone(),
            letters: taken,
            tests: wanted,
            reports: self.report.clone(),
        }));
        if let Some(outgoing) = self.alarms.outgoing() {
            outgoing.begins(route, tests);
        }
        let road = Road {
            letters,
            route: change,
            courier,
        };
        self.roads.insert(route.name.clone(), road);
    }

    /// What waits for a route that is gone is not sent: the others were told of the same by messages of
    /// their own.
    fn ends(&mut self, name: &str) {
        let Some(road) = self.roads.remove(name) else {
            return;
        };
        road.courier.abort();
        if let Some(outgoing) = self.alarms.outgoing() {
            outgoing.ends(name);
        }
        let on_their_way = self.on_their_way.iter();
        let left = on_their_way.filter(|(_, route)| *route == name);
        let left: Vec<u64> = left.map(|(id, _)| *id).collect();
        for id in &left {
            self.on_their_way.remove(id);
            self.ledger.sent(*id);
        }
        let count = left.len();
        tracing::warn!(
            "there is no route {name} any more; {count} messages that waited for it are not sent"
        );
    }

    fn beats(&mut self, wanted: Option<Heartbeat>) {
        let now = self.heartbeat.as_ref().map(|(heartbeat, _)| heartbeat);
        if now == wanted.as_ref() {
            return;
        }
        if let Some((_, task)) = self.heartbeat.take() {
            task.abort();
            self.alarms.clear(&Subject::host(), heartbeat::FAILED);
        }
        let Some(outgoing) = self.alarms.outgoing() else {
            return;
        };
        self.heartbeat = wanted.map(|heartbeat| {
            let task = self.couriers.spawn(heartbeat::run(
                heartbeat.clone(),
                self.home.clone(),
                host_name(),
                outgoing.beats(),
                Arc::clone(&self.alarms),
            ));
            (heartbeat, task)
        });
    }
}
