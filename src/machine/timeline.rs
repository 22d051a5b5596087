//! Switchovers, put together from events: what led there, which step was reached when, and what came
//! of it. The demonstration, `history --switchovers` and later faces read the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::machine::Event;

/// The state in which a script watches and nothing is wrong, as every shipped script names it.
const AT_REST: &str = "watch";
/// A state that lasted for so long was no step on the way to the fence that followed.
const LULL_MS: u64 = 120_000;
/// States that are remembered until it is known whether they lead to a fence.
const TRAIL: usize = 32;
/// Switchovers that are kept, the newest ones.
const KEPT: usize = 1000;

/// What is reached in a switchover, in the usual order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The first sign of trouble.
    Evidence,
    /// It was enough: stopping began.
    Fence,
    /// The prompt of the node that is stopped is alive.
    Stopped,
    /// It is proved stopped.
    Proved,
    /// One way to stop it made no proof.
    NotProved,
    /// The package belongs to the other node.
    Given,
    /// The boot command was given there.
    BootCommand,
    /// Its login prompt is there.
    Login,
    /// The script watches again, after it asked the service.
    Service,
}

impl Phase {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Phase::Evidence => "first evidence",
            Phase::Fence => "evidence enough: the fence begins",
            Phase::Stopped => "stopped: its prompt is alive",
            Phase::Proved => "proved stopped",
            Phase::NotProved => "no proof could be made so",
            Phase::Given => "the package is given to the other machine",
            Phase::BootCommand => "boot command given to it",
            Phase::Login => "its login prompt",
            Phase::Service => "the service was asked, the watch goes on",
        }
    }
}

/// A phase that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Which.
    pub phase: Phase,
    /// When, milliseconds of the caller's clock.
    pub at_ms: u64,
    /// What exactly: the evidence, the procedure, the kind of proof.
    pub text: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "why")]
pub enum Outcome {
    /// It goes on, or nobody knows.
    UnderWay,
    /// Another node has the package.
    Moved,
    /// The same node has it again.
    Restarted,
    /// A node was stopped and none booted.
    OnlyStopped,
    /// It stands in HOLD, for this reason.
    Hold(String),
}

/// A switchover of one package, or an attempt at one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switchover {
    /// The package.
    pub package: String,
    /// Who had it.
    pub from: Option<String>,
    /// Who was stopped first.
    pub stopped: Option<String>,
    /// Who was booted last.
    pub to: Option<String>,
    /// The phases, in the order in which each was reached first.
    pub reached: Vec<Reached>,
    /// What came of it.
    pub outcome: Outcome,
    /// How often clusterd started anew meanwhile.
    pub restarts: u32,
}

impl Switchover {
    /// When a phase was reached first.
    pub fn at(&self, phase: Phase) -> Option<u64> {
        let found = self.reached.iter().find(|one| one.phase == phase);
        found.map(|one| one.at_ms)
    }

    /// From one phase to another, where both were reached.
    pub fn between(&self, from: Phase, to: Phase) -> Option<Duration> {
        let (from, to) = (self.at(from)?, self.at(to)?);
        Some(Duration::from_millis(to.saturating_sub(from)))
    }

    fn reach(&mut self, phase: Phase, at_ms: u64, text: &str) {
        if self.at(phase).is_none() {
            let text = text.to_owned();
            self.reached.push(Reached { phase, at_ms, text });
        }
    }

    fn is_over(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Moved | Outcome::Restarted | Outcome::OnlyStopped
        )
    }
}

/// Reads the events of one cluster, in their order, and finds its switchovers. A cluster has one
/// package.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Who has the package, as far as was said.
    owner: Option<String>,
    /// States since the last one at rest: when each was entered, and why.
    trail: Vec<(u64, String)>,
    found: Vec<Switchover>,
}

