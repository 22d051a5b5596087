//! Power legs as the cluster files name them, to legs that can be switched and asked; and
//! what can be told of them without switching anything: whether their programs and secrets
//! are there, and whether their agents know what they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::Home;
use super::programs::find_program;
use crate::config::{
    Cluster, Fault, FenceAgent, IpmiInterface, IpmiPrivilege, Loaded, Node, PowerRoad, nearest,
};
use crate::exec::{
    AgentLeg, AgentMetadata, CommandLeg, IPMITOOL, IpmiLeg, PowerLeg, Secret, metadata,
};
use crate::secret;

/// How long an agent may take to describe itself.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(10);

/// Agents that are asked at the same time.
const AT_ONCE: usize = 8;

/// The power legs of a node. Programs and secrets that are named by a path are found from
/// the home directory.
pub fn legs(node: &Node, home: &Path) -> Vec<PowerLeg> {
    let command = |argv: &[String]| {
        let mut argv = argv.to_vec();
        if let Some(first) = argv.first_mut() {
            *first = program(first, home);
        }
        argv
    };
    let legs = node.power.iter().map(|leg| match &leg.road {
        PowerRoad::Commands(commands) => PowerLeg::Command(CommandLeg {
            off: command(&commands.off),
            on: commands.on.as_deref().map(command),
            status: command(&commands.status),
            within: leg.within,
        }),
        PowerRoad::Agent(agent) => PowerLeg::Agent(AgentLeg {
            program: program(&agent.program, home),
            parameters: agent.parameters.clone().into_iter().collect(),
            secrets: agent
                .secrets
                .iter()
                .map(|(name, file)| (name.clone(), secret::place(home, file)))
                .collect(),
            within: leg.within,
        }),
        PowerRoad::Ipmi(ipmi) => PowerLeg::Ipmi(IpmiLeg {
            host: ipmi.host.clone(),
            port: ipmi.port,
            username: ipmi.username.clone(),
            password_file: secret::place(home, &ipmi.password_file),
            interface: match ipmi.interface {
                IpmiInterface::Lanplus => "lanplus",
                IpmiInterface::Lan => "lan",
            },
            cipher: ipmi.cipher,
            privilege: match ipmi.privilege {
                IpmiPrivilege::Operator => "OPERATOR",
                IpmiPrivilege::Administrator => "ADMINISTRATOR",
            },
            within: leg.within,
        }),
    });
    legs.collect()
}

/// A program as it can be started from anywhere.
pub fn program(named: &str, home: &Path) -> String {
    if named.contains('/') {
        home.join(named).display().to_string()
    } else {
        named.to_owned()
    }
}

/// Where one leg stands in its file.
struct Place<'a> {
    loaded: &'a Loaded,
    file: &'a str,
    /// The keys down to the leg.
    path: Vec<String>,
}

impl<'a> Place<'a> {
    /// Leg number `n`; a node's only leg may stand without a list.
    fn of(cluster: &'a Cluster, node: &str, n: usize, loaded: &'a Loaded) -> Place<'a> {
        let path = |last: &[String]| {
            let path = ["nodes", node, "power"].map(str::to_owned);
            [path.as_slice(), last].concat()
        };
        let mut place = Place {
            loaded,
            file: &cluster.file,
            path: path(&[n.to_string()]),
        };
        if place.error(&[], String::new(), "").place.is_none() {
            place.path = path(&[]);
        }
        place
    }

    fn error(&self, keys: &[&str], message: String, help: &str) -> Fault {
        let path: Vec<&str> = self
            .path
            .iter()
            .map(String::as_str)
            .chain(keys.iter().copied())
            .collect();
        self.loaded.error_at(self.file, &path, message, help)
    }

    fn error_at_key(&self, key: &str, message: String, help: &str) -> Fault {
        let path: Vec<&str> = self.path.iter().map(String::as_str).chain([key]).collect();
        self.loaded.error_at_key(self.file, &path, message, help)
    }
}

