//! What a checked chat script becomes: one flat list of [`Op`]s with jumps, the tables
//! they point into, and for every op its place in the text. The machine runs this and
//! nothing else; it holds no state and is shared (`Arc`) by all who run it.

use std::time::Duration;

/// Index of an op in [`Program::ops`].
pub type Pc = usize;
/// Index into [`Program::states`].
pub type StateId = usize;
/// Index into [`Program::procedures`].
pub type ProcedureId = usize;
/// Index into [`Program::patterns`].
pub type PatternId = usize;
/// Index of a `let` or capture value in the running script.
pub type Slot = usize;

/// A checked, compiled chat script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The script's own name.
    pub name: String,
    /// Files the text came from, the script itself first.
    pub files: Vec<String>,
    /// All patterns of the script and its libraries: one set, armed as a whole.
    pub patterns: Vec<Pattern>,
    /// One block a platform: how to ask a firmware the questions of a proof.
    pub firmwares: Vec<Firmware>,
    /// The states; `start` is the first one entered.
    pub states: Vec<State>,
    /// Where the machine begins.
    pub start: StateId,
    /// The procedures of script and libraries.
    pub procedures: Vec<Procedure>,
    /// Names of the values that `let` and captures fill, by slot.
    pub slots: Vec<String>,
    /// All ops, of all states, triggers and procedures.
    pub ops: Vec<Op>,
    /// For every op its file (index into `files`) and line, beginning with 1.
    pub places: Vec<Place>,
    /// How often a package's address is asked: the shortest `every` of all `ping` triggers.
    pub ping_every: Duration,
    /// Loud parts (`assume stopped …`), for `check`, `status` and the log.
    pub assumptions: Vec<String>,
}

/// Where an op stands in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Index into [`Program::files`].
    pub file: usize,
    /// Line, beginning with 1.
    pub line: usize,
}

/// A named, anchored regex over console bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The name that triggers and arms use.
    pub name: String,
    /// The regex, as `matcher::PatternDef` wants it.
    pub regex: String,
    /// A prompt's quiet time: the match counts when nothing follows for so long.
    pub quiet: Option<Duration>,
}

/// How to ask one kind of firmware what a FirmwareReset proof consists of.
///
/// Texts are templates: `{a}` and `{b}` are the two random numbers of a nonce as eight
/// hex digits, `{name}` and `{value}` a boot parameter, `{mark}` the random Forth word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// The name that `platform:` in a cluster file gives.
    pub platform: String,
    /// The prompt.
    pub prompt: PatternId,
    /// What wipes a half-typed line: `"\x15"`.
    pub kill: String,
    /// A sum that only a live prompt can answer: `"hex {a} {b} + u.\r"`; answered in hex.
    pub live: String,
    /// Asks for the Host ID: `"banner\r"`.
    pub identity: String,
    /// Shows it, in the capture `id`.
    pub host_id: PatternId,
    /// Sets a boot parameter: `"setenv {name} {value}\r"`.
    pub set: String,
    /// Reads one back: `"printenv {name}\r"`.
    pub get: String,
    /// Shows it, in the captures `name` and `value`.
    pub shows: PatternId,
    /// Says that there is no such parameter.
    pub absent: PatternId,
    /// Defines a random word that answers a sum: `": {mark} {a} {b} + u. ;\r"`.
    pub mark: String,
    /// Calls that word: `"{mark}\r"`.
    pub ask_mark: String,
    /// Says that the word is unknown.
    pub unknown: PatternId,
    /// Resets the machine: `"reset-all\r"`.
    pub reset: String,
    /// Opens the device `{device}`, reads its first block and closes it, line by line; the last one
    /// answers the sum of `{a}` and one if that went well, of `{a}` and nought if not. Empty: it cannot.
    pub opens: Vec<String>,
    /// The banner of a machine that starts (a second one voids a proof).
    pub banner: PatternId,
    /// The firmware or the loader starts a system by itself or on somebody's word.
    pub booting: Vec<PatternId>,
    /// `Type  'go' to resume`: stopped by BREAK, the kernel intact.
    pub resumable: PatternId,
    /// The system runs and asks for a login.
    pub login: Vec<PatternId>,
    /// The system has panicked or trapped.
    pub panic: Vec<PatternId>,
    /// Words that start or resume a system: no `send` outside `boot` and `resume` may hold one.
    pub starts: Vec<String>,
    /// The standing guard: the parameters that keep a node at its prompt.
    pub guard: Vec<GuardSetting>,
}

/// One boot parameter of the standing guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardSetting {
    /// The parameter's name, `auto-boot?`.
    pub name: String,
    /// The value that keeps the node at its prompt, `false`.
    pub value: String,
    /// Whether every firmware of this platform has it.
    pub presence: Presence,
}

