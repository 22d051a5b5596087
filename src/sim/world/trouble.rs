//! What can go wrong with the monitoring host: its journal, its clock, its pings, its power legs, and
//! clusterd itself, killed at any action or standing still.

use std::time::Duration;

use super::{Interruption, World};
use crate::machine::action::{Entry, PowerOrder};
use crate::machine::input::{HostFact, Input, PowerState, Ticket};
use crate::machine::memory::Memory;
use crate::sim::Condition;

/// The journal of the model takes so long.
pub(super) const FSYNC: Duration = Duration::from_millis(1);
/// A ping's answer that comes later than this is none.
const PING_WAITS: Duration = Duration::from_secs(1);

/// How the journal fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JournalState {
    /// It is written at once.
    #[default]
    Well,
    /// Every write fails: the disk is full, or broken.
    Fails,
    /// A write takes so long.
    Slow(Duration),
}

/// How pings of the service address fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PingWay {
    /// They are answered as they should be.
    #[default]
    Well,
    /// So many of a thousand are lost.
    Lost(u16),
    /// Their answers come so much later.
    Late(Duration),
    /// Every answer comes twice.
    Twice,
}

/// How the power legs of a node fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LegWay {
    /// They do what they say.
    #[default]
    Well,
    /// Their next answer is a lie: off, and nothing was done.
    LieOnce,
    /// They never answer.
    Hang,
    /// They answer that it cannot be told.
    Unknown,
}

/// What is wrong on this side.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    pub journal: JournalState,
    /// The machine was told that the journal fails.
    pub journal_told: bool,
    pub pings: PingWay,
    pub legs: Vec<LegWay>,
    /// clusterd is killed before it performs one more action than so many.
    pub kill_at: Option<u32>,
    /// So many actions were performed.
    pub actions: u64,
    /// Which of them were journal entries.
    pub entries_at: Vec<u64>,
    /// No witness answers.
    pub witness_silent: bool,
    /// The monitoring host's gateway does not answer.
    pub gateway_silent: bool,
    /// What waits for its action.
    pub interruption: Option<Interruption>,
    /// A standstill that the machine does not know of yet.
    pub stood: Option<Duration>,
}

impl Trouble {
    pub(super) fn new(nodes: usize) -> Trouble {
        Trouble {
            legs: vec![LegWay::Well; nodes],
            ..Trouble::default()
        }
    }
}

impl World {
    /// How the journal fares from now on. When it is well again, what waits is written.
    pub fn set_journal(&mut self, state: JournalState) {
        let failed = self.trouble.journal == JournalState::Fails;
        self.trouble.journal = state;
        if failed && state != JournalState::Fails {
            for (at, ..) in &mut self.unsynced {
                *at = (*at).max(self.now);
            }
            if std::mem::take(&mut self.trouble.journal_told) {
                // Behind what is told of it already.
                self.results
                    .push_back((self.now + FSYNC, Input::JournalWell));
            }
        }
    }

    /// The last record of the journal is torn: a restart finds what was there before it.
    pub fn tear_journal(&mut self) {
        let unfenced = |memory: &Memory| {
            let nodes = memory.nodes.iter().filter(|node| node.unfenced_failure);
            nodes.map(|node| node.node.clone()).collect::<Vec<_>>()
        };
        if unfenced(&self.memory) != unfenced(&self.memory_before) {
            // What is lost is that a standby was fenced after its failure: it is fenced once more, at its
            // prompt, and that is no needless stop.
            self.watch.nodes_suffer();
        }
        self.memory = self.memory_before.clone();
        self.watch.forgets_switches();
    }

    /// Whether the monitoring host's gateway answers from now on. That it does not is found after
    /// twelve seconds; here it is told at once.
    pub fn set_gateway(&mut self, answers: bool) {
        if self.trouble.gateway_silent == answers {
            self.trouble.gateway_silent = !answers;
            self.tell_gateway();
        }
    }

    /// A machine that was started anew knows nothing of the gateway.
    pub(super) fn tell_gateway(&mut self) {
        self.tell(Input::Host(match self.trouble.gateway_silent {
            true => HostFact::GatewaySilent,
            false => HostFact::GatewayAnswers,
        }));
    }

    /// Whether the witnesses answer from now on.
    pub fn set_witness(&mut self, answers: bool) {
        self.trouble.witness_silent = !answers;
    }

    /// Whether a witness that was asked now answers.
    pub(in crate::sim) fn witness_answers(&self) -> bool {
        self.rig.witness_answers() && !self.trouble.witness_silent
    }

    /// How pings fare from now on.
    pub fn set_pings(&mut self, way: PingWay) {
        self.trouble.pings = way;
        self.watch.pings_are_lost(match way {
            PingWay::Lost(share) => share > 0,
            PingWay::Late(by) => by >= PING_WAITS,
            PingWay::Well | PingWay::Twice => false,
        });
    }

