//! What a console behind SSH needs of this machine: files that hold secrets, which nobody else
//! may read, and the file of the servers' keys.

use std::fs;

use super::Home;
use crate::config::console::SshLogin;
use crate::config::{Address, Cluster, Fault, Loaded, Node, Weight};
use crate::console::check_key;
use crate::secret::{self, Secret};

/// What is wrong with them.
pub(super) fn faults(
    cluster: &Cluster,
    name: &str,
    node: &Node,
    home: &Home,
    loaded: &Loaded,
) -> Vec<Fault> {
    let Address::Ssh { host, port, .. } = &node.console.at else {
        return Vec::new();
    };
    let Some(login) = &node.console.ssh else {
        return Vec::new();
    };
    let at = |key: &str, message: String, help: &str| {
        let path = ["nodes", name, "console", "ssh", key];
        loaded.error_at(&cluster.file, &path, message, help)
    };
    let mut faults = Vec::new();
    if let Some(key) = &login.key {
        let path = secret::place(home.dir(), key);
        let shown = path.display();
        match Secret::read(&path) {
            Err(fault) => {
                faults.push(at(
                    "key",
                    format!("the key {shown}: {fault}"),
                    &fault.help(&path),
                ));
            }
            Ok(_) => faults.extend(check_key(&path).err().map(|why| {
                let help = "ssh-keygen -t ed25519 -N '' -f FILE makes one that does";
                at("key", format!("the key {shown}: {why}"), help)
            })),
        }
    }
    if let Some(file) = &login.password_file {
        let path = secret::place(home.dir(), file);
        let read = Secret::read(&path).and_then(|secret| secret.line().map(drop));
        faults.extend(read.err().map(|fault| {
            let message = format!("the password in {}: {fault}", path.display());
            at("password_file", message, &fault.help(&path))
        }));
    }
    faults.extend(
        no_known_hosts(login, home, host, *port).map(|(message, help)| Fault {
            weight: Weight::Warning,
            ..at("known_hosts", message, &help)
        }),
    );
    faults
}

/// Without that file every server is refused, where new ones are not believed.
fn no_known_hosts(
    login: &SshLogin,
    home: &Home,
    host: &str,
    port: u16,
) -> Option<(String, String)> {
    let path = home.path(&login.known_hosts);
    if login.accept_new || fs::metadata(&path).is_ok_and(|meta| meta.is_file()) {
        return None;
    }
    let shown = path.display();
    let message =
        format!("there is no file {shown}: the server's key is unknown, and it is refused");
    let help = format!(
        "ssh-keyscan -p {port} {host} >> {shown}, and compare ssh-keygen -lf {shown} with what the server's own console says"
    );
    Some((message, help))
}
