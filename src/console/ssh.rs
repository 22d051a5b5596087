//! A console behind an SSH server.

use tokio::time::Instant;

use super::LinkSettings;
use super::wire::Wire;
use crate::config::console::SshLogin;

/// Connects, logs in, and opens the channel.
#[expect(clippy::unused_async)]
pub(super) async fn dial(
    (user, host, port): (&str, &str, u16),
    _login: &SshLogin,
    _settings: &LinkSettings,
    _deadline: Instant,
) -> Result<Wire, String> {
    Err(format!("ssh://{user}@{host}:{port} cannot be opened yet"))
}
