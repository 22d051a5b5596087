//! Triggers: what interrupts a script, and when it may.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::alarm_code;
use crate::machine::input::Order;
use crate::machine::leg::Leg;
use crate::machine::node::{Condition, Link, Node};
use crate::machine::package::{Adoption, Wait};
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Event, Machine};
use crate::matcher::Hit;
use crate::mutant::Guard;
use crate::script::program::{LinkState, OperatorWord, Role, Trigger, Urgency, When, Who};

/// A node that was not fenced, and at whose prompt somebody may be at work, is left alone so long
/// after its prompt came, and after the last key.
const RESTS: Duration = Duration::from_secs(30);
/// After a fence that was tried in vain the node is left alone for so long.
const TRIED: Duration = Duration::from_secs(600);

impl Machine {
    /// A match that no step took: the first trigger that waits for it, if any.
    pub(super) fn offer_to_triggers(&mut self, p: PackageId, n: NodeId, hit: &Hit) {
        if self.in_maintenance(n) && Guard::TriggerMaintained.stands() {
            return;
        }
        let program = self.program(p);
        let run = &self.packages[p].run;
        let triggers = &program.states[run.state].triggers;
        let waits_for = |trigger: &Trigger| match &trigger.when {
            When::Prints { who, patterns } => {
                self.who(p, Who::Role(*who)) == Some(n) && patterns.contains(&hit.pattern)
            }
            _ => false,
        };
        if let Some(index) = triggers.iter().position(waits_for) {
            self.packages[p].run.pending.insert(index);
            let name = self.setup.node_name(n);
            let pattern = &program.patterns[hit.pattern].name;
            let line: String = hit.line.trim().chars().take(80).collect();
            self.packages[p].run.cause = format!("{name} prints {pattern}: {line:?}");
            if self.fire_triggers(p) {
                self.drive(p);
            }
        }
    }

    /// An operator speaks to the script.
    pub(super) fn operator_says(&mut self, p: PackageId, order: &Order) {
        if let Some(kept) = self.resting(p) {
            let word = format!("{:?}", order.word).to_lowercase();
            let text = format!(
                "{word} is not waited for: {} has it in maintenance, and nothing is done before that ends",
                kept.who
            );
            let package = self.setup.packages[p].name.to_string();
            return self.event(Event::Unheard { package, text });
        }
        let program = self.program(p);
        if self.packages[p].run.stuck {
            if order.word == OperatorWord::Release {
                self.clear(p, alarm_code::HOLD);
                self.end_held(p, &order.who);
                return self.start_script(p, &format!("{} says release", order.who));
            }
            return self.is_not_heard(p, order.word, "in HOLD until somebody says release");
        }
        let triggers = &program.states[self.packages[p].run.state].triggers;
        let listens = |t: &Trigger| t.when == When::Operator(order.word);
        if let Some(index) = triggers.iter().position(listens) {
            match order.word {
                OperatorWord::Adopt => {
                    let primary = order.node;
                    self.packages[p].adopting = Some(Adoption { primary });
                }
                OperatorWord::Switchover | OperatorWord::FencePrimary => {
                    self.packages[p].ordered = Some(self.now);
                }
                OperatorWord::Release => self.end_held(p, &order.who),
                _ => {}
            }
            self.packages[p].run.pending.insert(index);
            self.packages[p].run.cause = format!("{} says {}", order.who, order.word.word());
        } else if order.word == OperatorWord::Release && self.is_put_away(p) {
            // The consoles are still asked who runs: whatever comes of it is not held any more.
            self.end_held(p, &order.who);
        } else {
            let state = program.states[self.packages[p].run.state].name.clone();
            self.is_not_heard(p, order.word, &format!("in state {state}"));
        }
    }

    /// A word that nobody listens for is told as such: whoever said it waits for its work.
    fn is_not_heard(&mut self, p: PackageId, word: OperatorWord, place: &str) {
        // What is confirmed is asked for later.
        if word != OperatorWord::Confirm {
            let text = format!("{} is not waited for {place}: nothing is done", word.word());
            let package = self.setup.packages[p].name.to_string();
            self.event(Event::Unheard { package, text });
        }
    }

    /// Fires the first trigger that is due; true when one did.
    pub(super) fn fire_triggers(&mut self, p: PackageId) -> bool {
        let program = self.program(p);
        let state = self.packages[p].run.state;
        let triggers = &program.states[state].triggers;
        self.note_levels(p, triggers);
        let run = &self.packages[p].run;
        let interruptible = !matches!(
            run.wait,
            Wait::Ready | Wait::Durable { .. } | Wait::Survey(_) | Wait::Maintenance
        );
        let durable = matches!(run.wait, Wait::Durable { .. });
        let interruptible = interruptible || (durable && Guard::TriggerDurable.gone());
        if !interruptible || run.stuck {
            return false;
        }
        let talks = run.talks();
        let idle = run.wait == Wait::Idle;
        let may = |index: &usize| {
            let trigger = &triggers[*index];
            let timed = matches!(trigger.when, When::Every(_) | When::After(_));
            let urgent = trigger.urgency == Urgency::Urgent || Guard::TriggerTalks.gone();
            (!talks || urgent) && (!timed || idle)
        };
        let Some(index) = run.pending.iter().copied().find(may) else {
            return false;
        };
        let run = &mut self.packages[p].run;
        run.pending.remove(&index);
        let body = triggers[index].body;
        // The order's own trigger breaks off a look of the script's, and begins.
        let own = matches!(triggers[index].when, When::Operator(_));
        if !idle && !own {
            let why = format!("broken off: {}", self.packages[p].run.cause);
            self.drill_problem(p, &why);
        }
        if talks {
            let why = format!("broken off: {}", self.packages[p].run.cause);
            self.order_problem(p, &why);
        }
        if talks && Guard::TriggerAbandons.stands() {
            self.abandon(p);
        }
        let run = &mut self.packages[p].run;
        if matches!(
            triggers[index].when,
            When::Prints { .. } | When::Operator(_)
        ) {
            run.haste = 0;
        }
        run.frames.clear();
        run.pc = body;
        run.wait = Wait::Ready;
        true
    }

