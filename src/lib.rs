//! clusterd: an external watchdog for high-availability clusters.
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
pub mod probe;
pub mod proto;
pub mod scribe;
pub mod script;
pub mod sim;
pub mod store;
