//! The supervisor: starts the tasks, begins crashed ones again, answers, ticks, ends.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::desk::Desk;
use super::memories::Looks;
use super::outlook::Outlook;
use super::prepare::{Prepared, StartError, Unguarded};
use super::reload::{Rereading, Woken};
use super::reply::Order;
use super::systemd::Systemd;
use super::trace::Trace;
use super::ward::{MOST, Next, Ward};
use super::ways_out::{self, Endpoint};
use crate::alarm::{self, Alarms, Subject};
use crate::caught;
use crate::clock::{Moment, Span};
use crate::cluster::{self, Asks, Beginning, Ended, Host, HostClock, Tallies, Told};
use crate::config::{Access, Settings};
use crate::control::{Answer, Ask, Asked, Given, Ledger, Server, Word};
use crate::home::Home;
use crate::machine::Event;
use crate::scribe::{Book, Scribe, one_line, stamp};
use crate::script::program::Severity;
use crate::store::{Entry, EntryKind, Journal};

/// Between two turns of the supervisor.
const TICK: Duration = Duration::from_secs(1);

/// A turn that comes so much later shows that clusterd stood still.
const LATE: Duration = Duration::from_secs(4);

/// Requests that may wait for the desk.
const REQUESTS: usize = 64;

/// Alarms of the time before the start that nobody said again by then are over. Longer than
/// a cluster takes to look at everything anew.
const UNSAID: Duration = Duration::from_secs(900);

/// How long the tasks may take to end.
const END: Duration = Duration::from_secs(15);

/// The running daemon.
pub struct Daemon {
    pub(super) home: Home,
    pub(super) host: Arc<Host>,
    /// The host's settings, as they were read last.
    pub(super) settings: Settings,
    pub(super) wards: BTreeMap<String, Ward>,
    pub(super) refused: Vec<Unguarded>,
    /// Clusters that are guarded as soon as others are gone.
    pub(super) coming: BTreeMap<String, Next>,
    pub(super) rereading: Rereading,
    pub(super) access: watch::Sender<Access>,
    tasks: JoinSet<Ended>,
    names: BTreeMap<Id, String>,
    stop: watch::Sender<bool>,
    pub(super) keeper: JoinHandle<()>,
    /// Leads the answers of the pings.
    pub(super) router: JoinHandle<()>,
    server: Arc<Server>,
    pub(super) service: JoinHandle<()>,
    pub(super) metrics: Endpoint,
    pub(super) posting: watch::Sender<alarm::Posting>,
    requests: mpsc::Receiver<Asked>,
    pub(super) outlook: Outlook,
    pub(super) looks: Looks,
    trace: Trace,
    /// It did not stand still since then.
    pub(super) awake: Moment,
}

/// What the supervisor has to do.
enum Turn {
    Ended(Result<(Id, Ended), JoinError>),
    Asked(Asked),
    Read(Woken),
    Told(Told),
    Tick,
}

impl Daemon {
    /// Starts a task for every cluster, and answers at the control socket. Needs a tokio
    /// runtime.
    ///
    /// # Errors
    /// The control socket cannot be made, or the journal not read.
    pub async fn start(prepared: Prepared) -> Result<Daemon, StartError> {
        let Prepared {
            home,
            settings,
            journal,
            scribe,
            guarded,
            refused,
            unsettled,
            happened,
        } = prepared;
        let socket = home.path(&settings.control_socket);
        let server = Server::bind(&socket, settings.control_group.as_deref())
            .map_err(|why| StartError::Socket { path: socket, why })?;
        let server = Arc::new(server);
        let before = open_before(&journal).await?;
        let trace = Trace::begin(&journal).await;
        let (stop, stopped) = watch::channel(false);
        let alarms = Arc::new(Alarms::new(Arc::clone(&scribe), before));
        let (posting, posted) = watch::channel(ways_out::posting(&settings, &home));
        let keeper = alarm::post(Arc::clone(&alarms), Arc::clone(&journal), posted, stopped);
        let (asks, router) = Asks::start(settings.ping.timeout);
        let host = Arc::new(Host {
            clock: HostClock::start(),
            asks,
            settings,
            journal,
            alarms,
            scribe,
            switches: Arc::default(),
            happened,
            tallies: Tallies::default(),
        });
        let (asked, requests) = mpsc::channel(REQUESTS);
        let serving = Arc::clone(&server);
        let asks = asked.clone();
        let ledger = ledger(&host.scribe);
        let settings = host.settings.clone();
        let (access, granted) = watch::channel(settings.access.clone());
        let wards = guarded.into_iter().map(|blueprint| {
            let name = blueprint.name().to_owned();
            (name, Ward::new(blueprint))
        });
        let wards: BTreeMap<String, Ward> = wards.collect();
        let witnesses = wards.values().flat_map(|ward| ward.blueprint.witnesses());
        let outlook = Outlook::new(
            &host.asks,
            host.settings.ping.gateway,
            &witnesses.copied().collect(),
            host.clock.now(),
        );
        let metrics = Endpoint::start(settings.metrics, &host.alarms, &asked);
        let mut daemon = Daemon {
            awake: host.clock.now(),
            home,
            host,
            settings,
            wards,
            refused,
            coming: BTreeMap::new(),
            rereading: Rereading::default(),
            access,
            tasks: JoinSet::new(),
            names: BTreeMap::new(),
            stop,
            keeper: tokio::spawn(keeper),
            router,
            metrics,
            posting,
            service: tokio::spawn(async move { serving.serve(asks, granted, ledger).await }),
            server,
            requests,
            outlook,
            looks: Looks::default(),
            trace,
        };
        daemon.first_alarms();
        match unsettled {
            Some(text) => {
                let alarms = &daemon.host.alarms;
                alarms.raise(&Subject::host(), Severity::Critical, "settings", &text);
            }
            None => daemon.host.alarms.clear(&Subject::host(), "settings"),
        }
        daemon.begin_due().await;
        Ok(daemon)
    }

