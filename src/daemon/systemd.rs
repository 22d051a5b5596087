//! Telling systemd: ready, alive, stopping. Without systemd nothing is told.

use sd_notify::NotifyState;

/// The service manager that started us, if it wants to be told.
#[derive(Clone, Copy, Debug)]
pub struct Systemd {
    told: bool,
    watchdog: bool,
}

impl Systemd {
    /// Reads what the service manager wants from the environment.
    pub fn from_env() -> Systemd {
        Systemd {
            told: true,
            watchdog: sd_notify::watchdog_enabled().is_some(),
        }
    }

    /// Nobody wants to be told.
    pub fn absent() -> Systemd {
        Systemd {
            told: false,
            watchdog: false,
        }
    }

    /// All clusters have their tasks, and the control socket answers.
    pub(super) fn ready(self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The supervisor had a turn, and so had every cluster's task within the last ten seconds.
    pub(super) fn alive(self) {
        if self.watchdog {
            self.tell(&[NotifyState::Watchdog]);
        }
    }

    /// The end has begun.
    pub(super) fn stopping(self) {
        self.tell(&[NotifyState::Stopping]);
    }

    fn tell(self, state: &[NotifyState<'_>]) {
        if self.told
            && let Err(err) = sd_notify::notify(state)
        {
            tracing::debug!("cannot tell the service manager: {err}");
        }
    }
}
