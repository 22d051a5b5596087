//! One cluster as the supervisor sees it: its task, how it is, and when it begins again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::outlook::HostState;
use crate::clock::{Moment, Span};
use crate::cluster::{Blueprint, Message, Pulse, Receiver, Sender, mailbox};

/// Messages that may wait for a cluster.
const MAIL: usize = 64;

/// The first and the longest pause before a crashed task begins again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// So many crashes in a row, and the task is left alone: half a minute after the first one where
/// each comes at once.
pub(super) const MOST: u32 = 6;

/// A task that lived so long begins anew with the first pause, and its crashes are forgotten.
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
    /// What its machine was told of the host.
    told: HostState,
    pause: Duration,
    /// How often it crashed in a row.
    crashes: u32,
}

/// Whether its task runs.
#[derive(Debug)]
pub(super) enum Life {
    /// It runs since then, and takes mail.
    Runs(Instant, Sender<Message>),
    /// It ended, and begins again then.
    Again(Instant),
    /// It crashed too often in a row, and is left alone until a person says `release`.
    GivenUp,
}

impl Ward {
    pub(super) fn new(blueprint: Arc<Blueprint>) -> Ward {
        Ward {
            blueprint,
            pulse: Arc::default(),
            life: Life::Again(Instant::now()),
            told: HostState::default(),
            pause: AGAIN.0,
            crashes: 0,
        }
    }

    /// The task begins: the end of its mail.
    pub(super) fn begin(&mut self, now: Moment) -> Receiver<Message> {
        let (mail, box_) = mailbox(MAIL);
        self.pulse = Arc::default();
        self.told = HostState::default();
        self.pulse.beat(now);
        self.life = Life::Runs(Instant::now(), mail);
        box_
    }

    /// The task has ended: after which pause it begins again, or not at all.
    pub(super) fn ended(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if let Life::Runs(since, _) = &self.life
            && now.duration_since(*since) >= STABLE
        {
            self.pause = AGAIN.0;
            self.crashes = 0;
        }
        self.crashes += 1;
        if self.crashes >= MOST {
            self.life = Life::GivenUp;
            return None;
        }
        let pause = self.pause;
        self.life = Life::Again(now + pause);
        self.pause = (pause * 2).min(AGAIN.1);
        Some(pause)
    }

    /// A person says that a task that was left alone shall begin again; whether it was.
    pub(super) fn release(&mut self) -> bool {
        let given_up = matches!(self.life, Life::GivenUp);
        if given_up {
            self.life = Life::Again(Instant::now());
            self.pause = AGAIN.0;
            self.crashes = 0;
        }
        given_up
    }

    /// Why nobody guards the cluster just now, if so.
    pub(super) fn unguarded(&self, name: &str) -> Option<String> {
        match &self.life {
            Life::Runs(..) => None,
            Life::Again(at) => {
                let left = Span(at.saturating_duration_since(Instant::now()));
                Some(format!("its task crashed and begins again in {left}"))
            }
            Life::GivenUp => Some(format!(
                "its task crashed {} times in a row and is left alone; `clusterd release {name}` begins it again",
                self.crashes
            )),
        }
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

    /// Since when its cluster is dark, if its task runs and says so.
    pub(super) fn dark_since(&self) -> Option<Moment> {
        let runs = matches!(self.life, Life::Runs(..));
        self.pulse.dark_since().filter(|_| runs)
    }

    /// Tells its machine what it does not know yet of the host. A full box is told with the next
    /// turn.
    pub(super) fn tell(&mut self, state: HostState) {
        let Life::Runs(_, mail) = &self.life else {
            return;
        };
        let facts = state.news(self.told);
        let room = mail.capacity() >= facts.len();
        if facts.is_empty() || !room {
            return;
        }
        for fact in facts {
            // Whoever else writes may have taken the room: the next turn tells all of it again.
            if mail.try_send(Message::Host(fact)).is_err() {
                return;
            }
        }
        self.told = state;
    }

    /// Where its mail goes, while it runs.
    pub(super) fn mail(&self) -> Option<&Sender<Message>> {
        match &self.life {
            Life::Runs(_, mail) => Some(mail),
            Life::Again(_) | Life::GivenUp => None,
        }
    }
}
