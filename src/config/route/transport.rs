//! The keys of a mail server, a webhook, a syslog daemon.

use core::net::IpAddr;

use super::{Mail, Syslog, SyslogAt, Template, Tls, Url, Webhook};
use crate::config::fault::shown;
use crate::config::fields::{Fields, Mend, Report, entries, items, scalar};
use crate::config::yaml::{Shape, Tree};

/// The facilities of RFC 5424, table 1, as syslog.conf has them, each at its number.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];
const DAEMON: u8 = 3;
/// The port of syslog, RFC 5426 and 6587.
const SYSLOG_PORT: u16 = 514;

pub(super) fn mail(tree: &Tree, report: &mut Report<'_>) -> Option<Mail> {
    let mut fields = Fields::open(tree, "`mail`", report)?;
    let server = fields.needed("server", "the mail server's name", report, host);
    let tls = fields.maybe("tls", report, |text| match text {
        "starttls" => Ok(Tls::Starttls),
        "tls" => Ok(Tls::Tls),
        "none" => Ok(Tls::None),
        _ => Err(Mend::new(
            format!("{} is no way to protect a connection", shown(text)),
            "write `starttls`, `tls` or `none`",
        )),
    });
    let here = server.as_deref().is_some_and(is_loopback);
    let tls = tls.unwrap_or(if here { Tls::None } else { Tls::Starttls });
    let port = fields.maybe("port", report, port);
    let from = fields.needed("from", "the sender's address", report, address);
    let to = fields.need("to", "the receivers: [ops@example.com]", report);
    let to = to.and_then(|tree| addresses(tree, report));
    let user = fields.maybe("user", report, one_word);
    let password = fields.get("password_file");
    let password_file = password.and_then(|tree| scalar(tree, "password_file", report, file));
    let ca_file = fields.maybe("ca_file", report, file);
    fields.close(report);
    match (&user, password) {
        (Some(_), None) => report.error(
            tree,
            "`user` needs a `password_file`",
            "the password stands alone in a file that only clusterd may read",
        ),
        (None, Some(at)) => report.error(at, "`password_file` needs a `user`", "say whose it is"),
        (Some(_), Some(at)) if tls == Tls::None && !here => report.error(
            at,
            "the password would travel in clear",
            "write `tls: starttls` or `tls: tls`",
        ),
        _ => {}
    }
    Some(Mail {
        server: server?,
        port: port.unwrap_or(match tls {
            Tls::None => 25,
            Tls::Starttls => 587,
            Tls::Tls => 465,
        }),
        tls,
        from: from?,
        to: to?,
        user,
        password_file,
        ca_file,
    })
}

fn addresses(tree: &Tree, report: &mut Report<'_>) -> Option<Vec<String>> {
    let one = std::slice::from_ref(tree);
    let list = match tree.shape {
        Shape::Text(_) => one,
        _ => items(tree, "to", report)?,
    };
    if list.is_empty() {
        report.error(tree, "nobody gets these mails", "write [ops@example.com]");
        return None;
    }
    list.iter()
        .map(|item| scalar(item, "to", report, address))
        .collect()
}

pub(super) fn webhook(tree: &Tree, report: &mut Report<'_>) -> Option<Webhook> {
    let mut fields = Fields::open(tree, "`webhook`", report)?;
    let url = url(&mut fields, report);
    let headers = fields.get("headers");
    let headers = headers.map(|tree| header_map(tree, "headers", report, header_value));
    let secret = fields.get("secret_headers");
    let secret = secret.map(|tree| header_map(tree, "secret_headers", report, file));
    let template = fields.maybe("template", report, Template::parse);
    let ca_file = fields.maybe("ca_file", report, file);
    fields.close(report);
    Some(Webhook {
        url: url?,
        headers: headers.unwrap_or_default(),
        secret_headers: secret.unwrap_or_default(),
        template,
        ca_file,
    })
}

/// `url` or `url_file`.
pub(super) fn url(fields: &mut Fields<'_>, report: &mut Report<'_>) -> Option<Url> {
    if let Some(second) = fields.get("url_file") {
        if fields.get("url").is_some() {
            let message = "`url` and `url_file` stand side by side";
            report.error(second, message, "keep one of them");
            return None;
        }
        return scalar(second, "url_file", report, file).map(Url::File);
    }
    let mend = "write `url: https://…`, or `url_file: FILE` if it is a secret";
    let tree = fields.need("url", mend, report)?;
    let url = scalar(tree, "url", report, |text| {
        check_url(text).map_err(|why| {
            Mend::new(
                why,
                "write `http://HOST[:PORT]/…` or `https://HOST[:PORT]/…`",
            )
        })?;
        Ok(Url::Plain(text.to_owned()))
    });
    if url.is_none() {
        report.hide(tree);
    }
    url
}

/// Whether requests can be sent there.
///
/// # Errors
/// What is wrong, without the address itself: it may be a secret.
pub fn check_url(text: &str) -> Result<(), String> {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Err("this is no web address".to_owned());
    };
    let server = rest.split(['/', '?', '#']).next().unwrap_or("");
    let plain = text
        .chars()
        .all(|c| c.is_ascii_graphic() && !"<>\"{}|\\^`".contains(c));
    if server.is_empty() || !plain || text.len() > 2000 {
        return Err("this is no web address".to_owned());
    }
    if server.contains('@') {
        return Err(
            "a name and a password in a web address: `secret_headers` keeps them in a file"
                .to_owned(),
        );
    }
    Ok(())
}

