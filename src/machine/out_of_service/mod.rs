//! A node out of service (design rules 1, 7 and 15): a named person says, asked twice, that it is without
//! power or without its storage, until an end that is given beforehand.
//!
//! ```text
//!  asked ─► RETURN, and silence ─► journal ─► durable: out ─┬─► a sign of life ─► besieged, fenced
//!    └─ the primary, a switch, a byte: refused              ├─► its time is over ─► besieged; --back?
//!                                                           └─► --back ─► besieged until it is fenced
//! ```
//!
//! While it is out it is no node of rule 1: nothing is proved of it, it is not fenced, not started, and not
//! taken for an heir; a siege of it is suspended. Nothing is typed there but one RETURN wherever it may have
//! said something unheard: after a restart of clusterd, on a new link, after a standstill. Whatever it says,
//! it is a node like any other from its first byte on: one that is not proved stopped, and may not have the
//! package before it was fully fenced.

mod order;
mod time;
mod weigh;

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::making::Making;
use crate::machine::memory::{Memory, OutMemory};
use crate::machine::node::{Condition, Evidence, Siege};
use crate::machine::persons_word::PersonsWord;
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{Op, OperatorWord, Severity};

pub(super) use order::Orders;

/// A console that is not connected is waited for so long before it counts as silent.
const LINK: Duration = Duration::from_secs(15);
/// A RETURN is answered within this, or not.
const ANSWERS: Duration = Duration::from_secs(5);
/// A console whose link comes and goes keeps nobody waiting for longer than this.
const FLAPS: Duration = Duration::from_secs(60);

/// A node out of service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutOfService {
    /// Whose word it is, why, and until when.
    pub word: PersonsWord,
    /// Its time is over: the node counts as any other, and somebody is to say how it is.
    pub over: bool,
    ear: Ear,
    /// What its line said of its carrier last.
    carrier: Option<bool>,
}

/// Whether the node may have said something that nobody heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ear {
    /// It may; it is asked as soon as its console is connected. `first`: since when it is not sure.
    Gap { since: Moment, first: Moment },
    /// RETURN was typed: it is silent if it says nothing until then.
    Asked { until: Moment, first: Moment },
    /// It has said nothing.
    Silent,
}

impl Ear {
    fn gap(now: Moment) -> Ear {
        Ear::Gap {
            since: now,
            first: now,
        }
    }

    /// When it is decided at the latest, as things are.
    fn decides(self) -> Option<Moment> {
        match self {
            Ear::Gap { since, .. } => Some(since + LINK),
            Ear::Asked { until, .. } => Some(until),
            Ear::Silent => None,
        }
    }

    /// Since when it is not sure.
    fn unsure(self) -> Option<Moment> {
        match self {
            Ear::Gap { first, .. } | Ear::Asked { first, .. } => Some(first),
            Ear::Silent => None,
        }
    }
}

impl OutOfService {
    fn restored(memory: &OutMemory, now: Moment, wall: u64) -> OutOfService {
        OutOfService {
            word: PersonsWord::restored(&memory.word, order::LONGEST, now, wall),
            over: memory.over,
            ear: Ear::gap(now),
            carrier: None,
        }
    }
}

impl Machine {
    // --- who is out -------------------------------------------------------------------------

    /// Whether a person has taken this node out of service, and its time is not over: nothing is typed
    /// there, and nothing is started.
    pub fn put_out(&self, n: NodeId) -> bool {
        self.nodes[n].out.as_ref().is_some_and(|out| !out.over)
    }

    /// Whether it counts as stopped by that: where clusterd may have missed what it said, only when it was
    /// asked again.
    pub fn is_out(&self, n: NodeId) -> bool {
        let silent = |out: &OutOfService| !out.over && out.ear == Ear::Silent;
        self.nodes[n].out.as_deref().is_some_and(silent)
    }

