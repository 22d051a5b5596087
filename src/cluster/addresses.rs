//! The addresses of one cluster: services and witnesses, asked again and again.

use std::time::Duration;

use super::asks::Told;
use super::task::Guard;
use crate::alarm::Subject;
use crate::clock::Moment;
use crate::machine::input::{HostFact, Input};
use crate::probe::{ProbeError, Target};
use crate::script::program::Severity;

/// How often witnesses are asked where no service is.
const UNASKED: Duration = Duration::from_secs(1);

impl Guard {
    pub(super) fn watch_addresses(&mut self, now: Moment) {
        let every = self
            .blueprint
            .services
            .iter()
            .map(|(_, every)| *every)
            .min();
        let every = every.unwrap_or(UNASKED);
        let mut trouble = None;
        let mut watch = |target: Target, every: Duration| match self.asker.watch(target, every) {
            Ok(key) => Some(key),
            Err(err) => {
                trouble = Some(err);
                None
            }
        };
        let blueprint = &self.blueprint;
        self.services = blueprint
            .services
            .iter()
            .map(|(target, every)| watch(*target, *every))
            .collect();
        self.witnesses = blueprint
            .witnesses
            .iter()
            .map(|target| watch(*target, every))
            .collect();
        self.ping_trouble(trouble.as_ref(), now);
    }

    /// Nothing is known of addresses that cannot be asked: the monitor is impaired, and says so.
    fn ping_trouble(&mut self, trouble: Option<&ProbeError>, now: Moment) {
        let subject = Subject::cluster(self.blueprint.name());
        match trouble {
            Some(err) => {
                self.host
                    .alarms
                    .raise(&subject, Severity::Critical, "no_ping", &err.to_string());
                self.feed(Input::Host(HostFact::PingTrouble), now);
            }
            None => self.host.alarms.clear(&subject, "no_ping"),
        }
    }

    pub(super) fn told(&mut self, told: Told, now: Moment) {
        match told {
            Told::Host(fact) => self.feed(Input::Host(fact), now),
            Told::Trouble { key, why } => {
                if self.troubled.is_empty() {
                    tracing::warn!("{}: {why}", self.blueprint.name());
                    self.feed(Input::Host(HostFact::PingTrouble), now);
                }
                self.troubled.insert(key);
            }
            Told::Answer { key, answered } => {
                if self.troubled.remove(&key) && self.troubled.is_empty() {
                    self.feed(Input::Host(HostFact::PingWell), now);
                }
                let position = |keys: &[Option<u64>]| keys.iter().position(|k| *k == Some(key));
                if let Some(package) = position(&self.services) {
                    let setup = &self.blueprint.setup.packages[package];
                    self.tally.asked(setup.name.as_str(), answered);
                    self.feed(Input::Address { package, answered }, now);
                } else if let Some(witness) = position(&self.witnesses) {
                    self.feed(Input::Witness { witness, answered }, now);
                }
            }
        }
    }
}