fn header_map<'t>(
    tree: &'t Tree,
    key: &str,
    report: &mut Report<'_>,
    parse: fn(&str) -> Result<String, Mend>,
) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, at, value) in entries(tree, &format!("`{key}`"), report).unwrap_or_default() {
        // A token, RFC 9110, 5.6.2.
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            report.error(at, format!("{} is no name of a header", shown(name)), "");
            continue;
        }
        let own = ["content-length", "transfer-encoding", "host", "connection"];
        if own.contains(&name.to_ascii_lowercase().as_str()) {
            report.error(at, format!("clusterd writes {name} itself"), "take it out");
            continue;
        }
        if key == "headers" && name.eq_ignore_ascii_case("authorization") {
            report.hide(value);
            let help = "put the value alone into a file of mode 600: secret_headers: { Authorization: FILE }";
            report.error(at, "a secret stands in this file", help);
            continue;
        }
        let value = scalar(value, name, report, parse);
        headers.extend(value.map(|value| (name.to_owned(), value)));
    }
    headers
}

fn header_value(text: &str) -> Result<String, Mend> {
    match text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) && text.trim() == text {
        true => Ok(text.to_owned()),
        false => Err(Mend::new(
            "this is no value of a header",
            "plain characters alone",
        )),
    }
}

pub(super) fn syslog(tree: &Tree, report: &mut Report<'_>) -> Option<Syslog> {
    let mut fields = Fields::open(tree, "`syslog`", report)?;
    let to = fields.maybe("to", report, syslog_at);
    let facility = fields.maybe("facility", report, |text| {
        let found = FACILITIES.iter().position(|name| *name == text);
        found.and_then(|at| u8::try_from(at).ok()).ok_or_else(|| {
            Mend::new(
                format!("{} is no facility", shown(text)),
                "write `daemon`, or `local0` to `local7`",
            )
        })
    });
    let faulty = to.is_none() && tree.find_key("to").is_some();
    fields.close(report);
    if faulty {
        return None;
    }
    Some(Syslog {
        to: to.unwrap_or_else(|| SyslogAt::Local("/dev/log".to_owned())),
        facility: facility.unwrap_or(DAEMON),
    })
}

fn syslog_at(text: &str) -> Result<SyslogAt, Mend> {
    if text.contains('/') {
        return file(text).map(SyslogAt::Local);
    }
    let place = |rest: &str| -> Option<(String, u16)> {
        let (name, number) = match rest.rsplit_once(':') {
            Some((name, number)) if !name.contains(':') || name.ends_with(']') => {
                (name, number.parse().ok().filter(|port| *port != 0)?)
            }
            _ => (rest, SYSLOG_PORT),
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        host(name).ok().map(|name| (name, number))
    };
    let found = match text.split_once(':') {
        Some(("udp", rest)) => place(rest).map(|(host, port)| SyslogAt::Udp(host, port)),
        Some(("tcp", rest)) => place(rest).map(|(host, port)| SyslogAt::Tcp(host, port)),
        _ => None,
    };
    found.ok_or_else(|| {
        Mend::new(
            format!("{} is no place of a syslog daemon", shown(text)),
            "write a socket, /dev/log, or udp:HOST:PORT or tcp:HOST:PORT",
        )
    })
}

/// A name of a machine or an address of it.
fn host(text: &str) -> Result<String, Mend> {
    let name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let good = !text.is_empty() && text.len() <= 253 && text.chars().all(name);
    match (good && !text.starts_with('-')) || text.parse::<IpAddr>().is_ok() {
        true => Ok(text.to_owned()),
        false => Err(Mend::new(
            format!("{} is no name of a machine", shown(text)),
            "write its name or its address",
        )),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn port(text: &str) -> Result<u16, Mend> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| Mend::new(format!("{} is no port", shown(text)), ""))
}

fn one_word(text: &str) -> Result<String, Mend> {
    match !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(Mend::new(format!("{} is no name", shown(text)), "")),
    }
}

/// A mail address: of RFC 5321 what people write.
fn address(text: &str) -> Result<String, Mend> {
    let mailbox = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
    let good = text.rsplit_once('@').is_some_and(|(name, domain)| {
        let dots = !name.starts_with('.') && !name.ends_with('.') && !name.contains("..");
        let label = |label: &str| {
            let inner = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            !label.is_empty() && inner && !label.starts_with('-') && !label.ends_with('-')
        };
        !name.is_empty()
            && dots
            && name.len() <= 64
            && name.chars().all(mailbox)
            && domain.len() <= 253
            && domain.split('.').all(label)
    });
    match good {
        true => Ok(text.to_owned()),
        false => Err(Mend::new(
            format!("{} is no mail address", shown(text)),
            "write it alone: ops@example.com",
        )),
    }
}

/// A path.
pub(super) fn file(text: &str) -> Result<String, Mend> {
    match !text.is_empty() && text.len() <= 1000 && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(Mend::new(format!("{} is no path", shown(text)), "")),
    }
}

/// A command.
pub(in crate::config) fn argv(
    tree: &Tree,
    key: &str,
    report: &mut Report<'_>,
) -> Option<Vec<String>> {
    let words = items(tree, key, report)?;
    let words = words.iter().map(|word| {
        scalar(word, key, report, |text| match text.contains('\0') {
            true => Err(Mend::new("a command word cannot hold a NUL", "")),
            false => Ok(text.to_owned()),
        })
    });
    let argv = words.collect::<Option<Vec<String>>>()?;
    if argv.first().is_none_or(String::is_empty) {
        report.error(tree, format!("`{key}` names no program"), "");
        return None;
    }
    Some(argv)
}
