//! `init.d/clusterd` against the real daemon: what LSB asks of start, stop and status, and
//! what an operator sees when a start fails.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A home with one good cluster, and the script's settings for it. What was started is
/// ended with it.
struct Host {
    folder: tempfile::TempDir,
    script: PathBuf,
    /// Both consoles: ports that take connections and say nothing.
    _consoles: [TcpListener; 2],
}

impl Host {
    fn new() -> Host {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        copy(
            &Path::new(ROOT).join("chat-scripts"),
            &home.join("chat-scripts"),
        );
        fs::create_dir(home.join("clist")).unwrap();
        let consoles = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [a, b] = [0, 1].map(|n: usize| consoles[n].local_addr().unwrap());
        let cluster = format!(
            "cluster: quiet\n\
             nodes:\n  \
               alpha: {{ platform: openboot, console: \"telnet://{a}\", dark_after: 5m }}\n  \
               beta: {{ platform: openboot, console: \"telnet://{b}\", dark_after: 5m }}\n\
             witnesses: {{ service: [127.0.0.1] }}\n\
             packages:\n  \
               ca: {{ script: sun-openboot, nodes: [alpha, beta], boot_device: disk, \
               address: 127.0.0.77, data_policy: integrity }}\n"
        );
        fs::write(home.join("clist/quiet.yaml"), cluster).unwrap();
        let host = Host {
            script: Path::new(ROOT).join("init.d/clusterd"),
            folder,
            _consoles: consoles,
        };
        host.settings(env!("CARGO_BIN_EXE_clusterd"), &home);
        host
    }

    fn settings(&self, program: &str, home: &Path) {
        let text = format!(
            "CLUSTER_HOME='{}'\nCLUSTERD='{program}'\nPIDFILE='{}'\n",
            home.display(),
            self.pidfile().display()
        );
        fs::write(self.folder.path().join("default"), text).unwrap();
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn pidfile(&self) -> PathBuf {
        self.folder.path().join("clusterd.pid")
    }

    fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.pidfile()).ok()?;
        text.trim().parse().ok().map(Pid::from_raw)
    }

    /// Runs the script with one argument: its exit code and all that it printed.
    fn script(&self, argument: &str) -> (i32, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new("sh")
            .arg(&self.script)
            .arg(argument)
            .env("CLUSTERD_DEFAULTS", self.folder.path().join("default"))
            .env_remove("CLUSTER_HOME")
            .output()
            .unwrap();
        let text = String::from_utf8([stdout, stderr].concat()).unwrap();
        (status.code().unwrap(), text)
    }

    /// Runs the script and demands an exit code; gives what it printed.
    fn expect(&self, argument: &str, code: i32) -> String {
        let (found, text) = self.script(argument);
        assert_eq!(found, code, "{argument}: {text}");
        text
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            // Gone already, in most tests.
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Waits until a process that is nobody's child here has ended: on a busy machine it lives on for a
/// moment after its SIGKILL.
#[expect(
    clippy::disallowed_methods,
    reason = "only its parent is told of its end"
)]
fn wait_for_end(pid: Pid) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        if state.is_empty() || state.starts_with(['Z', 'X']) {
            return;
        }
        assert!(Instant::now() < end, "{pid} did not end: {stat}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn start_returns_when_the_daemon_answers_and_stop_when_it_has_ended() {
    let host = Host::new();
    assert!(host.expect("status", 3).contains("does not run"));
    assert!(host.expect("start", 0).contains("runs, pid"));
    assert!(host.expect("status", 0).contains("quiet"));
    let pid = host.pid().unwrap();
    assert!(
        host.expect("start", 0)
            .contains(&format!("runs already, pid {pid}"))
    );
    host.expect("restart", 0);
    assert_ne!(host.pid(), Some(pid));
    assert!(host.expect("stop", 0).contains("stopped"));
    host.expect("status", 3);
    host.expect("stop", 0);
}

