//! Maintenance (design rule 15): people work on a cluster, or on one node, and clusterd writes nothing to
//! its consoles and does nothing by itself, until an end that was given beforehand.
//!
//! ```text
//!  asked ─► journal ─► durable: in force ─┬─► reminders ─► its time is over ─┐
//!    └─ a switch is under way: refused    └─► ended by hand ─────────────────┴─► who runs, who waits
//! ```
//!
//! A cluster's maintenance lets its scripts rest: no step, no trigger, no proof. That of one node keeps
//! every byte from that node and, where it has the package, lets the script rest too; where it stands by,
//! the package has no standby. Evidence is read all the time, and people may type through `console`. A
//! siege goes on (rule 7). What comes after a maintenance is what comes after a restart of clusterd.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::clock::{Moment, Span};
use crate::machine::action::EntryKind;
use crate::machine::input::{Ticket, Upkeep, UpkeepOrder};
use crate::machine::making::Making;
use crate::machine::memory::{MaintenanceMemory, Memory};
use crate::machine::node::Condition;
use crate::machine::package::{Door, Wait};
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Action, Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{Op, Severity};

/// A maintenance lasts no longer; said again, it begins its time anew.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// So often its alarm is said again.
const REMINDED: Duration = Duration::from_secs(3600);
/// So long before its end it is said that it ends; a short one, when a quarter of it is left.
const ENDS_SOON: Duration = Duration::from_secs(900);
/// A service that does not answer for so long is told of.
const DOWN: Duration = Duration::from_secs(60);
/// Orders that wait for the journal.
const ORDERS: usize = 16;
/// A reason is cut behind so many characters.
const REASON: usize = 200;

/// The code of the standing alarm.
const CODE: &str = "maintenance";
/// The code of the alarm before the end.
const ENDS: &str = "maintenance_ends";
/// The code of the alarm about a service that is down meanwhile.
const IS_DOWN: &str = "maintenance_down";

/// A cluster's maintenance, or a node's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Maintenance {
    /// Whose it is.
    pub who: String,
    /// What for.
    pub reason: String,
    /// Since when, in seconds since 1970.
    pub began: u64,
    /// For how long it was given, at last.
    lasts: Duration,
    /// Its end.
    pub until: Moment,
    /// When its alarm is said again.
    reminds: Moment,
    /// It was said that it ends soon.
    warned: bool,
}

/// What is asked for, and in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Upkept {
    /// The maintenance of the whole cluster.
    cluster: Option<Box<Maintenance>>,
    /// Orders whose entries are not on the disk yet.
    asked: Vec<Asked>,
}

/// An order that waits for the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    ticket: Ticket,
    id: u64,
    scope: Scope,
    /// The maintenance that begins; an end is in force already.
    begins: Option<Box<Maintenance>>,
}

impl Upkept {
    /// Tickets of entries that are awaited.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.asked.iter().map(|asked| asked.ticket)
    }

    /// Whether the entry of this ticket is awaited.
    pub(super) fn awaits(&self, wanted: Ticket) -> bool {
        self.asked.iter().any(|asked| asked.ticket == wanted)
    }

    /// Feeds `hasher` with all that tells it from another one.
    pub(super) fn tell_apart<H: Hasher>(&self, hasher: &mut H) {
        self.cluster.hash(hasher);
        for asked in &self.asked {
            (asked.scope, &asked.begins).hash(hasher);
        }
    }
}

/// A node, or the whole cluster.
pub(super) type Scope = Option<NodeId>;

impl Maintenance {
    fn warns(&self) -> Moment {
        self.until - ENDS_SOON.min(self.lasts / 4)
    }

    /// What is left, for people: up to the next minute, or second.
    fn left(&self, now: Moment) -> Span {
        let seconds = self.until.since(now).as_millis().div_ceil(1000);
        let unit = if seconds > 600 { 60 } else { 1 };
        let rounded = seconds.div_ceil(unit).saturating_mul(unit);
        Span(Duration::from_secs(
            u64::try_from(rounded).unwrap_or(u64::MAX),
        ))
    }

    fn restored(memory: &MaintenanceMemory, now: Moment, wall: u64) -> Maintenance {
        let lasts = Duration::from_secs(memory.lasts).min(LONGEST);
        // A clock that was put back meanwhile does not make it longer than it was given.
        let left = Duration::from_secs(memory.until.saturating_sub(wall)).min(lasts);
        Maintenance {
            who: memory.who.clone(),
            reason: memory.reason.clone(),
            began: memory.began,
            lasts,
            until: now + left,
            reminds: now,
            warned: false,
        }
    }
}

