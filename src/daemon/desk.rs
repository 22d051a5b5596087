//! Answering what comes over the control socket. Nothing here keeps the supervisor waiting:
//! what has to be asked of a cluster's task is asked in a task of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::prepare::Unguarded;
use super::ward::{Ward, Wish};
use super::{alarms, events, metrics, orders, whole};
use crate::alarm::Alarms;
use crate::clock::Moment;
use crate::cluster::{Arrival, ClusterNow, Host, Message, NoVisit, Said, Sender};
use crate::control::{
    Answer, Ask, Asked, ClusterReport, Given, HostReport, REPORT_VERSION, Refusal, Report,
    Standing, Visit, Word,
};
use crate::store::Journal;

/// How long a cluster's task may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
/// The same where a node is asked first, and the journal: less than the socket waits.
const ANSWER_OF_A_NODE: Duration = Duration::from_secs(9);

/// What the desk needs to know of the daemon.
pub(super) struct Desk<'a> {
    pub host: &'a Arc<Host>,
    pub home: &'a str,
    pub wards: &'a BTreeMap<String, Ward>,
    pub refused: &'a [Unguarded],
}

/// A cluster to be asked.
struct Subject {
    cluster: String,
    file: String,
    not_guarded: Option<String>,
    mail: Option<Sender<Message>>,
    /// What a reload has in store for it.
    wish: Option<Wish>,
}

