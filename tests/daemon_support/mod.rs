//! What the daemon's tests share: simulated machines behind real telnet ports in this process,
//! a home directory that names them, and the built `clusterd` as a child process.
//!
//! Nothing here sleeps for a guessed time: it looks until something is there, with a generous
//! limit.
#![allow(dead_code, reason = "not every test file needs all of it")]

pub mod secrets;
pub mod visitor;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use clusterd::clock::Moment;
use clusterd::sim::serve::{ServeSpec, SimHandle, serve};
use clusterd::sim::{AfterPanic, NodeSpec, Times};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Nothing here takes longer on a busy machine of two cores.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Between two looks at something that cannot be waited for.
const LOOK: Duration = Duration::from_millis(10);

/// A moment before the next look.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing tells of a file's growth"
)]
fn look_again() {
    std::thread::sleep(LOOK);
}

/// Looks until `there` has something to give.
pub fn until<T>(what: &str, there: impl FnMut() -> Option<T>) -> T {
    let found = found(there);
    found.unwrap_or_else(|| panic!("{what} did not come within {LIMIT:?}"))
}

/// The same; `None` when it did not come.
pub fn found<T>(mut there: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = there() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        look_again();
    }
}

/// Two simulated machines on one disk; alpha was booted, beta waits at its prompt.
pub struct Pair {
    pub sim: SimHandle,
    /// The Host ID of alpha; beta has the next one.
    host_id: u32,
    _runtime: tokio::runtime::Runtime,
}

impl Pair {
    pub fn at_prompt() -> Pair {
        Pair::numbered(0)
    }

    /// One of several pairs in one home: each has Host IDs and a service address of its own.
    fn numbered(number: u8) -> Pair {
        let host_id = 0x80b1_0001 + 2 * u32::from(number);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let node = |name, id| NodeSpec {
            after_panic: AfterPanic::Stay,
            ..NodeSpec::sun(name, id).with_times(Times::QUICK)
        };
        let nodes = vec![node("alpha", host_id), node("beta", host_id + 1)];
        let sim = runtime
            .block_on(serve(ServeSpec {
                service: Some(SocketAddr::from(([127, 0, 0, 1 + number], 0))),
                ..ServeSpec::on_loopback(nodes)
            }))
            .unwrap();
        sim.start();
        for node in 0..2 {
            until("the prompt", || {
                let said = sim.transcript(node).output(Moment::ZERO);
                said.ends_with("ok ").then_some(())
            });
        }
        Pair {
            sim,
            host_id,
            _runtime: runtime,
        }
    }

    pub fn running() -> Pair {
        Pair::at_prompt().booted()
    }

    /// So many pairs, all running.
    pub fn several(count: u8) -> Vec<Pair> {
        (0..count)
            .map(|number| Pair::numbered(number).booted())
            .collect()
    }

    fn booted(self) -> Pair {
        let pair = self;
        pair.sim
            .order(|rig, now| rig.operator_types(0, b"boot disk\r", now));
        until("the service", || pair.sim.snapshot().serving.then_some(()));
        pair
    }

    pub fn boots(&self) -> Vec<String> {
        let disk = self.sim.snapshot().disk;
        disk.boot_order().into_iter().map(str::to_owned).collect()
    }

    /// The shared disk's own record.
    pub fn never_two_writers(&self) {
        let found = self.sim.snapshot().disk.violations();
        // `.ci/run` runs nothing a second time that has said these two words.
        assert_eq!(found, 0, "NEVER TWO: writes beside another writer");
    }
}

/// A home directory.
pub struct Home {
    pub dir: TempDir,
}

impl Home {
    /// With the shipped scripts and no cluster.
    pub fn empty() -> Home {
        let home = Home {
            dir: TempDir::new().unwrap(),
        };
        fs::create_dir_all(home.path("clist")).unwrap();
        fs::create_dir_all(home.path("chat-scripts/lib")).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("chat-scripts");
        for script in [
            "sun-openboot.chat",
            "lib/openboot.chat",
            "lib/openbios.chat",
        ] {
            fs::copy(shipped.join(script), home.path("chat-scripts").join(script)).unwrap();
        }
        home
    }

    /// That guards the pair as cluster `pair`, quicker than real machines.
    pub fn of(pair: &Pair) -> Home {
        Home::with(pair, "data_policy: adaptability")
    }

    /// The same, with these lines of the package.
    pub fn with(pair: &Pair, lines: &str) -> Home {
        let home = Home::empty();
        home.write_cluster("pair", pair, lines);
        home
    }

