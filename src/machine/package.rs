//! One package as the machine sees it: who has it, and where its script stands.

use std::collections::BTreeSet;

use crate::clock::Moment;
use crate::machine::action::PowerOrder;
use crate::machine::hook::Leave;
use crate::machine::input::Ticket;
use crate::machine::leg::Lost;
use crate::machine::memory::{Drill, Held, PackageMemory};
use crate::machine::node::Condition;
use crate::machine::order::Ordered;
use crate::machine::setup::NodeId;
use crate::machine::survey::Survey;
use crate::machine::tell::Told;
use crate::mutant::Guard;
use crate::script::program::{Pc, ProcedureId, StateId};

/// So many of its starts are remembered.
const STARTS_KEPT: usize = 64;

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The node that has it: by boot intent, adoption or evidence. A hypothesis until `bound`.
    pub primary: Option<NodeId>,
    /// The node chosen to have it next.
    pub secondary: Option<NodeId>,
    /// The journal, the consoles or an operator said who has it: else `primary` is a guess.
    pub known: bool,
    /// Who had it when the roles were bound anew to a node that waits at its prompt: that node's
    /// start is a switch, until it was begun.
    pub had: Option<NodeId>,
    /// The consoles have confirmed the roles since clusterd runs.
    pub bound: bool,
    /// The primary was seen to serve since the package was given to it.
    pub confirmed: bool,
    /// A takeover was begun and not ended: who shall have it.
    pub heir: Option<NodeId>,
    /// Why it is in HOLD.
    pub hold: Option<String>,
    /// Wall-clock seconds of recent switches.
    pub switches: Vec<u64>,
    /// Wall-clock seconds of recent starts of the node that had the package already.
    pub restarts: Vec<u64>,
    /// clusterd was started while the package was given to a node and not seen on it yet: since
    /// then that node has its boot's time once more.
    pub awaited: Option<Moment>,
    /// Misses of the address in a row.
    pub misses: u32,
    /// When the address answered last.
    pub answered: Option<Moment>,
    /// When the first of the present misses was.
    pub missing_since: Option<Moment>,
    /// The misses for which a witness vouches.
    pub lost: Option<Lost>,
    /// What the engine told of it, whatever its script does.
    pub told: Told,
    /// An operator's `adopt` is in force.
    pub adopting: Option<Adoption>,
    /// The hooks before a boot have given their leave.
    pub leave: Option<Leave>,
    /// When the script took up an operator's order to stop the primary.
    pub ordered: Option<Moment>,
    /// The last order of a person, and how it goes.
    pub order: Option<Box<Ordered>>,
    /// A person's HOLD.
    pub held: Option<Box<Held>>,
    /// How the last drill ended.
    pub drill: Option<Box<Drill>>,
    /// Its script.
    pub run: Run,
}

/// An operator's `adopt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Adoption {
    /// The primary that `--primary` names.
    pub primary: Option<NodeId>,
}

/// Where a script stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The state.
    pub state: StateId,
    /// Since when.
    pub entered: Moment,
    /// The next op, or the op that waits.
    pub pc: Pc,
    /// Doors, calls and retries, innermost last.
    pub frames: Vec<Frame>,
    /// What it waits for.
    pub wait: Wait,
    /// Values of `let` and captures.
    pub slots: Vec<String>,
    /// Why the last procedure, door or run failed.
    pub reason: String,
    /// What is held against the node that was last suspected or fenced.
    pub evidence: String,
    /// When the trouble began that is being dealt with: since when the service is gone.
    pub trouble: Option<Moment>,
    /// For every trigger: when it fires next (`every`, `after`).
    pub due: Vec<Option<Moment>>,
    /// For every trigger: its level is on and was answered.
    pub answered: Vec<bool>,
    /// Triggers that happened while the script could not be interrupted.
    pub pending: BTreeSet<usize>,
    /// What made the last trigger pending, for people.
    pub cause: String,
    /// States entered since the script last waited: a loop without a wait ends in HOLD.
    pub hops: u32,
    /// States entered one after the other of which none lasted a second: a loop that only
    /// waits for answers ends in HOLD too.
    pub haste: u32,
    /// Roles before a boot intent whose RETURN was not pressed yet.
    pub roles_before: Option<RolesBefore>,
    /// The engine's own HOLD: no trigger fires until an operator says `release`.
    pub stuck: bool,
}

