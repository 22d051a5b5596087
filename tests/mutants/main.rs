//! The mutation check: every guard of the machine (`src/mutant.rs`) and every line of the shipped
//! procedures is taken out, one at a time, and somebody must notice: the script's checker, a scene, a
//! test, or a seed of the explorer. `docs/mutants.md` says who does.
//!
//! ```text
//! cargo test --features mutants --test mutants                  every mutant; fails if one is not caught
//! cargo test --features mutants --test mutants -- BootProof     those whose names hold the word
//! cargo test --features mutants --test mutants -- --write       writes docs/mutants.md anew
//! ```
//!
//! Every mutant is tried in a process of its own, which may hang: that is noticed too.

mod catch;
mod lines;
mod play;
mod table;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use catch::{Catcher, Hunt};
use clusterd::mutant::Guard;
use lines::Line;

/// Something that is taken out.
#[derive(Clone, Debug)]
pub enum Mutant {
    /// A guard of the machine.
    Guard(Guard),
    /// A line of a shipped procedure.
    Line(Line),
}

impl Mutant {
    /// Its name, by which it is chosen and told.
    pub fn name(&self) -> String {
        match self {
            Mutant::Guard(guard) => guard.name().to_owned(),
            Mutant::Line(line) => line.name(),
        }
    }

    fn all() -> Vec<Mutant> {
        let guards = Guard::ALL.iter().copied().map(Mutant::Guard);
        guards
            .chain(lines::shipped().into_iter().map(Mutant::Line))
            .collect()
    }
}

/// What the arguments say.
struct Wanted {
    write: bool,
    only: Vec<String>,
    jobs: usize,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == play::CHILD) {
        return play::child(&args[1..]);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = Wanted {
        write: args.iter().any(|arg| arg == "--write"),
        only: args
            .iter()
            .filter(|arg| !arg.starts_with('-'))
            .cloned()
            .collect(),
        jobs: cores,
    };
    check(&wanted)
}

fn check(wanted: &Wanted) -> ExitCode {
    let began = Instant::now();
    let hunt = match Hunt::prepare() {
        Ok(hunt) => hunt,
        Err(why) => {
            eprintln!("mutants: {why}");
            return ExitCode::FAILURE;
        }
    };
    let chosen = |mutant: &Mutant| {
        let name = mutant.name();
        wanted.only.is_empty() || wanted.only.iter().any(|word| name.contains(word.as_str()))
    };
    let mutants: Vec<Mutant> = Mutant::all().into_iter().filter(chosen).collect();
    let known = table::read();
    let found: Mutex<Vec<(usize, Option<Catcher>)>> = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..wanted.jobs {
            threads.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let index = mutants.iter().position(|m| m.name() == mutant.name());
                    let catcher = hunt.catch(mutant, known.get(&table::unnumbered(&mutant.name())));
                    match &catcher {
                        Some(catcher) => println!("{:<32} caught by {catcher}", mutant.name()),
                        None => println!("{:<32} NOT CAUGHT", mutant.name()),
                    }
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.push((index.unwrap_or_default(), catcher));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(index, _)| *index);
    let found: Vec<(&Mutant, Option<Catcher>)> = found
        .into_iter()
        .map(|(index, catcher)| (&mutants[index], catcher))
        .collect();
    if wanted.write && wanted.only.is_empty() {
        table::write(&found);
    }
    tell(&found, began)
}

fn tell(found: &[(&Mutant, Option<Catcher>)], began: Instant) -> ExitCode {
    let missed: Vec<String> = found
        .iter()
        .filter(|(_, catcher)| catcher.is_none())
        .map(|(mutant, _)| mutant.name())
        .collect();
    println!(
        "{} mutants in {} s, {} not caught",
        found.len(),
        began.elapsed().as_secs(),
        missed.len()
    );
    for name in &missed {
        println!("nobody notices that {name} is out: a test is missing, or it is needless");
    }
    match missed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