    /// Levels that have come on, and times that have come, become pending.
    fn note_levels(&mut self, p: PackageId, triggers: &[Trigger]) {
        let now = self.now;
        for (index, trigger) in triggers.iter().enumerate() {
            match &trigger.when {
                When::Prints { .. } | When::Operator(_) => {}
                When::After(_) | When::Every(_) => {
                    let Some(due) = self.packages[p].run.due.get(index).copied().flatten() else {
                        continue;
                    };
                    let typing = self.somebody_is_typing(p) && Guard::TriggerTyping.stands();
                    if now >= due && !typing {
                        let again = match &trigger.when {
                            When::Every(span) => Some(now + *span),
                            _ => None,
                        };
                        self.packages[p].run.due[index] = again;
                        self.pend(p, index, "its time has come");
                    }
                }
                level => {
                    let on = self.level(p, level);
                    let was = std::mem::replace(&mut self.packages[p].run.answered[index], on);
                    if on && !was {
                        let cause = self.level_text(p, level);
                        self.pend(p, index, &cause);
                    }
                }
            }
        }
    }

    fn pend(&mut self, p: PackageId, index: usize, cause: &str) {
        let run = &mut self.packages[p].run;
        run.pending.insert(index);
        cause.clone_into(&mut run.cause);
    }

    /// Rule 16: an operator at a keyboard comes first.
    fn somebody_is_typing(&self, p: PackageId) -> bool {
        let nodes = self.setup.packages[p].nodes.iter();
        nodes
            .copied()
            .any(|n| self.person_at(n) || self.nodes[n].typed_at(self.now))
    }

    fn level(&self, p: PackageId, when: &When) -> bool {
        let package = &self.packages[p];
        let node = |role| self.who(p, Who::Role(role)).map(|n| &self.nodes[n]);
        match when {
            When::PingMisses { count, .. } => package.misses >= *count,
            When::PingAnswers => package.misses == 0 && package.answered.is_some(),
            When::Link { who, state, held } => node(*who).is_some_and(|n| {
                let ((Link::Up { since, .. }, LinkState::Up)
                | (Link::Down { since, .. }, LinkState::Down)) = (&n.link, state)
                else {
                    return false;
                };
                self.now.since(*since) >= *held
            }),
            When::NetworkLoss => self.leg_due(p, Leg::Network),
            When::ConsoleSilent => self.leg_due(p, Leg::Console),
            When::SiegeAnswers { who } => {
                let besieged = |n: &Node| n.siege.as_ref().is_some_and(|s| s.answered);
                node(*who).is_some_and(besieged)
            }
            When::Unfenced { who } => self.unfenced_time(p, *who).is_some_and(|at| at <= self.now),
            When::Prints { .. } | When::Operator(_) | When::After(_) | When::Every(_) => false,
        }
    }

    /// From when on a node may be fenced because it waits without a full fence since it failed:
    /// it has come to rest, nobody types there, and the last try is a while ago.
    pub(super) fn unfenced_time(&self, p: PackageId, who: Role) -> Option<Moment> {
        let n = self.who(p, Who::Role(who))?;
        let node = &self.nodes[n];
        let waits = node.unfenced_failure && node.condition == Condition::Prompt;
        if !waits || self.person_at(n) {
            return None;
        }
        let rests = node.evidence.prompt_since.map(|at| at + RESTS)?;
        let typed = node.keyboard.map(|at| at + RESTS);
        let tried = node.fence_tried.map(|at| at + TRIED);
        let tried = tried.filter(|_| Guard::UnfencedAgain.stands());
        let typed = typed.filter(|_| Guard::UnfencedQuiet.stands());
        Some(
            rests
                .max(typed.unwrap_or(rests))
                .max(tried.unwrap_or(rests)),
        )
    }

    fn level_text(&self, p: PackageId, when: &When) -> String {
        let name = |role| {
            self.who(p, Who::Role(role))
                .map_or("?", |n| self.setup.node_name(n))
        };
        match when {
            When::PingMisses { count, .. } => format!("{count} pings in a row were not answered"),
            When::PingAnswers => "the address answers".to_owned(),
            When::Link {
                who,
                state: LinkState::Up,
                ..
            } => format!("the console of {} is connected", name(*who)),
            When::Link { who, .. } => format!("the console of {} is not connected", name(*who)),
            When::NetworkLoss => "network_loss is due".to_owned(),
            When::ConsoleSilent => "console_silent is due".to_owned(),
            When::SiegeAnswers { who } => format!("{}, under siege, shows life", name(*who)),
            When::Unfenced { who } => {
                format!("{} failed and was not fully fenced since", name(*who))
            }
            _ => String::new(),
        }
    }
}
