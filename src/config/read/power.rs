//! The keys of a node's power legs.

use std::collections::BTreeMap;

use super::POWER_WITHIN;
use crate::config::fault::{nearest, shown};
use crate::config::fields::{Fields, Mend, Report, entries, items, scalar};
use crate::config::power::{
    FenceAgent, Ipmi, IpmiInterface, IpmiPrivilege, PowerCommands, PowerLeg, PowerRoad,
};
use crate::config::value;
use crate::config::yaml::{Shape, Tree};

/// What a leg begins with.
const ROADS: [&str; 3] = ["agent", "ipmi", "off"];
/// The longest value of an agent's parameter, in bytes.
const LONGEST: usize = 1024;

/// Reads all power legs of a node: a list, or one leg alone.
pub fn power(tree: &Tree, report: &mut Report<'_>) -> Option<Vec<PowerLeg>> {
    let alone = std::slice::from_ref(tree);
    let trees = match tree.shape {
        Shape::Map(_) => alone,
        _ => items(tree, "power", report)?,
    };
    let mut legs = Some(Vec::new());
    for tree in trees {
        match (leg(tree, report), &mut legs) {
            (Some(leg), Some(legs)) => legs.push(leg),
            _ => legs = None,
        }
    }
    legs
}

fn leg(tree: &Tree, report: &mut Report<'_>) -> Option<PowerLeg> {
    if tree.find_key("agent").is_some() {
        agent(tree, report)
    } else if tree.find_key("ipmi").is_some() {
        ipmi(tree, report)
    } else {
        commands(tree, report)
    }
}

fn commands(tree: &Tree, report: &mut Report<'_>) -> Option<PowerLeg> {
    let mut fields = Fields::open(tree, "a power leg", report)?;
    if !["off", "status", "on"]
        .iter()
        .any(|key| tree.find_key(key).is_some())
    {
        nothing(tree, report);
        return None;
    }
    let off = fields
        .need("off", "write `off: [PROGRAM, ARGUMENT, …]`", report)
        .and_then(|tree| argv(tree, "off", report));
    let status = fields
        .need("status", "an off that cannot be asked back proves nothing: write `status: [PROGRAM, ARGUMENT, …]`", report)
        .and_then(|tree| argv(tree, "status", report));
    let on = fields.get("on").map(|tree| argv(tree, "on", report));
    let within = fields.maybe("within", report, value::span);
    fields.close(report);
    Some(PowerLeg {
        road: PowerRoad::Commands(PowerCommands {
            off: off?,
            status: status?,
            on: match on {
                Some(argv) => Some(argv?),
                None => None,
            },
        }),
        within: within.unwrap_or(POWER_WITHIN),
    })
}

/// A leg that names none of its three beginnings.
fn nothing(tree: &Tree, report: &mut Report<'_>) {
    let Shape::Map(entries) = &tree.shape else {
        return;
    };
    let mut keys = entries.iter().filter_map(|(key, _)| key.text());
    let help = match keys.find_map(|key| nearest(key, ROADS)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "begin it with `agent: fence_…`, `ipmi: ADDRESS`, or `off: [PROGRAM, …]`".to_owned()
        }
    };
    report.error(tree, "this power leg says not what switches it", help);
}

pub(super) fn argv(tree: &Tree, key: &str, report: &mut Report<'_>) -> Option<Vec<String>> {
    let words = items(tree, key, report)?;
    let argv: Option<Vec<String>> = words
        .iter()
        .map(|word| {
            scalar(word, key, report, |text| {
                if text.contains('\0') {
                    return Err(Mend::new("a command word cannot hold a NUL", ""));
                }
                Ok(text.to_owned())
            })
        })
        .collect();
    let argv = argv?;
    if argv.first().is_none_or(String::is_empty) {
        report.error(tree, format!("`{key}` names no program"), "");
        return None;
    }
    Some(argv)
}

/// Every key that is not clusterd's own is a parameter of the agent: what the agent knows
/// of them is for the agent to say.
fn agent(tree: &Tree, report: &mut Report<'_>) -> Option<PowerLeg> {
    let mut leg = FenceAgent {
        program: String::new(),
        parameters: BTreeMap::new(),
        secrets: BTreeMap::new(),
    };
    let mut within = Some(POWER_WITHIN);
    let mut good = true;
    for (key, at, tree) in entries(tree, "a power leg", report)? {
        let fine = match key {
            "agent" => scalar(tree, key, report, program)
                .map(|program| leg.program = program)
                .is_some(),
            "within" => {
                within = scalar(tree, key, report, value::span);
                within.is_some()
            }
            "password_file" => scalar(tree, key, report, path)
                .map(|file| leg.secrets.insert("password".to_owned(), file))
                .is_some(),
            "secrets" => secrets(tree, &mut leg.secrets, report),
            // A name that is none comes first: it is not repeated as it stands.
            _ => match name(key).err().or_else(|| own(key)) {
                Some(mend) => {
                    report.error(at, mend.message, mend.help);
                    if secret(&key.replace('-', "_")) {
                        report.hide(tree);
                    }
                    false
                }
                None => parameter(key, (at, tree), report)
                    .map(|value| leg.parameters.insert(key.to_owned(), value))
                    .is_some(),
            },
        };
        good &= fine;
    }
    good.then_some(PowerLeg {
        road: PowerRoad::Agent(leg),
        within: within?,
    })
}

