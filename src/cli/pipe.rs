//! Whoever reads our output may go before its end, as `head` does. Then a command ends, and without
//! a word: Rust's programs ignore SIGPIPE, and `println!` panics instead. What cannot be written
//! otherwise, the disk being full, is said, and the command has failed.

use std::io::{self, ErrorKind, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Exit;

/// The exit code of a program that SIGPIPE ended, as shells have it.
const READER_GONE: u8 = 128 + 13;

/// The reader has gone: what fails from then on fails of that.
static GONE: AtomicBool = AtomicBool::new(false);

/// The output cannot be written, and that was said.
static FULL: AtomicBool = AtomicBool::new(false);

/// Does what `command` does, and ends quietly where its output has no reader any more.
pub(super) fn quietly(command: impl FnOnce() -> Exit) -> ExitCode {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let words = panic.payload().downcast_ref::<String>();
        match words.and_then(|words| unwritten(words)) {
            Some(why) if why.contains("Broken pipe") => GONE.store(true, Ordering::Relaxed),
            Some(why) => full(why),
            None => {}
        }
        if !GONE.load(Ordering::Relaxed) && !FULL.load(Ordering::Relaxed) {
            usual(panic);
        }
    }));
    let ended = panic::catch_unwind(AssertUnwindSafe(command));
    // What stands in no whole line is written only now.
    if let Err(err) = io::stdout().flush() {
        match err.kind() {
            ErrorKind::BrokenPipe => GONE.store(true, Ordering::Relaxed),
            _ => full(&err.to_string()),
        }
    }
    match ended {
        _ if GONE.load(Ordering::Relaxed) => ExitCode::from(READER_GONE),
        _ if FULL.load(Ordering::Relaxed) => Exit::Faults.into(),
        Ok(exit) => exit.into(),
        Err(panic) => panic::resume_unwind(panic),
    }
}

/// Says once that the output cannot be written.
fn full(why: &str) {
    if !FULL.swap(true, Ordering::Relaxed) {
        // Where that cannot be written either nobody is told.
        let _ = writeln!(
            io::stderr(),
            "clusterd: the output cannot be written: {why}"
        );
    }
}

/// Why something could not be printed: in the words of `print!` and `eprint!` (`std::io::stdio`).
fn unwritten(words: &str) -> Option<&str> {
    let rest = words.strip_prefix("failed printing to std")?;
    rest.split_once(": ").map(|(_, why)| why)
}
