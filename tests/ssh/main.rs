//! Our SSH consoles against OpenSSH's own server, which these tests start on ports of this machine
//! with keys and settings of their own. `cargo test --test ssh -- --ignored` runs them, as root,
//! where openssh-server, openssh-client and socat are installed.

mod agent;
#[path = "../daemon_support/mod.rs"]
mod daemon_support;
mod ends;
mod hosts;
mod login;
mod node;
mod sshd;
