//! `clusterd completion SHELL`.

use std::io;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Exit};

/// Prints the completion of this program's commands for a shell.
///
/// bash: clusterd completion bash > /etc/bash_completion.d/clusterd
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints it.
pub fn run(args: &CompletionArgs) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "clusterd", &mut text);
    super::man::printed(io::Write::write_all(&mut io::stdout(), &text))
}
