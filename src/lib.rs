//! clusterd: an external watchdog for high-availability clusters.
//!
//! It holds the serial consoles of servers that share a disk, watches them with a chat script, and
//! when the primary is lost proves it stopped and boots another one from the same disk.
//!
//! ```text
//!  bytes from consoles ─► proto (telnet) ─► matcher ─┐
//!  ping replies, link and power state ───────────────┤
//!  command results, timers, operators, host facts ───┴─► machine ─► actions ─┬─► store (journal)
//!                                                           ▲                ├─► console (bytes, BREAK)
//!                                                           └── Durable ◄────┤   probe, exec
//!                                                                            └─► alarm, scribe (logs)
//! ```
//!
//! The middle, [`machine::Machine`], is pure: it reads no clock, opens nothing, and gives the same
//! actions for the same inputs. Nonces and times are inputs. The daemon and the simulator drive that
//! same type, and no rule lives anywhere else.
//!
//! # The loop contract
//!
//! Whoever drives a machine ([`cluster`], [`sim`]) does this, in this order:
//!
//! 1. One [`machine::Input`] goes to [`machine::Machine::handle`], and mutates it.
//! 2. [`machine::Machine::poll_action`] is drained until it is empty; the actions are performed in
//!    their order. Bytes and BREAK for one console keep theirs.
//! 3. Durability is an input too: an action [`Journal`](machine::Action::Journal) is answered with
//!    [`Durable`](machine::Input::Durable) once it is on the disk. Intents, roles, holds and words wait for
//!    it, and the machine decides again after it; events are only noted, and written together.
//! 4. The driver waits for the next input or for [`machine::Machine::poll_timeout`], whatever comes
//!    first; a deadline that has come is the input [`Time`](machine::Input::Time).
//!
//! Queues are bounded. Console output that overflows is dropped oldest first, counted, and told as
//! [`Gap`](machine::Input::Gap), which voids every proof on that console. A new link has a new epoch and an
//! empty queue: what was meant for the old one never reaches it. Findings that silence alone made (a
//! prompt after its quiet time) are [`Quiet`](machine::Input::Quiet), for they are no sign of life. Nothing
//! of one cluster blocks another.
//!
//! `docs/machine.md` follows one panic from its byte to the BREAK; `docs/safety.md` has the rules.
mod caught;
pub mod clock;
pub mod name;

pub mod alarm;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod console;
pub mod control;
pub mod daemon;
pub mod exec;
pub mod home;
pub mod logfile;
pub mod machine;
pub mod matcher;
pub mod metrics;
pub mod mutant;
pub mod probe;
pub mod proto;
pub mod scribe;
pub mod script;
pub mod secret;
pub mod sim;
pub mod store;
pub mod transcript;