    /// How the power legs of a node fare from now on.
    pub fn set_legs(&mut self, node: usize, way: LegWay) {
        self.trouble.legs[node] = way;
    }

    /// The kernel of the monitoring host drops so many replies in clusterd's own socket.
    pub fn drop_replies(&mut self, count: u64) {
        self.tell(Input::Host(HostFact::SocketDrops(count)));
    }

    /// The clock of the monitoring host jumps, by seconds; clusterd notices.
    pub fn jump_clock(&mut self, by: i64) {
        self.wall_zero = self.wall_zero.saturating_add_signed(by);
        self.watch.forgets_switches();
        let millis = by.saturating_mul(1000);
        self.tell(Input::Host(HostFact::ClockJump { millis }));
    }

    /// clusterd is killed when it has performed so many actions more, before the next one.
    pub fn kill_at_action(&mut self, actions: u32) {
        self.trouble.kill_at = Some(actions);
    }

    /// The journal is to be written: it is durable after a while, or fails.
    pub(super) fn write(&mut self, ticket: Ticket, entry: Entry, memory: Memory) {
        let now = self.now;
        self.trouble.entries_at.push(self.trouble.actions);
        let takes = match self.trouble.journal {
            JournalState::Slow(takes) => takes,
            JournalState::Well | JournalState::Fails => FSYNC,
        };
        if self.trouble.journal == JournalState::Fails && !self.trouble.journal_told {
            self.trouble.journal_told = true;
            let why = "database or disk is full".to_owned();
            self.results
                .push_back((now + FSYNC, Input::JournalFailed { why }));
        }
        // One write after the other.
        let last = self.unsynced.back().map_or(now, |(at, ..)| (*at).max(now));
        self.unsynced
            .push_back((last.max(now + takes), ticket, entry, memory));
    }

    /// Whether the next ping, or its answer, is lost.
    pub(super) fn ping_is_lost(&mut self) -> bool {
        match self.trouble.pings {
            PingWay::Lost(share) => self.rng.u16(..1000) < share,
            PingWay::Late(by) => by >= PING_WAITS,
            PingWay::Well | PingWay::Twice => false,
        }
    }

    /// A ping of the service address, now.
    pub(super) fn ping(&mut self, package: usize) {
        let now = self.now;
        let mut answered = self.rig.address_answers(now);
        let slowest = (0..self.rig.len())
            .map(|n| self.rig.node(n).faults().slow)
            .max();
        let mut late = slowest.unwrap_or_default();
        let mut twice = false;
        match self.trouble.pings {
            PingWay::Well => {}
            PingWay::Lost(_) => answered &= !self.ping_is_lost(),
            PingWay::Late(by) => late += by,
            PingWay::Twice => twice = true,
        }
        answered &= late < PING_WAITS;
        if !answered || late.is_zero() {
            self.tell(Input::Address { package, answered });
        } else {
            self.results
                .push_back((now + late, Input::Address { package, answered }));
        }
        if twice && answered {
            self.tell(Input::Address { package, answered });
        }
    }

    /// What the legs of a node say to an order, all the same; `None` is no answer at all.
    pub(super) fn power(&mut self, node: usize, order: PowerOrder) -> Option<Vec<PowerState>> {
        if order == PowerOrder::Off {
            self.watch.orders_off(node, self.now);
        }
        let legs = self.setup.nodes[node].power_legs.max(1);
        let unknown = |why: &str| PowerState::Unknown(why.to_owned());
        if !self.power_legs {
            return Some(vec![unknown("the leg does not answer"); legs]);
        }
        match self.trouble.legs[node] {
            LegWay::Well => {}
            LegWay::LieOnce => {
                self.trouble.legs[node] = LegWay::Well;
                return Some(vec![PowerState::Off; legs]);
            }
            LegWay::Hang => return None,
            LegWay::Unknown => return Some(vec![unknown("the leg cannot tell"); legs]),
        }
        if order == PowerOrder::Off {
            let now = self.now;
            self.rig.power(node, false, now);
        }
        let off = self.rig.node(node).condition() == Condition::Off;
        Some(vec![
            if off { PowerState::Off } else { PowerState::On };
            legs
        ])
    }

    /// All that was wrong on this side is mended, and clusterd runs.
    pub fn mend_host(&mut self) {
        self.trouble.kill_at = None;
        self.kill_after = None;
        self.set_journal(JournalState::Well);
        self.set_pings(PingWay::Well);
        self.set_witness(true);
        self.set_gateway(true);
        self.trouble.legs.fill(LegWay::Well);
        if !self.alive {
            self.restart(true);
        }
    }
}
