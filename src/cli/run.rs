//! `clusterd run`: guards every cluster of the home, in the foreground.

use clap::Args;
use nix::sys::stat::{Mode, umask};
use tokio::sync::mpsc;

use super::{Exit, HomeArgs, allocator};
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
    allocator::be_frugal();
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
        tokio::spawn(allocator::give_back());
        let (guarded, refused) = daemon.counts();
        eprintln!("clusterd: {guarded} guarded, {refused} not; logs are in logs/");
        let told = async {
            match stop.await {
                Ok(signal) => signal.to_owned(),
                Err(err) => format!("signals are not waited for any more: {err}"),
            }
        };
        let daemon = daemon.rereads_on(hangups);
        match daemon.run(Systemd::from_env(), told).await {
            Ok(()) => Exit::Good,
            Err(why) => fail(&why, Exit::Faults),
        }
    })
}

fn fail(why: &str, exit: Exit) -> Exit {
    eprintln!("clusterd: {why}");
    exit
}
