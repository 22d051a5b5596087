//! How a message travels: one file a way. Each try has an end, and what went wrong is said in a line
//! without secrets.

pub(super) mod exec;
pub(super) mod http;
mod journald;
mod mail;
mod syslog;
pub(super) mod trust;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::message::Message;
use crate::clock::Span;
use crate::config::route::{Route, Transport};
use crate::scribe::one_line;
use crate::secret::{self as secrets, Secret};

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody took it, and it may be taken later.
    Unreachable(String),
    /// The other side, or this one, says that it is no good.
    Refused(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Unreachable(why) | Trouble::Refused(why) => f.write_str(why),
        }
    }
}

/// One way out, ready to be used.
#[derive(Clone, Debug)]
pub(super) struct Carrier {
    by: Transport,
    route: String,
    within: Duration,
    home: PathBuf,
    host: String,
}

impl Carrier {
    pub fn new(route: &Route, home: &Path, host: &str) -> Carrier {
        Carrier {
            by: route.by.clone(),
            route: route.name.clone(),
            within: route.timeout,
            home: home.to_owned(),
            host: host.to_owned(),
        }
    }

    /// Tries once; gives what the other side said.
    pub async fn carry(&self, message: &Message, id: u64) -> Result<String, Trouble> {
        let carried = async {
            match &self.by {
                Transport::Mail(mail) => mail::send(mail, self, message, id).await,
                Transport::Webhook(hook) => http::post(hook, self, message, id).await,
                Transport::Syslog(to) => syslog::send(to, self, message, id).await,
                Transport::Journald { socket } => {
                    let socket = self.home.join(socket);
                    journald::send(&socket, self, message, id).await
                }
                Transport::Exec(argv) => exec::send(argv, self, message, id).await,
            }
        };
        // Each has its own end within this one; a command is killed at its deadline and then buried.
        let end = self.within + Duration::from_secs(6);
        let carried = match timeout(end, carried).await {
            Ok(carried) => carried,
            Err(_) => Err(late(self.within)),
        };
        carried
            .map(|said| short(&said))
            .map_err(|trouble| match trouble {
                Trouble::Unreachable(why) => Trouble::Unreachable(short(&why)),
                Trouble::Refused(why) => Trouble::Refused(short(&why)),
            })
    }
}

fn late(within: Duration) -> Trouble {
    Trouble::Unreachable(format!("no answer within {}", Span(within)))
}

/// One line, fit for a terminal.
fn short(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The one line of a file that holds a secret. It is read each time: a new password needs no restart.
fn secret(home: &Path, file: &str) -> Result<zeroize::Zeroizing<String>, Trouble> {
    let path = secrets::place(home, file);
    let read = Secret::read(&path).and_then(|secret| secret.line().map(str::to_owned));
    read.map(zeroize::Zeroizing::new).map_err(|fault| {
        let help = fault.help(&path);
        Trouble::Unreachable(format!("the secret in {}: {fault}: {help}", path.display()))
    })
}

/// This machine's name.
pub(super) fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let name: String = name.trim().chars().filter(|c| good(*c)).take(200).collect();
    match name.is_empty() {
        true => "localhost".to_owned(),
        false => name,
    }
}

/// A command whose program, if it is a path, is taken from the home directory.
pub(super) fn in_home(argv: &[String], home: &Path) -> Vec<String> {
    let mut argv = argv.to_vec();
    if let Some(program) = argv.first_mut()
        && program.contains('/')
    {
        *program = home.join(&*program).to_string_lossy().into_owned();
    }
    argv
}
