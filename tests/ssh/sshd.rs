//! An OpenSSH server that ends with its owner, and consoles behind it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clusterd::config::ConsoleSpec;
use clusterd::config::console::SshLogin;
use clusterd::console::{Console, LinkSettings, Order, Said};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Nothing here takes longer on a busy machine of two cores.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Waits for it.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future)
        .await
        .expect("nothing happened in 60 s")
}

/// A server on a port of this machine.
pub struct Sshd {
    pub dir: TempDir,
    pub port: u16,
    child: Child,
}

impl Sshd {
    /// Starts one with these settings besides the usual ones, which they overrule.
    pub async fn start(settings: &[&str]) -> Sshd {
        // OpenSSH's server wants this folder, which its service makes elsewhere.
        fs::create_dir_all("/run/sshd").unwrap();
        let dir = tempfile::tempdir().unwrap();
        keygen(dir.path(), "host", "ed25519");
        keygen(dir.path(), "user", "ed25519");
        fs::copy(dir.path().join("user.pub"), dir.path().join("authorized")).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let child = run(dir.path(), port, settings);
        let server = Sshd { dir, port, child };
        server.known_by("host");
        server.answers().await;
        server
    }

    /// Starts it anew, on its old port.
    pub async fn start_again(&mut self, settings: &[&str]) {
        self.kill();
        self.child = run(self.dir.path(), self.port, settings);
        self.answers().await;
    }

    /// Ends the server, and all that it serves, at once.
    pub fn kill(&mut self) {
        for pid in self.family() {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops every process of it, as a machine that hangs: its kernel still answers.
    pub fn freeze(&self) {
        for pid in self.family() {
            kill(pid, Signal::SIGSTOP).unwrap();
        }
    }

    /// All processes that come from it, itself first.
    pub fn family(&self) -> Vec<Pid> {
        let mut family = vec![self.child.id()];
        let mut at = 0;
        while let Some(pid) = family.get(at) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let children = children.unwrap_or_default();
            family.extend(
                children
                    .split_whitespace()
                    .map(|pid| pid.parse::<u32>().unwrap()),
            );
            at += 1;
        }
        let pid = |pid: u32| Pid::from_raw(i32::try_from(pid).unwrap());
        family.into_iter().map(pid).collect()
    }

    async fn answers(&self) {
        let there = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        within(there).await;
    }

    /// Writes the public key `name` to known_hosts, as the server's; the file has no other line.
    pub fn known_by(&self, name: &str) {
        let line = format!("[127.0.0.1]:{} {}", self.port, self.public(name));
        fs::write(self.path("known_hosts"), line).unwrap();
    }

    pub fn public(&self, name: &str) -> String {
        fs::read_to_string(self.path(format!("{name}.pub"))).unwrap()
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A console that logs in with the usual key and runs `command`.
    pub fn console(&self, command: &str) -> ConsoleSpec {
        let mut spec = ConsoleSpec::usual(self.address("root"));
        *login(&mut spec) = SshLogin {
            key: Some(self.shown("user")),
            known_hosts: self.shown("known_hosts"),
            command: Some(command.to_owned()),
            ..SshLogin::default()
        };
        spec
    }

    pub fn address(&self, user: &str) -> clusterd::console::Address {
        format!("ssh://{user}@127.0.0.1:{}", self.port)
            .parse()
            .unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn run(dir: &Path, port: u16, settings: &[&str]) -> Child {
    let file = dir.join("sshd_config");
    // Of two lines that say the same thing the first one counts.
    let mut lines: Vec<String> = settings.iter().map(|&line| line.to_owned()).collect();
    let at = dir.display();
    lines.extend([
        "ListenAddress 127.0.0.1".to_owned(),
        format!("Port {port}"),
        format!("HostKey {at}/host"),
        format!("AuthorizedKeysFile {at}/authorized"),
        "StrictModes no".to_owned(),
        "PidFile none".to_owned(),
        "UsePAM no".to_owned(),
        "PermitRootLogin yes".to_owned(),
        "PasswordAuthentication no".to_owned(),
        "KbdInteractiveAuthentication no".to_owned(),
        "PrintMotd no".to_owned(),
        // Whoever runs these tests may have a shell that takes its time to start.
        format!("SetEnv HOME={at}"),
        "PrintLastLog no".to_owned(),
    ]);
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    let log = fs::File::create(dir.join("log")).unwrap();
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f"]).arg(file);
    command.stdin(Stdio::null()).stderr(log);
    command.spawn().expect("openssh-server is installed")
}

/// Makes the key pair `name` and `name.pub`.
pub fn keygen(dir: &Path, name: &str, kind: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-C", name, "-t", kind, "-f"]);
    let status = command.arg(dir.join(name)).status();
    assert!(status.expect("openssh-client is installed").success());
}

/// A file that only its owner may read.
pub fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Settings with which all goes fast.
pub fn quick() -> LinkSettings {
    LinkSettings {
        connect_timeout: Duration::from_secs(20),
        backoff_max: Duration::from_millis(500),
        ..LinkSettings::default()
    }
}

pub fn open(spec: ConsoleSpec) -> Console {
    Console::of(spec, quick())
}

/// Waits for a link.
pub async fn up(console: &mut Console) -> u64 {
    match within(console.next()).await {
        Said::Up { epoch } => epoch,
        said => panic!("no link: {said:?}"),
    }
}

/// Waits for the end of a link, or of an attempt to make one; why it ended.
pub async fn down(console: &mut Console) -> String {
    loop {
        if let Said::Down { why, .. } = within(console.next()).await {
            return why;
        }
    }
}

/// Reads until `wanted` was said; all that was said until then.
pub async fn hear(console: &mut Console, wanted: &str) -> String {
    let mut heard = Vec::new();
    loop {
        match within(console.next()).await {
            Said::Bytes { bytes, .. } => heard.extend(bytes),
            said => panic!("{said:?} after {:?}", String::from_utf8_lossy(&heard)),
        }
        let text = String::from_utf8_lossy(&heard);
        if text.contains(wanted) {
            return text.into_owned();
        }
    }
}

pub fn type_line(console: &Console, epoch: u64, line: &str) {
    let bytes = format!("{line}\r").into_bytes();
    console.order(Order::Type { epoch, bytes });
}

/// What a console that cannot be opened says.
pub async fn refused(spec: ConsoleSpec) -> String {
    let mut console = open(spec);
    match within(console.next()).await {
        Said::Down { epoch: 0, why } => why,
        said => panic!("{said:?}"),
    }
}

/// How that console logs in.
pub fn login(spec: &mut ConsoleSpec) -> &mut SshLogin {
    spec.ssh.as_mut().unwrap()
}
