//! Orders of people that move, stop, start or rehearse something: `switchover`, `failback`, `hold`,
//! `boot`, `fence`, `drill`. What speaks against one is said first; it is durable before the script
//! hears of it; whoever gave it can follow it to its end. The rules are kept at the doors, ordered
//! or not: an order opens none of them.
//!
//! ```text
//! demand ─► weighed ─┬─► refused, with every reason
//!                    └─► hooks before a switchover ─► journal ─► durable ─► the script's trigger ─► the same doors ─► done, or why not
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::{Moment, Span};
use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::hook::Early;
use crate::machine::input::{Demand, Order, Ticket, Verdict};
use crate::machine::memory::{Drill, Held};
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::snapshot::{OrderLine, OrderSnapshot};
use crate::machine::{Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{OperatorWord, Severity, State, StateKind, When};

/// The journal has so long to take an order.
const JOURNAL: Duration = Duration::from_secs(60);
/// An order that is not done by then is not in force any more.
const LIFE: Duration = Duration::from_secs(3 * 3600);
/// Lines of an order's course that are kept; the oldest go first.
const LINES: usize = 200;

/// An order that was taken, and how it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// Its number, unique while clusterd runs.
    pub number: u64,
    /// What was ordered.
    pub demand: Demand,
    /// What scripts hear.
    pub heard: OperatorWord,
    /// The node that it is about, if it is about one.
    pub node: Option<NodeId>,
    /// In words.
    pub text: String,
    /// When it was taken.
    pub began: Moment,
    /// When the journal was asked to take it.
    pub written: Moment,
    /// It waits until this hook has answered.
    pub asks: Option<Early>,
    /// It waits until the journal has this.
    pub awaits: Option<Ticket>,
    /// The node was proved stopped since.
    pub proved: bool,
    /// The last thing that went wrong.
    pub problem: Option<String>,
    /// How it ended, and when.
    pub end: Option<(Moment, Result<String, String>)>,
    lines: VecDeque<(Moment, String)>,
    dropped: u64,
}

impl Machine {
    /// An order came: it is refused, or it begins.
    pub(super) fn demand(&mut self, demand: Demand) {
        let plan = self.weigh(&demand);
        let who = demand.who.clone();
        let Some(p) = self.package_meant(&demand) else {
            return;
        };
        let why = demand.reason.as_ref().map(|why| format!(" ({why})"));
        let text = format!("{}{}", plan.what, why.unwrap_or_default());
        if let Some(why) = plan.refusal(demand.force)
            && Guard::OrderWeighed.stands()
        {
            let what = text;
            return self.event(Event::OrderRefused { who, what, why });
        }
        let (heard, node) = self.resolve(p, &demand);
        self.event(Event::Ordered {
            who,
            what: text.clone(),
        });
        let ordered = Ordered {
            number: self.tickets + 1,
            demand,
            heard,
            node,
            text: text.clone(),
            began: self.now,
            written: self.now,
            asks: None,
            awaits: None,
            proved: false,
            problem: None,
            end: None,
            lines: VecDeque::new(),
            dropped: 0,
        };
        // One that waits for its hooks.
        let instead = format!("{} instead: {text}", ordered.demand.who);
        self.end_order(p, Err(instead));
        self.packages[p].order = Some(Box::new(ordered));
        if heard == OperatorWord::Hold {
            return self.hold_for_a_person(p);
        }
        if !self.order_waits_for_hooks(p) {
            self.write_order(p);
        }
    }

    /// The hooks before a person's switchover have given their leave: is it still to be done?
    pub(super) fn order_goes_on(&mut self, p: PackageId) {
        let Some(order) = self.packages[p].order.take() else {
            return;
        };
        // It does not speak against itself.
        let refusal = self.weigh(&order.demand).refusal(order.demand.force);
        let same = self.resolve(p, &order.demand) == (order.heard, order.node);
        self.packages[p].order = Some(order);
        match refusal {
            Some(why) => self.end_order(p, Err(format!("while the hooks ran: {why}"))),
            None if !same => {
                let why = "while the hooks ran another node came to have the package";
                self.end_order(p, Err(why.to_owned()));
            }
            None => self.write_order(p),
        }
    }

