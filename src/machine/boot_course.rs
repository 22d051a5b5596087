//! How far a node's boot is, read from what its console says: for people, and for those who measure it. No
//! rule asks for it. It is heard only while a boot is under way, and is dropped behind it.
//!
//! ```text
//! POST ─► load ─► kernel ─► fsck ─► login ─► service
//! ```
//!
//! Each step counts from the boot's beginning (the boot command, or the first text of a boot that clusterd
//! did not order) to the step's first sign. A step that says nothing is passed over.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Machine;
use super::node::Condition;
use super::serves::Serves;
use super::setup::NodeId;
use crate::clock::{Moment, Span};

/// Bytes of a line that are looked at; what a boot is known by stands in front.
const LINE: usize = 160;
/// A boot of which no end was seen for so long is not followed any more.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// A step of a boot, in the usual order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootStep {
    /// The firmware tests the machine.
    Post,
    /// The firmware loads a system.
    Load,
    /// The kernel runs.
    Kernel,
    /// A file system is checked.
    Fsck,
    /// The login prompt is there.
    Login,
    /// The package's address answers.
    Service,
}

impl BootStep {
    /// Every step.
    pub const ALL: [BootStep; 6] = [
        BootStep::Post,
        BootStep::Load,
        BootStep::Kernel,
        BootStep::Fsck,
        BootStep::Login,
        BootStep::Service,
    ];

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            BootStep::Post => "POST",
            BootStep::Load => "load",
            BootStep::Kernel => "kernel",
            BootStep::Fsck => "fsck",
            BootStep::Login => "login",
            BootStep::Service => "service",
        }
    }
}

/// What checks of file systems said; the worst comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FsckVerdict {
    /// A check is under way, or ended without a word.
    Checking,
    /// Nothing was wrong.
    Clean,
    /// Something was wrong, and was repaired.
    Repaired,
    /// It wants a person.
    Failed,
}

impl FsckVerdict {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            FsckVerdict::Checking => "no verdict yet",
            FsckVerdict::Clean => "clean",
            FsckVerdict::Repaired => "repaired",
            FsckVerdict::Failed => "FAILED: it wants a person",
        }
    }
}

/// A step that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootReached {
    /// Which.
    pub step: BootStep,
    /// So long after the boot began, milliseconds.
    pub after_ms: u64,
}

/// What a line says of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Step(BootStep),
    Fsck(FsckVerdict),
}

/// Signs at the beginning of a line, a kernel's time stamp left out. Sun's firmware: released sources
/// (openboot `bootparm.fth`, `banner.fth`) and published logs; OpenBIOS and Linux: recorded.
const BEGINNINGS: [(&str, BootStep); 19] = [
    ("@(#)", BootStep::Post),
    ("Clearing TLBs", BootStep::Post),
    ("Executing Power On", BootStep::Post),
    ("Hardware Power ON", BootStep::Post),
    ("Probing ", BootStep::Post),
    ("Resetting ...", BootStep::Post),
    ("rebooting...", BootStep::Post),
    ("OpenBIOS for ", BootStep::Post),
    ("Ethernet address ", BootStep::Post),
    ("Rebooting with command: ", BootStep::Load),
    ("Executing last command: ", BootStep::Load),
    ("Boot device: ", BootStep::Load),
    ("Trying ", BootStep::Load),
    ("Loading ", BootStep::Load),
    ("Loaded ", BootStep::Load),
    ("SunOS Release ", BootStep::Kernel),
    ("PROMLIB: ", BootStep::Kernel),
    ("Linux version ", BootStep::Kernel),
    ("Booting Linux", BootStep::Kernel),
];

