//! What an order would do, and what speaks against it now. Nothing is changed by it: `--dry-run`
//! asks just this, and an order that is given asks it first. It is said early to spare a service an
//! outage for nothing; the doors ask their guards again.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::machine::input::Demand;
use crate::machine::node::{Condition, Identity};
use crate::machine::setup::{NodeId, PackageId};
use crate::script::program::{OperatorWord, When};

/// What an order would do, and what speaks against it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The order in words: `switchover of ca from ca1 to ca2`.
    pub what: String,
    /// What it would do, in order.
    pub steps: Vec<String>,
    /// What speaks against it now.
    pub against: Vec<Objection>,
    /// It stops a node that serves: a second word is wanted.
    #[serde(default)]
    pub stops_service: bool,
}

/// Something that speaks against an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// In one word.
    pub guard: String,
    /// In words, with the way out.
    pub text: String,
    /// Whether `--force` passes it: it is no rule that keeps data or service.
    pub force_passes: bool,
}

impl Plan {
    /// Why it is refused, if it is.
    pub fn refusal(&self, force: bool) -> Option<String> {
        let stands = |objection: &&Objection| !(objection.force_passes && force);
        let why: Vec<&str> = self
            .against
            .iter()
            .filter(stands)
            .map(|objection| objection.text.as_str())
            .collect();
        (!why.is_empty()).then(|| why.join("; "))
    }

    pub(super) fn rule(&mut self, guard: &str, text: impl Into<String>) {
        self.object(guard, text.into(), false);
    }

    fn soft(&mut self, guard: &str, text: impl Into<String>) {
        self.object(guard, text.into(), true);
    }

    fn object(&mut self, guard: &str, text: String, force_passes: bool) {
        let guard = guard.to_owned();
        self.against.push(Objection {
            guard,
            text,
            force_passes,
        });
    }
}

impl Machine {
    /// What an order would do, and what speaks against it now.
    pub fn weigh(&self, demand: &Demand) -> Plan {
        let mut plan = Plan::default();
        let Some(p) = self.package_meant(demand) else {
            demand.word.word().clone_into(&mut plan.what);
            plan.rule("roles", "no package of this cluster runs on that node");
            return plan;
        };
        let (heard, node) = self.resolve(p, demand);
        plan.what = self.demand_text(p, demand.word, heard, node);
        if heard == OperatorWord::Hold {
            self.weigh_hold(p, &mut plan);
            return plan;
        }
        self.weigh_now(p, heard, &mut plan);
        match heard {
            OperatorWord::Switchover => self.weigh_switchover(p, node, demand, &mut plan),
            OperatorWord::Boot => self.weigh_boot(p, node, &mut plan),
            OperatorWord::FencePrimary | OperatorWord::FenceStandby => {
                self.weigh_fence(p, node, heard, &mut plan);
            }
            OperatorWord::Drill => self.weigh_drill(p, node, &mut plan),
            _ => {}
        }
        plan
    }

    fn demand_text(
        &self,
        p: PackageId,
        said: OperatorWord,
        heard: OperatorWord,
        node: Option<NodeId>,
    ) -> String {
        let name = |n: Option<NodeId>| n.map_or("?", |n| self.setup.node_name(n));
        let package = &self.setup.packages[p].name;
        let primary = name(self.packages[p].primary);
        match heard {
            OperatorWord::Switchover => format!(
                "{} of {package} from {primary} to {}",
                match said {
                    OperatorWord::Failback => "failback",
                    _ => "switchover",
                },
                name(node)
            ),
            OperatorWord::Hold => format!("hold of {package}"),
            word => format!("{} of {}", word.word(), name(node)),
        }
    }

    /// What speaks against any order but `hold`.
    fn weigh_now(&self, p: PackageId, heard: OperatorWord, plan: &mut Plan) {
        let (package, setup) = (&self.packages[p], &self.setup.packages[p]);
        let name = &setup.name;
        if let Some(order) = self.order_in_force(p) {
            let text = format!("{} orders already: {}", order.demand.who, order.text);
            plan.rule("order", text);
        }
        for n in setup.nodes.iter().filter(|n| self.in_maintenance(**n)) {
            let node = self.setup.node_name(*n);
            let text = format!("{node} is in maintenance (rule 15): nothing is typed there");
            plan.rule("maintenance", text);
        }
        if let Some(why) = &self.host.impaired {
            let text = format!(
                "the monitor doubts itself, and every takeover is held (rule 8): {why}; `confirm {} well` goes on all the same",
                self.setup.cluster
            );
            plan.rule("impaired", text);
        }
        if !package.bound || !package.primary_is_known() {
            let text = "the consoles have not said yet who has the package (rule 14)";
            plan.rule("roles", text);
        }
        let listens = self.listens(p, heard);
        if let Some(why) = package.hold.as_ref().filter(|_| !listens) {
            let text = format!(
                "{name} is in HOLD (rule 10): {why}; `release {}` ends it",
                self.setup.cluster
            );
            plan.rule("hold", text);
        } else if !listens {
            let run = &package.run;
            let state = &setup.program.states[run.state];
            let takes = setup.program.states.iter().filter(|state| {
                let heard = When::Operator(heard);
                state.triggers.iter().any(|t| t.when == heard)
            });
            let takes: Vec<&str> = takes.map(|state| state.name.as_str()).collect();
            let text = match takes.as_slice() {
                [] => format!("the script {} has no answer to it", setup.program.name),
                _ => format!(
                    "the script is in state {} ({}), and takes it up in {} (rule 10: one switch at a time)",
                    state.name,
                    state.about,
                    takes.join(", ")
                ),
            };
            plan.rule("state", text);
        }
        for n in setup.nodes.iter().copied() {
            let node = &self.nodes[n];
            let who = match &node.pen {
                Some(pen) => pen.who.as_str(),
                None if node.typed_at(self.now) => "somebody",
                None => continue,
            };
            let console = self.setup.node_name(n);
            let text = format!("{who} types on the console of {console} (rule 16)");
            plan.rule("keyboard", text);
        }
    }

