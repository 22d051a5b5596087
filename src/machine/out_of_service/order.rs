//! Orders: what is refused, the RETURN that a node out of service must leave unanswered, the journal.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::{Ear, OutOfService};
use crate::clock::Span;
use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::input::{Ticket, UpkeepOrder};
use crate::machine::persons_word::{self, PersonsWord};
use crate::machine::setup::NodeId;
use crate::machine::{Event, Machine};
use crate::mutant::Guard;

/// It lasts no longer; said again, it begins its time anew.
pub(super) const LONGEST: Duration = Duration::from_secs(14 * 24 * 3600);
/// A node that said something so recently is not silent.
const SILENT: Duration = Duration::from_secs(10);
/// Orders that are asked about, or wait for the journal.
const ORDERS: usize = 16;

/// What is asked for, and not yet in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::machine) struct Orders {
    asked: Vec<Asked>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    id: u64,
    node: NodeId,
    /// Its entry, once the node was silent for long enough.
    ticket: Option<Ticket>,
    /// What begins; an end is in force already.
    begins: Option<Box<OutOfService>>,
}

impl Orders {
    /// Tickets of entries that are awaited.
    pub(in crate::machine) fn tickets(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.asked.iter().filter_map(|asked| asked.ticket)
    }

    /// Feeds `hasher` with all that tells it from another one.
    pub(in crate::machine) fn tell_apart<H: Hasher>(&self, hasher: &mut H) {
        for asked in &self.asked {
            (asked.node, asked.ticket.is_some(), &asked.begins).hash(hasher);
        }
    }

    /// What is asked for of a node.
    pub(super) fn of(&mut self, n: NodeId) -> impl Iterator<Item = &mut OutOfService> {
        let asked = self.asked.iter_mut().filter(move |asked| asked.node == n);
        asked.filter_map(|asked| asked.begins.as_deref_mut())
    }

    /// What is asked for, and written down.
    pub(super) fn entered(&self, n: NodeId) -> Option<&OutOfService> {
        let entered = |asked: &&Asked| asked.node == n && asked.ticket.is_some();
        let mut last = self.asked.iter().rev().filter(entered);
        last.find_map(|asked| asked.begins.as_deref())
    }

    /// When something of it is decided.
    pub(super) fn timeouts(&self) -> impl Iterator<Item = crate::clock::Moment> + '_ {
        let asked = self.asked.iter().filter(|asked| asked.ticket.is_none());
        asked.filter_map(|asked| asked.begins.as_ref()?.ear.decides())
    }

    /// So much of its time has passed unseen.
    pub(super) fn shorten(&mut self, span: Duration) {
        for out in self.asked.iter_mut().filter_map(|a| a.begins.as_mut()) {
            out.word.slept(span);
        }
    }
}

/// Whether it may last so long.
pub(super) fn lasts_fit(lasts: Duration) -> Result<(), String> {
    match lasts < Duration::from_secs(1) || lasts > LONGEST {
        true => {
            Err("a node is out of service for 1 s to 14 d; say it again to prolong it".to_owned())
        }
        false => Ok(()),
    }
}

impl Machine {
    /// A person takes a node out of service.
    pub(in crate::machine) fn ask_out(
        &mut self,
        order: &UpkeepOrder,
        lasts: Duration,
        reason: &str,
    ) -> Result<(), String> {
        let n = order.node.ok_or("it is a node that is out of service")?;
        lasts_fit(lasts)?;
        let reason = persons_word::reason(reason)?;
        if self.outs.asked.len() >= ORDERS || self.outs.of(n).next().is_some() {
            return Err("another such order is under way".to_owned());
        }
        self.may_go_out(n)?;
        self.may_be_asked(n)?;
        self.keeps_silent(n)?;
        let now = self.now;
        let name = self.setup.node_name(n);
        let text = format!("{name} out of service for {}: {reason}", Span(lasts));
        let who = order.who.clone();
        self.event(Event::Operator {
            who: who.clone(),
            text,
        });
        let known = self.nodes[n].out.as_deref().filter(|out| !out.over);
        let began = known.map_or_else(|| self.wall_now(), |known| known.word.began);
        let out = OutOfService {
            word: PersonsWord::given((who, reason), began, lasts, (now, lasts)),
            over: false,
            // A console that is not connected now is not waited for as after a restart.
            ear: Ear::Gap {
                since: now - super::LINK + super::ANSWERS,
                first: now,
            },
            carrier: self.nodes[n].carrier,
        };
        self.outs.asked.push(Asked {
            id: order.id,
            node: n,
            ticket: None,
            begins: Some(Box::new(out)),
        });
        self.tick_asked();
        Ok(())
    }

