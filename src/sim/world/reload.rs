//! A reload in the middle: a changed script is taken as soon as nothing is under way. As in the daemon
//! (`cluster/handover.rs`) the machine gives way to one that is made of the journal's memory; the
//! links are handed on, and to the new machine they are new links, over which nothing is known.

use std::sync::Arc;
use std::time::Duration;

use super::driven::Driven;
use super::quiet::Answered;
use super::{FORGETS, World};
use crate::machine::handover::Unready;
use crate::machine::input::Input;
use crate::machine::setup::Setup;
use crate::machine::snapshot::PackageSnapshot;
use crate::machine::{Event, Machine};
use crate::matcher::Ear;
use crate::script::program::{Op, OperatorWord, Program, When};

/// Who wants it.
const WHO: &str = "op";
/// What has changed.
const WHAT: &str = "chat script";

/// A new configuration that waits until the machine is at rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Reload {
    /// It was said that it waits.
    told: bool,
    /// An operator's `release` ends the HOLD that it waits for.
    released: bool,
}

impl World {
    /// The files have changed, and somebody says `reload`.
    pub fn reload(&mut self) {
        if self.alive {
            self.reload.get_or_insert_default();
            self.gives_way();
        }
    }

    /// Whether a new configuration waits.
    pub fn reloads(&self) -> bool {
        self.reload.is_some()
    }

    /// An operator's word that is not given to the machine, because a new configuration waits for it.
    pub(super) fn overtaken(&mut self, word: OperatorWord) -> bool {
        let packages = self.machine.snapshot(self.now).packages;
        // A person's HOLD is the machine's to end: the next one would remember it.
        let by_itself =
            |package: &PackageSnapshot| package.hold.is_some() && package.held.is_none();
        let held = packages.iter().any(by_itself);
        match &mut self.reload {
            Some(reload) if word == OperatorWord::Release && held => {
                reload.released = true;
                true
            }
            _ => false,
        }
    }

    /// Takes the new configuration, if nothing is under way.
    pub(super) fn gives_way(&mut self) {
        let Some(reload) = &self.reload else {
            return;
        };
        let unready = match self.machine.unready() {
            Some(Unready::Held(_)) if reload.released => None,
            unready => unready,
        };
        let written = || Unready::UnderWay("the journal is written".to_owned());
        let busy = !self.unsynced.is_empty() || !self.results.is_empty();
        let who = WHO.to_owned();
        let what = WHAT.to_owned();
        match unready.or_else(|| busy.then(written)) {
            None => {
                self.events
                    .push((self.now, Event::Reconfigured { who, what }));
                self.hand_over();
            }
            Some(why) => {
                let (Unready::UnderWay(until) | Unready::Held(until)) = why;
                let told = self.reload.as_mut().map(|reload| &mut reload.told);
                if told.is_some_and(|told| !std::mem::replace(told, true)) {
                    let event = Event::Waits { who, what, until };
                    self.events.push((self.now, event));
                }
            }
        }
    }

    fn hand_over(&mut self) {
        self.take_new_files();
        // What was said before is of before: it is over when nobody says it again.
        for alarm in self.open.values_mut() {
            alarm.stale = true;
        }
        self.forgets_at = Some(self.now + FORGETS);
        self.trouble.journal_told = false;
        self.undone.clear();
        self.watch.restarted(&self.memory, &self.rig);
        let (setup, wall) = (Arc::clone(&self.setup), self.wall_zero);
        self.machine = Driven::new(Machine::new(setup, &self.memory, self.now, wall));
        self.answered = Answered::default();
        self.drain();
        if self.trouble.gateway_silent {
            self.tell_gateway();
        }
        for node in 0..self.ports.len() {
            let port = &mut self.ports[node];
            port.person = false;
            port.ear = Ear::new(Arc::clone(&self.set));
            if port.up {
                port.epoch += 1;
                let epoch = port.epoch;
                self.tell(Input::LinkUp { node, epoch });
            }
        }
    }

    /// The new configuration is the one from now on, also for a clusterd that was started in between.
    pub(super) fn take_new_files(&mut self) {
        if self.reload.take().is_some() {
            self.setup = Arc::new(changed(&self.setup));
        }
    }
}

/// The same cluster with a script that does the same, but whose states stand in another order, and whose
/// regular looks come later: nothing of the old machine fits into the new one by its numbers.
fn changed(setup: &Setup) -> Setup {
    let mut setup = setup.clone();
    for package in &mut setup.packages {
        package.program = Arc::new(turned(&package.program));
    }
    setup
}

fn turned(program: &Program) -> Program {
    let mut program = program.clone();
    let count = program.states.len().max(1);
    program.states.rotate_right(1);
    program.start = (program.start + 1) % count;
    for op in &mut program.ops {
        if let Op::Goto(state) = op {
            *state = (*state + 1) % count;
        }
    }
    let triggers = program.states.iter_mut().flat_map(|s| &mut s.triggers);
    for trigger in triggers {
        if let When::Every(span) = &mut trigger.when {
            *span += Duration::from_secs(1);
        }
    }
    program
}
