//! The one binary: see `cli/`.

fn main() -> std::process::ExitCode {
    clusterd::cli::main()
}
