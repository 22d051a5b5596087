//! A person at a console of clusterd's own (design rule 16): who has the pen of a node comes
//! first there. While they have it, the machine types nothing on that node; what it was
//! proving is void, what it was saying is broken off, and afterwards it asks again.
//!
//! ```text
//!  a key ─► asks ─┬─► refused: under siege, it starts beside the primary, …  (rules 1, 7, 14)
//!                 ├─► waits: a question or a line of the machine's is open on that console
//!                 └─► granted: the script pauses ─► keys ─► left, or idle ─► it asks again
//! ```
//!
//! The pen is the machine's own: who of several people may type is settled before it.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::action::PenWord;
use crate::machine::alarm_code;
use crate::machine::input::Deed;
use crate::machine::making::Making;
use crate::machine::node::Condition;
use crate::machine::package::{Door, Frame, Gate, Wait};
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::survey::Survey;
use crate::machine::{Action, Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{Op, Severity, When};

/// A person waits no longer than this for the machine to end what it says: then that is broken
/// off, and wiped from the line.
const WAITS: Duration = Duration::from_secs(15);

/// Who types on a node, or wants to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pen {
    /// Who.
    pub who: String,
    /// They may type; else they wait until the machine has said what it is saying.
    pub granted: bool,
    /// Their last key; while they wait, their first.
    pub typed: Moment,
    /// After so long without a key the pen is taken back.
    pub idle: Duration,
    /// When it was granted.
    since: Moment,
    /// A service that is down waits for them, and that was said to be critical.
    urgent: bool,
}

impl Machine {
    /// A person does something at a console.
    pub(super) fn person(&mut self, n: NodeId, who: &str, deed: Deed) {
        match deed {
            Deed::Asks { idle } => self.person_asks(n, who, idle),
            Deed::Types { bytes } => self.person_types(n, who, bytes),
            Deed::Breaks => self.person_breaks(n, who),
            Deed::Leaves { why } => self.put_down_pen(n, &why),
        }
    }

    fn person_asks(&mut self, n: NodeId, who: &str, idle: Duration) {
        if let Some(pen) = &mut self.nodes[n].pen {
            // The people have settled it among themselves: the pause goes on.
            who.clone_into(&mut pen.who);
            pen.idle = idle;
            if pen.granted {
                pen.typed = self.now;
                self.pen_word(n, PenWord::Granted);
            }
            return;
        }
        if let Some(why) = self.refuses_person(n) {
            return self.pen_word(n, PenWord::Refused { why });
        }
        self.nodes[n].pen = Some(Box::new(Pen {
            who: who.to_owned(),
            granted: false,
            typed: self.now,
            idle,
            since: self.now,
            urgent: false,
        }));
        if self.mid_line(n) && Guard::PersonMidLine.stands() {
            self.pen_word(n, PenWord::Waits);
        } else {
            self.grant_pen(n);
        }
    }

    fn person_types(&mut self, n: NodeId, who: &str, bytes: Vec<u8>) {
        let Some(epoch) = self.touch_keyboard(n, who) else {
            return;
        };
        self.actions.push_back(Action::Pass {
            node: n,
            epoch,
            bytes,
        });
    }

    fn person_breaks(&mut self, n: NodeId, who: &str) {
        let Some(epoch) = self.touch_keyboard(n, who) else {
            return;
        };
        self.nodes[n].broke = Some((self.now, 1));
        self.actions.push_back(Action::Break { node: n, epoch });
        let node = self.setup.node_name(n).to_owned();
        let who = who.to_owned();
        self.event(Event::PersonBreak { node, who });
    }

    /// What any key of a person's does: rule 3. `None` where nobody has the pen.
    fn touch_keyboard(&mut self, n: NodeId, who: &str) -> Option<u64> {
        let now = self.now;
        let epoch = self.nodes[n].epoch()?;
        let granted = |pen: &&mut Box<Pen>| pen.granted || Guard::PersonGranted.gone();
        let pen = self.nodes[n].pen.as_mut().filter(granted)?;
        pen.typed = now;
        who.clone_into(&mut pen.who);
        self.void(n, who);
        Some(epoch)
    }

