//! A task that gives way to one with a new configuration: what it leaves to it, and when.
//!
//! ```text
//!  Yield ─► machine at rest? ─► last words, journal ─► consoles and visitors ─► the next task
//!              └─ no: it goes on, and is asked again after every turn
//! ```
//!
//! This is asked at the end of a turn, and what comes in a turn is done before. So an order of a person is
//! taken whole, or, in the moment in which the consoles are handed on, not at all (`busy`): none is given to
//! a machine that is being replaced. A HOLD stands in the journal by then, and any other order is under way.
//!
//! The next task begins as after a restart of clusterd, with what the journal remembers. Only the
//! links that stay as they are, and the people at them, are handed on: to its machine they are new
//! links, over which nothing is known yet.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::Blueprint;
use super::line::Line;
use super::message::{ClusterNow, Said};
use super::task::Guard;
use super::visitors::Visitors;
use crate::clock::Moment;
use crate::console::Said as Heard;
use crate::machine::Event;
use crate::machine::handover::Unready;
use crate::machine::input::Input;
use crate::script::program::OperatorWord;

/// A task is to end, when its machine is at rest.
#[derive(Debug)]
pub struct Yield {
    /// Who wants it.
    pub who: String,
    /// What for.
    pub purpose: Purpose,
    /// How things are, said at once: whether it ends now.
    pub answer: oneshot::Sender<ClusterNow>,
}

/// What a task is to end for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new configuration that differs in this.
    Change(Vec<String>),
    /// The cluster is not to be guarded any more.
    Removal,
}

/// What a task that has ended leaves to the next one.
#[derive(Debug)]
pub struct Handover {
    news: Arc<Notify>,
    lines: Vec<(Arc<str>, Line)>,
    visitors: Visitors,
}

/// A wish that the task should end.
#[derive(Debug)]
pub(super) struct Leaving {
    who: String,
    purpose: Purpose,
    /// It was told that the wish waits.
    told: bool,
    /// An operator's `release` ends the HOLD that it waits for.
    released: bool,
}

impl Guard {
    /// It is to end. A later wish takes the place of an earlier one.
    pub(super) fn asked_to_yield(&mut self, wish: Yield, now: Moment) {
        self.leaving = Some(Box::new(Leaving {
            who: wish.who,
            purpose: wish.purpose,
            told: false,
            released: false,
        }));
        // Whoever asked may have gone.
        let _ = wish.answer.send(self.now(now));
    }

    /// The wish is taken back.
    pub(super) fn stays(&mut self) {
        self.leaving = None;
    }

    /// Why it does not end now though it should, if so.
    pub(super) fn unready(&self) -> Option<Unready> {
        let leaving = self.leaving.as_ref();
        let released =
            leaving.is_some_and(|leaving| leaving.released || leaving.purpose == Purpose::Removal);
        match self.machine.unready() {
            Some(Unready::Held(_)) if released => {}
            Some(why) => return Some(why),
            None => {}
        }
        if let Some(hook) = self.hooks.as_ref().and_then(|hooks| hooks.under_way()) {
            return Some(Unready::UnderWay(format!("the hook {hook} has ended")));
        }
        if let Some(untold) = self.machine.untold(self.host.clock.now()) {
            return Some(Unready::UnderWay(untold));
        }
        let busy = self.recorder.is_urgent() || !self.errands.is_empty();
        busy.then(|| Unready::UnderWay("the journal is written".to_owned()))
    }

    /// Whether it ends with this turn.
    pub(super) fn gives_way(&mut self) -> bool {
        let unready = match &self.leaving {
            None => return false,
            Some(_) => self.unready(),
        };
        let Some(leaving) = &mut self.leaving else {
            return false;
        };
        let who = leaving.who.clone();
        let Some(why) = unready else {
            let event = match &leaving.purpose {
                Purpose::Change(what) => Event::Reconfigured {
                    who,
                    what: what.join(", "),
                },
                Purpose::Removal => Event::Removed {
                    who,
                    left: self.left_behind(),
                },
            };
            let removed = matches!(event, Event::Removed { .. });
            self.event(event);
            if removed {
                let why = "taken out of clusterd's guard".to_owned();
                self.event(Event::Unwatched { why });
            }
            return true;
        };
        if !std::mem::replace(&mut leaving.told, true) {
            let what = match &leaving.purpose {
                Purpose::Change(what) => what.join(", "),
                Purpose::Removal => "taken out of clusterd's guard".to_owned(),
            };
            let until = unready_text(&why, self.blueprint.name());
            self.event(Event::Waits { who, what, until });
        }
        false
    }

    /// What comes after an order, for whoever gives it while a new configuration waits.
    pub(super) fn leaves_after_it(&self, word: OperatorWord) -> Option<String> {
        let Leaving { who, purpose, .. } = self.leaving.as_deref()?;
        let what = match purpose {
            Purpose::Change(_) => "takes the new configuration",
            Purpose::Removal => "takes the cluster out of clusterd's guard",
        };
        let when = match (purpose, word) {
            (Purpose::Change(_), OperatorWord::Hold) => "when the HOLD has ended",
            (Purpose::Removal, OperatorWord::Hold) => "all the same",
            _ => "after that",
        };
        Some(format!("the reload by {who}, which waits, {what} {when}"))
    }

