//! The keys of a package.

use std::collections::BTreeMap;

use super::hooks;
use super::{FAILURES, PLANNED_GRACE, SWITCHES};
use crate::config::across::{Claim, Claims};
use crate::config::cluster::{Cap, DataPolicy, Package, Reach, Silence, Targets};
use crate::config::fields::{Fields, Mend, Report, entries, items, scalar};
use crate::config::value;
use crate::config::yaml::Tree;
use crate::name::{NodeName, PackageName};

/// A package as far as it could be read, with the places that later checks point at.
pub struct PackageRead<'t> {
    /// Its name.
    pub name: PackageName,
    /// The names of its nodes, each where it stands.
    pub nodes: Vec<(NodeName, &'t Tree)>,
    /// The keys whose value wants a witness to answer.
    pub switches_on_silence: Vec<(&'static str, &'t Tree)>,
    /// The service address.
    pub address: Option<&'t Tree>,
    /// The data policy.
    pub policy: Option<(DataPolicy, &'t Tree)>,
    /// The package, if nothing that it needs is missing or faulty.
    pub package: Option<Package>,
}

/// Reads all packages of a cluster.
pub fn packages<'t>(
    tree: &'t Tree,
    owner: &str,
    report: &mut Report<'_>,
    claims: &mut Claims,
) -> Option<Vec<PackageRead<'t>>> {
    let mut packages = Vec::new();
    for (name, key, tree) in entries(tree, "`packages`", report)? {
        let name = match PackageName::new(name) {
            Ok(name) => name,
            Err(bad) => {
                let mend = Mend::from(bad);
                report.error(key, mend.message, mend.help);
                continue;
            }
        };
        if packages.len() == 1 {
            let message = "this version guards one package a cluster";
            report.error(key, message, "give each package a cluster file of its own");
        }
        packages.extend(package(name, (key, tree), owner, report, claims));
    }
    if packages.is_empty() && !report.has_errors() {
        report.error(
            tree,
            "a cluster without a package",
            "write one under `packages:`",
        );
    }
    Some(packages)
}

fn package<'t>(
    name: PackageName,
    (key, tree): (&'t Tree, &'t Tree),
    owner: &str,
    report: &mut Report<'_>,
    claims: &mut Claims,
) -> Option<PackageRead<'t>> {
    let mut fields = Fields::open(tree, "a package", report)?.under(key);
    let script = fields.needed(
        "script",
        "name the chat script: `script: sun-openboot`",
        report,
        value::plain_name,
    );
    let nodes = fields
        .need(
            "nodes",
            "name its nodes, the first primary first: `nodes: [a, b]`",
            report,
        )
        .map(|tree| package_nodes(tree, report))
        .unwrap_or_default();
    let boot_device = fields.needed(
        "boot_device",
        "write what is typed after `boot`: `boot_device: disk`",
        report,
        value::boot_device,
    );
    let address = fields.needed(
        "address",
        "write the service address: `address: 192.0.2.10`",
        report,
        value::address,
    );
    let address_at = fields.get("address");
    if let (Some(address), Some(at)) = (address, address_at) {
        claims.add(
            Claim::Address(address.to_string()),
            at,
            &format!("{owner}/{name}"),
        );
    }
    let reach = fields.maybe("reach", report, value::reach);
    let data_policy = fields.needed(
        "data_policy",
        &value::choose_policy(),
        report,
        value::data_policy,
    );
    let policy = data_policy.zip(fields.get("data_policy"));
    let mut switches_on_silence = Vec::new();
    let mut silence = |key, report: &mut Report<'_>| {
        let silence = fields.maybe(key, report, value::silence);
        if let Some(Silence::SwitchAfter(_)) = silence {
            switches_on_silence.extend(fields.get(key).map(|at| (key, at)));
        }
        silence.unwrap_or(Silence::Alarm)
    };
    let network_loss = silence("network_loss", report);
    let console_silent = silence("console_silent", report);
    let mut cap_of = |key, default| fields.get(key).map(|tree| cap(tree, default, report));
    let failures = cap_of("failures", FAILURES);
    let switches = cap_of("switches", SWITCHES);
    let planned_grace = fields.maybe("planned_grace", report, value::span);
    let stop = fields.get("stop").and_then(|tree| stop(tree, report));
    let targets = fields.get("targets").map(|tree| targets(tree, report));
    let hooks = hooks::of(&mut fields, report);
    let params = fields.get("params").map(|tree| params(tree, report));
    fields.close(report);

    let package = script.zip(boot_device).zip(address).zip(data_policy).map(
        |(((script, boot_device), address), data_policy)| Package {
            script,
            nodes: nodes.iter().map(|(name, _)| name.clone()).collect(),
            boot_device,
            address,
            reach: reach.unwrap_or(Reach::Ping),
            data_policy,
            network_loss,
            console_silent,
            failures: failures.unwrap_or(FAILURES),
            switches: switches.unwrap_or(SWITCHES),
            planned_grace: planned_grace.unwrap_or(PLANNED_GRACE),
            stop,
            targets: targets.unwrap_or_default(),
            hooks,
            params: params.unwrap_or_default(),
        },
    );
    Some(PackageRead {
        name,
        nodes,
        switches_on_silence,
        address: address_at,
        policy,
        package,
    })
}

fn package_nodes<'t>(tree: &'t Tree, report: &mut Report<'_>) -> Vec<(NodeName, &'t Tree)> {
    let Some(items) = items(tree, "nodes", report) else {
        return Vec::new();
    };
    if items.len() != 2 {
        let message = format!(
            "this version runs a package on exactly two nodes, not {}",
            items.len()
        );
        report.error(
            tree,
            message,
            "name the first primary first: `nodes: [a, b]`",
        );
    }
    let mut nodes: Vec<(NodeName, &Tree)> = Vec::new();
    for item in items {
        let name = scalar(item, "nodes", report, |text| {
            NodeName::new(text).map_err(Mend::from)
        });
        let Some(name) = name else { continue };
        if nodes.iter().any(|(other, _)| *other == name) {
            report.error(item, format!("node {name} is named twice"), "");
        }
        nodes.push((name, item));
    }
    nodes
}

fn stop(tree: &Tree, report: &mut Report<'_>) -> Option<Vec<String>> {
    super::power::argv(tree, "stop", report)
}

fn cap(tree: &Tree, default: Cap, report: &mut Report<'_>) -> Cap {
    let Some(mut fields) = Fields::open(tree, "a cap", report) else {
        return default;
    };
    let max = fields.maybe("max", report, |text| value::count(text, 1000));
    let within = fields.maybe("within", report, value::span);
    fields.close(report);
    Cap {
        max: max.unwrap_or(default.max),
        within: within.unwrap_or(default.within),
    }
}

fn targets(tree: &Tree, report: &mut Report<'_>) -> Targets {
    let mut targets = Targets::default();
    let Some(mut fields) = Fields::open(tree, "`targets`", report) else {
        return targets;
    };
    for (key, place) in [
        ("takeover", &mut targets.takeover),
        ("fence", &mut targets.fence),
        ("boot", &mut targets.boot),
    ] {
        *place = fields.maybe(key, report, value::span);
    }
    fields.close(report);
    targets
}

fn params(tree: &Tree, report: &mut Report<'_>) -> BTreeMap<String, String> {
    entries(tree, "`params`", report)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, _, tree)| {
            let value = scalar(tree, name, report, |text| Ok(text.to_owned()))?;
            Some((name.to_owned(), value))
        })
        .collect()
}
