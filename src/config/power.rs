//! A power leg as its file means it: one of three roads to a switch.

use std::collections::BTreeMap;
use std::time::Duration;

/// The switch of one of a node's power supplies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerLeg {
    /// How it is reached.
    pub road: PowerRoad,
    /// How long each command may take.
    pub within: Duration,
}

/// What switches a power supply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PowerRoad {
    /// Commands of the operator's.
    Commands(PowerCommands),
    /// A fence agent of ClusterLabs.
    Agent(FenceAgent),
    /// A service processor, through `ipmitool`.
    Ipmi(Ipmi),
}

/// Commands: the first word of each is the program; no shell reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerCommands {
    /// Orders it off; exit code 0 when the order was taken.
    pub off: Vec<String>,
    /// Asks for its state: `Status: ON` and exit code 0, or `Status: OFF` and 2 (as fence agents do).
    pub status: Vec<String>,
    /// Orders it on.
    pub on: Option<Vec<String>>,
}

/// A fence agent and what it is told on its standard input, as `key=value` lines
/// (ClusterLabs, FenceAgentAPI).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceAgent {
    /// The program: a path, taken from the home directory, or a name that `PATH` finds.
    pub program: String,
    /// Parameters, without `action` and without secrets.
    pub parameters: BTreeMap<String, String>,
    /// Parameters that are secret: the file of each, as a path from the home directory.
    pub secrets: BTreeMap<String, String>,
}

/// An IPMI service processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipmi {
    /// Its address or name.
    pub host: String,
    /// Its UDP port; none: 623.
    pub port: Option<u16>,
    /// Who logs in.
    pub username: Option<String>,
    /// The file of the password, as a path from the home directory.
    pub password_file: String,
    /// Which IPMI is spoken.
    pub interface: IpmiInterface,
    /// The cipher suite of `lanplus` (IPMI 2.0, table 22-20); none: ipmitool's own default.
    pub cipher: Option<u8>,
    /// What the session may do.
    pub privilege: IpmiPrivilege,
}

/// Which IPMI is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpmiInterface {
    /// IPMI 2.0.
    Lanplus,
    /// IPMI 1.5.
    Lan,
}

/// The privilege that a session asks for: power needs at least the operator's (IPMI 2.0,
/// appendix G, Chassis Control).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpmiPrivilege {
    /// Operator.
    Operator,
    /// Administrator.
    Administrator,
}
