//! The status for people: what a tired operator asks first stands first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use super::orders;
mod alone;
mod overview;

pub(super) use overview::open_alarms;
use overview::{overview, summary};

use super::table::{columns, labelled};
use crate::alarm::Alarm;
use crate::clock::Span;
use crate::config::console::Asked;
use crate::control::{ClusterReport, ConsoleReport, Level, Report, StandingWord};
use crate::logfile::harmless;
use crate::machine::snapshot::{MaintenanceSnapshot, NodeSnapshot, OutSnapshot, PackageSnapshot};
use crate::scribe::stamp;
use crate::script::program::Severity;

/// So many clusters are shown whole; of more than these each is a line.
const WHOLE: usize = 4;

/// Whether to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Text alone.
    Plain,
    /// Text with terminal colours.
    Colour,
}

impl Ink {
    fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Ink::Plain => text.to_owned(),
            Ink::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// The whole text, at most `width` columns wide where words allow it.
pub fn render(report: &Report, ink: Ink, width: usize) -> String {
    let mut out = summary(report, ink);
    if report.clusters.len() > WHOLE {
        out.push('\n');
        out.push_str(&overview(report));
        out.push_str("\nclusterd status CLUSTER shows all of one.\n");
    } else {
        for cluster in &report.clusters {
            out.push('\n');
            out.push_str(&whole(cluster, ink, width));
        }
        if let [one] = report.clusters.as_slice() {
            out.push_str(&alone::boots_under_way(one, ink, width));
        }
    }
    out.push('\n');
    out.push_str(&alarms(report, ink, width));
    if let [one] = report.clusters.as_slice() {
        // Last, for a screen that is too small loses what stands there.
        out.push_str(&alone::rest(one, report.host.now_ms, ink, width));
    }
    out
}

fn whole(cluster: &ClusterReport, ink: Ink, width: usize) -> String {
    let name = ink.bold(&cluster.cluster);
    let Some(snapshot) = &cluster.snapshot else {
        let why = cluster
            .not_guarded
            .as_deref()
            .unwrap_or("its task does not answer");
        let mut out = format!("{name}  {}\n", ink.red("NOT GUARDED"));
        out.push_str(&labelled("file", &cluster.file, 2, width));
        for line in why.lines() {
            let _ = writeln!(out, "  {}", harmless(line));
        }
        return out;
    };
    let mut out = String::new();
    for package in &snapshot.packages {
        let _ = writeln!(out, "{name}  {}", headline(package, cluster, ink));
        out.push_str(&package_lines(package, cluster, width));
    }
    if let Some(kept) = &snapshot.maintenance {
        out.push_str(&labelled("MAINT", &maintenance(kept), 2, width));
    }
    if let Some(reload) = &cluster.reload {
        out.push_str(&labelled("reload", &harmless(reload), 2, width));
    }
    out.push('\n');
    out.push_str(&nodes(cluster, &snapshot.nodes, snapshot.packages.first()));
    for node in &snapshot.nodes {
        out.push_str(&node_lines(node, cluster, width));
    }
    out.push_str(&labelled("links", &links(cluster), 2, width));
    out
}

/// Whose maintenance it is, and what that means.
fn maintenance(kept: &MaintenanceSnapshot) -> String {
    format!(
        "in maintenance by {} for {}, {} yet: {}; nothing is written there, nothing is done by itself",
        harmless(&kept.who),
        age(kept.age_ms.max(1000)),
        age(kept.left_ms / 1000 * 1000),
        harmless(&kept.reason),
    )
}

/// Who took it out of service, and what that means.
fn out_of_service(out: &OutSnapshot) -> String {
    let (who, reason) = (harmless(&out.who), harmless(&out.reason));
    if out.over {
        return format!(
            "its time out of service is over (by {who}: {reason}): it counts as running. Back? Say --back; not yet? Say it again"
        );
    }
    let siege = match out.siege_suspended {
        true => "; its siege is suspended",
        false => "",
    };
    format!(
        "out of service by {who} for {}, {} yet: {reason}; it counts as stopped on that word, until it shows life{siege}",
        age(out.age_ms.max(1000)),
        age(out.left_ms / 1000 * 1000),
    )
}

/// How long a console may look connected and be dead, and which ones for ever.
fn links(cluster: &ClusterReport) -> String {
    let mut alike: BTreeMap<(Asked, Option<u64>), Vec<String>> = BTreeMap::new();
    for console in &cluster.consoles {
        let nodes = alike
            .entry((console.asked, console.lost_after_ms))
            .or_default();
        nodes.push(harmless(&console.node).into_owned());
    }
    let several = alike.len() > 1;
    let told = alike.into_iter().map(|(how, nodes)| match several {
        true => format!("{}: {}", nodes.join(", "), found_dead(how)),
        false => found_dead(how),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// What of a console is found dead, and when.
fn found_dead((asked, after): (Asked, Option<u64>)) -> String {
    match (asked, after.map(age)) {
        (Asked::Session, Some(after)) => format!("a dead console is lost after {after}"),
        (Asked::Host, Some(after)) => {
            format!(
                "a dead host is lost after {after}, a hung console there never: only the node itself can tell"
            )
        }
        _ => "a hung console is never found: only the node itself can tell".to_owned(),
    }
}

/// Who has the package, and whether that is well.
fn headline(package: &PackageSnapshot, cluster: &ClusterReport, ink: Ink) -> String {
    let name = &package.package;
    let who = match (&package.primary, package.confirmed) {
        (Some(primary), true) => format!("{name} is on {}", ink.bold(primary)),
        (Some(primary), false) => {
            format!(
                "{name} was given to {} and {}",
                ink.bold(primary),
                ink.yellow("not seen to serve yet")
            )
        }
        (None, _) => format!("it is not known who has {name}"),
    };
    match cluster.standing.word {
        StandingWord::Ok => who,
        word => format!("{}  {who}", painted(word, ink)),
    }
}

/// The word in the colour of how bad it is.
fn painted(word: StandingWord, ink: Ink) -> String {
    let text = word.to_string();
    match word.level() {
        Level::Ok => text,
        Level::Critical => ink.red(&text),
        Level::Warning | Level::Unknown => ink.yellow(&text),
    }
}

fn package_lines(package: &PackageSnapshot, cluster: &ClusterReport, width: usize) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: &str| {
        out.push_str(&labelled(label, &harmless(text), 2, width));
    };
    let standing = &cluster.standing;
    match (&package.hold, standing.word) {
        (Some(hold), _) => line("HOLD", hold),
        // The lines of the doubts say more.
        (None, StandingWord::Ok | StandingWord::Impaired) => {}
        (None, word) => line(&word.to_string(), &standing.why),
    }
    let snapshot = cluster.snapshot.as_ref();
    for doubt in snapshot.iter().flat_map(|s| &s.doubts) {
        let since = age(doubt.age_ms);
        let held = match snapshot.and_then(|s| s.overruled.as_ref()) {
            Some(word) if doubt.covered => format!(
                "{} says that this is no reason to hold takeovers, for {} yet",
                word.who,
                age(word.left_ms)
            ),
            _ => "every takeover is held".to_owned(),
        };
        line("impaired", &format!("for {since}: {}; {held}", doubt.text));
    }
    let since = age(package.state_age_ms);
    line(
        "state",
        &format!("{}, for {since}: {}", package.state, package.about),
    );
    if let Some(wait) = &package.waits_for {
        let left = wait
            .left_ms
            .map_or_else(String::new, |left| format!(", {} yet", age(left)));
        line(
            "waits for",
            &format!("{}{left}  [{}]", wait.what, wait.place),
        );
    }
    for (label, text) in orders::lines(package) {
        line(label, &text);
    }
    let answers = match package.address_misses {
        0 => "answers".to_owned(),
        1 => "missed once".to_owned(),
        misses => format!("SILENT, {misses} times in a row"),
    };
    line("address", &format!("{} {answers}", package.address));
    line(
        "policy",
        &format!("{}, script {}", package.data_policy, package.script),
    );
    out
}

fn nodes(
    cluster: &ClusterReport,
    nodes: &[NodeSnapshot],
    package: Option<&PackageSnapshot>,
) -> String {
    let head = [
        "NODE",
        "ROLE",
        "IS",
        "CONSOLE",
        "HEARD",
        "PROVED STOPPED",
        "GUARD",
        "BREAK",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for node in nodes {
        let out = node.out_of_service.as_ref().filter(|out| !out.over);
        let is = match (node.siege, out) {
            (true, _) => format!("{}, BESIEGED", node.condition),
            (false, Some(_)) => "OUT OF SERVICE".to_owned(),
            (false, None) => node.condition.clone(),
        };
        rows.push(vec![
            node.node.clone(),
            role(&node.node, package).to_owned(),
            is,
            console(cluster, &node.node),
            node.heard_age_ms
                .map_or_else(|| "never".to_owned(), |ms| format!("{} ago", age(ms))),
            node.proof.as_ref().map_or_else(
                || "-".to_owned(),
                |p| format!("{}, {} ago", p.text, age(p.age_ms)),
            ),
            if node.guard.starts_with("read") {
                "holds"
            } else {
                "UNKNOWN"
            }
            .to_owned(),
            if node.break_worked {
                "has worked"
            } else {
                "not seen to work"
            }
            .to_owned(),
        ]);
    }
    columns(&rows, 2)
}

/// What does not fit into the columns: evidence, and what is wrong.
fn node_lines(node: &NodeSnapshot, cluster: &ClusterReport, width: usize) -> String {
    let mut texts = Vec::new();
    if let Some(evidence) = &node.evidence {
        texts.push(format!("{} ({} ago)", evidence.text, age(evidence.age_ms)));
    }
    let console = cluster.consoles.iter().find(|c| c.node == node.node);
    if let Some(ConsoleReport {
        up: false,
        why,
        address,
        ..
    }) = console
    {
        let why = why.as_deref().unwrap_or("not tried yet");
        texts.push(format!("console {address} is not connected: {why}"));
    }
    if let Some(console) = console.filter(|console| console.lost > 0) {
        texts.push(format!(
            "{} bytes of its console came too fast and were dropped",
            console.lost
        ));
    }
    if let Some(keyboard) = &node.keyboard {
        texts.push(format!(
            "{} types on its console (last key {} ago): the script leaves it to them",
            keyboard.text,
            age(keyboard.age_ms)
        ));
    }
    if let Some(console) = console.filter(|console| !console.visitors.is_empty()) {
        let visitors = console.visitors.iter().map(|visitor| {
            let how = if visitor.writes {
                "has the pen"
            } else {
                "looks on"
            };
            format!(
                "{} ({how}, {})",
                visitor.who,
                age(visitor.since_ms / 1000 * 1000)
            )
        });
        let visitors = visitors.collect::<Vec<_>>().join(", ");
        texts.push(format!("at its console: {visitors}"));
    }
    texts.extend(node.maintenance.as_ref().map(maintenance));
    texts.extend(node.out_of_service.as_ref().map(out_of_service));
    if !node.guard.starts_with("read") {
        texts.push(format!("standing guard {}", node.guard));
    }
    let lines = texts
        .iter()
        .map(|text| labelled(&node.node, &harmless(text), 2, width));
    lines.collect()
}

fn alarms(report: &Report, ink: Ink, width: usize) -> String {
    if report.alarms.is_empty() {
        return "No open alarm.\n".to_owned();
    }
    let mut out = format!("{}\n", ink.bold("Open alarms"));
    for alarm in &report.alarms {
        let word = alarm.severity.text();
        let head = format!("{word:<8}  {}  {}", alarm.code, whom(alarm));
        let head = match alarm.severity {
            Severity::Critical => ink.red(&head),
            Severity::Warning => ink.yellow(&head),
            Severity::Notice => head,
        };
        let since = stamp(UNIX_EPOCH + Duration::from_millis(alarm.first_ms));
        let ago = age(report.host.now_ms.saturating_sub(alarm.first_ms) / 1000 * 1000);
        let times = match alarm.count {
            0 | 1 => String::new(),
            count => format!(", said {count} times"),
        };
        let before = if alarm.from_before {
            ", not said again since a start or reload"
        } else {
            ""
        };
        let _ = writeln!(out, "  {head}");
        out.push_str(&labelled("", &harmless(&alarm.text), 2, width));
        let _ = writeln!(out, "            since {since}, {ago} ago{times}{before}");
        if let Some(word) = &alarm.acknowledged {
            let word = format!("taken by {}", harmless(&word.to_string()));
            out.push_str(&labelled("", &word, 2, width));
        }
    }
    out
}

fn whom(alarm: &Alarm) -> String {
    match (alarm.cluster.as_str(), alarm.package.as_str()) {
        ("", "") => "this host".to_owned(),
        ("", route) => format!("this host/{route}"),
        (cluster, "") => cluster.to_owned(),
        (cluster, package) => format!("{cluster}/{package}"),
    }
}

fn role(node: &str, package: Option<&PackageSnapshot>) -> &'static str {
    match package {
        Some(package) if package.primary.as_deref() == Some(node) => "primary",
        Some(package) if package.secondary.as_deref() == Some(node) => "secondary",
        _ => "-",
    }
}

fn console(cluster: &ClusterReport, node: &str) -> String {
    match cluster.consoles.iter().find(|console| console.node == node) {
        Some(console) if console.up => format!("up {}", age(console.since_ms)),
        Some(console) => format!("DOWN {}", age(console.since_ms)),
        None => "?".to_owned(),
    }
}

fn age(millis: u64) -> String {
    Span(Duration::from_millis(millis)).to_string()
}

#[cfg(test)]
mod tests;