impl Desk<'_> {
    /// Takes a request; it is answered in time.
    pub(super) fn take(&self, asked: Asked) {
        let Asked { ask, who, answer } = asked;
        match ask {
            Ask::Ping => {
                let version = env!("CARGO_PKG_VERSION").to_owned();
                let pid = std::process::id();
                reply(answer, Answer::Pong { version, pid });
            }
            Ask::Status { cluster } => self.status(cluster, answer),
            Ask::Reload { .. } => {
                let text = "a reload is the supervisor's";
                reply(answer, Answer::refused(Refusal::BadRequest, text));
            }
            Ask::Alarms { cluster } => {
                let list = Box::new(alarms::list(&self.host.alarms, cluster.as_deref()));
                reply(answer, Answer::Alarms { list });
            }
            Ask::Metrics => {
                let (host, subjects) = (self.host_report(), self.subjects());
                let shared = Arc::clone(self.host);
                tokio::spawn(async move {
                    let report = report(host, subjects, &shared.alarms, None, None).await;
                    // A large page takes its time, and a BREAK may wait for this thread.
                    let made = tokio::task::spawn_blocking(move || metrics::page(&shared, report));
                    if let Ok(text) = made.await {
                        reply(answer, Answer::Metrics { text });
                    }
                });
            }
            Ask::Acknowledge {
                cluster,
                package,
                code,
                reason,
            } => {
                let subject = crate::alarm::Subject::package(&cluster, &package);
                let alarms = &self.host.alarms;
                let said = alarms::acknowledge(alarms, &subject, &code, &who, reason.as_deref());
                reply(answer, said);
            }
            Ask::Events(asked) => {
                let journal = Arc::downgrade(&self.host.journal);
                tokio::spawn(async move { reply(answer, events::page(journal, &asked).await) });
            }
            Ask::TestRoute { route } => {
                let alarms = Arc::clone(&self.host.alarms);
                tokio::spawn(async move {
                    reply(answer, alarms::test(&alarms, &route, &who).await);
                });
            }
            Ask::PowerStatus { cluster, node } => {
                self.power_status(&cluster, &node, who, answer);
            }
            Ask::Attach {
                cluster,
                node,
                grip,
                screen,
            } => {
                let (let_in, opens) = oneshot::channel();
                let message = Message::Attach {
                    node,
                    arrival: Arrival {
                        who: who.clone(),
                        grip,
                        screen,
                    },
                    answer: let_in,
                };
                self.attach(cluster, message, opens, who, answer);
            }
            order @ Ask::Order { .. } => orders::take(self, order, who, answer),
            ask @ Ask::Emulate { .. } => self.emulate(ask, answer),
            ask @ (Ask::Maintain { .. } | Ask::EndMaintenance { .. }) => {
                self.upkeep(ask, who, answer);
            }
            ask @ (Ask::OutOfService { .. } | Ask::BackInService { .. }) => {
                self.out_of_service(ask, who, answer);
            }
            Ask::Say {
                cluster,
                word,
                node,
            } => self.say(cluster, word, node, who, answer),
        }
    }

    /// Puts an operator's word to its cluster.
    fn say(
        &self,
        cluster: String,
        word: Word,
        node: Option<String>,
        who: String,
        answer: oneshot::Sender<Given>,
    ) {
        let about = node.as_deref().unwrap_or("");
        let line = format!("{who} says {word:?} to {cluster} {about}");
        let (heard, hears) = oneshot::channel();
        let message = Message::Say {
            who: who.clone(),
            word: word.operator_word(),
            node,
            answer: heard,
        };
        self.put(cluster, message, hears, (who, line), answer);
    }

    /// Puts what a person says to the task of a cluster, which answers where it `hears`; the line is the
    /// log's.
    pub(super) fn put(
        &self,
        cluster: String,
        message: Message,
        hears: oneshot::Receiver<Said>,
        (who, line): (String, String),
        answer: oneshot::Sender<Given>,
    ) {
        let mail = match self.mail_of(&cluster) {
            Ok(mail) => mail.clone(),
            Err(refusal) => return reply(answer, refusal),
        };
        tracing::warn!("{line}");
        let patience = match message {
            Message::Upkeep { .. } => ANSWER_OF_A_NODE,
            _ => ANSWER,
        };
        tokio::spawn(async move {
            let said = match mail.send(message).await {
                Ok(()) => timeout(patience, hears).await,
                Err(_) => return reply(answer, busy()),
            };
            reply(answer, told(said.ok().and_then(Result::ok), who, &cluster));
        });
    }

    /// Puts somebody's wish to be at a console to its cluster.
    fn attach(
        &self,
        cluster: String,
        message: Message,
        opens: oneshot::Receiver<Result<Visit, NoVisit>>,
        who: String,
        answer: oneshot::Sender<Given>,
    ) {
        let mail = match self.mail_of(&cluster) {
            Ok(mail) => mail.clone(),
            Err(refusal) => return reply(answer, refusal),
        };
        tokio::spawn(async move {
            let opened = match mail.send(message).await {
                Ok(()) => timeout(ANSWER, opens).await.ok().and_then(Result::ok),
                Err(_) => None,
            };
            match opened {
                Some(Ok(visit)) => {
                    // Whoever asked may have gone: the visit's queue tells the task.
                    let _ = answer.send(Given::Visit(Answer::Attached { who }, visit));
                }
                Some(Err(no)) => reply(answer, no_visit(no, &cluster)),
                None => reply(answer, busy()),
            }
        });
    }

    pub(super) fn mail_of(&self, cluster: &str) -> Result<&Sender<Message>, Answer> {
        let ward = self.ward_of(cluster)?;
        ward.mail().ok_or_else(|| {
            let why = ward.unguarded(cluster).unwrap_or_default();
            let text = format!("nobody guards {cluster}: {why}; see the alarms");
            Answer::refused(Refusal::NotGuarded, text)
        })
    }

    pub(super) fn ward_of(&self, cluster: &str) -> Result<&Ward, Answer> {
        if let Some(ward) = self.wards.get(cluster) {
            return Ok(ward);
        }
        if let Some(refused) = self.refused.iter().find(|r| r.cluster == cluster) {
            let text = format!(
                "{cluster} is not guarded ({}): {}",
                refused.file,
                refused.first()
            );
            return Err(Answer::refused(Refusal::NotGuarded, text));
        }
        Err(Answer::refused(
            Refusal::Unknown,
            self.no_such_cluster(cluster),
        ))
    }

    fn no_such_cluster(&self, cluster: &str) -> String {
        let known: Vec<&str> = self.wards.keys().map(String::as_str).collect();
        match known.as_slice() {
            [] => format!("there is no cluster {cluster:?}: none is guarded here"),
            known => format!(
                "there is no cluster {cluster:?}; guarded here: {}",
                known.join(", ")
            ),
        }
    }

    fn status(&self, only: Option<String>, answer: oneshot::Sender<Given>) {
        let mut subjects = self.subjects();
        if let Some(only) = &only {
            subjects.retain(|subject| subject.cluster == *only);
            if subjects.is_empty() {
                let text = self.no_such_cluster(only);
                return reply(answer, Answer::refused(Refusal::Unknown, text));
            }
        }
        let host = self.host_report();
        let alarms = Arc::clone(&self.host.alarms);
        // One alone is shown whole.
        let journal = (subjects.len() == 1).then(|| Arc::downgrade(&self.host.journal));
        tokio::spawn(async move {
            let report = report(host, subjects, &alarms, only.as_deref(), journal);
            let report = Box::new(report.await);
            reply(answer, Answer::Status { report });
        });
    }

    fn subjects(&self) -> Vec<Subject> {
        let guarded = self.wards.iter().map(|(name, ward)| Subject {
            cluster: name.clone(),
            file: ward.blueprint.file.clone(),
            not_guarded: ward.unguarded(name),
            mail: ward.mail().cloned(),
            wish: ward.next.as_ref().map(|next| next.wish.clone()),
        });
        let refused = self.refused.iter().map(|refused| Subject {
            cluster: refused.cluster.clone(),
            file: refused.file.clone(),
            not_guarded: Some(refused.why.clone()),
            mail: None,
            wish: None,
        });
        guarded.chain(refused).collect()
    }

    fn host_report(&self) -> HostReport {
        let up = self.host.clock.now().since(Moment::ZERO);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        HostReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            home: self.home.to_owned(),
            up_ms: millis(up),
            now_ms: millis(now),
        }
    }
}