    /// How many clusters are guarded, and how many are not.
    pub fn counts(&self) -> (usize, usize) {
        (self.wards.len(), self.refused.len())
    }

    /// What all clusters share.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Where a cluster's mail goes.
    #[cfg(test)]
    pub(super) fn mail(&self, cluster: &str) -> Option<cluster::Sender<cluster::Message>> {
        self.wards.get(cluster)?.mail().cloned()
    }

    /// Guards until `stop` is done, which gives the reason; then ends in good order.
    ///
    /// # Errors
    /// A task of its own has ended, without which it would run half alive.
    pub async fn run(
        mut self,
        mut systemd: Systemd,
        stop: impl Future<Output = String>,
    ) -> Result<(), String> {
        let (guarded, refused) = self.counts();
        tracing::info!(
            "clusterd {} guards {guarded} clusters of {}, {refused} are not guarded",
            env!("CARGO_PKG_VERSION"),
            self.home.dir().display()
        );
        systemd.ready(&format!("{guarded} clusters guarded, {refused} not"));
        let mut stop = std::pin::pin!(stop);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let why = loop {
            let waits = Instant::now();
            let turn = tokio::select! {
                why = &mut stop => break Ok(why),
                gone = gone(&mut self.keeper, &mut self.service, &mut self.router) => break Err(gone),
                Some(ended) = self.tasks.join_next_with_id() => Turn::Ended(ended),
                Some(asked) = self.requests.recv() => Turn::Asked(asked),
                read = self.rereading.next() => Turn::Read(read),
                told = self.outlook.next() => Turn::Told(told),
                _ = tick.tick() => Turn::Tick,
            };
            self.woke(waits.elapsed());
            match turn {
                Turn::Ended(ended) => self.ended(ended).await,
                Turn::Asked(asked) => self.asked(asked),
                Turn::Read(read) => self.reread(read).await,
                Turn::Told(told) => self.outlook.heard(&told, self.host.clock.now()),
                Turn::Tick => {
                    self.look_round();
                    self.look_out();
                    self.metrics.look();
                    self.begin_due().await;
                    self.ask_again();
                    self.trace.look().await;
                    if self.all_alive() {
                        systemd.alive();
                        let (guarded, refused) = self.counts();
                        self.host.alarms.beat(guarded, refused);
                    }
                }
            }
        };
        match &why {
            Ok(why) => tracing::info!("{why}: clusterd ends"),
            Err(why) => tracing::error!("{why}: clusterd ends, to be started again"),
        }
        systemd.stopping();
        self.end().await;
        why.map(drop)
    }

    /// The supervisor waited so long for anything to do. With its tick that is a second: if it is much
    /// more, all of clusterd stood still, and nobody is judged by that time.
    pub(super) fn woke(&mut self, waited: Duration) {
        if waited >= TICK + LATE {
            tracing::warn!("clusterd stood still for {}", Span(waited));
            self.awake = self.host.clock.now();
            self.host.alarms.stood_still(waited);
        }
    }

