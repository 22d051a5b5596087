//! The control socket, `clusterd.sock` in the home: operators' commands to a running daemon.
//!
//! One request a line, one reply a line, JSON, each with the protocol's version; after an
//! `attach` the connection carries frames. Who speaks is asked of the kernel: the home's owner
//! and root may do all, others what `access:` in `clusterd.yaml` gives them.
//! `docs/operating.md` shows a session.

mod client;
mod frame;
mod limits;
mod person;
mod protocol;
mod report;
mod seats;
mod server;
mod visit;

pub use client::{Client, ClientError};
pub use frame::{Frames, Grip, NoFrame, PAYLOAD, Seen, Wish};
pub use limits::{REQUEST, read_line};
pub use protocol::{Answer, Ask, OrderWord, Refusal, Reply, Request, VERSION, Word};
pub use report::{
    AlarmList, Change, ClusterChange, ClusterReport, ConsoleReport, HostReport, ReloadReport,
    Report, VisitorReport,
};
pub use server::{Asked, Given, Server};
pub use visit::{Outbox, Visit};
