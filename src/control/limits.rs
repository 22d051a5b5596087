//! Limits of the control socket.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::protocol::Ask;

/// Longest request, in bytes.
pub const REQUEST: u64 = 64 << 10;
/// Longest reply, in bytes: the status of some hundred clusters.
pub(super) const REPLY: u64 = 16 << 20;
/// Connections at once, half of them for one user; the next ones are told so and closed.
pub(super) const CONNECTIONS: usize = 32;
/// Of those that are told so, at once; more are closed without a word.
pub(super) const TURNED_AWAY: usize = 32;
/// Visits to consoles at once, half of them for one user.
pub(super) const VISITS: usize = 256;
/// People's questions to power legs at once, half of them one user's.
pub(super) const POWER_QUESTIONS: usize = 8;
/// How long a connection may say nothing.
pub(super) const IDLE: Duration = Duration::from_secs(30);
/// How long a client that is refused may take to ask.
pub(super) const HASTE: Duration = Duration::from_secs(2);
/// How long the daemon may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// How much longer than [`answer`] a client waits for the reply.
const ON_ITS_WAY: Duration = Duration::from_secs(5);
/// How long a client waits for a reply: longer than [`ANSWER`].
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// How long the daemon may take to try a route: two messages of the slowest that is sensible.
const TRIAL: Duration = Duration::from_secs(60);

/// How long the daemon waits for something to happen, at the most, before it answers that nothing did.
pub const EVENTS_WAIT: Duration = Duration::from_secs(10);

/// How long power legs may take to say their state to a person.
pub const POWER_STATUS: Duration = Duration::from_secs(60);

/// How long the daemon may take to answer this.
pub(super) fn answer(ask: &Ask) -> Duration {
    match ask {
        Ask::Events(asked) => Duration::from_millis(asked.wait_ms).min(EVENTS_WAIT) + ANSWER,
        Ask::TestRoute { .. } => TRIAL,
        Ask::PowerStatus { .. } => POWER_STATUS + ANSWER,
        _ => ANSWER,
    }
}

/// How long a client waits for the reply to this: longer than [`answer`].
pub(super) fn patience(ask: &Ask) -> Duration {
    answer(ask) + ON_ITS_WAY
}

/// One line without its newline, or `None` at the end of the stream.
///
/// # Errors
/// The stream fails, ends inside a line, or the line is longer than `limit`.
pub async fn read_line(
    from: &mut (impl AsyncBufRead + Unpin),
    limit: u64,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    from.take(limit).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the line does not end where it must",
        )),
    }
}
