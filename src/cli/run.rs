//! `clusterd run`: guards every cluster of the home, in the foreground.

use std::time::Duration;

use clap::Args;
use nix::sys::stat::{Mode, umask};
use tokio::sync::mpsc;

use super::{Exit, HomeArgs};
use crate::daemon::{Daemon, Signals, StartError, Systemd, Turns, log_to, prepare};
use crate::home::Home;

/// Guards every cluster of the home directory, until SIGTERM. It stays in the foreground.
///
/// A cluster whose files are faulty is not guarded, and that is an alarm; the others are.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    home: HomeArgs,
}

/// Runs until it is told to stop.
pub fn run(args: &RunArgs) -> Exit {
    one_arena();
    // Logs, journal and socket are nobody else's; whoever may open the socket is let in by its own mode.
    umask(Mode::from_bits_truncate(0o077));
    let turns = match Turns::start() {
        Ok(turns) => turns,
        Err(err) => return fail(&format!("cannot start its threads: {err}"), Exit::Faults),
    };
    let runtime = turns.runtime();
    // Before anything can be met by anybody: a signal from now on ends it in good order.
    let signals = match runtime.block_on(async { Signals::catch() }) {
        Ok(signals) => signals,
        Err(err) => return fail(&format!("signals cannot be caught: {err}"), Exit::Faults),
    };
    let home = match Home::open(&args.home.home) {
        Ok(home) => home,
        Err(why) => return fail(&why, Exit::NoHome),
    };
    let prepared = match prepare(home) {
        Ok(prepared) => prepared,
        Err(err @ StartError::Socket { .. }) => return fail(&err.to_string(), Exit::Faults),
        Err(err) => return fail(&err.to_string(), Exit::NoHome),
    };
    log_to(&prepared.scribe);
    runtime.block_on(async {
        let (hangup, hangups) = mpsc::channel(1);
        let stop = tokio::spawn(signals.told_to_stop(hangup));
        let daemon = match Daemon::start(prepared).await {
            Ok(daemon) => daemon,
            Err(err) => return fail(&err.to_string(), Exit::Faults),
        };
        tokio::spawn(give_back());
        let (guarded, refused) = daemon.counts();
        eprintln!("clusterd: {guarded} guarded, {refused} not; logs are in logs/");
        let told = async {
            match stop.await {
                Ok(signal) => signal.to_owned(),
                Err(err) => format!("signals are not waited for any more: {err}"),
            }
        };
        daemon
            .rereads_on(hangups)
            .run(Systemd::from_env(), told)
            .await;
        Exit::Good
    })
}

/// What is as large as this, bytes, has room of its own, which goes back to the system when it is
/// freed. The allocator would else raise this limit with the first that is, and queues that a start
/// filled would leave holes: 0.4 MiB where a thousand consoles start.
#[cfg(target_env = "gnu")]
const ROOM_OF_ITS_OWN: libc::c_int = 64 << 10;

/// All threads take their memory from one place. The allocator would else give each thread its own,
/// with holes of its own, because threads may wait for each other there; ours allocate little. A
/// thousand consoles take 6 MiB less so.
#[cfg(target_env = "gnu")]
fn one_arena() {
    let set = |what, value| {
        // SAFETY: it only sets a number, before the threads are there that it is about.
        #[expect(unsafe_code, reason = "there is no other way to tell the C library")]
        let _set = unsafe { libc::mallopt(what, value) };
    };
    set(libc::M_ARENA_MAX, 1);
    set(libc::M_MMAP_THRESHOLD, ROOM_OF_ITS_OWN);
}

#[cfg(not(target_env = "gnu"))]
fn one_arena() {}

/// The first time that free memory is given back, after the start, and how often in the end; the time
/// between doubles until then.
const GIVEN_BACK: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// Gives free pages back to the system. The start needs memory for what it reads and dials with, and
/// leaves it in holes between what stays; the allocator gives back only what lies at its end.
async fn give_back() {
    let (mut pause, longest) = GIVEN_BACK;
    loop {
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(longest);
        // Whether it found some does not matter.
        let _ = tokio::task::spawn_blocking(trim).await;
    }
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it takes the allocator's own lock, and only gives back pages that nobody uses.
    #[expect(unsafe_code, reason = "there is no other way to tell the C library")]
    let _given = unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn trim() {}

fn fail(why: &str, exit: Exit) -> Exit {
    eprintln!("clusterd: {why}");
    exit
}
