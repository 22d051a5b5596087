//! A chat script as it was read: what stands where, names not yet looked up.

use std::time::Duration;

use super::diagnostic::Span;
use super::program::{LinkState, OperatorWord, Presence, Severity, StateKind, Urgency};

/// A name and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The name.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// A text in quotes, escapes resolved, `{values}` taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Its pieces.
    pub pieces: Vec<QuotedPiece>,
    /// Its place, quotes included.
    pub span: Span,
}

/// A piece of a [`Quoted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotedPiece {
    /// As it stands.
    Literal(String),
    /// `{name}`.
    Value(Word),
}

impl Quoted {
    /// The text with its placeholders as they were written.
    pub fn as_template(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                QuotedPiece::Literal(text) => text.clone(),
                QuotedPiece::Value(name) => format!("{{{}}}", name.text),
            })
            .collect()
    }
}

/// A time or a count: written out, or a parameter's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// What was written.
    pub kind: AmountKind,
    /// Its place.
    pub span: Span,
}

/// See [`Amount`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AmountKind {
    /// `5s`.
    Time(Duration),
    /// `3`.
    Count(u64),
    /// `load_limit`.
    Named(String),
}

/// One file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// `script NAME`; a library has none.
    pub script: Option<Word>,
    /// `use NAME`.
    pub uses: Vec<Word>,
    /// `param …`.
    pub params: Vec<Param>,
    /// `pattern …`.
    pub patterns: Vec<Pattern>,
    /// `firmware …`.
    pub firmwares: Vec<Firmware>,
    /// `state …`.
    pub states: Vec<State>,
    /// `procedure …`.
    pub procedures: Vec<Procedure>,
    /// Names of definitions that could not be read: not to be called unknown as well.
    pub broken: Vec<String>,
}

/// `param NAME = VALUE`.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Word,
    /// Its value.
    pub value: ParamValue,
    /// The value's place.
    pub value_span: Span,
}

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamValue {
    /// `5s`.
    Time(Duration),
    /// `3`.
    Count(u64),
    /// `"text"`.
    Text(String),
}

impl ParamValue {
    /// The kind, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            ParamValue::Time(_) => "a time",
            ParamValue::Count(_) => "a number",
            ParamValue::Text(_) => "a text",
        }
    }
}

/// `pattern NAME = /regex/ quiet D like "…" unlike "…"`.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Its name.
    pub name: Word,
    /// What stands between the slashes.
    pub regex: Word,
    /// The quiet time of a prompt.
    pub quiet: Option<Amount>,
    /// `like` and `unlike`.
    pub examples: Vec<Example>,
}

/// What a pattern claims about a line.
#[derive(Clone, Debug)]
pub struct Example {
    /// Whether it is to match.
    pub claim: Claim,
    /// The line.
    pub line: Word,
}

/// See [`Example`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It matches.
    Like,
    /// It does not.
    Unlike,
}

/// `firmware NAME [like OTHER] { … }`.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// Its name.
    pub name: Word,
    /// Where what it does not say comes from.
    pub like: Option<Word>,
    /// What it says.
    pub settings: Vec<Setting>,
}

/// One line of a firmware block.
#[derive(Clone, Debug)]
pub struct Setting {
    /// `live`, `guard`, …
    pub key: Word,
    /// Texts behind it.
    pub texts: Vec<Quoted>,
    /// Names of patterns behind it.
    pub names: Vec<Word>,
    /// `shows X`, `absent X`, `unknown X`.
    pub clauses: Vec<(Word, Word)>,
    /// `where it exists`.
    pub presence: Presence,
}

/// A state.
#[derive(Clone, Debug)]
pub struct State {
    /// Whether it is a hold state.
    pub kind: StateKind,
    /// The word `start` before it.
    pub start: Option<Span>,
    /// Its name.
    pub name: Word,
    /// What it is about.
    pub about: String,
    /// Entry steps.
    pub entry: Vec<Step>,
    /// Triggers.
    pub triggers: Vec<Trigger>,
}

/// A trigger.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// What it waits for.
    pub when: When,
    /// Whether it may interrupt a procedure.
    pub urgency: Urgency,
    /// What follows.
    pub body: Vec<Step>,
    /// Its head: `on primary prints panic`.
    pub span: Span,
}

