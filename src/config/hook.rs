//! Hooks: commands before and after what happens to a package. `docs/hooks.md` shows them.

use std::fmt;
use std::time::Duration;

/// One command and when it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// When.
    pub on: Point,
    /// The program and its arguments; no shell reads them.
    pub run: Vec<String>,
    /// What it may do to the boot that it stands before.
    pub may: May,
    /// How long one run may take.
    pub timeout: Duration,
    /// How often it is run again when it failed.
    pub retries: u32,
    /// The pause before it is run again.
    pub every: Duration,
    /// What is run after a failure, before the next try.
    pub recover: Option<Vec<String>>,
}

impl Hook {
    /// The longest that all its tries take, with recoveries and pauses.
    pub fn longest(&self) -> Duration {
        let recovery = self
            .recover
            .as_ref()
            .map_or(Duration::ZERO, |_| self.timeout);
        self.timeout + (self.timeout + recovery + self.every) * self.retries
    }
}

/// What a hook may do to what it stands before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum May {
    /// Nothing: it runs beside.
    #[default]
    Nothing,
    /// Hold it up until it has ended, whatever its end.
    Delay,
    /// Hold it up, and refuse it.
    Veto,
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// A node is about to be stopped for good.
    BeforeFence,
    /// It is proved stopped, or could not be.
    AfterFence,
    /// A node is about to be given the package: every boot.
    BeforeBoot,
    /// The boot has ended.
    AfterBoot,
    /// Another node than before is about to be given the package.
    BeforeSwitchover,
    /// That boot has ended.
    AfterSwitchover,
    /// Nothing goes on by itself.
    Hold,
    /// It goes on.
    HoldEnded,
    /// The package serves, and for a while no healthy standby has been there.
    Degraded,
    /// One is there again.
    Repaired,
    /// The cluster, or a node of it, is in maintenance from now on.
    Maintenance,
    /// It is not any more.
    MaintenanceEnded,
    /// The monitor doubts itself.
    Impaired,
    /// It does not any more.
    Well,
}

impl Point {
    /// All of them, in the order in which they come.
    pub const ALL: [Point; 14] = [
        Point::BeforeFence,
        Point::AfterFence,
        Point::BeforeSwitchover,
        Point::BeforeBoot,
        Point::AfterBoot,
        Point::AfterSwitchover,
        Point::Hold,
        Point::HoldEnded,
        Point::Degraded,
        Point::Repaired,
        Point::Maintenance,
        Point::MaintenanceEnded,
        Point::Impaired,
        Point::Well,
    ];

    /// Its name in files, logs and the environment.
    pub fn word(self) -> &'static str {
        match self {
            Point::BeforeFence => "before_fence",
            Point::AfterFence => "after_fence",
            Point::BeforeBoot => "before_boot",
            Point::AfterBoot => "after_boot",
            Point::BeforeSwitchover => "before_switchover",
            Point::AfterSwitchover => "after_switchover",
            Point::Hold => "hold",
            Point::HoldEnded => "hold_ended",
            Point::Degraded => "degraded",
            Point::Repaired => "repaired",
            Point::Maintenance => "maintenance",
            Point::MaintenanceEnded => "maintenance_ended",
            Point::Impaired => "impaired",
            Point::Well => "well",
        }
    }

    /// Whether a hook there may hold up what it stands before. A fence never waits for anything: a node
    /// that writes where it should not goes on writing meanwhile.
    pub fn may_hold_up(self) -> bool {
        matches!(self, Point::BeforeBoot | Point::BeforeSwitchover)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_is_all_tries_with_all_that_is_between() {
        let mut hook = Hook {
            on: Point::BeforeBoot,
            run: vec!["true".to_owned()],
            may: May::Delay,
            timeout: Duration::from_secs(30),
            retries: 0,
            every: Duration::from_secs(5),
            recover: None,
        };
        assert_eq!(hook.longest(), Duration::from_secs(30));
        hook.retries = 2;
        assert_eq!(hook.longest(), Duration::from_secs(100));
        hook.recover = Some(vec!["true".to_owned()]);
        assert_eq!(hook.longest(), Duration::from_secs(160));
    }
}
