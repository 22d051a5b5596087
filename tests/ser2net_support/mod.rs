//! A ser2net of the tests' own, which many sites put before their serial ports.

use std::net::SocketAddr;
use std::process::{Child, Command};

use tokio::net::TcpListener;

/// A ser2net with one port before a connector; it ends with its owner.
pub struct Ser2net {
    pub child: Child,
    pub port: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Ser2net {
    /// Started, not up yet. `accepter` says what its port speaks: `telnet`, `telnet(rfc2217)`.
    pub async fn with(accepter: &str, connector: &str) -> Ser2net {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap();
        drop(free);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ser2net.yaml");
        let lines = [
            "%YAML 1.1".to_owned(),
            "---".to_owned(),
            "connection: &console".to_owned(),
            format!("  accepter: {accepter},tcp,127.0.0.1,{}", port.port()),
            format!("  connector: {connector}"),
        ];
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
        let mut command = Command::new("ser2net");
        command.args(["-n", "-u", "-c"]).arg(&file);
        let child = command.spawn().expect("ser2net is installed");
        Ser2net {
            child,
            port,
            _dir: dir,
        }
    }
}

impl Drop for Ser2net {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
