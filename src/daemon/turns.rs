//! The threads that carry the consoles and clusters: one works, the others stand by for it.
//!
//! ```text
//!  "turns" (outside) ── a beat ──► worker 1: all consoles and clusters
//!         │              (back?)   worker 2, 3: plugged
//!         └─ no beat back ──► a plug comes out: worker 2 takes over what worker 1 does not get to
//! ```
//!
//! Workers that share the work of a thousand quiet consoles wake each other all the time, and take
//! twice the processor time that one takes. With one alone, a task that never ends its turn would
//! stop every cluster. So there are several, and all but one are *plugged*: a task that waits, in
//! its turn, for the plug to come out. The scheduler takes a plugged worker for a busy one and does
//! not wake it; sockets and timers a worker waits for only between turns, so it holds none of them.
//!
//! A thread outside sends a beat through the scheduler. One that does not come back means that no
//! worker has turns, and a plug comes out; the next one if that does not help. It stays out until
//! clusterd starts again. A plug can be put in only while there is nothing else to do: a task that
//! had yielded to others on that worker would be kept by it, and the scheduler tells nobody of
//! such. A task that is stuck is a fault of clusterd's, so this is rare; two or three workers that
//! share the work are right, too, and only dearer.
//!
//! What no other worker can take from one that is stuck is what the scheduler keeps for that one: the
//! task that it woke last, as a rule a console of the cluster that is stuck, and tasks that had just
//! yielded there.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// One that works, and two that stand by: two tasks may be stuck at once. The supervisor has the main
/// thread; the journal, the logs and whatever blocks have theirs.
const WORKERS: usize = 3;

/// Between a beat that came back and the next.
const BEAT: Duration = Duration::from_millis(250);

/// How long a beat may take, twice: a standstill of the whole program or machine is over in the midst
/// of one wait, and the beat comes back during the other.
const LATE: Duration = Duration::from_millis(250);

/// How long turns under way are waited for at the end.
const LAST_TURNS: Duration = Duration::from_secs(5);

/// The runtime of the daemon. Dropping it waits a little for the present turns.
#[derive(Debug)]
pub struct Turns {
    runtime: Option<Runtime>,
    /// The thread outside ends, and all plugs come out, when this is dropped.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Turns {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> io::Result<Turns> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .on_thread_park(crate::scribe::before_rest)
            .enable_all()
            .build()?;
        // Now, while nothing else is there.
        let plugs = (1..WORKERS).map(|_| Plug::put_in(&runtime)).collect();
        let handle = runtime.handle().clone();
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("turns".to_owned())
            .spawn(move || keep_turning(&handle, plugs, &stopped))?;
        Ok(Turns {
            runtime: Some(runtime),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The runtime.
    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the end")
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("clusterd: the thread that keeps the others turning had panicked");
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(LAST_TURNS);
        }
    }
}

/// Takes plugs out as they are needed, and all of them when `stop` is dropped.
fn keep_turning(runtime: &Handle, mut plugs: Vec<Plug>, stop: &Receiver<()>) {
    loop {
        let beat = Beat::send(runtime);
        if !beat.is_back_within(LATE) && !beat.is_back_within(LATE) && plugs.pop().is_some() {
            tracing::warn!(
                "no task had a turn for {:?}: one more thread works",
                2 * LATE
            );
        }
        if stop.recv_timeout(BEAT) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// A task that only says that it had its turn. It also sees to it that a worker waits for sockets and
/// timers: one that is woken with one task alone wakes nobody to do so in its place.
struct Beat(Receiver<()>);

impl Beat {
    fn send(runtime: &Handle) -> Beat {
        let (back, came) = sync_channel(1);
        runtime.spawn(async move { back.send(()) });
        Beat(came)
    }

    fn is_back_within(&self, limit: Duration) -> bool {
        self.0.recv_timeout(limit).is_ok()
    }
}

/// What keeps a worker from working. It comes out when this is dropped, however that happens.
#[derive(Debug)]
struct Plug {
    _end: SyncSender<()>,
}

impl Plug {
    /// Plugs a worker of a runtime that has nothing to do, and another one to do it.
    fn put_in(runtime: &Runtime) -> Plug {
        let (plug, out) = sync_channel::<()>(1);
        let (tell, seated) = sync_channel(1);
        runtime.spawn(async move {
            let _ = tell.send(());
            let _ = out.recv();
        });
        seated.recv().expect("the runtime gives it a turn");
        Plug { _end: plug }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// The longest that anything here takes on a machine with much to do.
    const LIMIT: Duration = Duration::from_secs(60);

    /// A task that never ends its turn, until what is given is dropped.
    fn stick(turns: &Turns) -> SyncSender<()> {
        let (free, freed) = sync_channel::<()>(1);
        let (tell, told) = sync_channel(1);
        turns.runtime().spawn(async move {
            let _ = tell.send(());
            let _ = freed.recv();
        });
        told.recv_timeout(LIMIT).unwrap();
        free
    }

    /// Tasks that wait for each other and for the clock, on whatever workers there are.
    fn others_go_on(turns: &Turns) {
        let (tell, told) = sync_channel(1);
        turns.runtime().spawn(async move {
            for _ in 0..20 {
                let (ping, pong) = tokio::sync::oneshot::channel();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let _ = ping.send(());
                });
                let _ = pong.await;
            }
            let _ = tell.send(());
        });
        told.recv_timeout(LIMIT).unwrap();
    }

    /// How many workers had turns meanwhile.
    fn working(turns: &Turns) -> usize {
        let metrics = turns.runtime().metrics();
        let counts = || (0..WORKERS).map(|worker| metrics.worker_park_unpark_count(worker));
        let before: Vec<u64> = counts().collect();
        for _ in 0..20 {
            others_go_on(turns);
        }
        counts()
            .zip(before)
            .filter(|(now, then)| now != then)
            .count()
    }

    fn ends(turns: Turns) -> Duration {
        let begun = Instant::now();
        let (tell, told) = sync_channel(1);
        std::thread::spawn(move || {
            drop(turns);
            let _ = tell.send(());
        });
        told.recv_timeout(LIMIT).expect("it ends");
        begun.elapsed()
    }

    #[test]
    fn one_worker_does_the_work_until_one_is_stuck_and_then_another_one() {
        let turns = Turns::start().unwrap();
        // A machine with much else to do may have taken a plug out.
        assert!((1..=2).contains(&working(&turns)));
        let first = stick(&turns);
        others_go_on(&turns);
        let second = stick(&turns);
        others_go_on(&turns);
        drop(first);
        others_go_on(&turns);
        let third = stick(&turns);
        others_go_on(&turns);
        drop((second, third));
        others_go_on(&turns);
        ends(turns);
    }

    #[test]
    fn the_end_comes_with_all_plugs_in_and_with_a_task_that_is_stuck() {
        let turns = Turns::start().unwrap();
        assert!(ends(turns) < LAST_TURNS + LATE);
        let turns = Turns::start().unwrap();
        let stuck = stick(&turns);
        others_go_on(&turns);
        assert!(ends(turns) >= LAST_TURNS);
        drop(stuck);
    }
}