    /// Somebody wants something: of a task that was left alone, that it begins again; all else is
    /// the desk's.
    fn asked(&mut self, asked: Asked) {
        if let Ask::Reload { dry_run } = asked.ask {
            return self.reload(Order::of(asked.who, dry_run, asked.answer));
        }
        if let Ask::Say { cluster, word, .. } = &asked.ask
            && *word == Word::Release
            && let Some(ward) = self.wards.get_mut(cluster)
            && ward.release()
        {
            let line = format!("the task of {cluster} begins again");
            tracing::warn!("{} says release to {cluster}: {line}", asked.who);
            let alarms = &self.host.alarms;
            alarms.clear(&Subject::cluster(cluster), "task_given_up");
            let told = Answer::Told {
                who: asked.who,
                lines: vec![line],
            };
            // Whoever asked may have gone.
            let _ = asked.answer.send(Given::Answer(told));
            return;
        }
        self.desk().take(asked);
    }

    fn desk(&self) -> Desk<'_> {
        Desk {
            host: &self.host,
            home: self.home.dir().to_str().unwrap_or("?"),
            wards: &self.wards,
            refused: &self.refused,
        }
    }

    /// What is wrong from the start, and what was wrong before and is not any more.
    fn first_alarms(&self) {
        self.settle_alarms();
        let alarms = &self.host.alarms;
        for name in self.wards.keys() {
            for code in ["not_guarded", "task_crashed", "task_given_up", "task_stuck"] {
                alarms.clear(&Subject::cluster(name), code);
            }
        }
        for refused in &self.refused {
            let text = format!("{} is not guarded: {}", refused.cluster, refused.first());
            let subject = Subject::cluster(&refused.cluster);
            alarms.raise(&subject, Severity::Critical, "not_guarded", &text);
        }
    }

    /// Alarms of clusters that are not in the files any more end; and is anything guarded?
    pub(super) fn settle_alarms(&self) {
        let alarms = &self.host.alarms;
        let refused: BTreeSet<&str> = self.refused.iter().map(|r| r.cluster.as_str()).collect();
        alarms.forget_clusters(&|name| self.wards.contains_key(name) || refused.contains(name));
        if self.wards.is_empty() {
            let text = format!("no cluster of {} is guarded", self.home.dir().display());
            alarms.raise(
                &Subject::host(),
                Severity::Critical,
                "nothing_guarded",
                &text,
            );
        } else {
            alarms.clear(&Subject::host(), "nothing_guarded");
        }
    }

    /// Begins every task whose time has come.
    pub(super) async fn begin_due(&mut self) {
        let due: Vec<String> = self
            .wards
            .iter()
            .filter(|(_, ward)| ward.due())
            .map(|(name, _)| name.clone())
            .collect();
        for (name, memory) in self.memories(due).await {
            let Some(ward) = self.wards.get_mut(&name) else {
                continue;
            };
            let memory = match memory {
                Ok(memory) => memory,
                Err(unread) => {
                    self.unread(&name, unread);
                    continue;
                }
            };
            let alarms = &self.host.alarms;
            alarms.clear(&Subject::cluster(&name), "memory");
            let mail = ward.begin(self.host.clock.now());
            // In a box: a task's frame keeps what it was begun with for as long as it lives.
            let beginning = Box::new(Beginning {
                blueprint: Arc::clone(&ward.blueprint),
                memory,
                handover: ward.handover.take().map(|left| *left),
            });
            let task = cluster::guard(
                beginning,
                Arc::clone(&self.host),
                mail,
                Arc::clone(&ward.pulse),
            );
            let id = self.tasks.spawn(task).id();
            self.names.insert(id, name);
            if let Some(begun) = ward.begun.take() {
                // Whoever waited may have gone.
                let _ = begun.send(());
            }
        }
    }

    async fn ended(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let (id, why) = match ended {
            Ok((id, Ended::GaveWay(left))) => {
                if let Some(name) = self.names.remove(&id) {
                    self.gave_way(&name, left).await;
                }
                return;
            }
            Ok((id, Ended::Stopped)) => (id, "it ended by itself".to_owned()),
            Err(err) => (err.id(), panic_text(err)),
        };
        let Some(name) = self.names.remove(&id) else {
            return;
        };
        let Some(ward) = self.wards.get_mut(&name) else {
            return;
        };
        let (code, text) = match ward.ended() {
            Some(pause) => {
                let pause = Span(pause);
                let text = format!(
                    "the task of {name} crashed ({why}) and begins again in {pause}; until then nobody guards {name}"
                );
                ("task_crashed", text)
            }
            None => {
                let text = format!(
                    "the task of {name} crashed {MOST} times in a row (the last time: {why}) and is left alone: nobody guards {name} until somebody says `clusterd release {name}`"
                );
                ("task_given_up", text)
            }
        };
        tracing::error!("{text}");
        self.unwatched(&name, "its task crashed");
        let subject = Subject::cluster(&name);
        let alarms = &self.host.alarms;
        alarms.raise(&subject, Severity::Critical, code, &text);
        if code == "task_given_up" {
            alarms.clear(&subject, "task_crashed");
            alarms.clear(&subject, "task_stuck");
        }
    }

    /// Nobody watches a cluster any more, and its task cannot say so.
    pub(super) fn unwatched(&self, cluster: &str, why: &str) {
        let event = Event::Unwatched {
            why: why.to_owned(),
        };
        let entry = Entry {
            cluster: cluster.to_owned(),
            kind: EntryKind::Service,
            subject: String::new(),
            body: serde_json::to_value(&event).unwrap_or_default(),
            text: event.to_string(),
        };
        let journal = Arc::clone(&self.host.journal);
        tokio::spawn(async move {
            // A journal that cannot be written is an alarm of every cluster.
            let _ = journal.append(vec![entry]).await;
        });
    }

    /// Once a second: is every task alive, and can logs be written?
    fn look_round(&self) {
        let alarms = &self.host.alarms;
        let now = self.host.clock.now();
        alarms.end_unsaid(UNSAID);
        for (name, ward) in &self.wards {
            let subject = Subject::cluster(name);
            match ward.stuck(now, self.awake) {
                Some(since) => {
                    let text = format!("the task of {name} had no turn for {}", Span(since));
                    alarms.raise(&subject, Severity::Critical, "task_stuck", &text);
                }
                None => alarms.clear(&subject, "task_stuck"),
            }
            if ward.calm() {
                alarms.clear(&subject, "task_crashed");
            }
        }
        match self.host.scribe.trouble() {
            Some(why) => {
                let text = format!("logs cannot be written: {why}");
                alarms.raise(&Subject::host(), Severity::Warning, "logs", &text);
            }
            None => alarms.clear(&Subject::host(), "logs"),
        }
    }

    /// Whether every cluster's task that runs has had a turn lately. The service manager is told
    /// nothing else: a task that stands still for good is only mended by a new process.
    fn all_alive(&self) -> bool {
        let now = self.host.clock.now();
        self.wards
            .values()
            .all(|ward| ward.stuck(now, self.awake).is_none())
    }

    /// Once a second: what do all clusters have in common?
    fn look_out(&mut self) {
        let now = self.host.clock.now();
        let state = self.outlook.look(&self.wards, &self.host.alarms, now);
        for ward in self.wards.values_mut() {
            ward.tell(state);
        }
    }

    /// Tells every task to end, waits for them, and for the last alarms in the journal.
    pub(super) async fn end(mut self) {
        self.stop.send_replace(true);
        for mail in self.wards.values().filter_map(Ward::mail) {
            // Its task may have ended by itself.
            let _ = mail.send_first(cluster::Message::Stop);
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(END, all).await.is_err() {
            tracing::warn!("some tasks did not end in time and are left");
        }
        self.service.abort();
        self.metrics.close();
        if !self.keeper.is_finished() && timeout(END, &mut self.keeper).await.is_err() {
            tracing::warn!("the last alarms may not be in the journal");
        }
        self.trace.end().await;
        drop(self.server);
        let scribe = Arc::clone(&self.host.scribe);
        // An error means that the thread that waits could not: what is queued is written when
        // the scribe is dropped.
        if let Ok(false) = tokio::task::spawn_blocking(move || scribe.flush()).await {
            eprintln!("clusterd: the disk of the logs does not answer: clusterd ends without it");
        }
    }
}

