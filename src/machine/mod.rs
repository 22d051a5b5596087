//! The machine: inputs -> actions. Pure: it reads no clock, opens nothing, and gives the
//! same actions for the same inputs.
//!
//! The contract with its driver: one [`Input`] mutates the machine; then
//! [`Machine::poll_action`] is drained until it is empty; then the driver waits for the next
//! input or for [`Machine::poll_timeout`], whatever comes first.
//!
//! ```text
//! input ─► hear ───► node facts ─┐            ┌─► guard (may it?) ─► door (fence, boot, resume)
//!          host, operator ───────┼─► run ─────┼─► asking (questions of a proof) ─► making ─► proof
//!          time ─────────────────┘  step,     └─► siege, dark, survey
//!                                   trigger             │
//!                                                       ▼
//!                                      actions: journal first, then bytes
//! ```

pub mod action;
pub mod alarm_code;
pub mod availability;
pub mod boot_course;
pub mod event;
pub mod handover;
pub mod input;
pub mod maintenance;
pub mod many_dark;
pub mod memory;
pub mod order;
pub mod out_of_service;
pub mod outlook;
pub mod persons_word;
pub mod proof;
pub mod setup;
pub mod snapshot;
pub mod timeline;
pub mod weigh;

mod asking;
mod dark;
mod door;
mod doubt;
mod gate;
mod guard;
mod hear;
mod hook;
mod leg;
mod likeness;
mod making;
mod node;
mod package;
mod person;
mod question;
mod refusal;
mod run;
mod serves;
mod show;
mod siege;
mod stage;
mod standstill;
mod step;
mod survey;
mod talk;
mod tell;
mod text;
mod timer;
mod trigger;
mod wait;

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

pub use action::Action;
pub use doubt::{Cause, Doubt};
pub use event::Event;
pub use input::Input;
pub use serves::{Footing, Serves};
pub use stage::Stage;

use crate::clock::Moment;
use crate::mutant::Guard;
use crate::script::program::{Firmware, Program, Severity};
use action::{Entry, EntryKind};
use doubt::Host;
use input::{Order, Ticket};
use maintenance::Upkept;
use memory::{Memory, NodeMemory, PackageMemory};
use node::{Condition, Link, Node, Word};
use out_of_service::Orders as OutOrders;
use package::Package;
use setup::{NodeId, NodeSetup, PackageId, Setup};

/// Random numbers kept in stock.
const NONCE_STOCK: usize = 8;
/// A witness counts for so long after its answer (design rule 7).
pub const WITNESS_LIFE: Duration = Duration::from_secs(30);

/// One cluster's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    setup: Arc<Setup>,
    /// For each node: the firmware block that speaks to it.
    firmwares: Vec<Option<Spoken>>,
    nodes: Vec<Node>,
    packages: Vec<Package>,
    host: Host,
    upkept: Upkept,
    outs: OutOrders,
    nonces: VecDeque<u32>,
    tickets: Ticket,
    actions: VecDeque<Action>,
    wall_zero: u64,
    now: Moment,
    asked_nonces: bool,
}

/// How much of a console's output the machine wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Only that bytes came, and pattern matches.
    Matches,
    /// All cleaned text.
    Dialogue,
}

impl Machine {
    /// A machine that knows only what `memory` says. `wall_zero` is the wall clock, in
    /// seconds since 1970, at [`Moment::ZERO`].
    pub fn new(setup: Arc<Setup>, memory: &Memory, now: Moment, wall_zero: u64) -> Machine {
        let nodes = setup.nodes.iter().map(|node| {
            let empty = NodeMemory::default();
            let name = node.name.as_str();
            let known = memory.nodes.iter().find(|m| m.node == name);
            Node {
                echo: node.echo,
                ..Node::new(node.host_id.clone(), known.unwrap_or(&empty), now)
            }
        });
        let find = |name: &str| setup.nodes.iter().position(|n| n.name.as_str() == name);
        let packages = setup.packages.iter().map(|package| {
            let empty = PackageMemory::default();
            let name = package.name.as_str();
            let known = memory.packages.iter().find(|m| m.package == name);
            Package::new(known.unwrap_or(&empty), find, now)
        });
        let mut machine = Machine {
            firmwares: firmwares(&setup),
            nodes: nodes.collect(),
            packages: packages.collect(),
            host: Host::new(setup.witnesses.len(), now),
            setup,
            upkept: Upkept::default(),
            outs: OutOrders::default(),
            nonces: VecDeque::new(),
            tickets: 0,
            actions: VecDeque::new(),
            wall_zero,
            now,
            asked_nonces: false,
        };
        machine.want_nonces();
        for package in 0..machine.packages.len() {
            machine.choose_provisional_roles(package);
            machine.start_script(package, "clusterd starts");
            if Guard::HeldStays.stands() {
                machine.stay_held(package);
            }
        }
        machine.restore_maintenance(memory);
        machine.restore_out_of_service(memory);
        machine.restore_well(memory);
        machine
    }

