//! `clusterd script simulate SCRIPT SCENE…`: plays scenes in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::super::Exit;
use super::super::check::number;
use super::{Given, compile_file};
use crate::clock::{Moment, Span};
use crate::home::scripts;
use crate::script::diagnostic::{Sources, render};
use crate::sim::World;
use crate::sim::scene::{self, Played, Scene};

/// Plays scenes with a chat script in virtual time, and tells what happened.
///
/// A scene says which cluster, who does what when, and what must hold. The rules that may not be
/// broken are looked at all the time, whatever the scene expects. `docs/scenes.md` shows every word.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The script.
    #[arg(value_name = "SCRIPT")]
    script: PathBuf,
    /// The scenes.
    #[arg(required = true, value_name = "SCENE")]
    scenes: Vec<PathBuf>,
    /// Shows the timeline of every scene, not only of those that fail or of a single one.
    #[arg(long, short)]
    verbose: bool,
}

/// Does what the arguments say.
pub fn run(args: &SimulateArgs) -> Exit {
    let mut failed = 0;
    for path in &args.scenes {
        let timeline = args.verbose || args.scenes.len() == 1;
        if !play(&args.script, path, timeline) {
            failed += 1;
        }
    }
    println!("{}, {failed} failed", number(args.scenes.len(), "scene"));
    if failed > 0 { Exit::Faults } else { Exit::Good }
}

/// Plays one scene and prints how it went; whether it went well.
fn play(script: &Path, path: &Path, timeline: bool) -> bool {
    let shown = path.display().to_string();
    let text = match scripts::read(path) {
        Ok(text) => text,
        Err(why) => {
            eprintln!("error: {why}\n --> {shown}\n");
            return false;
        }
    };
    let mut sources = Sources::default();
    let scene = match scene::parse(&shown, &text, &mut sources) {
        Ok(scene) => scene,
        Err(faults) => {
            eprint!("{}", render(&faults, &sources, scripts::color()));
            return false;
        }
    };
    let params: BTreeMap<String, String> = scene.bench.params.iter().cloned().collect();
    let compiled = match compile_file(script, &params, Given::Scene(&sources)) {
        Ok(compiled) => compiled,
        Err(faults) => {
            for fault in &faults {
                eprint!("{}", fault.text);
            }
            return false;
        }
    };
    let misfits = scene::misfits(&scene, &compiled.program, &sources);
    if !misfits.is_empty() {
        eprint!("{}", render(&misfits, &sources, scripts::color()));
        return false;
    }
    match scene::play(&scene, &Arc::new(compiled.program)) {
        Err(why) => {
            eprintln!("error: {why}\n --> {shown}\n");
            false
        }
        Ok(played) => {
            let good = played.failure.is_none();
            print!(
                "{}",
                told(&shown, &scene, &played, &sources, timeline || !good)
            );
            good
        }
    }
}

fn told(shown: &str, scene: &Scene, played: &Played, sources: &Sources, timeline: bool) -> String {
    let mut text = String::new();
    if timeline {
        text.push_str(&story(played, sources));
    }
    text.push_str(&accepted(&played.world));
    let lasted = Span(played.world.since_start(played.world.now()));
    match &played.failure {
        None => {
            let _ = writeln!(text, "ok      {shown}: {} ({lasted})", scene.title);
        }
        Some(failure) => {
            let _ = writeln!(text, "FAILED  {shown}: {}", scene.title);
            let why = &failure.why;
            let _ = match failure.at {
                None => writeln!(text, "  before its first step: {why}"),
                Some(span) => writeln!(
                    text,
                    "  {shown}:{}: {}\n  {why}",
                    sources.line(span),
                    sources.slice(span)
                ),
            };
        }
    }
    text
}

/// What broke no rule because somebody answers for it.
fn accepted(world: &World) -> String {
    let mut text = String::new();
    for window in world.windows() {
        let lasted = Span(window.lasted);
        let _ = writeln!(text, "        two nodes wrote to the disk for {lasted}");
    }
    for excuse in world.excused().iter().collect::<BTreeSet<_>>() {
        let word = excuse.word();
        let _ = writeln!(text, "        accepted ({word}): {excuse}");
    }
    text
}

/// The steps of the scene and what happened, in the order of time.
fn story(played: &Played, sources: &Sources) -> String {
    let mut text = String::new();
    // Since clusterd started.
    let seconds = |at: Moment| format!("{:.3}", played.world.since_start(at).as_secs_f64());
    let mut steps = played.steps.iter().peekable();
    let mut step_lines = |until: Option<Moment>, text: &mut String| {
        while let Some((at, span)) = steps.next_if(|(at, _)| until.is_none_or(|now| *at <= now)) {
            let _ = writeln!(text, "{:>12}  > {}", seconds(*at), sources.slice(*span));
        }
    };
    for (at, line) in played.world.story() {
        step_lines(Some(at), &mut text);
        let _ = writeln!(text, "{:>12}    {line}", seconds(at));
    }
    step_lines(None, &mut text);
    text
}
