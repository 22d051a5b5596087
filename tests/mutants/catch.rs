//! Who notices that something is out.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use crate::Mutant;
use crate::play::{self, CHILD};

/// Tests in Rust that may notice: names of test files, quick ones first.
const TESTS: [&str; 2] = ["guards", "scenes"];

/// Seeds of the explorer that are tried for a mutant which nothing else notices.
const SEEDS: &str = "300";

/// What a mutant makes hang is caught, too.
const HANGS: Duration = Duration::from_secs(240);

/// Who noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Catcher {
    /// The checker refuses the script; a scene or test that notices where it does not look.
    Checker(Option<Box<Catcher>>),
    /// A scene file, below `chat-scripts/scenes`.
    Scene(String),
    /// A test: file, name.
    Test(String, String),
    /// A seed of the explorer.
    Seed(u64),
}

impl fmt::Display for Catcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Catcher::Checker(None) => write!(f, "checker"),
            Catcher::Checker(Some(also)) => write!(f, "checker; {also}"),
            Catcher::Scene(file) => write!(f, "scene {file}"),
            Catcher::Test(file, name) => write!(f, "test {file} {name}"),
            Catcher::Seed(seed) => write!(f, "seed {seed}"),
        }
    }
}

impl Catcher {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Catcher> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("checker") {
            let also = rest.strip_prefix("; ").and_then(Catcher::parse);
            return Some(Catcher::Checker(also.map(Box::new)));
        }
        let (kind, rest) = text.split_once(' ')?;
        match kind {
            "scene" => Some(Catcher::Scene(rest.to_owned())),
            "seed" => Some(Catcher::Seed(rest.parse().ok()?)),
            "test" => {
                let (file, name) = rest.split_once(' ')?;
                Some(Catcher::Test(file.to_owned(), name.to_owned()))
            }
            _ => None,
        }
    }
}

/// All that may notice.
pub struct Hunt {
    scenes: Vec<String>,
    /// The test files' programs.
    tests: Vec<(String, PathBuf)>,
    /// Who asks a guard, of each kind: only they can notice that it is out.
    askers: [OnceLock<Askers>; KINDS.len()],
}

/// Who asks a guard, by its name.
type Askers = BTreeMap<String, Vec<Catcher>>;

/// Kinds of askers, quick ones first.
const KINDS: [Kind; 3] = [Kind::Tests(0), Kind::Scenes, Kind::Tests(1)];

#[derive(Clone, Copy)]
enum Kind {
    /// One of [`TESTS`].
    Tests(usize),
    Scenes,
}

/// How a process ended.
enum Ended {
    Said(String),
    Hung(String),
}

impl Hunt {
    /// Finds scenes and tests, and sees that nobody complains while everything is in place.
    pub fn prepare() -> Result<Hunt, String> {
        let mut tests = Vec::new();
        for file in TESTS {
            tests.push((file.to_owned(), test_program(file)?));
        }
        let hunt = Hunt {
            scenes: play::scene_files(),
            tests,
            askers: Default::default(),
        };
        match Hunt::play(None, &words(&hunt.scenes)) {
            None => Ok(hunt),
            Some(catcher) => Err(format!("with every guard in place this fails: {catcher}")),
        }
    }

    /// Who notices; `known` is asked first.
    pub fn catch(&self, mutant: &Mutant, known: Option<&Catcher>) -> Option<Catcher> {
        if let Mutant::Line(line) = mutant
            && Hunt::play(Some(mutant), &["check", &line.script]).is_some()
        {
            let known = match known {
                Some(Catcher::Checker(also)) => also.as_deref(),
                other => other,
            };
            let also = self.catch_running(mutant, known);
            return Some(Catcher::Checker(also.map(Box::new)));
        }
        self.catch_running(mutant, known)
    }

    fn catch_running(&self, mutant: &Mutant, known: Option<&Catcher>) -> Option<Catcher> {
        known
            .filter(|known| self.notices(mutant, known))
            .cloned()
            .or_else(|| match mutant {
                Mutant::Guard(guard) => (0..KINDS.len()).find_map(|kind| {
                    let mut askers = self.askers(kind, guard.name()).iter();
                    askers.find(|asker| self.notices(mutant, asker)).cloned()
                }),
                Mutant::Line(line) if !line.is_played() => self
                    .tests_named(mutant, "guards", "library::")
                    .or_else(|| self.tests_named(mutant, "scenes", "shipped::"))
                    .or_else(|| self.tests_named(mutant, "scenes", "service_processor::")),
                Mutant::Line(_) => {
                    let mut files = self.tests.iter();
                    let quick = files.next();
                    quick
                        .and_then(|(file, _)| self.test(mutant, file, None))
                        .or_else(|| Hunt::play(Some(mutant), &words(&self.scenes)))
                        .or_else(|| files.find_map(|(file, _)| self.test(mutant, file, None)))
                }
            })
            .or_else(|| match mutant {
                Mutant::Line(line) if !line.is_played() => None,
                _ => Hunt::play(Some(mutant), &["seeds", SEEDS]),
            })
    }

    fn notices(&self, mutant: &Mutant, asker: &Catcher) -> bool {
        let noticed = match asker {
            Catcher::Scene(file) => Hunt::play(Some(mutant), &["scene", file]),
            Catcher::Seed(seed) => Hunt::play(Some(mutant), &["seed", &seed.to_string()]),
            Catcher::Test(file, name) => self.test(mutant, file, Some(name)),
            Catcher::Checker(_) => None,
        };
        noticed.is_some()
    }