/// What a parameter of this name would spoil, and the mend.
fn own(name: &str) -> Option<Mend> {
    let plain = name.replace('-', "_");
    match plain.as_str() {
        "action" | "option" => Some(Mend::new(
            format!("`{name}` is clusterd's own word to an agent"),
            "take it out",
        )),
        "off" | "on" | "status" | "ipmi" => Some(Mend::new(
            format!("`{name}` and `agent` cannot stand in one power leg"),
            "write a leg for each: - { agent: … }",
        )),
        "missing_as_off" => Some(Mend::new(
            "with `missing_as_off` an outlet that is not there counts as off: a misspelt \
             `plug` would prove that a running node is stopped",
            "take it out",
        )),
        _ if plain.ends_with("_script") && plain.contains("passw") => {
            let key = match plain.trim_end_matches("_script") {
                "password" | "passwd" => "password_file: FILE".to_owned(),
                other => format!("secrets: {{ {other}: FILE }}"),
            };
            Some(Mend::new(
                format!("clusterd takes secrets from files, not from `{name}`"),
                format!("write `{key}`, a file that only this user may read"),
            ))
        }
        _ if secret(&plain) => Some(Mend::new(
            format!("`{name}` is a secret, and this file is no place for one"),
            format!(
                "put it into a file of its own, `chmod 600` that, and write `{}`",
                match plain.as_str() {
                    "password" | "passwd" => "password_file: FILE".to_owned(),
                    _ => format!("secrets: {{ {name}: FILE }}"),
                }
            ),
        )),
        _ => None,
    }
}

/// Whether a parameter of this name holds a secret: the names that the agents of
/// fence-agents 4.12 use.
fn secret(plain: &str) -> bool {
    const SECRETS: [&str; 6] = [
        "apikey",
        "community",
        "hexadecimal_kg",
        "secret_key",
        "token",
        "api_token",
    ];
    SECRETS.contains(&plain) || plain.contains("passw") && !plain.ends_with("_script")
}

fn secrets(tree: &Tree, into: &mut BTreeMap<String, String>, report: &mut Report<'_>) -> bool {
    let Some(entries) = entries(tree, "`secrets`", report) else {
        return false;
    };
    let mut good = true;
    for (key, at, tree) in entries {
        let named = match name(key) {
            Ok(()) => true,
            Err(mend) => {
                report.error(at, mend.message, mend.help);
                false
            }
        };
        match scalar(tree, key, report, path) {
            Some(file) if named => {
                into.insert(key.to_owned(), file);
            }
            _ => good = false,
        }
    }
    good
}

fn parameter(key: &str, (at, tree): (&Tree, &Tree), report: &mut Report<'_>) -> Option<String> {
    let value = scalar(tree, key, report, line)?;
    let plain = key.replace('-', "_");
    if ["verbose", "verbose_level", "debug", "debug_file"].contains(&plain.as_str()) {
        report.warning(
            at,
            format!("with `{key}` an agent may write its password where others read it"),
            "take it out when you are done looking",
        );
    }
    Some(value)
}

/// A parameter's name: nothing that could be another line, or another parameter's value.
fn name(key: &str) -> Result<(), Mend> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if key.chars().all(good)
        && key.starts_with(|c: char| c.is_ascii_alphanumeric())
        && key.len() <= 60
    {
        return Ok(());
    }
    Err(Mend::new(
        format!("{} is no name of a parameter", shown(key)),
        "use the agent's own long names: `AGENT -o metadata` lists them",
    ))
}

/// A value that is one line of an agent's input, and that the agent gets as it is: the
/// agents' library takes blanks from the end of a line, and quotes from around a value.
fn line(text: &str) -> Result<String, Mend> {
    let bad = |why: &str| Err(Mend::new(format!("{} {why}", shown(text)), ""));
    if text.chars().any(char::is_control) {
        return bad("has a control character: an agent reads one line for each parameter");
    }
    if text.len() > LONGEST {
        return bad("is too long for a parameter");
    }
    if text != text.trim_end() || (text.len() > 1 && text.starts_with('"') && text.ends_with('"')) {
        return bad("would reach the agent without its quotes or its blanks at the end");
    }
    Ok(text.to_owned())
}

