//! The control socket, `clusterd.sock` in the home: operators' commands to a running daemon.
//!
//! One request a line, one reply a line, JSON, each with the protocol's version. Only the
//! home's owner and root may connect: the socket's mode says so, and the peer's credentials
//! are asked besides. `docs/operating.md` shows a session.

mod client;
mod limits;
mod person;
mod protocol;
mod report;
mod server;

pub use client::{Client, ClientError};
pub use protocol::{Answer, Ask, Refusal, Reply, Request, VERSION, Word};
pub use report::{ClusterReport, ConsoleReport, HostReport, Report};
pub use server::{Asked, Server};