/// The roles of a package as they were before a boot intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RolesBefore {
    primary: Option<NodeId>,
    secondary: Option<NodeId>,
    had: Option<NodeId>,
    confirmed: bool,
    /// The start was counted as a switch, not as a restart.
    switch: bool,
}

/// A door, a call or a retry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// A procedure was called.
    Call {
        back: Pc,
        otherwise: Option<Pc>,
        arguments: Vec<NodeId>,
    },
    /// A body is tried again and again.
    Retry {
        start: Pc,
        left: u32,
        every: std::time::Duration,
        began: Moment,
        end: Pc,
    },
    /// A node is being stopped for good.
    Fence {
        node: NodeId,
        op: Pc,
        next: usize,
        procedure: ProcedureId,
        began: Moment,
    },
    /// A node is being given the package.
    Boot {
        node: NodeId,
        op: Pc,
        began: Moment,
        typed: bool,
    },
    /// A node is being resumed.
    Resume { node: NodeId, op: Pc, typed: bool },
}

/// What a script waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Nothing: the next op runs.
    Ready,
    /// Entry steps are at their end; only triggers.
    Idle,
    /// One of the arms of the `expect` at `pc`.
    Expect {
        node: NodeId,
        since: Moment,
        deadline: Moment,
    },
    /// The answer to a question of this node.
    Answer { node: NodeId },
    /// The prompt after a reset.
    Reset {
        node: NodeId,
        since: Moment,
        deadline: Moment,
        banners: u32,
    },
    /// Time.
    Sleep { until: Moment, then: Pc },
    /// A link.
    Link {
        node: NodeId,
        deadline: Moment,
        otherwise: Pc,
    },
    /// The journal holds an intent; then the machine decides again.
    Durable { ticket: Ticket, then: AfterDurable },
    /// Before a fence: does the prompt that showed answer a nonce?
    Suspicion { node: NodeId },
    /// A probe.
    Probe {
        ticket: Ticket,
        deadline: Moment,
        answers: Pc,
        silent: Pc,
    },
    /// A command.
    Run { ticket: Ticket, deadline: Moment },
    /// Power legs.
    Power {
        ticket: Ticket,
        node: NodeId,
        order: PowerOrder,
        deadline: Moment,
    },
    /// Darkness.
    Dark {
        node: NodeId,
        since: Moment,
        deadline: Moment,
        next_look: Moment,
    },
    /// Who runs, who waits.
    Survey(Box<Survey>),
    /// The gate before the first byte of a boot or `go` command.
    Gate {
        node: NodeId,
        text: String,
        stage: Gate,
        deadline: Moment,
    },
    /// A hook that may hold up the boot at `pc`.
    Hook {
        node: NodeId,
        /// Which of the package's gates.
        gate: usize,
        ticket: Ticket,
        deadline: Moment,
    },
    /// The monitor doubts itself.
    Impaired,
    /// It rests: people work on its nodes.
    Maintenance,
    /// A person types on this node. `seen`: what its console showed when an op had to wait, or
    /// nothing where a conversation was broken off.
    Person {
        node: NodeId,
        seen: Option<Condition>,
    },
}

/// What to do when an intent is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AfterDurable {
    /// Begin to fence.
    Fence { node: NodeId },
    /// Begin to boot.
    Boot { node: NodeId },
    /// Begin to resume.
    Resume { node: NodeId },
}

/// How far the gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gate {
    /// The other nodes are asked a nonce.
    Nonces,
    /// The command is typed, without RETURN; its echo is awaited.
    Echo,
}

impl Package {
    /// A package of which only its memory is known.
    pub fn new(
        memory: &PackageMemory,
        find: impl Fn(&str) -> Option<NodeId>,
        now: Moment,
    ) -> Package {
        let node = |name: &Option<String>| name.as_deref().and_then(&find);
        Package {
            primary: node(&memory.primary),
            secondary: None,
            known: memory.primary.is_some(),
            had: node(&memory.had),
            bound: false,
            confirmed: memory.confirmed,
            heir: node(&memory.heir),
            hold: memory.hold.clone(),
            switches: memory.switches.clone(),
            restarts: memory.restarts.clone(),
            awaited: (memory.primary.is_some() && !memory.confirmed).then_some(now),
            misses: 0,
            answered: None,
            missing_since: None,
            lost: None,
            told: Told::default(),
            adopting: None,
            leave: None,
            ordered: None,
            order: None,
            held: memory.held.clone().map(Box::new),
            drill: memory.drill.clone().map(Box::new),
            run: Run::new(now),
        }
    }
}

