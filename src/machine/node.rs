//! One node as the machine sees it: link, what its console said, evidence, identity,
//! guard, proof, keyboard, siege. Facts only; what they allow stands in `guard.rs`.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::asking::Asking;
use crate::machine::input::Ticket;
use crate::machine::making::Making;
use crate::machine::memory::{GuardReading, NodeMemory};
use crate::machine::out_of_service::OutOfService;
use crate::machine::person::Pen;
use crate::machine::persons_word::PersonsWord;
use crate::machine::proof::Proof;
use crate::mutant::Guard;

/// Dialogue text kept behind the last thing we typed.
const TALK_LIMIT: usize = 8192;
/// By how much its room grows.
const TALK_STEP: usize = 256;
/// After the last unasked byte, somebody counts as typing for so long.
pub const KEYBOARD_QUIET: Duration = Duration::from_secs(5);

/// The console's link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Connected since.
    Up { epoch: u64, since: Moment },
    /// Not connected since.
    Down { since: Moment, why: String },
}

/// What the node was last seen to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Nothing is known on this link.
    Unknown,
    /// A login prompt answered.
    Running,
    /// A firmware prompt showed.
    Prompt,
    /// It starts: banner, load or boot text.
    Starting,
    /// A panic or trap was printed.
    Panicked,
    /// RETURN was not answered.
    Silent,
}

impl Condition {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Condition::Unknown => "unknown",
            Condition::Running => "running",
            Condition::Prompt => "at its prompt",
            Condition::Starting => "starting",
            Condition::Panicked => "panicked",
            Condition::Silent => "silent",
        }
    }
}

/// When what was last seen. All of it is voided when the link is lost, but what is said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// A panic or a trap.
    pub panic: Option<Moment>,
    /// A bare firmware prompt.
    pub prompt: Option<Moment>,
    /// The first bare firmware prompt since it was anything else.
    pub prompt_since: Option<Moment>,
    /// A nonce was answered.
    pub nonce: Option<Moment>,
    /// A login prompt.
    pub login: Option<Moment>,
    /// `Type  'go' to resume`.
    pub resumable: Option<Moment>,
    /// Banner, load or boot text.
    pub starting: Option<Moment>,
    /// RETURN was not answered.
    pub unanswered: Option<Moment>,
    /// The first unanswered RETURN of a row.
    pub silent_since: Option<Moment>,
    /// The last of all these, for people.
    pub last: Option<(Moment, String)>,
}

/// Whether the machine at the console is the one it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Not asked on this link.
    Unknown,
    /// Right, when it was asked.
    Right(Moment),
    /// It says another Host ID.
    Wrong(String),
}

/// BREAK without end (design rule 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Siege {
    /// Since when.
    pub since: Moment,
    /// When the next BREAK is due.
    pub next: Moment,
    /// It has said something that was not yet dealt with.
    pub answered: bool,
    /// The first BREAK waits until the journal has this.
    pub awaits: Option<Ticket>,
}

/// An operator's word that the node is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Who.
    pub who: String,
    /// When.
    pub at: Moment,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its console's link.
    pub link: Link,
    /// The last byte on this link.
    pub heard: Option<Moment>,
    /// The last byte since clusterd runs.
    pub heard_ever: Option<Moment>,
    /// What it was last seen to be.
    pub condition: Condition,
    /// What was seen, and when.
    pub evidence: Evidence,
    /// Who it is.
    pub identity: Identity,
    /// Its Host ID, configured or learnt.
    pub host_id: Option<String>,
    /// Since when its console is lost, or connected anew without showing what the node is.
    pub unseen: Option<Moment>,
    /// Since when its console is listened to without a standstill of clusterd's.
    pub watched_since: Moment,
    /// A living proof that it is stopped.
    pub proof: Option<Proof>,
    /// A FirmwareReset proof in the making.
    pub making: Making,
    /// The guard was read back, and nothing foreign was booted since.
    pub guard_read: bool,
    /// When it was read back last, and by what: for people.
    pub guard_last: Option<Box<GuardReading>>,
    /// A BREAK has worked on this console.
    pub break_worked: bool,
    /// The last BREAK we sent, and how many in a row.
    pub broke: Option<(Moment, u32)>,
    /// It was fully fenced since it last ran: nothing is left to resume.
    pub settled: bool,
    /// It loads or runs a system: boot text or a login since its last prompt or banner.
    pub loads: bool,
    /// It is under siege.
    pub siege: Option<Siege>,
    /// Whether its console repeats what is typed.
    pub echo: bool,
    /// Whether the line behind the console has a carrier, where it tells.
    pub carrier: Option<bool>,
    /// Somebody typed here last.
    pub keyboard: Option<Moment>,
    /// A person of ours has the console, or waits for it.
    pub pen: Option<Box<Pen>>,
    /// A question of ours is open.
    pub asking: Option<Box<Asking>>,
    /// How the last question ended.
    pub answer: Option<Result<(), String>>,
    /// We typed something that may be answered until then.
    pub owed_until: Option<Moment>,
    /// When we last typed a RETURN.
    pub returned: Option<Moment>,
    /// The last own send of the script.
    pub spoke: Moment,
    /// Cleaned text since our last send, while anybody reads it.
    pub talk: String,
    /// Captured boot parameters and the like since our last send, while a question is open: pattern,
    /// captures.
    pub shown: Vec<(usize, Vec<(String, String)>)>,
    /// What stands on its input line, typed by us and not ended by RETURN.
    pub line: String,
    /// Text of ours may stand on its input line from before: it is killed before the next byte.
    pub dirty: bool,
    /// The answer of the random word that was defined last.
    pub mark_sum: Option<String>,
    /// An operator's word.
    pub word: Option<Box<Word>>,
    /// Wall-clock seconds of recent failures.
    pub failures: Vec<u64>,
    /// It failed and was not fully fenced since.
    pub unfenced_failure: bool,
    /// When a fence of it began or was refused that made no proof.
    pub fence_tried: Option<Moment>,
    /// It is in maintenance, by itself.
    pub maintenance: Option<Box<PersonsWord>>,
    /// A person has taken it out of service.
    pub out: Option<Box<OutOfService>>,
}

