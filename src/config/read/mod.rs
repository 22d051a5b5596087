//! One file's tree to one [`Cluster`]: the keys of a cluster file are named in this folder.

mod bindings;
mod console;
mod hooks;
mod node;
mod package;
mod power;

use std::collections::BTreeSet;
use std::time::Duration;

use super::across::{Claim, Claims};
use super::cluster::{Cap, Cluster, Segment, Witness};
use super::fault::shown;
use super::fields::{Fields, Mend, Report, items, scalar};
use super::value;
use super::yaml::Tree;
use crate::name::{BadName, ClusterName};

/// `dark_after` when it is not written.
pub const DARK_AFTER: Duration = Duration::from_secs(600);
/// `planned_grace` when it is not written.
pub const PLANNED_GRACE: Duration = Duration::from_secs(600);
/// `power: within` when it is not written.
pub const POWER_WITHIN: Duration = Duration::from_secs(30);
/// `failures` when it is not written.
pub const FAILURES: Cap = Cap {
    max: 3,
    within: Duration::from_secs(24 * 3600),
};
/// `switches` when it is not written.
pub const SWITCHES: Cap = Cap {
    max: 6,
    within: Duration::from_secs(3600),
};

/// Reads a cluster. What must be unique goes to `claims` even if the rest is faulty.
pub fn cluster(
    tree: &Tree,
    file: &str,
    report: &mut Report<'_>,
    claims: &mut Claims,
) -> Option<Cluster> {
    let mut fields = Fields::open(tree, "a cluster file", report)?;
    let name = fields.needed("cluster", "write `cluster: NAME`", report, |text| {
        ClusterName::new(text).map_err(Mend::from)
    });
    if let (Some(name), Some(at)) = (&name, fields.get("cluster")) {
        claims.add(Claim::ClusterName(name.to_string()), at, name.as_str());
        let stem = file.rsplit('/').next().unwrap_or(file);
        if stem != format!("{name}.yaml") {
            let message = format!("cluster {name} stands in a file named {stem}");
            report.warning(at, message, format!("name the file {name}.yaml"));
        }
    }
    let owner = name.as_ref().map_or("?", ClusterName::as_str).to_owned();
    let nodes = fields
        .need("nodes", "write `nodes:` and a node a line", report)
        .map(|tree| (tree, node::nodes(tree, &owner, report, claims)));
    let witnesses = match fields.get("witnesses") {
        Some(tree) => witnesses(tree, report),
        None => Some(Vec::new()),
    };
    let packages = fields
        .need("packages", "write `packages:` and a package", report)
        .and_then(|tree| package::packages(tree, &owner, report, claims));
    let hooks = hooks::of(&mut fields, report);
    fields.close(report);

    let (nodes_at, nodes) = nodes?;
    if let Some(packages) = &packages {
        bindings::check(nodes_at, &nodes, packages, witnesses.as_deref(), report);
    }
    let nodes = nodes
        .into_iter()
        .map(|(name, node)| Some((name, Box::new(node?))))
        .collect::<Option<_>>()?;
    let packages = packages?
        .into_iter()
        .map(|read| read.package.map(|package| (read.name, Box::new(package))))
        .collect::<Option<_>>()?;
    Some(Cluster {
        name: name?,
        file: file.to_owned(),
        nodes,
        packages,
        witnesses: witnesses?,
        hooks,
    })
}

impl From<BadName> for Mend {
    fn from(BadName { kind, text }: BadName) -> Mend {
        Mend::new(
            format!("{} is no {kind} name", shown(&text)),
            "use 1 to 40 of a-z, 0-9, `-`, `_`, beginning with a letter or digit",
        )
    }
}

fn witnesses(tree: &Tree, report: &mut Report<'_>) -> Option<Vec<Witness>> {
    let mut fields = Fields::open(tree, "`witnesses`", report)?;
    let mut witnesses = Vec::new();
    let mut seen = BTreeSet::new();
    let mut good = true;
    for (key, segment) in [("service", Segment::Service), ("path", Segment::Path)] {
        let Some(tree) = fields.get(key) else {
            continue;
        };
        for item in items(tree, key, report).unwrap_or_default() {
            match scalar(item, key, report, value::address) {
                Some(address) if seen.insert(address) => {
                    witnesses.push(Witness { address, segment });
                }
                Some(_) => {
                    report.error(item, "this witness is named twice", "take one out");
                    good = false;
                }
                None => good = false,
            }
        }
    }
    fields.close(report);
    good.then_some(witnesses)
}