async fn report(
    host: HostReport,
    subjects: Vec<Subject>,
    alarms: &Alarms,
    only: Option<&str>,
    whole: Option<Weak<Journal>>,
) -> Report {
    let mut asked = JoinSet::new();
    for (place, subject) in subjects.into_iter().enumerate() {
        let whole = whole.clone();
        asked.spawn(async move { (place, cluster_report(subject, whole).await) });
    }
    let mut clusters = asked.join_all().await;
    clusters.sort_by_key(|(place, _)| *place);
    let mut report = Report {
        v: REPORT_VERSION,
        host,
        clusters: clusters.into_iter().map(|(_, cluster)| cluster).collect(),
        alarms: alarms.open(only),
    };
    report.judge();
    report
}

async fn cluster_report(subject: Subject, whole: Option<Weak<Journal>>) -> ClusterReport {
    let now = match (subject.mail, whole) {
        (Some(mail), Some(journal)) => whole::ask(&mail, &subject.cluster, journal).await,
        (Some(mail), None) => ask(&mail).await,
        (None, _) => None,
    };
    let silent = || "its task does not answer; see the alarms and logs/clusterd.log".to_owned();
    let not_guarded = match &now {
        Some(_) => None,
        None => Some(subject.not_guarded.unwrap_or_else(silent)),
    };
    let unready = now.as_ref().and_then(|now| now.unready.as_ref());
    let wish = subject.wish.as_ref();
    let reload = wish.map(|wish| wish.text(&subject.cluster, unready));
    let (snapshot, consoles, boots) = match now {
        Some(now) => (Some(now.snapshot), now.consoles, now.boots),
        None => (None, Vec::new(), Vec::new()),
    };
    ClusterReport {
        cluster: subject.cluster,
        file: subject.file,
        not_guarded,
        snapshot,
        consoles,
        boots,
        reload,
        standing: Standing::default(),
    }
}

pub(super) async fn ask(mail: &Sender<Message>) -> Option<ClusterNow> {
    ask_by(mail, Message::Status).await
}

/// By a message that is answered so.
pub(super) async fn ask_by(
    mail: &Sender<Message>,
    message: fn(oneshot::Sender<ClusterNow>) -> Message,
) -> Option<ClusterNow> {
    let asked = async {
        let (answer, answered) = oneshot::channel();
        mail.send(message(answer)).await.ok()?;
        answered.await.ok()
    };
    timeout(ANSWER, asked).await.ok().flatten()
}

fn told(said: Option<Said>, who: String, cluster: &str) -> Answer {
    match said {
        Some(Said::Heard(lines)) => Answer::Told { who, lines },
        Some(Said::Refused(why)) => Answer::refused(Refusal::NotNow, why),
        Some(Said::NoSuchNode(nodes)) => {
            let text = format!("{cluster} has no such node; it has {}", nodes.join(", "));
            Answer::refused(Refusal::Unknown, text)
        }
        None => busy(),
    }
}

fn no_visit(no: NoVisit, cluster: &str) -> Answer {
    match no {
        NoVisit::NoSuchNode(nodes) => {
            let text = format!("{cluster} has no such node; it has {}", nodes.join(", "));
            Answer::refused(Refusal::Unknown, text)
        }
        NoVisit::Full => {
            let text = "too many people are at this console already";
            Answer::refused(Refusal::Busy, text)
        }
    }
}

pub(super) fn busy() -> Answer {
    Answer::refused(
        Refusal::Busy,
        "the cluster's task did not answer in time; look at its status before you say it again",
    )
}

/// Whoever asked may have gone.
pub(super) fn reply(to: oneshot::Sender<Given>, answer: Answer) {
    let _ = to.send(Given::Answer(answer));
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
