//! What somebody who wants a reload is told: what differs, and of each cluster whether it is done or
//! what it waits for, as its own task says.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::desk;
use super::plan::Step;
use super::ward::Wish;
use crate::cluster::{ClusterNow, Message, Purpose, Sender, left_behind};
use crate::control::{Answer, Change, ClusterChange, Given, ReloadReport};
use crate::machine::handover::Unready;

/// How long a task that gives way may take to end, for the answer to say that it has.
const GIVES_WAY: Duration = Duration::from_secs(4);

/// Somebody wants a reload.
#[derive(Debug)]
pub(super) struct Order {
    pub who: String,
    pub dry_run: bool,
    /// Nobody waits for the answer to a signal.
    pub answer: Option<oneshot::Sender<Given>>,
}

impl Order {
    pub(super) fn of(who: String, dry_run: bool, answer: oneshot::Sender<Given>) -> Order {
        Order {
            who,
            dry_run,
            answer: Some(answer),
        }
    }

    pub(super) fn of_signal() -> Order {
        Order {
            who: "SIGHUP".to_owned(),
            dry_run: false,
            answer: None,
        }
    }

    pub(super) fn reply(self, answer: Answer) {
        if let Some(to) = self.answer {
            desk::reply(to, answer);
        }
    }
}

/// A cluster that differs, for the answer.
pub(super) struct Asked {
    pub change: ClusterChange,
    pub wish: Wish,
    pub how: How,
}

/// What comes of it, and who says so.
pub(super) enum How {
    /// It is done.
    Done,
    /// It waits.
    Waits,
    /// Its task was asked to give way: what it says, and whether the next one has begun.
    Yields(oneshot::Receiver<ClusterNow>, oneshot::Receiver<()>),
    /// It is only asked how it is.
    Looks(Sender<Message>),
}

pub(super) fn wish_of(step: &Step, who: &str) -> Wish {
    Wish {
        who: who.to_owned(),
        purpose: Purpose::Change(step.what.clone()),
        after: step.after.clone(),
    }
}

pub(super) fn blank(name: &str, change: Change, what: &[String]) -> ClusterChange {
    ClusterChange {
        cluster: name.to_owned(),
        change,
        what: what.to_vec(),
        waits: None,
        left: Vec::new(),
    }
}

/// Hears what the tasks say, and answers.
pub(super) async fn answer(order: Order, mut report: ReloadReport, asked: Vec<Asked>) {
    let mut hears = JoinSet::new();
    for asked in asked {
        hears.spawn(heard(asked));
    }
    report.clusters = hears.join_all().await;
    report.clusters.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    if !report.dry_run {
        let (who, same) = (&report.who, report.same);
        let touched = report.clusters.len();
        let waits = report.clusters.iter().filter(|one| one.waits.is_some());
        let waits = waits.count();
        tracing::warn!(
            "reload by {who}: {touched} clusters differ, {waits} of them wait, {same} are not touched"
        );
    }
    let report = Box::new(report);
    order.reply(Answer::Reloaded { report });
}

/// What comes of one cluster.
async fn heard(asked: Asked) -> ClusterChange {
    let Asked {
        mut change,
        wish,
        how,
    } = asked;
    let (now, done) = match how {
        How::Done => return change,
        How::Waits => (None, None),
        How::Yields(answer, done) => {
            let now = timeout(desk::ANSWER, answer).await;
            (now.ok().and_then(Result::ok), Some(done))
        }
        How::Looks(mail) => {
            let now = desk::ask(&mail).await;
            (now, None)
        }
    };
    let removed = wish.purpose == Purpose::Removal;
    if removed {
        change.left = now.as_ref().map(left_behind).unwrap_or_default();
    }
    let would_go = now.as_ref().is_some_and(|now| match &now.unready {
        None => true,
        // Nothing is started by it.
        Some(Unready::Held(_)) => removed,
        Some(Unready::UnderWay(_)) => false,
    });
    let goes = match done {
        Some(done) if would_go => timeout(GIVES_WAY, done).await.is_ok_and(|d| d.is_ok()),
        Some(_) => false,
        None => would_go && wish.after.is_empty(),
    };
    let unready = now.and_then(|now| now.unready);
    change.waits = (!goes).then(|| wish.waits(&change.cluster, unready.as_ref()));
    change
}

pub(super) fn removal(who: &str) -> Wish {
    Wish {
        who: who.to_owned(),
        purpose: Purpose::Removal,
        after: BTreeSet::new(),
    }
}
