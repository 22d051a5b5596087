//! A home directory that guards simulated nodes: for `demo` and `sim serve --write-home`. The
//! shipped chat scripts are part of the program, so it works from any directory.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::shipped::{self, SCRIPTS};

/// The cluster of the demonstration.
const TEMPLATE: &str = include_str!("../../clist/demo.yaml.template");
/// Behind this line stands the block of one node.
const NODES: &str = "nodes:\n";

/// A cluster of simulated nodes.
#[derive(Debug)]
pub(super) struct SimCluster {
    /// The cluster's name.
    pub name: &'static str,
    /// Name, Host ID and console of each node.
    pub nodes: Vec<(String, u32, SocketAddr)>,
    /// The platform of all nodes.
    pub platform: &'static str,
    /// The chat script.
    pub script: &'static str,
    /// How a BREAK is sent, where a telnet BREAK does nothing: `break` of a console.
    pub break_by: Option<&'static str>,
    /// Where the service answers.
    pub service: SocketAddr,
    /// The script's parameters.
    pub params: &'static [(&'static str, &'static str)],
}

/// Writes the home at `dir`; files that stand there are not touched.
///
/// # Errors
/// A file cannot be written, or stands there already.
pub(super) fn write(dir: &Path, cluster: &SimCluster) -> io::Result<()> {
    let clist = format!("clist/{}.yaml", cluster.name);
    for (path, text) in SCRIPTS {
        shipped::write(dir, path, text)?;
    }
    shipped::write(dir, &clist, &cluster_file(cluster))
}

/// The cluster file, from the project's own `clist/demo.yaml.template`.
fn cluster_file(cluster: &SimCluster) -> String {
    let (head, rest) = TEMPLATE.split_once(NODES).unwrap_or((TEMPLATE, ""));
    let (node, package) = rest.split_once("\npackages:").unwrap_or((rest, ""));
    let each = |(name, host_id, console): &(String, u32, SocketAddr)| {
        let console = match cluster.break_by {
            Some(kind) => format!("{{ at: \"telnet://{console}\", break: '{kind}' }}"),
            None => format!("telnet://{console}"),
        };
        node.replace("{node}", name)
            .replace("{platform}", cluster.platform)
            .replace("{console}", &console)
            .replace("{host_id}", &format!("{host_id:08x}"))
    };
    let nodes: String = cluster.nodes.iter().map(each).collect();
    let names: Vec<&str> = cluster
        .nodes
        .iter()
        .map(|(name, ..)| name.as_str())
        .collect();
    let params: Vec<String> = cluster
        .params
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let package = package
        .replace("{script}", cluster.script)
        .replace("{nodes}", &names.join(", "))
        .replace("{address}", &cluster.service.ip().to_string())
        .replace("{port}", &cluster.service.port().to_string())
        .replace("{params}", &params.join(", "));
    let head = head.replace("{cluster}", cluster.name);
    format!("{head}{NODES}{nodes}\npackages:{package}")
}
