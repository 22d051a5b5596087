//! `tracing` into `logs/clusterd.log`, and panics into `tracing`.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::scribe::{Scribe, Tracing, one_line, stamp};

/// Lines of a backtrace that are kept: two a frame, and the outermost ones tell nothing.
const FRAMES: usize = 100;

/// The time as all our logs write it.
struct Stamp;

impl FormatTime for Stamp {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        write!(to, "{} ", stamp(SystemTime::now()))
    }
}

/// Sends what this process tells of itself to `logs/clusterd.log`, panics too. `CLUSTERD_LOG`
/// says how much, as `info` or `clusterd=debug`. To be called once in a process; later calls
/// change nothing.
pub fn log_to(scribe: &Arc<Scribe>) {
    let filter = EnvFilter::try_from_env("CLUSTERD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(Stamp)
        .with_target(false)
        .with_ansi(false)
        .with_writer(Tracing(Arc::clone(scribe)))
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        return;
    }
    // Nothing to standard error: it may be a pipe that nobody reads, and whoever writes there waits for
    // ever, a thread of the clusters too.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("{}", one_line(&panic.to_string()));
        // Empty unless RUST_BACKTRACE asks for it.
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            for line in trace.to_string().lines().take(FRAMES) {
                tracing::error!("{}", one_line(line));
            }
        }
    }));
}
