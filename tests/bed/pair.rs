//! The pair as an operator with both hands full sees it: power, cables, keyboards, the judge.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;

use crate::wire::Wire;

/// Beyond this a boot or a reset has failed, whatever else runs on the cores.
pub const BOOT: Duration = Duration::from_secs(180);

/// The service address, on whichever node is booted.
pub const SERVICE: &str = "10.77.0.10";

/// A machine of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    Alpha,
    Beta,
}
pub use Node::{Alpha, Beta};

impl Node {
    pub const BOTH: [Node; 2] = [Alpha, Beta];

    pub fn name(self) -> &'static str {
        match self {
            Alpha => "alpha",
            Beta => "beta",
        }
    }

    pub fn other(self) -> Node {
        match self {
            Alpha => Beta,
            Beta => Alpha,
        }
    }

    pub fn host_id(self) -> &'static str {
        match self {
            Alpha => "80770001",
            Beta => "80770002",
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bed, up. It goes down with this.
pub struct Pair {
    bed: PathBuf,
    pub dir: PathBuf,
    _lock: Flock<File>,
}

/// Where the bed's command is, or why there is none to be used.
pub fn find_bed() -> Result<PathBuf, String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/testbed/bed");
    let bed = std::env::var_os("BED").map_or(beside, PathBuf::from);
    let bed = if bed.is_dir() { bed.join("bed") } else { bed };
    if !bed.is_file() {
        return Err(format!("no {}", bed.display()));
    }
    if !nix::unistd::geteuid().is_root() {
        return Err("namespaces and taps want root".to_owned());
    }
    Ok(bed)
}

/// The bed of the scenes is one of its own, so that one brought up by hand is left alone.
pub fn environment() -> [(&'static str, String); 3] {
    let own = |name: &'static str, value: &str| {
        (
            name,
            std::env::var(name).unwrap_or_else(|_| value.to_owned()),
        )
    };
    [
        own("BED_DIR", "/tmp/clusterd-scenes"),
        own("BED_LAB", "scenelab"),
        own("BED_MON", "scenemon"),
    ]
}

impl Pair {
    /// Waits for its turn, then brings up the bed: both nodes at their prompts.
    pub fn up(bed: PathBuf) -> Pair {
        let lock = File::create("/tmp/clusterd-bed.lock").expect("a lock file in /tmp");
        let lock = Flock::lock(lock, FlockArg::LockExclusive)
            .map_err(|(_, errno)| errno)
            .expect("one scene at a time");
        let dir = PathBuf::from(&environment()[0].1);
        let pair = Pair {
            bed,
            dir,
            _lock: lock,
        };
        pair.run(&["down"]);
        // A firmware that hangs at power-on is no fault of the scene: once more.
        if !pair.try_run(&["up"]).0 {
            pair.run(&["up"]);
        }
        pair
    }

