//! Scenes: a text that says which cluster, who does what when, and what must hold. They are the
//! chat scripts' own tests; `docs/scenes.md` shows every word.
//!
//! ```text
//!   text ─► words ─► parse ─► Scene ─► play (a World) ─► timeline, and the first thing that did not hold
//! ```

mod act;
mod hold;
mod parse;
mod play;
mod words;
mod write;

use std::time::Duration;

pub(super) use act::act;
pub use parse::{misfits, param_place, parse};
pub use play::{Opening, Played, Stage, Unplayable, play};
pub use write::write;

use crate::machine::input::Verdict;
use crate::machine::setup::{Cap, DataPolicy, GateHook, LegPolicy};
use crate::script::diagnostic::Span;
use crate::script::program::OperatorWord;
use crate::sim::excuse::Excuse;
use crate::sim::fault::Shutdown;
use crate::sim::nvram::NvramFault;
use crate::sim::rig::ConsoleLink;
use crate::sim::service_processor::{Host, ProcessorKind};
use crate::sim::spec::{RebootsFrom, Times};
use crate::sim::wire::BreakWay;
use crate::sim::world::{Interruption, JournalState, LegWay, PingWay, StopWay};

/// The version of the format that this clusterd reads: the number behind `scene`.
pub const VERSION: u32 = 1;

/// How long an `until` may take where it does not say: virtual time is cheap.
pub const PATIENCE: Duration = Duration::from_secs(3600);

/// A scene, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// What it shows, in a line.
    pub title: String,
    /// The cluster that it is played on.
    pub bench: Bench,
    /// What is done and what must hold, in order.
    pub steps: Vec<(Span, Step)>,
}

/// The cluster of a scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Bench {
    /// The nodes, in their order; the first one is the first primary.
    pub nodes: Vec<BenchNode>,
    /// What a dark node counts as.
    pub policy: DataPolicy,
    /// What the network's silence alone moves.
    pub network_loss: LegPolicy,
    /// What the console's silence alone moves.
    pub console_silent: LegPolicy,
    /// The cap on switches.
    pub switches: Cap,
    /// The cap on a node's failures.
    pub failures: Cap,
    /// How long a node must be silent to count as dark.
    pub dark_after: Duration,
    /// How many power legs every node has, all of which work.
    pub power_legs: usize,
    /// The service processor between every node and its port, where there is one.
    pub processor: Option<BenchProcessor>,
    /// The hooks that may hold up a boot.
    pub gates: Vec<GateHook>,
    /// What the cluster file's `stop:` does, where it has one.
    pub stop: Option<StopWay>,
    /// How long everything takes.
    pub times: Times,
    /// Seed of all that varies.
    pub seed: u64,
    /// Values of the script's parameters.
    pub params: Vec<(String, String)>,
    /// How it stands when the scene begins.
    pub start: Start,
}

/// A service processor of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BenchProcessor {
    /// Whose.
    pub kind: ProcessorKind,
    /// What a BREAK meets in the kernel behind it.
    pub host: Host,
}

/// A node of a scene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchNode {
    /// Its name.
    pub name: String,
    /// The script's word for its firmware; `openbios` and `openboot` are simulated.
    pub platform: String,
    /// The Host ID that it really has.
    pub host_id: u32,
    /// The Host ID that the cluster file gives, where that is another one.
    pub meant: Option<u32>,
}

/// How a cluster stands when a scene begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All nodes at their prompts, clusterd just started, without a journal.
    AtPrompts,
    /// The first node was booted by hand and is adopted; its guard was never read.
    Adopted,
    /// After one switchover there and back: every guard read, a BREAK has worked everywhere.
    Proven,
}

/// A step of a scene.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// What is counted from here on is counted from here on.
    Mark,
    /// Somebody or something does this.
    Do(Deed),
    /// Time passes.
    Pass(Duration),
    /// Time passes until this holds, at most so long.
    Until(Hold, Duration),
    /// This holds now.
    Expect(Hold),
}

