//! The keys of `routes:` and `heartbeat:`.

use std::time::Duration;

use super::transport::{argv, file, mail, syslog, url, webhook};
use super::{Glob, Heartbeat, Pulse, Route, Transport};
use crate::config::fault::{nearest, shown};
use crate::config::fields::{Fields, Mend, Report, entries, items, scalar};
use crate::config::value;
use crate::config::yaml::{Shape, Tree};
use crate::script::program::Severity;

/// No home has more routes.
const MOST: usize = 32;
/// The transports' keys.
const KINDS: [&str; 5] = ["mail", "webhook", "syslog", "journald", "exec"];
/// systemd-journald's socket (systemd.io, Native Journal Protocol).
const JOURNALD: &str = "/run/systemd/journal/socket";

/// Reads all routes; those with a fault are left out.
pub fn routes(tree: &Tree, report: &mut Report<'_>) -> Vec<Route> {
    let mut routes = Vec::new();
    let Some(entries) = entries(tree, "`routes`", report) else {
        return routes;
    };
    for (name, key, tree) in entries {
        if let Err(mend) = value::plain_name(name) {
            report.error(key, mend.message, mend.help);
        } else if routes.len() == MOST {
            report.error(
                key,
                format!("more than {MOST} routes"),
                "take some together",
            );
            break;
        } else {
            routes.extend(route(name, key, tree, report));
        }
    }
    routes
}

fn route(name: &str, key: &Tree, tree: &Tree, report: &mut Report<'_>) -> Option<Route> {
    let mut fields = Fields::open(tree, "a route", report)?.under(key);
    let by = transport(name, key, tree, &mut fields, report);
    let mut route = Route {
        name: name.to_owned(),
        by: Transport::Exec(Vec::new()),
        severity: Severity::Warning,
        clusters: Vec::new(),
        repeat: Some(Duration::from_secs(1800)),
        calm: Duration::from_secs(60),
        timeout: Duration::from_secs(20),
        pause: Duration::from_secs(5),
        pause_max: Duration::from_secs(300),
        give_up: Duration::from_secs(24 * 3600),
        alarm_after: Duration::from_secs(60),
    };
    let mut unclear = false;
    if let Some(worst) = fields.maybe("severity", report, severity) {
        route.severity = worst;
    }
    if let Some(tree) = fields.get("clusters") {
        match clusters(tree, report) {
            Some(clusters) => route.clusters = clusters,
            None => unclear = true,
        }
    }
    if let Some(repeat) = fields.maybe("repeat", report, repeat) {
        route.repeat = repeat;
    }
    for (key, place) in [
        ("calm", &mut route.calm),
        ("timeout", &mut route.timeout),
        ("pause", &mut route.pause),
        ("pause_max", &mut route.pause_max),
        ("give_up", &mut route.give_up),
        ("alarm_after", &mut route.alarm_after),
    ] {
        if let Some(span) = fields.maybe(key, report, value::span) {
            *place = span;
        }
    }
    fields.close(report);
    if route.pause > route.pause_max {
        let message = "`pause` is longer than `pause_max`";
        report.error(
            tree,
            message,
            "the pause grows from the first to the second",
        );
    }
    if route.timeout > LONGEST_TRY {
        let message = "`timeout` is longer than 5m";
        report.error(tree, message, "while one message is tried the others wait");
        route.timeout = LONGEST_TRY;
    }
    route.by = by?;
    (!unclear).then_some(route)
}

/// One try of a message holds up all that wait behind it.
const LONGEST_TRY: Duration = Duration::from_secs(300);

fn transport(
    name: &str,
    key: &Tree,
    tree: &Tree,
    fields: &mut Fields<'_>,
    report: &mut Report<'_>,
) -> Option<Transport> {
    let mut found = Vec::new();
    for kind in KINDS {
        if let Some(value) = fields.get(kind) {
            found.push((kind, value));
        }
    }
    match found.as_slice() {
        [] => {
            let Shape::Map(entries) = &tree.shape else {
                return None;
            };
            let mut keys = entries.iter().filter_map(|(key, _)| key.text());
            let help = match keys.find_map(|key| nearest(key, KINDS)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write one of `{}`", KINDS.join("`, `")),
            };
            let message = format!("route {name} says not how its messages travel");
            report.error(key, message, help);
            None
        }
        [("mail", tree)] => mail(tree, report).map(Transport::Mail),
        [("webhook", tree)] => webhook(tree, report).map(Transport::Webhook),
        [("syslog", tree)] => syslog(tree, report).map(Transport::Syslog),
        [("journald", tree)] => journald(tree, report),
        [(_, tree)] => argv(tree, "exec", report).map(Transport::Exec),
        [(first, _), (_, second), ..] => {
            let message = format!("route {name} travels in two ways");
            let help = format!("keep `{first}`, and write a second route for the other");
            report.error(second, message, help);
            None
        }
    }
}

