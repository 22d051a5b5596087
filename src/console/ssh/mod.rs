//! A console behind an SSH server: its shell, or a command there.
//!
//! ```text
//!  wire::reach ─► TCP ─► leash ─► session (a task of russh's) ─► known_hosts ─► login ─► channel
//!                          ▲                                                               │
//!                          └────────── dropping the stream closes the socket ◄─── stream ◄─┘
//! ```
//!
//! All that names the SSH library stands in this folder: its interface moves with every version.

mod algorithms;
mod known_hosts;
mod leash;
mod login;
mod stream;
mod turns;
mod words;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use russh::client::{self, DisconnectReason, GexParams, Handle, Handler, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, SshId};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::LinkSettings;
use super::wire::{self, Wire};
use crate::clock::Span;
use crate::config::console::SshLogin;

use known_hosts::KnownHosts;
use stream::{Ending, Parts, SshStream};
use words::{Failure, Stage, of_lost};

/// What the server may send before we have read it, bytes.
const WINDOW: u32 = 64 << 10;

/// Packets that wait to be read; the session takes nothing more off the wire while they do.
const WAITING: usize = 8;

/// The most that comes over the channel before the server has said that the command runs.
const EARLY: usize = 16;

/// The terminal that is asked for; its size is that of a console.
const TERMINAL: (&str, u32, u32) = ("vt100", 80, 24);

/// Connects, logs in, and opens the channel.
pub(super) async fn dial(
    (user, host, port): (&str, &str, u16),
    login: &SshLogin,
    settings: &LinkSettings,
    deadline: Instant,
) -> Result<Wire, String> {
    let known = KnownHosts::new(&login.known_hosts, host, port, login.accept_new);
    let server = format!("{}:{port}", host.to_ascii_lowercase());
    let Ok(_turn) = timeout_at(deadline, turns::turn(&server)).await else {
        return Err(format!(
            "{} logins at {server} are under way, and none ended within {}",
            turns::AT_ONCE,
            Span(settings.connect_timeout)
        ));
    };
    let (socket, peer) = wire::reach(host, port, settings, deadline).await?;
    let mut dialling = Dialling {
        user,
        login,
        settings,
        peer: &peer,
        known,
        ending: Ending::default(),
        stage: Stage::Keys,
    };
    let opened = timeout_at(deadline, dialling.open(socket)).await;
    match opened {
        Ok(Ok(stream)) => Ok(Wire::new(stream, peer)),
        Ok(Err(failure)) => Err(dialling.why(failure)),
        Err(_) => Err(format!(
            "{peer} accepted the connection, but {} did not end within {}",
            dialling.stage,
            Span(settings.connect_timeout)
        )),
    }
}

/// Whether a key file can be used; if not, why, and the mend.
///
/// # Errors
/// It cannot.
pub fn check_key(path: &Path) -> Result<(), String> {
    login::private_key(path).map(drop)
}

/// Runs what waits for a disk on a thread where that does no harm.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| Failure::Told(format!("a task in this program has failed: {error}")))
}

/// A connection that is being made.
struct Dialling<'a> {
    user: &'a str,
    login: &'a SshLogin,
    settings: &'a LinkSettings,
    peer: &'a str,
    known: KnownHosts,
    ending: Ending,
    stage: Stage,
}

