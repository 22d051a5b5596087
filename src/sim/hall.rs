//! Several clusters under one monitoring host, in one virtual time: what `daemon/supervisor.rs` does
//! with tasks and real addresses, this does with [`World`]s. The same judgement over all of them
//! (`machine/outlook.rs`), once a second.
//!
//! ```text
//!   World ─┐  dark since?      Outlook ── what each is to know ──► every World
//!   World ─┼────────────────►     ▲
//!   World ─┘                      └── gateway, witnesses
//! ```
//!
//! Between two looks the clusters have nothing to do with each other, so each is taken through that second
//! on its own.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::outlook::{HostState, Outlook};
use crate::sim::rules::Broken;
use crate::sim::scene::{Deed, act};
use crate::sim::world::{JournalState, World};

/// Between two looks.
const TURN: Duration = Duration::from_secs(1);

/// The key of the gateway; the witness of cluster N has N + 1.
const GATEWAY: u64 = 0;

/// The hall.
#[derive(Clone, Debug)]
pub struct Hall {
    clusters: Vec<Place>,
    outlook: Outlook,
    now: Moment,
    next_look: Moment,
    alive: bool,
    /// Whether a gateway is watched, and whether it answers.
    gateway: Option<bool>,
    /// The alarm of the whole host that is open now, and all that were.
    alarm: Option<String>,
    alarms: Vec<(Moment, String)>,
}

/// A cluster in the hall.
#[derive(Clone, Debug)]
struct Place {
    name: String,
    world: World,
    /// The terminal server of its consoles.
    server: usize,
    told: HostState,
}

impl Hall {
    /// A hall with these clusters, each with the number of the terminal server that holds its
    /// consoles. `gateway`: whether the host's gateway is watched; it answers.
    pub fn new(clusters: impl IntoIterator<Item = (World, usize)>, gateway: bool) -> Hall {
        let clusters = clusters.into_iter().enumerate();
        let mut clusters: Vec<Place> = clusters
            .map(|(n, (world, server))| Place {
                name: format!("cluster-{n}"),
                world,
                server,
                told: HostState::default(),
            })
            .collect();
        let now = clusters.iter().map(|place| place.world.now()).max();
        let now = now.unwrap_or(Moment::ZERO);
        for place in &mut clusters {
            let late = now.since(place.world.now());
            place.world.pass(late);
            place.world.watch().keep_account();
        }
        let mut hall = Hall {
            clusters,
            outlook: Outlook::default(),
            now,
            next_look: now,
            alive: true,
            gateway: gateway.then_some(true),
            alarm: None,
            alarms: Vec::new(),
        };
        hall.begin();
        hall
    }

    /// clusterd begins to ask.
    fn begin(&mut self) {
        self.outlook = Outlook::default();
        if self.gateway.is_some() {
            self.outlook.ask_gateway(GATEWAY);
        }
        for (key, place) in (1..).zip(&mut self.clusters) {
            self.outlook.ask(key);
            place.told = HostState::default();
        }
        self.next_look = self.now;
    }

    /// How many clusters there are.
    pub fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    /// The virtual time.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The clusters.
    pub fn worlds(&self) -> impl Iterator<Item = &World> {
        self.clusters.iter().map(|place| &place.world)
    }

    /// Something happens to one of the clusters.
    pub fn act(&mut self, cluster: usize, deed: &Deed) {
        act(&mut self.clusters[cluster].world, deed);
    }

    fn worlds_mut(&mut self) -> impl Iterator<Item = &mut World> {
        self.clusters.iter_mut().map(|place| &mut place.world)
    }

    /// The first rule that was broken in any cluster, and in which.
    pub fn broken(&self) -> Option<(usize, Broken)> {
        let mut all = self.worlds().enumerate();
        all.find_map(|(n, world)| Some((n, world.broken()?)))
    }

    /// The alarm about the whole host that is open now.
    pub fn alarm(&self) -> Option<&str> {
        self.alarm.as_deref()
    }

    /// Everything that was alarmed about the whole host.
    pub fn alarms(&self) -> &[(Moment, String)] {
        &self.alarms
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        self.run(end, |_| false);
    }