    /// Who of one kind asks this guard, by one run of them all in which every question is told.
    fn askers(&self, kind: usize, guard: &str) -> &[Catcher] {
        let askers = self.askers[kind].get_or_init(|| self.trace(KINDS[kind]));
        askers.get(guard).map_or(&[], Vec::as_slice)
    }

    fn trace(&self, kind: Kind) -> Askers {
        let mut askers = Askers::new();
        let mut note = |said: &str, by: &dyn Fn(&str) -> Catcher| {
            for line in said.lines() {
                let asks = line.strip_prefix("asks ");
                if let Some((guard, test)) = asks.and_then(|rest| rest.split_once(' ')) {
                    askers.entry(guard.to_owned()).or_default().push(by(test));
                }
            }
        };
        match kind {
            Kind::Tests(index) => {
                let (file, program) = &self.tests[index];
                let mut command = Command::new(program);
                command.arg("--test-threads=2");
                note(&traced(command), &|test| {
                    Catcher::Test(file.clone(), test.to_owned())
                });
            }
            Kind::Scenes => {
                for scene in &self.scenes {
                    let mut command = Command::new(own());
                    command.args([CHILD, "scene", scene]);
                    note(&traced(command), &|_| Catcher::Scene(scene.clone()));
                }
            }
        }
        askers
    }

    /// Plays scenes and seeds in a process without the mutant.
    fn play(mutant: Option<&Mutant>, what: &[&str]) -> Option<Catcher> {
        if what.is_empty() {
            return None;
        }
        let mut command = Command::new(own());
        command.arg(CHILD).args(what);
        let said = match run(command, mutant) {
            Ended::Said(said) => said,
            Ended::Hung(said) => {
                let last = said
                    .lines()
                    .rev()
                    .find_map(|line| line.strip_prefix("tries "));
                return last.and_then(Catcher::parse);
            }
        };
        let caught = said.lines().find_map(|line| line.strip_prefix("caught "))?;
        match caught {
            "check" => Some(Catcher::Checker(None)),
            other => Catcher::parse(other),
        }
    }

    /// Runs a test file's program, or one test of it.
    fn test(&self, mutant: &Mutant, file: &str, name: Option<&str>) -> Option<Catcher> {
        let words = name.map_or(Vec::new(), |name| vec![name, "--exact"]);
        self.tests_with(mutant, file, &words)
    }

    /// Runs those tests of a file whose names hold the word.
    fn tests_named(&self, mutant: &Mutant, file: &str, word: &str) -> Option<Catcher> {
        self.tests_with(mutant, file, &[word])
    }

    fn tests_with(&self, mutant: &Mutant, file: &str, words: &[&str]) -> Option<Catcher> {
        let (_, program) = self.tests.iter().find(|(known, _)| known == file)?;
        let mut command = Command::new(program);
        command.arg("--test-threads=1").args(words);
        let catcher = |name: &str| Catcher::Test(file.to_owned(), name.to_owned());
        match run(command, Some(mutant)) {
            Ended::Said(said) => said.lines().find_map(|line| {
                let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
                Some(catcher(name))
            }),
            Ended::Hung(said) => {
                let last = said.lines().last()?.strip_prefix("test ")?;
                Some(catcher(last.split(" ...").next().unwrap_or(last)))
            }
        }
    }
}

/// `scene` before each of them.
fn words(scenes: &[String]) -> Vec<&str> {
    scenes.iter().flat_map(|file| ["scene", file]).collect()
}

fn own() -> PathBuf {
    std::env::current_exe().expect("this program has a path")
}

/// What a program says on stderr with every guard in place and every question told.
fn traced(mut command: Command) -> String {
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env(clusterd::mutant::ENV, clusterd::mutant::TRACE)
        .output()
        .expect("the program was just built");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a program without the mutant, for a time.
fn run(mut command: Command, mutant: Option<&Mutant>) -> Ended {
    match mutant {
        None => {}
        Some(Mutant::Guard(guard)) => {
            command.env(clusterd::mutant::ENV, guard.name());
        }
        Some(Mutant::Line(line)) => {
            command.env("CLUSTERD_DROP", line.env());
        }
    }
    let mut child = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program was just built");
    let mut out = child.stdout.take().expect("it was asked for");
    let (done, ended) = mpsc::sync_channel(1);
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = out.read(&mut part) {
            said.extend_from_slice(&part[..count]);
        }
        // Nobody listens any more where it hung.
        let _ = done.send(());
        String::from_utf8_lossy(&said).into_owned()
    });
    let began = Instant::now();
    let hung = ended.recv_timeout(HANGS).is_err();
    debug_assert!(!hung || began.elapsed() >= HANGS);
    if hung {
        child.kill().expect("it is ours");
    }
    child.wait().expect("it is ours");
    let said = reader.join().expect("it only reads");
    match hung {
        false => Ended::Said(said),
        true => Ended::Hung(said),
    }
}

/// Builds a test file and says where its program is.
fn test_program(file: &str) -> Result<PathBuf, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "test",
        "--features",
        "mutants",
        "--no-run",
        "--message-format=json",
    ]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What cargo says to this test would make it build some crates anew.
    let told = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| told(name)) {
        cargo.env_remove(name);
    }
    let output = cargo
        .args(["--test", file])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .map_err(|err| format!("cargo does not run: {err}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let program = said.lines().find_map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let ours = value["target"]["name"] == file && value["profile"]["test"] == true;
        ours.then(|| value["executable"].as_str().map(PathBuf::from))?
    });
    program.ok_or_else(|| format!("the test file {file} was not built"))
}
