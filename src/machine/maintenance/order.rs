//! Orders about a maintenance: what is refused, the journal, and the doors that wait for it.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::time::REMINDED;
use super::{LONGEST, Scope};
use crate::clock::Span;
use crate::machine::action::EntryKind;
use crate::machine::input::{Ticket, Upkeep, UpkeepOrder};
use crate::machine::package::{Door, Wait};
use crate::machine::persons_word::{self, PersonsWord};
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Action, Event, Machine};
use crate::mutant::Guard;
use crate::script::program::Op;

/// Orders that wait for the journal.
const ORDERS: usize = 16;

/// What is asked for, and in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::machine) struct Upkept {
    /// The maintenance of the whole cluster.
    pub(super) cluster: Option<Box<PersonsWord>>,
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
    begins: Option<Box<PersonsWord>>,
}

impl Upkept {
    /// Tickets of entries that are awaited.
    pub(in crate::machine) fn tickets(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.asked.iter().map(|asked| asked.ticket)
    }

    /// Whether the entry of this ticket is awaited.
    pub(in crate::machine) fn awaits(&self, wanted: Ticket) -> bool {
        self.asked.iter().any(|asked| asked.ticket == wanted)
    }

    /// What was asked for last of a scope, and begins.
    pub(in crate::machine) fn asked_last(&self, scope: Scope) -> Option<&PersonsWord> {
        let asked = self.asked.iter().rev();
        let mut asked = asked.filter(|asked| asked.scope == scope);
        asked.find_map(|asked| asked.begins.as_deref())
    }

    /// Feeds `hasher` with all that tells it from another one.
    pub(in crate::machine) fn tell_apart<H: Hasher>(&self, hasher: &mut H) {
        self.cluster.hash(hasher);
        for asked in &self.asked {
            (asked.scope, &asked.begins).hash(hasher);
        }
    }
}

impl Machine {
    /// An operator's order.
    pub(in crate::machine) fn upkeep(&mut self, order: &UpkeepOrder) {
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

    pub(in crate::machine) fn answer(&mut self, id: u64, outcome: Result<String, String>) {
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
        let reason = persons_word::reason(reason)?;
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
        let began = began.unwrap_or_else(|| self.wall_now());
        let begins = PersonsWord::given((who.clone(), reason), began, lasts, (now, REMINDED));
        self.ask_journal(order, Some(Box::new(begins)), format!("{who}: {text}"));
        Ok(())
    }

    /// The entry that makes an order durable; the memory with it holds what is asked for.
    fn ask_journal(&mut self, order: &UpkeepOrder, begins: Option<Box<PersonsWord>>, text: String) {
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
    pub(in crate::machine) fn upkeep_durable(&mut self, ticket: Ticket) {
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

    pub(super) fn besieged_names(&self, scope: Scope) -> Option<String> {
        let nodes = self.scope_nodes(scope).into_iter();
        let besieged = nodes.filter(|n| self.nodes[*n].siege.is_some());
        let names: Vec<&str> = besieged.map(|n| self.setup.node_name(n)).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }

    /// Nothing is begun beside a switch: a fence or a boot under way, or meant.
    pub(in crate::machine) fn switch_under_way(&self, p: PackageId) -> Option<String> {
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
    pub(in crate::machine) fn awaits_maintenance(&mut self, p: PackageId, op: &Op) -> bool {
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
}