    /// What was proved of the node, or was being proved, says nothing any more.
    fn void(&mut self, n: NodeId, who: &str) {
        let now = self.now;
        if Guard::PersonVoids.stands() {
            self.kill_proof(n, &format!("{who} types on its console"));
        }
        let node = &mut self.nodes[n];
        if Guard::PersonVoidsMaking.stands() {
            node.making = Making::default();
        }
        // What they start there may be garbled, and a BREAK would leave it resumable at a live prompt.
        node.settled &= Guard::PersonUnsettles.gone();
        node.evidence.nonce = None;
        node.owed_until = None;
        node.keyboard = Some(now);
        // What they leave unfinished must not be run by a RETURN of ours.
        node.dirty |= Guard::PersonDirties.stands();
    }

    /// Whether a person has this console now: the machine types nothing on it.
    pub(super) fn person_at(&self, n: NodeId) -> bool {
        self.nodes[n].pen.as_ref().is_some_and(|pen| pen.granted)
    }

    /// Whether the machine is in the middle of saying something there: a question that is not
    /// answered yet, or a line without its RETURN.
    fn mid_line(&self, n: NodeId) -> bool {
        let node = &self.nodes[n];
        let echo =
            |wait: &Wait| matches!(wait, Wait::Gate { node, stage: Gate::Echo, .. } if *node == n);
        node.asking.is_some()
            || !node.line.is_empty()
            || self.packages.iter().any(|p| echo(&p.run.wait))
    }

    fn grant_pen(&mut self, n: NodeId) {
        let now = self.now;
        self.end_our_line(n);
        let Some(pen) = &mut self.nodes[n].pen else {
            return;
        };
        pen.granted = true;
        pen.typed = now;
        pen.since = now;
        let who = pen.who.clone();
        // A key was pressed: it is only waiting.
        self.void(n, &who);
        let node = self.setup.node_name(n).to_owned();
        self.event(Event::PenTaken { node, who });
        self.pen_word(n, PenWord::Granted);
        for p in 0..self.packages.len() {
            if self.talks_with(p, n) && Guard::PersonBreaksOff.stands() {
                self.break_off(p, n);
            }
        }
    }

    /// What the machine was still saying is given up, and wiped from the line.
    fn end_our_line(&mut self, n: NodeId) {
        if self.nodes[n].end_question() {
            self.nodes[n].answer = Some(Err("a person types there".to_owned()));
        }
        self.wipe_line(n);
    }

    /// Whether the script is in the middle of a conversation with this node. A system that it
    /// has booted there is not called back by a key: its login prompt is only waited for.
    fn talks_with(&self, p: PackageId, n: NodeId) -> bool {
        let run = &self.packages[p].run;
        if run.stuck {
            return false;
        }
        let booted =
            |frame: &Frame| matches!(frame, Frame::Boot { node, typed: true, .. } if *node == n);
        match &run.wait {
            Wait::Expect { node, .. } if run.frames.iter().any(booted) && *node == n => false,
            Wait::Expect { node, .. }
            | Wait::Answer { node }
            | Wait::Reset { node, .. }
            | Wait::Suspicion { node }
            | Wait::Gate { node, .. }
            | Wait::Dark { node, .. }
            | Wait::Power { node, .. } => *node == n,
            // Each of them asks before it types.
            Wait::Ready
            | Wait::Idle
            | Wait::Durable { .. }
            | Wait::Impaired
            | Wait::Maintenance
            | Wait::Link { .. }
            | Wait::Hook { .. }
            | Wait::Survey(_)
            | Wait::Person { .. } => false,
            Wait::Sleep { .. } | Wait::Probe { .. } | Wait::Run { .. } => {
                run.door().is_some_and(|(_, node)| node == n)
            }
        }
    }

    /// The script's conversation with this node ends: afterwards it looks anew.
    fn break_off(&mut self, p: PackageId, n: NodeId) {
        let who = self.pen_holder(n);
        let why = format!("{who} types on the console of {}", self.setup.node_name(n));
        self.note_given_up(p, &why);
        self.drill_problem(p, &why);
        self.abandon(p);
        self.packages[p].run.frames.clear();
        self.packages[p].run.reason = why;
        self.wait_for_person(p, n, None);
    }

