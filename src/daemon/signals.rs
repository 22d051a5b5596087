//! SIGTERM and SIGINT end the daemon; SIGHUP has it read its files again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// The signals that the daemon takes. From the moment that this is made on, none of them ends the
/// process by itself; what came before it was asked for is told then.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// Catches them. It wants the context of a runtime.
    ///
    /// # Errors
    /// The signals cannot be caught.
    pub fn catch() -> io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the signal to stop; gives its name. Each SIGHUP before that goes to `hangups`,
    /// where one that waits already stands for all.
    pub async fn told_to_stop(mut self, hangups: mpsc::Sender<()>) -> &'static str {
        loop {
            tokio::select! {
                _ = self.term.recv() => return "SIGTERM",
                _ = self.int.recv() => return "SIGINT",
                _ = self.hup.recv() => {
                    // Full: what is read next is as new as this signal.
                    let _ = hangups.try_send(());
                }
            }
        }
    }
}