    /// What an order begins with, and the order itself, go to the journal.
    fn write_order(&mut self, p: PackageId) {
        let Some(ordered) = self.packages[p].order.as_deref() else {
            return;
        };
        let (heard, node) = (ordered.heard, ordered.node);
        let demand = ordered.demand.clone();
        let entry = format!("{} orders: {}", demand.who, ordered.text);
        match heard {
            // What was proved before is proved anew.
            OperatorWord::Drill => {
                if let Some(n) = node {
                    self.kill_proof(n, "a drill begins");
                }
            }
            OperatorWord::FencePrimary => self.hold_is_theirs(p, &demand),
            _ => {}
        }
        if heard == OperatorWord::Switchover {
            // What was begun is remembered over a restart, as a takeover is.
            self.packages[p].heir = node;
            self.packages[p].secondary = node;
        }
        let ticket = self.journal(EntryKind::Intent, node, entry);
        let now = self.now;
        if let Some(ordered) = self.packages[p].order.as_mut() {
            (ordered.awaits, ordered.written) = (Some(ticket), now);
        }
        if Guard::JournalOrder.gone() {
            self.order_durable(ticket);
        }
    }

    /// The journal has an order: the script hears of it.
    pub(super) fn order_durable(&mut self, done: Ticket) {
        for p in 0..self.packages.len() {
            let order = self.packages[p].order.as_mut();
            let open = order.filter(|order| order.end.is_none());
            let Some(order) = open.filter(|order| order.awaits == Some(done)) else {
                continue;
            };
            order.awaits = None;
            if order.heard == OperatorWord::Hold {
                let name = &self.setup.packages[p].name;
                let text = format!("{name} is in HOLD until somebody says release");
                self.end_order(p, Ok(text));
                continue;
            }
            let said = Order {
                who: order.demand.who.clone(),
                word: order.heard,
                node: order.node,
            };
            if self.listens(p, said.word) {
                if matches!(said.word, OperatorWord::Boot | OperatorWord::Switchover) {
                    self.end_held(p, &said.who);
                }
                self.operator_says(p, &said);
            } else {
                let state = self.state(p).to_owned();
                let why = format!("the script went to state {state} before the journal had it");
                self.end_order(p, Err(why));
            }
        }
    }

    /// Whether the script takes this word where it stands.
    pub(super) fn listens(&self, p: PackageId, word: OperatorWord) -> bool {
        let run = &self.packages[p].run;
        let state = self.setup.packages[p].program.states.get(run.state);
        let listens = |when: &When| *when == When::Operator(word);
        let heard = state.is_some_and(|state| state.triggers.iter().any(|t| listens(&t.when)));
        heard && !run.stuck
    }

    /// The number of the last order that was taken.
    pub fn last_order(&self) -> u64 {
        let orders = self.packages.iter().filter_map(|p| p.order.as_deref());
        orders.map(|order| order.number).max().unwrap_or(0)
    }

    /// The order that is in force.
    pub(super) fn order_in_force(&self, p: PackageId) -> Option<&Ordered> {
        let order = self.packages[p].order.as_deref();
        order.filter(|order| order.end.is_none())
    }

    /// Whether a person's order is evidence enough to stop the primary while it serves: said plainly
    /// to the script, or with `--force`.
    pub(super) fn ordered_by_force(&self, p: PackageId) -> bool {
        let order = self.order_in_force(p);
        order.is_none_or(|order| order.demand.force) || Guard::OrderForce.gone()
    }

    /// The package that an order is about.
    pub(super) fn package_meant(&self, demand: &Demand) -> Option<PackageId> {
        match demand.node {
            Some(n) => self.package_of(n),
            None => (!self.packages.is_empty()).then_some(0),
        }
    }