    fn wait_for_person(&mut self, p: PackageId, n: NodeId, seen: Option<Condition>) {
        self.packages[p].run.wait = Wait::Person { node: n, seen };
        self.alarm_person(p, n);
    }

    /// A service that is down must not wait without end and quietly for somebody who goes on
    /// typing: the pause stays theirs, and after the time in which a node counts as dark the
    /// alarm is critical.
    fn urge(&mut self, n: NodeId) {
        let due = |pen: &Pen| self.urgent_from(n, pen).is_some_and(|at| at <= self.now);
        if !self.nodes[n].pen.as_deref().is_some_and(due) {
            return;
        }
        for p in 0..self.packages.len() {
            let package = &self.packages[p];
            let waits = match &package.run.wait {
                Wait::Person { node, .. } => *node == n,
                Wait::Survey(survey) => survey.lacks(n),
                _ => false,
            };
            let runs = |n: NodeId| self.nodes[n].condition == Condition::Running;
            let well = package.missing_since.is_none() && package.primary.is_some_and(runs);
            if !waits || package.run.stuck || well {
                continue;
            }
            let text = format!(
                "{} does not run, and its script waits: {} has typed on the console of {} for more than {}. Nothing goes on before they leave (^Ec.)",
                self.setup.packages[p].name,
                self.pen_holder(n),
                self.setup.node_name(n),
                crate::clock::Span(self.setup.nodes[n].dark_after),
            );
            self.alarm(p, Severity::Critical, alarm_code::PERSON, text);
            if let Some(pen) = &mut self.nodes[n].pen {
                pen.urgent = true;
            }
        }
    }

    /// From when on a service that waits for this person is an emergency.
    fn urgent_from(&self, n: NodeId, pen: &Pen) -> Option<Moment> {
        let open = pen.granted && !pen.urgent;
        open.then(|| pen.since + self.setup.nodes[n].dark_after)
    }

    pub(super) fn alarm_person(&mut self, p: PackageId, n: NodeId) {
        let text = format!(
            "the script of {} waits: {} types on the console of {}",
            self.setup.packages[p].name,
            self.pen_holder(n),
            self.setup.node_name(n)
        );
        self.alarm(p, Severity::Warning, alarm_code::PERSON, text);
    }

    /// At whose console a person keeps a survey waiting: it does not end without that node.
    pub(super) fn person_in_survey(&self, p: PackageId, survey: &Survey) -> Option<NodeId> {
        let mut nodes = self.setup.packages[p].nodes.iter().copied();
        nodes.find(|n| self.person_at(*n) && survey.lacks(*n))
    }

    /// An op that speaks to a node gives way to whoever types there, or waits to; true when it
    /// must not be run now. What starts or resumes a node asks the others too.
    pub(super) fn yields(&mut self, p: PackageId, n: NodeId, op: &Op) -> bool {
        let silent = matches!(
            op,
            Op::Expect { .. } | Op::WaitLink { .. } | Op::Word { .. } | Op::Assume { .. }
        );
        if silent || Guard::PersonYields.gone() {
            return false;
        }
        let mut asked = vec![n];
        if matches!(op, Op::Boot { .. } | Op::Resume { .. }) && Guard::PersonOthers.stands() {
            asked.extend(self.others(p, n));
        }
        for at in asked {
            let waits = self.nodes[at].pen.as_ref().is_some_and(|pen| !pen.granted);
            if waits && !self.mid_line(at) {
                self.grant_pen(at);
            }
            if !self.person_at(at) {
                continue;
            }
            if self.packages[p].run.door() == Some((Door::Fence, at)) || self.inside_boot(p, at) {
                self.break_off(p, at);
            } else {
                let seen = self.nodes[at].condition;
                self.wait_for_person(p, at, Some(seen));
            }
            return true;
        }
        false
    }