    /// Whether the RETURN that it must leave unanswered can be typed at all.
    fn may_be_asked(&self, n: NodeId) -> Result<(), String> {
        if self.in_maintenance(n) && Guard::OutMaintained.stands() {
            let name = self.setup.node_name(n);
            return Err(format!(
                "{name} is in maintenance, where nothing is typed, and it must leave a RETURN unanswered first: end the maintenance, or say it before one"
            ));
        }
        Ok(())
    }

    /// Whether this node may be taken out of service, as far as its package goes.
    pub(super) fn may_go_out(&self, n: NodeId) -> Result<(), String> {
        let name = self.setup.node_name(n);
        for p in self.packages_of(n) {
            let (package, setup) = (&self.packages[p], &self.setup.packages[p]);
            if !package.primary_is_known() && Guard::OutKnown.stands() {
                return Err(format!(
                    "it is not known yet who has {}, and it may be {name}",
                    setup.name
                ));
            }
            if package.primary == Some(n) && Guard::OutPrimary.stands() {
                let seen = match package.confirmed {
                    true => "",
                    false => ", though it was not seen to serve yet",
                };
                return Err(format!("{name} has {}{seen}", setup.name));
            }
            if let Some(what) = self.switch_under_way(p)
                && Guard::OutSwitch.stands()
            {
                return Err(format!("{what}: say it again when that is done"));
            }
            if package.heir == Some(n) {
                return Err(format!("{name} is to take {} over", setup.name));
            }
            let stays = |other: &&NodeId| **other != n && !self.put_out(**other);
            if !setup.nodes.iter().any(|other| stays(&other)) {
                return Err(format!("no other node of {} is in service", setup.name));
            }
        }
        Ok(())
    }

    /// Whether its console is silent, as that of a node without power is.
    pub(super) fn keeps_silent(&self, n: NodeId) -> Result<(), String> {
        let (node, name) = (&self.nodes[n], self.setup.node_name(n));
        if let Some(pen) = &node.pen {
            return Err(format!("{} types on the console of {name}", pen.who));
        }
        let said = node.heard_ever.map(|at| self.now.since(at));
        match said.filter(|age| *age < SILENT && Guard::OutSilent.stands()) {
            Some(age) => Err(format!(
                "{name} said something on its console {} ago: a node without power is silent",
                Span(Duration::from_secs(age.as_secs().max(1)))
            )),
            None => Ok(()),
        }
    }

    /// What is asked for goes on: the node is asked whether it lives, then the journal.
    pub(super) fn tick_asked(&mut self) {
        for at in 0..self.outs.asked.len() {
            let Asked {
                node,
                ticket: None,
                begins: Some(mut out),
                ..
            } = self.outs.asked[at].clone()
            else {
                continue;
            };
            if let Err(why) = self.may_be_asked(node) {
                // A maintenance began before it was asked.
                let Asked { id, .. } = self.outs.asked.remove(at);
                self.answer(id, Err(why));
                return self.tick_asked();
            }
            out.ear = self.listen(node, out.ear);
            let silent = out.ear == Ear::Silent;
            let text = format!(
                "{} says that {} is without power or without its storage, for {}: {}",
                out.word.who,
                self.setup.node_name(node),
                Span(out.word.lasts),
                out.word.reason
            );
            self.outs.asked[at].begins = Some(out);
            if silent {
                // The memory with the entry holds what has a ticket.
                self.outs.asked[at].ticket = Some(0);
                let ticket = self.journal(EntryKind::Word, Some(node), text);
                self.outs.asked[at].ticket = Some(ticket);
                if Guard::OutDurable.gone() {
                    return self.out_durable(ticket);
                }
            }
        }
    }

