//! What the sweeps over many scenes have in common: why a scene fails, and how it is told.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::Exit;
use crate::script::program::Program;
use crate::sim::World;
use crate::sim::explore;
use crate::sim::scene::{self, Scene, Stage, Unplayable};

/// How many scenes are played to shorten one that fails.
const SHRINKING: usize = 2000;

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

/// Shortens a scene that fails, saves it, and says how to play it.
pub(super) fn tell(
    whole: &Scene,
    why: &str,
    program: &Arc<Program>,
    script: &Path,
    save: &Path,
) -> Exit {
    println!("{} fails: {why}", whole.title);
    // What is left out must not turn it into another failure.
    let kind = kind_of(why);
    let stage = Stage::new(program);
    let same =
        |scene: &Scene| failure(&stage, scene, |_| ()).is_some_and(|why| kind_of(&why) == kind);
    let mut short = explore::shrink(whole, same, SHRINKING);
    short.title = format!("{}: {kind}", whole.title);
    let text = scene::write(&short);
    println!("the shortest scene found that fails in this way:\n\n{text}");
    match fs::write(save, &text) {
        Ok(()) => println!(
            "saved; its timeline: clusterd script simulate {} {}",
            script.display(),
            save.display()
        ),
        Err(err) => eprintln!("clusterd: cannot write {}: {err}", save.display()),
    }
    Exit::Faults
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
    if done.is_multiple_of(100) && std::io::stderr().is_terminal() {
        eprint!("\r{done} of {of} {what}");
        // A progress bar that cannot be drawn stops nothing.
        let _ = std::io::stderr().flush();
    }
}

/// Ends the progress bar.
pub(super) fn progress_ends() {
    if std::io::stderr().is_terminal() {
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
