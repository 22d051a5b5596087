//! `clusterd init DIR`.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::shipped::{self, SCRIPTS, SETTINGS};

/// Who else may read a home: transcripts hold what was typed at consoles.
const MODE: u32 = 0o750;

/// Writes a home directory to begin with: settings, chat scripts and a cluster file to copy, all commented.
///
/// Files that stand there are left as they are, so it also brings what a newer version ships to a home that lacks it.
/// Nothing is asked, and nothing is guarded before there is a file clist/NAME.yaml.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The home directory; it is made where it is missing.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// What became of the files.
#[derive(Debug, Default)]
struct Tally {
    written: Vec<&'static str>,
    stood: Vec<&'static str>,
    other: Vec<&'static str>,
}

/// Writes it.
pub fn run(args: &InitArgs) -> Exit {
    let dir = &args.dir;
    match lay(dir) {
        Ok(tally) => {
            tell(dir, &tally);
            Exit::Good
        }
        Err(err) => {
            eprintln!("clusterd: {}: {err}", dir.display());
            Exit::NoHome
        }
    }
}

fn lay(dir: &Path) -> io::Result<Tally> {
    if !dir.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(MODE)
            .create(dir)?;
        // The umask of who calls is no reason for a home that its group cannot enter.
        fs::set_permissions(dir, fs::Permissions::from_mode(MODE))?;
    }
    fs::create_dir_all(dir.join("logs"))?;
    let mut tally = Tally::default();
    for (path, text) in SETTINGS.into_iter().chain(SCRIPTS) {
        let named = |err: io::Error| io::Error::new(err.kind(), format!("{path}: {err}"));
        match shipped::write(dir, path, text) {
            Ok(()) => tally.written.push(path),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
                let there = fs::read(dir.join(path)).map_err(named)?;
                match there == text.as_bytes() {
                    true => tally.stood.push(path),
                    false => tally.other.push(path),
                }
            }
            Err(err) => return Err(named(err)),
        }
    }
    Ok(tally)
}

fn tell(dir: &Path, tally: &Tally) {
    for path in &tally.written {
        println!("written  {path}");
    }
    for path in &tally.stood {
        println!("as it is {path}");
    }
    for path in &tally.other {
        println!("KEPT     {path}: differs from the one that this version ships");
    }
    let dir = dir.display();
    println!(
        "\nNext:\n  \
           cp {dir}/clist/example.yaml.commented {dir}/clist/NAME.yaml    and edit it\n  \
           clusterd check --home {dir}\n  \
           clusterd run --home {dir}"
    );
}