impl Node {
    /// A node of which only its memory is known.
    pub fn new(host_id: Option<String>, memory: &NodeMemory, now: Moment) -> Node {
        Node {
            link: Link::Down {
                since: now,
                why: "not connected yet".to_owned(),
            },
            heard: None,
            heard_ever: None,
            condition: Condition::Unknown,
            evidence: Evidence {
                panic: memory.panicked.then_some(now),
                ..Evidence::default()
            },
            identity: Identity::Unknown,
            host_id: host_id.or_else(|| memory.host_id.clone()),
            unseen: Some(now),
            watched_since: now,
            proof: None,
            making: Making::default(),
            guard_read: memory.guard_read,
            guard_last: memory.guard_last.clone().map(Box::new),
            break_worked: memory.break_worked,
            broke: None,
            settled: false,
            loads: false,
            siege: memory.siege.then_some(Siege {
                since: now,
                next: now,
                answered: false,
                awaits: None,
            }),
            echo: true,
            carrier: None,
            keyboard: None,
            pen: None,
            asking: None,
            answer: None,
            owed_until: None,
            returned: None,
            spoke: now,
            talk: String::new(),
            shown: Vec::new(),
            line: String::new(),
            dirty: false,
            mark_sum: None,
            word: None,
            failures: memory.failures.clone(),
            unfenced_failure: memory.unfenced_failure,
            fence_tried: None,
            maintenance: None,
            out: None,
        }
    }

    /// The epoch of the present link.
    pub fn epoch(&self) -> Option<u64> {
        match self.link {
            Link::Up { epoch, .. } => Some(epoch),
            Link::Down { .. } => None,
        }
    }

    /// Since when the link is up without a break.
    pub fn link_since(&self) -> Option<Moment> {
        match self.link {
            Link::Up { since, .. } => Some(since),
            Link::Down { .. } => None,
        }
    }

    /// Nothing that was seen on an old link counts on a new one.
    pub fn forget_link(&mut self) {
        self.dirty |= !self.line.is_empty();
        self.line.clear();
        self.heard = None;
        if Guard::LinkForgetsState.stands() {
            self.condition = Condition::Unknown;
            self.evidence = Evidence {
                panic: self.evidence.panic,
                last: self.evidence.last.take(),
                ..Evidence::default()
            };
        }
        if Guard::LinkForgetsIdentity.stands() {
            self.identity = Identity::Unknown;
        }
        self.making = Making::default();
        self.loads = false;
        self.carrier = None;
        self.keyboard = None;
        self.owed_until = None;
        self.returned = None;
        if self.end_question() {
            self.answer = Some(Err("the console was lost".to_owned()));
        }
    }

    /// Keeps text since our last send, up to a limit; the oldest goes first.
    pub fn keep_talk(&mut self, text: &str) {
        if self.talk.capacity() - self.talk.len() < text.len() {
            // Not twice as much: five hundred nodes may be asked at once.
            self.talk.reserve_exact(text.len().max(TALK_STEP));
        }
        self.talk.push_str(text);
        if self.talk.len() > TALK_LIMIT {
            let mut cut = self.talk.len() - TALK_LIMIT;
            while !self.talk.is_char_boundary(cut) {
                cut += 1;
            }
            self.talk.drain(..cut);
        }
    }

    /// The open question, if there is one, is over: nobody reads any more what was said to it.
    pub fn end_question(&mut self) -> bool {
        self.talk = String::new();
        self.shown = Vec::new();
        self.asking.take().is_some()
    }

    /// Our own send begins a new piece of conversation.
    pub fn begin_talk(&mut self, now: Moment) {
        self.talk = String::new();
        self.shown.clear();
        self.spoke = now;
    }

    /// Keeps what our typing leaves on the input line.
    pub fn keep_line(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\r' | '\n' | '\x03' | '\x15' => self.line.clear(),
                c => self.line.push(c),
            }
        }
    }

    /// Whether somebody is typing here.
    pub fn typed_at(&self, now: Moment) -> bool {
        self.keyboard
            .is_some_and(|at| now.since(at) < KEYBOARD_QUIET)
    }

    /// Whether bytes that come now may be an answer to something of ours.
    pub fn owed(&self, now: Moment) -> bool {
        self.asking.is_some() || self.owed_until.is_some_and(|end| now <= end)
    }

    /// Whether something happened within `span` before `now`.
    pub fn fresh(at: Option<Moment>, span: Duration, now: Moment) -> bool {
        at.is_some_and(|at| now.since(at) <= span)
    }

    /// What is to be remembered of it.
    pub fn memory(&self, name: &str) -> NodeMemory {
        NodeMemory {
            node: name.to_owned(),
            host_id: self.host_id.clone(),
            break_worked: self.break_worked,
            guard_read: self.guard_read,
            guard_last: self.guard_last.as_deref().cloned(),
            siege: self.siege.is_some(),
            failures: self.failures.clone(),
            panicked: self.evidence.panic.is_some(),
            unfenced_failure: self.unfenced_failure,
            maintenance: None,
            out_of_service: None,
        }
    }
}
