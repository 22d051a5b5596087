//! The one binary: see `cli/`.
fn main() {}
