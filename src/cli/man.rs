//! `clusterd man`.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;

use super::{Cli, Exit};

/// Prints the manual page, or writes the pages of all commands to a directory.
///
/// To read it: clusterd man | man -l -
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write clusterd.1 and a page for every command there; the directory is made where it is missing.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints or writes them.
pub fn run(args: &ManArgs) -> Exit {
    let command = Cli::command();
    printed(match &args.dir {
        None => Man::new(command.disable_help_subcommand(true)).render(&mut io::stdout()),
        Some(dir) => fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(command, dir))
            .map_err(|err| io::Error::new(err.kind(), format!("{}: {err}", dir.display()))),
    })
}

/// How a command that only prints has ended. A reader that had enough, as `head`, is no fault.
pub(super) fn printed(end: io::Result<()>) -> Exit {
    match end {
        Err(err) if err.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("clusterd: {err}");
            Exit::Faults
        }
        _ => Exit::Good,
    }
}
