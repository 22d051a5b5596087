//! One cluster as the supervisor sees it: its task, how it is, and when it begins again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::clock::{Moment, Span};
use crate::cluster::{
    Blueprint, Handover, Message, Pulse, Purpose, Receiver, Sender, mailbox, unready_text,
};
use crate::machine::Cause;
use crate::machine::handover::Unready;
use crate::machine::outlook::HostState;

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
    /// What a reload has in store for it.
    pub next: Option<Box<Next>>,
    /// What its last task has left to its next one.
    pub handover: Option<Box<Handover>>,
    /// Told when its next task has begun.
    pub begun: Option<oneshot::Sender<()>>,
}

/// What a reload has in store for a cluster.
#[derive(Debug)]
pub(super) struct Next {
    pub wish: Wish,
    /// The new configuration; none: the cluster is gone.
    pub blueprint: Option<Arc<Blueprint>>,
    /// Its task was told.
    pub asked: bool,
    /// Told when it is done.
    pub done: Option<oneshot::Sender<()>>,
}

/// The same for people.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// Who wants it.
    pub who: String,
    /// What for.
    pub purpose: Purpose,
    /// Clusters that have to be gone before.
    pub after: BTreeSet<String>,
}

impl Wish {
    /// For `status`, with what its task says why it goes on.
    pub(super) fn text(&self, cluster: &str, unready: Option<&Unready>) -> String {
        let what = match &self.purpose {
            Purpose::Change(what) => format!("a new configuration ({})", what.join(", ")),
            Purpose::Removal => "to be taken out of clusterd's guard".to_owned(),
        };
        format!(
            "{what}; it waits until {} (reload by {})",
            self.waits(cluster, unready),
            self.who
        )
    }

    /// What it waits for, in words that follow "until".
    pub(super) fn waits(&self, cluster: &str, unready: Option<&Unready>) -> String {
        if !self.after.is_empty() {
            let names: Vec<&str> = self.after.iter().map(String::as_str).collect();
            return format!("{} is gone", names.join(" and "));
        }
        match (&self.purpose, unready) {
            (Purpose::Removal, Some(Unready::Held(_))) | (_, None) => {
                "its task has ended".to_owned()
            }
            (_, Some(why)) => unready_text(why, cluster),
        }
    }
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
    /// What the journal remembers could not be read: it does not begin.
    Unread(Unread),
}

/// Why a task does not begin, and when its memory is looked for again; none: at a reload or a restart.
#[derive(Debug)]
pub(super) struct Unread {
    pub why: String,
    pub again: Option<Instant>,
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
            next: None,
            handover: None,
            begun: None,
        }
    }

    /// The task begins: the end of its mail.
    pub(super) fn begin(&mut self, now: Moment) -> Receiver<Message> {
        let (mail, box_) = mailbox(MAIL);
        self.pulse = Arc::default();
        self.told = HostState::default();
        if let Some(next) = &mut self.next {
            next.asked = false;
        }
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

    /// The task has given way: the next one begins at once.
    pub(super) fn gave_way(&mut self, handover: Box<Handover>) {
        self.handover = Some(handover);
        self.begin_anew();
    }

    /// A task that does not run begins as soon as it can.
    pub(super) fn begin_anew(&mut self) {
        self.life = Life::Again(Instant::now());
        self.pause = AGAIN.0;
        self.crashes = 0;
    }

    /// What the journal remembers could not be read: no task begins, and what the last one left is not
    /// for one that begins who knows when. Whether that is news.
    pub(super) fn unread(&mut self, why: String, again: Option<Duration>) -> bool {
        let news = !matches!(self.life, Life::Unread(_));
        let again = again.map(|pause| Instant::now() + pause);
        self.life = Life::Unread(Unread { why, again });
        self.handover = None;
        news
    }

    /// A reload: what could not be read is read again.
    pub(super) fn read_again(&mut self) {
        if let Life::Unread(unread) = &mut self.life {
            unread.again = Some(Instant::now());
        }
    }

    /// A person says that a task that was left alone shall begin again; whether it was.
    pub(super) fn release(&mut self) -> bool {
        let given_up = matches!(self.life, Life::GivenUp);
        if given_up {
            self.begin_anew();
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
            Life::Unread(Unread { why, again }) => Some(match again {
                Some(_) => format!("{why}; it is tried again every few seconds"),
                None => format!("{why}; it is tried again at the next `clusterd reload`"),
            }),
        }
    }

    /// Whether it is time to begin.
    pub(super) fn due(&self) -> bool {
        match &self.life {
            Life::Again(at) => *at <= Instant::now(),
            Life::Unread(unread) => unread.again.is_some_and(|at| at <= Instant::now()),
            Life::Runs(..) | Life::GivenUp => false,
        }
    }

    /// For how long its task had no turn, if that is too long. Nobody had one before `awake`.
    pub(super) fn stuck(&self, now: Moment, awake: Moment) -> Option<Duration> {
        let since = now.since(self.pulse.last().max(awake));
        let runs = matches!(self.life, Life::Runs(..));
        (runs && since >= STUCK).then_some(since)
    }

    /// Whether it has run long enough to be trusted after a crash.
    pub(super) fn calm(&self) -> bool {
        matches!(&self.life, Life::Runs(since, _) if since.elapsed() >= CALM)
    }

    /// Whether its cluster is dark or well: one whose task does not run, or that it does not know yet, is neither.
    pub(super) fn can_be_dark(&self) -> bool {
        matches!(self.life, Life::Runs(..)) && self.pulse.can_be_lost()
    }

    /// What of this host's own trouble holds its takeovers, if its task runs and says so.
    pub(super) fn trouble(&self) -> Vec<(Cause, String)> {
        match self.life {
            Life::Runs(..) => self.pulse.trouble(),
            _ => Vec::new(),
        }
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
            Life::Again(_) | Life::GivenUp | Life::Unread(_) => None,
        }
    }
}