    /// The bed's command with these arguments.
    pub fn bed(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.bed);
        command
            .args(arguments)
            .envs(environment())
            .stdin(Stdio::null());
        command
    }

    /// Runs the bed's command; what it said, or a panic with it.
    pub fn run(&self, arguments: &[&str]) -> String {
        let (good, said) = self.try_run(arguments);
        assert!(good, "bed {}: {said}", arguments.join(" "));
        said
    }

    fn try_run(&self, arguments: &[&str]) -> (bool, String) {
        let done = self
            .bed(arguments)
            .output()
            .expect("the bed's command runs");
        let said = [done.stdout, done.stderr].concat();
        (
            done.status.success(),
            String::from_utf8_lossy(&said).trim().to_owned(),
        )
    }

    /// `bed VERB NODE`, as in `freeze alpha`.
    pub fn act(&self, verb: &str, node: Node) {
        self.run(&[verb, node.name()]);
    }

    pub fn power(&self, node: Node, how: &str) {
        self.run(&["power", node.name(), how]);
    }

    /// Types a line on a console, past whoever is attached, and at once: no process is started.
    pub fn type_line(&self, node: Node, text: &str) {
        let path = self.dir.join(format!("{node}.inject"));
        let mut socket = UnixStream::connect(&path).expect("the console relay listens");
        socket
            .write_all(format!("{text}\r").as_bytes())
            .expect("the console relay reads");
    }

    /// Tells the console relay of a node something, at once: `cut refuse`, `restore`, `kick`.
    pub fn relay(&self, node: Node, text: &str) {
        let path = self.dir.join(format!("{node}.ctl"));
        let mut socket = UnixStream::connect(&path).expect("the console relay listens");
        socket
            .write_all(format!("{text}\n").as_bytes())
            .expect("the console relay reads");
        let mut answer = [0; 256];
        let _answered = std::io::Read::read(&mut socket, &mut answer);
    }

    /// Boots a node by hand and waits until it serves. A failure is forgiven: OpenBIOS fails now
    /// and then, and does so again until the power is switched off.
    pub fn boot(&self, node: Node) {
        for _ in 0..3 {
            self.type_line(node, "boot disk");
            let ends = r"console login: |has been set by load|Stopping execution|[\r\n]ok $";
            let (good, said) = self.try_run(&["wait", node.name(), ends, "180"]);
            let shown = self.wire(node).tail(3);
            if good && shown.contains("console login: ") {
                self.until("the service answers", BOOT, || self.ping());
                return;
            }
            eprintln!("the boot of {node} by hand failed: {said}\n{shown}");
            self.power(node, "cycle");
            self.wait(node, "ok");
        }
        panic!("{node} does not boot");
    }

    /// Waits for output of a node since something was done to it.
    pub fn wait(&self, node: Node, pattern: &str) {
        self.run(&["wait", node.name(), pattern, "180"]);
    }

    /// Whether a node's firmware shows its banner since its power was switched on. It does within
    /// ten seconds, unless it hangs.
    pub fn shows_its_banner(&self, node: Node) -> bool {
        self.try_run(&["wait", node.name(), "Host ID: ", "90"]).0
    }

    /// Whether the service address answers one ping from the monitoring host.
    pub fn ping(&self) -> bool {
        self.try_run(&["exec", "ping", "-q", "-c", "1", "-W", "1", SERVICE])
            .0
    }

    /// What the terminal server saw of a node.
    pub fn wire(&self, node: Node) -> Wire {
        Wire::read(&self.dir.join(format!("{node}.transcript")))
    }

    /// The judge on the shared disk.
    pub fn judge(&self) -> Judged {
        let (_, said) = self.try_run(&["judge", "--json"]);
        Judged(
            serde_json::from_str(&said)
                .unwrap_or_else(|bad| panic!("the judge said {said:?}: {bad}")),
        )
    }

    /// What the judge says, if it says anything.
    pub fn judge_or_nothing(&self) -> Option<Judged> {
        let (_, said) = self.try_run(&["judge", "--json"]);
        serde_json::from_str(&said).map(Judged).ok()
    }

    /// Polls until something is so.
    #[allow(clippy::unused_self, reason = "it reads as the pair's own patience")]
    pub fn until(&self, what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + limit;
        while !is_so() {
            assert!(Instant::now() < end, "not within {limit:?}: {what}");
            thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let (good, said) = self.try_run(&["down"]);
        if !good {
            eprintln!("bed down: {said}");
        }
    }
}

/// What the judge says.
pub struct Judged(Value);

impl Judged {
    /// The nodes in the order in which they booted from the shared disk.
    pub fn boots(&self) -> Vec<String> {
        let boots = self.0["boots"].as_array().cloned().unwrap_or_default();
        boots
            .iter()
            .filter_map(|boot| Some(boot["node"].as_str()?.to_owned()))
            .collect()
    }

    /// How often a node wrote where the other one had written.
    pub fn violations(&self) -> u64 {
        self.0["violations"].as_u64().expect("the judge counts")
    }

    /// A node's heartbeat: its boot and its count.
    pub fn beat(&self, node: Node) -> Option<(String, String)> {
        let beat = &self.0["beats"][node.name()];
        Some((
            beat["boot"].as_str()?.to_owned(),
            beat["n"].as_str()?.to_owned(),
        ))
    }
}
