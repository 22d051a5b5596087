//! What time brings to a node out of service: reminders, the word before its end, and its end.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::setup::NodeId;
use crate::machine::{Event, Machine};
use crate::mutant::Guard;
use crate::script::program::Severity;

/// So often its alarm is said again: once a shift.
pub(super) const REMINDED: Duration = Duration::from_secs(8 * 3600);
/// So long before its end it is said that it ends; a short one, when a quarter of it is left.
const ENDS_SOON: Duration = Duration::from_secs(3600);

impl Machine {
    /// What time brings.
    pub(in crate::machine) fn tick_out_of_service(&mut self) {
        let now = self.now;
        self.tick_asked();
        for n in 0..self.nodes.len() {
            let Some(out) = self.nodes[n].out.as_deref() else {
                continue;
            };
            if !out.over && now >= out.word.until && Guard::OutEnds.stands() {
                self.out_is_over(n);
                continue;
            }
            let (ear, over) = (out.ear, out.over);
            let (reminds, warns) = (
                now >= out.word.reminds,
                now >= out.word.warns(ENDS_SOON) && !out.word.warned,
            );
            let ear = if over { ear } else { self.listen(n, ear) };
            if let Some(out) = self.nodes[n].out.as_deref_mut() {
                out.ear = ear;
                out.word.warned |= warns;
                if reminds {
                    out.word.reminds = now + REMINDED;
                }
            }
            if reminds {
                self.say_out(n);
            }
            if warns && !over {
                self.warn_of_its_end(n);
            }
        }
    }

    /// Its time is over. It does not come back by that: it counts as running, and somebody must say.
    fn out_is_over(&mut self, n: NodeId) {
        let now = self.now;
        let name = self.setup.node_name(n).to_owned();
        if let Some(out) = self.nodes[n].out.as_deref_mut() {
            out.over = true;
            out.word.reminds = now + REMINDED;
        }
        self.event(Event::OutOfServiceOver { node: name.clone() });
        for p in self.packages_of(n) {
            self.clear(p, alarm_code::OUT_OF_SERVICE);
            self.clear(p, alarm_code::OUT_OF_SERVICE_ENDS);
        }
        self.count_again(n, "its time out of service is over");
        self.say_out(n);
        let text = format!("the time of {name} out of service is over");
        self.journal(EntryKind::Word, Some(n), text);
    }

    /// The standing alarm.
    pub(super) fn say_out(&mut self, n: NodeId) {
        let Some(out) = self.nodes[n].out.as_deref() else {
            return;
        };
        let (name, cluster) = (self.setup.node_name(n), &self.setup.cluster);
        let besieged = self.nodes[n].siege.is_some();
        let (severity, code, mut text) = if out.over {
            let text = format!(
                "the time of {name} out of service is over ({}, by {}): it counts as running again, and gets BREAK when it wakes. Is it back? clusterd out-of-service {cluster}/{name} --back. Not yet? Say it again with --for",
                out.word.reason, out.word.who
            );
            (Severity::Critical, alarm_code::OUT_OF_SERVICE_OVER, text)
        } else {
            let text = format!(
                "{name} is out of service by {}, for {} yet: {}; it counts as stopped on that word alone",
                out.word.who,
                out.word.left(self.now),
                out.word.reason
            );
            let severity = match besieged {
                true => Severity::Critical,
                false => Severity::Warning,
            };
            (severity, alarm_code::OUT_OF_SERVICE, text)
        };
        if besieged && !out.over {
            text.push_str("; it was taken for stopped before, and its siege is suspended: if it wakes without a word, nothing stops it");
        }
        for p in self.packages_of(n) {
            let package = &self.setup.packages[p].name;
            let primary = self.packages[p].primary;
            let alone = primary.is_some_and(|primary| self.nobody_beside(p, primary).is_some());
            let text = match alone {
                true => format!("{text}; no node can take over {package}"),
                false => text.clone(),
            };
            self.alarm(p, severity, code, text);
        }
    }

    fn warn_of_its_end(&mut self, n: NodeId) {
        let Some(out) = self.nodes[n].out.as_deref() else {
            return;
        };
        let (name, cluster) = (self.setup.node_name(n), &self.setup.cluster);
        let text = format!(
            "the time of {name} out of service by {} ends in {}: then it counts as running again. Longer: clusterd out-of-service {cluster}/{name} --for 1d --reason ...; it is back: --back",
            out.word.who,
            out.word.left(self.now)
        );
        for p in self.packages_of(n) {
            self.alarm(
                p,
                Severity::Warning,
                alarm_code::OUT_OF_SERVICE_ENDS,
                text.clone(),
            );
        }
    }

    /// When time changes something.
    pub(in crate::machine) fn out_timeout(&self) -> Option<Moment> {
        let outs = self.nodes.iter().filter_map(|node| node.out.as_deref());
        let times = outs.flat_map(|out| {
            let ends = Some(out.word.until).filter(|_| !out.over);
            let warns = Some(out.word.warns(ENDS_SOON)).filter(|_| !out.word.warned && !out.over);
            let ear = out.ear.decides().filter(|_| !out.over);
            [ends, warns, ear, Some(out.word.reminds)]
        });
        let times = times.flatten().chain(self.outs.timeouts());
        times.filter(|at| *at > self.now).min()
    }

    /// The wall clock was set by so many seconds: the time that is left does not change, the hour of the end
    /// does. True when that is to be written down again.
    pub(in crate::machine) fn out_clock_jumped(&mut self, seconds: i64) -> bool {
        let outs = self.nodes.iter_mut();
        let mut outs = outs.filter_map(|node| node.out.as_deref_mut()).peekable();
        let any = outs.peek().is_some() && Guard::OutClock.stands();
        for out in outs {
            out.word.clock_set(seconds);
        }
        any
    }

    /// The host slept for so long without its clock of the machine, or stood still: what the nodes said
    /// meanwhile may be lost.
    pub(in crate::machine) fn out_slept(&mut self, span: Duration) {
        self.outs.shorten(span);
        for n in 0..self.nodes.len() {
            if let Some(out) = self.nodes[n].out.as_deref_mut() {
                out.word.slept(span);
            }
            self.unheard(n);
        }
    }
}
