//! How many connections are made at once: a terminal server that comes back, or a whole machine
//! room, must not be met by hundreds of connects and logins in one moment.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Address;

/// Connections that are being made to one terminal server at once.
const PER_SERVER: usize = 16;

/// Commands that are being started at once with one program, each until it says something: OpenSSH's
/// server begins to drop connections at random above 10 that have not logged in (`MaxStartups`).
const PER_PROGRAM: usize = 8;

/// Connections that are being made at once, to all.
const IN_ALL: usize = 128;

/// Servers that may be remembered without anybody dialling them.
const IDLE_SERVERS: usize = 64;

/// What all consoles of this program share, unless they are given another.
static SHARED: LazyLock<Dialing> = LazyLock::new(|| Dialing::new(PER_SERVER, IN_ALL));

/// The bound on connections that are being made; its copies are one. Whoever waits is served in the
/// order of coming.
#[derive(Clone, Debug)]
pub struct Dialing(Arc<Lines>);

#[derive(Debug)]
struct Lines {
    per_server: usize,
    all: Arc<Semaphore>,
    servers: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

/// The right to make one connection, until it is dropped.
pub(super) struct Turn {
    _server: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Dialing {
    /// At most `per_server` connections to one terminal server are made at once, and `in_all` to
    /// all; neither may be 0.
    pub fn new(per_server: usize, in_all: usize) -> Dialing {
        Dialing(Arc::new(Lines {
            per_server,
            all: Arc::new(Semaphore::new(in_all)),
            servers: Mutex::default(),
        }))
    }

    /// Waits until a connection to `address` may be made. It is cancel safe; a place in the line is
    /// lost with the future.
    pub(super) async fn turn(&self, address: &Address) -> Turn {
        let most = match address {
            Address::Exec(_) => self.0.per_server.min(PER_PROGRAM),
            _ => self.0.per_server,
        };
        // The server's place comes first: those who wait for a slow server keep nobody else back.
        let line = self.line(&address.door(), most);
        let server = line.acquire_owned().await.ok();
        let all = Arc::clone(&self.0.all).acquire_owned().await.ok();
        Turn {
            _server: server,
            _all: all,
        }
    }

    fn line(&self, server: &str, most: usize) -> Arc<Semaphore> {
        let mut servers = self
            .0
            .servers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = servers.get(server) {
            return Arc::clone(line);
        }
        if servers.len() >= IDLE_SERVERS {
            servers.retain(|_, line| Arc::strong_count(line) > 1);
        }
        let line = Arc::new(Semaphore::new(most));
        servers.insert(server.to_owned(), Arc::clone(&line));
        line
    }
}

/// The line of the whole program.
impl Default for Dialing {
    fn default() -> Dialing {
        SHARED.clone()
    }
}

/// Two are equal if they are one.
impl PartialEq for Dialing {
    fn eq(&self, other: &Dialing) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Dialing {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn at(server: &str) -> Address {
        format!("tcp://{server}:1").parse().unwrap()
    }

    async fn waits_at(dialing: &Dialing, address: &Address) -> bool {
        timeout(Duration::from_millis(20), dialing.turn(address))
            .await
            .is_err()
    }

    async fn waits(dialing: &Dialing, server: &str) -> bool {
        waits_at(dialing, &at(server)).await
    }

    #[tokio::test]
    async fn commands_of_one_program_wait_for_each_other_wherever_they_lead() {
        let dialing = Dialing::new(100, 1000);
        let with = |argument: usize| -> Address {
            format!("exec:/usr/bin/ssh host{argument}").parse().unwrap()
        };
        let mut turns = Vec::new();
        for n in 0..PER_PROGRAM {
            turns.push(dialing.turn(&with(n)).await);
        }
        assert!(waits_at(&dialing, &with(99)).await);
        assert!(!waits_at(&dialing, &"exec:ipmitool".parse().unwrap()).await);
        turns.pop();
        assert!(!waits_at(&dialing, &with(99)).await);
    }

    #[tokio::test]
    async fn a_full_server_waits_and_another_does_not_until_all_are_full() {
        let dialing = Dialing::new(2, 3);
        let first = dialing.turn(&at("a")).await;
        let _second = dialing.turn(&at("a")).await;
        assert!(waits(&dialing, "a").await);
        let third = dialing.turn(&at("b")).await;
        assert!(waits(&dialing, "b").await);
        // Those that gave up left nothing behind.
        drop(third);
        drop(first);
        let _third = dialing.turn(&at("b")).await;
        let _first = dialing.turn(&at("a")).await;
        assert!(waits(&dialing, "c").await);
    }

    #[tokio::test]
    async fn servers_that_nobody_dials_are_forgotten() {
        let dialing = Dialing::new(1, 1000);
        let kept = dialing.turn(&at("kept")).await;
        for n in 0..10 * IDLE_SERVERS {
            dialing.turn(&at(&n.to_string())).await;
        }
        assert!(dialing.0.servers.lock().unwrap().len() <= IDLE_SERVERS + 1);
        assert!(waits(&dialing, "kept").await);
        drop(kept);
    }
}