/// Whether a boot parameter exists on every machine of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It must be there.
    Always,
    /// `where it exists`: its absence, said by the firmware, is as good as its value.
    WhereItExists,
}

/// One state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its name.
    pub name: String,
    /// What it is about, for people.
    pub about: String,
    /// Whether it is a place to stay in until somebody or something helps.
    pub kind: StateKind,
    /// The first entry step.
    pub entry: Pc,
    /// Armed while the machine is in the state, in the order of the text.
    pub triggers: Vec<Trigger>,
    /// Where it stands.
    pub place: Place,
}

/// What kind of state it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateKind {
    /// An ordinary state.
    Ordinary,
    /// `hold state`: the package is in HOLD while the machine is in it.
    Hold,
}

/// An event that a state listens for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// What happens.
    pub when: When,
    /// `urgent`: fires also while a procedure talks, and voids what it was proving.
    pub urgency: Urgency,
    /// The steps that follow; at their [`Op::End`] the machine stays in the state.
    pub body: Pc,
    /// Where it stands.
    pub place: Place,
}

/// Whether a trigger waits for a conversation to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Fires when no procedure talks.
    Ordinary,
    /// Fires at any time.
    Urgent,
}

/// What a trigger waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// `on primary prints a, b`: one of the patterns, in bytes since the state was entered.
    Prints { who: Role, patterns: Vec<PatternId> },
    /// `on ping misses N every D`: a level: the package's address missed so often in a row.
    PingMisses { count: u32, every: Duration },
    /// `on ping answers`: a level.
    PingAnswers,
    /// `on link secondary down for 2m`: a level.
    Link {
        who: Role,
        state: LinkState,
        held: Duration,
    },
    /// `on operator WORD`.
    Operator(OperatorWord),
    /// `after 10m`: since the state was entered.
    After(Duration),
    /// `every 1m`.
    Every(Duration),
    /// `on network_loss`: the cluster file's `network_loss: switch after …` is due.
    NetworkLoss,
    /// `on console_silent`: the cluster file's `console_silent: switch after …` is due.
    ConsoleSilent,
    /// `on siege secondary answers`: a besieged node said something.
    SiegeAnswers { who: Role },
    /// `on unfenced secondary`: it failed, and waits at its prompt without a full fence since.
    Unfenced { who: Role },
}

/// What an operator may say to a running script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperatorWord {
    /// `adopt CLUSTER [--primary NODE]`.
    Adopt,
    /// `release CLUSTER`: out of HOLD.
    Release,
    /// `confirm CLUSTER/NODE stopped`.
    Confirm,
    /// `switchover CLUSTER`: the package to the other node.
    Switchover,
    /// `failback CLUSTER`: the package home; scripts hear `switchover`.
    Failback,
    /// `hold CLUSTER`: to the engine; no script listens for it.
    Hold,
    /// `boot CLUSTER/NODE`, of the node that has the package.
    Boot,
    /// `fence CLUSTER/NODE`, of the node that has the package.
    FencePrimary,
    /// `fence CLUSTER/NODE`, of a standby.
    FenceStandby,
    /// `drill CLUSTER`.
    Drill,
    /// `confirm CLUSTER well`: to the engine, about the monitor; no script listens for it.
    Well,
}

impl OperatorWord {
    /// What a script may listen for, as it is written there.
    pub const HEARD: &[(&str, OperatorWord)] = &[
        ("adopt", OperatorWord::Adopt),
        ("release", OperatorWord::Release),
        ("confirm", OperatorWord::Confirm),
        ("switchover", OperatorWord::Switchover),
        ("boot", OperatorWord::Boot),
        ("fence_primary", OperatorWord::FencePrimary),
        ("fence_standby", OperatorWord::FenceStandby),
        ("drill", OperatorWord::Drill),
    ];

    /// The word as people say it.
    pub fn word(self) -> &'static str {
        match self {
            OperatorWord::Adopt => "adopt",
            OperatorWord::Release => "release",
            OperatorWord::Confirm => "confirm",
            OperatorWord::Switchover => "switchover",
            OperatorWord::Failback => "failback",
            OperatorWord::Hold => "hold",
            OperatorWord::Boot => "boot",
            OperatorWord::FencePrimary | OperatorWord::FenceStandby => "fence",
            OperatorWord::Drill => "drill",
            OperatorWord::Well => "well",
        }
    }
}

/// A console link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// The console is connected.
    Up,
    /// It is not.
    Down,
}

/// A role, bound to a node by the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The node that runs the package.
    Primary,
    /// The node chosen to run it next.
    Secondary,
}

/// Whom a step speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// A role, bound when the step runs.
    Role(Role),
    /// The n-th node argument of the running procedure.
    Argument(usize),
}