/// Words of checks of file systems: Solaris' `fsck` and `mountall`, e2fsck(8), systemd-fsck(8).
const CHECKS: [(&str, FsckVerdict); 19] = [
    ("is being checked", FsckVerdict::Checking),
    ("check forced", FsckVerdict::Checking),
    ("** Phase ", FsckVerdict::Checking),
    ("recovering journal", FsckVerdict::Checking),
    ("fsck from util-linux", FsckVerdict::Checking),
    (": clean, ", FsckVerdict::Clean),
    (": is clean", FsckVerdict::Clean),
    (": is logging", FsckVerdict::Clean),
    (": is stable", FsckVerdict::Clean),
    (" is okay", FsckVerdict::Clean),
    ("FILE SYSTEM STATE SET TO OKAY", FsckVerdict::Clean),
    ("FILE SYSTEM WAS MODIFIED", FsckVerdict::Repaired),
    ("SALVAGED", FsckVerdict::Repaired),
    (": recovery complete", FsckVerdict::Repaired),
    ("UNEXPECTED INCONSISTENCY", FsckVerdict::Failed),
    ("fsck MANUALLY", FsckVerdict::Failed),
    ("fsck manually", FsckVerdict::Failed),
    ("Unable to repair", FsckVerdict::Failed),
    ("fsck failed", FsckVerdict::Failed),
];

fn sign(line: &str) -> Option<Sign> {
    let line = unstamped(line.trim_start());
    let checks = CHECKS.iter().filter(|(words, _)| line.contains(words));
    if let Some(verdict) = checks.map(|(_, verdict)| *verdict).max() {
        return Some(Sign::Fsck(verdict));
    }
    let mut beginnings = BEGINNINGS.iter();
    let found = beginnings.find(|(words, _)| line.starts_with(words));
    found.map(|(_, step)| Sign::Step(*step))
}

/// Without a kernel's time stamp: `[    0.000000] `.
fn unstamped(line: &str) -> &str {
    let stamped = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    match stamped {
        Some((stamp, rest)) if stamp.trim().parse::<f64>().is_ok() => rest,
        _ => line,
    }
}

/// Where a node stands, as far as a boot is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootStands {
    /// It starts.
    Starting,
    /// It has its login prompt; its package's service is awaited.
    Login,
    /// Nothing more is awaited: it serves, or has nothing to serve.
    Serves,
    /// It does not boot any more, for this reason.
    Not(&'static str),
    /// That cannot be told just now.
    Unclear,
}

impl Machine {
    /// Whether a node starts, and its console is there to tell of it.
    pub fn is_starting(&self, n: NodeId) -> bool {
        let node = &self.nodes[n];
        node.epoch().is_some() && node.condition == Condition::Starting
    }

    /// Where a node stands, as far as a boot is concerned.
    pub fn boot_stands(&self, n: NodeId) -> BootStands {
        let node = &self.nodes[n];
        if node.epoch().is_none() {
            return BootStands::Not("its console was lost");
        }
        match node.condition {
            Condition::Starting => BootStands::Starting,
            Condition::Prompt => BootStands::Not("it is at its prompt"),
            Condition::Panicked => BootStands::Not("it panicked"),
            Condition::Unknown | Condition::Silent => BootStands::Unclear,
            Condition::Running => {
                let mut packages = 0..self.packages.len();
                let awaited = packages.any(|p| {
                    let serves = matches!(self.footing(p).is, Serves::Up | Serves::Degraded);
                    self.primary(p) == Some(n) && !serves
                });
                match awaited {
                    true => BootStands::Login,
                    false => BootStands::Serves,
                }
            }
        }
    }
}

/// A boot that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booted {
    /// The steps that were reached, in their order.
    pub steps: Vec<BootReached>,
    /// What the checks of file systems said.
    pub fsck: Option<FsckVerdict>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Why it did not come to its end, if it did not.
    pub failed: Option<String>,
}

impl Booted {
    /// Whether anything was loaded: a self test alone is no boot.
    pub fn loaded(&self) -> bool {
        self.steps
            .iter()
            .any(|reached| reached.step > BootStep::Post)
    }
}

/// A boot that is under way.
#[derive(Clone, Debug)]
pub struct BootCourse {
    began: Moment,
    steps: Vec<BootReached>,
    fsck: Option<FsckVerdict>,
    line: Vec<u8>,
}

impl BootCourse {
    /// A boot that begins now.
    pub fn begin(now: Moment) -> BootCourse {
        BootCourse {
            began: now,
            steps: Vec::new(),
            fsck: None,
            line: Vec::new(),
        }
    }

