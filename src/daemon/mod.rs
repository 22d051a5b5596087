//! The daemon: all clusters of one home, each guarded by a task of its own.
//!
//! ```text
//!  home ─► prepare (lock, files, scripts, journal) ─► supervisor ─┬─► task of cluster a
//!                                                        │        ├─► task of cluster b
//!  control socket ─► desk ───────────────────────────────┤        └─► …
//!  reload, SIGHUP ─► reread ─► plan ─────────────────────┤
//!  signals, systemd, one tick a second ──────────────────┘
//! ```
//!
//! The panic of one task is an alarm, and the task begins again with what the journal remembers;
//! one that crashes again and again is left alone until a person says `release`. No other cluster
//! is touched. The service manager's watchdog is fed while every task has its turns.

mod alarms;
mod desk;
mod emulate;
mod events;
mod memories;
mod metrics;
mod orders;
mod out_of_service;
mod outlook;
mod plan;
mod power;
mod prepare;
mod reload;
mod reply;
mod reread;
mod signals;
mod supervisor;
mod systemd;
mod trace;
mod tracing_log;
mod turns;
mod upkeep;
mod ward;
mod ways_out;
mod whole;

pub use power::power_report;
pub use prepare::{Prepared, StartError, prepare};
pub use signals::Signals;
pub use supervisor::Daemon;
pub use systemd::Systemd;
pub use tracing_log::log_to;
pub use turns::Turns;

#[cfg(test)]
mod tests;
