//! Orders of people that are answered when they are on the disk: maintenance, nodes out of service.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;

use super::message::Said;
use super::orders::OrderSaid;
use super::task::Guard;
use crate::clock::Moment;
use crate::machine::input::{Input, Upkeep, UpkeepOrder};

/// Orders whose outcome is awaited, by their number.
#[derive(Debug, Default)]
pub(super) struct Orders {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Said>>,
}

impl Guard {
    /// A person orders something about a node, or the whole cluster.
    pub(super) fn order_upkeep(
        &mut self,
        (who, word): (String, Upkeep),
        node: Option<&str>,
        answer: oneshot::Sender<Said>,
        now: Moment,
    ) {
        let node = match node.map(|name| self.node_of(name)) {
            Some(None) => {
                // Whoever asked may have gone.
                let _ = answer.send(Said::NoSuchNode(self.node_names()));
                return;
            }
            Some(Some(node)) => Some(node),
            None => None,
        };
        self.orders.next += 1;
        let id = self.orders.next;
        // The machine refuses more than a few that wait for the journal: this stays as small.
        self.orders.waiting.retain(|_, waits| !waits.is_closed());
        self.orders.waiting.insert(id, answer);
        let order = UpkeepOrder {
            id,
            who,
            node,
            word,
        };
        self.feed(Input::Upkeep(order), now);
    }

    /// What it would do to take a node out of service, or to bring it back.
    pub(super) fn weigh_out(&self, node: &str, lasts: Option<Duration>) -> OrderSaid {
        match self.node_of(node) {
            Some(n) => OrderSaid::Weighed(self.machine.weigh_out_of_service(n, lasts)),
            None => OrderSaid::NoSuchNode(self.node_names()),
        }
    }

    fn node_names(&self) -> Vec<String> {
        let nodes = self.blueprint.setup.nodes.iter();
        nodes.map(|node| node.name.to_string()).collect()
    }

    /// The machine says what came of an order.
    pub(super) fn answered(&mut self, id: u64, outcome: Result<String, String>) {
        let said = match outcome {
            Ok(text) => Said::Heard(vec![text]),
            Err(why) => Said::Refused(why),
        };
        if let Some(answer) = self.orders.waiting.remove(&id) {
            // Whoever asked may have gone.
            let _ = answer.send(said);
        }
    }
}
