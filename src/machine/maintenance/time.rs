//! What time brings to a maintenance: reminders, the word before its end, its end, and the word about a
//! service that is down meanwhile.

use std::time::Duration;

use super::Scope;
use crate::clock::{Moment, Span};
use crate::machine::Machine;
use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::node::Condition;
use crate::machine::setup::PackageId;
use crate::mutant::Guard;
use crate::script::program::Severity;

/// So often its alarm is said again.
pub(super) const REMINDED: Duration = Duration::from_secs(3600);
/// So long before its end it is said that it ends; a short one, when a quarter of it is left.
const ENDS_SOON: Duration = Duration::from_secs(900);
/// A service that does not answer for so long is told of.
const DOWN: Duration = Duration::from_secs(60);

impl Machine {
    /// What time brings: reminders, the end, and the word about a service that is down.
    pub(in crate::machine) fn tick_maintenance(&mut self) {
        let now = self.now;
        for scope in self.scopes() {
            let Some(kept) = self.place(scope) else {
                continue;
            };
            let (over, reminds) = (now >= kept.until, now >= kept.reminds);
            let warns = now >= kept.warns(ENDS_SOON) && !kept.warned;
            if over && Guard::MaintenanceEnds.stands() {
                let text = format!("the maintenance of {} is over", self.scope_name(scope));
                self.end_maintenance(scope, "its time is over");
                self.journal(EntryKind::Result, scope, text);
                continue;
            }
            if reminds {
                self.say_maintenance(scope);
                if let Some(kept) = self.place_mut(scope) {
                    kept.reminds = now + REMINDED;
                }
            }
            if warns {
                self.warn_of_end(scope);
            }
        }
        for p in 0..self.packages.len() {
            self.tell_down(p);
        }
    }

    /// The standing alarm.
    pub(super) fn say_maintenance(&mut self, scope: Scope) {
        let Some(kept) = self.place(scope) else {
            return;
        };
        let (name, left) = (self.scope_name(scope), kept.left(self.now));
        let mut text = format!(
            "{name} is in maintenance by {}, for {left} yet: {}; clusterd writes nothing there and does nothing by itself",
            kept.who, kept.reason
        );
        if let Some(besieged) = self.besieged_names(scope) {
            text = format!("{text}, but for the siege of {besieged}");
        }
        if scope.is_some() {
            text = format!("{text}; its package has no node to move to or from meanwhile");
        }
        for p in self.scope_packages(scope) {
            self.alarm(p, Severity::Warning, alarm_code::MAINTENANCE, text.clone());
        }
    }

    fn warn_of_end(&mut self, scope: Scope) {
        let name = self.scope_name(scope);
        let cluster = &self.setup.cluster;
        let command = match scope {
            Some(_) => format!("{cluster}/{name}"),
            None => name.clone(),
        };
        let now = self.now;
        let Some(kept) = self.place_mut(scope) else {
            return;
        };
        kept.warned = true;
        let left = kept.left(now);
        let text = format!(
            "the maintenance of {name} by {} ends in {left}: then clusterd asks who runs and acts again; longer: clusterd maintenance {command} --for 2h --reason ...",
            kept.who
        );
        for p in self.scope_packages(scope) {
            self.alarm(
                p,
                Severity::Warning,
                alarm_code::MAINTENANCE_ENDS,
                text.clone(),
            );
        }
    }

    /// A service that is down while its script rests is told of, and nothing is done.
    fn tell_down(&mut self, p: PackageId) {
        let Some(kept) = self.resting(p) else {
            return;
        };
        let package = &self.packages[p];
        let missing = package.missing_since.filter(|at| *at + DOWN <= self.now);
        let panicked = package.primary.filter(|n| {
            let node = &self.nodes[*n];
            package.known && node.condition == Condition::Panicked
        });
        let what = match (panicked, missing) {
            (Some(n), _) => Some(format!("{} has panicked", self.setup.node_name(n))),
            (None, Some(at)) => Some(format!(
                "{} has not answered for {}",
                self.setup.packages[p].address,
                Span(self.now.since(at))
            )),
            (None, None) => None,
        };
        let text = what.map(|what| {
            format!(
                "{what}: nothing is done about it, for {} has it in maintenance for {} yet",
                kept.who,
                kept.left(self.now)
            )
        });
        let told = std::mem::replace(&mut self.packages[p].told.down, text.is_some());
        match text {
            Some(text) if !told && Guard::MaintenanceDown.stands() => {
                self.alarm(p, Severity::Warning, alarm_code::MAINTENANCE_DOWN, text);
            }
            None if told => self.clear(p, alarm_code::MAINTENANCE_DOWN),
            Some(_) | None => {}
        }
    }

    /// When time changes something of a maintenance.
    pub(in crate::machine) fn maintenance_timeout(&self) -> Option<Moment> {
        let kept = self.scopes().filter_map(|scope| self.place(scope));
        let times = kept.flat_map(|kept| {
            let warns = Some(kept.warns(ENDS_SOON)).filter(|_| !kept.warned);
            [Some(kept.until), Some(kept.reminds), warns]
        });
        let down = (0..self.packages.len()).filter(|p| self.resting(*p).is_some());
        let down = down.filter(|p| !self.packages[*p].told.down);
        let down = down.map(|p| self.packages[p].missing_since.map(|at| at + DOWN));
        let times = times.chain(down).flatten();
        times.filter(|at| *at > self.now).min()
    }

    /// The wall clock was set. The time that a maintenance has left does not change; the hour of its end
    /// does, and is written down again: a restart counts from it.
    pub(in crate::machine) fn clock_jumped(&mut self, millis: i64) {
        self.host.jumped += millis;
        let seconds = millis / 1000;
        let mut any = false;
        for scope in self.scopes() {
            if let Some(kept) = self.place_mut(scope) {
                kept.clock_set(seconds);
                any = true;
            }
        }
        let out = self.out_clock_jumped(seconds);
        if (any && Guard::MaintenanceClock.stands()) || out {
            let text = "the clock was set: what ends by itself ends at another hour now";
            self.journal(EntryKind::Evidence, None, text.to_owned());
        }
    }

    /// The host slept for so long without its clock of the machine: the hours have passed all the same.
    pub(in crate::machine) fn slept(&mut self, span: Duration) {
        self.host.jumped += i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        for scope in self.scopes() {
            if let Some(kept) = self.place_mut(scope) {
                kept.slept(span);
            }
        }
        self.out_slept(span);
    }

    /// The wall clock as it is set now, in seconds since 1970. Times of switches and failures are told
    /// by [`Machine::wall`], which no jump moves.
    pub(in crate::machine) fn wall_now(&self) -> u64 {
        self.wall().saturating_add_signed(self.host.jumped / 1000)
    }
}
