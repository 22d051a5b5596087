//! Telling systemd: ready, alive, stopping. Without systemd nothing is told.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use sd_notify::NotifyState;

/// Where the service manager listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// The service manager that started us, if it wants to be told.
#[derive(Debug)]
pub struct Systemd {
    way: Option<Way>,
    watchdog: bool,
    /// What found no room with the service manager, and is told with the next beat.
    owed: String,
}

/// One socket, made at the start and kept: a beat waits for nobody, and needs no file to be opened.
#[derive(Debug)]
struct Way {
    socket: UnixDatagram,
    to: SocketAddr,
}

impl Systemd {
    /// Reads what the service manager wants from the environment.
    pub fn from_env() -> Systemd {
        let way = env::var_os(SOCKET).and_then(|to| match Way::to(&to) {
            Ok(way) => Some(way),
            Err(err) => {
                tracing::warn!("the service manager cannot be told anything: {SOCKET}: {err}");
                None
            }
        });
        Systemd {
            way,
            watchdog: sd_notify::watchdog_enabled().is_some(),
            owed: String::new(),
        }
    }

    /// Nobody wants to be told.
    pub fn absent() -> Systemd {
        Systemd {
            way: None,
            watchdog: false,
            owed: String::new(),
        }
    }

    /// All clusters have their tasks, and the control socket answers.
    pub(super) fn ready(&mut self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The supervisor had a turn, and so had every cluster's task within the last ten seconds.
    pub(super) fn alive(&mut self) {
        if self.watchdog {
            self.tell(&[NotifyState::Watchdog]);
        } else if !self.owed.is_empty() {
            self.tell(&[]);
        }
    }

    /// The end has begun.
    pub(super) fn stopping(&mut self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// Tells it, and what is owed. A beat that finds no room is not owed: the next one comes in a second.
    fn tell(&mut self, state: &[NotifyState<'_>]) {
        let Some(way) = &self.way else {
            return;
        };
        let mut text = std::mem::take(&mut self.owed);
        let beats = |one: &NotifyState<'_>| matches!(one, NotifyState::Watchdog);
        for one in state.iter().filter(|one| !beats(one)) {
            // A string takes everything.
            let _ = writeln!(text, "{one}");
        }
        let lasting = text.len();
        for one in state.iter().filter(|one| beats(one)) {
            let _ = writeln!(text, "{one}");
        }
        if let Err(err) = way.socket.send_to_addr(text.as_bytes(), &way.to) {
            tracing::debug!("cannot tell the service manager: {err}");
            text.truncate(lasting);
            self.owed = text;
        }
    }
}

impl Way {
    /// To a path, or to an abstract name after an `@`.
    fn to(address: &OsStr) -> io::Result<Way> {
        let to = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            _ => return Err(ErrorKind::Unsupported.into()),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Way { socket, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_at(name: &OsStr) -> Systemd {
        Systemd {
            way: Some(Way::to(name).unwrap()),
            watchdog: true,
            owed: String::new(),
        }
    }

    fn hear(socket: &UnixDatagram) -> String {
        let mut text = [0; 200];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    /// On a thread of its own, which a socket that waits for its reader would keep for ever.
    #[test]
    fn a_socket_that_nobody_reads_keeps_nobody() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let (done, ended) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut systemd = told_at(path.as_os_str());
            (0..10_000).for_each(|_| systemd.alive());
            systemd.ready("two clusters guarded");
            done.send(systemd).unwrap();
        });
        let limit = std::time::Duration::from_secs(60);
        let mut systemd = ended.recv_timeout(limit).expect("it waits for its reader");
        socket.set_nonblocking(true).unwrap();
        while socket.recv(&mut [0; 200]).is_ok() {}
        systemd.alive();
        assert_eq!(
            hear(&socket),
            "READY=1\nSTATUS=two clusters guarded\nWATCHDOG=1\n",
            "what lasts is told when there is room"
        );
        systemd.alive();
        assert_eq!(hear(&socket), "WATCHDOG=1\n");
    }

    #[test]
    fn an_abstract_name_is_told_too() {
        let name = format!("clusterd-test-{}", std::process::id());
        let at = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&at).unwrap();
        told_at(OsStr::new(&format!("@{name}"))).stopping();
        assert_eq!(hear(&socket), "STOPPING=1\n");
    }
}
