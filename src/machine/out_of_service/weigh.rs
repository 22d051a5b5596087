//! What taking a node out of service would do, or bringing it back, and what speaks against it: for
//! `--dry-run`, and before the questions are asked.

use std::time::Duration;

use super::order::lasts_fit;
use crate::clock::Span;
use crate::machine::Machine;
use crate::machine::setup::NodeId;
use crate::machine::weigh::Plan;

impl Machine {
    /// What it would do to take this node out of service for so long; nothing for bringing it back.
    pub fn weigh_out_of_service(&self, n: NodeId, lasts: Option<Duration>) -> Plan {
        match lasts {
            Some(lasts) => self.weigh_out(n, lasts),
            None => self.weigh_back(n),
        }
    }

    fn weigh_out(&self, n: NodeId, lasts: Duration) -> Plan {
        let name = self.setup.node_name(n);
        let mut plan = Plan {
            what: format!("{name} out of service for {}", Span(lasts)),
            ..Plan::default()
        };
        plan.steps.push(format!(
            "press RETURN once on the console of {name}: if anything comes back, it is refused"
        ));
        plan.steps.push(format!(
            "count {name} as stopped, on your word: the others are started without proof that it is"
        ));
        if self.nodes[n].siege.is_some() {
            plan.steps.push(format!(
                "suspend its siege: if {name} wakes without a word on its console, nothing stops it"
            ));
        }
        for p in self.packages_of(n) {
            let package = &self.setup.packages[p].name;
            let serves = self.packages[p].primary;
            let others = self.setup.packages[p].nodes.iter();
            let mut others = others.filter(|other| **other != n && Some(**other) != serves);
            if others.all(|other| self.put_out(*other)) {
                plan.steps.push(format!(
                    "no node can take over {package} meanwhile: if {} fails, that is HOLD",
                    serves.map_or("its node", |n| self.setup.node_name(n))
                ));
            }
        }
        plan.steps.push(format!(
            "end it with the first byte of {name}: then it gets BREAK, and is fenced"
        ));
        let against = [lasts_fit(lasts), self.may_go_out(n), self.keeps_silent(n)];
        for why in against.into_iter().filter_map(Result::err) {
            plan.rule("out_of_service", why);
        }
        plan
    }

    fn weigh_back(&self, n: NodeId) -> Plan {
        let name = self.setup.node_name(n);
        let mut plan = Plan {
            what: format!("{name} back in service"),
            ..Plan::default()
        };
        plan.steps.push(format!(
            "count {name} as running: nothing is started beside it before it is proved stopped"
        ));
        plan.steps.push(
            "send it BREAK until it stands at its prompt, and fence it there: power it up now"
                .to_owned(),
        );
        plan.steps
            .push("let it take over nothing until that is done".to_owned());
        if self.nodes[n].out.is_none() {
            plan.rule("out_of_service", format!("{name} is not out of service"));
        }
        plan
    }
}
