//! The ways out of this host, as `clusterd.yaml` has them, at the start and after a reload: the routes of the
//! alarms, the heartbeat, the endpoint where metrics are fetched.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::plan::gone;
use super::{Daemon, plan};
use crate::alarm::{Alarms, Outgoing, Posting, Subject};
use crate::config::{Metrics, Settings};
use crate::control::{Asked, Refusal};
use crate::home::Home;
use crate::metrics::{self, FAILED};

/// What alarms and heartbeat need of the settings.
pub(super) fn posting(settings: &Settings, home: &Home) -> Posting {
    Posting {
        routes: settings.routes.clone(),
        heartbeat: settings.heartbeat.clone(),
        home: home.dir().to_owned(),
    }
}

/// Where the metrics are fetched.
pub(super) struct Endpoint {
    asked: mpsc::Sender<Asked>,
    alarms: Arc<Alarms>,
    pub(super) listens: Option<(SocketAddr, JoinHandle<()>)>,
}

impl Endpoint {
    /// Listens where the settings say so. Where it cannot it says that, and tries again.
    pub(super) fn start(
        wanted: Option<Metrics>,
        alarms: &Arc<Alarms>,
        asked: &mpsc::Sender<Asked>,
    ) -> Endpoint {
        let mut endpoint = Endpoint {
            asked: asked.clone(),
            alarms: Arc::clone(alarms),
            listens: None,
        };
        endpoint.listen(wanted.map(|wanted| wanted.listen), None);
        endpoint
    }

    fn listen(&mut self, wanted: Option<SocketAddr>, listener: Option<TcpListener>) {
        let Some(at) = wanted else {
            self.alarms.clear(&Subject::host(), FAILED);
            return;
        };
        let (asked, alarms) = (self.asked.clone(), Arc::clone(&self.alarms));
        let task = match listener {
            Some(listener) => tokio::spawn(metrics::serve_at(listener, asked, alarms)),
            None => tokio::spawn(metrics::serve(at, asked, alarms)),
        };
        self.listens = Some((at, task));
    }

    /// Listens there from now on, with what [`Endpoint::try_out`] gave.
    async fn moves(&mut self, wanted: Option<SocketAddr>, listener: Option<TcpListener>) {
        if self.at() == wanted {
            return;
        }
        if let Some((_, task)) = self.listens.take() {
            task.abort();
            // Its port is free when it has ended.
            let _ = task.await;
        }
        self.listen(wanted, listener);
    }

    /// Whether one could listen there: nothing is to change where that fails.
    async fn try_out(&self, wanted: Option<SocketAddr>) -> Result<Option<TcpListener>, String> {
        let (Some(wanted), now) = (wanted, self.at()) else {
            return Ok(None);
        };
        // Its own port is in its own way until it moves.
        let own = now.is_some_and(|now| now.port() == wanted.port() && wanted.port() != 0);
        if own {
            return Ok(None);
        }
        let listener = TcpListener::bind(wanted).await.map_err(|why| {
            format!(
                "clusterd.yaml: `metrics`: failed to listen at {wanted}: {why}: nothing was changed"
            )
        })?;
        Ok(Some(listener))
    }

    /// Where its task has failed it begins again: that nothing is fetched must not last.
    pub(super) fn look(&mut self) {
        if let Some((at, task)) = &self.listens
            && task.is_finished()
        {
            let at = *at;
            tracing::error!("the task that serves the metrics has failed and begins again");
            self.listen(Some(at), None);
        }
    }

    fn at(&self) -> Option<SocketAddr> {
        self.listens.as_ref().map(|(at, _)| *at)
    }

    pub(super) fn close(&self) {
        if let Some((_, task)) = &self.listens {
            task.abort();
        }
    }
}

impl Daemon {
    /// Whether the ways out can be as these settings want them; for [`Daemon::goes_out_by`].
    pub(super) async fn try_ways_out(
        &self,
        new: &Settings,
    ) -> Result<Option<TcpListener>, plan::Refused> {
        let wanted = new.metrics.map(|metrics| metrics.listen);
        let tried = self.metrics.try_out(wanted).await;
        tried.map_err(|text| plan::Refused {
            code: Refusal::InUse,
            text,
        })
    }

    /// The ways out are as the new settings say. Only what differs is touched.
    pub(super) async fn goes_out_by(&mut self, listener: Option<TcpListener>) {
        let wanted = posting(&self.settings, &self.home);
        let changes = |now: &mut Posting| {
            let differs = *now != wanted;
            *now = wanted;
            differs
        };
        self.posting.send_if_modified(changes);
        let listen = self.settings.metrics.map(|metrics| metrics.listen);
        self.metrics.moves(listen, listener).await;
    }

    /// What differs in the host's settings, with what waits on routes that are gone.
    pub(super) fn with_what_waits(&self, host: &[String]) -> Vec<String> {
        let routes = self.host.alarms.outgoing().map(Outgoing::routes);
        let routes = routes.unwrap_or_default();
        let line = |what: &String| {
            let route = routes.iter().find(|route| gone(&route.name) == *what);
            match route.map_or(0, |route| route.waiting) {
                0 => what.clone(),
                1 => format!("{what}, and with it a message that waits there"),
                waiting => format!("{what}, and with it {waiting} messages that wait there"),
            }
        };
        host.iter().map(line).collect()
    }
}
