//! Where a console is, as operators write it in a cluster file.

use core::net::Ipv6Addr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::serial::{LineSettings, settings_of};

/// The address of a console: `telnet://ts1:2001`, `serial:/dev/ttyS1?speed=9600`, `exec:virsh console ca1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A port that speaks telnet; BREAK is `IAC BRK`.
    Telnet {
        /// Name or address of the terminal server, without brackets.
        host: String,
        /// TCP port, not 0.
        port: u16,
    },
    /// A port that carries bare bytes; it has no BREAK of its own.
    Tcp {
        /// Name or address of the terminal server, without brackets.
        host: String,
        /// TCP port, not 0.
        port: u16,
    },
    /// A stream socket of this machine that carries bare bytes; it has no BREAK of its own.
    Unix(PathBuf),
    /// A serial line behind telnet with the com port option (RFC 2217).
    Rfc2217 {
        /// Name or address of the terminal server, without brackets.
        host: String,
        /// TCP port, not 0.
        port: u16,
        /// How the far line is to be set.
        line: LineSettings,
    },
    /// A serial port of this machine.
    Serial {
        /// The device; a name under `/dev/serial/by-id` stays with its adapter.
        device: PathBuf,
        /// How the line is to be set.
        line: LineSettings,
    },
    /// An SSH server (RFC 4254): its shell, or a command there, is the console.
    Ssh {
        /// Whom to log in as.
        user: String,
        /// Name or address of the server, without brackets.
        host: String,
        /// TCP port, not 0.
        port: u16,
    },
    /// A command of this machine, run on a terminal of its own; its output is the console.
    Exec(Vec<String>),
}

/// The schemes, as they are told where one is wrong.
const SCHEMES: &str = "telnet://, tcp://, rfc2217://, ssh://, serial:, unix: or exec:";

/// SSH's port where none is written.
const SSH_PORT: u16 = 22;

/// Why a console's address was refused, and what would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// There is nothing before the first colon that says what the address is.
    #[error(
        "console address {0:?} does not say how to reach it: write telnet://HOST:PORT, serial:/dev/DEVICE, or begin with one of {SCHEMES}"
    )]
    NoScheme(String),
    /// A kind of console that nobody knows.
    #[error("console address {address:?}: no console is called {scheme:?}: use {SCHEMES}")]
    UnknownScheme {
        /// The whole text.
        address: String,
        /// Its kind.
        scheme: String,
    },
    /// `telnet:host:port` or the like.
    #[error("console address {address:?}: write {scheme}://HOST:PORT, with two slashes")]
    NoSlashes {
        /// The whole text.
        address: String,
        /// Its kind.
        scheme: String,
    },
    /// No port is given.
    #[error(
        "console address {0:?} names no port: write HOST:PORT, a console port has no usual number"
    )]
    NoPort(String),
    /// The port is no number from 1 to 65535.
    #[error("console address {0:?}: the port must be a number from 1 to 65535")]
    BadPort(String),
    /// The host is empty or holds what no host name holds.
    #[error(
        "console address {0:?}: the host must be a name, an IPv4 address, or an IPv6 address in brackets"
    )]
    BadHost(String),
    /// The path of a unix socket or a device is relative, empty or holds a NUL.
    #[error("console address {0:?}: the path must begin with '/'")]
    BadPath(String),
    /// An SSH address without a user, or with one that is none.
    #[error("console address {0:?}: write ssh://USER@HOST or ssh://USER@HOST:PORT")]
    NoUser(String),
    /// What stands behind the question mark.
    #[error("console address {address:?}: {why}")]
    BadLine {
        /// The whole text.
        address: String,
        /// What is wrong with it, and what would do.
        why: String,
    },
    /// A command that is none.
    #[error("console address {address:?}: {why}")]
    BadCommand {
        /// The whole text.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Address {
    /// The line behind the address: two addresses with one line reach one machine.
    pub fn line(&self) -> String {
        match self {
            Address::Telnet { host, port }
            | Address::Tcp { host, port }
            | Address::Rfc2217 { host, port, .. } => {
                format!("tcp {}:{port}", host.to_ascii_lowercase())
            }
            Address::Unix(path) => format!("unix {}", path.display()),
            Address::Serial { device, .. } => format!("serial {}", device.display()),
            Address::Ssh { user, host, port } => {
                format!("ssh {user}@{}:{port}", host.to_ascii_lowercase())
            }
            Address::Exec(argv) => format!("exec {}", argv.join(" ")),
        }
    }

    /// What the console hangs on: two consoles of one terminal server vouch for each other's
    /// path. For a unix socket that is its folder, for a serial port this machine, for a command
    /// the command itself, for nobody knows where it leads.
    pub fn server(&self) -> String {
        match self {
            Address::Telnet { host, .. }
            | Address::Tcp { host, .. }
            | Address::Rfc2217 { host, .. }
            | Address::Ssh { host, .. } => host.to_ascii_lowercase(),
            Address::Unix(path) => path
                .parent()
                .map_or_else(String::new, |folder| folder.display().to_string()),
            Address::Serial { .. } => "this machine".to_owned(),
            Address::Exec(_) => self.line(),
        }
    }

    /// At whose door a connection is made: only so many are made there at once. Of a command that is
    /// its program, for the consoles that one client reaches are mostly behind one server; of all
    /// else, [`Address::server`].
    pub fn door(&self) -> String {
        match self {
            Address::Exec(argv) => {
                let program = argv.first().map_or("", String::as_str);
                let name = program.rsplit('/').next().unwrap_or(program);
                format!("exec {name}")
            }
            _ => self.server(),
        }
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Address, BadAddress> {
        let all = || text.to_owned();
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(BadAddress::NoScheme(all()));
        };
        match scheme {
            "telnet" => {
                let (host, port) = host_and_port(text, scheme, rest, None)?;
                Ok(Address::Telnet { host, port })
            }
            "tcp" => {
                let (host, port) = host_and_port(text, scheme, rest, None)?;
                Ok(Address::Tcp { host, port })
            }
            "rfc2217" => {
                let (place, line) = line_behind(text, rest)?;
                let (host, port) = host_and_port(text, scheme, place, None)?;
                Ok(Address::Rfc2217 { host, port, line })
            }
            "serial" => {
                let (device, line) = line_behind(text, rest)?;
                let device = path(text, device)?;
                Ok(Address::Serial { device, line })
            }
            "ssh" => ssh(text, rest),
            "unix" => Ok(Address::Unix(path(text, rest)?)),
            "exec" => command(text, rest),
            _ if rest.starts_with("//") => Err(BadAddress::UnknownScheme {
                address: all(),
                scheme: scheme.to_owned(),
            }),
            _ => Err(BadAddress::NoScheme(all())),
        }
    }
}