#[test]
fn a_killed_daemon_leaves_its_pid_file_and_starts_again() {
    let host = Host::new();
    host.expect("start", 0);
    let pid = host.pid().unwrap();
    kill(pid, Signal::SIGKILL).unwrap();
    wait_for_end(pid);
    assert!(host.expect("status", 1).contains("dead"));
    host.expect("start", 0);
    host.expect("status", 0);
    host.expect("stop", 0);
}

#[test]
fn a_faulty_cluster_is_told_and_the_others_are_guarded() {
    let host = Host::new();
    fs::write(host.home().join("clist/bad.yaml"), "cluster: bad\n").unwrap();
    let said = host.expect("start", 0);
    assert!(said.contains("`nodes` is missing"), "{said}");
    assert!(said.contains("what is good will be guarded"), "{said}");
    assert!(said.contains("runs, pid"), "{said}");
    host.expect("check", 1);
    host.expect("stop", 0);
}

#[test]
fn a_reload_reads_the_files_again_in_the_same_process() {
    let host = Host::new();
    host.expect("reload", 7);
    host.expect("start", 0);
    let pid = host.pid();
    assert!(host.expect("reload", 0).contains("No difference"));
    fs::write(host.home().join("clist/bad.yaml"), "cluster: bad\n").unwrap();
    let said = host.expect("reload", 1);
    assert!(
        said.contains("clist/bad.yaml") && said.contains("`nodes` is missing"),
        "{said}"
    );
    assert_eq!(host.pid(), pid);
    host.expect("stop", 0);
}

#[test]
fn a_start_that_fails_says_why() {
    let host = Host::new();
    let settings = "control_socket: no/such/folder/clusterd.sock\n";
    fs::write(host.home().join("clusterd.yaml"), settings).unwrap();
    let said = host.expect("start", 1);
    assert!(said.contains("it ended at once"), "{said}");
    assert!(said.contains("no/such/folder/clusterd.sock"), "{said}");
    host.expect("status", 3);
}

#[test]
fn a_daemon_that_somebody_else_started_is_not_doubled() {
    let host = Host::new();
    host.expect("start", 0);
    let other = host.folder.path().join("other.pid");
    fs::rename(host.pidfile(), &other).unwrap();
    // It answers: a start that looked for nothing but an answer would call this a success.
    let (code, said) = host.script("start");
    fs::rename(&other, host.pidfile()).unwrap();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("guards"), "{said}");
    host.expect("stop", 0);
}

#[test]
fn without_start_stop_daemon_plain_sh_does_it() {
    let mut host = Host::new();
    let bin = host.folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for tool in [
        "sh", "sleep", "rm", "mkdir", "tail", "sed", "id", "cut", "basename", "setsid", "chown",
    ] {
        let found = ["/usr/bin", "/bin", "/usr/sbin"].map(|folder| Path::new(folder).join(tool));
        let found = found.iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(found, bin.join(tool)).unwrap();
    }
    let text = fs::read_to_string(&host.script).unwrap();
    let path = text.lines().find(|line| line.starts_with("PATH=")).unwrap();
    let text = text.replace(path, &format!("PATH='{}'", bin.display()));
    host.script = host.folder.path().join("clusterd.sh");
    fs::write(&host.script, text).unwrap();
    fs::set_permissions(&host.script, fs::Permissions::from_mode(0o755)).unwrap();
    host.expect("start", 0);
    host.expect("status", 0);
    host.expect("stop", 0);
}

#[test]
fn what_is_not_installed_or_not_configured_has_codes_of_its_own() {
    let host = Host::new();
    host.settings("/nowhere/clusterd", &host.home());
    host.expect("start", 5);
    host.settings(env!("CARGO_BIN_EXE_clusterd"), Path::new("/nowhere"));
    host.expect("start", 6);
    host.expect("reload", 6);
    host.expect("relaod", 2);
}
