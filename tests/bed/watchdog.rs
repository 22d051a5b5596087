//! The clusterd under test: the real binary, on the monitoring host of the bed, with a home of
//! its own.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::pair::Pair;
use crate::small_disk::SmallDisk;

const BINARY: &str = env!("CARGO_BIN_EXE_clusterd");

/// A daemon ends within this after SIGTERM.
const END: Duration = Duration::from_secs(30);

/// A home directory, and the daemon that guards it.
pub struct Watchdog {
    pub home: PathBuf,
    /// Words before each command line of clusterd, as `env NAME=VALUE`.
    pub before: Vec<String>,
    /// A small disk, mounted where only clusterd sees it.
    disk: Option<SmallDisk>,
    child: Option<Child>,
}

impl Watchdog {
    /// Copies `tests/bed/home` to `place`; each pair of `edits` is a text of its cluster file and
    /// what stands there instead.
    pub fn new(place: PathBuf, edits: &[(&str, &str)]) -> Watchdog {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = root.join("tests/bed/home");
        fs::create_dir_all(place.join("clist")).expect("the scene has a folder");
        fs::create_dir_all(place.join("logs")).expect("the scene has a folder");
        fs::copy(source.join("clusterd.yaml"), place.join("clusterd.yaml")).expect("the settings");
        symlink(root.join("chat-scripts"), place.join("chat-scripts")).expect("the scripts");
        let text = fs::read_to_string(source.join("clist/bed.yaml")).expect("the cluster file");
        fs::write(place.join("clist/bed.yaml"), text).expect("the cluster file is copied");
        let dog = Watchdog {
            home: place,
            before: Vec::new(),
            disk: None,
            child: None,
        };
        dog.edit(edits);
        dog
    }

    /// Changes texts of the cluster file.
    pub fn edit(&self, edits: &[(&str, &str)]) {
        let path = self.home.join("clist/bed.yaml");
        let mut text = fs::read_to_string(&path).expect("the cluster file");
        for (old, new) in edits {
            assert!(text.contains(old), "the cluster file has no {old:?}");
            text = text.replace(old, new);
        }
        fs::write(&path, text).expect("the cluster file is written");
    }

    /// Mounts a small disk over a folder of the home, or over all of it, for clusterd alone.
    pub fn on_a_small_disk(&mut self, pair: &Pair, folder: &str) {
        let disk = SmallDisk::over(pair, &self.home.join(folder));
        self.before = disk.enter();
        self.disk = Some(disk);
    }

