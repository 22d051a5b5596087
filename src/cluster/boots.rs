//! Boots that are under way: what their consoles say of how far they are, and, once they are over, how long
//! each step took. Nothing is kept of a node that does not boot.

use std::collections::BTreeMap;

use super::task::Guard;
use crate::clock::Moment;
use crate::control::BootReport;
use crate::machine::Event;
use crate::machine::boot_course::BootCourse;
use crate::machine::setup::NodeId;

/// Lines before the first sign of a boot that may be of it too.
const LINES: usize = 4;

/// The boots of a cluster, by node.
#[derive(Debug, Default)]
pub(super) struct Boots(BTreeMap<NodeId, BootCourse>);

impl Boots {
    /// The console said this.
    pub fn hear(&mut self, node: NodeId, bytes: &[u8], now: Moment) {
        if let Some(course) = self.0.get_mut(&node) {
            course.hear(bytes, now);
        }
    }
}

impl Guard {
    /// A boot command of ours begins a boot, whatever was under way there.
    pub(super) fn note_boot(&mut self, event: &Event) {
        let Event::BootTyped { node, .. } = event else {
            return;
        };
        let Some(node) = self.node_of(node) else {
            return;
        };
        // It was told to go on, else.
        if self.machine.is_starting(node) {
            let now = self.host.clock.now();
            self.boots.0.insert(node, BootCourse::begin(now));
        }
    }

    /// Looks which nodes start, and what became of those that did; a turn of the loop comes often enough
    /// for that.
    pub(super) fn look_at_boots(&mut self, now: Moment) {
        for node in 0..self.lines.len() {
            let Some(course) = self.boots.0.get_mut(&node) else {
                if self.machine.is_starting(node) {
                    let mut course = BootCourse::begin(now);
                    course.hear(&self.visitors.screen(node).last_lines(LINES), now);
                    self.boots.0.insert(node, course);
                }
                continue;
            };
            let stands = self.machine.boot_stands(node);
            let Some(booted) = course.look(&stands, now) else {
                continue;
            };
            self.boots.0.remove(&node);
            if booted.loaded() {
                self.event(Event::Booted {
                    node: self.blueprint.setup.node_name(node).to_owned(),
                    steps: booted.steps,
                    fsck: booted.fsck,
                    took_ms: booted.took_ms,
                    failed: booted.failed,
                });
            }
        }
    }

    /// The boots that are under way, without what is usual.
    pub(super) fn boots_now(&self, now: Moment) -> Vec<BootReport> {
        let target = self.blueprint.targets.boot;
        let boots = self.boots.0.iter();
        boots
            .map(|(node, course)| {
                let name = self.blueprint.setup.node_name(*node);
                BootReport::under_way(name, course, target, now)
            })
            .collect()
    }
}
