//! A node's console as its cluster file means it: where it is, how BREAK is sent, what the line
//! is like, how one logs in.
//!
//! ```text
//!   console: telnet://ts1:2001                            all else as usual
//!   console: { at: "ssh://admin@ts1", break: 'type "~break"', pace: 5ms, ssh: { key: keys/ts1 } }
//! ```

mod address;
mod asked;
mod breaks;
mod discipline;
mod serial;
mod ssh;

use std::time::Duration;

pub use address::{Address, BadAddress};
pub use asked::Asked;
pub use breaks::{BreakKind, TalkStep, USUAL_BREAK};
pub use discipline::{Discipline, Newline};
pub use serial::{Flow, LineSettings, Parity};
pub use ssh::SshLogin;

/// A node's console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleSpec {
    /// Where it is.
    pub at: Address,
    /// How BREAK is sent there: the first kind, and while that was not seen to work the next one,
    /// in turn. Never empty.
    pub breaks: Vec<BreakKind>,
    /// What the line wants of our typing.
    pub discipline: Discipline,
    /// How one logs in: there exactly where the address is an SSH server. Most consoles are behind
    /// none, and hold no room for it.
    pub ssh: Option<Box<SshLogin>>,
    /// Silence after which the other end is asked whether it is there; none: the host's setting.
    pub keepalive: Option<Duration>,
    /// Time without any answer of it after which the link counts as lost; none: the host's setting.
    pub lost_after: Option<Duration>,
}

impl ConsoleSpec {
    /// The console at `at`, with all else as is usual there.
    pub fn usual(at: Address) -> ConsoleSpec {
        ConsoleSpec {
            breaks: vec![usual_break(&at)],
            ssh: matches!(at, Address::Ssh { .. }).then(Box::default),
            at,
            discipline: Discipline::default(),
            keepalive: None,
            lost_after: None,
        }
    }

    /// What leads to one machine: two consoles with one line reach the same one. Behind an SSH
    /// server the command decides which that is.
    pub fn line(&self) -> String {
        match self.ssh.as_ref().and_then(|login| login.command.as_ref()) {
            Some(command) => format!("{} {command}", self.at.line()),
            None => self.at.line(),
        }
    }

    /// Whether a BREAK can be sent there.
    pub fn carries_break(&self) -> bool {
        self.breaks.iter().any(BreakKind::is_some)
    }
}

/// The kind of BREAK that a road has of its own.
fn usual_break(at: &Address) -> BreakKind {
    match at {
        Address::Telnet { .. } => BreakKind::Telnet,
        Address::Rfc2217 { .. } | Address::Serial { .. } => BreakKind::Line(USUAL_BREAK),
        Address::Tcp { .. } | Address::Unix(_) | Address::Ssh { .. } | Address::Exec(_) => {
            BreakKind::None
        }
    }
}

/// Whether that kind of BREAK can travel that road; the error says what would do.
///
/// # Errors
/// It cannot.
pub fn fits(kind: &BreakKind, at: &Address) -> Result<(), String> {
    match (kind, at) {
        (BreakKind::Telnet, Address::Telnet { .. } | Address::Rfc2217 { .. })
        | (BreakKind::Line(_), Address::Rfc2217 { .. } | Address::Serial { .. })
        | (BreakKind::Talk(_) | BreakKind::None, _) => Ok(()),
        (BreakKind::Telnet, _) => Err("IAC BRK exists in telnet only: use telnet://, or another kind of BREAK".to_owned()),
        (BreakKind::Line(_), Address::Telnet { .. }) => Err("a BREAK of a stated length wants RFC 2217: use rfc2217://, or `break: telnet`".to_owned()),
        (BreakKind::Line(_), _) => Err("there is no line here that could be held: use serial: or rfc2217://, or an escape, `type \"…\"`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_road_has_a_usual_break_that_fits_it() {
        for text in [
            "telnet://ts1:1",
            "tcp://ts1:1",
            "rfc2217://ts1:1",
            "serial:/dev/ttyS0",
            "ssh://a@b",
            "unix:/run/x",
            "exec:cat",
        ] {
            let spec = ConsoleSpec::usual(text.parse().unwrap());
            assert_eq!(fits(&spec.breaks[0], &spec.at), Ok(()), "{text}");
        }
        let telnet = "telnet://ts1:1".parse().unwrap();
        assert!(
            fits(&BreakKind::Line(USUAL_BREAK), &telnet)
                .unwrap_err()
                .contains("RFC 2217")
        );
        let command = "exec:cat".parse().unwrap();
        assert!(fits(&BreakKind::Telnet, &command).is_err());
    }

    #[test]
    fn commands_on_one_ssh_server_are_lines_of_their_own() {
        let with = |command: Option<&str>| {
            let mut spec = ConsoleSpec::usual("ssh://a@b".parse().unwrap());
            spec.ssh.as_mut().unwrap().command = command.map(str::to_owned);
            spec.line()
        };
        assert_eq!(with(Some("port 1")), with(Some("port 1")));
        assert_ne!(with(Some("port 1")), with(Some("port 2")));
        assert_eq!(with(None), "ssh a@b:22");
    }
}
