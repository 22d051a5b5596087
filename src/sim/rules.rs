//! The rules of design section 3 as code that looks at the truth: at what the simulated machines
//! really do, not at what clusterd believes. Written once; scenes, storms and the explorer use it.

use crate::clock::Moment;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// When.
    pub at: Moment,
    /// Which.
    pub rule: Rule,
    /// How, for people.
    pub what: String,
}

/// The rules that can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Rule 1: never two nodes write to one disk.
    TwoWriters,
    /// Rules 1 and 2: no boot command leaves while another node runs or could go on.
    BootBesideLife,
    /// Rules 1 and 2: no system comes up beside another one that runs or could go on.
    BesideResumable,
    /// Rule 1: a living proof for every other node before the boot command's RETURN.
    NoProof,
    /// Rule 4: nothing that changes anything is typed to a machine that is not the one meant.
    Stranger,
    /// Rule 9: an intent is durable before its first byte or BREAK leaves.
    JournalFirst,
    /// Rule 10: the cap on switches.
    Cap,
    /// Rule 10: at most one switch of a package in flight.
    OneSwitch,
    /// Rule 8: the monitor's own trouble never causes a BREAK, nor a stop, an order to a power leg or a boot.
    OwnTrouble,
    /// Rule 15: nothing is written in maintenance, but by a siege.
    Maintenance,
    /// Rules 7 and 15: a node out of service is typed nothing but RETURN, is sent no BREAK, and is not switched off.
    OutOfService,
    /// A person's HOLD: nothing is begun until they say `release`.
    Held,
    /// Rule 16: nothing is typed under a person's hands.
    UnderHands,
    /// Liveness: a lost service is told: it runs, or an alarm is open, within the script's own deadlines.
    SilentOutage,
    /// What a person makes of the disk by a boot past the guard is told, and ends.
    WindowStays,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Rule::TwoWriters => "never two nodes live on one package",
            Rule::BootBesideLife => "no boot command while another node runs or could go on",
            Rule::BesideResumable => "never one live while the other could go on",
            Rule::NoProof => "no boot command without a living proof for every other node",
            Rule::Stranger => "nothing is changed on a machine whose identity is not proved",
            Rule::JournalFirst => "every action is journalled before its bytes",
            Rule::Cap => "no more switches within the window than the cap allows",
            Rule::OneSwitch => "at most one switch in flight",
            Rule::OwnTrouble => "the monitor's own trouble never causes a BREAK, a stop or a boot",
            Rule::Maintenance => "nothing is written in maintenance",
            Rule::OutOfService => "nothing but RETURN is written to a node out of service",
            Rule::Held => "nothing is stopped or started under a person's HOLD",
            Rule::UnderHands => "nothing is typed under a person's hands",
            Rule::SilentOutage => "the service runs, or an alarm is open",
            Rule::WindowStays => "two writers that a person made are told of, and stopped",
        })
    }
}
