//! The keys of a node; those of its power legs are in `power.rs`.

use std::collections::BTreeMap;

use super::console::console;
use super::power::power;
use crate::config::across::{Claim, Claims};
use crate::config::cluster::Node;
use crate::config::fields::{Fields, Mend, Report, entries};
use crate::config::value;
use crate::config::yaml::Tree;
use crate::name::NodeName;

/// Nodes by name; `None` where a node's own keys are faulty.
pub type NodesRead = BTreeMap<NodeName, Option<Node>>;

/// Reads all nodes of a cluster.
pub fn nodes(tree: &Tree, owner: &str, report: &mut Report<'_>, claims: &mut Claims) -> NodesRead {
    let mut nodes = BTreeMap::new();
    for (name, key, tree) in entries(tree, "`nodes`", report).unwrap_or_default() {
        match NodeName::new(name) {
            Ok(name) => {
                let node = node(&name, (key, tree), owner, report, claims);
                nodes.insert(name, node);
            }
            Err(bad) => {
                let mend = Mend::from(bad);
                report.error(key, mend.message, mend.help);
            }
        }
    }
    nodes
}

fn node(
    name: &NodeName,
    (key, tree): (&Tree, &Tree),
    owner: &str,
    report: &mut Report<'_>,
    claims: &mut Claims,
) -> Option<Node> {
    let who = format!("{owner}/{name}");
    let mut fields = Fields::open(tree, "a node", report)?.under(key);
    let platform = fields.needed(
        "platform",
        "name the firmware: `platform: openboot`",
        report,
        value::plain_name,
    );
    let console = fields
        .need("console", "write `console: telnet://HOST:PORT`", report)
        .and_then(|tree| console(tree, report));
    if let (Some(console), Some(at)) = (&console, fields.get("console")) {
        claims.add(Claim::Console(console.line()), at, &who);
    }
    let host_id = fields.maybe("host_id", report, value::host_id);
    if let (Some(id), Some(at)) = (host_id, fields.get("host_id")) {
        claims.add(Claim::HostId(id.to_string()), at, &who);
    }
    let dark_after = fields.maybe("dark_after", report, value::span);
    let power = match fields.get("power") {
        Some(tree) => power(tree, report),
        None => Some(Vec::new()),
    };
    fields.close(report);
    Some(Node {
        platform: platform?,
        console: console?,
        host_id,
        dark_after: dark_after.unwrap_or(super::DARK_AFTER),
        power: power?,
    })
}
