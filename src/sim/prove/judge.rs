//! Who looks at the truth after every step: the rules of `sim/rules.rs`, and liveness in the small:
//! the service runs, or an alarm is open, or neither holds for no longer than the script's own
//! longest wait.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::model::Model;
use super::world::World;
use crate::clock::{Moment, Span};
use crate::machine::Event;
use crate::machine::setup::DataPolicy;
use crate::sim::node::{Condition, Node};
use crate::sim::rules::{self, Broken, Rule};

/// A node that a person booted past the guard is told of, and stopped, within this.
const WINDOW: Duration = Duration::from_secs(120);

/// What a policy below `integrity` accepts, and what a person who knows better may do: the closed
/// list of exceptions. Whatever else breaks a rule is a failure, under every policy.
pub(super) const EXCEPTIONS: [&str; 6] = [
    "a frozen machine counts as stopped (adaptability, availability)",
    "a machine that stands still and is deaf to BREAK counts as stopped (adaptability, availability)",
    "a node that counted as stopped goes on: it is deaf to BREAK",
    "a node that counted as stopped goes on while its console is lost",
    "a node that counted as stopped goes on: the BREAK that it should meet was lost",
    "somebody at its own keyboard boots a node past the guard: an alarm within two minutes",
];

/// What it keeps in mind.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    policy: DataPolicy,
    patience: Duration,
    /// Since when neither the service runs nor an alarm is open.
    silent_since: Option<Moment>,
    /// What these nodes run was started by a person who knew better.
    by_hand: Vec<bool>,
    /// Since when such a node runs beside another one.
    window: Option<Moment>,
    /// These nodes counted as stopped, as the policy accepts, when another one was booted.
    taken: Vec<bool>,
    /// A BREAK for these nodes was lost.
    unbroken: Vec<bool>,
    /// Which of [`EXCEPTIONS`] were met, a bit each; it tells no situation from another.
    pub met: u8,
    /// The first rule that was broken.
    pub broken: Option<Broken>,
}

impl Judge {
    pub fn new(model: &Model) -> Judge {
        Judge {
            policy: model.policy(),
            patience: model.patience(),
            silent_since: None,
            by_hand: vec![false; model.specs.len()],
            window: None,
            taken: vec![false; model.specs.len()],
            unbroken: vec![false; model.specs.len()],
            met: 0,
            broken: None,
        }
    }

    pub fn tell_apart<H: Hasher>(&self, hasher: &mut H) {
        (self.silent_since, &self.by_hand, self.window).hash(hasher);
        (&self.taken, &self.unbroken).hash(hasher);
    }

    /// A person starts a system on this node.
    pub fn by_hand(&mut self, n: usize) {
        self.by_hand[n] = true;
    }

    /// A BREAK for this node was lost.
    pub fn break_lost(&mut self, n: usize) {
        self.unbroken[n] = true;
    }

    fn except(&mut self, exception: usize) {
        self.met |= 1 << exception;
    }

    /// Hears what the machine says it does.
    pub fn hear(world: &mut World, event: &Event) {
        let Event::BootTyped { .. } = event else {
            return;
        };
        let mut nodes = Vec::new();
        for (n, node) in world.nodes.iter().enumerate() {
            let still = node.is_frozen() && node.condition() != Condition::Off;
            let deaf = node.condition() == Condition::Hung && node.faults().break_disabled;
            let accepted = world.judge.policy != DataPolicy::Integrity;
            match (accepted && still, accepted && deaf) {
                (true, _) => world.judge.except(0),
                (_, true) => world.judge.except(1),
                _ if world.judge.by_hand[n] => world.judge.except(5),
                _ => {
                    nodes.push(node);
                    continue;
                }
            }
            world.judge.taken[n] = accepted && (still || deaf);
        }
        let policy = world.judge.policy;
        if let Some(broken) = rules::boot(nodes.into_iter(), policy, event, world.now) {
            world.judge.broken.get_or_insert(broken);
        }
    }

    /// Looks at the world after a step.
    pub fn look(world: &mut World) {
        for (n, node) in world.nodes.iter().enumerate() {
            // Not during a self test: `boot` in a machine that has loaded resets it first.
            if matches!(
                node.condition(),
                Condition::Off | Condition::Prompt { resumable: false }
            ) {
                world.judge.by_hand[n] = false;
                world.judge.taken[n] = false;
                world.judge.unbroken[n] = false;
            }
        }
        Self::look_at_writers(world);
        Self::look_for_silence(world);
    }

    /// Which exception lets this node run beside another one, if one does.
    fn excuse(world: &World, n: usize) -> Option<usize> {
        let judge = &world.judge;
        let port = &world.ports[n];
        match judge.taken[n] {
            true if world.nodes[n].faults().break_disabled => Some(2),
            true if port.cut || !port.up => Some(3),
            true if judge.unbroken[n] => Some(4),
            _ => judge.by_hand[n].then_some(5),
        }
    }

    fn look_at_writers(world: &mut World) {
        let now = world.now;
        let Some(broken) = rules::two_writers(world.nodes.iter(), now) else {
            world.judge.window = None;
            return;
        };
        let writing = (0..world.nodes.len()).filter(|n| world.nodes[*n].writes());
        let Some(exception) = writing.filter_map(|n| Self::excuse(world, n)).min() else {
            world.judge.broken.get_or_insert(broken);
            return;
        };
        let judge = &mut world.judge;
        judge.except(exception);
        let since = *judge.window.get_or_insert(now);
        if now.since(since) > WINDOW && world.open.is_empty() {
            let what = format!(
                "{} for {}, and no alarm is open",
                broken.what,
                Span(now.since(since))
            );
            judge.broken.get_or_insert(Broken { what, ..broken });
        }
    }

    fn look_for_silence(world: &mut World) {
        let now = world.now;
        let served = world.nodes.iter().any(Node::serves);
        let judge = &mut world.judge;
        if served || !world.open.is_empty() {
            judge.silent_since = None;
            return;
        }
        let since = *judge.silent_since.get_or_insert(now);
        if now.since(since) > judge.patience {
            let what = format!(
                "for {} nothing serves, and no alarm is open",
                Span(now.since(since))
            );
            judge.broken.get_or_insert(Broken {
                at: now,
                rule: Rule::SilentOutage,
                what,
            });
        }
    }
}
