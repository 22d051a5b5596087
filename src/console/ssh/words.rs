//! Why a console behind SSH cannot be opened, or is lost, in words for an operator.

use std::fmt;
use std::io::ErrorKind;

use russh::client::DisconnectReason;
use russh::{AlgorithmKind, Error};

use crate::config::console::SshLogin;
use crate::console::wire;

/// The most of a server's own words that is told, characters.
const QUOTED: usize = 200;

/// What is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Keys,
    Login,
    Channel,
    Terminal,
    Start,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Keys => "the exchange of keys",
            Stage::Login => "the login",
            Stage::Channel => "opening a session",
            Stage::Terminal => "asking for a terminal",
            Stage::Start => "starting the console",
        })
    }
}

/// Why a console cannot be opened.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is said already.
    Told(String),
    /// No way to log in was left.
    Refused {
        user: String,
        tried: Vec<String>,
        /// What is configured and the server does not take.
        untried: Vec<String>,
        offered: Vec<&'static str>,
    },
    NoTerminal,
    /// Neither shell nor command.
    NotStarted(&'static str),
    Ssh(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Ssh(error)
    }
}

impl Failure {
    /// The words. `ending` is why the connection ended meanwhile, if it did.
    pub(super) fn words(
        self,
        peer: &str,
        stage: Stage,
        login: &SshLogin,
        ending: Option<String>,
    ) -> String {
        match self {
            Failure::Told(why) => why,
            Failure::Refused {
                user,
                tried,
                untried,
                offered,
            } => {
                let tried = match (tried.as_slice(), untried.as_slice()) {
                    ([], []) => "nothing is said of how to log in".to_owned(),
                    ([], untried) => format!("it does not take the {}", untried.join(", ")),
                    (tried, _) => format!("tried: {}", tried.join(", ")),
                };
                let offered = match offered.as_slice() {
                    [] => String::new(),
                    offered => format!("; the server takes {}", offered.join(", ")),
                };
                let ending = ending.map_or_else(String::new, |why| format!("; {why}"));
                format!("login refused by {peer} for {user}: {tried}{offered}{ending}")
            }
            Failure::NoTerminal => format!(
                "{peer} refuses a terminal: write `ssh: {{ pty: no }}` if the console there needs none"
            ),
            Failure::NotStarted(what) => match &login.command {
                Some(command) => format!("{peer} refuses to run {what} {command:?}"),
                None => format!("{peer} refuses {what}: does it want a `command`?"),
            },
            Failure::Ssh(error) => match ending {
                Some(why) => format!("{why} (during {stage})"),
                None => of_error(peer, stage, login.legacy, error),
            },
        }
    }
}

fn of_error(peer: &str, stage: Stage, legacy: bool, error: Error) -> String {
    match error {
        Error::NoCommonAlgo { kind, theirs, .. } => {
            let kind = match kind {
                AlgorithmKind::Kex => "key exchange",
                AlgorithmKind::Key => "kind of host key",
                AlgorithmKind::Cipher => "cipher",
                AlgorithmKind::Compression => "compression",
                AlgorithmKind::Mac => "MAC",
            };
            let mend = match legacy {
                true => "not even an old one",
                false => "for an old server try `ssh: { legacy: yes }`",
            };
            let theirs = quoted(&theirs.join(", ")).escape_debug().to_string();
            format!("{peer} offers no {kind} that is used here: {mend}; it offers {theirs}")
        }
        Error::ChannelOpenFailure(reason) => {
            format!("{peer} refuses to open a session: {reason:?}")
        }
        Error::Version => format!("{peer} does not speak SSH version 2"),
        Error::UnknownKey => format!("{peer} shows another host key than before"),
        Error::WrongServerSig => {
            format!("{peer} does not hold the host key that it shows: its signature is wrong")
        }
        Error::IO(error) if error.kind() != ErrorKind::UnexpectedEof => wire::lost(peer, &error),
        Error::Disconnect | Error::HUP | Error::SendError | Error::RecvError | Error::IO(_) => {
            format!("{peer} closed the connection during {stage}")
        }
        error => format!("{peer}: SSH failed during {stage}: {error}"),
    }
}

/// Why a connection that was there is lost.
pub(super) fn of_lost(peer: &str, reason: DisconnectReason<Failure>) -> String {
    match reason {
        DisconnectReason::ReceivedDisconnect(said) => {
            let words = quoted(said.message.trim());
            format!("closed by {peer}, which says {words:?}")
        }
        DisconnectReason::Error(Failure::Ssh(error)) => match error {
            Error::IO(error) if error.kind() != ErrorKind::UnexpectedEof => {
                wire::lost(peer, &error)
            }
            Error::IO(_) | Error::Disconnect | Error::HUP => format!("closed by {peer}"),
            error => format!("connection to {peer} lost: {error}"),
        },
        DisconnectReason::Error(Failure::Told(why)) => why,
        DisconnectReason::Error(_) => format!("connection to {peer} lost"),
    }
}

/// A server's words, of a bounded length.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
