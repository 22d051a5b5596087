//! The scenes of the first switchover, with simulated nodes in virtual time. The same scenes
//! on real machines stand in `tests/bed/`. Letters are those of `docs/reliability.md`.

mod beats;
mod bench;
mod doubt;
mod hall;
mod holes;
mod hooks;
mod interrupt;
mod intruder;
mod needs;
mod person_rest;
mod person_takeover;
mod restart;
mod service_processor;
mod shipped;
mod slow_boot;
mod standstill;
mod storm;
mod takeover;
mod watch;
