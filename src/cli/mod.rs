//! The commands: one file each. This one says what they are called and what their exit
//! codes mean; a command's own file says what it takes and what it does.

pub mod ack;
pub mod adopt;
pub mod alarms;
mod allocator;
mod ask;
pub mod availability;
pub mod boot;
pub mod check;
pub mod completion;
pub mod confirm;
pub mod console;
pub mod demo;
pub mod drill;
pub mod emulate;
pub mod events;
pub mod failback;
pub mod fence;
pub mod history;
pub mod hold;
pub mod init;
mod journal;
pub mod maintenance;
pub mod man;
pub mod metrics;
mod order;
pub mod out_of_service;
mod pipe;
pub mod power;
pub mod release;
pub mod reload;
pub mod run;
pub mod script;
mod shipped;
pub mod sim;
mod sim_home;
pub mod status;
pub mod switchover;
pub mod transcript;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};

use crate::control::Level;

/// An external watchdog for high-availability clusters: it holds the consoles of every
/// node and does what a good operator would do there.
#[derive(Debug, Parser)]
#[command(name = "clusterd", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Run(run::RunArgs),
    Status(status::StatusArgs),
    Events(events::EventsArgs),
    History(history::HistoryArgs),
    Availability(availability::AvailabilityArgs),
    Alarms(alarms::AlarmsArgs),
    Metrics(metrics::MetricsArgs),
    Ack(ack::AckArgs),
    Console(console::ConsoleArgs),
    Confirm(confirm::ConfirmArgs),
    Adopt(adopt::AdoptArgs),
    Switchover(switchover::SwitchoverArgs),
    Failback(failback::FailbackArgs),
    Boot(boot::BootArgs),
    Fence(fence::FenceArgs),
    Drill(drill::DrillArgs),
    Hold(hold::HoldArgs),
    Release(release::ReleaseArgs),
    Maintenance(maintenance::MaintenanceArgs),
    OutOfService(out_of_service::OutOfServiceArgs),
    Emulate(emulate::EmulateArgs),
    Reload(reload::ReloadArgs),
    Check(check::CheckArgs),
    Power(power::PowerArgs),
    Demo(demo::DemoArgs),
    Sim(sim::SimArgs),
    Script(script::ScriptArgs),
    Transcript(transcript::TranscriptArgs),
    Completion(completion::CompletionArgs),
    Man(man::ManArgs),
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, nothing wrong
  1  faults found, or what was asked for failed
  2  wrong usage; of `power`: every leg says off (its wrong usage is 1)
  3  the daemon does not run
  4  the daemon refused what was asked for
  5  the home directory cannot be used
`status --check` ends as the plugins of Nagios do instead: 0 ok, 1 warning, 2 critical, 3 unknown.";

/// How a command ended, for scripts that call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing wrong.
    Good,
    /// Faults found, or what was asked for failed.
    Faults,
    /// Wrong usage that the parser of the command line cannot see.
    Usage,
    /// Of `power` alone: every leg says off, as fence agents have it.
    Off,
    /// The daemon does not run.
    NotRunning,
    /// The daemon refused what was asked for.
    Refused,
    /// The home directory cannot be used.
    NoHome,
    /// Of `status --check` alone: what a plugin of Nagios says.
    Check(Level),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        // 2 is clap's own too, for wrong usage.
        ExitCode::from(match exit {
            Exit::Good => 0,
            Exit::Faults => 1,
            Exit::Usage | Exit::Off => 2,
            Exit::NotRunning => 3,
            Exit::Refused => 4,
            Exit::NoHome => 5,
            Exit::Check(level) => match level {
                Level::Ok => 0,
                Level::Warning => 1,
                Level::Critical => 2,
                Level::Unknown => 3,
            },
        })
    }
}

/// The home of an installed clusterd: that of the package, the unit and the init script.
const DEFAULT_HOME: &str = "/var/lib/clusterd";

/// Where the cluster files, the journal and the logs are.
#[derive(Clone, Debug, Args)]
pub struct HomeArgs {
    /// The home directory, which holds clist/, chat-scripts/, logs/ and the journal.
    #[arg(
        long,
        env = "CLUSTER_HOME",
        value_name = "DIR",
        default_value = DEFAULT_HOME
    )]
    pub home: PathBuf,
}

/// Passwords and keys that this process reads never get into a core file, nor into another process of the
/// same user (`prctl(2)`, PR_SET_DUMPABLE); what it starts writes no core file either.
fn keep_from_disk() {
    // Where the kernel refuses, nothing is worse than before.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = set_dumpable(false);
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    keep_from_disk();
    match Cli::try_parse() {
        // A daemon goes on without a reader of what it prints.
        Ok(Cli {
            command: run @ Command::Run(_),
        }) => perform(run).into(),
        Ok(Cli { command }) => pipe::quietly(|| perform(command)),
        Err(said) => {
            let asked = !said.use_stderr();
            let exit = if asked {
                Exit::Good
            } else {
                wrong_usage(std::env::args_os().skip(1))
            };
            pipe::quietly(|| {
                // Where it cannot be written nobody reads it.
                let _ = said.print();
                exit
            })
        }
    }
}

/// How wrong usage ends: where 2 says something else, not with 2.
fn wrong_usage(args: impl Iterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.collect();
    let is_check = || args.iter().any(|arg| arg == "--check");
    match args.first().and_then(|arg| arg.to_str()) {
        Some("power") => Exit::Faults,
        Some("status") if is_check() => Exit::Check(Level::Unknown),
        _ => Exit::Usage,
    }
}

/// Does what the command says.
fn perform(command: Command) -> Exit {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Events(args) => events::run(&args),
        Command::History(args) => history::run(&args),
        Command::Availability(args) => availability::run(&args),
        Command::Alarms(args) => alarms::run(&args),
        Command::Metrics(args) => metrics::run(&args),
        Command::Ack(args) => ack::run(&args),
        Command::Console(args) => console::run(&args),
        Command::Confirm(args) => confirm::run(&args),
        Command::Adopt(args) => adopt::run(&args),
        Command::Switchover(args) => switchover::run(&args),
        Command::Failback(args) => failback::run(&args),
        Command::Boot(args) => boot::run(&args),
        Command::Fence(args) => fence::run(&args),
        Command::Drill(args) => drill::run(&args),
        Command::Hold(args) => hold::run(&args),
        Command::Release(args) => release::run(&args),
        Command::Maintenance(args) => maintenance::run(&args),
        Command::OutOfService(args) => out_of_service::run(&args),
        Command::Emulate(args) => emulate::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Power(args) => power::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Script(args) => script::run(&args),
        Command::Transcript(args) => transcript::run(&args),
        Command::Completion(args) => completion::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
