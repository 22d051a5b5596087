//! Who notices that something is out.

use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
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
        };
        let all: Vec<&str> = hunt
            .scenes
            .iter()
            .flat_map(|file| ["scene", file])
            .collect();
        match hunt.play(None, &all) {
            None => Ok(hunt),
            Some(catcher) => Err(format!("with every guard in place this fails: {catcher}")),
        }
    }

    /// Who notices; `known` is asked first.
    pub fn catch(&self, mutant: &Mutant, known: Option<&Catcher>) -> Option<Catcher> {
        if let Mutant::Line(_) = mutant
            && self.play(Some(mutant), &["check", ""]).is_some()
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
        let at_once = match known {
            Some(Catcher::Scene(file)) => self.play(Some(mutant), &["scene", file]),
            Some(Catcher::Seed(seed)) => self.play(Some(mutant), &["seed", &seed.to_string()]),
            Some(Catcher::Test(file, name)) => self.test(mutant, file, Some(name)),
            _ => None,
        };
        if at_once.is_some() {
            return at_once;
        }
        let mut all: Vec<&str> = self
            .scenes
            .iter()
            .flat_map(|file| ["scene", file])
            .collect();
        // Scenes made for guards are likelier to notice.
        all.sort_by_key(|word| !word.starts_with("guards/"));
        let all: Vec<&str> = all
            .iter()
            .filter(|word| **word != "scene")
            .flat_map(|file| ["scene", *file])
            .collect();
        self.play(Some(mutant), &all)
            .or_else(|| {
                let mut files = self.tests.iter();
                files.find_map(|(file, _)| self.test(mutant, file, None))
            })
            .or_else(|| self.play(Some(mutant), &["seeds", SEEDS]))
    }

    /// Plays scenes and seeds in a process without the mutant.
    fn play(&self, mutant: Option<&Mutant>, what: &[&str]) -> Option<Catcher> {
        if what.is_empty() {
            return None;
        }
        let own = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(own);
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
        let (_, program) = self.tests.iter().find(|(known, _)| known == file)?;
        let mut command = Command::new(program);
        command.arg("--test-threads=1");
        if let Some(name) = name {
            command.args([name, "--exact"]);
        }
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
    let (done, ended) = mpsc::channel();
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