    /// Lets time pass until the condition holds; false when `limit` is over before. It is looked at
    /// after every look of the host.
    pub fn until(&mut self, limit: Duration, holds: impl FnMut(&mut Hall) -> bool) -> bool {
        let end = self.now + limit;
        self.run(end, holds)
    }

    fn run(&mut self, end: Moment, mut holds: impl FnMut(&mut Hall) -> bool) -> bool {
        loop {
            if holds(self) {
                return true;
            }
            if self.now >= end {
                return false;
            }
            let next = self.next_look.max(self.now).min(end);
            let span = next.since(self.now);
            self.worlds_mut().for_each(|world| world.pass(span));
            self.now = next;
            if self.now >= self.next_look {
                self.next_look = self.now + TURN;
                self.look();
            }
        }
    }

    /// Asks gateway and witnesses, looks at all clusters, and tells each what it is to know.
    fn look(&mut self) {
        if !self.alive {
            return;
        }
        if self.gateway == Some(true) {
            self.outlook.heard(GATEWAY, self.now);
        }
        for (key, place) in (1..).zip(&self.clusters) {
            if place.world.witness_answers() {
                self.outlook.heard(key, self.now);
            }
        }
        let dark: Vec<(&str, Option<Moment>)> = self
            .clusters
            .iter()
            .map(|place| (place.name.as_str(), place.world.machine().lost_since()))
            .collect();
        let (state, verdict) = self.outlook.look(&dark, self.now);
        let alarm = verdict.text();
        if alarm != self.alarm {
            self.alarms
                .extend(alarm.clone().map(|text| (self.now, text)));
            self.alarm = alarm;
        }
        for place in &mut self.clusters {
            for fact in state.news(place.told) {
                place.world.tell(crate::machine::Input::Host(fact));
            }
            place.told = state;
        }
    }

    /// Whether the host's own gateway answers from now on.
    pub fn set_gateway(&mut self, answers: bool) {
        self.gateway = self.gateway.map(|_| answers);
    }

    /// The monitoring host's journal, which all clusters share.
    pub fn set_journal(&mut self, state: JournalState) {
        self.worlds_mut().for_each(|world| world.set_journal(state));
    }

    /// The clock of the monitoring host jumps, by seconds.
    pub fn jump_clock(&mut self, by: i64) {
        self.worlds_mut().for_each(|world| world.jump_clock(by));
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.alive = false;
        self.alarm = None;
        self.worlds_mut().for_each(|world| world.kill_after(0));
    }

    /// clusterd is started again, with its journal.
    pub fn restart(&mut self) {
        self.alive = true;
        self.begin();
        self.worlds_mut().for_each(|world| world.restart(true));
    }

    /// SIGSTOP, and SIGCONT after so long: the first thing that is done then is the look that was due.
    pub fn stand_still(&mut self, span: Duration) {
        self.worlds_mut().for_each(|world| world.stand_still(span));
        self.now = self.now + span;
        self.next_look = self.now;
    }

    /// A terminal server loses its power, or has it again: then it sends BREAK to every node that it holds.
    pub fn power_server(&mut self, server: usize, on: bool) {
        let now = self.now;
        for place in self.clusters.iter_mut().filter(|p| p.server == server) {
            place.world.rig.power_server(on, now);
            place.world.watch().nodes_suffer();
        }
    }

    /// The power of the site: of all nodes and all terminal servers, and of the monitoring host.
    pub fn power_site(&mut self, on: bool) {
        if !on {
            self.kill();
        }
        let now = self.now;
        for world in self.worlds_mut() {
            world.watch().nodes_suffer();
            world.rig.power_server(on, now);
            for node in 0..world.rig.len() {
                world.rig.power(node, on, now);
            }
        }
        if on {
            self.restart();
        }
    }

    /// The monitoring host's way to some clusters: to their service network, and to their consoles.
    pub fn set_way(&mut self, clusters: std::ops::Range<usize>, there: bool) {
        let now = self.now;
        for place in &mut self.clusters[clusters] {
            place.world.rig.set_service_cable(there, now);
            place.world.rig.set_console_cable(there, now);
        }
    }
}
