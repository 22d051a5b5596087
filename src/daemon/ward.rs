//! One cluster as the supervisor sees it: its task, how it is, and when it begins again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Moment;
use crate::cluster::{Blueprint, Message, Pulse, Receiver, Sender, mailbox};

/// Messages that may wait for a cluster.
const MAIL: usize = 64;

/// The first and the longest pause before a crashed task begins again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A task that lived so long begins anew with the first pause.
const STABLE: Duration = Duration::from_secs(600);

/// After so long the alarm of a crash is ended.
const CALM: Duration = Duration::from_secs(60);

/// Without a turn for so long, a task is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// A guarded cluster.
#[derive(Debug)]
pub(super) struct Ward {
    pub blueprint: Arc<Blueprint>,
    pub pulse: Arc<Pulse>,
    pub life: Life,
    pause: Duration,
}

/// Whether its task runs.
#[derive(Debug)]
pub(super) enum Life {
    /// It runs since then, and takes mail.
    Runs(Instant, Sender<Message>),
    /// It ended, and begins again then.
    Again(Instant),
}

impl Ward {
    pub(super) fn new(blueprint: Arc<Blueprint>) -> Ward {
        Ward {
            blueprint,
            pulse: Arc::default(),
            life: Life::Again(Instant::now()),
            pause: AGAIN.0,
        }
    }

    /// The task begins: the end of its mail.
    pub(super) fn begin(&mut self, now: Moment) -> Receiver<Message> {
        let (mail, box_) = mailbox(MAIL);
        self.pulse = Arc::default();
        self.pulse.beat(now);
        self.life = Life::Runs(Instant::now(), mail);
        box_
    }

    /// The task has ended: after which pause it begins again.
    pub(super) fn ended(&mut self) -> Duration {
        let now = Instant::now();
        if let Life::Runs(since, _) = &self.life
            && now.duration_since(*since) >= STABLE
        {
            self.pause = AGAIN.0;
        }
        let pause = self.pause;
        self.life = Life::Again(now + pause);
        self.pause = (pause * 2).min(AGAIN.1);
        pause
    }

    /// Whether it is time to begin.
    pub(super) fn due(&self) -> bool {
        matches!(self.life, Life::Again(at) if at <= Instant::now())
    }

    /// For how long its task had no turn, if that is too long.
    pub(super) fn stuck(&self, now: Moment) -> Option<Duration> {
        let since = now.since(self.pulse.last());
        let runs = matches!(self.life, Life::Runs(..));
        (runs && since >= STUCK).then_some(since)
    }

    /// Whether it has run long enough to be trusted after a crash.
    pub(super) fn calm(&self) -> bool {
        matches!(&self.life, Life::Runs(since, _) if since.elapsed() >= CALM)
    }

    /// Where its mail goes, while it runs.
    pub(super) fn mail(&self) -> Option<&Sender<Message>> {
        match &self.life {
            Life::Runs(_, mail) => Some(mail),
            Life::Again(_) => None,
        }
    }
}
