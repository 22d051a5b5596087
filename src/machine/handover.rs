//! Whether a machine may give way to one with a new configuration: a running switch keeps its script
//! until it is done, and new scripts come in only where nothing is under way.
//!
//! The next machine is made of the journal's memory, as after a restart of clusterd: it knows roles,
//! sieges and what has failed, and no proof. So nothing survives this that would not survive a
//! restart; what is asked here is only that no switch is cut in two.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::Machine;
use crate::machine::package::{Door, Package, Wait};
use crate::machine::setup::PackageId;
use crate::mutant::Guard;
use crate::script::program::StateKind;

/// How an order ended is kept for so long: whoever follows it looks twice a second.
const TOLD: Duration = Duration::from_secs(2);

/// Why a machine does not give way now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unready {
    /// Something is under way. In words that follow "until": `the boot of ca2 is done`.
    UnderWay(String),
    /// A package is in HOLD. A new machine would look anew at once, which is what an operator's
    /// `release` does: it waits for one, or for the HOLD's own end.
    Held(String),
}

impl Machine {
    /// Why a new configuration must wait, if it must. In words that a person understands at night.
    pub fn unready(&self) -> Option<Unready> {
        let packages = || 0..self.packages.len();
        let under_way = packages().find_map(|p| self.under_way(p));
        let under_way = under_way.filter(|_| Guard::HandoverRests.stands());
        let talks = || (0..self.nodes.len()).find_map(|n| self.is_spoken_with(n));
        if let Some(what) = under_way.or_else(talks) {
            return Some(Unready::UnderWay(what));
        }
        let held = packages().find_map(|p| self.held(p));
        held.filter(|_| Guard::HandoverHold.stands())
            .map(Unready::Held)
    }

    /// Whether somebody is to be told yet how their order ended: the next machine does not know of it. In
    /// words that follow "until".
    pub fn untold(&self, now: Moment) -> Option<String> {
        let orders = self.packages.iter().filter_map(|p| p.order.as_deref());
        let mut orders = orders.filter(|order| {
            let ended = order.end.as_ref();
            ended.is_some_and(|(at, _)| now.since(*at) < TOLD)
        });
        let order = orders.next()?;
        let who = &order.demand.who;
        Some(format!("{who} was told how the {} ended", order.text))
    }

    fn under_way(&self, p: PackageId) -> Option<String> {
        let package: &Package = &self.packages[p];
        let run = &package.run;
        if run.stuck {
            return None;
        }
        let name = |n| self.setup.node_name(n);
        if let Wait::Person { node, .. } = run.wait {
            return Some(format!("nobody types on the console of {}", name(node)));
        }
        let held = package.hold.is_some();
        if let Some(heir) = package.heir.filter(|_| !held) {
            return Some(format!("the takeover to {} is done", name(heir)));
        }
        if let Some((door, node)) = run.door() {
            let door = match door {
                Door::Fence => "fence",
                Door::Boot => "boot",
                Door::Resume => "resumption",
            };
            return Some(format!("the {door} of {} is done", name(node)));
        }
        match &run.wait {
            Wait::Idle if run.roles_before.is_some() => Some("the boot is done".to_owned()),
            // A person was told that it begins: the script has it, or the journal, or a hook.
            Wait::Idle => {
                let order = self.order_in_force(p);
                order.map(|order| format!("the {} is done", order.text))
            }
            // What is remembered of it is taken over.
            Wait::Maintenance => None,
            Wait::Survey(_) => Some("all consoles have said who they are".to_owned()),
            Wait::Impaired => Some("the monitor is well again".to_owned()),
            _ => {
                let state = self.state(p);
                Some(format!("the script has done its step in state {state}"))
            }
        }
    }

    /// A person who types, or waits to; a question of ours. Half a line of ours is no reason: the next
    /// machine kills what it finds on a line, as after a restart.
    fn is_spoken_with(&self, n: usize) -> Option<String> {
        let node = &self.nodes[n];
        let name = self.setup.node_name(n);
        if node.pen.is_some() && Guard::HandoverPerson.stands() {
            return Some(format!("nobody types on the console of {name}"));
        }
        let open = node.asking.is_some() && Guard::HandoverRests.stands();
        open.then(|| format!("{name} has answered"))
    }

    fn held(&self, p: PackageId) -> Option<String> {
        let package = &self.packages[p];
        let state = self.setup.packages[p].program.states.get(package.run.state);
        let holds = state.is_some_and(|state| state.kind == StateKind::Hold);
        let name = &self.setup.packages[p].name;
        (package.run.stuck || holds || package.hold.is_some()).then(|| match &package.hold {
            Some(why) => format!("{name} is in HOLD ({why})"),
            None => format!("{name} is in HOLD"),
        })
    }
}