    /// An order was given since: a HOLD that it brings is not the one that somebody has released.
    pub(super) fn released_no_more(&mut self) {
        if let Some(leaving) = &mut self.leaving {
            leaving.released = false;
        }
    }

    /// What nobody does any more for a cluster that is guarded no more.
    fn left_behind(&self) -> Vec<String> {
        let snapshot = self.machine.snapshot(self.host.clock.now());
        left_behind(&ClusterNow {
            boots: Vec::new(),
            snapshot,
            consoles: Vec::new(),
            unready: None,
        })
    }

    /// A word that a task does not give to its machine, for a new configuration waits for it.
    pub(super) fn overtaken(&mut self, word: OperatorWord) -> Option<Said> {
        let held = self
            .machine
            .snapshot(self.host.clock.now())
            .packages
            .iter()
            // A person's HOLD is the machine's to end: the next one would remember it.
            .any(|package| package.hold.is_some() && package.held.is_none());
        let leaving = self.leaving.as_mut()?;
        if word != OperatorWord::Release || !held {
            return None;
        }
        leaving.released = true;
        let line = "the HOLD ends: the new configuration is taken, and its script looks anew";
        Some(Said::Heard(vec![line.to_owned()]))
    }

    /// The task is over.
    pub(super) fn into_handover(self) -> Handover {
        Handover {
            news: self.news,
            lines: self.names.into_iter().zip(self.lines).collect(),
            visitors: self.visitors,
        }
    }

    /// Tells the machine of the links that were handed on.
    pub(super) fn greet_links(&mut self, now: Moment) {
        for node in 0..self.lines.len() {
            for input in self.lines[node].greeting(node) {
                self.feed(input, now);
            }
        }
    }
}

/// What was handed on, as far as `blueprint` has use for it, and what it has to open itself.
pub(super) fn take_over(
    blueprint: &Blueprint,
    names: &[Arc<str>],
    handover: Option<Handover>,
    now: Moment,
) -> (Arc<Notify>, Vec<Line>, Visitors) {
    let (news, mut kept, visitors) = match handover {
        None => (Arc::default(), Vec::new(), None),
        Some(handover) => (handover.news, handover.lines, Some(handover.visitors)),
    };
    let specs = blueprint.consoles.iter().zip(&blueprint.links);
    // What does not stay is closed before anything is opened: a port takes one connection.
    kept.retain(|(name, line)| {
        let mut opens = names.iter().zip(specs.clone());
        opens.any(|(node, (spec, link))| node == name && line.is(spec, link))
    });
    let lines = names.iter().zip(specs).map(|(node, (spec, link))| {
        let known = kept.iter().position(|(name, _)| name == node);
        match known.map(|at| kept.swap_remove(at).1) {
            Some(line) => line.again(&blueprint.patterns),
            None => Line::open(spec, link, &news, &blueprint.patterns, now),
        }
    });
    let lines = super::setup::exactly(lines.collect::<Vec<_>>());
    let visitors = Visitors::new(names, blueprint.keyboard_idle, visitors);
    (news, lines, visitors)
}

/// Why a task goes on though it should end, in words that follow "waits until".
pub fn unready_text(why: &Unready, cluster: &str) -> String {
    match why {
        Unready::UnderWay(what) => what.clone(),
        Unready::Held(what) => {
            format!("the HOLD ends: {what}; `clusterd release {cluster}` takes it now")
        }
    }
}

/// What nobody does any more when this cluster is guarded no more.
pub fn left_behind(now: &ClusterNow) -> Vec<String> {
    let mut left = Vec::new();
    for package in &now.snapshot.packages {
        let who = match &package.primary {
            Some(primary) => format!("{} is on {primary}", package.package),
            None => format!("it is not known who has {}", package.package),
        };
        left.push(format!("{who}: nobody restarts it or moves it"));
    }
    for node in now.snapshot.nodes.iter().filter(|node| node.siege) {
        left.push(format!(
            "{} was under siege and is no more: if it wakes, nothing stops it from writing",
            node.node
        ));
    }
    left
}

/// What a console that was handed on says to a new machine.
impl Line {
    fn greeting(&self, node: usize) -> Vec<Input> {
        let mut inputs = Vec::new();
        for said in self.state() {
            inputs.extend(match said {
                Heard::Up { epoch } => Some(Input::LinkUp { node, epoch }),
                Heard::Down { why, .. } => Some(Input::LinkDown { node, why }),
                Heard::Carrier { epoch, present } => Some(Input::Carrier {
                    node,
                    epoch,
                    present,
                }),
                _ => None,
            });
        }
        inputs
    }
}