impl Dialling<'_> {
    async fn open(&mut self, socket: TcpStream) -> Result<SshStream, Failure> {
        let known = self.known.clone();
        let kinds = aside(move || known.kinds()).await?.map_err(Failure::Told)?;
        let config = Arc::new(self.config(&kinds)?);
        let watch = Watch {
            known: self.known.clone(),
            peer: self.peer.to_owned(),
            trusted: None,
            ending: self.ending.clone(),
        };
        let (leash, led) = leash::leash(socket);
        let mut handle = client::connect_stream(config, led, watch).await?;
        self.stage = Stage::Login;
        login::log_in(&mut handle, self.user, self.login).await?;
        self.stage = Stage::Channel;
        let (channel, early) = self.start(&handle).await?;
        let parts = Parts {
            what: self.what(),
            peer: self.peer.to_owned(),
            ending: self.ending.clone(),
            patience: self.settings.keepalive_idle + self.settings.user_timeout,
            leash,
            early,
        };
        Ok(SshStream::new(channel, parts))
    }

    fn config(&self, kinds: &[String]) -> Result<client::Config, Failure> {
        let id = concat!("SSH-2.0-clusterd_", env!("CARGO_PKG_VERSION"));
        Ok(client::Config {
            client_id: SshId::Standard(Cow::Borrowed(id)),
            window_size: WINDOW,
            channel_buffer_size: WAITING,
            preferred: algorithms::offered(self.login.legacy, kinds),
            // 2048 bits are the least that is held to be safe; 8192 take an old server seconds.
            gex: GexParams::new(2048, 3072, 8192)?,
            // Every question is answered or not; how long that may take is the stream's to say.
            keepalive_interval: Some(self.settings.keepalive_idle),
            keepalive_max: 0,
            ..client::Config::default()
        })
    }

    fn what(&self) -> &'static str {
        match self.login.command {
            Some(_) => "the command",
            None => "the shell",
        }
    }

    /// Opens the channel, asks for a terminal, and starts what is to run there.
    async fn start(
        &mut self,
        handle: &Handle<Watch>,
    ) -> Result<(Channel<client::Msg>, Vec<ChannelMsg>), Failure> {
        let mut channel = handle.channel_open_session().await?;
        let mut early = Vec::new();
        if self.login.pty {
            self.stage = Stage::Terminal;
            let (name, columns, lines) = TERMINAL;
            let asked = channel.request_pty(true, name, columns, lines, 0, 0, &[]);
            asked.await?;
            if !granted(&mut channel, &mut early).await? {
                return Err(Failure::NoTerminal);
            }
        }
        self.stage = Stage::Start;
        match &self.login.command {
            Some(command) => channel.exec(true, command.as_str()).await?,
            None => channel.request_shell(true).await?,
        }
        match granted(&mut channel, &mut early).await? {
            true => Ok((channel, early)),
            false => Err(Failure::NotStarted(self.what())),
        }
    }

    fn why(&self, failure: Failure) -> String {
        failure.words(self.peer, self.stage, self.login, self.ending.get())
    }
}

/// Whether the server does what it was asked for. What else it says meanwhile is kept.
async fn granted(
    channel: &mut Channel<client::Msg>,
    early: &mut Vec<ChannelMsg>,
) -> Result<bool, Failure> {
    while early.len() < EARLY {
        match channel.wait().await {
            Some(ChannelMsg::Success) => return Ok(true),
            Some(ChannelMsg::Failure) => return Ok(false),
            Some(ChannelMsg::Close) | None => break,
            Some(message) => early.push(message),
        }
    }
    Err(Failure::Ssh(russh::Error::Disconnect))
}

/// What the session tells of the server while it runs.
struct Watch {
    known: KnownHosts,
    peer: String,
    /// The key that it showed first: it is the same one whenever keys are exchanged anew.
    trusted: Option<PublicKey>,
    ending: Ending,
}

impl Handler for Watch {
    type Error = Failure;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Failure> {
        let shown = shown.public_key();
        if let Some(trusted) = &self.trusted {
            return Ok(trusted.key_data() == shown.key_data());
        }
        let (known, peer, key) = (self.known.clone(), self.peer.clone(), shown.clone());
        aside(move || known.check(&peer, &key))
            .await?
            .map_err(Failure::Told)?;
        self.trusted = Some(shown);
        Ok(true)
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), Failure> {
        tracing::debug!(peer = self.peer, "says before the login: {banner:?}");
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Failure>) -> Result<(), Failure> {
        self.ending.set(of_lost(&self.peer, reason));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
