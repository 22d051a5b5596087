//! What differs between two configurations of one cluster, in words for a reload. It compares what a
//! task is made of, not texts: a comment in a cluster file, or another order of its keys, is no
//! difference.

use std::collections::{BTreeMap, BTreeSet};

use super::Blueprint;
use crate::machine::setup::{NodeSetup, PackageSetup};

impl Blueprint {
    /// What differs in `new`, one thing an entry; nothing where a task need not be touched.
    pub fn difference(&self, new: &Blueprint) -> Vec<String> {
        let mut found = Vec::new();
        self.nodes_differ(new, &mut found);
        self.packages_differ(new, &mut found);
        if self.setup.witnesses != new.setup.witnesses || self.witnesses != new.witnesses {
            found.push(changed(
                "witnesses",
                &self.setup.witnesses.join(" "),
                &new.setup.witnesses.join(" "),
            ));
        }
        if self.keyboard_idle != new.keyboard_idle {
            found.push("keyboard_idle of clusterd.yaml".to_owned());
        }
        if self.targets != new.targets {
            found.push("targets".to_owned());
        }
        if self.hooks != new.hooks {
            found.push("hooks".to_owned());
        }
        // What no line above names is a difference all the same.
        let same = self.setup == new.setup && self.services == new.services;
        if found.is_empty() && !same {
            found.push("its configuration".to_owned());
        }
        found
    }

    fn nodes_differ(&self, new: &Blueprint, found: &mut Vec<String>) {
        let (before, after) = (self.nodes(), new.nodes());
        for name in names(&before, &after) {
            match (before.get(name), after.get(name)) {
                (None, _) => found.push(format!("node {name} is new")),
                (_, None) => found.push(format!("node {name} is gone")),
                (Some(old), Some(now)) => self.node_differs(new, (name, *old, *now), found),
            }
        }
        let order = |plan: &Blueprint| -> Vec<String> {
            let nodes = plan.setup.nodes.iter();
            nodes.map(|node| node.name.to_string()).collect()
        };
        if found.is_empty() && order(self) != order(new) {
            found.push("the order of its nodes".to_owned());
        }
    }

    fn node_differs(
        &self,
        new: &Blueprint,
        (name, old, now): (&str, usize, usize),
        found: &mut Vec<String>,
    ) {
        let (spec, next) = (&self.consoles[old], &new.consoles[now]);
        if spec.at != next.at {
            let (from, to) = (spec.at.to_string(), next.at.to_string());
            found.push(changed(&format!("console of {name}"), &from, &to));
        } else if self.links[old] != new.links[now] {
            found.push(format!("how the console of {name} is dialled and held"));
        }
        for (differs, key) in [
            (spec.at == next.at && spec.breaks != next.breaks, "break"),
            (spec.discipline != next.discipline, "discipline"),
            (spec.ssh != next.ssh, "ssh"),
        ] {
            if differs {
                found.push(format!("{key} of the console of {name}"));
            }
        }
        if self.legs[old] != new.legs[now] {
            found.push(format!("power of {name}"));
        }
        let (was, is): (&NodeSetup, &NodeSetup) = (&self.setup.nodes[old], &new.setup.nodes[now]);
        for (differs, key) in [
            (was.platform != is.platform, "platform"),
            (was.host_id != is.host_id, "host_id"),
            (was.dark_after != is.dark_after, "dark_after"),
        ] {
            if differs {
                found.push(format!("{key} of {name}"));
            }
        }
    }

    fn packages_differ(&self, new: &Blueprint, found: &mut Vec<String>) {
        let (before, after) = (self.packages(), new.packages());
        for name in names(&before, &after) {
            match (before.get(name), after.get(name)) {
                (None, _) => found.push(format!("package {name} is new")),
                (_, None) => found.push(format!("package {name} is gone")),
                (Some(old), Some(now)) => self.package_differs(new, (old, now), found),
            }
        }
        let services = self.services.iter().map(|(target, _)| target);
        if found.is_empty() && !services.eq(new.services.iter().map(|(target, _)| target)) {
            found.push("how the service is reached".to_owned());
        }
    }