/// What can be done in a scene. Nodes are numbers in the order of the bench.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// `panic NODE`
    Panic(usize),
    /// `hang NODE`: its whole kernel stands still.
    Hang(usize),
    /// `hang-userland NODE`
    HangUserland(usize),
    /// `freeze NODE`: the machine stands still, and keeps what is sent to it.
    Freeze(usize),
    /// `thaw NODE`
    Thaw(usize),
    /// `power NODE on`, `power NODE off`
    Power(usize, bool),
    /// `cable NODE in`, `cable NODE out`: its cable to the service network.
    Cable(usize, bool),
    /// `address NODE there`, `address NODE gone`
    Address(usize, bool),
    /// `break NODE heeded`, `break NODE ignored`: by its kernel.
    BreakHeeded(usize, bool),
    /// `deaf NODE`, `hears NODE`: console input and BREAK.
    Deaf(usize, bool),
    /// `lose-breaks NODE N`
    LoseBreaks(usize, u32),
    /// `fail-boots NODE N`
    FailBoots(usize, u32),
    /// `fail-resets NODE N`
    FailResets(usize, u32),
    /// `nvram NODE keeps`, `forgets` (at a reset), `ignores` (every setenv)
    Nvram(usize, NvramFault),
    /// `setenv NODE NAME VALUE`: behind clusterd's back.
    Setenv(usize, String, String),
    /// `reboot NODE`, `halt NODE`, `poweroff NODE`: in order, by its system.
    Shutdown(usize, Shutdown),
    /// `reset NODE`: it resets by itself, as after an error.
    ErrorReset(usize),
    /// `type NODE "text"`: somebody types that and RETURN at another keyboard of its console.
    Type(usize, String),
    /// `link NODE up`, `refused`, `hung`: its port at the terminal server.
    Link(usize, ConsoleLink),
    /// `noise NODE N`: so many of a thousand bytes of its console arrive wrong.
    Noise(usize, u16),
    /// `swap NODE NODE`: their console cables.
    Swap(usize, usize),
    /// `carrier NODE there`, `carrier NODE lost`
    Carrier(usize, bool),
    /// `stray-break`: the terminal server sends BREAK to all.
    StrayBreak,
    /// `disk-label corrupt`, `disk-label sound`
    DiskLabel(bool),
    /// `disk-path NODE dead`, `disk-path NODE alive`
    DiskPath(usize, bool),
    /// `monitor-cable service in|out`, `monitor-cable console in|out`
    MonitorCable(MonitorCable, bool),
    /// `operator release`, `adopt [NODE]`, `confirm NODE`, `well`
    Operator(OperatorWord, Option<usize>),
    /// `operator switchover [force]`, `failback [force]`, `hold [force]`, `boot NODE [force]`,
    /// `fence NODE [force]`, `drill [force]`
    Order(OperatorWord, Option<usize>, bool),
    /// `kill`, `kill after N entries`: SIGKILL of clusterd, when so many entries more are durable.
    Kill(u32),
    /// `restart`, `restart without journal`
    Restart(bool),
    /// `reload`: of a changed script, which is taken as soon as nothing is under way.
    Reload,
    /// `loop-boots NODE N`: so many boots to come panic half-way and reset the machine.
    LoopBoots(usize, u32),
    /// `fsck NODE TIME`: its next boot checks the disk for so long.
    DiskCheck(usize, Duration),
    /// `slow NODE TIME`: what it says comes so much later, and its answers to pings.
    Slow(usize, Duration),
    /// `after-panic NODE stays|reboots`
    AfterPanic(usize, bool),
    /// `reboots-from NODE boot-device|last-device`: past the guard, where it was booted from last.
    RebootsFrom(usize, RebootsFrom),
    /// `spontaneous-reboot NODE`: without a word before.
    SpontaneousReboot(usize),
    /// `debugger NODE loaded|gone`: it takes BREAK.
    Debugger(usize, bool),
    /// `security NODE none|command|full`: with a password.
    Security(usize, Security),
    /// `says NODE "TEXT"`, `says NODE "TEXT" unended`: its kernel prints that; with a new line behind it.
    Says(usize, String, bool),
    /// `flood NODE KIB`
    Flood(usize, u32),
    /// `type NODE "TEXT" unended`: somebody types that, and no RETURN.
    TypeUnended(usize, String),
    /// `split NODE on|off`: its console output comes in small pieces.
    Split(usize, bool),
    /// `delay NODE TIME`: its console output comes so much later.
    Delay(usize, Duration),
    /// `loss NODE N`: so many of a thousand bytes of its console are lost.
    Loss(usize, u16),
    /// `break NODE straight`, `late TIME`, `twice TIME`: how BREAKs come to it.
    BreakWay(usize, BreakWay),
    /// `terminal-server on|off`: its power; it sends BREAK to all when it comes back.
    TerminalServer(bool),
    /// `site on|off`: the power of all nodes, of the terminal server, and of the monitoring host.
    Site(bool),
    /// `maintenance [NODE] for TIME`, `maintenance [NODE] ends`: an operator's order.
    Maintenance(Option<usize>, Option<Duration>),
    /// `out-of-service NODE for TIME`, `out-of-service NODE back`: an operator's word that it is without
    /// power, true or not.
    OutOfService(usize, Option<Duration>),
    /// `person NODE types "TEXT"`: at a console of clusterd's own, with RETURN.
    PersonTypes(usize, String),
    /// `person NODE breaks`
    PersonBreaks(usize),
    /// `person NODE leaves`
    PersonLeaves(usize),
    /// `legs NODE well|lie-once|hang|unknown`
    Legs(usize, LegWay),
    /// `pings well|lost N|late TIME|twice`
    Pings(PingWay),
    /// `drop-replies N`: in clusterd's own socket.
    DropReplies(u64),
    /// `clock ahead TIME`, `clock back TIME`: of the monitoring host, in seconds.
    Clock(i64),
    /// `stand-still TIME`: clusterd is stopped and goes on.
    StandStill(Duration),
    /// `kill at N actions`: SIGKILL of clusterd when it has performed so many actions more.
    KillAt(u32),
    /// `interrupt N before|after|written|torn|stopped for TIME`: of clusterd, at its Nth action from
    /// here on.
    Interrupt(Interruption),
    /// `gateway answers|silent`: of the monitoring host.
    Gateway(bool),
    /// `witness answers|silent`
    Witness(bool),
    /// `journal well|fails|slow TIME`
    Journal(JournalState),
    /// `journal torn`: a restart finds what was there before its last record.
    TearJournal,
    /// `hook-says well|no|not-here|nothing after TIME`: the next hook that a boot waits for; others say
    /// at once that it may go on.
    HookSays(Verdict, Duration),
    /// `sp NODE hangs|answers|restarts|taken`: its service processor.
    Processor(usize, ProcessorWay),
    /// `let-loose`: everything that was pulled, cut, frozen, switched off or bent is as it was, clusterd
    /// runs, and three minutes pass.
    LetLoose,
}

