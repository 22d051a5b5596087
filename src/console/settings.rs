//! How a console's link behaves: its times and its limits.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::Dialing;

/// Times and limits of one console's link. The defaults suit a terminal server in the same building.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// How long a connection may take to be made, name look-up included.
    pub connect_timeout: Duration,
    /// How long a new connection without a byte is watched before it counts as a link. A terminal
    /// server whose port is taken accepts and closes at once; within this time that is *port busy*.
    pub settle: Duration,
    /// How long the line behind an RFC 2217 server may take to be set; nothing is typed before.
    pub set_line: Duration,
    /// How many connections are made at once; the time spent waiting for a turn is not counted
    /// into `connect_timeout`.
    pub dialing: Dialing,
    /// How long a command that was started, and says nothing, counts as one that is still connecting
    /// and logging in somewhere.
    pub log_in: Duration,
    /// The wait before the first new attempt. The waits double from attempt to attempt, and each
    /// is cut by chance to between half of it and all of it, so that the consoles of a terminal server that
    /// restarted do not all come back at the same moment.
    pub backoff_first: Duration,
    /// The longest wait between attempts.
    pub backoff_max: Duration,
    /// A link that lived this long starts the waits anew from `backoff_first`.
    pub stable_after: Duration,
    /// Silence before the far end is asked whether it lives: by the kernel (TCP keepalive), and by
    /// a question of the protocol where it has shown that it answers those.
    pub keepalive_idle: Duration,
    /// TCP keepalive: time between probes.
    pub keepalive_interval: Duration,
    /// TCP keepalive: unanswered probes after which the peer is gone, where `user_timeout` is not
    /// supported (Linux goes by `user_timeout`).
    pub keepalive_count: u32,
    /// Time without any acknowledgement, of probes or of bytes, after which the peer is gone
    /// (`TCP_USER_TIMEOUT`), and time without any word of a session that was asked.
    pub user_timeout: Duration,
    /// Time for which the peer may refuse to take any byte that waits to be written.
    pub write_timeout: Duration,
    /// Console output that waits to be read, bytes. More is dropped, oldest first, and told as a gap.
    pub queue_bytes: usize,
    /// What was ordered and waits to be written, bytes; a BREAK counts as 2. More takes the link down.
    pub order_bytes: usize,
}

impl Default for LinkSettings {
    fn default() -> LinkSettings {
        LinkSettings {
            connect_timeout: Duration::from_secs(5),
            settle: Duration::from_millis(300),
            set_line: Duration::from_secs(5),
            dialing: Dialing::default(),
            log_in: Duration::from_secs(2),
            backoff_first: Duration::from_millis(250),
            backoff_max: Duration::from_secs(10),
            stable_after: Duration::from_secs(10),
            keepalive_idle: Duration::from_secs(5),
            keepalive_interval: Duration::from_secs(2),
            keepalive_count: 5,
            user_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(10),
            queue_bytes: 1 << 20,
            order_bytes: 64 << 10,
        }
    }
}

/// The settings in use.
static SHARED: Mutex<Vec<Weak<LinkSettings>>> = Mutex::new(Vec::new());

impl LinkSettings {
    /// The same settings, at one place for all consoles that have them.
    pub fn shared(self) -> Arc<LinkSettings> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|settings| settings.strong_count() > 0);
        let mut known = shared.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.find(|known| **known == self) {
            return known;
        }
        let settings = Arc::new(self);
        shared.push(Arc::downgrade(&settings));
        settings
    }

    /// The time after which a link that is dead, or half dead, is found to be: a question is given
    /// as long for its answer as went by before it at least.
    pub fn lost_after(&self) -> Duration {
        self.user_timeout.max(self.keepalive_idle.saturating_mul(2))
    }
}
