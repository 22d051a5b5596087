//! The log files under `logs/`: written by one thread of their own, so that a slow disk delays
//! nobody, least of all a BREAK.
//!
//! ```text
//!  cluster task ──┐
//!  alarms ────────┼─► bounded queue ─► the scribe's thread ─► files with a size limit
//!  tracing ───────┘    (full: dropped, counted, said)
//! ```

mod line;
mod scribe;

pub use line::{one_line, stamp};
pub use scribe::{Book, Scribe};