/// What a trigger waits for; see [`super::program::When`].
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum When {
    Prints {
        who: Word,
        patterns: Vec<Word>,
    },
    PingMisses {
        count: Amount,
        every: Amount,
    },
    PingAnswers,
    Link {
        who: Word,
        state: LinkState,
        held: Option<Amount>,
    },
    Operator(OperatorWord),
    After(Amount),
    Every(Amount),
    NetworkLoss,
    ConsoleSilent,
    SiegeAnswers {
        who: Word,
    },
    Unfenced {
        who: Word,
    },
}

/// A procedure.
#[derive(Clone, Debug)]
pub struct Procedure {
    /// Its name.
    pub name: Word,
    /// What it is about.
    pub about: String,
    /// Names of its node arguments.
    pub arguments: Vec<Word>,
    /// Its steps.
    pub body: Vec<Step>,
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub kind: StepKind,
    /// Its place, without the blocks that belong to it.
    pub span: Span,
}

/// One arm of a step with several ways on.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Pattern names, or words and numbers that the step knows.
    pub labels: Vec<Word>,
    /// `keep GROUP as NAME`: the group, the name.
    pub keep: Vec<(Word, Word)>,
    /// What follows.
    pub then: Vec<Step>,
    /// The head of the arm.
    pub span: Span,
}

/// What a question asks; see [`super::program::Question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Asked {
    Live,
    Identity,
    Mark,
    Unmarked,
    Opens,
    Reset,
    Dark,
    Word,
    PowerOff,
}

/// `set` or `verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Setter {
    Set,
    Verify,
}

/// The doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Door {
    Fence,
    Boot,
    Resume,
}

impl Door {
    /// The word in the language.
    pub fn word(self) -> &'static str {
        match self {
            Door::Fence => "fence",
            Door::Boot => "boot",
            Door::Resume => "resume",
        }
    }
}

/// What a probe asks.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Probed {
    Ping(Quoted),
    Tcp(Quoted),
    Service,
}

/// What a step does.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum StepKind {
    Send {
        who: Word,
        text: Quoted,
    },
    Break {
        who: Word,
    },
    /// `expect`; `ask` is a RETURN and an `expect`.
    Expect {
        who: Word,
        within: Amount,
        arms: Vec<Arm>,
        ask: bool,
    },
    Nudge {
        who: Word,
        text: Quoted,
        patterns: Vec<Word>,
        within: Amount,
        otherwise: Option<Vec<Step>>,
    },
    Question {
        who: Word,
        asked: Asked,
        within: Amount,
    },
    Setting {
        who: Word,
        setter: Setter,
        name: Quoted,
        value: Quoted,
        presence: Presence,
        within: Amount,
    },
    Siege {
        who: Word,
    },
    Assume {
        who: Word,
        because: Quoted,
    },
    PowerStatus {
        who: Word,
        within: Amount,
        arms: Vec<Arm>,
    },
    Door {
        door: Door,
        who: Word,
        procedures: Vec<Word>,
        refused: Option<Vec<Step>>,
        otherwise: Option<Vec<Step>>,
    },
    Call {
        procedure: Word,
        arguments: Vec<Word>,
        otherwise: Option<Vec<Step>>,
    },
    Retry {
        count: Amount,
        every: Amount,
        body: Vec<Step>,
    },
    Wait(Amount),
    WaitLink {
        who: Word,
        within: Amount,
        otherwise: Option<Vec<Step>>,
    },
    Survey {
        within: Amount,
        arms: Vec<Arm>,
    },
    Run {
        argv: Vec<Quoted>,
        within: Amount,
        arms: Vec<Arm>,
    },
    Probe {
        probed: Probed,
        within: Amount,
        arms: Vec<Arm>,
    },
    Alarm {
        severity: Severity,
        code: Word,
        text: Quoted,
    },
    Clear {
        code: Word,
    },
    Log(Quoted),
    Let {
        name: Word,
        value: Quoted,
    },
    Done,
    Fail(Quoted),
    Goto(Word),
}
