//! The daemon: all clusters of one home, each guarded by a task of its own.
//!
//! ```text
//!  home ─► prepare (lock, files, scripts, journal) ─► supervisor ─┬─► task of cluster a
//!                                                        │        ├─► task of cluster b
//!  control socket ─► desk ───────────────────────────────┤        └─► …
//!  signals, systemd, one tick a second ──────────────────┘
//! ```
//!
//! The panic of one task is an alarm, and the task begins again with what the journal
//! remembers; no other cluster is touched.

mod desk;
mod prepare;
mod signals;
mod supervisor;
mod systemd;
mod tracing_log;
mod ward;

pub use prepare::{Prepared, StartError, prepare};
pub use signals::Signals;
pub use supervisor::Daemon;
pub use systemd::Systemd;
pub use tracing_log::log_to;

#[cfg(test)]
mod tests;
