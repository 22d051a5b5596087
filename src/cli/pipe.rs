//! Whoever reads our output may go before its end, as `head` does. Then a command ends, and without
//! a word: Rust's programs ignore SIGPIPE, and `println!` panics instead.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Exit;

/// The exit code of a program that SIGPIPE ended, as shells have it.
const READER_GONE: u8 = 128 + 13;

/// The reader has gone: what fails from then on fails of that.
static GONE: AtomicBool = AtomicBool::new(false);

/// Does what `command` does, and ends quietly where its output has no reader any more.
pub(super) fn quietly(command: impl FnOnce() -> Exit) -> ExitCode {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let words = panic.payload().downcast_ref::<String>();
        if words.is_some_and(|words| is_of_a_pipe(words)) {
            GONE.store(true, Ordering::Relaxed);
        }
        if !GONE.load(Ordering::Relaxed) {
            usual(panic);
        }
    }));
    match panic::catch_unwind(AssertUnwindSafe(command)) {
        Ok(exit) => exit.into(),
        Err(_) if GONE.load(Ordering::Relaxed) => ExitCode::from(READER_GONE),
        Err(panic) => panic::resume_unwind(panic),
    }
}

/// The words of `print!` and `eprint!` (`std::io::stdio`).
fn is_of_a_pipe(words: &str) -> bool {
    words.starts_with("failed printing to std") && words.contains("Broken pipe")
}