    /// The nodes of a package that are in service.
    pub(super) fn in_service(&self, p: PackageId) -> Vec<NodeId> {
        let nodes = self.setup.packages[p].nodes.iter().copied();
        nodes.filter(|n| !self.put_out(*n)).collect()
    }

    /// Who would have the package next: a node in service; where there is none, one that is out, so that
    /// what is said of it names it.
    pub(super) fn next_after(&self, p: PackageId, primary: Option<NodeId>) -> Option<NodeId> {
        let nodes = &self.setup.packages[p].nodes;
        let mut others = nodes.iter().copied().filter(|n| Some(*n) != primary);
        let serving = others.clone().find(|n| !self.put_out(*n));
        serving.or_else(|| others.next())
    }

    /// The node out of service that leaves nobody to take over from this one.
    pub(super) fn nobody_beside(&self, p: PackageId, n: NodeId) -> Option<NodeId> {
        let others = self.setup.packages[p].nodes.iter();
        let mut others = others.copied().filter(|other| *other != n);
        let all = others.clone().all(|other| self.put_out(other));
        others.next().filter(|_| all)
    }

    /// Why this primary is not stopped: nothing could be started instead, and nobody ordered that it
    /// stops all the same. One that was being started and did not come up has nothing to lose.
    pub(super) fn kept_for_want_of_an_heir(&self, p: PackageId, n: NodeId) -> Option<String> {
        let package = &self.packages[p];
        let order = self.order_in_force(p);
        let ordered = order.is_some_and(|order| order.heard == OperatorWord::FencePrimary);
        let serves = package.primary == Some(n) && package.confirmed;
        if !serves || ordered || Guard::OutHeir.gone() {
            return None;
        }
        let out = self.nobody_beside(p, n)?;
        let (cluster, name) = (&self.setup.cluster, self.setup.node_name(n));
        Some(format!(
            "{} is out of service, and nothing could be started instead; to start {name} itself again: clusterd fence {cluster}/{name}, then clusterd boot {cluster}/{name}",
            self.setup.node_name(out)
        ))
    }

    // --- what a script does beside it -------------------------------------------------------

    /// An op that would speak to a node out of service, or that starts one beside it; true when it was
    /// dealt with.
    pub(super) fn talk_out_of_service(&mut self, p: PackageId, n: NodeId, op: &Op) -> bool {
        let starts = matches!(op, Op::Boot { .. } | Op::Resume { .. });
        let stops = matches!(op, Op::Fence { .. });
        let beside = self.setup.packages[p].nodes.iter().copied();
        let unsure = beside.filter(|other| (*other == n && stops) || (*other != n && starts));
        let decided = unsure.filter_map(|other| self.decided_by(other)).max();
        if let Some(until) = decided {
            let then = self.packages[p].run.pc;
            self.packages[p].run.wait = crate::machine::package::Wait::Sleep { until, then };
            return true;
        }
        if !self.put_out(n) || Guard::OutUnasked.gone() {
            return false;
        }
        let name = self.setup.node_name(n);
        match op {
            Op::Send { .. } => {
                // Nothing was typed, so nothing is unanswered.
                self.nodes[n].spoke = self.now;
                self.packages[p].run.pc += 1;
                true
            }
            Op::Fence { .. } => {
                let package = self.setup.packages[p].name.to_string();
                let text = format!("{name} is out of service: it is not fenced");
                self.event(Event::Log { package, text });
                self.packages[p].run.pc += 1;
                true
            }
            Op::WaitLink { .. } => {
                self.packages[p].run.pc += 1;
                true
            }
            // Nothing was asked, and nothing is waited for.
            Op::Expect {
                silence: Some(pc), ..
            } => {
                self.packages[p].run.pc = *pc;
                true
            }
            Op::Question { .. } | Op::Reset { .. } | Op::Expect { .. } => {
                let why = format!("{name} is out of service");
                self.fail(p, &why);
                true
            }
            _ => false,
        }
    }

