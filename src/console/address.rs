//! Where a console is, as operators write it in a cluster file.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The address of a console: `telnet://ts1:2001`, `tcp://[2001:db8::7]:4001`, `unix:/run/ca1.sock`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// A port that speaks telnet; BREAK is `IAC BRK`.
    Telnet {
        /// Name or address of the terminal server, without brackets.
        host: String,
        /// TCP port, not 0.
        port: u16,
    },
    /// A port that carries bare bytes; it has no BREAK.
    Tcp {
        /// Name or address of the terminal server, without brackets.
        host: String,
        /// TCP port, not 0.
        port: u16,
    },
    /// A stream socket of this machine that carries bare bytes; it has no BREAK.
    Unix(PathBuf),
}

/// Why a console's address was refused, and what would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// There is nothing before the first colon that says what the address is.
    #[error(
        "console address {0:?} does not say how to reach it: write telnet://HOST:PORT, tcp://HOST:PORT or unix:/PATH"
    )]
    NoScheme(String),
    /// A kind of console that the design knows and this version does not have.
    #[error(
        "console address {address:?}: {scheme} is not supported yet by this version: use telnet://, tcp:// or unix:"
    )]
    NotYet {
        /// The whole text.
        address: String,
        /// Its kind.
        scheme: String,
    },
    /// A kind of console that nobody knows.
    #[error(
        "console address {address:?}: no console is called {scheme:?}: use telnet://, tcp:// or unix:"
    )]
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
    /// The path of a unix socket is relative, empty or holds a NUL.
    #[error("console address {0:?}: the path of a unix socket must begin with '/'")]
    BadPath(String),
}

impl Address {
    /// Whether a BREAK can be sent there.
    pub fn carries_break(&self) -> bool {
        match self {
            Address::Telnet { .. } => true,
            Address::Tcp { .. } | Address::Unix(_) => false,
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
                let (host, port) = host_and_port(text, scheme, rest)?;
                Ok(Address::Telnet { host, port })
            }
            "tcp" => {
                let (host, port) = host_and_port(text, scheme, rest)?;
                Ok(Address::Tcp { host, port })
            }
            "unix" if rest.starts_with('/') && !rest.contains('\0') => {
                Ok(Address::Unix(PathBuf::from(rest)))
            }
            "unix" => Err(BadAddress::BadPath(all())),
            "serial" | "rfc2217" | "ssh" | "exec" => Err(BadAddress::NotYet {
                address: all(),
                scheme: scheme.to_owned(),
            }),
            _ if rest.starts_with("//") => Err(BadAddress::UnknownScheme {
                address: all(),
                scheme: scheme.to_owned(),
            }),
            _ => Err(BadAddress::NoScheme(all())),
        }
    }
}

fn host_and_port(text: &str, scheme: &str, rest: &str) -> Result<(String, u16), BadAddress> {
    let Some(place) = rest.strip_prefix("//") else {
        return Err(BadAddress::NoSlashes {
            address: text.to_owned(),
            scheme: scheme.to_owned(),
        });
    };
    let place = place.strip_suffix('/').unwrap_or(place);
    let bad_host = || BadAddress::BadHost(text.to_owned());
    let (host, port) = if let Some(bracketed) = place.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']').ok_or_else(bad_host)?;
        host.parse::<Ipv6Addr>().map_err(|_| bad_host())?;
        match port.strip_prefix(':') {
            Some(port) => (host, port),
            None if port.is_empty() => return Err(BadAddress::NoPort(text.to_owned())),
            None => return Err(bad_host()),
        }
    } else {
        place
            .split_once(':')
            .ok_or_else(|| BadAddress::NoPort(text.to_owned()))?
    };
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || !(place.starts_with('[') || host.chars().all(named)) {
        return Err(bad_host());
    }
    if port.contains(':') {
        return Err(bad_host());
    }
    if port.is_empty() {
        return Err(BadAddress::NoPort(text.to_owned()));
    }
    let digits = port.chars().all(|c| c.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if port != 0 && digits => Ok((host.to_owned(), port)),
        _ => Err(BadAddress::BadPort(text.to_owned())),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Address::Telnet { host, port } => ("telnet", host, port),
            Address::Tcp { host, port } => ("tcp", host, port),
            Address::Unix(path) => return write!(f, "unix:{}", path.display()),
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

impl TryFrom<String> for Address {
    type Error = BadAddress;

    fn try_from(text: String) -> Result<Address, BadAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
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
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            let json = serde_json::to_string(&address).unwrap();
            assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
        }
        let telnet: Address = "telnet://[::1]:7/".parse().unwrap();
        let host = "::1".to_owned();
        assert_eq!(telnet, Address::Telnet { host, port: 7 });
        assert!(telnet.carries_break());
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
            (
                "serial:/dev/ttyS0?speed=9600",
                "serial is not supported yet by this version",
            ),
            ("ssh://ts1:22", "ssh is not supported yet by this version"),
            (
                "exec:ipmitool sol activate",
                "exec is not supported yet by this version",
            ),
            (
                "rfc2217://ts1:2217",
                "rfc2217 is not supported yet by this version",
            ),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
