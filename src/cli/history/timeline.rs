//! A switchover for people: each phase with its time, and the whole against its targets.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Span;
use crate::config::Targets;
use crate::logfile::harmless;
use crate::machine::timeline::{Outcome, Phase, Switchover};
use crate::scribe::stamp;
use crate::store::from_millis;

/// What a takeover may take where the cluster file states no target: what the paper found on
/// production machines.
const USUAL: &str = "5 to 8 min are usual";

/// A part of a switchover against its target. Times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Measured {
    /// `takeover`, `fence`, `boot`: as the cluster file names them; `outage` has no target.
    pub part: &'static str,
    /// How long it took.
    pub took_ms: u64,
    /// How long it may take, where somebody said.
    pub target_ms: Option<u64>,
    /// Whether it took longer.
    pub late: bool,
}

/// The parts that were reached. They are measured as the alarms `takeover_slow`, `fence_slow` and
/// `boot_slow` are.
pub(super) fn measured(switchover: &Switchover, targets: Targets) -> Vec<Measured> {
    let parts = [
        ("fence", Phase::Fence, Phase::Given, targets.fence),
        ("boot", Phase::Given, Phase::Login, targets.boot),
        ("takeover", Phase::Fence, Phase::Login, targets.takeover),
        ("outage", Phase::Evidence, Phase::Service, None),
    ];
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut found = Vec::new();
    for (part, from, to, target) in parts {
        if let Some(took) = switchover.between(from, to) {
            found.push(Measured {
                part,
                took_ms: millis(took),
                target_ms: target.map(millis),
                late: target.is_some_and(|target| took > target),
            });
        }
    }
    found
}

/// One switchover.
pub(super) fn render(switchover: &Switchover, targets: Targets) -> String {
    let begin = switchover.reached.first().map_or(0, |first| first.at_ms);
    let mut out = format!(
        "{}  {}  {}\n",
        stamp(from_millis(begin)),
        switchover.package,
        headline(switchover)
    );
    match switchover.restarts {
        0 => {}
        1 => out.push_str("  clusterd started anew in the middle of it\n"),
        times => {
            let _ = writeln!(
                out,
                "  clusterd started anew {times} times in the middle of it"
            );
        }
    }
    out.push_str("  after       took        phase\n");
    let mut before = begin;
    for reached in &switchover.reached {
        let span = |millis: u64| Span(Duration::from_millis(millis)).to_string();
        let text = match reached.text.as_str() {
            "" => String::new(),
            text => format!(" ({})", harmless(text)),
        };
        let _ = writeln!(
            out,
            "  {:<10}  {:<10}  {}{text}",
            span(reached.at_ms.saturating_sub(begin)),
            span(reached.at_ms.saturating_sub(before)),
            reached.phase.words()
        );
        before = reached.at_ms;
    }
    for part in measured(switchover, targets) {
        let _ = writeln!(out, "  {}", against(part));
    }
    out
}

fn headline(switchover: &Switchover) -> String {
    let name = |node: &Option<String>| node.clone().unwrap_or_else(|| "nobody".to_owned());
    let (from, to) = (name(&switchover.from), name(&switchover.to));
    let stopped = name(&switchover.stopped);
    match &switchover.outcome {
        Outcome::Moved => format!("moved from {from} to {to}"),
        Outcome::Restarted => format!("started again on {to}"),
        Outcome::OnlyStopped => format!("{stopped} was stopped, nothing was booted"),
        Outcome::UnderWay => format!("{stopped} is stopped for good, and no end is known"),
        Outcome::Hold(why) => format!("HOLD: {}", harmless(why)),
    }
}

fn against(part: Measured) -> String {
    let span = |millis: u64| Span(Duration::from_millis(millis)).to_string();
    let took = span(part.took_ms);
    match (part.part, part.target_ms) {
        ("outage", _) => format!(
            "{:<10}  {took} from the first evidence to the service",
            part.part
        ),
        (name, Some(target)) if part.late => {
            format!("{name:<10}  {took}, LATE: the target is {}", span(target))
        }
        (name, Some(target)) => format!(
            "{name:<10}  {took}, in time: the target is {}",
            span(target)
        ),
        ("takeover", None) => format!("{:<10}  {took}, no target is stated; {USUAL}", part.part),
        (name, None) => format!("{name:<10}  {took}, no target is stated"),
    }
}

/// How many there are besides.
pub(super) fn count(all: usize, shown: usize) -> String {
    match (all, all - shown) {
        (1, _) => "1 switchover in that time".to_owned(),
        (all, 0) => format!("{all} switchovers in that time"),
        (all, more) => format!("{all} switchovers in that time; --last {all} shows {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::timeline::Reached;

    fn moved() -> Switchover {
        let begin = 1_793_714_709_000;
        let reached = |phase, at: u64, text: &str| Reached {
            phase,
            at_ms: begin + at,
            text: text.to_owned(),
        };
        Switchover {
            package: "ca".to_owned(),
            from: Some("ca1".to_owned()),
            stopped: Some("ca1".to_owned()),
            to: Some("ca2".to_owned()),
            reached: vec![
                reached(Phase::Evidence, 0, "panic \x1b[2J"),
                reached(Phase::Fence, 4200, "openboot_reset for ca1"),
                reached(Phase::Proved, 40_000, "firmware reset"),
                reached(Phase::Given, 40_500, "ca2"),
                reached(Phase::Login, 220_500, ""),
                reached(Phase::Service, 221_000, ""),
            ],
            outcome: Outcome::Moved,
            restarts: 0,
        }
    }

    #[test]
    fn a_takeover_against_its_targets() {
        let seconds = |s| Some(Duration::from_secs(s));
        let targets = Targets {
            takeover: seconds(480),
            fence: seconds(30),
            boot: None,
        };
        let text = render(&moved(), targets);
        let wanted = "\
2026-11-03 14:05:09.000Z  ca  moved from ca1 to ca2
  after       took        phase
  0 ms        0 ms        first evidence (panic \\x1b[2J)
  4.2 s       4.2 s       evidence enough: the fence begins (openboot_reset for ca1)
  40 s        35.8 s      proved stopped (firmware reset)
  40.5 s      500 ms      the package is given to the other machine (ca2)
  3 min 40 s  3 min       its login prompt
  3 min 41 s  500 ms      the service was asked, the watch goes on
  fence       36.3 s, LATE: the target is 30 s
  boot        3 min, no target is stated
  takeover    3 min 36 s, in time: the target is 8 min
  outage      3 min 41 s from the first evidence to the service
";
        assert_eq!(text, wanted, "\n{text}");
        let free = render(&moved(), Targets::default());
        assert!(
            free.contains("takeover    3 min 36 s, no target is stated; 5 to 8 min are usual"),
            "{free}"
        );
    }

    #[test]
    fn what_did_not_end_says_so() {
        let mut one = moved();
        one.reached.truncate(2);
        one.to = None;
        one.outcome = Outcome::Hold("no proof".to_owned());
        one.restarts = 2;
        let text = render(&one, Targets::default());
        assert!(text.contains("  ca  HOLD: no proof\n"), "{text}");
        assert!(text.contains("started anew 2 times"), "{text}");
        assert!(measured(&one, Targets::default()).is_empty());
        assert_eq!(
            count(5, 3),
            "5 switchovers in that time; --last 5 shows 2 more"
        );
    }
}