    /// When it is known at the latest whether this node has said something unheard; nothing where that is
    /// known, or has been unsure for so long that nobody waits for it.
    fn decided_by(&self, n: NodeId) -> Option<Moment> {
        let out = self.nodes[n].out.as_deref().filter(|out| !out.over)?;
        if self.in_maintenance(n) {
            return None;
        }
        let first = out.ear.unsure()?;
        let decides = out.ear.decides()?;
        (self.now < first + FLAPS).then_some(decides.max(self.now + Duration::from_millis(1)))
    }

    // --- in and out -------------------------------------------------------------------------

    /// From here on it counts as stopped.
    fn take_out(&mut self, n: NodeId, out: Box<OutOfService>) {
        // The last byte: nothing of ours is left under the hands of whoever works there.
        self.nodes[n].end_question();
        self.wipe_line(n);
        self.void_all(n, "it is taken out of service");
        let node = &mut self.nodes[n];
        node.answer = None;
        node.loads = false;
        node.condition = Condition::Unknown;
        node.evidence = Evidence {
            last: node.evidence.last.take(),
            ..Evidence::default()
        };
        let name = self.setup.node_name(n).to_owned();
        self.event(Event::OutOfService {
            node: name,
            who: out.word.who.clone(),
            reason: out.word.reason.clone(),
            lasts_ms: out.word.lasts_ms(),
        });
        self.nodes[n].out = Some(out);
        for p in self.packages_of(n) {
            for code in [
                alarm_code::OUT_OF_SERVICE_OVER,
                alarm_code::OUT_OF_SERVICE_ENDS,
                alarm_code::OUT_OF_SERVICE_WOKE,
            ] {
                self.clear(p, code);
            }
            let package = &self.packages[p];
            if package.secondary == Some(n) {
                self.packages[p].secondary = self.next_after(p, package.primary);
            }
        }
        self.say_out(n);
    }

    fn void_all(&mut self, n: NodeId, why: &str) {
        if Guard::OutVoids.gone() {
            return;
        }
        self.kill_proof(n, why);
        self.nodes[n].making = Making::default();
        self.nodes[n].word = None;
    }

    /// It is a node like any other again, and not proved stopped: it meets BREAK when it wakes, is fully
    /// fenced then, and has nothing before (rules 7 and 10).
    fn count_again(&mut self, n: NodeId, why: &str) {
        self.void_all(n, why);
        let now = self.now;
        let node = &mut self.nodes[n];
        node.unfenced_failure |= Guard::OutUnfenced.stands();
        node.settled = false;
        if Guard::OutUnguards.stands() && std::mem::take(&mut node.guard_read) {
            let node = self.setup.node_name(n).to_owned();
            let why = why.to_owned();
            self.event(Event::GuardLost { node, why });
        }
        for p in self.packages_of(n) {
            self.note_unknown_guard(p, n);
        }
        match &mut self.nodes[n].siege {
            Some(Siege { next, answered, .. }) => (*next, *answered) = (now, false),
            None if Guard::OutBesieged.stands() => self.begin_siege_by_journal(n),
            None => {}
        }
    }

    /// A sign of life: whatever anybody said of this node is void.
    pub(super) fn wakes(&mut self, n: NodeId, how: &str) {
        if Guard::OutLife.gone() {
            return;
        }
        self.refuse_asked(n, how);
        let Some(out) = self.nodes[n].out.take() else {
            return;
        };
        let name = self.setup.node_name(n).to_owned();
        self.event(Event::InService {
            node: name.clone(),
            why: how.to_owned(),
        });
        let text = format!(
            "{name}, out of service by {} ({}), shows life: {how}. It counts as running from now on, gets BREAK until it stands at its prompt, and is fenced there. Who switched it on?",
            out.word.who, out.word.reason
        );
        for p in self.packages_of(n) {
            for code in [
                alarm_code::OUT_OF_SERVICE,
                alarm_code::OUT_OF_SERVICE_ENDS,
                alarm_code::OUT_OF_SERVICE_OVER,
            ] {
                self.clear(p, code);
            }
            self.alarm(
                p,
                Severity::Critical,
                alarm_code::OUT_OF_SERVICE_WOKE,
                text.clone(),
            );
        }
        self.count_again(n, "it was out of service, and shows life");
        let text = format!("{name} is out of service no more: {how}");
        self.journal(EntryKind::Word, Some(n), text);
    }