impl Machine {
    // --- who is in maintenance --------------------------------------------------------------

    /// The maintenance that keeps every byte from this node.
    pub(super) fn maintenance(&self, n: NodeId) -> Option<&Maintenance> {
        let node = self.nodes[n].maintenance.as_deref();
        self.cluster_maintenance().or(node)
    }

    /// The maintenance of the whole cluster.
    pub(super) fn cluster_maintenance(&self) -> Option<&Maintenance> {
        self.upkept.cluster.as_deref()
    }

    /// Whether nothing is written to this node.
    pub fn in_maintenance(&self, n: NodeId) -> bool {
        self.maintenance(n).is_some()
    }

    /// The maintenance that lets a package's script rest: the cluster's, or that of the node that has it.
    pub(super) fn resting(&self, p: PackageId) -> Option<&Maintenance> {
        let package = &self.packages[p];
        let primary = package.primary.filter(|_| package.known);
        let primary = primary.and_then(|n| self.nodes[n].maintenance.as_deref());
        self.cluster_maintenance().or(primary)
    }

    /// Another node of the package that is in maintenance and not proved stopped: nothing can be started.
    pub(super) fn maintained_beside(&self, p: PackageId, n: NodeId) -> Option<NodeId> {
        let beside = |other: &NodeId| self.in_maintenance(*other) && !self.proved(*other);
        self.others(p, n).into_iter().find(beside)
    }

    fn scope_nodes(&self, scope: Scope) -> Vec<NodeId> {
        scope.map_or_else(|| (0..self.nodes.len()).collect(), |n| vec![n])
    }

    fn scope_packages(&self, scope: Scope) -> Vec<PackageId> {
        let packages = self.setup.packages.iter().enumerate();
        let concerned = packages.filter(|(_, p)| scope.is_none_or(|n| p.nodes.contains(&n)));
        concerned.map(|(p, _)| p).collect()
    }

    fn scope_name(&self, scope: Scope) -> String {
        match scope {
            Some(n) => self.setup.node_name(n).to_owned(),
            None => self.setup.cluster.to_string(),
        }
    }

    fn place(&self, scope: Scope) -> Option<&Maintenance> {
        match scope {
            Some(n) => self.nodes[n].maintenance.as_deref(),
            None => self.cluster_maintenance(),
        }
    }

