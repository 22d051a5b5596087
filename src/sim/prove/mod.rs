//! `clusterd script prove`: every placement of a few faults in a small model of a script, tried.
//!
//! ```text
//!   Model ─► World (two nodes, ears, machine) ─step─► World ─► Watch: is a rule broken?
//!              │ between steps, and within them: a fault        │
//!              └─ print ─► Seen: was that met before?           └─► Story ─► told as a timeline
//! ```
//!
//! The machine, the compiled script, its patterns, the ears and the two simulated nodes are the
//! real ones of the other scenes; time is virtual and without jitter. [`Search`] tries all
//! placements of one fault, then of two, and so on, until it has met as many situations as it may.
//! `docs/prove.md` says for people what that proves, and what not.

mod fault;
mod judge;
mod model;
mod perform;
mod print;
mod search;
mod seen;
mod tell;
mod walk;
mod world;

pub use model::{Model, NoModel};
pub use search::{Found, Job, Limits, Progress, Search, Story};
pub use tell::Told;
