//! A cluster against the compiled program of its chat script.

use super::cluster::{Cluster, DataPolicy, Package, Silence};
use super::fault::{Fault, nearest};
use super::fields::Report;
use super::yaml::{Source, Tree};
use crate::clock::Span;
use crate::name::PackageName;
use crate::script::program::{Op, Program, When};

/// What a cluster file wants and the program of package `name` does not have. `text` is
/// the text of the cluster file.
pub fn check_against(
    cluster: &Cluster,
    name: &PackageName,
    text: &str,
    program: &Program,
) -> Vec<Fault> {
    let (Some(package), Ok((source, tree))) = (cluster.packages.get(name), Source::read(text))
    else {
        return Vec::new();
    };
    let mut report = Report::new(&cluster.file, &source);
    platforms(cluster, package, &tree, program, &mut report);
    silences(name, package, &tree, program, &mut report);
    power(cluster, package, &tree, program, &mut report);
    short_of_time(cluster, package, &tree, program, &mut report);
    breaks(cluster, package, &tree, program, &mut report);
    if package.data_policy == DataPolicy::Integrity
        && let Some(assumption) = program.assumptions.first()
    {
        let at = place(&tree, &["packages", name.as_str(), "data_policy"]);
        report.error(
            at,
            format!("`integrity` refuses what the script assumes: {assumption}"),
            "take `assume stopped` out of the script, or choose another policy",
        );
    }
    report.into_faults()
}

fn place<'t>(tree: &'t Tree, path: &[&str]) -> &'t Tree {
    tree.find(path).unwrap_or(tree)
}

fn platforms(
    cluster: &Cluster,
    package: &Package,
    tree: &Tree,
    program: &Program,
    report: &mut Report<'_>,
) {
    let known = || program.firmwares.iter().map(|f| f.platform.as_str());
    for name in &package.nodes {
        let Some(node) = cluster.nodes.get(name) else {
            continue;
        };
        if program.firmware(&node.platform).is_some() {
            continue;
        }
        let help = match nearest(&node.platform, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "platforms that {} knows: {}",
                program.name,
                known().collect::<Vec<_>>().join(", ")
            ),
        };
        report.error(
            place(tree, &["nodes", name.as_str(), "platform"]),
            format!(
                "the chat script {} knows no platform {}",
                package.script, node.platform
            ),
            help,
        );
    }
}

/// A switch on silence that no state of the script listens for would never happen.
fn silences(
    name: &PackageName,
    package: &Package,
    tree: &Tree,
    program: &Program,
    report: &mut Report<'_>,
) {
    let listens = |wanted: &When| {
        program
            .states
            .iter()
            .flat_map(|state| &state.triggers)
            .any(|trigger| trigger.when == *wanted)
    };
    for (key, silence, when) in [
        ("network_loss", package.network_loss, When::NetworkLoss),
        (
            "console_silent",
            package.console_silent,
            When::ConsoleSilent,
        ),
    ] {
        if silence != Silence::Alarm && !listens(&when) {
            report.error(
                place(tree, &["packages", name.as_str(), key]),
                format!(
                    "no state of the chat script {} listens for it",
                    package.script
                ),
                format!("write `{key}: alarm`, or `on {key} -> …` in the script"),
            );
        }
    }
}

/// A BREAK that a console cannot carry stops nothing.
fn breaks(
    cluster: &Cluster,
    package: &Package,
    tree: &Tree,
    program: &Program,
    report: &mut Report<'_>,
) {
    if !program.ops.iter().any(|op| matches!(op, Op::Break { .. })) {
        return;
    }
    for name in &package.nodes {
        let Some(node) = cluster.nodes.get(name) else {
            continue;
        };
        if let Some(kind) = node.console.breaks.iter().find(|kind| kind.runs_a_line()) {
            report.warning(
                place(tree, &["nodes", name.as_str(), "console", "break"]),
                format!("`{kind}` sends a RETURN before its escape: what stands half typed on the console is run by it"),
                "put a line kill before it: type \"\\x15\\r~B\" (\\x15 for OpenBoot and logins, \\x03 for OpenBIOS)",
            );
        }
        if !node.console.carries_break() {
            report.warning(
                place(tree, &["nodes", name.as_str(), "console"]),
                format!(
                    "the chat script {} sends BREAK, and this console carries none",
                    package.script
                ),
                "a node that runs or hangs cannot be stopped on it: use telnet://, serial:, rfc2217://, or say how with `break:`",
            );
        }
    }
}

/// A script that can switch power is of less use on a node without a power leg.
fn power(
    cluster: &Cluster,
    package: &Package,
    tree: &Tree,
    program: &Program,
    report: &mut Report<'_>,
) {
    let switches = program
        .ops
        .iter()
        .any(|op| matches!(op, Op::PowerOff { .. }));
    if !switches || package.data_policy != DataPolicy::Integrity {
        return;
    }
    for name in &package.nodes {
        if cluster
            .nodes
            .get(name)
            .is_some_and(|node| node.power.is_empty())
        {
            let at = tree
                .find(&["nodes"])
                .and_then(|nodes| nodes.find_key(name.as_str()));
            report.warning(
                at.unwrap_or(tree),
                format!("{name} has no power leg: when it is dark, an operator must come"),
                "under `integrity` only a power leg or an operator's word stops a dark node",
            );
        }
    }
}

/// A switch that takes longer than the script waits makes no proof.
fn short_of_time(
    cluster: &Cluster,
    package: &Package,
    tree: &Tree,
    program: &Program,
    report: &mut Report<'_>,
) {
    let given = program.ops.iter().filter_map(|op| match op {
        Op::PowerOff { within, .. } => Some(*within),
        _ => None,
    });
    let Some(given) = given.min() else { return };
    for name in &package.nodes {
        let legs = cluster.nodes.get(name).map_or(&[][..], |node| &node.power);
        if let Some(leg) = legs.iter().find(|leg| leg.within > given) {
            report.warning(
                place(tree, &["nodes", name.as_str(), "power"]),
                format!(
                    "a leg may take {} for each order, and the chat script {} gives all of `power off` {}",
                    Span(leg.within), package.script, Span(given)
                ),
                "shorten `within` of the leg, or lengthen that of the script",
            );
        }
    }
}