    /// What a script hears of an order, and the node that it is about.
    pub(super) fn resolve(&self, p: PackageId, demand: &Demand) -> (OperatorWord, Option<NodeId>) {
        let package = &self.packages[p];
        let home = self.setup.packages[p].nodes.first().copied();
        let is_primary = demand.node.is_some() && demand.node == package.primary;
        match demand.word {
            OperatorWord::Failback => (OperatorWord::Switchover, home),
            OperatorWord::Switchover => {
                let next = demand.node.or(package.secondary);
                (OperatorWord::Switchover, next)
            }
            OperatorWord::Boot if !is_primary => (OperatorWord::Switchover, demand.node),
            OperatorWord::FencePrimary | OperatorWord::FenceStandby if is_primary => {
                (OperatorWord::FencePrimary, demand.node)
            }
            OperatorWord::FencePrimary | OperatorWord::FenceStandby => {
                (OperatorWord::FenceStandby, demand.node)
            }
            OperatorWord::Drill => (OperatorWord::Drill, package.secondary),
            word => (word, demand.node),
        }
    }

    /// HOLD because a person says so: no trigger fires and nothing is begun, over restarts too, until
    /// somebody says `release`. What keeps two nodes from one disk (sieges, proofs) goes on.
    fn hold_for_a_person(&mut self, p: PackageId) {
        let Some(order) = self.packages[p].order.as_deref() else {
            return;
        };
        let demand = order.demand.clone();
        self.hold_is_theirs(p, &demand);
        self.stay_held(p);
        let text = format!("{} orders: hold", demand.who);
        let ticket = self.journal(EntryKind::Hold, None, text);
        let now = self.now;
        if let Some(ordered) = self.packages[p].order.as_mut() {
            (ordered.awaits, ordered.written) = (Some(ticket), now);
        }
        if Guard::HeldDurable.gone() {
            self.order_durable(ticket);
        }
    }

    /// A HOLD by this person's order is remembered over restarts.
    fn hold_is_theirs(&mut self, p: PackageId, demand: &Demand) {
        let reason = demand.reason.clone();
        self.packages[p].held = Some(Box::new(Held {
            who: demand.who.clone(),
            reason: reason.unwrap_or_else(|| match demand.word {
                OperatorWord::Hold => "no reason was given".to_owned(),
                word => format!("after {}", word.word()),
            }),
            since: self.wall(),
            fence: demand.word != OperatorWord::Hold,
            state: None,
        }));
    }

    /// Where the script came to rest after a person's `fence`: there it is put away, over restarts too.
    fn put_away(&mut self, p: PackageId) {
        let program = self.program(p);
        let state = &program.states[self.packages[p].run.state];
        let fence = |held: &&mut Box<Held>| held.fence && state.kind == StateKind::Hold;
        if let Some(held) = self.packages[p].held.as_mut().filter(fence) {
            held.state = Some(state.name.clone());
            let entry = format!("{} put it away", held.who);
            self.journal(EntryKind::Hold, None, entry);
        }
    }

    /// A person's `fence` put the package away, or was under way when clusterd was ended, and nobody said since
    /// that it shall run.
    pub(super) fn is_put_away(&self, p: PackageId) -> bool {
        let held = self.packages[p].held.as_deref();
        held.is_some_and(|held| held.fence)
    }

    /// All nodes wait, and a person put the package away: the script waits for their word where it did; true
    /// then.
    pub(super) fn waits_put_away(&mut self, p: PackageId) -> bool {
        let held = self.packages[p].held.as_deref().filter(|held| held.fence);
        let Some(held) = held.filter(|_| Guard::PutAwayWaits.stands()) else {
            return false;
        };
        let cause = format!("all wait, as {} left it: nothing is started", held.who);
        let states = &self.setup.packages[p].program.states;
        let waits = |state: &State| {
            state.kind == StateKind::Hold && held.state.as_deref() == Some(&*state.name)
        };
        match states.iter().position(waits) {
            Some(state) => self.enter(p, state, &cause),
            // Its fence was not seen to its end, or the script is another one: `release` leads out.
            None => self.stand_still(p, &cause),
        }
        // What was told of their fence may be long ago, and a node may have served meanwhile.
        self.tell_held(p);
        true
    }

    /// A person's HOLD begins, or goes on after a restart.
    pub(super) fn stay_held(&mut self, p: PackageId) {
        let Some(why) = self.why_held(p) else {
            return;
        };
        // Whether a node serves in spite of it the consoles say first.
        if !self.is_put_away(p) {
            self.stand_still(p, &why);
        }
        self.tell_held(p);
    }

