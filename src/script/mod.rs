//! Chat scripts: text -> checked program.
pub mod diagnostic;
pub mod program;