    /// The service answers while no node is known to serve: it may be one that is said to be out.
    pub(super) fn address_wakes(&mut self, p: PackageId) {
        if self.packages[p].run.roles_before.is_none() || Guard::OutAddress.gone() {
            return;
        }
        for n in self.setup.packages[p].nodes.clone() {
            if self.put_out(n) {
                self.wakes(n, "the service address answers, and no other node serves");
            }
        }
    }

    /// Its line has a carrier, or has lost it.
    pub(super) fn carrier_of_out(&mut self, n: NodeId, present: bool) {
        let Some(out) = self.nodes[n].out.as_deref_mut() else {
            return;
        };
        let before = out.carrier.replace(present);
        if present && before == Some(false) && Guard::OutCarrier.stands() {
            self.wakes(n, "its line has a carrier again");
        }
    }

    /// What it said may not have been heard: it is asked once more.
    pub(super) fn unheard(&mut self, n: NodeId) {
        if Guard::OutUnheard.gone() {
            return;
        }
        let now = self.now;
        let asked = self.outs.of(n);
        let placed = self.nodes[n].out.as_deref_mut();
        for out in asked.chain(placed) {
            let first = out.ear.unsure().unwrap_or(now);
            out.ear = Ear::Gap { since: now, first };
        }
    }

    // --- over restarts ----------------------------------------------------------------------

    /// What a machine that begins remembers.
    pub(super) fn restore_out_of_service(&mut self, memory: &Memory) {
        let (now, wall) = (self.now, self.wall_now());
        for n in 0..self.nodes.len() {
            let name = self.setup.node_name(n);
            let known = memory.nodes.iter().find(|known| known.node == name);
            let out = known.and_then(|known| known.out_of_service.as_ref());
            let out = out.filter(|_| Guard::OutKept.stands());
            self.nodes[n].out = out.map(|out| Box::new(OutOfService::restored(out, now, wall)));
        }
        for p in 0..self.packages.len() {
            // One whose node is not in the files any more has nobody else to end it.
            let nodes = &self.setup.packages[p].nodes;
            let outs = nodes.iter().filter_map(|n| self.nodes[*n].out.as_deref());
            let (over, out): (Vec<_>, Vec<_>) = outs.partition(|out| out.over);
            let gone = [
                (alarm_code::OUT_OF_SERVICE, out.is_empty()),
                (alarm_code::OUT_OF_SERVICE_ENDS, true),
                (alarm_code::OUT_OF_SERVICE_OVER, over.is_empty()),
            ];
            for (code, _) in gone.into_iter().filter(|(_, gone)| *gone) {
                self.clear(p, code);
            }
            let primary = self.packages[p].primary;
            self.packages[p].secondary = self.next_after(p, primary);
        }
    }

    /// What is to be remembered: what was asked for last, or is in force.
    pub(super) fn remembered_out(&self, n: NodeId) -> Option<OutMemory> {
        let out = self.outs.entered(n).or(self.nodes[n].out.as_deref())?;
        Some(OutMemory {
            word: out.word.remembered(self.now, self.wall_now()),
            over: out.over,
        })
    }

    fn packages_of(&self, n: NodeId) -> Vec<PackageId> {
        let packages = self.setup.packages.iter().enumerate();
        let of = packages.filter(|(_, package)| package.nodes.contains(&n));
        of.map(|(p, _)| p).collect()
    }
}