fn path(text: &str, path: &str) -> Result<PathBuf, BadAddress> {
    // `unix:///run/a` and `unix:/run/a` are one.
    let plain = path.strip_prefix("//").filter(|rest| rest.starts_with('/'));
    let path = plain.unwrap_or(path);
    if path.starts_with('/') && path.len() > 1 && !path.chars().any(char::is_control) {
        Ok(PathBuf::from(path))
    } else {
        Err(BadAddress::BadPath(text.to_owned()))
    }
}

/// What stands before the question mark, and the line settings behind it.
fn line_behind<'a>(text: &str, rest: &'a str) -> Result<(&'a str, LineSettings), BadAddress> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let line = settings_of(query).map_err(|why| BadAddress::BadLine {
        address: text.to_owned(),
        why,
    })?;
    Ok((place, line))
}

fn ssh(text: &str, rest: &str) -> Result<Address, BadAddress> {
    let Some(place) = rest.strip_prefix("//") else {
        return Err(BadAddress::NoSlashes {
            address: text.to_owned(),
            scheme: "ssh".to_owned(),
        });
    };
    let Some((user, place)) = place.rsplit_once('@') else {
        return Err(BadAddress::NoUser(text.to_owned()));
    };
    // Terminal servers take `admin:port7` or `admin:7001` as a user that means a port.
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '@' | '"' | '\'');
    if user.is_empty() || !user.chars().all(plain) {
        return Err(BadAddress::NoUser(text.to_owned()));
    }
    let place = format!("//{place}");
    let (host, port) = host_and_port(text, "ssh", &place, Some(SSH_PORT))?;
    let user = user.to_owned();
    Ok(Address::Ssh { user, host, port })
}

fn command(text: &str, rest: &str) -> Result<Address, BadAddress> {
    let bad = |why| BadAddress::BadCommand {
        address: text.to_owned(),
        why,
    };
    if rest.contains('\0') {
        return Err(bad("a command cannot hold a NUL"));
    }
    match shlex::split(rest) {
        None => Err(bad("a quote is not closed")),
        Some(argv) if argv.first().is_none_or(String::is_empty) => {
            Err(bad("it names no program: write exec:PROGRAM ARGUMENT …"))
        }
        Some(argv) => Ok(Address::Exec(argv)),
    }
}