    pub fn write_cluster(&self, name: &str, pair: &Pair, lines: &str) {
        let mut text = format!("cluster: {name}\nnodes:\n");
        let named = [("alpha", pair.host_id), ("beta", pair.host_id + 1)];
        for ((node, id), console) in named.iter().zip(pair.sim.consoles()) {
            writeln!(
                text,
                "  {node}: {{ platform: openboot, console: \"telnet://{console}\", host_id: \"{id:08x}\", dark_after: 30s }}"
            )
            .unwrap();
        }
        let service = pair.sim.service().unwrap();
        write!(
            text,
            "packages:\n  svc:\n    script: sun-openboot\n    nodes: [alpha, beta]\n    boot_device: disk\n    \
             address: {}\n    reach: tcp:{}\n    {lines}\n    params: {{ ping_every: 200ms, ask_limit: 1s, ask_every: 2s, \
             load_limit: 20s, dark_limit: 5s }}\n",
            service.ip(),
            service.port()
        )
        .unwrap();
        fs::write(self.path(&format!("clist/{name}.yaml")), text).unwrap();
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// A file's text; empty as long as there is none.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub fn activity(&self) -> String {
        self.read("logs/pair/activity.log")
    }

    /// Runs a command on this home to its end.
    pub fn clusterd(&self, args: &[&str]) -> Output {
        command(args)
            .env("CLUSTER_HOME", self.dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a command at a terminal, where these lines are typed; gives its end and what the
    /// terminal showed.
    pub fn at_terminal(&self, args: &[&str], lines: &[&str]) -> (std::process::ExitStatus, String) {
        let pty = openpty(None, None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut child = command(args)
            .env("CLUSTER_HOME", self.dir.path())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        drop(pty.slave);
        let mut terminal = fs::File::from(pty.master);
        for line in lines {
            // The terminal keeps it until it is read.
            writeln!(terminal, "{line}").unwrap();
        }
        let mut shown = Vec::new();
        // A terminal whose last user has gone is an error (EIO), and the end.
        let _ = terminal.read_to_end(&mut shown);
        let status = child.wait().unwrap();
        (status, String::from_utf8_lossy(&shown).replace('\r', ""))
    }

    /// The report of `status --json`.
    pub fn status(&self) -> Value {
        let output = self.clusterd(&["status", "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Codes of the open alarms.
    pub fn alarms(&self) -> Vec<String> {
        let status = self.status();
        let alarms = status["alarms"].as_array().unwrap().iter();
        alarms
            .map(|alarm| alarm["code"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Says one line to the control socket and gives the answer.
    pub fn say(&self, line: &str) -> Value {
        let mut stream = UnixStream::connect(self.path("clusterd.sock")).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        stream.write_all(b"\n").unwrap();
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).unwrap();
        serde_json::from_str(&reply).unwrap()
    }

    pub fn ask(&self, ask: &Value) -> Value {
        self.say(&json!({ "v": 1, "ask": ask }).to_string())
    }

    /// The daemon on this home, answering.
    pub fn run(&self) -> Daemon<'_> {
        self.run_with(&[])
    }

    /// The same, with these in its environment.
    pub fn run_with(&self, env: &[(&str, &str)]) -> Daemon<'_> {
        let child = command(&["run"])
            .env("CLUSTER_HOME", self.dir.path())
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut daemon = Daemon {
            home: self,
            child,
            from: 0,
        };
        until("the control socket", || {
            if let Some(status) = daemon.child.try_wait().unwrap() {
                panic!("clusterd ended at once: {status}");
            }
            UnixStream::connect(self.path("clusterd.sock"))
                .ok()
                .map(drop)
        });
        daemon
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clusterd"));
    command
        .args(args)
        .env_remove("NOTIFY_SOCKET")
        .env("COLUMNS", "100");
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running daemon; it is killed when the test is over.
pub struct Daemon<'a> {
    pub home: &'a Home,
    pub child: Child,
    /// How much of the activity log was seen.
    from: usize,
}

impl Daemon<'_> {
    /// Waits for a line of the activity log, after the last one waited for, that holds `text`;
    /// gives the line.
    pub fn line(&mut self, text: &str) -> String {
        let home = self.home;
        let from = self.from;
        let found = || {
            let log = home.activity();
            let rest = log.get(from..)?;
            let at = rest.find(text)?;
            let end = at + rest[at..].find('\n')?;
            let start = rest[..at].rfind('\n').map_or(0, |newline| newline + 1);
            Some((from + end + 1, rest[start..end].to_owned()))
        };
        let end = Instant::now() + LIMIT;
        loop {
            if let Some((seen, line)) = found() {
                self.from = seen;
                return line;
            }
            assert!(
                Instant::now() < end,
                "no line with {text:?} came; the log says:\n{}\n{}",
                home.activity(),
                home.read("logs/clusterd.log")
            );
            look_again();
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// SIGTERM, and its end.
    pub fn stop(mut self) -> std::process::ExitStatus {
        self.signal(Signal::SIGTERM);
        until("the end after SIGTERM", || self.child.try_wait().unwrap())
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