    fn package_differs(
        &self,
        new: &Blueprint,
        (was, is): (&PackageSetup, &PackageSetup),
        found: &mut Vec<String>,
    ) {
        if was.program.name != is.program.name {
            found.push(changed("script", &was.program.name, &is.program.name));
        } else if was.program != is.program {
            found.push(format!("script {} or its params", is.program.name));
        }
        let order = |plan: &Blueprint, package: &PackageSetup| -> Vec<String> {
            let nodes = package.nodes.iter().copied();
            nodes.map(|n| plan.setup.node_name(n).to_owned()).collect()
        };
        if order(self, was) != order(new, is) {
            found.push(changed(
                "nodes",
                &order(self, was).join(" "),
                &order(new, is).join(" "),
            ));
        }
        if was.boot_device != is.boot_device {
            found.push(changed("boot_device", &was.boot_device, &is.boot_device));
        }
        if was.address != is.address {
            found.push(changed("address", &was.address, &is.address));
        }
        for (differs, key) in [
            (was.data_policy != is.data_policy, "data_policy"),
            (was.network_loss != is.network_loss, "network_loss"),
            (was.console_silent != is.console_silent, "console_silent"),
            (was.switches != is.switches, "switches"),
            (was.failures != is.failures, "failures"),
            (was.stop != is.stop, "stop"),
        ] {
            if differs {
                found.push(key.to_owned());
            }
        }
    }

    /// What leads to its machines and its services, and names them: nobody else may have it at the
    /// same time. The same in words.
    pub fn claims(&self) -> BTreeSet<String> {
        let consoles = self.consoles.iter().map(|spec| spec.line());
        let ids = self.setup.nodes.iter().filter_map(|node| {
            let id = node.host_id.as_ref()?;
            Some(format!("Host ID {id}"))
        });
        let addresses = self.setup.packages.iter();
        let addresses = addresses.map(|package| format!("address {}", package.address));
        let consoles = consoles.map(|line| format!("console {line}"));
        consoles.chain(ids).chain(addresses).collect()
    }

    fn nodes(&self) -> BTreeMap<&str, usize> {
        let nodes = self.setup.nodes.iter().enumerate();
        nodes.map(|(n, node)| (node.name.as_str(), n)).collect()
    }

    fn packages(&self) -> BTreeMap<&str, &PackageSetup> {
        let packages = self.setup.packages.iter();
        packages
            .map(|package| (package.name.as_str(), package))
            .collect()
    }
}

fn names<'n, A, B>(
    before: &BTreeMap<&'n str, A>,
    after: &BTreeMap<&'n str, B>,
) -> BTreeSet<&'n str> {
    before.keys().chain(after.keys()).copied().collect()
}

