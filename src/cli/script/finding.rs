//! What the sweeps over many scenes have in common: why a scene fails, and how it is told.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::super::Exit;
use crate::script::program::Program;
use crate::sim::World;
use crate::sim::explore;
use crate::sim::scene::{self, Scene, Stage, Unplayable};

/// How many scenes are played to shorten one that fails.
const SHRINKING: usize = 2000;

/// How many scenes are saved beside each other.
const MOST_SAVED: u32 = 1000;

/// Why a scene fails, if it does. `seen` is shown the world at its end.
pub(super) fn failure(
    stage: &Result<Stage, Unplayable>,
    scene: &Scene,
    seen: impl FnOnce(&World),
) -> Option<String> {
    match stage {
        Ok(stage) => match stage.play(scene) {
            Ok(played) => {
                seen(&played.world);
                played.failure.map(|failure| failure.why)
            }
            Err(why) => Some(why.to_string()),
        },
        Err(why) => Some(why.to_string()),
    }
}

/// A scene that fails, and where it stands on the disk from the moment on when it was found.
pub(super) struct Finding<'a> {
    whole: Scene,
    why: String,
    /// The command that comes to it again.
    again: Option<String>,
    script: &'a Path,
    saved: io::Result<PathBuf>,
    /// Where it was to be saved.
    wanted: &'a Path,
}

impl<'a> Finding<'a> {
    /// Saves a scene that fails, before anything is told of it. No other file is lost by that.
    pub(super) fn keep(
        whole: Scene,
        why: String,
        again: Option<String>,
        script: &'a Path,
        wanted: &'a Path,
    ) -> Finding<'a> {
        let saved = save(wanted, &scene::write(&whole));
        if let Err(err) = &saved {
            eprintln!("clusterd: cannot write {}: {err}", wanted.display());
        }
        Finding {
            whole,
            why,
            again,
            script,
            saved,
            wanted,
        }
    }

    /// Shortens it, saves it so, and says how to play it.
    pub(super) fn tell(self, program: &Arc<Program>) -> Exit {
        println!("{} fails: {}", self.whole.title, self.why);
        if let Some(again) = &self.again {
            println!("the whole of it again: {again}");
        }
        // What is left out must not turn it into another failure.
        let kind = kind_of(&self.why);
        let stage = Stage::new(program);
        let same =
            |scene: &Scene| failure(&stage, scene, |_| ()).is_some_and(|why| kind_of(&why) == kind);
        let mut short = explore::shrink(&self.whole, same, SHRINKING);
        short.title = format!("{}: {kind}", self.whole.title);
        let text = scene::write(&short);
        let saved = self.saved.ok().filter(|path| {
            let written = fs::write(path, &text);
            if let Err(err) = &written {
                eprintln!("clusterd: cannot write {}: {err}", path.display());
            }
            written.is_ok()
        });
        println!("the shortest scene found that fails in this way:\n\n{text}");
        if let Some(path) = saved {
            if path != self.wanted {
                println!(
                    "{} was there already, and is left as it is",
                    self.wanted.display()
                );
            }
            println!(
                "saved; its timeline: clusterd script simulate {} {}",
                shell(self.script),
                shell(&path)
            );
        }
        Exit::Faults
    }
}

/// Writes a new file: `failed.scene`, or `failed-2.scene` and so on where that is there already.
fn save(wanted: &Path, text: &str) -> io::Result<PathBuf> {
    // What is no file, as /dev/stderr, has nothing to lose.
    if fs::metadata(wanted).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        fs::write(wanted, text)?;
        return Ok(wanted.to_owned());
    }
    for number in 1..=MOST_SAVED {
        let path = match number {
            1 => wanted.to_owned(),
            number => numbered(wanted, number),
        };
        match File::options().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                return Ok(path);
            }
            Err(err) if err.kind() == ErrorKind::AlreadyExists && !path.is_dir() => {}
            Err(err) => return Err(err),
        }
    }
    Err(io::Error::other(format!(
        "it and {MOST_SAVED} more of its name are there already"
    )))
}

/// `failed-2.scene` for `failed.scene`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

/// A path as a shell takes it for one word.
pub(super) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// A failure without its times and states: the rule, or what did not come to hold.
pub(super) fn kind_of(why: &str) -> String {
    match why.split_once(" s: ") {
        Some((_, rule)) => rule.split(':').next().unwrap_or(rule).to_owned(),
        None => why.split(';').next().unwrap_or(why).to_owned(),
    }
}

/// Draws the progress bar anew, where somebody looks on.
pub(super) fn progress(done: u64, of: u64, what: &str) {
    if done.is_multiple_of(100) && io::stderr().is_terminal() {
        eprint!("\r{done} of {of} {what}");
        // A progress bar that cannot be drawn stops nothing.
        let _ = io::stderr().flush();
    }
}

/// Ends the progress bar.
pub(super) fn progress_ends() {
    if io::stderr().is_terminal() {
        eprintln!();
    }
}

/// What all threads of this process have taken of the cores so far.
pub(super) fn processor_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .map(Duration::from)
        .unwrap_or_default()
}

/// How fast it went: by the clock, and what one core plays that does nothing else.
pub(super) fn figures(done: u64, took: Duration, ran: Duration, jobs: usize) -> String {
    let each = |span: Duration| {
        f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / span.as_secs_f64().max(0.001)
    };
    format!(
        "{done} scenes in {:.1} s on {jobs} {}: {:.0} a second, {:.0} a second and core",
        took.as_secs_f64(),
        if jobs == 1 { "thread" } else { "threads" },
        each(took),
        each(ran)
    )
}
