//! The key `console` of a node: an address, or a map with one.

use std::time::Duration;

use crate::clock::Span;
use crate::config::console::{
    Address, BreakKind, ConsoleSpec, Discipline, Newline, Parity, SshLogin, fits,
};
use crate::config::fields::{Fields, Mend, Report, items, scalar};
use crate::config::value;
use crate::config::yaml::{Shape, Tree};

/// The longest pause between two characters.
const SLOWEST: Duration = Duration::from_secs(1);

/// Reads a console.
pub fn console(tree: &Tree, report: &mut Report<'_>) -> Option<ConsoleSpec> {
    if !matches!(tree.shape, Shape::Map(_)) {
        return scalar(tree, "console", report, address).map(ConsoleSpec::usual);
    }
    let mut fields = Fields::open(tree, "`console`", report)?;
    let at = fields.needed("at", "write `at: telnet://HOST:PORT`", report, address);
    let breaks = match fields.get("break") {
        Some(tree) => breaks(tree, at.as_ref(), report).map(Some),
        None => Some(None),
    };
    let discipline = discipline(&mut fields, report);
    let keepalive = fields.maybe("keepalive", report, value::span);
    let lost_after = fields.maybe("lost_after", report, value::span);
    let login = match fields.get("ssh") {
        Some(tree) => ssh(tree, at.as_ref(), report).map(Some),
        None => Some(None),
    };
    fields.close(report);
    let usual = ConsoleSpec::usual(at?);
    Some(ConsoleSpec {
        breaks: breaks?.unwrap_or(usual.breaks),
        discipline: discipline?,
        ssh: login?.map(Box::new).or(usual.ssh),
        keepalive,
        lost_after,
        at: usual.at,
    })
}

fn address(text: &str) -> Result<Address, Mend> {
    text.parse::<Address>().map_err(|bad| {
        let help = "docs/consoles.md shows every kind of console";
        Mend::new(bad.to_string(), help)
    })
}

/// One kind of BREAK, or a list of them.
fn breaks(tree: &Tree, at: Option<&Address>, report: &mut Report<'_>) -> Option<Vec<BreakKind>> {
    let trees = match &tree.shape {
        Shape::List(_) => items(tree, "break", report)?,
        _ => std::slice::from_ref(tree),
    };
    let mut kinds = Vec::new();
    for one in trees {
        let kind = scalar(one, "break", report, |text| {
            let kind = BreakKind::parse(text).map_err(|why| Mend::new(why, ""))?;
            match at.map(|at| fits(&kind, at)) {
                Some(Err(why)) => Err(Mend::new(why, "")),
                _ => Ok(kind),
            }
        })?;
        kinds.push(kind);
    }
    let nothing_else = kinds.len() > 1 && kinds.contains(&BreakKind::None);
    if kinds.is_empty() || nothing_else {
        let message = "`none` stands alone, and a list has at least one kind";
        report.error(
            tree,
            message,
            "write `break: none`, or kinds to be tried in turn",
        );
        return None;
    }
    Some(kinds)
}

fn discipline(fields: &mut Fields<'_>, report: &mut Report<'_>) -> Option<Discipline> {
    let usual = Discipline::default();
    let bits = read(fields, "bits", report, |text| match text {
        "7" => Ok(true),
        "8" => Ok(false),
        _ => Err(Mend::new(
            format!("{text} bits make no character here"),
            "write `bits: 7` or `bits: 8`",
        )),
    });
    let parity = read(fields, "parity", report, |text| match text {
        "none" => Ok(Parity::None),
        "even" => Ok(Parity::Even),
        "odd" => Ok(Parity::Odd),
        _ => Err(Mend::new(
            format!("{text} is no parity"),
            "write `none`, `even` or `odd`",
        )),
    });
    let newline = read(fields, "newline", report, |text| match text {
        "cr" => Ok(Newline::Cr),
        "lf" => Ok(Newline::Lf),
        "crlf" => Ok(Newline::CrLf),
        _ => Err(Mend::new(
            format!("{text} is no newline"),
            "write `cr`, `lf` or `crlf`",
        )),
    });
    let pace = read(fields, "pace", report, |text| {
        value::span(text).and_then(|span| match span <= SLOWEST {
            true => Ok(span),
            false => Err(Mend::new(
                format!("{} between two characters is too slow", Span(span)),
                "write at most `pace: 1s`; slow UARTs want some milliseconds",
            )),
        })
    });
    let echo = read(fields, "echo", report, yes_or_no);
    Some(Discipline {
        seven_bits: bits.ok()?.unwrap_or(usual.seven_bits),
        parity: parity.ok()?.unwrap_or(usual.parity),
        newline: newline.ok()?.unwrap_or(usual.newline),
        pace: pace.ok()?.unwrap_or(usual.pace),
        echo: echo.ok()?.unwrap_or(usual.echo),
    })
}

fn ssh(tree: &Tree, at: Option<&Address>, report: &mut Report<'_>) -> Option<SshLogin> {
    if at.is_some_and(|at| !matches!(at, Address::Ssh { .. })) {
        report.error(
            tree,
            "`ssh` stands beside an address that is no ssh://",
            "take it out",
        );
        return None;
    }
    let usual = SshLogin::default();
    let mut fields = Fields::open(tree, "`ssh`", report)?;
    let text = |text: &str| match text.is_empty() || text.chars().any(char::is_control) {
        true => Err(Mend::new("this names nothing", "")),
        false => Ok(text.to_owned()),
    };
    let key = read(&mut fields, "key", report, text);
    let password_file = read(&mut fields, "password_file", report, text);
    let known_hosts = read(&mut fields, "known_hosts", report, text);
    let command = read(&mut fields, "command", report, text);
    let agent = read(&mut fields, "agent", report, yes_or_no);
    let accept_new = read(&mut fields, "accept_new", report, yes_or_no);
    let legacy = read(&mut fields, "legacy", report, yes_or_no);
    let pty = read(&mut fields, "pty", report, yes_or_no);
    fields.close(report);
    let login = SshLogin {
        key: key.ok()?,
        agent: agent.ok()?.unwrap_or(usual.agent),
        password_file: password_file.ok()?,
        known_hosts: known_hosts.ok()?.unwrap_or(usual.known_hosts),
        accept_new: accept_new.ok()?.unwrap_or(usual.accept_new),
        legacy: legacy.ok()?.unwrap_or(usual.legacy),
        command: command.ok()?,
        pty: pty.ok()?.unwrap_or(usual.pty),
    };
    if login.key.is_none() && login.password_file.is_none() && !login.agent {
        report.error(
            tree,
            "nothing is said of how to log in",
            "write `key: FILE`, `agent: yes` or `password_file: FILE`",
        );
        return None;
    }
    Some(login)
}

/// A value that was told as faulty.
struct Faulty;

/// A key that may be there.
fn read<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    report: &mut Report<'_>,
    parse: impl FnOnce(&str) -> Result<T, Mend>,
) -> Result<Option<T>, Faulty> {
    match fields.get(key) {
        None => Ok(None),
        Some(tree) => scalar(tree, key, report, parse).map(Some).ok_or(Faulty),
    }
}

fn yes_or_no(text: &str) -> Result<bool, Mend> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(Mend::new(
            format!("{text} is neither yes nor no"),
            "write `yes` or `no`",
        )),
    }
}