    /// Tells the machine one thing.
    pub fn handle(&mut self, input: Input, now: Moment) {
        self.now = self.now.max(now);
        self.take(input);
        self.judge_host();
        self.expire_proofs();
        self.tick_questions();
        self.tend_pens();
        self.tick_sieges();
        self.tick_orders();
        self.tick_maintenance();
        self.tick_out_of_service();
        self.drive_all();
        if self.tend_pens() {
            self.drive_all();
        }
        self.tell_what_lasts();
        self.want_nonces();
    }

    fn drive_all(&mut self) {
        for package in 0..self.packages.len() {
            self.note_trouble(package);
            self.drive(package);
            self.note_trouble(package);
        }
    }

    /// The next thing to be done.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if self.actions.is_empty() {
            // A machine at rest does nothing for hours.
            self.actions.shrink_to(0);
        }
        action
    }

    /// What it wants to be told of a console.
    pub fn attention(&self, node: NodeId) -> Attention {
        match &self.nodes[node] {
            n if n.asking.is_some() || n.condition != Condition::Running => Attention::Dialogue,
            n if n.owed(self.now) => Attention::Dialogue,
            _ => Attention::Matches,
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::LinkUp { node, epoch } => self.link_up(node, epoch),
            Input::LinkDown { node, why } => self.link_down(node, &why),
            Input::Console { node, epoch, heard } => self.hear(node, epoch, heard),
            Input::Quiet { node, epoch, heard } => self.hear_quiet(node, epoch, heard),
            Input::Gap { node, lost } => self.gap(node, lost),
            Input::Carrier {
                node,
                epoch,
                present,
            } => self.carrier(node, epoch, present),
            Input::Address { package, answered } => self.address(package, answered),
            Input::Witness { witness, answered } => {
                if answered && witness < self.host.witnesses.len() {
                    self.leg_vouched();
                    self.host.witnesses[witness] = Some(self.now);
                }
            }
            Input::ProbeDone { ticket, answered } => self.probe_done(ticket, answered),
            Input::RunDone { ticket, code } => self.run_done(ticket, code),
            Input::HookDone { ticket, verdict } => self.hook_done(ticket, &verdict),
            Input::PowerDone { ticket, legs } => self.power_done(ticket, &legs),
            Input::Durable { ticket } => self.durable(ticket),
            Input::JournalFailed { why } => self.journal_is(Some(why)),
            Input::JournalWell => self.journal_is(None),
            Input::Operator(order) => self.operator(&order),
            Input::Demand(demand) => self.demand(demand),
            Input::Upkeep(order) => self.upkeep(&order),
            Input::Person { node, who, deed } => self.person(node, &who, deed),
            Input::Nonces(numbers) => {
                self.asked_nonces = false;
                self.nonces
                    .extend(numbers.into_iter().take(NONCE_STOCK * 4));
            }
            Input::Host(fact) => self.host_fact(fact),
            Input::Time => {}
        }
    }

    fn link_up(&mut self, n: NodeId, epoch: u64) {
        self.lose_link(n, "the console was connected anew");
        if self.nodes[n].heard_ever.is_none() {
            // It was not lost: nobody has asked it yet.
            self.nodes[n].unseen = None;
        }
        self.nodes[n].link = Link::Up {
            epoch,
            since: self.now,
        };
        // Whoever was here before may have left half a line at the prompt: a person, or a clusterd
        // that was killed between a boot command and its RETURN.
        self.nodes[n].dirty |= Guard::LinkDirties.stands();
        self.unheard(n);
        let node = self.setup.node_name(n).to_owned();
        self.event(Event::LinkUp { node });
    }

    fn link_down(&mut self, n: NodeId, why: &str) {
        let was_up = self.nodes[n].epoch().is_some();
        self.lose_link(n, "the console was lost");
        let since = match self.nodes[n].link {
            Link::Down { since, .. } => since,
            Link::Up { .. } => self.now,
        };
        self.nodes[n].link = Link::Down {
            since,
            why: why.to_owned(),
        };
        if was_up {
            let node = self.setup.node_name(n).to_owned();
            self.event(Event::LinkDown {
                node,
                why: why.to_owned(),
            });
        }
    }

    fn lose_link(&mut self, n: NodeId, why: &str) {
        self.put_down_pen(n, why);
        if Guard::LinkVoids.stands() {
            self.console_unsure(n, why);
        }
        self.nodes[n].forget_link();
        self.unheard(n);
        self.nodes[n].unseen.get_or_insert(self.now);
    }

    /// What was proved over the console is proved no more.
    fn console_unsure(&mut self, n: NodeId, why: &str) {
        let over_console = |kind| {
            matches!(
                kind,
                proof::ProofKind::FirmwareReset
                    | proof::ProofKind::Dark
                    | proof::ProofKind::Assumed
            )
        };
        if self.nodes[n]
            .proof
            .as_ref()
            .is_some_and(|p| over_console(p.kind))
        {
            self.kill_proof(n, why);
        }
        self.nodes[n].making = making::Making::default();
        self.nodes[n].settled &= Guard::UnsureUnsettles.gone();
    }

    fn gap(&mut self, n: NodeId, lost: u64) {
        self.wakes(n, "its console said more than was read");
        if Guard::GapVoidsProof.stands() {
            self.kill_proof(n, "console output was lost");
        }
        if Guard::GapVoidsMaking.stands() {
            self.nodes[n].making = making::Making::default();
        }
        self.nodes[n].settled &= Guard::GapUnsettles.gone();
        let node = self.setup.node_name(n).to_owned();
        self.event(Event::Gap { node, lost });
    }

    /// A line whose carrier changes may have another machine's state behind it: what was proved
    /// over it is asked again.
    fn carrier(&mut self, n: NodeId, epoch: u64, present: bool) {
        let stale = self.nodes[n].epoch() != Some(epoch) && Guard::CarrierEpoch.stands();
        if stale {
            return;
        }
        self.carrier_of_out(n, present);
        if self.nodes[n].carrier == Some(present) {
            return;
        }
        // The first word after a new link says how it is, not that it has changed.
        let changed = self.nodes[n].carrier.replace(present).is_some();
        if changed || !present {
            if Guard::CarrierVoids.stands() {
                self.console_unsure(n, "the carrier of its line changed");
            }
            let node = self.setup.node_name(n).to_owned();
            self.event(Event::Carrier { node, present });
        }
    }

    fn address(&mut self, p: PackageId, answered: bool) {
        let now = self.now;
        let package = &mut self.packages[p];
        if answered {
            package.misses = 0;
            package.missing_since = None;
            package.lost = None;
            package.answered = Some(now);
            self.address_wakes(p);
            let dark: Vec<NodeId> = self.setup.packages[p].nodes.clone();
            for n in dark {
                let is_dark = |proof: &proof::Proof| proof.kind == proof::ProofKind::Dark;
                let package = &self.packages[p];
                // Between a boot intent and its RETURN nobody is known to serve.
                let may_be_it = package.primary == Some(n) || package.run.roles_before.is_some();
                let dark = self.nodes[n].proof.as_ref().is_some_and(is_dark);
                if may_be_it && dark && Guard::AddressVoidsDark.stands() {
                    self.kill_proof(n, "the service address answered");
                }
            }
        } else {
            package.misses = package.misses.saturating_add(1);
            package.missing_since.get_or_insert(now);
            self.leg_misses(p);
        }
    }

    fn operator(&mut self, order: &Order) {
        let node = order.node.map(|n| self.setup.node_name(n).to_owned());
        let text = match &node {
            Some(node) => format!("{:?} {node}", order.word).to_lowercase(),
            None => format!("{:?}", order.word).to_lowercase(),
        };
        self.event(Event::Operator {
            who: order.who.clone(),
            text: text.clone(),
        });
        let kept = |n: &NodeId| self.in_maintenance(*n) || self.put_out(*n);
        let confirms = (order.word, order.node.filter(|n| !kept(n)));
        if let (crate::script::program::OperatorWord::Confirm, Some(n)) = confirms {
            self.nodes[n].word = Some(Box::new(Word {
                who: order.who.clone(),
                at: self.now,
            }));
            self.journal(
                EntryKind::Word,
                Some(n),
                format!("{} says that it is stopped", order.who),
            );
        }
        if order.word == crate::script::program::OperatorWord::Well {
            return self.monitor_is_well(&order.who);
        }
        for package in 0..self.packages.len() {
            let concerned = order
                .node
                .is_none_or(|n| self.setup.packages[package].nodes.contains(&n));
            if concerned {
                self.operator_says(package, order);
            }
        }
    }

    // --- what all parts use -----------------------------------------------------------------

    fn event(&mut self, event: Event) {
        self.note_course(&event);
        self.actions.push_back(Action::Event(event));
    }

    fn alarm(&mut self, package: PackageId, severity: Severity, code: &str, text: String) {
        let known = || {
            let program = &self.setup.packages[package].program;
            alarm_code::ALL.contains(&code) || program.alarm_codes().any(|known| known == code)
        };
        debug_assert!(known(), "the alarm {code} stands in no list");
        self.actions.push_back(Action::Alarm {
            package,
            severity,
            code: code.to_owned(),
            text,
        });
    }

    fn clear(&mut self, package: PackageId, code: &str) {
        self.actions.push_back(Action::ClearAlarm {
            package,
            code: code.to_owned(),
        });
    }

    /// Writes to the journal; the ticket comes back with [`Input::Durable`].
    fn journal(&mut self, kind: EntryKind, node: Option<NodeId>, text: String) -> Ticket {
        let ticket = self.ticket();
        let node = node.map(|n| self.setup.node_name(n).to_owned());
        let entry = Entry { kind, node, text };
        let memory = Box::new(self.memory());
        self.actions.push_back(Action::Journal {
            ticket,
            entry,
            memory,
        });
        ticket
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        self.tickets
    }

    fn want_nonces(&mut self) {
        if self.nonces.len() < NONCE_STOCK && !self.asked_nonces {
            self.asked_nonces = true;
            self.actions.push_back(Action::WantNonces);
        }
    }

    /// For a copy that is shown to somebody: the numbers that the original will ask for next are not
    /// in it, for nobody may know them beforehand.
    pub fn forget_nonces(&mut self) {
        self.nonces.clear();
        self.asked_nonces = false;
        self.want_nonces();
    }

    /// What the driver is to remember of it, as it is now.
    pub fn memory(&self) -> Memory {
        let name = |n: Option<NodeId>| n.map(|n| self.setup.node_name(n).to_owned());
        let packages = self.setup.packages.iter().zip(&self.packages);
        let packages = packages.map(|(setup, package)| PackageMemory {
            package: setup.name.to_string(),
            primary: package
                .primary_is_known()
                .then(|| name(package.primary))
                .flatten(),
            had: name(package.had),
            confirmed: package.confirmed,
            heir: name(package.heir),
            hold: package.hold.clone(),
            switches: package.switches.clone(),
            restarts: package.restarts.clone(),
            held: package.held.as_deref().cloned(),
            drill: package.drill.as_deref().cloned(),
        });
        let nodes = self.setup.nodes.iter().zip(&self.nodes);
        Memory {
            version: memory::VERSION,
            packages: packages.collect(),
            nodes: nodes
                .enumerate()
                .map(|(n, (setup, node))| NodeMemory {
                    maintenance: self.remembered_maintenance(Some(n)),
                    out_of_service: self.remembered_out(n),
                    ..node.memory(setup.name.as_str())
                })
                .collect(),
            maintenance: self.remembered_maintenance(None),
            well: self.remembered_well(),
        }
    }

    fn wall(&self) -> u64 {
        self.wall_zero + self.now.micros() / 1_000_000
    }

    fn program(&self, p: PackageId) -> Arc<Program> {
        Arc::clone(&self.setup.packages[p].program)
    }

    /// The package that a node belongs to, and the firmware that speaks to it.
    fn package_of(&self, n: NodeId) -> Option<PackageId> {
        self.setup
            .packages
            .iter()
            .position(|p| p.nodes.contains(&n))
    }

    fn firmware(&self, n: NodeId) -> Option<Spoken> {
        self.firmwares[n].clone()
    }

    /// The other nodes of a package, as rule 1 counts them: none that is out of service.
    fn others(&self, p: PackageId, n: NodeId) -> Vec<NodeId> {
        let nodes = self.setup.packages[p].nodes.iter().copied();
        let counts = |other: &NodeId| *other != n && !self.is_out(*other);
        nodes.filter(counts).collect()
    }

    fn witness_answers(&self, within: Duration) -> bool {
        let fresh = |seen: &Option<Moment>| Node::fresh(*seen, within, self.now);
        self.host.witnesses.iter().any(fresh)
    }
}

/// For each node of a cluster: the firmware that speaks to it, by the script of its package.
fn firmwares(setup: &Setup) -> Vec<Option<Spoken>> {
    let of = |(n, node): (NodeId, &NodeSetup)| {
        let package = setup.packages.iter().find(|p| p.nodes.contains(&n))?;
        let mut firmwares = package.program.firmwares.iter();
        let at = firmwares.position(|firmware| firmware.platform == node.platform)?;
        let program = Arc::clone(&package.program);
        Some(Spoken { program, at })
    };
    setup.nodes.iter().enumerate().map(of).collect()
}

/// A firmware block where it stands in its program, which all clusters with that script share.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spoken {
    program: Arc<Program>,
    at: usize,
}

impl Deref for Spoken {
    type Target = Firmware;

    fn deref(&self) -> &Firmware {
        &self.program.firmwares[self.at]
    }
}
