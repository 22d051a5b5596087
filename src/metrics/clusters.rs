//! What is told of clusters, packages, nodes and consoles.

use std::collections::BTreeMap;

use super::Seen;
use super::family::{Family, number};
use crate::alarm::HOST;
use crate::cluster::{Counts, NodeCounts, PackageCounts};
use crate::control::{ClusterReport, ConsoleReport, Standing, StandingWord as Word};
use crate::machine::snapshot::{NodeSnapshot, PackageSnapshot, Snapshot};
use crate::script::program::Severity;

/// All of them.
pub(super) fn families(seen: &Seen) -> Vec<Family> {
    let clusters = &seen.report.clusters;
    let mut all = of_clusters(clusters);
    all.push(alarms(seen));
    all.extend(of_packages(clusters, &seen.counts));
    all.extend(of_nodes(clusters, &seen.counts));
    all.extend(of_consoles(clusters));
    all.push(hooks(clusters, &seen.counts));
    all
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn guarded(clusters: &[ClusterReport]) -> impl Iterator<Item = (&str, &Snapshot)> {
    let known = clusters.iter();
    known.filter_map(|cluster| Some((cluster.cluster.as_str(), cluster.snapshot.as_ref()?)))
}

fn of_clusters(clusters: &[ClusterReport]) -> Vec<Family> {
    let mut guards = Family::gauge(
        "clusterd_cluster_guarded",
        "1 while the cluster is guarded; 0: its file is wrong, or its task does not answer.",
    );
    let mut impaired = Family::gauge(
        "clusterd_cluster_impaired",
        "1 while the monitor doubts itself and holds this cluster's takeovers.",
    );
    let mut standing = Family::gauge(
        "clusterd_cluster_standing",
        "1 for the word that status has for the cluster, 0 for the others.",
    );
    for cluster in clusters {
        let word = Standing::of(cluster).word;
        for other in Word::ALL {
            let name = other.to_string().to_lowercase().replace(' ', "_");
            let labels = [
                ("cluster", cluster.cluster.as_str()),
                ("standing", name.as_str()),
            ];
            standing.put(&labels, truth(other == word));
        }
        let labels = [("cluster", cluster.cluster.as_str())];
        guards.put(&labels, truth(cluster.not_guarded.is_none()));
    }
    for (cluster, snapshot) in guarded(clusters) {
        impaired.put(&[("cluster", cluster)], truth(snapshot.impaired.is_some()));
    }
    vec![guards, standing, impaired]
}

/// Open alarms by cluster and severity, those of none too: a rule on a series that is not there says nothing.
fn alarms(seen: &Seen) -> Family {
    let mut family = Family::gauge(
        "clusterd_alarms_open",
        "Open alarms, by how urgent they are and whether somebody takes care of them.",
    );
    let words = [
        (Severity::Warning, "warning"),
        (Severity::Critical, "critical"),
    ];
    let names = seen.report.clusters.iter();
    let names = names.map(|cluster| cluster.cluster.as_str());
    for name in std::iter::once(HOST).chain(names) {
        let whose = if name == HOST { "" } else { name };
        for (severity, word) in words {
            for (acknowledged, said) in [(false, "no"), (true, "yes")] {
                let open = seen.report.alarms.iter().filter(|alarm| {
                    alarm.cluster == whose
                        && alarm.severity == severity
                        && alarm.acknowledged.is_some() == acknowledged
                });
                let labels = [
                    ("cluster", name),
                    ("severity", word),
                    ("acknowledged", said),
                ];
                family.put(&labels, number(open.count() as u64));
            }
        }
    }
    family
}

fn of_packages(clusters: &[ClusterReport], counts: &BTreeMap<String, Counts>) -> Vec<Family> {
    let mut up = Family::gauge(
        "clusterd_package_up",
        "1 while a node is seen to have the package and the service address answers.",
    );
    let mut hold = Family::gauge(
        "clusterd_package_hold",
        "1 while nothing goes on by itself and an operator must help.",
    );
    let mut state = Family::gauge(
        "clusterd_package_state_info",
        "The state of the package's chat script, as a label; always 1.",
    );
    let mut age = Family::gauge(
        "clusterd_package_state_age_seconds",
        "How long the script has been in its state.",
    );
    let mut switchovers = Family::counter(
        "clusterd_switchovers_total",
        "How often the package came up on another node than before.",
    );
    let mut boots = Family::counter(
        "clusterd_boots_total",
        "Boots of the package, by how they ended.",
    );
    let mut asked = Family::counter(
        "clusterd_address_probes_total",
        "How often the service address was asked.",
    );
    let mut lost = Family::counter(
        "clusterd_address_probes_lost_total",
        "How often it did not answer.",
    );
    let nothing = PackageCounts::default();
    for (cluster, snapshot) in guarded(clusters) {
        for package in &snapshot.packages {
            let labels = [("cluster", cluster), ("package", &package.package)];
            let count = counts.get(cluster);
            let count = count.and_then(|counts| counts.packages.get(&package.package));
            let count = count.unwrap_or(&nothing);
            up.put(&labels, truth(is_up(package)));
            hold.put(&labels, truth(package.hold.is_some()));
            age.put(&labels, number(package.state_age_ms) / 1000.0);
            let [of, named] = labels;
            state.put(&[of, named, ("state", &package.state)], 1.0);
            switchovers.put(&labels, number(count.switchovers));
            boots.put(&[of, named, ("result", "done")], number(count.boots_done));
            boots.put(
                &[of, named, ("result", "failed")],
                number(count.boots_failed),
            );
            asked.put(&labels, number(count.asked));
            lost.put(&labels, number(count.unanswered));
        }
    }
    vec![up, hold, state, age, switchovers, boots, asked, lost]
}

fn is_up(package: &PackageSnapshot) -> bool {
    package.primary.is_some() && package.confirmed && package.address_misses == 0
}

fn of_nodes(clusters: &[ClusterReport], counts: &BTreeMap<String, Counts>) -> Vec<Family> {
    let mut primary = Family::gauge(
        "clusterd_node_primary",
        "1 for the node that has the package.",
    );
    let mut ready = Family::gauge(
        "clusterd_node_standby_ready",
        "1 while the node could take over: it is no primary, its console is connected, it stands at its prompt.",
    );
    let mut guard = Family::gauge(
        "clusterd_node_guard_known",
        "1 while the parameters that keep the node at its prompt are known to hold; 0: no takeover after a power loss.",
    );
    let mut siege = Family::gauge(
        "clusterd_node_besieged",
        "1 while the node is under siege: taken for stopped without its own word.",
    );
    let mut out = Family::gauge(
        "clusterd_node_out_of_service",
        "1 while the node counts as stopped on a person's word alone; no node takes over for it.",
    );
    let mut fences = Family::counter(
        "clusterd_fences_total",
        "Ways to stop the node that were gone, by whether they ended with a proof.",
    );
    let mut breaks = Family::counter("clusterd_breaks_total", "BREAKs sent to the node.");
    let nothing = NodeCounts::default();
    for (cluster, snapshot) in guarded(clusters) {
        for node in &snapshot.nodes {
            let labels = [("cluster", cluster), ("node", node.node.as_str())];
            let count = counts.get(cluster);
            let count = count.and_then(|counts| counts.nodes.get(&node.node));
            let count = count.unwrap_or(&nothing);
            let has = has_package(node, snapshot);
            primary.put(&labels, truth(has));
            let stands = node.link == "connected" && node.condition == "prompt";
            ready.put(&labels, truth(stands && !has));
            guard.put(&labels, truth(node.guard_read));
            siege.put(&labels, truth(node.siege));
            let counts = node.out_of_service.as_ref().filter(|out| !out.over);
            out.put(&labels, truth(counts.is_some()));
            let [of, named] = labels;
            fences.put(&[of, named, ("result", "proved")], number(count.proved));
            fences.put(
                &[of, named, ("result", "failed")],
                number(count.fence_failed),
            );
            breaks.put(&labels, number(count.breaks));
        }
    }
    vec![primary, ready, guard, siege, out, fences, breaks]
}

fn has_package(node: &NodeSnapshot, snapshot: &Snapshot) -> bool {
    let mut packages = snapshot.packages.iter();
    packages.any(|package| package.primary.as_ref() == Some(&node.node))
}

fn hooks(clusters: &[ClusterReport], counts: &BTreeMap<String, Counts>) -> Family {
    let mut runs = Family::counter(
        "clusterd_hook_runs_total",
        "Runs of hooks, by what they run on and how they ended.",
    );
    for cluster in clusters {
        let Some(counts) = counts.get(&cluster.cluster) else {
            continue;
        };
        for (event, (done, failed)) in counts.hooks.iter() {
            for (result, count) in [("done", done), ("failed", failed)] {
                let labels = [
                    ("cluster", cluster.cluster.as_str()),
                    ("event", event),
                    ("result", result),
                ];
                runs.put(&labels, number(*count));
            }
        }
    }
    runs
}

fn of_consoles(clusters: &[ClusterReport]) -> Vec<Family> {
    let mut up = Family::gauge(
        "clusterd_console_up",
        "1 while the node's console is connected.",
    );
    let mut again = Family::counter(
        "clusterd_console_reconnects_total",
        "How often the console was connected again.",
    );
    let mut bytes = Family::counter(
        "clusterd_console_received_bytes_total",
        "Bytes that the console has said.",
    );
    let mut dropped = Family::counter(
        "clusterd_console_dropped_bytes_total",
        "Bytes of the console's output that came too fast and were dropped.",
    );
    for cluster in clusters {
        for console in &cluster.consoles {
            let ConsoleReport {
                node,
                connections,
                received,
                lost,
                ..
            } = console;
            let labels = [("cluster", cluster.cluster.as_str()), ("node", node)];
            up.put(&labels, truth(console.up));
            again.put(&labels, number(connections.saturating_sub(1)));
            bytes.put(&labels, number(*received));
            dropped.put(&labels, number(*lost));
        }
    }
    vec![up, again, bytes, dropped]
}
