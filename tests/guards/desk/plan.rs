//! What is laid out on a desk: its setup, what the journal remembers, and how its consoles begin.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use clusterd::clock::Moment;
use clusterd::machine::Machine;
use clusterd::machine::memory::{Memory, NodeMemory, PackageMemory};
use clusterd::machine::setup::{
    Cap, DataPolicy, LegPolicy, NodeSetup, PackageSetup, Setup, listens_for,
};
use clusterd::matcher::{Ear, PatternSet};
use clusterd::name::{ClusterName, NodeName, PackageName};
use clusterd::script::program::Program;

use super::{ALPHA, BETA, Console, Desk, Shows, WALL_ZERO};
use crate::chat_support;

/// The beginning of every script: the survey binds the roles, `switchover` and `release` begin the
/// act. What ends well ends in `good`, what does not in `bad`, a guard's veto in `refused`.
const HEAD: &str = r#"
script desk
use openboot
start state begin "who runs, who waits"
    survey within 20s {
        one_runs -> rest
        all_wait -> rest
        two_live -> rest_two
        silent   -> rest_silent
        unclear  -> unclear
    }
state rest "nothing is done"
    on operator switchover -> act
    on operator release -> act
state rest_two "two run"
    on operator release -> act
state rest_silent "the primary is silent"
    on operator release -> act
hold state unclear "nobody knows"
    on operator release -> act
    on operator adopt -> adopting
state adopting "an operator says who"
    survey within 20s {
        one_runs -> rest
        all_wait -> rest
        two_live -> rest_two
        silent   -> rest_silent
        unclear  -> unclear
    }
state good "it ended well"
    log "good"
state bad "it did not end well"
    log "bad"
state vetoed "a guard said no"
    log "vetoed"
"#;

/// What differs from the usual desk.
pub struct Plan {
    pub policy: DataPolicy,
    pub network_loss: LegPolicy,
    pub console_silent: LegPolicy,
    pub switches: u32,
    pub failures: u32,
    pub legs: usize,
    /// The cluster file has a `stop:`.
    pub stop: bool,
    pub servers: [&'static str; 2],
    pub echo: bool,
    pub host_ids: [Option<&'static str>; 2],
    pub memory: Memory,
    pub shows: [Shows; 2],
    pub address: bool,
    pub witnesses: usize,
    /// What no text can say, said to the compiled script.
    pub change: fn(&mut Program),
}

impl Default for Plan {
    /// Alpha runs the package and the journal knows it; beta waits at its prompt.
    fn default() -> Plan {
        Plan {
            policy: DataPolicy::Adaptability,
            network_loss: LegPolicy::Alarm,
            console_silent: LegPolicy::Alarm,
            switches: 10,
            failures: 10,
            legs: 0,
            stop: false,
            servers: ["ts1", "ts1"],
            echo: true,
            host_ids: [Some("80770001"), Some("80770002")],
            memory: remembered(|_, _| {}),
            shows: [Shows::Login, Shows::Prompt],
            address: true,
            witnesses: 1,
            change: |_| {},
        }
    }
}

/// The usual memory, changed: alpha has the package, guards are read, BREAKs have worked.
pub fn remembered(change: impl Fn(&mut PackageMemory, &mut [NodeMemory])) -> Memory {
    let node = |name: &str| NodeMemory {
        node: name.to_owned(),
        guard_read: true,
        break_worked: true,
        ..NodeMemory::default()
    };
    let mut package = PackageMemory {
        package: "service".to_owned(),
        primary: Some("alpha".to_owned()),
        confirmed: true,
        ..PackageMemory::default()
    };
    let mut nodes = vec![node("alpha"), node("beta")];
    change(&mut package, &mut nodes);
    Memory {
        packages: vec![package],
        nodes,
        ..Memory::default()
    }
}

impl Plan {
    fn setup(&self, script: &str) -> Setup {
        let text = format!("{HEAD}{script}");
        let mut program = chat_support::program_of("desk.chat", &text);
        (self.change)(&mut program);
        let node = |n: usize, name: &str| NodeSetup {
            name: NodeName::new(name).expect("a good name"),
            platform: "openboot".to_owned(),
            host_id: self.host_ids[n].map(str::to_owned),
            dark_after: Duration::from_secs(60),
            power_legs: self.legs,
            server: self.servers[n].to_owned(),
            echo: self.echo,
        };
        let cap = |max| Cap {
            max,
            within: Duration::from_secs(3600),
        };
        Setup {
            cluster: ClusterName::new("desk").expect("a good name"),
            nodes: vec![node(ALPHA, "alpha"), node(BETA, "beta")],
            packages: vec![PackageSetup {
                name: PackageName::new("service").expect("a good name"),
                program: Arc::new(program),
                nodes: vec![ALPHA, BETA],
                boot_device: "disk".to_owned(),
                address: "10.77.0.10".to_owned(),
                data_policy: self.policy,
                network_loss: self.network_loss,
                console_silent: self.console_silent,
                switches: cap(self.switches),
                failures: cap(self.failures),
                stop: self
                    .stop
                    .then(|| vec!["stop".to_owned(), "{node}".to_owned()]),
                gates: Vec::new(),
            }],
            witnesses: vec!["10.77.0.1".to_owned(); self.witnesses],
        }
    }

    /// The desk, both consoles connected, nothing asked yet. `act` is the body of the state `act`, and
    /// whatever states and procedures follow it.
    pub fn bare(self, act: &str) -> Desk {
        let setup = Arc::new(self.setup(&format!("state act \"what is tried\"\n{act}\n")));
        let defs = listens_for(&setup.packages[0].program);
        let set = Arc::new(PatternSet::new(&defs).expect("they fit"));
        let console = |n: usize| Console::new(n, self.shows[n]);
        let now = Moment::from_millis(1000);
        let mut desk = Desk {
            machine: Machine::new(Arc::clone(&setup), &self.memory, now, WALL_ZERO),
            setup,
            ears: vec![Ear::new(Arc::clone(&set)), Ear::new(Arc::clone(&set))],
            epochs: vec![0, 0],
            consoles: vec![console(ALPHA), console(BETA)],
            memory: self.memory.clone(),
            address: self.address,
            set,
            now,
            output: VecDeque::new(),
            slow_entry: None,
            unsynced: VecDeque::new(),
            journal: Vec::new(),
            events: Vec::new(),
            alarms: Vec::new(),
            critical: Vec::new(),
            cleared: Vec::new(),
            power: Vec::new(),
            runs: Vec::new(),
            probes: Vec::new(),
            pen_words: Vec::new(),
            answers: Vec::new(),
            witness: true,
            pings: true,
            next_ping: now,
            nonce: 0x1000_0000,
            no_nonces: false,
        };
        desk.drain();
        desk.connect(ALPHA);
        desk.connect(BETA);
        desk
    }

    /// The desk after its survey.
    pub fn ready(self, act: &str) -> Desk {
        let mut desk = self.bare(act);
        desk.pass(Duration::from_secs(30));
        // What the survey typed is of no concern any more.
        for console in &mut desk.consoles {
            console.typed.clear();
            console.breaks = 0;
        }
        desk
    }
}

/// The usual desk after its survey: alpha runs the package, beta waits.
pub fn desk(act: &str) -> Desk {
    Plan::default().ready(act)
}