/// An agent's program.
fn program(text: &str) -> Result<String, Mend> {
    if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
        return Err(Mend::new(
            format!("{} is no fence agent", shown(text)),
            "write its name, as `fence_apc`, or its path",
        ));
    }
    Ok(text.to_owned())
}

fn path(text: &str) -> Result<String, Mend> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Mend::new(
            format!("{} is no file", shown(text)),
            "write the path of a file that holds nothing but the secret",
        ));
    }
    Ok(text.to_owned())
}

fn ipmi(tree: &Tree, report: &mut Report<'_>) -> Option<PowerLeg> {
    let mut fields = Fields::open(tree, "a power leg", report)?;
    let host = fields.needed("ipmi", "", report, host);
    let port = fields.maybe("port", report, |text| {
        let port: Option<u16> = text.parse().ok().filter(|port| *port != 0);
        port.ok_or_else(|| Mend::new(format!("{} is no port", shown(text)), "IPMI's own is 623"))
    });
    let username = fields.maybe("username", report, username);
    let password_file = fields.needed(
        "password_file",
        "write `password_file: FILE`: a file with the password alone, `chmod 600`",
        report,
        path,
    );
    let interface = fields.maybe("interface", report, |text| match text {
        "lanplus" => Ok(IpmiInterface::Lanplus),
        "lan" => Ok(IpmiInterface::Lan),
        _ => Err(Mend::new(
            format!("{} is no IPMI interface to another machine", shown(text)),
            "write `lanplus` (IPMI 2.0), or `lan` (IPMI 1.5) for an old one",
        )),
    });
    let cipher = fields.maybe("cipher", report, cipher);
    let privilege = fields.maybe("privilege", report, |text| match text {
        "operator" => Ok(IpmiPrivilege::Operator),
        "administrator" => Ok(IpmiPrivilege::Administrator),
        _ => Err(Mend::new(
            format!("{} is no privilege that may switch power", shown(text)),
            "write `operator` or `administrator`",
        )),
    });
    let within = fields.maybe("within", report, value::span);
    if let (Some(at), Some(mend)) = (tree.find_key("password"), own("password")) {
        report.error(at, mend.message, mend.help);
        fields
            .get("password")
            .into_iter()
            .for_each(|secret| report.hide(secret));
        return None;
    }
    if let (Some(IpmiInterface::Lan), Some(at)) = (interface, tree.find_key("cipher")) {
        report.error(
            at,
            "`interface: lan` knows no cipher suites",
            "take one of the two out",
        );
        return None;
    }
    fields.close(report);
    Some(PowerLeg {
        road: PowerRoad::Ipmi(Ipmi {
            host: host?,
            port,
            username,
            password_file: password_file?,
            interface: interface.unwrap_or(IpmiInterface::Lanplus),
            cipher,
            privilege: privilege.unwrap_or(IpmiPrivilege::Administrator),
        }),
        within: within.unwrap_or(POWER_WITHIN),
    })
}

fn host(text: &str) -> Result<String, Mend> {
    let good = |c: char| c.is_ascii_alphanumeric() || ".:-_%".contains(c);
    if text.chars().all(good) && !text.is_empty() && !text.starts_with('-') && text.len() <= 255 {
        return Ok(text.to_owned());
    }
    Err(Mend::new(
        format!("{} is no address of a service processor", shown(text)),
        "write its address: ipmi: 10.0.0.2",
    ))
}

/// IPMI 2.0, 22.28: a user's name is at most 16 characters.
fn username(text: &str) -> Result<String, Mend> {
    let plain = text.chars().all(|c| c.is_ascii_graphic());
    if plain && !text.is_empty() && !text.starts_with('-') && text.len() <= 16 {
        return Ok(text.to_owned());
    }
    Err(Mend::new(
        format!("{} is no user of a service processor", shown(text)),
        "1 to 16 plain characters",
    ))
}

fn cipher(text: &str) -> Result<u8, Mend> {
    match text.parse() {
        Ok(0) => Err(Mend::new(
            "cipher suite 0 checks no password: whoever reaches the service processor could switch the node",
            "write 17, or 3 for an old one, and turn suite 0 off there",
        )),
        Ok(number @ 1..=17) => Ok(number),
        _ => Err(Mend::new(
            format!("{} is no cipher suite", shown(text)),
            "write 17, or 3 for an old one",
        )),
    }
}
