//! What the parts of one cluster file say about each other.

use std::collections::BTreeSet;

use super::node::NodesRead;
use super::package::PackageRead;
use crate::config::cluster::{DataPolicy, Segment, Witness};
use crate::config::fault::nearest;
use crate::config::fields::Report;
use crate::config::yaml::Tree;
use crate::name::NodeName;

/// Checks nodes, packages and witnesses against each other. `named` are the witnesses, or
/// none where they are faulty, which is told already.
pub fn check(
    nodes_at: &Tree,
    nodes: &NodesRead,
    packages: &[PackageRead<'_>],
    named: Option<&[Witness]>,
    report: &mut Report<'_>,
) {
    names(nodes_at, nodes, packages, report);
    darkness(nodes_at, packages, report);
    if let Some(named) = named {
        witnesses(packages, named, report);
    }
}

/// Packages name nodes that are there, and each node is in a package.
fn names(
    nodes_at: &Tree,
    nodes: &NodesRead,
    packages: &[PackageRead<'_>],
    report: &mut Report<'_>,
) {
    let mut named = BTreeSet::new();
    for (name, at) in packages.iter().flat_map(|package| &package.nodes) {
        named.insert(name);
        if !nodes.contains_key(name) {
            let known: Vec<&str> = nodes.keys().map(NodeName::as_str).collect();
            let help = match nearest(name.as_str(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("nodes of this cluster: {}", known.join(", ")),
            };
            report.error(at, format!("there is no node {name}"), help);
        }
    }
    for name in nodes.keys().filter(|name| !named.contains(name)) {
        let at = nodes_at.find_key(name.as_str()).unwrap_or(nodes_at);
        let message = format!("node {name} is in no package");
        report.error(
            at,
            message,
            "name it in a package's `nodes`, or take it out",
        );
    }
}

/// A policy that acts on darkness wants the time of darkness measured.
fn darkness(nodes_at: &Tree, packages: &[PackageRead<'_>], report: &mut Report<'_>) {
    for package in packages {
        let acts = package
            .policy
            .filter(|(policy, _)| *policy != DataPolicy::Integrity);
        let Some((policy, _)) = acts else { continue };
        for (name, _) in &package.nodes {
            let missing = nodes_at
                .find(&[name.as_str()])
                .is_some_and(|node| node.find(&["dark_after"]).is_none());
            if let (true, Some(at)) = (missing, nodes_at.find_key(name.as_str())) {
                report.warning(
                    at,
                    format!("`dark_after` of {name} is not written, and `{policy}` acts on it: 10 min are taken"),
                    "measure power-on to login, add a margin, and write it",
                );
            }
        }
    }
}

/// A switch on silence wants a witness on the nodes' segment; a witness is no service.
fn witnesses(packages: &[PackageRead<'_>], witnesses: &[Witness], report: &mut Report<'_>) {
    let on_segment = witnesses.iter().any(|w| w.segment == Segment::Service);
    for package in packages {
        for (key, at) in &package.switches_on_silence {
            if !on_segment {
                report.error(
                    at,
                    format!("`{key}: switch after …` wants a witness on the service's network"),
                    "write `witnesses: { service: [ADDRESS] }`: a machine there that always \
                     answers ping, such as the gateway",
                );
            }
        }
        let own = package.package.as_ref().map(|package| package.address);
        if let (Some(at), true) = (
            package.address,
            witnesses.iter().any(|w| Some(w.address) == own),
        ) {
            let message = "the service address is named as a witness too";
            report.error(at, message, "a witness must be another machine");
        }
        if let (Some((policy, at)), false) = (package.policy, on_segment)
            && policy != DataPolicy::Integrity
        {
            report.warning(
                    at,
                    format!("`{policy}` can do nothing for a dark node here: no witness on the service's network"),
                    "write `witnesses: { service: [ADDRESS] }`: without it the path to a dark \
                     node is never proved, and the cluster goes to HOLD",
                );
        }
    }
}
