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
            broken: None,
        }
    }

    pub fn tell_apart<H: Hasher>(&self, hasher: &mut H) {
        (self.silent_since, &self.by_hand, self.window).hash(hasher);
    }

    /// A person starts a system on this node.
    pub fn by_hand(&mut self, n: usize) {
        self.by_hand[n] = true;
    }

    /// Hears what the machine says it does.
    pub fn hear(world: &mut World, event: &Event) {
        let broken = rules::boot(world.nodes.iter(), world.judge.policy, event, world.now);
        let by_hand = world.judge.by_hand.contains(&true);
        if let Some(broken) = broken.filter(|_| !by_hand) {
            world.judge.broken.get_or_insert(broken);
        }
    }

    /// Looks at the world after a step.
    pub fn look(world: &mut World) {
        for (n, node) in world.nodes.iter().enumerate() {
            if matches!(
                node.condition(),
                Condition::Off | Condition::Post | Condition::Prompt { resumable: false }
            ) {
                world.judge.by_hand[n] = false;
            }
        }
        Self::look_at_writers(world);
        Self::look_for_silence(world);
    }

    fn look_at_writers(world: &mut World) {
        let now = world.now;
        let Some(broken) = rules::two_writers(world.nodes.iter(), now) else {
            world.judge.window = None;
            return;
        };
        let judge = &mut world.judge;
        if !judge.by_hand.contains(&true) {
            judge.broken.get_or_insert(broken);
            return;
        }
        let since = *judge.window.get_or_insert(now);
        if now.since(since) > WINDOW && world.open.is_empty() {
            let what = format!(
                "a node that a person booted runs beside the other one for {}, and no alarm is open",
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