    /// How sure it is that the node says nothing.
    pub(super) fn listen(&mut self, n: NodeId, ear: Ear) -> Ear {
        let now = self.now;
        match ear {
            Ear::Gap { .. } if Guard::OutAsked.gone() => Ear::Silent,
            Ear::Gap { first, .. } if self.asks_for_life(n) => Ear::Asked {
                until: now + super::ANSWERS,
                first,
            },
            // What maintenance keeps from being asked is asked behind it.
            Ear::Gap { .. } if self.in_maintenance(n) && Guard::OutMaintained.stands() => ear,
            Ear::Gap { since, .. } if now >= since + super::LINK => Ear::Silent,
            Ear::Asked { until, .. } if now >= until => Ear::Silent,
            ear => ear,
        }
    }

    /// An entry is on the disk: is it such an order's? What speaks against it is weighed again (rule 9).
    pub(in crate::machine) fn out_durable(&mut self, ticket: Ticket) {
        let mine = |asked: &Asked| asked.ticket == Some(ticket);
        let Some(at) = self.outs.asked.iter().position(mine) else {
            return;
        };
        let Asked {
            id, node, begins, ..
        } = self.outs.asked.remove(at);
        let name = self.setup.node_name(node).to_owned();
        let Some(mut out) = begins else {
            let text = format!(
                "{name} counts as running again. Power it up now: clusterd sends it BREAK until it stands at its prompt, and fences it there; before that it takes over nothing"
            );
            return self.answer(id, Ok(text));
        };
        if let Err(why) = self.may_go_out(node)
            && Guard::OutAgain.stands()
        {
            return self.retract(id, node, &why);
        }
        let mut text = format!(
            "{name} is out of service for {}: it counts as stopped, is not fenced and takes over nothing, until it shows life",
            Span(out.word.lasts)
        );
        if self.nodes[node].siege.is_some() {
            text = format!("{text}; the siege of it is suspended");
        }
        out.word.reminds = self.now + super::time::REMINDED;
        self.take_out(node, out);
        self.answer(id, Ok(text));
    }

    /// What was written down is not in force after all.
    fn retract(&mut self, id: u64, n: NodeId, why: &str) {
        let name = self.setup.node_name(n);
        let text = format!("{name} is not out of service: {why}");
        self.journal(EntryKind::Result, Some(n), text);
        self.answer(id, Err(why.to_owned()));
    }

    /// A sign of life: what was asked for is refused, written down already or not.
    pub(super) fn refuse_asked(&mut self, n: NodeId, how: &str) {
        let mine = |asked: &Asked| asked.node == n && asked.begins.is_some();
        while let Some(at) = self.outs.asked.iter().position(mine) {
            let Asked { id, ticket, .. } = self.outs.asked.remove(at);
            let name = self.setup.node_name(n);
            let why = format!("{name} shows life: {how}. A node without power does not");
            match ticket {
                Some(_) => self.retract(id, n, &why),
                None => self.answer(id, Err(why)),
            }
        }
    }

    /// A person says that a node is back: it is stopped and fenced when it wakes.
    pub(in crate::machine) fn back(&mut self, order: &UpkeepOrder) -> Result<(), String> {
        let n = order.node.ok_or("it is a node that is out of service")?;
        let name = self.setup.node_name(n).to_owned();
        let asked = self.outs.of(n).next().is_some();
        if self.nodes[n].out.is_none() && !asked {
            return Err(format!("{name} is not out of service"));
        }
        if self.outs.asked.len() >= ORDERS {
            return Err("too many orders wait for the journal".to_owned());
        }
        let who = order.who.clone();
        let text = format!("{name} back in service");
        self.event(Event::Operator {
            who: who.clone(),
            text: text.clone(),
        });
        self.refuse_asked(n, &format!("{who} says that it is back"));
        if self.nodes[n].out.take().is_some() {
            let why = format!("{who} says so");
            self.event(Event::InService { node: name, why });
            for p in self.packages_of(n) {
                for code in [
                    alarm_code::OUT_OF_SERVICE,
                    alarm_code::OUT_OF_SERVICE_ENDS,
                    alarm_code::OUT_OF_SERVICE_OVER,
                    alarm_code::OUT_OF_SERVICE_WOKE,
                ] {
                    self.clear(p, code);
                }
            }
        }
        self.count_again(n, "it was out of service");
        let ticket = self.journal(EntryKind::Word, Some(n), format!("{who}: {text}"));
        self.outs.asked.push(Asked {
            id: order.id,
            node: n,
            ticket: Some(ticket),
            begins: None,
        });
        Ok(())
    }
}
