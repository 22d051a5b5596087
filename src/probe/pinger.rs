//! The one task that keeps the schedule, sends the rounds and delivers what came of them.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use surge_ping::{PingSequence, SurgeError};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::schedule::{Round, Schedule};
use super::socket::{Sockets, is_echo_reply};
use super::{PingResult, ProbeError, ProbeEvent, Target, tcp_probe};
use crate::caught::caught;

/// Events that may wait for their receiver. When they are that many the rounds wait too,
/// and are then told as [`ProbeEvent::Late`].
const EVENTS: usize = 4096;

/// How often the kernel is asked for the drops of our sockets.
const DROPS_EVERY: Duration = Duration::from_secs(2);

/// What an echo request carries; some networks swallow empty ones.
const PAYLOAD: [u8; 16] = *b"clusterd probing";

/// How the pinger works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a target may take to answer; a watcher with a shorter interval waits no
    /// longer than that interval, so that its results come in order.
    pub reply_within: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            reply_within: Duration::from_secs(1),
        }
    }
}

/// Probes every watched target of the process, ICMP and TCP, until it is dropped.
pub struct Pinger {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    schedule: Mutex<Schedule>,
    sockets: Mutex<Sockets>,
    changed: Notify,
}

impl Pinger {
    /// The least interval of a watcher.
    pub const SHORTEST_INTERVAL: Duration = Duration::from_millis(20);

    /// Starts the task; to be called within a tokio runtime. Sockets are opened when the
    /// first target of their family is watched.
    pub fn start(settings: Settings) -> (Pinger, mpsc::Receiver<ProbeEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let shared = Arc::new(Shared {
            schedule: Mutex::default(),
            sockets: Mutex::default(),
            changed: Notify::new(),
        });
        let rounds = Rounds {
            shared: Arc::clone(&shared),
            settings,
            events,
            flights: JoinSet::new(),
        };
        let task = tokio::spawn(rounds.run());
        (Pinger { shared, task }, receiver)
    }

    /// Probes `target` every `interval` for `key`, beginning within one interval. A key
    /// watches one target: a second call changes target or interval. Several keys on one
    /// target share its probes; each still gets an event about every interval of its own.
    ///
    /// # Errors
    /// No ICMP socket is to be had, or the interval is too short.
    pub fn watch(&self, key: u64, target: Target, interval: Duration) -> Result<(), ProbeError> {
        if interval < Pinger::SHORTEST_INTERVAL {
            return Err(ProbeError::Interval(interval));
        }
        if let Target::Icmp(address) = target {
            locked(&self.shared.sockets).get(address)?;
        }
        locked(&self.shared.schedule).watch(key, target, interval, Instant::now());
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Forgets `key`. Events that are already under way to the receiver still arrive.
    pub fn unwatch(&self, key: u64) {
        locked(&self.shared.schedule).unwatch(key);
        self.shared.changed.notify_one();
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Nothing panics while it holds these locks, and what they guard is whole in any case.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task's own side.
struct Rounds {
    shared: Arc<Shared>,
    settings: Settings,
    events: mpsc::Sender<ProbeEvent>,
    flights: JoinSet<Landed>,
}

/// A round that is over.
struct Landed {
    target: Target,
    keys: Vec<u64>,
    answer: Answer,
}

enum Answer {
    Answered(Duration),
    Silent,
    Trouble(String),
}

/// The receiver is gone: nobody wants to know any more.
struct Unheard;

impl Rounds {
    async fn run(mut self) {
        let mut drops = interval(DROPS_EVERY);
        drops.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = locked(&self.shared.schedule).next();
            let due = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            let heard = tokio::select! {
                Some(landed) = self.flights.join_next() => match landed {
                    Ok(landed) => self.deliver(landed).await,
                    Err(err) => {
                        tracing::error!("a probe's task failed: {err}");
                        Ok(())
                    }
                },
                () = due => self.send_due().await,
                () = self.shared.changed.notified() => Ok(()),
                _ = drops.tick() => self.count_drops().await,
                () = self.events.closed() => Err(Unheard),
            };
            if heard.is_err() {
                return;
            }
        }
    }

    async fn send_due(&mut self) -> Result<(), Unheard> {
        let due = locked(&self.shared.schedule).take_due(Instant::now());
        for round in due.rounds {
            self.send(round);
        }
        if due.skipped > 0 {
            let (behind, skipped) = (due.behind, due.skipped);
            tracing::warn!("{skipped} probes skipped: this process was {behind:?} behind");
            self.tell(ProbeEvent::Late { behind, skipped }).await?;
        }
        Ok(())
    }

    fn send(&mut self, round: Round) {
        let within = self.settings.reply_within.min(round.interval);
        let shared = Arc::clone(&self.shared);
        self.flights.spawn(async move {
            let asked = caught(pin!(ask(&shared, &round, within))).await;
            // What failed in this process says nothing of the target.
            let answer = asked.unwrap_or_else(Answer::Trouble);
            Landed {
                target: round.target,
                keys: round.keys,
                answer,
            }
        });
    }

    async fn deliver(&mut self, landed: Landed) -> Result<(), Unheard> {
        let target = landed.target;
        for key in landed.keys {
            if !locked(&self.shared.schedule).watches(key, target) {
                continue;
            }
            let result = |answered, rtt| ProbeEvent::Result(PingResult { key, answered, rtt });
            let event = match &landed.answer {
                Answer::Answered(rtt) => result(true, Some(*rtt)),
                Answer::Silent => result(false, None),
                Answer::Trouble(why) => ProbeEvent::Trouble {
                    key,
                    target,
                    why: why.clone(),
                },
            };
            self.tell(event).await?;
        }
        Ok(())
    }

    async fn count_drops(&mut self) -> Result<(), Unheard> {
        let drops = locked(&self.shared.sockets).new_drops();
        if drops > 0 {
            tracing::warn!("the ping sockets lost {drops} packets: their buffer was full");
            self.tell(ProbeEvent::SocketDrops(drops)).await?;
        }
        Ok(())
    }

    async fn tell(&self, event: ProbeEvent) -> Result<(), Unheard> {
        self.events.send(event).await.map_err(|_| Unheard)
    }
}

async fn ask(shared: &Shared, round: &Round, within: Duration) -> Answer {
    match round.target {
        Target::Icmp(_) => ping(shared, round, within).await,
        Target::Tcp(address) => match tcp_probe(address, within).await {
            Ok(rtt) => Answer::Answered(rtt),
            Err(ProbeError::Trouble { why, .. }) => Answer::Trouble(why),
            Err(_) => Answer::Silent,
        },
    }
}

async fn ping(shared: &Shared, round: &Round, within: Duration) -> Answer {
    let Target::Icmp(address) = round.target else {
        return Answer::Trouble("not an ICMP target".to_owned());
    };
    let (client, identifier) = match locked(&shared.sockets).get(address) {
        Ok(socket) => (socket.client.clone(), socket.identifier),
        Err(err) => return Answer::Trouble(err.to_string()),
    };
    let mut pinger = client.pinger(address, identifier).await;
    pinger.timeout(within);
    match pinger.ping(PingSequence(round.sequence), &PAYLOAD).await {
        // A stalled process may find both the reply and the deadline waiting for it.
        Ok((packet, rtt)) if is_echo_reply(&packet) && rtt <= within => Answer::Answered(rtt),
        Ok(_) | Err(SurgeError::Timeout { .. }) => Answer::Silent,
        Err(SurgeError::IOError(err)) => Answer::Trouble(err.to_string()),
        Err(err) => Answer::Trouble(err.to_string()),
    }
}
