//! Alarms: one registry a monitoring host. An alarm is known by its cluster, package and
//! code; raising it again only counts. Every raise and clear is a line of `logs/alarms.log`;
//! what is open outlives a restart in the journal.

mod keep;
mod registry;

pub use keep::{keep, load};
pub use registry::{Alarms, Raised, Subject};

use serde::{Deserialize, Serialize};

use crate::script::program::Severity;

/// An open alarm. Times are milliseconds since 1970 by the monitoring host's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The cluster; empty for the monitoring host itself.
    pub cluster: String,
    /// The package; empty for the whole cluster.
    pub package: String,
    /// What kind of trouble, as the script names it: `primary_panic`.
    pub code: String,
    /// How urgent; the worst that was said since it was raised.
    pub severity: Severity,
    /// In words, as said last.
    pub text: String,
    /// When it was raised.
    pub first_ms: u64,
    /// When it was said last.
    pub last_ms: u64,
    /// How often it was said.
    pub count: u64,
    /// It was raised before this clusterd started, and nobody said it again since.
    pub from_before: bool,
}

/// `CRITICAL`, `WARNING`, `NOTICE`.
pub fn severity_text(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::Warning => "WARNING",
        Severity::Notice => "NOTICE",
    }
}
