//! The keys of `hooks:`, of a cluster and of a package.

use std::time::Duration;

use crate::config::fault::{nearest, shown};
use crate::config::fields::{Fields, Mend, Report, items};
use crate::config::hook::{Hook, May, Point};
use crate::config::route::argv;
use crate::config::value;
use crate::config::yaml::Tree;

/// No list has more hooks.
const MOST: usize = 32;
/// `timeout` when it is not written.
const TIMEOUT: Duration = Duration::from_secs(30);
/// `every` when it is not written.
const EVERY: Duration = Duration::from_secs(5);
/// A service must not stay down for longer because of a hook.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// No hook takes longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// So long a proof of a firmware reset lives; the machine has the rule.
const PROOF: Duration = Duration::from_secs(60);

/// The hooks of a cluster or a package; those with a fault are left out.
pub fn of(fields: &mut Fields<'_>, report: &mut Report<'_>) -> Vec<Hook> {
    let Some(tree) = fields.get("hooks") else {
        return Vec::new();
    };
    let list = items(tree, "hooks", report).unwrap_or_default();
    if list.len() > MOST {
        let message = format!("more than {MOST} hooks");
        report.error(tree, message, "let one command do what several do");
    }
    let list = list.iter().take(MOST);
    list.filter_map(|tree| hook(tree, report)).collect()
}

fn hook(tree: &Tree, report: &mut Report<'_>) -> Option<Hook> {
    let mut fields = Fields::open(tree, "a hook", report)?;
    let all = Point::ALL.map(Point::word).join(", ");
    let mend = format!("say when it runs: `on: before_boot`; it may be {all}");
    let on = fields.needed("on", &mend, report, point);
    let run = fields
        .need(
            "run",
            "name the command: `run: [/usr/local/sbin/mirror, promote]`",
            report,
        )
        .and_then(|tree| argv(tree, "run", report));
    let may_at = fields.get("may");
    let may = fields.maybe("may", report, may);
    let timeout = fields.maybe("timeout", report, value::span);
    let recover_at = fields.get("recover");
    let recover = recover_at.map(|tree| argv(tree, "recover", report));
    let retries = fields.maybe("retries", report, retries);
    let every = fields.maybe("every", report, value::span);
    fields.close(report);
    if let (Some(at), Some(0)) = (recover_at, retries) {
        let message = "`recover` runs before the next try, and there is none";
        report.error(at, message, "write `retries: 1` or more, or leave it out");
    }
    let hook = Hook {
        on: on?,
        run: run?,
        may: may.unwrap_or_default(),
        timeout: timeout.unwrap_or(TIMEOUT),
        retries: retries.unwrap_or(u32::from(recover_at.is_some())),
        every: every.unwrap_or(EVERY),
        recover: match recover {
            Some(recover) => Some(recover?),
            None => None,
        },
    };
    may_it(&hook, may_at.unwrap_or(tree), report);
    Some(hook)
}

/// Whether it may do what it says, and for how long.
fn may_it(hook: &Hook, at: &Tree, report: &mut Report<'_>) {
    if hook.longest() > LONGEST {
        let message = format!("this hook may take {}", crate::clock::Span(hook.longest()));
        report.error(
            at,
            message,
            "24 hours are the most: a smaller `timeout`, or fewer `retries`",
        );
    }
    if hook.may == May::Nothing {
        return;
    }
    let word = match hook.may {
        May::Veto => "veto",
        _ => "delay",
    };
    let on = hook.on;
    if matches!(on, Point::BeforeFence | Point::AfterFence) {
        let message = format!("a hook can never {word} a fence");
        let help = "a node that must be stopped writes on meanwhile: leave `may` out, the hook then runs beside \
                    the fence; or hold up the boot behind it: `on: before_boot`";
        report.error(at, message, help);
    } else if !on.may_hold_up() {
        let message = format!("a hook on {on} has nothing to {word}: it has happened");
        let help = "leave `may` out; `before_boot` and `before_switchover` can be held up";
        report.error(at, message, help);
    } else if hook.longest() > LONGEST_WAIT {
        let longest = crate::clock::Span(hook.longest());
        let message =
            format!("the service may stay down for {longest} longer because of this hook");
        report.error(
            at,
            message,
            "one hour is the most: a smaller `timeout`, or fewer `retries`",
        );
    } else if hook.longest() > PROOF {
        let longest = crate::clock::Span(hook.longest());
        let message = format!("a boot may wait {longest} for this hook: longer than a proof lives");
        let help = "a proof by firmware reset lives 60 s: the other node is then fenced once more before the boot";
        report.warning(at, message, help);
    }
}

fn point(text: &str) -> Result<Point, Mend> {
    let mut all = Point::ALL.into_iter();
    all.find(|point| point.word() == text).ok_or_else(|| {
        let words = Point::ALL.map(Point::word);
        let help = match nearest(text, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", words.join(", ")),
        };
        Mend::new(format!("{} is nothing that happens", shown(text)), help)
    })
}

fn may(text: &str) -> Result<May, Mend> {
    match text {
        "delay" => Ok(May::Delay),
        "veto" => Ok(May::Veto),
        _ => Err(Mend::new(
            format!("{} is nothing that a hook may", shown(text)),
            "write `delay` or `veto`, or leave it out",
        )),
    }
}

fn retries(text: &str) -> Result<u32, Mend> {
    match text {
        "0" => Ok(0),
        text => value::count(text, 10),
    }
}
