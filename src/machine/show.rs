//! The machine's state for people.

use std::sync::Arc;

use crate::clock::Moment;
use crate::machine::Machine;
use crate::machine::input::Ticket;
use crate::machine::node::{Link, Node};
use crate::machine::package::Wait;
use crate::machine::persons_word::PersonsWord;
use crate::machine::setup::{DataPolicy, NodeId, PackageId, Setup};
use crate::machine::snapshot::{
    Aged, DoubtSnapshot, MaintenanceSnapshot, NodeSnapshot, OutSnapshot, OverruledSnapshot,
    PackageSnapshot, Snapshot, Wait as Waits,
};
use crate::script::program::{Op, PatternId, StateKind};

fn ms(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Machine {
    /// The state of a package's script.
    pub fn state(&self, p: PackageId) -> &str {
        let state = self.packages[p].run.state;
        self.setup.packages[p].program.state_name(state)
    }

    /// The node that has a package, as far as is known.
    pub fn primary(&self, p: PackageId) -> Option<NodeId> {
        let package = &self.packages[p];
        package.primary.filter(|_| package.known)
    }

    /// What it is made of.
    pub fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup)
    }

    /// The epoch of a console's link, if it is connected.
    pub fn link_epoch(&self, n: NodeId) -> Option<u64> {
        self.nodes[n].epoch()
    }

    /// Tickets of entries that it waits for to be on the disk.
    pub fn awaited_entries(&self) -> Vec<Ticket> {
        let waits = self.packages.iter().map(|package| &package.run.wait);
        let mut tickets: Vec<Ticket> = self.upkept.tickets().collect();
        tickets.extend(self.outs.tickets());
        let sieges = self.nodes.iter().filter_map(|node| node.siege.as_ref());
        tickets.extend(sieges.filter_map(|siege| siege.awaits));
        tickets.extend(waits.filter_map(|wait| match wait {
            Wait::Durable { ticket, .. } => Some(*ticket),
            _ => None,
        }));
        tickets
    }

    /// Whether a package's script rests: its primary is known, it listens, and it holds nothing up.
    pub fn rests(&self, p: PackageId) -> bool {
        let run = &self.packages[p].run;
        let state = self.setup.packages[p].program.states.get(run.state);
        let held = run.stuck || state.is_none_or(|state| state.kind != StateKind::Ordinary);
        let package = &self.packages[p];
        let serves = self.primary(p).is_some() && package.confirmed && package.hold.is_none();
        serves && !held && run.wait == Wait::Idle
    }

    /// Why a package is in HOLD, if it is.
    pub fn held_for(&self, p: PackageId) -> Option<&str> {
        self.packages[p].hold.as_deref()
    }

    /// Whether the standing guard of a node was read back and nothing has spoilt it since.
    pub fn guard_read(&self, n: NodeId) -> bool {
        self.nodes[n].guard_read
    }

    /// Its state, for people.
    pub fn snapshot(&self, now: Moment) -> Snapshot {
        Snapshot {
            cluster: self.setup.cluster.to_string(),
            impaired: self.host.impaired.clone(),
            doubts: self.show_doubts(now),
            overruled: self.host.word.as_ref().map(|word| OverruledSnapshot {
                who: word.word.who.clone(),
                left_ms: ms(word.word.until.since(now)),
            }),
            maintenance: self
                .cluster_maintenance()
                .map(|m| self.show_maintenance(m, now)),
            packages: (0..self.packages.len())
                .map(|p| self.show_package(p, now))
                .collect(),
            nodes: (0..self.nodes.len())
                .map(|n| self.show_node(n, now))
                .collect(),
        }
    }

    fn show_package(&self, p: PackageId, now: Moment) -> PackageSnapshot {
        let setup = &self.setup.packages[p];
        let package = &self.packages[p];
        let state = &setup.program.states[package.run.state];
        let name = |n: Option<NodeId>| {
            n.filter(|_| package.bound || package.known)
                .map(|n| self.setup.node_name(n).to_owned())
        };
        PackageSnapshot {
            package: setup.name.to_string(),
            primary: name(package.primary),
            secondary: name(package.secondary),
            confirmed: package.confirmed,
            stage: self.stage(p),
            script: setup.program.name.clone(),
            state: state.name.clone(),
            about: state.about.clone(),
            state_age_ms: ms(now.since(package.run.entered)),
            hold: package.hold.clone(),
            waits_for: self.show_early(p, now).or_else(|| self.show_wait(p, now)),
            address: setup.address.clone(),
            address_misses: package.misses,
            data_policy: match setup.data_policy {
                DataPolicy::Integrity => "integrity",
                DataPolicy::Adaptability => "adaptability",
                DataPolicy::Availability => "availability",
            }
            .to_owned(),
            order: self.show_order(p, now),
            held: package.held.as_deref().cloned(),
            drill: package.drill.as_deref().cloned(),
        }
    }

    fn show_maintenance(&self, kept: &PersonsWord, now: Moment) -> MaintenanceSnapshot {
        MaintenanceSnapshot {
            who: kept.who.clone(),
            reason: kept.reason.clone(),
            age_ms: self
                .wall_now()
                .saturating_sub(kept.began)
                .saturating_mul(1000),
            left_ms: ms(kept.until.since(now)),
        }
    }

    fn show_doubts(&self, now: Moment) -> Vec<DoubtSnapshot> {
        let word = self.host.word.as_ref();
        let doubts = self.host.doubts.iter().map(|doubt| DoubtSnapshot {
            cause: doubt.cause.word().to_owned(),
            text: doubt.why.clone(),
            age_ms: ms(now.since(doubt.since)),
            covered: word.is_some_and(|word| word.causes.contains(&doubt.cause)),
        });
        doubts.collect()
    }

    /// What a person's order waits for before the script hears of it.
    fn show_early(&self, p: PackageId, now: Moment) -> Option<Waits> {
        let (what, until) = self.early_text(p)?;
        Some(Waits {
            what,
            left_ms: Some(ms(until.since(now))),
            place: self.setup.packages[p]
                .program
                .place_text(self.packages[p].run.pc),
        })
    }

    fn show_wait(&self, p: PackageId, now: Moment) -> Option<Waits> {
        let run = &self.packages[p].run;
        let program = &self.setup.packages[p].program;
        let node = |n: &NodeId| self.setup.node_name(*n);
        let patterns = |ids: &[PatternId]| {
            let names = ids.iter().filter_map(|id| program.patterns.get(*id));
            names
                .map(|pattern| format!("/{}/", pattern.name))
                .collect::<Vec<_>>()
                .join(" or ")
        };
        let what = match &run.wait {
            _ if run.stuck => "an operator's `release`".to_owned(),
            Wait::Ready => return None,
            Wait::Idle => "events".to_owned(),
            Wait::Expect { node: n, .. } => {
                let ids: Vec<PatternId> = match program.ops.get(run.pc) {
                    Some(Op::Expect { arms, .. }) => {
                        arms.iter().flat_map(|arm| arm.patterns.clone()).collect()
                    }
                    _ => Vec::new(),
                };
                format!("{} on the console of {}", patterns(&ids), node(n))
            }
            Wait::Answer { node: n } => match &self.nodes[*n].asking {
                Some(asking) => format!("the answer of {} to {:?}", node(n), asking.typed),
                None => format!("an answer of {}", node(n)),
            },
            Wait::Suspicion { node: n } => format!("the prompt of {} to answer a sum", node(n)),
            Wait::Reset { node: n, .. } => format!("the prompt of {} after its reset", node(n)),
            Wait::Sleep { .. } => "time to pass".to_owned(),
            Wait::Link { node: n, .. } => format!("the console of {} to be connected", node(n)),
            Wait::Durable { .. } => "the journal".to_owned(),
            Wait::Probe { .. } => "a probe".to_owned(),
            Wait::Run { .. } => "a command".to_owned(),
            Wait::Hook { node, gate, .. } => self.hook_text(p, *node, *gate),
            Wait::Power { node: n, .. } => format!("the power legs of {}", node(n)),
            Wait::Dark { node: n, .. } => {
                format!(
                    "{} to have been dark for long enough ({} yet)",
                    node(n),
                    self.darkness_left(p, *n)
                )
            }
            Wait::Survey(survey) => match self.person_in_survey(p, survey) {
                Some(n) => format!(
                    "the person who types on the console of {}: then all consoles say who they are",
                    node(&n)
                ),
                None => "all consoles to say who they are".to_owned(),
            },
            Wait::Gate { node: n, .. } => {
                format!("the gate before the boot command on {}", node(n))
            }
            Wait::Impaired => {
                "the monitor to be well again, or an operator's word that it is".to_owned()
            }
            Wait::Maintenance => "the end of the maintenance".to_owned(),
            Wait::Person { node: n, .. } => {
                format!("the person who types on the console of {}", node(n))
            }
        };
        let deadline = match &run.wait {
            Wait::Answer { node } => self.nodes[*node].asking.as_ref().map(|a| a.deadline),
            Wait::Dark { deadline, .. } => Some(*deadline),
            Wait::Person { node, .. } => self.pen_end(*node),
            Wait::Maintenance => self.resting(p).map(|kept| kept.until),
            Wait::Survey(survey) => self
                .person_in_survey(p, survey)
                .map_or_else(|| self.wait_timeout(p), |n| self.pen_end(n)),
            _ => self.wait_timeout(p),
        };
        Some(Waits {
            what,
            left_ms: deadline.map(|at| ms(at.since(now))),
            place: program.place_text(run.pc),
        })
    }

    /// When a person who presses no key any more has left.
    fn pen_end(&self, n: NodeId) -> Option<Moment> {
        let pen = self.nodes[n].pen.as_ref();
        pen.map(|pen| pen.typed + pen.idle)
    }

    fn show_node(&self, n: NodeId, now: Moment) -> NodeSnapshot {
        let node: &Node = &self.nodes[n];
        let aged = |text: String, at: Moment| Aged {
            text,
            age_ms: ms(now.since(at)),
        };
        let guard = if node.guard_read {
            "read back, it holds".to_owned()
        } else {
            "unknown: power-loss takeover not possible until it is read".to_owned()
        };
        NodeSnapshot {
            node: self.setup.node_name(n).to_owned(),
            condition: node.condition.word().to_owned(),
            link: match &node.link {
                Link::Up { .. } => "connected".to_owned(),
                Link::Down { why, .. } => format!("down: {why}"),
            },
            heard_age_ms: node.heard.map(|at| ms(now.since(at))),
            evidence: node.evidence.last.clone().map(|(at, text)| aged(text, at)),
            proof: node
                .proof
                .as_ref()
                .filter(|proof| proof.lives(now))
                .map(|proof| aged(proof.kind.to_string(), proof.born)),
            guard,
            guard_read: node.guard_read,
            guard_last: node.guard_last.as_deref().cloned(),
            break_worked: node.break_worked,
            siege: node.siege.is_some() && !self.put_out(n),
            keyboard: node
                .pen
                .as_ref()
                .filter(|pen| pen.granted)
                .map(|pen| aged(pen.who.clone(), pen.typed)),
            host_id: node.host_id.clone(),
            maintenance: node
                .maintenance
                .as_deref()
                .map(|kept| self.show_maintenance(kept, now)),
            out_of_service: node.out.as_deref().map(|out| OutSnapshot {
                who: out.word.who.clone(),
                reason: out.word.reason.clone(),
                age_ms: self
                    .wall_now()
                    .saturating_sub(out.word.began)
                    .saturating_mul(1000),
                left_ms: ms(out.word.until.since(now)),
                over: out.over,
                siege_suspended: node.siege.is_some() && !out.over,
            }),
        }
    }
}