impl Timeline {
    /// Something happened.
    pub fn event(&mut self, at_ms: u64, event: &Event) {
        match event {
            Event::State { state, cause, .. } => self.state(at_ms, state, cause),
            Event::Roles { primary, .. } => self.owner = Some(primary.clone()),
            Event::FenceBegan {
                package,
                node,
                procedure,
                evidence,
            } => {
                let switchover = self.open(package);
                switchover.stopped.get_or_insert_with(|| node.clone());
                if switchover.at(Phase::Evidence).is_none() {
                    switchover.reach(Phase::Evidence, at_ms, evidence);
                }
                switchover.reach(Phase::Fence, at_ms, &format!("{procedure} for {node}"));
            }
            Event::Piece { node, .. } => self.of_stopped(node, Phase::Stopped, at_ms, ""),
            Event::Proved { node, kind, .. } => {
                self.of_stopped(node, Phase::Proved, at_ms, &kind.to_string());
            }
            Event::FenceFailed {
                node,
                procedure,
                why,
            } => {
                self.of_stopped(
                    node,
                    Phase::NotProved,
                    at_ms,
                    &format!("{procedure}: {why}"),
                );
            }
            Event::BootBegan { package, node } => {
                let switchover = self.open(package);
                if switchover.at(Phase::Evidence).is_none() {
                    switchover.reach(Phase::Evidence, at_ms, "a start");
                }
                switchover.to = Some(node.clone());
                switchover.reach(Phase::Given, at_ms, node);
                self.owner = Some(node.clone());
            }
            Event::BootTyped { text, .. } => self.reach(Phase::BootCommand, at_ms, text),
            Event::BootDone { .. } => self.reach(Phase::Login, at_ms, ""),
            _ => {}
        }
    }

    /// The package is in HOLD, or, where there is no reason, out of it.
    pub fn hold(&mut self, why: Option<&str>) {
        if let Some(open) = self.current() {
            open.outcome = match why {
                Some(why) => Outcome::Hold(why.to_owned()),
                None => Outcome::UnderWay,
            };
        } else if why.is_none() && !self.trail.is_empty() {
            // What follows a HOLD begins with the word that ended it: the last state.
            self.trail.drain(..self.trail.len() - 1);
        }
    }

    /// Somebody knows that a phase was reached without an event of it.
    pub fn reach(&mut self, phase: Phase, at_ms: u64, text: &str) {
        if let Some(open) = self.current() {
            open.reach(phase, at_ms, text);
        }
    }

    /// All that were found, the oldest first.
    pub fn switchovers(&self) -> &[Switchover] {
        &self.found
    }

    fn current(&mut self) -> Option<&mut Switchover> {
        self.found.last_mut().filter(|last| !last.is_over())
    }

    fn of_stopped(&mut self, node: &str, phase: Phase, at_ms: u64, text: &str) {
        if let Some(open) = self.current()
            && open.stopped.as_deref() == Some(node)
            && open.to.is_none()
        {
            open.reach(phase, at_ms, text);
        }
    }

    /// The one that is under way, or a new one that began with the trail.
    fn open(&mut self, package: &str) -> &mut Switchover {
        let is_over = self.found.last().is_none_or(Switchover::is_over);
        if is_over {
            let first = self.trail.first();
            let evidence = first.map(|(at_ms, why)| Reached {
                phase: Phase::Evidence,
                at_ms: *at_ms,
                text: why.clone(),
            });
            if self.found.len() == KEPT {
                self.found.remove(0);
            }
            self.found.push(Switchover {
                package: package.to_owned(),
                from: self.owner.clone(),
                stopped: None,
                to: None,
                reached: evidence.into_iter().collect(),
                outcome: Outcome::UnderWay,
                restarts: 0,
            });
        }
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    fn state(&mut self, at_ms: u64, state: &str, cause: &str) {
        if cause == "clusterd starts" {
            // That is no sign of trouble.
            if let Some(open) = self.current() {
                open.restarts += 1;
            }
            return;
        }
        if let Some((before, _)) = self.trail.last()
            && at_ms.saturating_sub(*before) >= LULL_MS
        {
            self.trail.clear();
        }
        if state != AT_REST {
            if self.trail.len() < TRAIL {
                self.trail.push((at_ms, cause.to_owned()));
            }
            return;
        }
        self.trail.clear();
        let owner = self.owner.clone();
        if let Some(open) = self.current() {
            let served = open.at(Phase::Login).is_some();
            open.outcome = match (&open.to, owner == open.from) {
                (None, true) => Outcome::OnlyStopped,
                (_, true) => Outcome::Restarted,
                (_, false) => Outcome::Moved,
            };
            if served {
                open.reach(Phase::Service, at_ms, "");
            }
        }
    }
}

#[cfg(test)]
mod tests;
