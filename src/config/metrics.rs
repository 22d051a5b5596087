//! Where the metrics can be fetched: `metrics:` in `clusterd.yaml`.

use core::net::SocketAddr;

use super::fault::shown;
use super::fields::{Fields, Mend, Report};
use super::yaml::Tree;

/// The endpoint of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// The address that it listens at. Beyond loopback only where the file says so in so many words.
    pub listen: SocketAddr,
}

/// Reads `metrics:`; nothing listens where anything in it is faulty.
pub fn metrics(tree: &Tree, report: &mut Report<'_>) -> Option<Metrics> {
    let mut fields = Fields::open(tree, "`metrics`", report)?;
    let listen = fields.needed(
        "listen",
        "write `listen: \"127.0.0.1:9464\"`",
        report,
        address,
    );
    let at = fields.get("listen");
    let open = fields.maybe("beyond_loopback", report, |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Mend::new(
            format!("{} is neither true nor false", shown(text)),
            "write `true` or `false`",
        )),
    });
    fields.close(report);
    let listen = listen?;
    if listen.ip().is_loopback() || open == Some(true) {
        return Some(Metrics { listen });
    }
    let message = format!(
        "{listen} is no loopback address: whoever reaches this host would read the names and the state of \
         all clusters, and nobody is asked who they are"
    );
    let help = "write a loopback address, \"127.0.0.1:9464\", and let Prometheus or a reverse proxy run on this \
                host; or add `beyond_loopback: true` and keep the port behind a firewall";
    report.error(at.unwrap_or(tree), message, help);
    None
}

fn address(text: &str) -> Result<SocketAddr, Mend> {
    text.parse().map_err(|_| {
        Mend::new(
            format!("{} is no address to listen at", shown(text)),
            "write an IP address and a port: \"127.0.0.1:9464\" or \"[::1]:9464\"",
        )
    })
}
