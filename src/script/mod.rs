//! Chat scripts: text -> checked program.
pub mod program;
