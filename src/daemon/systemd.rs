//! Telling systemd: ready, alive, stopping. Without systemd nothing is told.

use std::time::Duration;

use sd_notify::NotifyState;

/// The service manager that started us, if it wants to be told.
#[derive(Clone, Copy, Debug)]
pub struct Systemd {
    watchdog: Option<Duration>,
}

impl Systemd {
    /// Reads what the service manager wants from the environment.
    pub fn from_env() -> Systemd {
        Systemd {
            watchdog: sd_notify::watchdog_enabled(),
        }
    }

    /// Nobody wants to be told.
    pub fn absent() -> Systemd {
        Systemd { watchdog: None }
    }

    /// All clusters have their tasks, and the control socket answers.
    pub(super) fn ready(self, status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The supervisor had a turn.
    pub(super) fn alive(self) {
        if self.watchdog.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// The end has begun.
    pub(super) fn stopping(self) {
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(err) = sd_notify::notify(state) {
        tracing::debug!("cannot tell the service manager: {err}");
    }
}