fn journald(tree: &Tree, report: &mut Report<'_>) -> Option<Transport> {
    let mut socket = JOURNALD.to_owned();
    if tree.shape != Shape::Empty {
        let mut fields = Fields::open(tree, "`journald`", report)?;
        if let Some(path) = fields.maybe("socket", report, file) {
            socket = path;
        }
        fields.close(report);
    }
    Some(Transport::Journald { socket })
}

/// None with a fault: a route for some would become one for all.
fn clusters(tree: &Tree, report: &mut Report<'_>) -> Option<Vec<Glob>> {
    let one = std::slice::from_ref(tree);
    let list = match tree.shape {
        Shape::Text(_) => one,
        _ => items(tree, "clusters", report)?,
    };
    if list.is_empty() {
        let help = "leave `clusters` out for all of them";
        report.error(tree, "no cluster stands here", help);
        return None;
    }
    list.iter()
        .map(|item| scalar(item, "clusters", report, glob))
        .collect()
}

fn glob(text: &str) -> Result<Glob, Mend> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.*".contains(c);
    match !text.is_empty() && text.len() <= 80 && text.chars().all(good) {
        true => Ok(Glob::new(text)),
        false => Err(Mend::new(
            format!("{} is no name of clusters", shown(text)),
            "write names, `*` for any part of one: [pki-ca, \"web-*\"]",
        )),
    }
}

fn severity(text: &str) -> Result<Severity, Mend> {
    match text {
        "notice" => Ok(Severity::Notice),
        "warning" => Ok(Severity::Warning),
        "critical" => Ok(Severity::Critical),
        _ => Err(Mend::new(
            format!("{} is no severity", shown(text)),
            "write `notice`, `warning` or `critical`: this and worse",
        )),
    }
}

fn repeat(text: &str) -> Result<Option<Duration>, Mend> {
    match text {
        "never" => Ok(None),
        time => value::span(time).map(Some).map_err(|mend| {
            let help = format!("{}; or `never`", mend.help);
            Mend::new(mend.message, help)
        }),
    }
}

/// Reads `heartbeat:`.
pub fn heartbeat(tree: &Tree, report: &mut Report<'_>) -> Option<Heartbeat> {
    let mut fields = Fields::open(tree, "`heartbeat`", report)?;
    let plain = fields.get("url").is_some();
    let secret = fields.get("url_file").is_some();
    let command = fields.get("exec");
    let method = fields.maybe("method", report, |text| match text {
        "GET" => Ok(false),
        "POST" => Ok(true),
        _ => Err(Mend::new(
            format!("{} is no method of a heartbeat", shown(text)),
            "write `POST` or `GET`",
        )),
    });
    let post = method.unwrap_or(true);
    let by = match (plain || secret, command) {
        (true, None) => url(&mut fields, report).map(|url| Pulse::Http { url, post }),
        (false, Some(tree)) => argv(tree, "exec", report).map(Pulse::Exec),
        (true, Some(second)) => {
            report.error(
                second,
                "the heartbeat travels in two ways",
                "keep one of them",
            );
            None
        }
        (false, None) => {
            let help = "write `url: https://…`, `url_file: FILE` or `exec: [PROGRAM, …]`";
            report.error(tree, "the heartbeat has nowhere to go", help);
            None
        }
    };
    let every = fields.maybe("every", report, value::span);
    let every = every.unwrap_or(Duration::from_secs(60));
    let timeout = fields.maybe("timeout", report, value::span);
    let alarm_after = fields.maybe("alarm_after", report, value::span);
    let ca_file = fields.maybe("ca_file", report, file);
    fields.close(report);
    if timeout.is_some_and(|timeout| timeout > LONGEST_TRY) {
        report.error(tree, "`timeout` is longer than 5m", "");
    }
    let timeout = timeout.unwrap_or(Duration::from_secs(20));
    Some(Heartbeat {
        by: by?,
        every,
        timeout: timeout.min(LONGEST_TRY),
        alarm_after: alarm_after.unwrap_or(every * 5),
        ca_file,
    })
}
