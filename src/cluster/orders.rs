//! Orders of people: weighed, and given to the machine. Also while a new configuration waits: the machine
//! that takes an order sees it to its end, and gives way after it (`handover.rs`).

use tokio::sync::oneshot;

use super::task::Guard;
use crate::clock::Moment;
use crate::machine::Input;
use crate::machine::input::Demand;
use crate::machine::weigh::Plan;
use crate::script::program::OperatorWord;

/// An order as it comes from a person: its node has a name yet.
#[derive(Debug)]
pub struct OrderWanted {
    /// Who, as the kernel knows them.
    pub who: String,
    /// What.
    pub word: OperatorWord,
    /// About which node, by name.
    pub node: Option<String>,
    /// Why, for the others.
    pub reason: Option<String>,
    /// What is no rule shall not stop it.
    pub force: bool,
    /// Only what it would do is wanted, and what speaks against it.
    pub dry_run: bool,
    /// What came of it.
    pub answer: oneshot::Sender<OrderSaid>,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderSaid {
    /// What it would do; nothing was done.
    Weighed(Plan),
    /// It is refused, and why.
    Refused(Plan, String),
    /// It began; or, of `hold`, it is done.
    Begun {
        /// What it does.
        plan: Plan,
        /// Its number, in the snapshot of its package.
        number: u64,
    },
    /// There is no such node; these there are.
    NoSuchNode(Vec<String>),
}

impl Guard {
    /// Somebody orders something.
    pub(super) fn hear_order(&mut self, wanted: OrderWanted, now: Moment) {
        let said = self.weigh_and_order(&wanted, now);
        // Whoever ordered it may have gone; it stands all the same.
        let _ = wanted.answer.send(said);
    }

    fn weigh_and_order(&mut self, wanted: &OrderWanted, now: Moment) -> OrderSaid {
        let nodes = &self.blueprint.setup.nodes;
        let find = |name: &String| nodes.iter().position(|n| n.name.as_str() == name);
        let node = match wanted.node.as_ref().map(find) {
            Some(None) => {
                let names = nodes.iter().map(|n| n.name.to_string());
                return OrderSaid::NoSuchNode(names.collect());
            }
            Some(found) => found,
            None => None,
        };
        let demand = Demand {
            who: wanted.who.clone(),
            word: wanted.word,
            node,
            reason: wanted.reason.clone(),
            force: wanted.force,
        };
        let mut plan = self.machine.weigh(&demand);
        plan.steps.extend(self.leaves_after_it(wanted.word));
        if wanted.dry_run {
            return OrderSaid::Weighed(plan);
        }
        let refusal = plan.refusal(demand.force);
        // Refused or not, it stands in the log.
        self.feed(Input::Demand(demand), now);
        match refusal {
            Some(why) => OrderSaid::Refused(plan, why),
            None => {
                self.released_no_more();
                OrderSaid::Begun {
                    plan,
                    number: self.machine.last_order(),
                }
            }
        }
    }
}
