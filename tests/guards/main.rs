//! What each guard of the machine does, said to the millisecond: consoles, journal, power legs and
//! host are played by hand (`desk/`). The mutation check (`docs/mutants.md`) takes the guards out one
//! by one and runs these.

#[path = "../chat_support/mod.rs"]
mod chat_support;
#[path = "../console_support/mod.rs"]
mod console_support;

mod answers;
mod bmc;
mod boot;
mod dark;
mod desk;
mod doubt;
mod fence;
mod handover;
mod library;
mod link;
mod maintenance;
mod order;
mod out_of_service;
mod person;
mod proof;
mod resume;
mod script;
mod survey;
mod unfenced;
