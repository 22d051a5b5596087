//! A cluster file and its compiled scripts -> what a machine is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hooks;
use crate::config::{self, Cluster, Hook, May, Package, Point};
use crate::machine::setup::{
    Cap, DataPolicy, GateHook, Gated, HookMay, LegPolicy, NodeSetup, PackageSetup, Setup,
};
use crate::name::{NodeName, PackageName};
use crate::script::program::Program;

/// The setup of `cluster`. Packages without a program are left out.
pub(super) fn setup(cluster: &Cluster, programs: &BTreeMap<PackageName, Arc<Program>>) -> Setup {
    let names: Vec<&NodeName> = cluster.nodes.keys().collect();
    let nodes: Vec<NodeSetup> = cluster
        .nodes
        .iter()
        .map(|(name, node)| NodeSetup {
            name: name.clone(),
            platform: node.platform.clone(),
            host_id: node.host_id.map(|id| id.to_string()),
            dark_after: node.dark_after,
            power_legs: node.power.len(),
            server: node.console.at.server(),
            echo: node.console.discipline.echo,
        })
        .collect();
    let packages: Vec<PackageSetup> = cluster
        .packages
        .iter()
        .filter_map(|(name, package)| {
            let program = programs.get(name)?;
            let gates = gates(hooks::all(cluster, package));
            let setup = package_setup(name, package, Arc::clone(program), &names);
            Some(PackageSetup { gates, ..setup })
        })
        .collect();
    Setup {
        cluster: cluster.name.clone(),
        nodes: exactly(nodes),
        packages: exactly(packages),
        witnesses: cluster
            .witnesses
            .iter()
            .map(|witness| witness.address.to_string())
            .collect(),
    }
}

/// In no more room than it needs: it stays for as long as the daemon runs.
pub(super) fn exactly<T>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.shrink_to_fit();
    items
}

fn package_setup(
    name: &PackageName,
    package: &Package,
    program: Arc<Program>,
    names: &[&NodeName],
) -> PackageSetup {
    PackageSetup {
        name: name.clone(),
        program,
        nodes: exactly(
            package
                .nodes
                .iter()
                .filter_map(|node| names.iter().position(|name| *name == node)),
        ),
        boot_device: package.boot_device.clone(),
        address: package.address.to_string(),
        data_policy: match package.data_policy {
            config::DataPolicy::Integrity => DataPolicy::Integrity,
            config::DataPolicy::Adaptability => DataPolicy::Adaptability,
            config::DataPolicy::Availability => DataPolicy::Availability,
        },
        network_loss: leg(package.network_loss),
        console_silent: leg(package.console_silent),
        switches: cap(package.switches),
        failures: cap(package.failures),
        stop: package.stop.clone(),
        gates: Vec::new(),
    }
}

/// The hooks that may hold something up, by their places among all.
fn gates<'h>(hooks: impl Iterator<Item = &'h Hook>) -> Vec<GateHook> {
    let gate = |(hook, meant): (usize, &Hook)| {
        let before = match meant.on {
            Point::BeforeBoot => Gated::Boot,
            Point::BeforeSwitchover => Gated::Switchover,
            // `check` lets none of these hold up anything.
            _ => return None,
        };
        let may = match meant.may {
            May::Nothing => return None,
            May::Delay => HookMay::Delay,
            May::Veto => HookMay::Veto,
        };
        let within = meant.longest();
        Some(GateHook {
            hook,
            before,
            may,
            within,
        })
    };
    exactly(hooks.enumerate().filter_map(gate))
}

fn leg(silence: config::Silence) -> LegPolicy {
    match silence {
        config::Silence::Alarm => LegPolicy::Alarm,
        config::Silence::SwitchAfter(span) => LegPolicy::SwitchAfter(span),
    }
}

fn cap(cap: config::Cap) -> Cap {
    Cap {
        max: cap.max,
        within: cap.within,
    }
}
