//! `tracing` into `logs/clusterd.log`, and panics into `tracing`.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::scribe::{Scribe, Tracing, one_line, stamp};

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
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{}", one_line(&panic.to_string()));
        before(panic);
    }));
}
