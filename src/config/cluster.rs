//! A cluster as its file means it: nodes, packages, witnesses.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::console::ConsoleSpec;
use super::hook::Hook;
use super::power::PowerLeg;
use crate::name::{ClusterName, NodeName, PackageName};

/// One cluster: the nodes that share storage and the packages that they can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its name, unique on the monitoring host.
    pub name: ClusterName,
    /// The file it was read from, as a path from the home directory.
    pub file: String,
    /// Its nodes. In boxes: a tree of few has room for eleven.
    pub nodes: BTreeMap<NodeName, Box<Node>>,
    /// Its packages; in this version exactly one.
    pub packages: BTreeMap<PackageName, Box<Package>>,
    /// Addresses that tell a dead node from a dead network.
    pub witnesses: Vec<Witness>,
    /// Commands before and after what happens to any of its packages.
    pub hooks: Vec<Hook>,
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The kind of firmware: the name of a `firmware` block of the chat script.
    pub platform: String,
    /// Its console.
    pub console: ConsoleSpec,
    /// Its Host ID; none: learnt at adoption.
    pub host_id: Option<HostId>,
    /// How long it must have been silent in every way to count as dark (rule 7): longer than
    /// its measured power-on self-test, load and boot together.
    pub dark_after: Duration,
    /// All its power supplies' switches; empty: none can be switched.
    pub power: Vec<PowerLeg>,
}

/// One bootable system image on the shared storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The chat script: `sun-openboot` is `chat-scripts/sun-openboot.chat`.
    pub script: String,
    /// The nodes that can run it; the first one is the primary of the first adoption.
    pub nodes: Vec<NodeName>,
    /// What is typed after `boot`: the true boot device.
    pub boot_device: String,
    /// The service address, which moves with the package.
    pub address: IpAddr,
    /// How the service address is asked.
    pub reach: Reach,
    /// What counts as a stopped node.
    pub data_policy: DataPolicy,
    /// What follows when only the network is silent.
    pub network_loss: Silence,
    /// What follows when only the console is silent.
    pub console_silent: Silence,
    /// A node with so many failures in the time is not switched to.
    pub failures: Cap,
    /// So many switches in the time, and no more.
    pub switches: Cap,
    /// After a shutdown by hand the package is left alone for so long.
    pub planned_grace: Duration,
    /// The command, run on this host, that stops the system in good order before a switchover.
    pub stop: Option<Vec<String>>,
    /// How long a takeover is meant to take.
    pub targets: Targets,
    /// Commands before and after what happens to it.
    pub hooks: Vec<Hook>,
    /// Values for the script's parameters, as written.
    pub params: BTreeMap<String, String>,
}

/// How long a takeover and its parts are meant to take; longer is an alarm. None: nobody said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// All of it: from the first fence until the service is seen.
    pub takeover: Option<Duration>,
    /// From the first fence until the boot command.
    pub fence: Option<Duration>,
    /// From the boot command until the service is seen.
    pub boot: Option<Duration>,
}

/// An address that answers as long as the network between does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Whom to ping.
    pub address: IpAddr,
    /// Where it stands.
    pub segment: Segment,
}

/// Where a witness stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// On the nodes' own network segment: its answer says that a node there could answer too.
    Service,
    /// On the way: a gateway, the network of the consoles.
    Path,
}

/// How a service address is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// By ICMP echo.
    Ping,
    /// By a TCP connection to this port.
    Tcp(u16),
}

/// What counts as a stopped node when nothing can be proved on its console (rule 7).
/// [`super::accepts`] says in words what each one takes upon itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataPolicy {
    /// A dark node is never stopped; a power leg or an operator says so.
    Integrity,
    /// Dark counts as stopped where a BREAK has worked before and the guard holds.
    Adaptability,
    /// Dark counts as stopped.
    Availability,
}

impl fmt::Display for DataPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            DataPolicy::Integrity => "integrity",
            DataPolicy::Adaptability => "adaptability",
            DataPolicy::Availability => "availability",
        })
    }
}

/// What follows when one leg, network or console, is silent and the other is not (rule 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// An alarm and nothing else.
    Alarm,
    /// A switchover, with a full proof, after so long a silence.
    SwitchAfter(Duration),
}

/// At most so many in a time that moves along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// How many.
    pub max: u32,
    /// In how long.
    pub within: Duration,
}

/// A machine's Host ID, the eight hex digits of its banner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(u32);

impl HostId {
    /// Reads eight hex digits. None for all ones, which a machine without a readable ID
    /// chip shows, and for zero.
    pub fn parse(text: &str) -> Option<HostId> {
        let hex = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = u32::from_str_radix(text, 16).ok().filter(|_| hex)?;
        (id != 0 && id != u32::MAX).then_some(HostId(id))
    }

    /// The ID as a number.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_id_is_eight_hex_digits_and_says_something() {
        assert_eq!(HostId::parse("80B1C2D3").unwrap().to_string(), "80b1c2d3");
        for bad in [
            "ffffffff",
            "FFFFFFFF",
            "00000000",
            "80b1c2d",
            "80b1c2d33",
            "+0b1c2d3",
            "",
        ] {
            assert_eq!(HostId::parse(bad), None, "{bad:?}");
        }
    }
}
