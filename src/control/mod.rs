//! The control socket, `clusterd.sock` in the home: operators' commands to a running daemon.
//!
//! One request a line, one reply a line, JSON, each with the protocol's version; after an
//! `attach` the connection carries frames. Who speaks is asked of the kernel: the home's owner
//! and root may do all, others what `access:` in `clusterd.yaml` gives them.
//! `docs/operating.md` shows a session.

mod audit;
mod boot_report;
mod client;
mod events;
mod frame;
mod limits;
mod person;
mod power_report;
mod protocol;
mod report;
mod seats;
mod server;
mod standing;
mod visit;

pub use audit::Ledger;
pub use boot_report::{BootReport, StepReport};
pub use client::{Client, ClientError};
pub use events::{EVENT_VERSION, EventLine, EventPage, EventsAsked};
pub use frame::{Frames, Grip, NoFrame, PAYLOAD, Seen, Wish};
pub use limits::{EVENTS_WAIT, POWER_STATUS, REQUEST, read_line};
pub use power_report::{LegReport, LegState, PowerReport};
pub use protocol::{Answer, Ask, EmulatedStep, OrderWord, Refusal, Reply, Request, VERSION, Word};
pub use report::{
    AlarmList, Change, ClusterChange, ClusterReport, ConsoleReport, HostReport, REPORT_VERSION,
    ReloadReport, Report, VisitorReport,
};
pub use server::{Asked, Given, Server};
pub use standing::{Level, Standing, Word as StandingWord};
pub use visit::{Outbox, Visit};
