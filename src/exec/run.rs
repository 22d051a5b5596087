//! One command, from start to the death of its last process.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, timeout};

/// The search path if clusterd itself was started without one.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long the output may stay open after the group is dead. Only a process that left
/// the group (`setsid`) and kept our pipe makes use of it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long a killed process may take to be gone: one that sits in a dead disk or network
/// file system is left to the kernel.
const BURIAL: Duration = Duration::from_secs(5);

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this exit code.
    Exited(i32),
    /// By this signal, not ours.
    Signalled(i32),
    /// Killed by us, at its deadline.
    TimedOut,
    /// Not at all: what the system said.
    CouldNotStart(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Exited(code) => write!(f, "exit code {code}"),
            Outcome::Signalled(number) => write!(f, "killed by signal {number}"),
            Outcome::TimedOut => f.write_str("no end within its time"),
            Outcome::CouldNotStart(why) => write!(f, "cannot be started: {why}"),
        }
    }
}

/// What a command wrote to one of its outputs: the beginning, or of [`run_to_tail`] the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// At most as many bytes as were asked for; from outside, so fit for no terminal.
    pub bytes: Vec<u8>,
    /// Bytes beyond that, read and thrown away.
    pub lost: u64,
}

/// A command that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
    /// From start to end.
    pub took: Duration,
}

impl Finished {
    /// Whether it ended by itself with exit code 0.
    pub fn succeeded(&self) -> bool {
        self.outcome == Outcome::Exited(0)
    }
}

/// Runs `argv` without a shell and waits for its end, at most `within`.
///
/// The program is looked up in our own `PATH`. Its environment is that `PATH`, `LANG=C`
/// and `env`, nothing else; its standard input is empty. It is a process group of its own:
/// at the deadline, when it ends, and when this future is dropped, all that is left of the
/// group is killed, so nothing of a command outlives it but what left the group with
/// `setsid`. Of each output the first `output_limit` bytes are kept and the rest is read
/// away, so that no command hangs on a full pipe.
pub async fn run(
    argv: &[String],
    env: &[(String, String)],
    within: Duration,
    output_limit: usize,
) -> Finished {
    run_with_input(argv, env, &[], within, output_limit).await
}

/// The same, with this on the standard input. A command that does not read all of it loses
/// the rest.
pub async fn run_with_input(
    argv: &[String],
    env: &[(String, String)],
    input: &[u8],
    within: Duration,
    output_limit: usize,
) -> Finished {
    let keep = Keep::First(output_limit);
    run_keeping(argv, env, input, within, keep).await
}

/// The same as [`run`], but of each output the last `output_limit` bytes are kept: why a command
/// failed stands at its end.
pub async fn run_to_tail(
    argv: &[String],
    env: &[(String, String)],
    within: Duration,
    output_limit: usize,
) -> Finished {
    let keep = Keep::Last(output_limit);
    run_keeping(argv, env, &[], within, keep).await
}

/// Which bytes of an output are kept.
#[derive(Clone, Copy)]
enum Keep {
    First(usize),
    Last(usize),
}

async fn run_keeping(
    argv: &[String],
    env: &[(String, String)],
    input: &[u8],
    within: Duration,
    keep: Keep,
) -> Finished {
    let start = Instant::now();
    let stdin = match input {
        [] => Stdio::null(),
        _ => Stdio::piped(),
    };
    let mut group = match Group::start(argv, env, stdin) {
        Ok(group) => group,
        Err(why) => {
            return Finished {
                outcome: Outcome::CouldNotStart(why),
                stdout: Captured::default(),
                stderr: Captured::default(),
                took: start.elapsed(),
            };
        }
    };
    let (mut stdout, mut stderr) = (Captured::default(), Captured::default());
    let (out, err) = (group.child.stdout.take(), group.child.stderr.take());
    let stdin = group.child.stdin.take();
    let outcome = {
        let reading = async {
            tokio::join!(
                feed(stdin, input),
                capture(out, &mut stdout, keep),
                capture(err, &mut stderr, keep)
            );
        };
        tokio::pin!(reading);
        let ended = timeout(within, ended_but_unburied(group.leader));
        tokio::pin!(ended);
        // Output is read while we wait for the end; it may close long before it.
        let mut closed = false;
        let by_itself = loop {
            tokio::select! {
                ended = &mut ended => break ended.is_ok_and(|known| known),
                () = &mut reading, if !closed => closed = true,
            }
        };
        let outcome = group.bury(by_itself).await;
        if !closed {
            // What is still in the pipes is the command's last words.
            let _ = timeout(LAST_WORDS, reading).await;
        }
        outcome
    };
    Finished {
        outcome,
        stdout,
        stderr,
        took: start.elapsed(),
    }
}

/// A running command and all that it started. Its leader stays unburied (a zombie at
/// most) for as long as we may want to signal the group: until then the kernel gives its
/// number to nobody else.
struct Group {
    leader: Pid,
    child: Child,
    buried: bool,
}

impl Group {
    fn start(argv: &[String], env: &[(String, String)], stdin: Stdio) -> Result<Group, String> {
        let (program, arguments) = argv.split_first().ok_or("the command is empty")?;
        let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("LANG", "C")
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|err| format!("{program}: {err}"))?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        let leader = leader.expect("a child that nobody waited for has its pid");
        Ok(Group {
            leader: Pid::from_raw(leader),
            child,
            buried: false,
        })
    }

    /// Kills what is left of the group and takes the leader's status.
    async fn bury(&mut self, by_itself: bool) -> Outcome {
        self.kill();
        let Ok(Ok(status)) = timeout(BURIAL, self.child.wait()).await else {
            return Outcome::TimedOut;
        };
        self.buried = true;
        if !by_itself {
            return Outcome::TimedOut;
        }
        match (status.code(), status.signal()) {
            (Some(code), _) => Outcome::Exited(code),
            (None, signal) => Outcome::Signalled(signal.unwrap_or(0)),
        }
    }

    fn kill(&self) {
        // ESRCH: nobody is left.
        let _ = killpg(self.leader, Signal::SIGKILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.buried {
            self.kill();
        }
    }
}

/// Waits until the process is dead and leaves it unburied; false if that cannot be known.
async fn ended_but_unburied(leader: Pid) -> bool {
    let waiting = tokio::task::spawn_blocking(move || {
        loop {
            match waitid(Id::Pid(leader), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Err(Errno::EINTR) => {}
                status => return status.is_ok(),
            }
        }
    });
    waiting.await.unwrap_or(false)
}

async fn feed(into: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut into) = into {
        // EPIPE: it reads no more. The end of `into` is the end of its input.
        let _ = into.write_all(input).await;
    }
}

async fn capture(from: Option<impl AsyncRead + Unpin>, into: &mut Captured, keep: Keep) {
    let Some(mut from) = from else { return };
    let mut chunk = vec![0; 8192];
    // An error ends the output as its end does.
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        let lost = match keep {
            Keep::First(limit) => {
                let kept = count.min(limit - into.bytes.len());
                into.bytes.extend_from_slice(&chunk[..kept]);
                count - kept
            }
            Keep::Last(limit) => {
                into.bytes.extend_from_slice(&chunk[..count]);
                let over = into.bytes.len().saturating_sub(limit);
                into.bytes.drain(..over);
                over
            }
        };
        into.lost += u64::try_from(lost).unwrap_or(u64::MAX);
    }
}