    /// The small disk that was mounted.
    pub fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("a small disk is mounted")
    }

    /// Where this process finds what stands in the home.
    pub fn seen(&self) -> PathBuf {
        self.disk
            .as_ref()
            .map_or_else(|| self.home.clone(), |disk| disk.seen(&self.home))
    }

    /// Brings what stands on the small disk to where it is seen after the end.
    pub fn keep(&self) {
        if let Some(disk) = &self.disk {
            disk.keep();
        }
    }

    /// Starts the daemon in the monitoring host's namespace. `bed exec` becomes the daemon, so
    /// the child is the daemon itself.
    pub fn start(&mut self, pair: &Pair) {
        assert!(self.child.is_none(), "one daemon at a time");
        let words = File::options()
            .create(true)
            .append(true)
            .open(self.home.join("words"));
        let words = words.expect("a file for what the daemon prints");
        let home = self.home.display().to_string();
        let child = pair
            .bed(&["exec"])
            .args(&self.before)
            .args([BINARY, "run", "--home", &home])
            .stdout(words.try_clone().expect("a second handle"))
            .stderr(words)
            .spawn()
            .expect("the daemon starts");
        self.child = Some(child);
    }

    /// SIGKILL, in the middle of whatever it does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }

    /// Removes the journal.
    pub fn forget(&self) {
        for end in ["", "-wal", "-shm"] {
            let _was_there = fs::remove_file(self.seen().join(format!("journal.sqlite{end}")));
        }
    }

    /// Whether the daemon was ended by SIGKILL. No other end is forgiven.
    pub fn was_killed(&mut self) -> bool {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().ok());
        let Some(Some(status)) = ended else {
            return false;
        };
        self.child = None;
        assert_eq!(
            status.signal(),
            Some(Signal::SIGKILL as i32),
            "{}",
            self.words()
        );
        true
    }

    /// SIGTERM, and a clean end.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("pids are small"));
        let _sent = kill(pid, Signal::SIGTERM);
        let end = Instant::now() + END;
        while Instant::now() < end {
            if let Ok(Some(status)) = child.try_wait() {
                assert!(
                    status.success(),
                    "the daemon ended with {status}: {}",
                    self.words()
                );
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ended = child.kill().and_then(|()| child.wait());
        panic!("the daemon did not end after SIGTERM: {}", self.words());
    }

    /// The daemon must not end by itself.
    pub fn assert_alive(&mut self) {
        if let Some(child) = &mut self.child
            && let Ok(Some(status)) = child.try_wait()
        {
            self.child = None;
            panic!("the daemon ended by itself with {status}: {}", self.words());
        }
    }

    fn words(&self) -> String {
        fs::read_to_string(self.home.join("words")).unwrap_or_default()
    }

    /// Another command of the binary on this home: whether it succeeded, and what it said.
    pub fn command(&self, arguments: &[&str]) -> (bool, String) {
        let mut words = self.before.iter().map(String::as_str).chain([BINARY]);
        let done = Command::new(words.next().expect("the binary at least"))
            .args(words)
            .args(arguments)
            .arg("--home")
            .arg(&self.home)
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        let said = [done.stdout, done.stderr].concat();
        (
            done.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// What `status --json` says of the package, if the daemon answers.
    pub fn package(&self) -> Option<Value> {
        let snapshot = self.snapshot()?;
        snapshot["packages"].get(0).cloned()
    }

    /// What `status --json` says of a node.
    pub fn node(&self, name: &str) -> Option<Value> {
        let snapshot = self.snapshot()?;
        snapshot["nodes"]
            .as_array()?
            .iter()
            .find(|node| node["node"] == name)
            .cloned()
    }

    fn snapshot(&self) -> Option<Value> {
        self.report()?["clusters"].get(0)?.get("snapshot").cloned()
    }

    /// Whether an alarm is open now, by the daemon's own word: also where no log can be written.
    pub fn says_alarm(&self, code: &str) -> bool {
        let alarms = self.report().map(|report| report["alarms"].clone());
        let alarms = alarms.as_ref().and_then(Value::as_array);
        alarms.is_some_and(|alarms| alarms.iter().any(|alarm| alarm["code"] == code))
    }

    /// What `status --json` says, if the daemon answers.
    fn report(&self) -> Option<Value> {
        let (good, said) = self.command(&["status", "--json"]);
        serde_json::from_str(said.trim()).ok().filter(|_| good)
    }

    /// The activity log.
    pub fn activity(&self) -> String {
        self.log("bed/activity.log")
    }

    /// The alarms' log.
    pub fn alarms(&self) -> String {
        self.log("alarms.log")
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.seen().join("logs").join(name)).unwrap_or_default()
    }

    /// The codes of all alarms raised, in their order, each once.
    pub fn alarm_codes(&self) -> Vec<String> {
        let mut codes: Vec<String> = Vec::new();
        for line in self.alarms().lines() {
            // `2026-11-21 22:51:47.123Z  CRITICAL  bed/service  hold: in HOLD`
            let Some((head, _)) = line.split_once(": ") else {
                continue;
            };
            let Some(code) = head.split_whitespace().last() else {
                continue;
            };
            let raised = ["CRITICAL", "WARNING", "NOTICE"]
                .iter()
                .any(|s| head.contains(s));
            if raised && !codes.iter().any(|known| known == code) {
                codes.push(code.to_owned());
            }
        }
        codes
    }

    /// Whether an alarm is open now, by its log.
    pub fn alarm_is_open(&self, code: &str) -> bool {
        let log = self.alarms();
        let (raised, cleared) = (format!("  {code}: "), format!("  {code} after "));
        let last = log
            .lines()
            .rev()
            .find(|line| line.contains(&raised) || line.contains(&cleared));
        last.is_some_and(|line| !line.contains("Z  cleared "))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.kill();
    }
}