/// A procedure: a conversation that ends in `done` or `fail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Procedure {
    /// Its name.
    pub name: String,
    /// What it is about, for people.
    pub about: String,
    /// Names of its node arguments.
    pub arguments: Vec<String>,
    /// Its first op. A procedure's text ends in an implicit [`Op::Done`].
    pub entry: Pc,
    /// Where it stands.
    pub place: Place,
}

/// Text with values in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Piece>);

/// A piece of a [`Text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands (parameters are put in when the script is compiled).
    Literal(String),
    /// A value known when the step runs.
    Value(Value),
}

/// A value known when a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// `{primary}`, `{secondary}`, `{node}` (an argument): the node's name.
    Node(Who),
    /// `{cluster}`.
    Cluster,
    /// `{package}`.
    Package,
    /// `{address}`: the package's service address.
    Address,
    /// `{boot_device}`: the package's true boot device.
    BootDevice,
    /// `{evidence}`: what is held against the node that was last suspected or fenced.
    Evidence,
    /// `{elapsed}`: since the trouble began: the service was gone.
    Elapsed,
    /// `{reason}`: why the last procedure, door or run failed.
    Reason,
    /// `{stop}`: the cluster file's `stop:` command. Alone in a `run` it is all its words.
    Stop,
    /// A `let` or a capture.
    Slot(Slot),
}

/// One arm of an `expect`, `ask` or `run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// Any of these.
    pub patterns: Vec<PatternId>,
    /// Captures to keep: name of the capture group, slot.
    pub keep: Vec<(String, Slot)>,
    /// Where to go on.
    pub then: Pc,
}

/// A question whose answer is a piece of a FirmwareReset proof. It fails the procedure
/// when it is not answered rightly within its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `live node`: the prompt answers a sum.
    Live,
    /// `identity node`: the Host ID is asked and right.
    Identity,
    /// `set node "auto-boot?" = "false"`: set, then read back.
    Set {
        name: String,
        value: Text,
        presence: Presence,
    },
    /// `verify node "auto-boot?" = "false"`: read back only.
    Verify {
        name: String,
        value: Text,
        presence: Presence,
    },
    /// `mark node`: a random word is defined and answers.
    Mark,
    /// `unmarked node`: that word is unknown now.
    Unmarked,
    /// `opens node`: the package's boot device opens and its first block is read. No piece of a proof.
    Opens,
}

/// How urgent an alarm is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Notice,
    /// To be mended in the morning.
    Warning,
    /// Wake somebody.
    Critical,
}

impl Severity {
    /// `CRITICAL`, `WARNING`, `NOTICE`.
    pub fn text(self) -> &'static str {
        match self {
            Severity::Critical => "CRITICAL",
            Severity::Warning => "WARNING",
            Severity::Notice => "NOTICE",
        }
    }
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// ICMP echo to an address.
    Ping(Text),
    /// A TCP connection to `host:port`.
    Tcp(Text),
    /// The package's address, asked as the cluster file says (`probe service`).
    Service,
}

