//! What must be unique in all cluster files together. Two nodes on one console line, or
//! with one Host ID, would let a proof about one machine pass for a proof about the other;
//! every file concerned is refused, for nobody but the operator knows which one is right.

use std::collections::BTreeMap;

use super::fault::{Fault, Weight};
use super::yaml::{Source, Tree};

/// Something that one node, package or cluster has for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// The name of a cluster.
    ClusterName(String),
    /// The line behind a console URL.
    Console(String),
    /// A Host ID.
    HostId(String),
    /// A service address.
    Address(String),
}

/// Who claims what, and where it says so.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    all: BTreeMap<Claim, Vec<Claimant>>,
    file: usize,
}

#[derive(Clone, Debug)]
struct Claimant {
    file: usize,
    at: Tree,
    who: String,
}

impl Claims {
    /// Claims that follow stand in this file.
    pub fn in_file(&mut self, file: usize) {
        self.file = file;
    }

    /// Notes a claim of `who`, made at a value of the present file.
    pub fn add(&mut self, claim: Claim, at: &Tree, who: &str) {
        self.all.entry(claim).or_default().push(Claimant {
            file: self.file,
            at: at.clone(),
            who: who.to_owned(),
        });
    }

    /// A fault for each claimant of something that is claimed more than once. `files` are
    /// the files by number: path and text.
    pub fn faults(&self, files: &[(&str, &Source)]) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (claim, claimants) in &self.all {
            for (n, claimant) in claimants.iter().enumerate() {
                let Some((m, other)) = claimants.iter().enumerate().find(|&(m, _)| m != n) else {
                    continue;
                };
                // Inside one file the second one is told, in two files both are.
                if claimant.file == other.file && m > n {
                    continue;
                }
                let (file, source) = files[claimant.file];
                let (other_file, other_source) = files[other.file];
                let line = other_source.place(&other.at).map_or(0, |place| place.line);
                let (message, help) = claim.conflict(&other.who);
                faults.push(Fault {
                    file: file.to_owned(),
                    place: source.place(&claimant.at),
                    weight: Weight::Error,
                    message,
                    help: Some(format!("{help}; the other one: {other_file}:{line}")),
                });
            }
        }
        faults
    }
}

impl Claim {
    fn conflict(&self, other: &str) -> (String, &'static str) {
        match self {
            Claim::ClusterName(name) => (
                format!("another file describes a cluster {name}"),
                "give each cluster a name of its own",
            ),
            Claim::Console(_) => (
                format!("this is the console of {other} too"),
                "a console port belongs to one machine",
            ),
            Claim::HostId(id) => (
                format!("{other} has the Host ID {id} too"),
                "a Host ID belongs to one machine: read it from the banner",
            ),
            Claim::Address(address) => (
                format!("{other} has the service address {address} too"),
                "a service address belongs to one package",
            ),
        }
    }
}