/// What happens to a service processor itself; its machine notices nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessorWay {
    /// It stands still: nothing is answered, nothing passes.
    Hangs,
    /// It answers, and nobody else has its console.
    Answers,
    /// It starts anew: the next session begins at its shell.
    Restarts,
    /// Another session has taken the console: ours only looks on.
    Taken,
}

impl ProcessorWay {
    /// All of them, by their words in a scene.
    pub const ALL: [(&'static str, ProcessorWay); 4] = [
        ("hangs", ProcessorWay::Hangs),
        ("answers", ProcessorWay::Answers),
        ("restarts", ProcessorWay::Restarts),
        ("taken", ProcessorWay::Taken),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        let mut all = ProcessorWay::ALL.iter();
        let this = all.find(|(_, way)| *way == self);
        this.map_or("answers", |(word, _)| word)
    }
}

/// A machine's `security-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// None.
    None,
    /// All but `go` and a bare `boot` want the password.
    Command,
    /// All but `go` want it.
    Full,
}

impl Security {
    /// The variable's value.
    pub fn word(self) -> &'static str {
        match self {
            Security::None => "none",
            Security::Command => "command",
            Security::Full => "full",
        }
    }
}

/// A cable of the monitoring host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonitorCable {
    /// To the nodes' network.
    Service,
    /// To the terminal server.
    Console,
}

/// Something that holds or does not.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    /// `not …`
    Not(Box<Hold>),
    /// `state NAME`: of the script.
    State(String),
    /// `NODE serves`: it runs the package, the script knows it as primary, and is in its first
    /// resting state again (`watch` in the shipped scripts).
    Serves(usize),
    /// `NODE is WORDS`: `running`, `off`, `at-prompt`, `stopped` (by BREAK, the kernel intact),
    /// `starting`, `panicked`, `hung`, `in-debugger`.
    Is(usize, NodeIs),
    /// `siege NODE`
    Siege(usize),
    /// `proof NODE`: a living proof that it is stopped.
    Proof(usize),
    /// `guard NODE`: its standing guard was read.
    Guard(usize),
    /// `alarm CODE`: raised since the mark.
    Alarm(String),
    /// `open CODE`: an alarm that is open now.
    Open(String),
    /// `served-or-told`: some node runs the service, or an alarm that is more than a notice is open.
    ServedOrTold,
    /// `boots NODE NODE …`: all boots from the shared disk since the scene began, in order.
    Boots(Vec<usize>),
    /// `boot-commands N`: typed by clusterd since the mark.
    BootCommands(usize),
    /// `breaks NODE N`, with `at-least`: BREAKs sent since the mark.
    Breaks(usize, usize),
    /// `hands-off`: no BREAK, boot, go, reset or setenv on any console since the mark.
    HandsOff,
    /// `proved NODE before NODE`: every piece of a proof on the first one's console, before the
    /// boot command on the second one's, since the mark.
    Proved(usize, usize),
    /// `accepted WORD`: two nodes could write, or one was booted beside another one that could, and the data
    /// policy or a person's word answers for it.
    Accepted(Excuse),
    /// `said "text"`: it stands in the timeline since the mark, alarms too.
    Said(String),
}

/// What a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeIs {
    /// The service runs.
    Running,
    /// Without power.
    Off,
    /// At its prompt, with nothing to resume.
    AtPrompt,
    /// At its prompt, with a kernel that `go` would resume.
    Stopped,
    /// Self test, loading, kernel.
    Starting,
    /// Its kernel has panicked.
    Panicked,
    /// Its kernel or userland stands still.
    Hung,
    /// A kernel debugger has it.
    InDebugger,
}