    /// The alarm of a person's HOLD; it stands until the HOLD is over.
    fn tell_held(&mut self, p: PackageId) {
        let Some(why) = self.why_held(p) else {
            return;
        };
        let package = &self.setup.packages[p].name;
        let text = format!("{package} is in HOLD, nothing fails over: {why}");
        self.alarm(p, Severity::Warning, alarm_code::HELD, text);
    }

    fn why_held(&self, p: PackageId) -> Option<String> {
        let held = self.packages[p].held.as_deref()?;
        Some(if held.fence && held.state.is_some() {
            format!("{}'s `fence` put it away: {}", held.who, held.reason)
        } else {
            format!("{} says hold: {}", held.who, held.reason)
        })
    }

    /// A person's HOLD is over, and with it the order that it came with, if that is still to begin.
    pub(super) fn end_held(&mut self, p: PackageId, who: &str) {
        if self.packages[p].held.take().is_none() {
            return;
        }
        self.clear(p, alarm_code::HELD);
        self.journal(EntryKind::Hold, None, format!("{who} ends the HOLD"));
        let came_with = |order: &Ordered| {
            let holds = matches!(order.heard, OperatorWord::Hold | OperatorWord::FencePrimary);
            holds && order.is_to_begin()
        };
        if self.order_in_force(p).is_some_and(came_with) {
            let why = format!("{who} ended the HOLD before the journal had it");
            self.end_order(p, Err(why));
        }
    }

    // --- its course and its end ----------------------------------------------------------------

    /// Something went wrong on the way of an order.
    pub(super) fn order_problem(&mut self, p: PackageId, why: &str) {
        if let Some(order) = self.packages[p].order.as_mut().filter(|o| o.end.is_none()) {
            order.problem = Some(why.to_owned());
        }
    }

    /// A drill wants all to go well: what the script warns of on its way does not.
    pub(super) fn drill_problem(&mut self, p: PackageId, why: &str) {
        // The first one is what ended it.
        let drill = |order: &Ordered| order.heard == OperatorWord::Drill && order.problem.is_none();
        if self.order_in_force(p).is_some_and(drill) {
            self.order_problem(p, why);
        }
    }

    /// A node is proved stopped.
    pub(super) fn order_proved(&mut self, p: PackageId, n: NodeId) {
        if let Some(order) = self.packages[p].order.as_mut().filter(|o| o.end.is_none()) {
            order.proved |= order.node == Some(n);
        }
    }

    /// The script rests: an order that it had taken up is over.
    pub(super) fn order_rests(&mut self, p: PackageId) {
        let Some(order) = self.order_in_force(p).filter(|o| !o.is_to_begin()) else {
            return;
        };
        let (package, setup) = (&self.packages[p], &self.setup.packages[p]);
        let name = |n: Option<NodeId>| n.map_or("?", |n| self.setup.node_name(n));
        let took = Span(Duration::from_secs(self.now.since(order.began).as_secs()));
        let serves = package.primary == order.node && package.confirmed && package.hold.is_none();
        let whole = order.problem.is_none();
        let good = match order.heard {
            OperatorWord::Switchover | OperatorWord::Boot => {
                serves.then(|| format!("{} runs on {} after {took}", setup.name, name(order.node)))
            }
            OperatorWord::Drill => whole.then(|| {
                let node = name(order.node);
                format!("{node} would take over: all steps went well, in {took}")
            }),
            _ => order
                .proved
                .then(|| format!("{} is proved stopped, after {took}", name(order.node))),
        };
        let state = &setup.program.states[package.run.state];
        let why = order.problem.clone().unwrap_or_else(|| match state.kind {
            StateKind::Hold => format!("{} is in HOLD: {}", setup.name, state.about),
            StateKind::Ordinary => format!(
                "{} is on {}, and the script in state {}",
                setup.name,
                name(package.primary),
                state.name
            ),
        });
        self.end_order(p, good.ok_or(why));
    }