    /// When it began.
    pub fn began(&self) -> Moment {
        self.began
    }

    /// The steps that were reached, in their order.
    pub fn steps(&self) -> &[BootReached] {
        &self.steps
    }

    /// What the checks of file systems said.
    pub fn fsck(&self) -> Option<FsckVerdict> {
        self.fsck
    }

    /// The console said this.
    pub fn hear(&mut self, bytes: &[u8], now: Moment) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(self.line.len());
            self.line
                .extend(piece.iter().take(room).filter(|b| **b != b'\r'));
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.line_is(&String::from_utf8_lossy(&line), now);
            }
        }
    }

    fn line_is(&mut self, line: &str, now: Moment) {
        match sign(line) {
            Some(Sign::Step(BootStep::Post)) if self.has(BootStep::Kernel) => {
                // It starts all over again.
                *self = BootCourse::begin(now);
                self.reach(BootStep::Post, now);
            }
            Some(Sign::Step(step)) => self.reach(step, now),
            Some(Sign::Fsck(verdict)) if self.has(BootStep::Kernel) => {
                self.reach(BootStep::Fsck, now);
                self.fsck = self.fsck.max(Some(verdict));
            }
            Some(Sign::Fsck(_)) | None => {}
        }
    }

    /// A step that only others see is reached: the login prompt, the service.
    pub fn reach(&mut self, step: BootStep, now: Moment) {
        let behind = self.steps.last().is_some_and(|last| last.step >= step);
        if behind {
            return;
        }
        let after_ms = millis(now.since(self.began));
        self.steps.push(BootReached { step, after_ms });
    }

    fn has(&self, step: BootStep) -> bool {
        self.steps.iter().any(|reached| reached.step == step)
    }

    /// The node stands so now: what is told once the boot is over.
    pub fn look(&mut self, stands: &BootStands, now: Moment) -> Option<Booted> {
        let failed = match stands {
            BootStands::Login => {
                self.reach(BootStep::Login, now);
                None
            }
            BootStands::Serves => {
                self.reach(BootStep::Login, now);
                self.reach(BootStep::Service, now);
                return Some(self.over(None, now));
            }
            BootStands::Not(why) => Some(*why),
            BootStands::Starting | BootStands::Unclear => None,
        };
        let late = now.since(self.began) > LONGEST;
        let failed = failed.or(late.then_some("no end of it was seen"))?;
        Some(self.over(Some(failed.to_owned()), now))
    }

    fn over(&self, failed: Option<String>, now: Moment) -> Booted {
        Booted {
            steps: self.steps.clone(),
            fsck: self.fsck,
            took_ms: millis(now.since(self.began)),
            failed,
        }
    }
}

/// `POST 0 ms, load 9 s, …`: a boot's steps in one line.
pub fn in_a_line(steps: &[BootReached], fsck: Option<FsckVerdict>) -> String {
    let step = |reached: &BootReached| {
        let after = Span(Duration::from_millis(reached.after_ms));
        let verdict = match (reached.step, fsck) {
            (BootStep::Fsck, Some(FsckVerdict::Checking)) | (_, None) => String::new(),
            (BootStep::Fsck, Some(verdict)) => format!(" ({})", verdict.words()),
            _ => String::new(),
        };
        format!("{} after {after}{verdict}", reached.step.word())
    };
    steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

/// The usual time after which each step is reached: the median of these boots.
pub fn usual(boots: &[&[BootReached]]) -> Vec<BootReached> {
    let usual = |step: &BootStep| {
        let of_step = |steps: &&[BootReached]| {
            let mut steps = steps.iter();
            steps
                .find(|reached| reached.step == *step)
                .map(|r| r.after_ms)
        };
        let mut times: Vec<u64> = boots.iter().filter_map(of_step).collect();
        times.sort_unstable();
        let after_ms = *times.get(times.len() / 2)?;
        Some(BootReached {
            step: *step,
            after_ms,
        })
    };
    BootStep::ALL.iter().filter_map(usual).collect()
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