impl Package {
    /// Whether a start of this node is a switch: somebody else has the package, or had it before the
    /// roles were bound anew.
    pub fn moves_to(&self, n: NodeId) -> bool {
        let had = self.had.filter(|_| Guard::BoundMoves.stands());
        had.or(self.primary) != Some(n)
    }

    /// The roles are to be bound to a node that waits at its prompt: whoever had the package is
    /// remembered until that node is started.
    pub fn will_go_to(&mut self, n: NodeId) {
        if self.known {
            let had = self.had.or(self.primary);
            self.had = had.filter(|had| *had != n);
            self.confirmed &= self.primary == Some(n);
        }
    }

    /// No takeover is under way any more; whether one was.
    pub fn end_takeover(&mut self) -> bool {
        let heir = self.heir.take();
        self.had.take().is_some() || heir.is_some()
    }

    /// The package is given to the node from a boot intent on: counted, and kept as it was before.
    pub fn give_to(&mut self, n: NodeId, wall: u64) {
        let switch = self.moves_to(n);
        self.run.roles_before = Some(RolesBefore {
            primary: self.primary,
            secondary: self.secondary,
            had: self.had,
            confirmed: self.confirmed,
            switch,
        });
        let counted = if switch {
            Some(&mut self.switches).filter(|_| Guard::SwitchCounts.stands())
        } else {
            Some(&mut self.restarts)
        };
        if let Some(starts) = counted {
            starts.push(wall);
            if starts.len() > STARTS_KEPT {
                starts.remove(0);
            }
        }
        if self.primary != Some(n) {
            self.secondary = self.primary;
            self.primary = Some(n);
        }
        self.had = None;
        self.confirmed &= Guard::BootUnconfirmed.gone();
        self.known = true;
    }

    /// A start whose RETURN was not pressed is taken back, with its count.
    pub fn take_back(&mut self, before: RolesBefore) {
        if before.switch {
            self.switches.pop();
        } else {
            self.restarts.pop();
        }
        self.primary = before.primary;
        self.secondary = before.secondary;
        self.had = before.had;
        self.confirmed = before.confirmed;
    }

    /// Whether the journal or the consoles said who has it.
    pub fn primary_is_known(&self) -> bool {
        self.known && self.primary.is_some()
    }
}

impl Run {
    fn new(now: Moment) -> Run {
        Run {
            state: 0,
            entered: now,
            pc: 0,
            frames: Vec::new(),
            wait: Wait::Idle,
            slots: Vec::new(),
            reason: String::new(),
            evidence: String::new(),
            trouble: None,
            due: Vec::new(),
            answered: Vec::new(),
            pending: BTreeSet::new(),
            cause: String::new(),
            hops: 0,
            haste: 0,
            roles_before: None,
            stuck: false,
        }
    }

    /// Whether a procedure talks.
    pub fn talks(&self) -> bool {
        self.frames
            .iter()
            .any(|f| !matches!(f, Frame::Retry { .. }))
    }

    /// The door that is open, with the node behind it.
    pub fn door(&self) -> Option<(Door, NodeId)> {
        self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Fence { node, .. } => Some((Door::Fence, *node)),
            Frame::Boot { node, .. } => Some((Door::Boot, *node)),
            Frame::Resume { node, .. } => Some((Door::Resume, *node)),
            Frame::Call { .. } | Frame::Retry { .. } => None,
        })
    }

    /// The node arguments of the running procedure.
    pub fn argument(&self, index: usize) -> Option<NodeId> {
        self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Call { arguments, .. } => Some(arguments.get(index).copied()),
            Frame::Fence { node, .. } | Frame::Boot { node, .. } | Frame::Resume { node, .. } => {
                Some((index == 0).then_some(*node))
            }
            Frame::Retry { .. } => None,
        })?
    }
}

/// The three doors (design rules 1, 2 and 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `fence`.
    Fence,
    /// `boot`.
    Boot,
    /// `resume`.
    Resume,
}
