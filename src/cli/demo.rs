//! `clusterd demo`: a crash and a switchover on simulated machines, in less than half a minute.
//! The machines are simulated; the telnet consoles, the probes, the journal and the daemon are
//! the real ones.

mod stage;
mod teller;
mod timeline;

use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, interval, timeout};

use super::Exit;
use crate::cluster::Happened;
use crate::daemon::{Daemon, Prepared, Systemd, log_to};
use crate::machine::Event;

use stage::Stage;
use teller::Teller;

/// The longest that any part of the demonstration may take.
const PART: Duration = Duration::from_secs(25);

/// How often consoles are looked at for new lines.
const LOOK: Duration = Duration::from_millis(20);

/// Shows a crash and a switchover: two simulated OpenBoot machines on one disk, real telnet
/// consoles, the real daemon. It takes less than half a minute and leaves nothing behind.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// What varies hangs on it: which machine, which crash, all times, all random numbers of
    /// the simulation.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What goes wrong besides the crash.
    #[arg(long, value_name = "FAULT")]
    fault: Option<DemoFault>,
    /// Keeps the home directory with journal and logs, to look at afterwards.
    #[arg(long)]
    keep: bool,
}

/// What can go wrong besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DemoFault {
    /// The crashed machine forgets its boot parameters with the reset: no proof can be made.
    NvramLost,
}

/// How the story ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// The service is back.
    Serving,
    /// The package is in HOLD.
    Hold(String),
}

/// Plays it.
pub fn run(args: &DemoArgs) -> Exit {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..10_000));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let played = runtime
        .map_err(|err| err.to_string())
        .and_then(|runtime| runtime.block_on(play(args, seed)));
    match played {
        Ok(()) => Exit::Good,
        Err(why) => {
            eprintln!("clusterd: the demonstration failed: {why}");
            eprintln!("clusterd: the same again: clusterd demo --seed {seed} --keep");
            Exit::Faults
        }
    }
}

async fn play(args: &DemoArgs, seed: u64) -> Result<(), String> {
    let mut stage = Stage::set(seed, args.fault, args.keep).await?;
    let prepared = stage.prepare()?;
    log_to(&prepared.scribe);
    let mut events = prepared.happened.subscribe();
    stage.introduce(seed);
    stage.first_boot(PART).await?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let daemon = guard(prepared, stopped).await?;
    let told = tokio::select! {
        told = tell(&mut stage, &mut events, args.fault) => told,
        _ = tokio::signal::ctrl_c() => Err("it was interrupted".to_owned()),
    };
    // The daemon may have gone already: then its end says so.
    let _ = stop.send(());
    daemon
        .await
        .map_err(|err| format!("the daemon crashed: {err}"))??;
    stage.strike();
    told
}

async fn guard(
    prepared: Prepared,
    stopped: tokio::sync::oneshot::Receiver<()>,
) -> Result<tokio::task::JoinHandle<Result<(), String>>, String> {
    let daemon = Daemon::start(prepared)
        .await
        .map_err(|err| err.to_string())?;
    let stop = async {
        // Dropped or sent, both mean the end.
        let _ = stopped.await;
        "the demonstration is over".to_owned()
    };
    Ok(tokio::spawn(daemon.run(Systemd::absent(), stop)))
}

/// Watch, crash, and what comes of it.
async fn tell(
    stage: &mut Stage,
    events: &mut broadcast::Receiver<Happened>,
    fault: Option<DemoFault>,
) -> Result<(), String> {
    let mut teller = Teller::new(stage);
    println!("\nThe daemon starts and asks both consoles who they are:\n");
    let adopted = |event: &Event| match event {
        Event::State { state, .. } if state == "watch" => Some(End::Serving),
        Event::State { state, .. } if state == "unclear" => Some(End::Hold(state.clone())),
        _ => None,
    };
    match until(stage, events, &mut teller, adopted).await? {
        End::Serving => {}
        End::Hold(state) => return Err(format!("the running pair was not adopted ({state})")),
    }
    let crash = stage.crash();
    teller.crashed(&crash);
    let ended = |event: &Event| match event {
        Event::State { state, .. } if state == "held" || state == "blind" => {
            Some(End::Hold(state.clone()))
        }
        Event::State { state, cause, .. } if state == "watch" && cause.contains("started") => {
            Some(End::Serving)
        }
        _ => None,
    };
    let end = until(stage, events, &mut teller, ended).await?;
    if end == End::Serving {
        teller.probed(&stage.probe(PART).await?);
    }
    teller.timeline(&end);
    judge(stage, &end, fault)
}

/// Tells all that happens until `end` says that it is enough.
async fn until(
    stage: &Stage,
    events: &mut broadcast::Receiver<Happened>,
    teller: &mut Teller,
    end: impl Fn(&Event) -> Option<End>,
) -> Result<End, String> {
    let limit = Instant::now() + PART;
    let mut look = interval(LOOK);
    loop {
        let left = limit.saturating_duration_since(Instant::now());
        let happened = tokio::select! {
            happened = timeout(left, events.recv()) => happened,
            _ = look.tick() => {
                teller.consoles(stage);
                continue;
            }
        };
        teller.consoles(stage);
        match happened {
            Ok(Ok(happened)) => {
                teller.event(&happened.event);
                if let Some(end) = end(&happened.event) {
                    return Ok(end);
                }
            }
            Ok(Err(RecvError::Lagged(_))) => {}
            Ok(Err(RecvError::Closed)) => return Err("the daemon has ended".to_owned()),
            Err(_) => return Err(format!("nothing came of it within {} s", PART.as_secs())),
        }
    }
}

/// Was that the right end, and did only one machine write?
fn judge(stage: &Stage, end: &End, fault: Option<DemoFault>) -> Result<(), String> {
    let writers = stage.two_writers();
    if writers > 0 {
        return Err(format!(
            "two machines wrote to the disk at once, {writers} times"
        ));
    }
    println!(
        "The shared disk's own record: never two writers at once. Boots: {}.",
        stage.boots()
    );
    match (fault, end) {
        (None, End::Serving) => Ok(()),
        (Some(DemoFault::NvramLost), End::Hold(_)) => {
            println!("\n{}", stage.why_hold_is_right());
            Ok(())
        }
        (_, end) => Err(format!("it should not have ended so: {end:?}")),
    }
}
