//! The scenes on the QEMU pair: two SPARC machines, one disk image, real firmware prompts, real
//! BREAK. `tests/bed/run` builds this, runs the scenes named and prints their table.
//!
//! Every scene brings up the bed of `../shared/testbed` (or of `$BED`), starts the real binary on
//! its monitoring host, does something to the pair, and says what was seen: by the judge on the
//! shared disk, by ping, by clusterd's alarms, and by the transcripts of the terminal server,
//! which know nothing of clusterd. Where the bed is absent the scenes say so and pass;
//! `CLUSTERD_BED=required` makes that a failure.
#![allow(
    clippy::disallowed_methods,
    reason = "machines in other processes are polled: nobody tells this one of their events"
)]

mod pair;
mod proof;
mod scene;
mod small_disk;
mod watchdog;
mod wire;

mod cascade;
mod full;
mod harmless;
mod interfered;
mod killed;
mod lost;
mod negative;
mod standby;
mod started;
mod steps;
