//! The keys of a node and of its power legs.

use std::collections::BTreeMap;

use super::POWER_WITHIN;
use super::console::console;
use crate::config::across::{Claim, Claims};
use crate::config::cluster::{Node, PowerLeg};
use crate::config::fields::{Fields, Mend, Report, entries, items, scalar};
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
        claims.add(Claim::Console(console.at.line()), at, &who);
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

fn power(tree: &Tree, report: &mut Report<'_>) -> Option<Vec<PowerLeg>> {
    let mut legs = Some(Vec::new());
    for tree in items(tree, "power", report)? {
        match (power_leg(tree, report), &mut legs) {
            (Some(leg), Some(legs)) => legs.push(leg),
            _ => legs = None,
        }
    }
    legs
}

fn power_leg(tree: &Tree, report: &mut Report<'_>) -> Option<PowerLeg> {
    let mut fields = Fields::open(tree, "a power leg", report)?;
    let off = fields
        .need("off", "write `off: [PROGRAM, ARGUMENT, …]`", report)
        .and_then(|tree| argv(tree, "off", report));
    let status = fields
        .need("status", "an off that cannot be asked back proves nothing: write `status: [PROGRAM, ARGUMENT, …]`", report)
        .and_then(|tree| argv(tree, "status", report));
    let on = fields.get("on").map(|tree| argv(tree, "on", report));
    let within = fields.maybe("within", report, value::span);
    fields.close(report);
    Some(PowerLeg {
        off: off?,
        status: status?,
        on: match on {
            Some(argv) => Some(argv?),
            None => None,
        },
        within: within.unwrap_or(POWER_WITHIN),
    })
}

fn argv(tree: &Tree, key: &str, report: &mut Report<'_>) -> Option<Vec<String>> {
    let words = items(tree, key, report)?;
    let argv: Option<Vec<String>> = words
        .iter()
        .map(|word| {
            scalar(word, key, report, |text| {
                if text.contains('\0') {
                    return Err(Mend::new("a command word cannot hold a NUL", ""));
                }
                Ok(text.to_owned())
            })
        })
        .collect();
    let argv = argv?;
    if argv.first().is_none_or(String::is_empty) {
        report.error(tree, format!("`{key}` names no program"), "");
        return None;
    }
    Some(argv)
}
