//! Who asked which address: one pinger for the host, its answers led to the clusters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout_at};

use super::clock::JUMP;
use super::mailbox::{Receiver, Sender, mailbox};
use crate::machine::input::HostFact;
use crate::probe::{Pinger, ProbeError, ProbeEvent, Settings, Target};

/// Answers that may wait for a cluster; a task that is further behind is stuck, and told so
/// elsewhere.
const WAITING: usize = 1024;

/// The least and the most time between the pings of one probe.
const PROBE_EVERY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What an asker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The target of that key answered, or did not.
    Answer {
        /// The key given by [`Asker::watch`].
        key: u64,
        /// Whether it did.
        answered: bool,
    },
    /// It could not be asked, for a reason of this host.
    Trouble {
        /// The key given by [`Asker::watch`].
        key: u64,
        /// The reason.
        why: String,
    },
    /// Something about this host.
    Host(HostFact),
}

/// The host's pinger.
#[derive(Debug)]
pub struct Asks {
    shared: Arc<Shared>,
    router: AbortHandle,
}

struct Shared {
    pinger: Pinger,
    routes: Mutex<Routes>,
}

#[derive(Default)]
struct Routes {
    next: u64,
    keys: BTreeMap<u64, u64>,
    askers: BTreeMap<u64, Sender<Told>>,
}

impl Asks {
    /// Starts the pinger; to be called within a tokio runtime. Beside it, the task that leads the answers: it does
    /// not end before the last `Asks` does, and where it has ended nothing is asked any more.
    pub fn start(reply_within: Duration) -> (Asks, JoinHandle<()>) {
        let (pinger, mut events) = Pinger::start(Settings { reply_within });
        let shared = Arc::new(Shared {
            pinger,
            routes: Mutex::default(),
        });
        let routed = Arc::clone(&shared);
        let router = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                routed.route(event);
            }
        });
        let asks = Asks {
            shared,
            router: router.abort_handle(),
        };
        (asks, router)
    }

    /// A place for one cluster's answers, or the host's own.
    pub fn asker(&self) -> Asker {
        let (answers, receiver) = mailbox(WAITING);
        let mut routes = self.shared.routes();
        let id = routes.number();
        routes.askers.insert(id, answers);
        drop(routes);
        Asker {
            shared: Arc::clone(&self.shared),
            id,
            answers: receiver,
        }
    }
}

impl Drop for Asks {
    fn drop(&mut self) {
        self.router.abort();
    }
}

/// One asker's questions; they end with it.
pub struct Asker {
    shared: Arc<Shared>,
    id: u64,
    answers: Receiver<Told>,
}

impl Asker {
    /// Asks `target` every `interval` from now on; the answers carry the key given back.
    ///
    /// # Errors
    /// No ICMP socket is to be had.
    pub fn watch(&self, target: Target, interval: Duration) -> Result<u64, ProbeError> {
        let key = {
            let mut routes = self.shared.routes();
            let key = routes.number();
            routes.keys.insert(key, self.id);
            key
        };
        let interval = interval.max(Pinger::SHORTEST_INTERVAL);
        self.shared.pinger.watch(key, target, interval)?;
        Ok(key)
    }

    /// Asks no more for this key.
    pub fn unwatch(&self, key: u64) {
        self.shared.routes().keys.remove(&key);
        self.shared.pinger.unwatch(key);
    }

    /// The next answer. It is cancel safe.
    pub async fn next(&mut self) -> Told {
        self.answers.recv().await
    }

    /// Asks `target` a few times within the time, by an asker of its own: whether it answered.
    ///
    /// # Errors
    /// It could not be asked, for a reason of this host.
    pub(super) async fn once(mut self, target: Target, within: Duration) -> Result<bool, String> {
        let (least, most) = PROBE_EVERY;
        let every = (within / 3).clamp(least, most);
        self.watch(target, every).map_err(|err| err.to_string())?;
        let end = Instant::now() + within;
        let mut trouble = None;
        loop {
            match timeout_at(end, self.next()).await {
                Ok(Told::Answer { answered: true, .. }) => return Ok(true),
                Ok(Told::Answer { .. }) => trouble = None,
                Ok(Told::Trouble { why, .. }) => trouble = Some(why),
                Ok(Told::Host(_)) => {}
                Err(_) => return trouble.map_or(Ok(false), Err),
            }
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        let mut routes = self.shared.routes();
        routes.askers.remove(&self.id);
        let keys: Vec<u64> = routes
            .keys
            .iter()
            .filter(|(_, asker)| **asker == self.id)
            .map(|(key, _)| *key)
            .collect();
        for key in &keys {
            routes.keys.remove(key);
        }
        drop(routes);
        for key in keys {
            self.shared.pinger.unwatch(key);
        }
    }
}

impl Shared {
    fn route(&self, event: ProbeEvent) {
        let routes = self.routes();
        match event {
            ProbeEvent::Result(result) => {
                let (key, answered) = (result.key, result.answered);
                routes.tell(key, Told::Answer { key, answered });
            }
            ProbeEvent::Trouble { key, target, why } => {
                let why = format!("cannot ask {target}: {why}");
                routes.tell(key, Told::Trouble { key, why });
            }
            ProbeEvent::Late { behind, skipped } => {
                tracing::warn!("{skipped} probes were skipped: this process was {behind:?} behind");
                if behind >= JUMP {
                    let millis = u64::try_from(behind.as_millis()).unwrap_or(u64::MAX);
                    routes.tell_all(HostFact::PingsLate { millis });
                }
            }
            ProbeEvent::SocketDrops(count) => {
                tracing::warn!("the kernel dropped {count} packets of our ping socket");
                routes.tell_all(HostFact::SocketDrops(count));
            }
        }
    }

    /// Nothing panics while it holds this lock.
    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asks").finish_non_exhaustive()
    }
}

impl Routes {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A full queue loses the answer: its cluster is stuck, and each answer is only one of many.
    fn tell(&self, key: u64, told: Told) {
        if let Some(answers) = self.keys.get(&key).and_then(|asker| self.askers.get(asker)) {
            let _ = answers.try_send(told);
        }
    }

    fn tell_all(&self, fact: HostFact) {
        for answers in self.askers.values() {
            let _ = answers.try_send(Told::Host(fact));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[tokio::test]
    async fn each_cluster_hears_its_own_answers() {
        let here = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = Target::Tcp(here.local_addr().unwrap());
        let closed = {
            let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            Target::Tcp(gone.local_addr().unwrap())
        };
        let (asks, _router) = Asks::start(Duration::from_millis(500));
        let (mut one, mut two) = (asks.asker(), asks.asker());
        let every = Duration::from_millis(30);
        let good = one.watch(open, every).unwrap();
        let bad = two.watch(closed, every).unwrap();
        for _ in 0..3 {
            assert_eq!(
                one.next().await,
                Told::Answer {
                    key: good,
                    answered: true
                }
            );
            assert_eq!(
                two.next().await,
                Told::Answer {
                    key: bad,
                    answered: false
                }
            );
        }
        let within = Duration::from_millis(300);
        assert_eq!(asks.asker().once(open, within).await, Ok(true));
        assert_eq!(asks.asker().once(closed, within).await, Ok(false));
        drop((one, two));
        assert!(asks.shared.routes().keys.is_empty());
    }

    #[test]
    fn addresses_of_both_families_are_targets() {
        let target = Target::Tcp(SocketAddr::new("::1".parse().unwrap(), 80));
        assert_eq!(target.to_string(), "tcp:[::1]:80");
    }
}