    fn place_mut(&mut self, scope: Scope) -> &mut Option<Box<Maintenance>> {
        match scope {
            Some(n) => &mut self.nodes[n].maintenance,
            None => &mut self.upkept.cluster,
        }
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> + use<> {
        [None].into_iter().chain((0..self.nodes.len()).map(Some))
    }

    // --- orders -----------------------------------------------------------------------------

    /// An operator's order.
    pub(super) fn upkeep(&mut self, order: &UpkeepOrder) {
        let outcome = match &order.word {
            Upkeep::Maintain { lasts, reason } => self.ask_maintenance(order, *lasts, reason),
            Upkeep::EndMaintenance => self.end_by_hand(order),
            Upkeep::OutOfService { lasts, reason } => self.ask_out(order, *lasts, reason),
            Upkeep::Back => self.back(order),
        };
        if let Err(why) = outcome {
            let text = format!("{}: refused, because {why}", self.order_text(order));
            let who = order.who.clone();
            self.event(Event::Operator { who, text });
            self.answer(order.id, Err(why));
        }
    }

    fn order_text(&self, order: &UpkeepOrder) -> String {
        let name = self.scope_name(order.node);
        match &order.word {
            Upkeep::Maintain { lasts, .. } => format!("maintenance of {name} for {}", Span(*lasts)),
            Upkeep::EndMaintenance => format!("maintenance of {name} ends"),
            Upkeep::OutOfService { lasts, .. } => {
                format!("{name} out of service for {}", Span(*lasts))
            }
            Upkeep::Back => format!("{name} back in service"),
        }
    }

    pub(super) fn answer(&mut self, id: u64, outcome: Result<String, String>) {
        self.actions.push_back(Action::Answer { id, outcome });
    }

    fn ask_maintenance(
        &mut self,
        order: &UpkeepOrder,
        lasts: Duration,
        reason: &str,
    ) -> Result<(), String> {
        if lasts < Duration::from_secs(1) || lasts > LONGEST {
            return Err(format!(
                "a maintenance lasts from 1 s to {}; say it again to prolong it",
                Span(LONGEST)
            ));
        }
        let reason = reason.trim().chars().filter(|c| !c.is_control());
        let reason: String = reason.take(REASON).collect();
        if reason.is_empty() {
            return Err("a reason is to be given: whoever is called at night reads it".to_owned());
        }
        if self.upkept.asked.len() >= ORDERS {
            return Err("too many orders wait for the journal".to_owned());
        }
        let packages = self.scope_packages(order.node);
        let under_way = packages.into_iter().find_map(|p| self.switch_under_way(p));
        if let Some(what) = under_way.filter(|_| Guard::MaintenanceSwitch.stands()) {
            return Err(format!("{what}: say it again when that is done"));
        }
        let text = format!("{}: {reason}", self.order_text(order));
        let who = order.who.clone();
        self.event(Event::Operator {
            who: who.clone(),
            text: text.clone(),
        });
        let now = self.now;
        let began = self.place(order.node).map(|known| known.began);
        let begins = Maintenance {
            who: who.clone(),
            reason,
            began: began.unwrap_or_else(|| self.wall_now()),
            lasts,
            until: now + lasts,
            reminds: now + REMINDED,
            warned: false,
        };
        self.ask_journal(order, Some(Box::new(begins)), format!("{who}: {text}"));
        Ok(())
    }

    /// The entry that makes an order durable; the memory with it holds what is asked for.
    fn ask_journal(&mut self, order: &UpkeepOrder, begins: Option<Box<Maintenance>>, text: String) {
        self.upkept.asked.push(Asked {
            ticket: 0,
            id: order.id,
            scope: order.node,
            begins,
        });
        let ticket = self.journal(EntryKind::Word, order.node, text);
        if let Some(asked) = self.upkept.asked.last_mut() {
            asked.ticket = ticket;
        }
        if Guard::MaintenanceDurable.gone() {
            self.upkeep_durable(ticket);
        }
    }

    fn end_by_hand(&mut self, order: &UpkeepOrder) -> Result<(), String> {
        let scope = order.node;
        let waits = |asked: &Asked| asked.scope == scope && asked.begins.is_some();
        let asked = self.upkept.asked.iter().any(waits);
        if self.place(scope).is_none() && !asked {
            let name = self.scope_name(scope);
            let whole = scope.is_some() && self.cluster_maintenance().is_some();
            return Err(match whole {
                true => format!("{name} is in maintenance with its whole cluster: end that"),
                false => format!("{name} is not in maintenance"),
            });
        }
        if self.upkept.asked.len() >= ORDERS {
            return Err("too many orders wait for the journal".to_owned());
        }
        let who = order.who.clone();
        let text = self.order_text(order);
        self.event(Event::Operator {
            who: who.clone(),
            text: text.clone(),
        });
        for asked in &mut self.upkept.asked {
            if asked.scope == scope {
                asked.begins = None;
            }
        }
        self.end_maintenance(scope, &format!("{who} says so"));
        self.ask_journal(order, None, format!("{who}: {text}"));
        Ok(())
    }

    /// An entry is on the disk: is it an order's?
    pub(super) fn upkeep_durable(&mut self, ticket: Ticket) {
        let mine = |asked: &Asked| asked.ticket == ticket;
        let Some(at) = self.upkept.asked.iter().position(mine) else {
            return;
        };
        let Asked {
            id, scope, begins, ..
        } = self.upkept.asked.remove(at);
        let name = self.scope_name(scope);
        let Some(begins) = begins else {
            return self.answer(id, Ok(format!("{name} is not in maintenance any more")));
        };
        let lasts = Span(begins.lasts);
        self.begin_maintenance(scope, begins);
        let mut text = format!("{name} is in maintenance for {lasts}");
        if let Some(besieged) = self.besieged_names(scope) {
            text = format!("{text}; the siege of {besieged} goes on");
        }
        self.answer(id, Ok(text));
    }

    fn besieged_names(&self, scope: Scope) -> Option<String> {
        let nodes = self.scope_nodes(scope).into_iter();
        let besieged = nodes.filter(|n| self.nodes[*n].siege.is_some());
        let names: Vec<&str> = besieged.map(|n| self.setup.node_name(n)).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }

    /// Nothing is begun beside a switch: a fence or a boot under way, or meant.
    pub(super) fn switch_under_way(&self, p: PackageId) -> Option<String> {
        let package = &self.packages[p];
        let run = &package.run;
        if run.stuck {
            return None;
        }
        let name = |n: NodeId| self.setup.node_name(n);
        if let Some((door, n)) = run.door() {
            let what = match door {
                Door::Fence => "stopped for good",
                Door::Boot => "started",
                Door::Resume => "told to go on",
            };
            return Some(format!("{} is being {what}", name(n)));
        }
        if let Wait::Durable { .. } | Wait::Suspicion { .. } | Wait::Hook { .. } = run.wait {
            return Some("a node is about to be stopped or started".to_owned());
        }
        let heir = package.heir.filter(|_| package.hold.is_none())?;
        Some(format!("a takeover to {} is under way", name(heir)))
    }

    /// Whether a step that stops or starts a node waits: a maintenance was asked for, and is in force
    /// as soon as it is on the disk.
    pub(super) fn awaits_maintenance(&mut self, p: PackageId, op: &Op) -> bool {
        let door = matches!(op, Op::Fence { .. } | Op::Boot { .. } | Op::Resume { .. });
        let nodes = &self.setup.packages[p].nodes;
        let meant = |asked: &Asked| {
            let concerned = asked.scope.is_none_or(|n| nodes.contains(&n));
            asked.begins.is_some() && concerned
        };
        let waits = door && self.upkept.asked.iter().any(meant);
        let waits = waits && Guard::MaintenanceDoor.stands();
        if waits {
            self.packages[p].run.wait = Wait::Maintenance;
        }
        waits
    }

    // --- beginning and end ------------------------------------------------------------------

    fn begin_maintenance(&mut self, scope: Scope, begins: Box<Maintenance>) {
        for n in self.scope_nodes(scope) {
            // The last byte: nothing of ours is left under the hands of whoever works there.
            self.nodes[n].end_question();
            self.wipe_line(n);
            if Guard::MaintenanceVoids.stands() {
                self.kill_proof(n, "maintenance begins");
                self.nodes[n].making = Making::default();
                self.nodes[n].word = None;
            }
        }
        let event = Event::Maintenance {
            name: self.scope_name(scope),
            who: begins.who.clone(),
            reason: begins.reason.clone(),
            lasts_ms: u64::try_from(begins.lasts.as_millis()).unwrap_or(u64::MAX),
        };
        self.event(event);
        *self.place_mut(scope) = Some(begins);
        self.say_maintenance(scope);
        for p in self.scope_packages(scope) {
            self.clear(p, ENDS);
            self.rest_or_go_on(p);
        }
    }

    /// After a change: the script of a package rests, or one that waits for nothing any more looks anew.
    fn rest_or_go_on(&mut self, p: PackageId) {
        let waits = self.packages[p].run.wait == Wait::Maintenance;
        if self.resting(p).is_some() {
            self.rest(p);
        } else if waits {
            self.look_after_maintenance(p, "a maintenance begins beside it");
        }
    }

    /// The script stands still: what it was doing ends, what it was proving is void.
    fn rest(&mut self, p: PackageId) {
        if Guard::MaintenanceRests.gone() {
            return;
        }
        self.abandon(p);
        let package = &mut self.packages[p];
        package.adopting = None;
        package.ordered = None;
        package.run.frames.clear();
        package.run.pending.clear();
        package.run.stuck = false;
        package.run.wait = Wait::Maintenance;
    }

    /// What a machine that begins remembers of maintenance.
    pub(super) fn restore_maintenance(&mut self, memory: &Memory) {
        if Guard::MaintenanceKept.gone() {
            return;
        }
        let (now, wall) = (self.now, self.wall_now());
        let restored = |memory| Box::new(Maintenance::restored(memory, now, wall));
        self.upkept.cluster = memory.maintenance.as_ref().map(restored);
        for known in &memory.nodes {
            let nodes = self.setup.nodes.iter();
            let at = nodes
                .enumerate()
                .find(|(_, node)| node.name.as_str() == known.node);
            if let (Some((n, _)), Some(memory)) = (at, &known.maintenance) {
                self.nodes[n].maintenance = Some(restored(memory));
            }
        }
        for p in 0..self.packages.len() {
            if self.resting(p).is_some() {
                self.rest(p);
            }
        }
    }

    /// What is to be remembered: what was asked for last, or is in force.
    pub(super) fn remembered_maintenance(&self, scope: Scope) -> Option<MaintenanceMemory> {
        let asked = self.upkept.asked.iter().rev();
        let mut asked = asked.filter(|asked| asked.scope == scope);
        let last = asked.find_map(|asked| asked.begins.as_deref());
        let kept = last.or(self.place(scope))?;
        let left = kept.until.since(self.now).as_millis().div_ceil(1000);
        Some(MaintenanceMemory {
            who: kept.who.clone(),
            reason: kept.reason.clone(),
            began: kept.began,
            until: self.wall_now() + u64::try_from(left).unwrap_or(u64::MAX),
            lasts: kept.lasts.as_secs().max(1),
        })
    }

    fn end_maintenance(&mut self, scope: Scope, why: &str) {
        let ended = self.place_mut(scope).take();
        if ended.is_some() {
            let event = Event::MaintenanceEnded {
                name: self.scope_name(scope),
                why: why.to_owned(),
            };
            self.event(event);
        }
        for p in self.scope_packages(scope) {
            for code in [CODE, ENDS, IS_DOWN] {
                self.clear(p, code);
            }
            self.packages[p].told.down = false;
            let waited = ended.is_some() || self.packages[p].run.wait == Wait::Maintenance;
            if waited && self.resting(p).is_none() {
                self.look_after_maintenance(p, &format!("the maintenance is over: {why}"));
            }
        }
        // Another maintenance of the same package is still one.
        for scope in self.scopes() {
            self.say_maintenance(scope);
        }
    }

    /// As after a restart: nothing is known that the consoles have not said again.
    fn look_after_maintenance(&mut self, p: PackageId, cause: &str) {
        self.note_given_up(p, cause);
        let now = self.now;
        let package = &mut self.packages[p];
        package.bound &= Guard::MaintenanceUnbinds.gone();
        package.awaited = (package.primary_is_known() && !package.confirmed).then_some(now);
        self.start_script(p, cause);
    }

    // --- time -------------------------------------------------------------------------------

    /// What time brings: reminders, the end, and the word about a service that is down.
    pub(super) fn tick_maintenance(&mut self) {
        let now = self.now;
        for scope in self.scopes() {
            let Some(kept) = self.place(scope) else {
                continue;
            };
            let (over, reminds) = (now >= kept.until, now >= kept.reminds);
            let warns = now >= kept.warns() && !kept.warned;
            if over && Guard::MaintenanceEnds.stands() {
                let text = format!("the maintenance of {} is over", self.scope_name(scope));
                self.end_maintenance(scope, "its time is over");
                self.journal(EntryKind::Result, scope, text);
                continue;
            }
            if reminds {
                self.say_maintenance(scope);
                if let Some(kept) = self.place_mut(scope) {
                    kept.reminds = now + REMINDED;
                }
            }
            if warns {
                self.warn_of_end(scope);
            }
        }
        for p in 0..self.packages.len() {
            self.tell_down(p);
        }
    }

    /// The standing alarm.
    fn say_maintenance(&mut self, scope: Scope) {
        let Some(kept) = self.place(scope) else {
            return;
        };
        let (name, left) = (self.scope_name(scope), kept.left(self.now));
        let mut text = format!(
            "{name} is in maintenance by {}, for {left} yet: {}; clusterd writes nothing there and does nothing by itself",
            kept.who, kept.reason
        );
        if let Some(besieged) = self.besieged_names(scope) {
            text = format!("{text}, but for the siege of {besieged}");
        }
        if scope.is_some() {
            text = format!("{text}; its package has no node to move to or from meanwhile");
        }
        for p in self.scope_packages(scope) {
            self.alarm(p, Severity::Warning, CODE, text.clone());
        }
    }

    fn warn_of_end(&mut self, scope: Scope) {
        let name = self.scope_name(scope);
        let cluster = &self.setup.cluster;
        let command = match scope {
            Some(_) => format!("{cluster}/{name}"),
            None => name.clone(),
        };
        let now = self.now;
        let Some(kept) = self.place_mut(scope) else {
            return;
        };
        kept.warned = true;
        let left = kept.left(now);
        let text = format!(
            "the maintenance of {name} by {} ends in {left}: then clusterd asks who runs and acts again; longer: clusterd maintenance {command} --for 2h --reason ...",
            kept.who
        );
        for p in self.scope_packages(scope) {
            self.alarm(p, Severity::Warning, ENDS, text.clone());
        }
    }

    /// A service that is down while its script rests is told of, and nothing is done.
    fn tell_down(&mut self, p: PackageId) {
        let Some(kept) = self.resting(p) else {
            return;
        };
        let package = &self.packages[p];
        let missing = package.missing_since.filter(|at| *at + DOWN <= self.now);
        let panicked = package.primary.filter(|n| {
            let node = &self.nodes[*n];
            package.known && node.condition == Condition::Panicked
        });
        let what = match (panicked, missing) {
            (Some(n), _) => Some(format!("{} has panicked", self.setup.node_name(n))),
            (None, Some(at)) => Some(format!(
                "{} has not answered for {}",
                self.setup.packages[p].address,
                Span(self.now.since(at))
            )),
            (None, None) => None,
        };
        let text = what.map(|what| {
            format!(
                "{what}: nothing is done about it, for {} has it in maintenance for {} yet",
                kept.who,
                kept.left(self.now)
            )
        });
        let told = std::mem::replace(&mut self.packages[p].told.down, text.is_some());
        match text {
            Some(text) if !told && Guard::MaintenanceDown.stands() => {
                self.alarm(p, Severity::Warning, IS_DOWN, text);
            }
            None if told => self.clear(p, IS_DOWN),
            Some(_) | None => {}
        }
    }

    /// When time changes something of a maintenance.
    pub(super) fn maintenance_timeout(&self) -> Option<Moment> {
        let kept = self.scopes().filter_map(|scope| self.place(scope));
        let times = kept.flat_map(|kept| {
            let warns = Some(kept.warns()).filter(|_| !kept.warned);
            [Some(kept.until), Some(kept.reminds), warns]
        });
        let down = (0..self.packages.len()).filter(|p| self.resting(*p).is_some());
        let down = down.filter(|p| !self.packages[*p].told.down);
        let down = down.map(|p| self.packages[p].missing_since.map(|at| at + DOWN));
        let times = times.chain(down).flatten();
        times.filter(|at| *at > self.now).min()
    }

    /// The wall clock was set. The time that a maintenance has left does not change; the hour of its end
    /// does, and is written down again: a restart counts from it.
    pub(super) fn clock_jumped(&mut self, millis: i64) {
        self.host.jumped += millis;
        let seconds = millis / 1000;
        let mut any = false;
        for scope in self.scopes() {
            if let Some(kept) = self.place_mut(scope) {
                kept.began = kept.began.saturating_add_signed(seconds);
                any = true;
            }
        }
        let out = self.out_clock_jumped(seconds);
        if (any && Guard::MaintenanceClock.stands()) || out {
            let text = "the clock was set: what ends by itself ends at another hour now";
            self.journal(EntryKind::Evidence, None, text.to_owned());
        }
    }

    /// The host slept for so long without its clock of the machine: the hours have passed all the same.
    pub(super) fn slept(&mut self, span: Duration) {
        self.host.jumped += i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        for scope in self.scopes() {
            if let Some(kept) = self.place_mut(scope) {
                kept.until = kept.until - span;
            }
        }
        self.out_slept(span);
    }

    /// The wall clock as it is set now, in seconds since 1970. Times of switches and failures are told
    /// by [`Machine::wall`], which no jump moves.
    pub(super) fn wall_now(&self) -> u64 {
        self.wall().saturating_add_signed(self.host.jumped / 1000)
    }

    // --- a node in maintenance and the script -----------------------------------------------

    /// An op that would speak to a node in maintenance; true when it was dealt with.
    pub(super) fn talk_in_maintenance(&mut self, p: PackageId, n: NodeId, op: &Op) -> bool {
        if !self.in_maintenance(n) || Guard::MaintenanceUnasked.gone() {
            return false;
        }
        match op {
            Op::Send { .. } => {
                // Nothing was typed, so nothing is unanswered.
                self.nodes[n].spoke = self.now;
                self.packages[p].run.pc += 1;
                true
            }
            Op::Question { .. } | Op::Reset { .. } => {
                let why = format!("{} is in maintenance", self.setup.node_name(n));
                self.fail(p, &why);
                true
            }
            _ => false,
        }
    }
}