    fn weigh_switchover(&self, p: PackageId, to: Option<NodeId>, demand: &Demand, plan: &mut Plan) {
        let (package, setup) = (&self.packages[p], &self.setup.packages[p]);
        let name = |n: NodeId| self.setup.node_name(n).to_owned();
        let Some((from, to)) = package.primary.zip(to) else {
            return plan.rule("standby", "there is no standby to move to");
        };
        if from == to {
            let home = match demand.word {
                OperatorWord::Failback => ", its first node: it is at home",
                _ => "",
            };
            let text = format!("{} is on {}{home} already", setup.name, name(to));
            return plan.rule("there", text);
        }
        let serves = self.nodes[from].condition == Condition::Running;
        if serves {
            self.weigh_stop(p, from, demand.force, plan);
        }
        plan.steps.push(format!(
            "fence {}: proved stopped at its prompt or by its power, as in a failover",
            name(from)
        ));
        plan.steps.push(format!(
            "give {} to {} and boot it from {}",
            setup.name,
            name(to),
            setup.boot_device
        ));
        plan.steps.push(format!(
            "see that {} answers; the service is away in between",
            setup.address
        ));
        if self.nodes[from].epoch().is_none() && self.setup.nodes[from].power_legs == 0 {
            let text = format!(
                "the console of {} is not connected: nothing could prove it stopped (rule 1)",
                name(from)
            );
            plan.rule("link", text);
        }
        self.weigh_target(p, to, plan);
    }

    /// How the system would be stopped.
    fn weigh_stop(&self, p: PackageId, from: NodeId, force: bool, plan: &mut Plan) {
        let setup = &self.setup.packages[p];
        let name = |n: NodeId| self.setup.node_name(n).to_owned();
        match &setup.stop {
            Some(_) => plan.steps.push(format!(
                "stop the system of {} in good order: {}",
                name(from),
                self.stop_command(p, from).join(" ")
            )),
            None => {
                let text = format!(
                    "the cluster file has no `stop:`, so {} can only be stopped by BREAK, as in a failover: what it has not written is lost",
                    name(from)
                );
                plan.soft("stop", text);
            }
        }
        plan.steps.push(match (&setup.stop, force) {
            (Some(_), false) => format!(
                "if it does not stop so, nothing more: {} stays where it is, with an alarm",
                setup.name
            ),
            (Some(_), true) => format!("stop {} by BREAK if it still runs then", name(from)),
            (None, _) => format!("stop {} by BREAK", name(from)),
        });
    }

    /// Whether the node could be given the package.
    fn weigh_target(&self, p: PackageId, to: NodeId, plan: &mut Plan) {
        let package = &self.packages[p];
        let (node, name) = (&self.nodes[to], self.setup.node_name(to));
        if node.epoch().is_none() {
            let text = format!("the console of {name} is not connected (rule 1)");
            plan.rule("link", text);
        }
        self.weigh_in_service(to, plan);
        if let Identity::Wrong(why) = &node.identity {
            plan.rule(
                "identity",
                format!("the console of {name} shows {why} (rule 4)"),
            );
        }
        match node.condition {
            Condition::Running | Condition::Panicked | Condition::Starting => {
                let text = format!(
                    "{name} is {}, not at its prompt (rule 1)",
                    node.condition.word()
                );
                plan.rule("condition", text);
            }
            Condition::Unknown | Condition::Silent if node.epoch().is_some() => {
                let text = format!("{name} does not show its prompt: it may not start");
                plan.soft("standby", text);
            }
            Condition::Prompt | Condition::Unknown | Condition::Silent => {}
        }
        self.weigh_switch(p, to, plan);
        if !node.guard_read {
            let text = format!(
                "the standing guard of {name} was not read back: after a power loss it may start by itself; `fence {}/{name}` sets and reads it",
                self.setup.cluster
            );
            plan.soft("guard", text);
        }
        if let Some(drill) = package
            .drill
            .as_ref()
            .filter(|drill| !drill.good && drill.node == name)
        {
            let text = format!("the last drill of {name} failed: {}", drill.text);
            plan.soft("drill", text);
        }
    }