    /// An order is over.
    pub(super) fn end_order(&mut self, p: PackageId, end: Result<String, String>) {
        let now = self.now;
        let wall = self.wall();
        let Some(order) = self.packages[p].order.as_mut().filter(|o| o.end.is_none()) else {
            return;
        };
        order.end = Some((now, end.clone()));
        let (what, heard, node) = (order.demand.word.word().to_owned(), order.heard, order.node);
        let (good, text) = match end {
            Ok(text) => (true, text),
            Err(why) => (false, why),
        };
        if heard == OperatorWord::FencePrimary {
            match good {
                true => self.put_away(p),
                false => self.end_held(p, "a fence that was not done"),
            }
        }
        if heard == OperatorWord::Switchover && !good {
            // The hooks gave it to this switchover, and not to a takeover after it.
            self.packages[p].leave = None;
        }
        if heard == OperatorWord::Drill {
            let node = node.map_or("?", |n| self.setup.node_name(n)).to_owned();
            let entry = format!("drill of {node}: {text}");
            self.packages[p].drill = Some(Box::new(Drill {
                node,
                at: wall,
                good,
                text: text.clone(),
            }));
            self.journal(EntryKind::Result, None, entry);
        }
        let package = self.setup.packages[p].name.to_string();
        self.event(Event::OrderEnded {
            package,
            what,
            good,
            text,
        });
    }

    /// Orders whose time is over.
    pub(super) fn tick_orders(&mut self) {
        for p in 0..self.packages.len() {
            let Some(order) = self.order_in_force(p) else {
                continue;
            };
            let late = order.ends_by() <= self.now;
            if late && order.asks.is_some() {
                self.early_says(p, &Verdict::None("no end within its time".to_owned()));
            } else if late && order.awaits.is_some() {
                let why = match order.heard {
                    OperatorWord::Hold => {
                        "the journal did not take it: it is held, and a restart of clusterd forgets that"
                    }
                    _ => "the journal did not take it",
                };
                self.end_order(p, Err(why.to_owned()));
            } else if late {
                self.end_order(p, Err(format!("it was not done within {}", Span(LIFE))));
            }
        }
    }

    /// When an order's time is over.
    pub(super) fn order_timeout(&self) -> Option<Moment> {
        let packages = 0..self.packages.len();
        packages
            .filter_map(|p| Some(self.order_in_force(p)?.ends_by()))
            .min()
    }

    /// Keeps what happens while an order is under way, for whoever follows it.
    pub(super) fn note_course(&mut self, event: &Event) {
        let open = |order: &Ordered| order.end.is_none();
        for package in &mut self.packages {
            let Some(order) = package.order.as_mut().filter(|order| open(order)) else {
                continue;
            };
            if !event.is_of_a_course() {
                continue;
            }
            if order.lines.len() == LINES {
                order.lines.pop_front();
                order.dropped += 1;
            }
            order.lines.push_back((self.now, event.to_string()));
        }
    }

    /// The last order of a package, for people.
    pub(super) fn show_order(&self, p: PackageId, now: Moment) -> Option<OrderSnapshot> {
        let order = self.packages[p].order.as_deref()?;
        let ms = |at: Moment| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX);
        let lines = order.lines.iter().map(|(at, text)| OrderLine {
            age_ms: ms(*at),
            text: text.clone(),
        });
        Some(OrderSnapshot {
            number: order.number,
            who: order.demand.who.clone(),
            what: order.text.clone(),
            age_ms: ms(order.began),
            done: order.end.as_ref().map(|(_, end)| end.is_ok()),
            result: order.end.as_ref().map(|(_, end)| match end {
                Ok(text) | Err(text) => text.clone(),
            }),
            dropped: order.dropped,
            lines: lines.collect(),
        })
    }
}

impl Ordered {
    fn ends_by(&self) -> Moment {
        match self.asks {
            Some(early) => early.deadline,
            None => self.written + if self.awaits.is_some() { JOURNAL } else { LIFE },
        }
    }

    /// The script has not heard of it yet.
    pub fn is_to_begin(&self) -> bool {
        self.awaits.is_some() || self.asks.is_some()
    }
}