fn changed(what: &str, from: &str, to: &str) -> String {
    let shown = |text: &str| match text {
        "" => "none".to_owned(),
        text => text.to_owned(),
    };
    format!("{what}: {} -> {}", shown(from), shown(to))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::Settings;
    use crate::home::{Home, inspect};
    use crate::matcher::PatternSets;

    const FILE: &str = "cluster: pki\nnodes:\n  \
        ca1: { platform: openboot, console: \"telnet://127.0.0.1:2001\", host_id: 80b1c2d3, dark_after: 1m }\n  \
        ca2: { platform: openboot, console: \"telnet://127.0.0.1:2002\", host_id: 80b1c2d4, dark_after: 1m }\n\
        packages:\n  ca: { script: sun-openboot, nodes: [ca1, ca2], boot_device: disk, address: 192.0.2.10, data_policy: integrity }\n";

    /// The blueprint of a cluster file.
    fn plan(file: &str, settings: &Settings) -> Blueprint {
        let dir = tempfile::tempdir().unwrap();
        let scripts = dir.path().join("chat-scripts/lib");
        std::fs::create_dir_all(&scripts).unwrap();
        std::fs::create_dir(dir.path().join("clist")).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("chat-scripts");
        for script in [
            "sun-openboot.chat",
            "lib/openboot.chat",
            "lib/openbios.chat",
        ] {
            let to = dir.path().join("chat-scripts").join(script);
            std::fs::copy(shipped.join(script), to).unwrap();
        }
        std::fs::write(dir.path().join("clist/pki.yaml"), file).unwrap();
        let found = inspect(&Home::open(dir.path()).unwrap());
        let [cluster] = found.loaded.clusters.as_slice() else {
            panic!("{:?}", found.loaded.faults);
        };
        let programs = &found.programs[&cluster.name];
        // As if all homes were in one place.
        let home = Path::new("/home");
        Blueprint::new(
            cluster,
            programs,
            home,
            settings,
            &mut PatternSets::default(),
        )
        .unwrap()
    }

    #[test]
    fn each_difference_is_named_and_a_comment_is_none() {
        let settings = Settings::default();
        let before = plan(FILE, &settings);
        for (from, to, says) in [
            ("cluster: pki\n", "# a comment\ncluster: pki\n", &[][..]),
            (
                ":2002",
                ":2003",
                &["console of ca2: telnet://127.0.0.1:2002 -> telnet://127.0.0.1:2003"],
            ),
            ("80b1c2d4", "80b1c2d5", &["host_id of ca2"]),
            (
                "dark_after: 1m }\n  ca2",
                "dark_after: 2m }\n  ca2",
                &["dark_after of ca1"],
            ),
            ("[ca1, ca2]", "[ca2, ca1]", &["nodes: ca1 ca2 -> ca2 ca1"]),
            (
                "boot_device: disk",
                "boot_device: disk1",
                &["boot_device: disk -> disk1"],
            ),
            (
                "192.0.2.10",
                "192.0.2.11",
                &["address: 192.0.2.10 -> 192.0.2.11"],
            ),
            (
                "192.0.2.10",
                "192.0.2.10, reach: \"tcp:22\"",
                &["how the service is reached"],
            ),
            ("integrity", "availability", &["data_policy"]),
            (
                "integrity",
                "integrity, params: { ping_every: 4s }",
                &["script sun_openboot or its params"],
            ),
            (
                "  ca: {",
                "  web: {",
                &["package ca is gone", "package web is new"],
            ),
            (
                "packages:",
                "witnesses: { service: [192.0.2.1] }\npackages:",
                &["witnesses: none -> 192.0.2.1"],
            ),
        ] {
            assert!(FILE.contains(from), "{from}");
            let after = plan(&FILE.replace(from, to), &settings);
            assert_eq!(before.difference(&after), says, "{from} -> {to}");
        }
    }

    #[test]
    fn what_the_host_says_of_consoles_is_a_difference_too() {
        let mut settings = Settings::default();
        let before = plan(FILE, &settings);
        settings.console.lost_after = Duration::from_secs(99);
        settings.keyboard_idle = Duration::from_secs(99);
        settings.journal.most = 9;
        assert_eq!(
            before.difference(&plan(FILE, &settings)),
            [
                "how the console of ca1 is dialled and held",
                "how the console of ca2 is dialled and held",
                "keyboard_idle of clusterd.yaml"
            ]
        );
    }

    #[test]
    fn claims_are_what_two_clusters_cannot_share() {
        let claims = plan(FILE, &Settings::default()).claims();
        let claims: Vec<&str> = claims.iter().map(String::as_str).collect();
        assert_eq!(
            claims,
            [
                "Host ID 80b1c2d3",
                "Host ID 80b1c2d4",
                "address 192.0.2.10",
                "console tcp 127.0.0.1:2001",
                "console tcp 127.0.0.1:2002",
            ]
        );
    }
}