    fn weigh_in_service(&self, n: NodeId, plan: &mut Plan) {
        if self.put_out(n) {
            let (cluster, name) = (&self.setup.cluster, self.setup.node_name(n));
            let text = format!(
                "{name} is out of service: nothing is typed there; it is back? `out-of-service {cluster}/{name} --back`"
            );
            plan.rule("out_of_service", text);
        }
    }

    fn weigh_boot(&self, p: PackageId, n: Option<NodeId>, plan: &mut Plan) {
        let (package, setup) = (&self.packages[p], &self.setup.packages[p]);
        let Some(n) = n else { return };
        let name = self.setup.node_name(n);
        for other in self.others(p, n) {
            let other = self.setup.node_name(other);
            plan.steps.push(format!("fence {other}: proved stopped"));
        }
        plan.steps
            .push(format!("boot {name} from {}", setup.boot_device));
        let node = &self.nodes[n];
        if matches!(node.condition, Condition::Running | Condition::Panicked) {
            let text = format!("{name} is {} (rule 1)", node.condition.word());
            plan.rule("condition", text);
        }
        if node.epoch().is_none() {
            let text = format!("the console of {name} is not connected (rule 1)");
            plan.rule("link", text);
        }
        self.weigh_switch(p, n, plan);
        let restarts = self.count(&package.restarts, setup.switches);
        if restarts >= setup.switches.max && !package.moves_to(n) {
            let text = format!("it was started {restarts} times of late (rule 10)");
            plan.rule("restarts", text);
        }
    }

    /// Whether rule 10 lets the package go there, where that is a switch.
    fn weigh_switch(&self, p: PackageId, to: NodeId, plan: &mut Plan) {
        if let Err(veto) = self.may_switch_to(p, to) {
            plan.rule(veto.guard, format!("{} (rule 10)", veto.why));
        }
    }

    fn weigh_fence(&self, p: PackageId, n: Option<NodeId>, heard: OperatorWord, plan: &mut Plan) {
        let Some(n) = n else { return };
        let name = self.setup.node_name(n);
        let package = &self.setup.packages[p].name;
        self.weigh_in_service(n, plan);
        plan.steps.push(format!(
            "fence {name}: BREAK, its guard set, a reset, and proved stopped at its prompt; or its power"
        ));
        if heard == OperatorWord::FenceStandby {
            return plan.steps.push(format!("{package} stays where it is"));
        }
        plan.steps.push(format!(
            "{package} is then in HOLD, and runs nowhere, until `boot`, `switchover` or `release`"
        ));
        plan.stops_service = true;
        let text =
            format!("{name} has {package}: stopping it takes the service away, without a shutdown");
        plan.soft("serves", text);
    }

    fn weigh_drill(&self, p: PackageId, n: Option<NodeId>, plan: &mut Plan) {
        let Some(n) = n else {
            return plan.rule("standby", "there is no standby");
        };
        let node = &self.nodes[n];
        let name = self.setup.node_name(n);
        let primary = self.packages[p].primary;
        let primary = primary.map_or("?", |n| self.setup.node_name(n));
        plan.steps.push(format!(
            "rehearse a takeover on {name}: identity, fence, standing guard, boot device"
        ));
        plan.steps.push(format!(
            "nothing is typed on {primary}; if it fails meanwhile, the takeover goes first"
        ));
        self.weigh_in_service(n, plan);
        if node.epoch().is_none() {
            let text = format!("the console of {name} is not connected (rule 1)");
            plan.rule("link", text);
        }
        if matches!(
            node.condition,
            Condition::Running | Condition::Panicked | Condition::Starting
        ) {
            let text = format!(
                "{name} is {}, not at its prompt (rule 14)",
                node.condition.word()
            );
            plan.rule("condition", text);
        }
    }

    fn weigh_hold(&self, p: PackageId, plan: &mut Plan) {
        let package = &self.packages[p];
        let name = &self.setup.packages[p].name;
        plan.steps.push(format!(
            "put {name} in HOLD: its script does nothing, whatever fails, until `release`, over restarts too"
        ));
        // What a `fence` put away can be held as well: then `boot` is no way out any more.
        if let Some(held) = package.held.as_ref().filter(|held| !held.fence) {
            plan.rule(
                "held",
                format!("{} holds it already: {}", held.who, held.reason),
            );
        }
        // In a HOLD of the script's own nothing is under way, whatever it was on its way to.
        let takeover = package.heir.is_some() && package.hold.is_none();
        if takeover || package.run.door().is_some() {
            let text = format!(
                "{} is under way (state {}), and is broken off where it stands",
                self.order_in_force(p)
                    .map_or("a fence or a boot", |order| &order.text),
                self.state(p)
            );
            plan.soft("state", text);
        }
    }
}