fn host_and_port(
    text: &str,
    scheme: &str,
    rest: &str,
    usual: Option<u16>,
) -> Result<(String, u16), BadAddress> {
    let Some(place) = rest.strip_prefix("//") else {
        return Err(BadAddress::NoSlashes {
            address: text.to_owned(),
            scheme: scheme.to_owned(),
        });
    };
    let place = place.strip_suffix('/').unwrap_or(place);
    let no_port = || BadAddress::NoPort(text.to_owned());
    let bad_host = || BadAddress::BadHost(text.to_owned());
    let (host, port) = if let Some(bracketed) = place.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']').ok_or_else(bad_host)?;
        host.parse::<Ipv6Addr>().map_err(|_| bad_host())?;
        match port.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if port.is_empty() => (host, None),
            None => return Err(bad_host()),
        }
    } else {
        match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || !(place.starts_with('[') || host.chars().all(named)) {
        return Err(bad_host());
    }
    let Some(port) = port else {
        return Ok((host.to_owned(), usual.ok_or_else(no_port)?));
    };
    if port.contains(':') {
        return Err(bad_host());
    }
    if port.is_empty() {
        return Err(no_port());
    }
    let digits = port.chars().all(|c| c.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if port != 0 && digits => Ok((host.to_owned(), port)),
        _ => Err(BadAddress::BadPort(text.to_owned())),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |host: &str, port: u16| match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        match self {
            Address::Telnet { host, port } => write!(f, "telnet://{}", place(host, *port)),
            Address::Tcp { host, port } => write!(f, "tcp://{}", place(host, *port)),
            Address::Rfc2217 { host, port, line } => {
                write!(f, "rfc2217://{}{line}", place(host, *port))
            }
            Address::Serial { device, line } => write!(f, "serial:{}{line}", device.display()),
            Address::Ssh { user, host, port } => write!(f, "ssh://{user}@{}", place(host, *port)),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Exec(argv) => {
                let words = argv.iter().map(String::as_str);
                let line = shlex::try_join(words).unwrap_or_else(|_| argv.join(" "));
                write!(f, "exec:{line}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed_alike() {
        for text in [
            "telnet://ts1:2001",
            "tcp://10.78.0.1:4201",
            "telnet://[2001:db8::7]:23",
            "unix:/run/clusterd/ca1.sock",
            "rfc2217://ts1:2217?speed=19200&parity=even",
            "serial:/dev/ttyS1",
            "serial:/dev/serial/by-id/usb-1?speed=115200&flow=hardware",
            "ssh://admin:7001@ts1:22",
            "exec:ipmitool -I lanplus sol activate",
            "exec:sh -c 'echo a b'",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let ssh: Address = "ssh://root@[::1]".parse().unwrap();
        assert_eq!(ssh.to_string(), "ssh://root@[::1]:22");
        let telnet: Address = "telnet://[::1]:7/".parse().unwrap();
        let host = "::1".to_owned();
        assert_eq!(telnet, Address::Telnet { host, port: 7 });
    }

    #[test]
    fn two_spellings_of_one_line_are_one_line() {
        let line = |text: &str| text.parse::<Address>().unwrap().line();
        assert_eq!(line("telnet://TS1:2001"), line("tcp://ts1:2001/"));
        assert_eq!(
            line("rfc2217://ts1:2001?speed=9600"),
            line("tcp://ts1:2001")
        );
        assert_ne!(line("telnet://ts1:2001"), line("telnet://ts1:2002"));
        assert_eq!(line("unix:/run/a"), line("unix:///run/a"));
        assert_eq!(
            line("serial:/dev/ttyS1?speed=9600"),
            line("serial:/dev/ttyS1")
        );
    }

    #[test]
    fn consoles_of_one_terminal_server_are_known_as_such() {
        let server = |text: &str| text.parse::<Address>().unwrap().server();
        assert_eq!(server("telnet://TS1:2001"), server("tcp://ts1:2002"));
        assert_ne!(server("telnet://ts1:2001"), server("telnet://ts2:2001"));
        assert_eq!(server("unix:/run/a/x"), "/run/a");
        assert_ne!(server("exec:a 1"), server("exec:a 2"));
        let door = |text: &str| text.parse::<Address>().unwrap().door();
        assert_eq!(door("telnet://TS1:2001"), door("tcp://ts1:2002"));
        assert_eq!(door("exec:ssh a 1"), door("exec:/usr/bin/ssh b 2"));
        assert_ne!(door("exec:ssh a"), door("exec:ipmitool a"));
        assert_ne!(door("exec:ssh"), door("ssh://a@ssh"));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, part) in [
            ("ts1:2001", "does not say how to reach it"),
            ("", "does not say how to reach it"),
            ("telnet://ts1", "names no port"),
            ("telnet://ts1:", "names no port"),
            ("telnet://[::1]", "names no port"),
            ("tcp://ts1:0", "from 1 to 65535"),
            ("tcp://ts1:65536", "from 1 to 65535"),
            ("tcp://ts1:+80", "from 1 to 65535"),
            ("tcp://:80", "the host must be"),
            ("tcp://me@ts1:80", "the host must be"),
            ("tcp://::1:80", "the host must be"),
            ("tcp://[ts1]:80", "the host must be"),
            ("telnet:ts1:80", "with two slashes"),
            ("unix:run/x", "must begin with '/'"),
            ("unix:", "must begin with '/'"),
            ("gopher://ts1:70", "no console is called \"gopher\""),
            ("serial:ttyS0", "must begin with '/'"),
            ("serial:/dev/ttyS0?sped=9600", "unknown setting \"sped\""),
            ("serial:/dev/ttyS0?speed=fast", "speed"),
            ("rfc2217://ts1:2217?parity=strange", "parity"),
            ("ssh://ts1:22", "ssh://USER@HOST"),
            ("ssh:ts1", "with two slashes"),
            ("exec:", "names no program"),
            ("exec:a 'b", "a quote is not closed"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
