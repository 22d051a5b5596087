//! Alarms on their way out of the host: the built daemon, and servers that are well, dead, slow, or lie.
//! `plain` needs nothing but sockets; `peers` has the real servers from Debian packages.

mod corners;
#[path = "../daemon_support/mod.rs"]
mod daemon_support;
mod hostile;
mod peers;
mod plain;
mod reload;
mod servers;
mod stories;

use std::fs;

use serde_json::Value;

use daemon_support::{Home, stderr};

/// A home that guards nothing, which is a critical alarm, with these settings.
pub fn home(settings: &str) -> Home {
    let home = Home::empty();
    fs::write(home.path("clusterd.yaml"), settings).unwrap();
    home
}

/// What `alarms --json` says.
pub fn alarms(home: &Home) -> Value {
    let output = home.clusterd(&["alarms", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One open alarm.
pub fn open(home: &Home, code: &str) -> Option<Value> {
    let list = alarms(home);
    let found = list["open"].as_array().unwrap().iter();
    found.clone().find(|alarm| alarm["code"] == code).cloned()
}

/// One route.
pub fn route(home: &Home, name: &str) -> Value {
    let list = alarms(home);
    let routes = list["routes"].as_array().unwrap();
    let found = routes.iter().find(|route| route["name"] == name);
    found.cloned().unwrap_or(Value::Null)
}
