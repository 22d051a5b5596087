//! The process in which one mutant is tried: plays scenes and seeds until one notices.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clusterd::machine::setup::DataPolicy;
use clusterd::script::diagnostic::{Sources, render};
use clusterd::script::program::Program;
use clusterd::sim::explore::{self, Patience, Settings, Side, Weather};
use clusterd::sim::scene::{self, Scene};

#[path = "../chat_support/mod.rs"]
mod chat_support;

/// The first argument of such a process; then `check SCRIPT`, `scene FILE` or `seeds COUNT` follow.
pub const CHILD: &str = "--play";

/// The script that the scenes are played with.
pub const SCRIPT: &str = "chat-scripts/sun-openboot.chat";

/// Does what the arguments say, in their order; says `caught …` for the first that notices.
pub fn child(args: &[String]) -> ExitCode {
    let mut player = Player::default();
    let mut args = args.iter();
    while let Some(what) = args.next() {
        let with = args.next().map_or("", String::as_str);
        println!("tries {what} {with}");
        let noticed = catch_unwind(AssertUnwindSafe(|| player.notices(what, with)));
        let noticed = noticed.unwrap_or_else(|_| Some(format!("{what} {with}")));
        if let Some(catcher) = noticed {
            println!("caught {catcher}");
            break;
        }
    }
    ExitCode::SUCCESS
}

#[derive(Default)]
struct Player {
    programs: BTreeMap<Vec<(String, String)>, Arc<Program>>,
}

impl Player {
    fn notices(&mut self, what: &str, with: &str) -> Option<String> {
        match what {
            "check" => (!chat_support::checks(with)).then(|| "check".to_owned()),
            "scene" => self.scene_notices(with).then(|| format!("scene {with}")),
            "seeds" => {
                let count = with.parse().expect("a count");
                let seed = (0..count).find(|seed| self.seed_notices(*seed));
                seed.map(|seed| format!("seed {seed}"))
            }
            "seed" => {
                let seed = with.parse().expect("a seed");
                self.seed_notices(seed).then(|| format!("seed {seed}"))
            }
            _ => panic!("{what}: check, scene, seeds or seed"),
        }
    }

    fn scene_notices(&mut self, file: &str) -> bool {
        let scene = read(&scenes().join(file));
        self.fails(&scene)
    }

    fn seed_notices(&mut self, seed: u64) -> bool {
        let weather = Weather {
            side: Side::Any,
            settings: Settings::Usual,
            faults: 12,
            platforms: vec!["openboot".to_owned(), "openbios".to_owned()],
            policies: vec![DataPolicy::Integrity, DataPolicy::Adaptability],
            power_legs: false,
            processors: Vec::new(),
            patience: Patience::default(),
        };
        self.fails(&explore::scene(seed, &weather))
    }

    fn fails(&mut self, scene: &Scene) -> bool {
        let params = scene.bench.params.clone();
        let program = self.programs.entry(params).or_insert_with_key(|params| {
            let params = params.iter().cloned().collect();
            match chat_support::try_program(SCRIPT, &params, true) {
                Ok(program) => Arc::new(program),
                Err(faults) => panic!("{}", render(&faults.diagnostics, &faults.sources, false)),
            }
        });
        let played = scene::play(scene, program).expect("the scene fits the script");
        if let Some(failure) = &played.failure {
            eprintln!("{}: {}", scene.title, failure.why);
        }
        played.failure.is_some()
    }
}

fn read(path: &Path) -> Scene {
    let text = fs::read_to_string(path).expect("the scene is part of the project");
    let mut sources = Sources::default();
    match scene::parse(&path.display().to_string(), &text, &mut sources) {
        Ok(scene) => scene,
        Err(faults) => panic!("{}", render(&faults, &sources, false)),
    }
}

/// The folder of the scenes.
pub fn scenes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("chat-scripts/scenes")
}

/// All scene files of [`SCRIPT`], by their names in [`scenes`]; those of other scripts stand in folders
/// of their own.
pub fn scene_files() -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(scenes()).expect("the scenes are part of the project") {
        let path = entry.expect("a folder can be read").path();
        if path.extension().is_some_and(|ending| ending == "scene") {
            let below = path.strip_prefix(scenes()).expect("it is below the folder");
            files.push(below.display().to_string());
        }
    }
    files.sort();
    files
}
