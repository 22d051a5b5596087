//! The next moment at which time alone changes something, with its reason.

use crate::clock::Moment;
use crate::machine::Machine;
use crate::machine::node::{KEYBOARD_QUIET, Link};
use crate::machine::package::Wait;
use crate::machine::setup::PackageId;
use crate::script::program::{LinkState, When, Who};

impl Machine {
    /// When the machine wants [`crate::machine::Input::Time`] at the latest, and why.
    pub fn poll_timeout(&self) -> Option<(Moment, &'static str)> {
        let mut next: Option<(Moment, &'static str)> = None;
        let mut note = |at: Option<Moment>, why: &'static str| {
            let Some(at) = at else { return };
            if next.as_ref().is_none_or(|(first, _)| at < *first) {
                next = Some((at, why));
            }
        };
        for node in &self.nodes {
            note(
                node.asking.as_ref().map(|a| a.deadline),
                "a question's time is over",
            );
            let proof = node.proof.as_ref();
            let end = proof.and_then(|proof| proof.life().map(|life| proof.born + life));
            note(
                end.map(|at| at + std::time::Duration::from_millis(1)),
                "a proof is too old",
            );
        }
        note(self.order_timeout(), "an order's time is over");
        note(self.siege_timeout(), "the siege goes on");
        note(
            self.maintenance_timeout(),
            "a maintenance ends, or is told of again",
        );
        note(
            self.out_timeout(),
            "a time out of service ends, or is told of again",
        );
        note(self.pen_timeout(), "a person's pause is over");
        note(
            self.host.timeout(self.now),
            "a doubt of the monitor's begins or ends",
        );
        note(
            self.tell_timeout(),
            "something has lasted long enough to be told of",
        );
        for p in 0..self.packages.len() {
            note(self.wait_timeout(p), "the script's wait ends");
            note(self.trigger_timeout(p), "a trigger's time has come");
        }
        next
    }

    /// When the present wait ends by itself.
    pub(super) fn wait_timeout(&self, p: PackageId) -> Option<Moment> {
        let run = &self.packages[p].run;
        if run.stuck {
            return None;
        }
        match &run.wait {
            Wait::Ready
            | Wait::Idle
            | Wait::Answer { .. }
            | Wait::Suspicion { .. }
            | Wait::Durable { .. }
            | Wait::Person { .. }
            | Wait::Impaired
            | Wait::Maintenance => None,
            Wait::Expect { deadline, .. }
            | Wait::Reset { deadline, .. }
            | Wait::Link { deadline, .. }
            | Wait::Probe { deadline, .. }
            | Wait::Run { deadline, .. }
            | Wait::Gate { deadline, .. }
            | Wait::Hook { deadline, .. }
            | Wait::Power { deadline, .. } => Some(*deadline),
            Wait::Sleep { until, .. } => Some(*until),
            Wait::Dark {
                deadline,
                next_look,
                ..
            } => Some((*next_look).min(*deadline)),
            Wait::Survey(survey) => Some(survey.timeout(self.now)),
        }
    }

    /// When the first trigger of the present state fires by time alone.
    fn trigger_timeout(&self, p: PackageId) -> Option<Moment> {
        let run = &self.packages[p].run;
        if run.stuck || run.talks() {
            return None;
        }
        let program = &self.setup.packages[p].program;
        let triggers = program.states[run.state].triggers.iter().enumerate();
        let times = triggers.filter_map(|(index, trigger)| {
            if run.answered.get(index).copied().unwrap_or(false) {
                // Its level is on.
                return None;
            }
            match &trigger.when {
                When::After(_) | When::Every(_) if run.wait == Wait::Idle => {
                    let due = run.due.get(index).copied().flatten()?;
                    Some(self.after_typing(p, due))
                }
                When::Link { who, state, held } => {
                    let n = self.who(p, Who::Role(*who))?;
                    match (&self.nodes[n].link, state) {
                        (Link::Up { since, .. }, LinkState::Up)
                        | (Link::Down { since, .. }, LinkState::Down) => Some(*since + *held),
                        _ => None,
                    }
                }
                When::Unfenced { who } => self.unfenced_time(p, *who),
                When::ConsoleSilent => self.console_leg_time(p),
                _ => None,
            }
        });
        times.filter(|at| *at > self.now).min()
    }

    /// Timed triggers wait until nobody types any more.
    fn after_typing(&self, p: PackageId, due: Moment) -> Moment {
        let nodes = self.setup.packages[p].nodes.iter();
        let typed = nodes.filter_map(|n| self.nodes[*n].keyboard.map(|at| at + KEYBOARD_QUIET));
        let quiet = typed.max().map_or(due, |quiet| due.max(quiet));
        let pens = self.setup.packages[p].nodes.iter();
        let pens = pens.filter_map(|n| self.nodes[*n].pen.as_ref().filter(|pen| pen.granted));
        pens.map(|pen| pen.typed + pen.idle)
            .max()
            .map_or(quiet, |end| quiet.max(end))
    }
}
