//! The scenes of the first switchover, with simulated nodes in virtual time. The same scenes
//! on real machines stand in `tests/bed/`.

mod bench;
mod takeover;