    fn inside_boot(&self, p: PackageId, n: NodeId) -> bool {
        let door = self.packages[p].run.door();
        matches!(door, Some((Door::Boot | Door::Resume, node)) if node == n)
    }

    /// The wait for a person is over when they have put down the pen: the op is run again where
    /// the console shows what it showed; else the script looks anew from its start. HOLD stays.
    pub(super) fn progress_person(&mut self, p: PackageId) {
        let Wait::Person { node, seen } = self.packages[p].run.wait else {
            return;
        };
        if self.person_at(node) {
            return;
        }
        let why = format!(
            "the keyboard of {} is free again: look again",
            self.setup.node_name(node)
        );
        if seen == Some(self.nodes[node].condition) {
            self.packages[p].run.wait = Wait::Ready;
        } else if self.packages[p].hold.is_some() {
            let state = self.packages[p].run.state;
            self.enter(p, state, &why);
        } else {
            self.start_script(p, &why);
        }
    }

    /// Pens that are due: granted, refused after all, or idle. True when something changed.
    pub(super) fn tend_pens(&mut self) -> bool {
        let mut changed = false;
        for n in 0..self.nodes.len() {
            self.urge(n);
            let Some(pen) = self.nodes[n].pen.clone() else {
                continue;
            };
            if let Some(why) = self.refuses_person(n) {
                self.put_down_pen(n, &why);
                changed = true;
            } else if !pen.granted {
                if !self.mid_line(n) || self.now.since(pen.typed) >= WAITS {
                    self.grant_pen(n);
                    changed = true;
                }
            } else if self.now.since(pen.typed) >= pen.idle && Guard::PersonIdle.stands() {
                let idle = crate::clock::Span(pen.idle);
                self.put_down_pen(n, &format!("no key for {idle}"));
                changed = true;
            }
        }
        changed
    }

    /// When a pen is taken back because nobody uses it, or granted because they waited for long;
    /// or the wait for it becomes an emergency.
    pub(super) fn pen_timeout(&self) -> Option<Moment> {
        let nodes = self.nodes.iter().enumerate();
        let pens = nodes.filter_map(|(n, node)| Some((n, node.pen.as_ref()?)));
        pens.flat_map(|(n, pen)| {
            let end = pen.typed + if pen.granted { pen.idle } else { WAITS };
            let urgent = self.urgent_from(n, pen).filter(|at| *at > self.now);
            [Some(end), urgent]
        })
        .flatten()
        .min()
    }

    /// Ends the pause, if there is one: what the script does by the clock is due now.
    pub(super) fn put_down_pen(&mut self, n: NodeId, why: &str) {
        let Some(pen) = self.nodes[n].pen.take() else {
            return;
        };
        let why = why.to_owned();
        self.pen_word(n, PenWord::Ended { why: why.clone() });
        if !pen.granted {
            return;
        }
        let node = self.setup.node_name(n).to_owned();
        self.event(Event::PenLeft {
            node,
            who: pen.who,
            why,
        });
        for p in 0..self.packages.len() {
            let nodes = &self.setup.packages[p].nodes;
            if nodes.contains(&n) && !nodes.iter().any(|n| self.person_at(*n)) {
                self.clear(p, alarm_code::PERSON);
            }
        }
        let now = self.now;
        let setups = &self.setup.packages;
        let packages = setups.iter().zip(&mut self.packages);
        for (setup, package) in packages.filter(|(setup, _)| setup.nodes.contains(&n)) {
            let triggers = &setup.program.states[package.run.state].triggers;
            for (due, trigger) in package.run.due.iter_mut().zip(triggers) {
                if matches!(trigger.when, When::Every(_)) && due.is_some() {
                    *due = Some(now);
                }
            }
        }
    }

    fn pen_holder(&self, n: NodeId) -> String {
        let pen = self.nodes[n].pen.as_ref();
        pen.map_or_else(|| "somebody".to_owned(), |pen| pen.who.clone())
    }

    fn pen_word(&mut self, n: NodeId, word: PenWord) {
        self.actions.push_back(Action::Pen { node: n, word });
    }
}
