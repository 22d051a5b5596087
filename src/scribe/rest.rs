//! When the scribe's thread is woken: not in the middle of a turn, whose bytes are not on their way yet,
//! but before the worker rests. To wake another thread takes as long as all of clusterd between a panic and
//! its answer, and the thread that was woken may take the core from whoever reads the answer.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::queue::Shared;

/// A worker that has no rest for so long wakes the thread itself.
const BUSY: Duration = Duration::from_millis(20);

thread_local! {
    /// This thread says before it rests that it will.
    static RESTS: Cell<bool> = const { Cell::new(false) };
    /// The thread to be woken, and since when.
    static OWED: RefCell<Option<(Arc<Shared>, Instant)>> = const { RefCell::new(None) };
}

/// For a runtime's `on_thread_park`: what its tasks have put is written from now on.
pub fn before_rest() {
    RESTS.set(true);
    let owed = OWED.try_with(RefCell::take).ok().flatten();
    if let Some((queue, _)) = owed {
        queue.wake();
    }
}

/// Wakes the thread of this queue: now, or before this worker rests.
pub(super) fn wake(queue: &Arc<Shared>) {
    if !RESTS.get() {
        return queue.wake();
    }
    let late = OWED.try_with(|owed| match &mut *owed.borrow_mut() {
        Some((other, _)) if !Arc::ptr_eq(other, queue) => true,
        Some((_, since)) => since.elapsed() >= BUSY,
        owed => {
            *owed = Some((Arc::clone(queue), Instant::now()));
            false
        }
    });
    // A thread that ends has no rest any more.
    if late.unwrap_or(true) {
        queue.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::scribe::{Book, Scribe};
    use std::path::Path;

    const LIMIT: Duration = Duration::from_secs(60);

    fn written(home: &Path, line: &str) -> bool {
        let log = std::fs::read_to_string(home.join("logs/clusterd.log"));
        log.is_ok_and(|text| text.contains(line))
    }

    fn comes(home: &Path, line: &str) {
        let start = Instant::now();
        while !written(home, line) {
            assert!(start.elapsed() < LIMIT, "nobody woke the thread");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_a_worker_puts_is_written_when_it_rests() {
        let home = tempfile::tempdir().unwrap();
        let scribe = Arc::new(Scribe::start(home.path(), &Settings::default()).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_park(before_rest)
            .build()
            .unwrap();
        let start = Instant::now();
        let mut tries = 0;
        loop {
            // Where the thread still writes, nobody has to wake it.
            scribe.flush();
            tries += 1;
            let (hand, line) = (Arc::clone(&scribe), format!("line {tries}."));
            let put = runtime.spawn(async move {
                hand.line(Book::Daemon, &line);
                OWED.with_borrow(Option::is_some)
            });
            let owed = runtime.block_on(put).unwrap();
            comes(home.path(), &format!("line {tries}."));
            if owed {
                return;
            }
            assert!(start.elapsed() < LIMIT, "it was always woken in the turn");
        }
    }

    #[test]
    fn a_worker_without_rest_wakes_it_all_the_same() {
        let home = tempfile::tempdir().unwrap();
        let scribe = Scribe::start(home.path(), &Settings::default()).unwrap();
        scribe.flush();
        before_rest();
        let start = Instant::now();
        while !written(home.path(), "a line") {
            scribe.line(Book::Daemon, "a line");
            assert!(start.elapsed() < LIMIT, "nobody woke the thread");
            std::thread::yield_now();
        }
    }

    #[test]
    fn whoever_never_rests_wakes_it_at_once() {
        let home = tempfile::tempdir().unwrap();
        let scribe = Scribe::start(home.path(), &Settings::default()).unwrap();
        scribe.line(Book::Daemon, "a line");
        comes(home.path(), "a line");
    }
}
