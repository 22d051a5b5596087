//! The roads on which alarms leave the monitoring host: `routes:` and `heartbeat:` in
//! `clusterd.yaml`, as meant.

mod read;
mod template;
mod transport;

use std::time::Duration;

use crate::script::program::Severity;

pub use template::{PLACEHOLDERS, Template};

pub use transport::check_url;

pub(super) use read::{heartbeat, routes};
pub(in crate::config) use transport::argv;

/// One road: which alarms take it, and how they travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name, as `clusterd alarms test NAME` has it.
    pub name: String,
    /// How messages travel.
    pub by: Transport,
    /// Alarms of this severity and worse.
    pub severity: Severity,
    /// Of these clusters; none: of all. The host's own alarms take every route.
    pub clusters: Vec<Glob>,
    /// An open alarm that nobody acknowledged is said again after so long; none: it is not.
    pub repeat: Option<Duration>,
    /// An alarm's end is told when it has been over for so long.
    pub calm: Duration,
    /// How long one try may take.
    pub timeout: Duration,
    /// The pause after a first failure; doubled with each further one, up to [`Route::pause_max`].
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// A message older than this is given up.
    pub give_up: Duration,
    /// A route that fails for so long is an alarm on the others.
    pub alarm_after: Duration,
}

impl Route {
    /// Whether alarms of this severity and cluster take it. The host's own have no cluster.
    pub fn wants(&self, severity: Severity, cluster: &str) -> bool {
        let named = self.clusters.is_empty() || cluster.is_empty();
        severity >= self.severity && (named || self.clusters.iter().any(|glob| glob.fits(cluster)))
    }
}

/// How messages travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// To a mail server.
    Mail(Mail),
    /// To an HTTP server.
    Webhook(Webhook),
    /// To a syslog daemon.
    Syslog(Syslog),
    /// To systemd's journal.
    Journald {
        /// Its socket.
        socket: String,
    },
    /// To a command of the operator's: the first word is the program, no shell reads them.
    Exec(Vec<String>),
}

impl Transport {
    /// The key it is written under.
    pub fn word(&self) -> &'static str {
        match self {
            Transport::Mail(_) => "mail",
            Transport::Webhook(_) => "webhook",
            Transport::Syslog(_) => "syslog",
            Transport::Journald { .. } => "journald",
            Transport::Exec(_) => "exec",
        }
    }
}

/// A mail server, and who writes to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its name or address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// The sender's address.
    pub from: String,
    /// The receivers' addresses.
    pub to: Vec<String>,
    /// Who logs in.
    pub user: Option<String>,
    /// The file of the password, as a path from the home directory.
    pub password_file: Option<String>,
    /// A certificate (PEM) that is believed besides those of the system.
    pub ca_file: Option<String>,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// Asked for on a plain connection, and required (RFC 3207).
    Starttls,
    /// From the first byte (RFC 8314).
    Tls,
}

/// An HTTP server and what is sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where.
    pub url: Url,
    /// Headers besides `Content-Type: application/json`.
    pub headers: Vec<(String, String)>,
    /// Headers that are secret: the file of each, as a path from the home directory.
    pub secret_headers: Vec<(String, String)>,
    /// What is sent; none: the message as it is.
    pub template: Option<Template>,
    /// A certificate (PEM) that is believed besides those of the system.
    pub ca_file: Option<String>,
}

/// An address that begins with `http://` or `https://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Url {
    /// As written.
    Plain(String),
    /// It is a secret: the file that holds it, as a path from the home directory.
    File(String),
}

/// A syslog daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// Where it listens.
    pub to: SyslogAt,
    /// The facility's number (RFC 5424, table 1).
    pub facility: u8,
}

/// Where a syslog daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAt {
    /// On a unix socket, as syslog(3) writes to it.
    Local(String),
    /// On UDP: RFC 5424 in RFC 5426.
    Udp(String, u16),
    /// On TCP: RFC 5424 with octets counted, RFC 6587.
    Tcp(String, u16),
}

/// A sign of life to an outside address: when it stays away, somebody there says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Where it goes.
    pub by: Pulse,
    /// How often.
    pub every: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// When none was taken for so long, that is an alarm.
    pub alarm_after: Duration,
    /// A certificate (PEM) that is believed besides those of the system.
    pub ca_file: Option<String>,
}

/// How a sign of life travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// As an HTTP request; with a body (POST) or without (GET).
    Http {
        /// Where.
        url: Url,
        /// Whether it is a POST that says how many clusters are guarded.
        post: bool,
    },
    /// To a command of the operator's.
    Exec(Vec<String>),
}

/// Cluster names with `*` for any part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Takes a pattern.
    pub fn new(pattern: &str) -> Glob {
        Glob(pattern.to_owned())
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The name, if it is one, without any `*`.
    pub fn plain(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(self.0.as_str())
    }

    /// Whether it means this cluster.
    pub fn fits(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or("");
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let pieces: Vec<&str> = pieces.collect();
        let Some((last, middle)) = pieces.split_last() else {
            return rest.is_empty();
        };
        for piece in middle {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        for (pattern, name, fits) in [
            ("pki-ca", "pki-ca", true),
            ("pki-ca", "pki-ca2", false),
            ("pki-*", "pki-", true),
            ("pki-*", "web", false),
            ("*", "x", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*-prod-*1", "x-prod-11", true),
            ("*b*b", "b", false),
        ] {
            assert_eq!(Glob::new(pattern).fits(name), fits, "{pattern} {name}");
        }
    }
}
