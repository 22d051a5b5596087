//! The simulated cluster: `OpenBoot` nodes, their shared disk, consoles, cables and faults, in
//! virtual time; and, in [`serve`], the same nodes behind real telnet ports.
//!
//! ```text
//!   driver ── type_to, send_break, advance(now) ──► Rig ──► Node (power, POST, prompt, OS)
//!          ◄─ read, link_up, address_answers ─────   │        │ boots and heartbeats
//!                                                    │        ▼
//!                                        console cables    SharedDisk: who wrote, and two at once
//! ```
//!
//! All but [`serve`] is pure: it reads no clock, opens nothing, and does the same for the same
//! orders at the same moments. `docs/simulator.md` tells what is simulated and from which source.

mod booting;
mod disk;
pub mod emulate;
mod excuse;
pub mod explore;
mod fault;
mod firmware;
mod forth;
mod hall;
pub mod needs;
mod node;
mod nvram;
pub mod prove;
mod rig;
pub mod rules;
mod running;
pub mod scene;
pub mod serve;
mod service_processor;
mod spec;
mod system;
mod texts;
mod transcript;
mod watch;
mod wire;
mod world;

pub use disk::{Beat, Boot, DiskFault, SharedDisk, Violation, Write};
pub use excuse::Excuse;
pub use fault::{Faults, Shutdown};
pub use hall::Hall;
pub use node::{Condition, Node};
pub use nvram::NvramFault;
pub use rig::{ConsoleLink, Rig};
pub use service_processor::{Host, ProcessorKind, ServiceProcessor};
pub use spec::{AfterPanic, Flavour, NodeSpec, RebootsFrom, Times};
pub use transcript::{Traffic, Transcript};
pub use watch::Window;
pub use wire::BreakWay;
pub use world::{
    AlarmWord, GRACE, Interrupt, Interruption, JournalState, LegWay, PingWay, RaisedAlarm, World,
};

/// The examples of the simulator's page, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/simulator.md")]
struct SimulatorPage;

#[cfg(test)]
mod tests;