/// What a script does, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Types text on a console.
    Send { who: Who, text: Text },
    /// Sends BREAK. Only in procedures that a `fence` runs.
    Break { who: Who },
    /// Waits for one of the arms, in bytes since the script's own last send to that console.
    /// Without a `silence` target the procedure fails.
    Expect {
        who: Who,
        within: Duration,
        arms: Vec<Arm>,
        silence: Option<Pc>,
    },
    /// Asks a question of a proof.
    Question {
        who: Who,
        question: Question,
        within: Duration,
    },
    /// `reset node within D`: orders the reset and waits for the prompt.
    Reset { who: Who, within: Duration },
    /// `siege node`: BREAK, line kill, RETURN, without end, from now on. Only in a fence.
    Siege { who: Who },
    /// `dark node within D`: waits until the node counts as dark by rule 7. Only in a fence.
    Dark { who: Who, within: Duration },
    /// `power off node within D`: off through every leg, then every leg says off. Only in a fence.
    PowerOff { who: Who, within: Duration },
    /// `word node within D`: a living operator's word that the node is stopped. Only in a fence.
    Word { who: Who, within: Duration },
    /// `assume stopped node because "…"`. Only in a fence; refused under `integrity`.
    Assume { who: Who, because: Text },
    /// `power status node within D { on -> … off -> … unknown -> … }`.
    PowerStatus {
        who: Who,
        within: Duration,
        on: Pc,
        off: Pc,
        unknown: Pc,
    },
    /// Stops a node for good: the procedures are tried in their order until one makes a proof
    /// (`fence primary with openboot_reset, cut_power, darkness else -> held`).
    /// `refused`: a guard's veto; without it the machine goes to HOLD.
    Fence {
        who: Who,
        procedures: Vec<ProcedureId>,
        refused: Option<Pc>,
        otherwise: Pc,
    },
    /// Gives the package to a node and starts it. The roles move with it.
    Boot {
        who: Who,
        procedure: ProcedureId,
        refused: Option<Pc>,
        otherwise: Pc,
    },
    /// `resume`: `go`, the cure of a stray BREAK.
    Resume {
        who: Who,
        procedure: ProcedureId,
        refused: Option<Pc>,
        otherwise: Pc,
    },
    /// Calls a procedure. `otherwise`: where a failure leads; without it the caller fails too.
    Call {
        procedure: ProcedureId,
        arguments: Vec<Who>,
        otherwise: Option<Pc>,
    },
    /// Tries the ops that follow up to `count` times, one try every `every`; `Done` inside ends
    /// it well, at `end`; [`Op::Again`] ends a try that was not done.
    Retry {
        count: u32,
        every: Duration,
        end: Pc,
    },
    /// The end of a retry's body.
    Again,
    /// Ends the innermost retry or procedure well.
    Done,
    /// Fails the innermost retry's try or the procedure.
    Fail(Text),
    /// Goes on elsewhere in the same block of steps.
    Jump(Pc),
    /// Enters a state.
    Goto(StateId),
    /// Lets time pass.
    Wait(Duration),
    /// `wait link node within D else …`: until the console is connected.
    WaitLink {
        who: Who,
        within: Duration,
        otherwise: Pc,
    },
    /// `survey within D { … }`: who runs, who waits (rules 13 and 14). Binds the roles.
    /// `silent`: a journalled primary neither serves nor waits.
    Survey {
        within: Duration,
        one_runs: Pc,
        all_wait: Pc,
        two_live: Pc,
        silent: Pc,
        unclear: Pc,
    },
    /// Runs a local command: arguments, no shell. Exit codes lead to places.
    Run {
        argv: Vec<Text>,
        within: Duration,
        codes: Vec<(i32, Pc)>,
        otherwise: Pc,
    },
    /// Asks an address once.
    Probe {
        probe: Probe,
        within: Duration,
        answers: Pc,
        silent: Pc,
    },
    /// Raises an alarm.
    Alarm {
        severity: Severity,
        code: String,
        text: Text,
    },
    /// Ends an alarm.
    Clear { code: String },
    /// Writes a line to the activity log.
    Log(Text),
    /// Keeps a value.
    Let { slot: Slot, value: Text },
    /// The end of entry steps or of a trigger's body: the machine stays in its state.
    End,
}

impl Op {
    /// The most time that the op takes.
    pub fn takes(&self) -> Duration {
        match self {
            Op::Expect { within, .. }
            | Op::Question { within, .. }
            | Op::Reset { within, .. }
            | Op::Dark { within, .. }
            | Op::PowerOff { within, .. }
            | Op::Word { within, .. }
            | Op::PowerStatus { within, .. }
            | Op::WaitLink { within, .. }
            | Op::Survey { within, .. }
            | Op::Run { within, .. }
            | Op::Probe { within, .. } => *within,
            Op::Wait(time) => *time,
            _ => Duration::ZERO,
        }
    }

    /// The node that the op speaks to or about, if it names just one.
    pub fn who(&self) -> Option<Who> {
        match self {
            Op::Send { who, .. }
            | Op::Break { who }
            | Op::Expect { who, .. }
            | Op::Question { who, .. }
            | Op::Reset { who, .. }
            | Op::Siege { who }
            | Op::Dark { who, .. }
            | Op::PowerOff { who, .. }
            | Op::PowerStatus { who, .. }
            | Op::Word { who, .. }
            | Op::Assume { who, .. }
            | Op::Fence { who, .. }
            | Op::Boot { who, .. }
            | Op::Resume { who, .. }
            | Op::WaitLink { who, .. } => Some(*who),
            _ => None,
        }
    }
}

impl Program {
    /// The firmware block of a platform.
    pub fn firmware(&self, platform: &str) -> Option<&Firmware> {
        self.firmwares.iter().find(|f| f.platform == platform)
    }

    /// The codes of the alarms that it raises itself.
    pub fn alarm_codes(&self) -> impl Iterator<Item = &str> {
        self.ops.iter().filter_map(|op| match op {
            Op::Alarm { code, .. } => Some(code.as_str()),
            _ => None,
        })
    }

    /// The state's name.
    pub fn state_name(&self, id: StateId) -> &str {
        self.states.get(id).map_or("?", |state| &state.name)
    }

    /// Where an op stands, as `file:line`.
    pub fn place_text(&self, pc: Pc) -> String {
        let place = self.places.get(pc).copied().unwrap_or_default();
        let file = self.files.get(place.file).map_or("?", String::as_str);
        format!("{file}:{}", place.line)
    }
}