/// Where the audit log's lines go.
fn ledger(scribe: &Arc<Scribe>) -> Ledger {
    let scribe = Arc::clone(scribe);
    Box::new(move |line| {
        let now = stamp(SystemTime::now());
        scribe.line(Book::Audit, &format!("{now}  {}", one_line(&line)));
    })
}

async fn open_before(journal: &Arc<Journal>) -> Result<alarm::Saved, StartError> {
    let journal = Arc::clone(journal);
    let loaded = tokio::task::spawn_blocking(move || alarm::load(&journal)).await;
    Ok(loaded.unwrap_or_else(|_| Ok(alarm::Saved::default()))?)
}

/// Which of the supervisor's own tasks has ended, and why: none of them does before clusterd itself.
async fn gone(
    keeper: &mut JoinHandle<()>,
    service: &mut JoinHandle<()>,
    router: &mut JoinHandle<()>,
) -> String {
    let (what, ended) = tokio::select! {
        ended = keeper => ("that keeps and sends the alarms", ended),
        ended = router => ("that hands on what the pings say", ended),
        ended = service => ("that answers at the control socket", ended),
    };
    let why = ended.err().map(panic_text);
    let why = why.unwrap_or_else(|| "it ended by itself".to_owned());
    format!("the task {what} has failed ({why})")
}

fn panic_text(err: JoinError) -> String {
    match err.try_into_panic() {
        Ok(panic) => caught::words(&*panic),
        Err(err) => err.to_string(),
    }
}