/// What is wrong with the programs and secrets of a node's legs.
pub(super) fn faults(
    cluster: &Cluster,
    name: &str,
    node: &Node,
    home: &Home,
    loaded: &Loaded,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (n, leg) in node.power.iter().enumerate() {
        let place = Place::of(cluster, name, n, loaded);
        let mut runs = |program: &str, keys: &[&str]| {
            if let Err((message, help)) = find_program(program, home.dir()) {
                faults.push(place.error(keys, message, help));
            }
        };
        let mut secrets: Vec<(Vec<&str>, &str)> = Vec::new();
        match &leg.road {
            PowerRoad::Commands(commands) => {
                let all = [
                    ("off", Some(&commands.off)),
                    ("status", Some(&commands.status)),
                    ("on", commands.on.as_ref()),
                ];
                for (key, argv) in all {
                    if let Some(program) = argv.and_then(|argv| argv.first()) {
                        runs(program, &[key, "0"]);
                    }
                }
            }
            PowerRoad::Agent(agent) => {
                runs(&agent.program, &["agent"]);
                secrets = agent
                    .secrets
                    .iter()
                    .map(|(key, file)| (vec!["secrets", key], file.as_str()))
                    .collect();
            }
            PowerRoad::Ipmi(ipmi) => {
                runs(IPMITOOL, &["ipmi"]);
                secrets.push((vec!["password_file"], &ipmi.password_file));
            }
        }
        for (keys, file) in secrets {
            let Err(fault) = Secret::read(&secret::place(home.dir(), file)) else {
                continue;
            };
            let (message, help) = (fault.to_string(), fault.help());
            let mut told = place.error(&keys, message.clone(), &help);
            if told.place.is_none() {
                told = place.error(&["password_file"], message, &help);
            }
            faults.push(told);
        }
    }
    faults
}

/// Asks every fence agent of the guarded clusters to describe itself, and tells what the
/// files say that the agents do not understand. Blocks; switches nothing.
pub fn ask_agents(loaded: &Loaded, home: &Home) -> Vec<Fault> {
    let mut agents = BTreeMap::new();
    each_agent(loaded, |_, agent| {
        agents.insert(
            program(&agent.program, home.dir()),
            Ok(AgentMetadata::default()),
        );
    });
    if agents.is_empty() {
        return Vec::new();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime of this thread needs a few descriptors");
    let programs: Vec<String> = agents.keys().cloned().collect();
    for some in programs.chunks(AT_ONCE) {
        runtime.block_on(async {
            let mut asked = tokio::task::JoinSet::new();
            for program in some.iter().cloned() {
                asked.spawn(async move {
                    let said = metadata(&program, DESCRIBED_WITHIN).await;
                    (program, said)
                });
            }
            agents.extend(asked.join_all().await);
        });
    }
    let mut faults = Vec::new();
    each_agent(loaded, |place, agent| {
        match &agents[&program(&agent.program, home.dir())] {
            Ok(known) => faults.extend(misunderstood(&place, agent, known)),
            Err(why) => faults.push(place.error(
                &["agent"],
                format!(
                    "{} cannot be asked what it understands: {why}",
                    agent.program.escape_debug()
                ),
                "`AGENT -o metadata` should describe it: is a library of its own missing?",
            )),
        }
    });
    faults
}

fn each_agent<'l>(loaded: &'l Loaded, mut then: impl FnMut(Place<'l>, &'l FenceAgent)) {
    for cluster in &loaded.clusters {
        for (name, node) in &cluster.nodes {
            for (n, leg) in node.power.iter().enumerate() {
                if let PowerRoad::Agent(agent) = &leg.road {
                    then(Place::of(cluster, name.as_str(), n, loaded), agent);
                }
            }
        }
    }
}

/// What an agent is told and does not know, and what it must be told and is not.
fn misunderstood(place: &Place<'_>, agent: &FenceAgent, known: &AgentMetadata) -> Vec<Fault> {
    let mut faults = Vec::new();
    let called = agent.program.escape_debug();
    for action in ["off", "status"] {
        if !known.actions.iter().any(|name| name == action) {
            faults.push(place.error(
                &["agent"],
                format!("{called} knows no action `{action}`"),
                "without off and status nothing is switched, and nothing proved",
            ));
        }
    }
    let given: BTreeSet<&str> = agent
        .parameters
        .keys()
        .chain(agent.secrets.keys())
        .map(String::as_str)
        .collect();
    for name in &given {
        if known.knows(name) {
            continue;
        }
        let message = format!("{called} knows no parameter `{name}`");
        let names = known
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str());
        let help = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`{called} -o metadata` lists those that it knows"),
        };
        faults.push(if agent.parameters.contains_key(*name) {
            place.error_at_key(name, message, &help)
        } else {
            let fault = place.error(&["secrets", name], message.clone(), &help);
            match fault.place {
                Some(_) => fault,
                None => place.error_at_key("password_file", message, &help),
            }
        });
    }
    let strange: Vec<&str> = given
        .iter()
        .copied()
        .filter(|name| !known.knows(name))
        .collect();
    for name in known.missing(&given.into_iter().collect::<Vec<_>>()) {
        // A misspelt one is told already.
        if strange
            .iter()
            .any(|strange| nearest(strange, [name]).is_some())
        {
            continue;
        }
        faults.push(place.error(
            &["agent"],
            format!("{called} wants `{name}`"),
            "write it as a key of this leg",
        ));
    }
    faults
}
