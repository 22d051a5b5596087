//! A command on a terminal of its own, whose output is the console. It is killed with its process
//! group when the link ends, and its own end is told in its last words.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitStatus;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, User, geteuid};
use pty_process::{Command, Pty, Size};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::dialing::Turn;
use super::wire::{LastWords, Wire};

/// The search path if clusterd itself was started without one.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How much of what it said last is kept to explain its end, bytes.
const REMEMBERED: usize = 200;

/// How long a program may live on that has closed its terminal.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// How often it is looked whether it has ended by then.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Starts the command, without a shell, as the leader of a session on a terminal of 80 by 24.
/// The terminal is raw, so that nothing is repeated but by the program itself. Its environment is
/// `PATH`, `HOME`, `LANG=C` and `TERM=dumb`.
///
/// That it runs does not say that it has connected. Its first byte says so, or its end; one that says
/// nothing keeps its turn for `log_in`.
pub(super) fn dial(argv: &[String], turn: Turn, log_in: Duration) -> Result<Wire, String> {
    let (program, arguments) = argv.split_first().ok_or("the command is empty")?;
    let name = Path::new(program)
        .file_name()
        .map_or_else(|| program.clone(), |name| name.to_string_lossy().into());
    let no_terminal = |error: &dyn std::fmt::Display| format!("no terminal for {name}: {error}");
    let (pty, pts) = pty_process::open().map_err(|error| no_terminal(&error))?;
    pty.resize(Size::new(24, 80))
        .map_err(|error| no_terminal(&error))?;
    let mut modes = tcgetattr(&pts).map_err(|error| no_terminal(&error))?;
    cfmakeraw(&mut modes);
    tcsetattr(&pts, SetArg::TCSANOW, &modes).map_err(|error| no_terminal(&error))?;
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("HOME", home())
        .env("LANG", "C")
        .env("TERM", "dumb")
        .kill_on_drop(true)
        .spawn(pts)
        .map_err(|error| not_started(program, error))?;
    let leader = child.id().and_then(|id| i32::try_from(id).ok());
    let leader = leader.expect("a child that nobody waited for has its pid");
    let running = Running {
        pty,
        child,
        leader: Pid::from_raw(leader),
        buried: false,
        name: name.clone(),
        said: Vec::new(),
        connecting: Some(until_heard(turn, log_in)),
        ending: None,
    };
    Ok(Wire::new(running, name))
}

/// Keeps the turn until what is returned is dropped, for so long at most.
fn until_heard(turn: Turn, at_most: Duration) -> oneshot::Sender<()> {
    let (connecting, heard) = oneshot::channel();
    tokio::spawn(async move {
        // Either end of the wait is the end of the turn.
        let _ = timeout(at_most, heard).await;
        drop(turn);
    });
    connecting
}

fn home() -> OsString {
    let of_user = || User::from_uid(geteuid()).ok().flatten();
    std::env::var_os("HOME")
        .or_else(|| of_user().map(|user| user.dir.into_os_string()))
        .unwrap_or_else(|| "/".into())
}

fn not_started(program: &str, error: pty_process::Error) -> String {
    let shown = program.escape_debug();
    match error {
        pty_process::Error::Io(error) => match error.kind() {
            ErrorKind::NotFound => format!("cannot start {shown}: there is no such program"),
            ErrorKind::PermissionDenied => {
                format!("cannot start {shown}: this user may not execute it")
            }
            _ => format!("cannot start {shown}: {error}"),
        },
        error => format!("cannot start {shown}: {error}"),
    }
}

/// A running command and all that it started. Its leader stays unburied (a zombie at most) for as
/// long as we may want to signal the group: until then the kernel gives its number to nobody else.
struct Running {
    pty: Pty,
    child: Child,
    leader: Pid,
    buried: bool,
    name: String,
    /// The end of what it said.
    said: Vec<u8>,
    /// Dropped with the first byte: the turn of dialling is over.
    connecting: Option<oneshot::Sender<()>>,
    ending: Option<Ending>,
}

/// The terminal was closed.
struct Ending {
    since: Instant,
    again: Pin<Box<Sleep>>,
}

impl Running {
    fn note(&mut self, bytes: &[u8]) {
        self.connecting = None;
        self.said.extend_from_slice(bytes);
        let surplus = self.said.len().saturating_sub(REMEMBERED);
        self.said.drain(..surplus);
    }

    /// The last line that it said.
    fn last_words(&self) -> String {
        let said = String::from_utf8_lossy(&self.said);
        // A raw terminal's lines end in a bare CR as often as not.
        let mut lines = said.split(['\r', '\n']).map(str::trim);
        let last = lines.rfind(|line| !line.is_empty());
        last.map_or_else(
            || "it said nothing".to_owned(),
            |line| format!("last it said \"{}\"", line.escape_debug()),
        )
    }

    /// Waits for the program's end behind that of its terminal, and says how it went.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<String> {
        let ending = self.ending.get_or_insert_with(|| Ending {
            since: Instant::now(),
            again: Box::pin(sleep(LOOK_AGAIN)),
        });
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while let Ok(WaitStatus::StillAlive) = waitid(Id::Pid(self.leader), look) {
            if ending.since.elapsed() >= LAST_BREATH {
                let last = self.last_words();
                return Poll::Ready(format!("{} closed its terminal; {last}", self.name));
            }
            ready!(ending.again.as_mut().poll(context));
            ending.again = Box::pin(sleep(LOOK_AGAIN));
        }
        self.kill();
        let end = match self.child.try_wait() {
            Ok(Some(status)) => {
                self.buried = true;
                how(status)
            }
            Ok(None) | Err(_) => "ended".to_owned(),
        };
        Poll::Ready(format!("{} {end}; {}", self.name, self.last_words()))
    }

    fn kill(&self) {
        // ESRCH: nobody is left.
        let _ = killpg(self.leader, Signal::SIGKILL);
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, signal) => format!("was killed by signal {}", signal.unwrap_or(0)),
    }
}

impl Drop for Running {
    /// At once and not politely: what it has read and not yet passed on was meant for this link.
    fn drop(&mut self) {
        if !self.buried {
            self.kill();
        }
    }
}

impl AsyncRead for Running {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.ending.is_none() {
            let before = buffer.filled().len();
            let read = ready!(Pin::new(&mut this.pty).poll_read(context, buffer));
            let fresh = &buffer.filled()[before..];
            if read.is_ok() && !fresh.is_empty() {
                this.note(fresh);
                return Poll::Ready(Ok(()));
            }
            // A terminal that nobody has open any more answers EIO.
        }
        let why = ready!(this.poll_end(context));
        Poll::Ready(Err(LastWords(why).into()))
    }
}

impl AsyncWrite for Running {
    /// A program that reads nothing is waited for here and nowhere else; one that has ended is
    /// told by the reading side, with its last words.
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.pty).poll_write(context, bytes)) {
            Ok(count) => Poll::Ready(Ok(count)),
            Err(_) => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
