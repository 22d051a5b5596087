//! SIGTERM and SIGINT end the daemon; SIGHUP is ignored, and said to be.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Waits for the signal to stop; gives its name.
///
/// # Errors
/// The signals cannot be caught.
pub async fn until_told_to_stop() -> io::Result<&'static str> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let mut hup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = term.recv() => return Ok("SIGTERM"),
            _ = int.recv() => return Ok("SIGINT"),
            _ = hup.recv() => {
                tracing::warn!("SIGHUP ignored: this version reads its files at start only; restart it to read them again");
            }
        }
    }
}
