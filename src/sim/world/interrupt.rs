//! clusterd interrupted at one of its actions: SIGKILL, and started again after a while; or SIGSTOP,
//! and SIGCONT after a while.
//!
//! ```text
//!   action 1 ─ … ─ action N-1 ─┬─ action N ─┬─ action N+1 ─ …
//!                 before, stopped          after, written, torn
//! ```

use std::time::Duration;

use super::{JournalState, World};
use crate::machine::input::{HostFact, Input};

/// An interruption that waits for its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// The action's number, counted from now on, the first being 1.
    pub action: u64,
    /// What is done there.
    pub how: Interrupt,
    /// For how long clusterd is away.
    pub lasts: Duration,
}

/// The ways to be interrupted at an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interrupt {
    /// Killed before it is done.
    Before,
    /// Killed as soon as it is done: what was to be written by then is lost.
    After,
    /// Killed as soon as it is done: what was to be written is on the disk, and nobody was told.
    Written,
    /// Killed as soon as it is done, and the last record of the journal is torn.
    Torn,
    /// Stopped before it is done (SIGSTOP): it goes on with this very action.
    Stopped,
}

impl Interrupt {
    /// All of them.
    pub const ALL: [Interrupt; 5] = [
        Interrupt::Before,
        Interrupt::After,
        Interrupt::Written,
        Interrupt::Torn,
        Interrupt::Stopped,
    ];

    /// The word of a scene.
    pub fn word(self) -> &'static str {
        match self {
            Interrupt::Before => "before",
            Interrupt::After => "after",
            Interrupt::Written => "written",
            Interrupt::Torn => "torn",
            Interrupt::Stopped => "stopped",
        }
    }
}

impl std::fmt::Display for Interrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Interrupt::Before => "killed before it",
            Interrupt::After => "killed behind it",
            Interrupt::Written => "killed behind it, its entry on the disk",
            Interrupt::Torn => "killed behind it, the journal's last record torn",
            Interrupt::Stopped => "stopped before it, and going on",
        })
    }
}

impl World {
    /// clusterd is interrupted at an action to come.
    pub fn interrupt(&mut self, interruption: Interruption) {
        self.trouble.interruption = Some(interruption);
    }

    /// Whether every interruption that was ordered has come.
    pub fn was_interrupted(&self) -> bool {
        self.trouble.interruption.is_none()
    }

    /// How many actions clusterd has performed since the beginning.
    pub fn actions(&self) -> u64 {
        self.trouble.actions
    }

    /// Which of its actions were journal entries, the first action being 1.
    pub fn entries_at(&self) -> &[u64] {
        &self.trouble.entries_at
    }

    /// An action is due: whether clusterd lives to perform it.
    pub(super) fn lives_to_act(&mut self) -> bool {
        if let Some(left) = &mut self.trouble.kill_at {
            if *left == 0 {
                self.trouble.kill_at = None;
                self.alive = false;
                return false;
            }
            *left -= 1;
        }
        if let Some(waiting) = &mut self.trouble.interruption {
            waiting.action = waiting.action.saturating_sub(1);
            match (waiting.action, waiting.how) {
                (0, Interrupt::Before) => {
                    self.dies();
                    return false;
                }
                (0, Interrupt::Stopped) => self.is_stopped(),
                _ => {}
            }
        }
        self.trouble.actions += 1;
        true
    }

    /// An action is done: whether clusterd lives on.
    pub(super) fn lives_on(&mut self) -> bool {
        let due = self.trouble.interruption.filter(|i| i.action == 0);
        if let Some(interruption) = due {
            match interruption.how {
                Interrupt::Written => self.everything_is_written(),
                Interrupt::Torn => self.tear_journal(),
                Interrupt::Before | Interrupt::After | Interrupt::Stopped => {}
            }
            self.dies();
        }
        self.alive
    }

    fn dies(&mut self) {
        let lasts = self.trouble.interruption.take().map(|i| i.lasts);
        self.alive = false;
        self.back_at = lasts.map(|lasts| self.now + lasts);
    }

    /// Time passes, and the next action is the one that was due before: what the machine decided
    /// then is done now. The machine is told with its next turn.
    fn is_stopped(&mut self) {
        let Some(interruption) = self.trouble.interruption.take() else {
            return;
        };
        self.alive = false;
        self.pass(interruption.lasts);
        self.alive = true;
        self.trouble.stood = Some(interruption.lasts);
    }

    /// What was decided before a standstill is done; now the machine learns of it.
    pub(super) fn tell_standstill(&mut self) {
        if let Some(span) = self.trouble.stood.take() {
            let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            let counted = millis;
            self.tell(Input::Host(HostFact::Standstill { millis, counted }));
            self.tell_undone();
        }
    }

    fn everything_is_written(&mut self) {
        if self.trouble.journal == JournalState::Fails {
            return;
        }
        while let Some((_, _, entry, memory)) = self.unsynced.pop_front() {
            self.memory_before = std::mem::replace(&mut self.memory, memory);
            self.journal.push((self.now, entry));
        }
    }

    /// A clusterd that was killed by an interruption is started again.
    pub(super) fn comes_back(&mut self) {
        if self.back_at.is_some_and(|at| at <= self.now) {
            self.restart(true);
        }
    }
}
