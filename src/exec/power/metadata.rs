//! What a fence agent says of itself: its parameters and actions, as XML (ClusterLabs,
//! FenceAgentAPI, `action=metadata`).

use std::time::Duration;

use super::failure;
use crate::exec::run::run_with_input;

/// The longest description that is read, in bytes; those of fence-agents 4.12 have 11 KiB.
const LONGEST: usize = 256 * 1024;

/// What an agent can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentMetadata {
    /// Its parameters, in its own order.
    pub parameters: Vec<Parameter>,
    /// Its actions.
    pub actions: Vec<String>,
}

/// A parameter of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it has a value when it is not.
    pub has_default: bool,
    /// An older name of the same.
    pub obsoletes: Option<String>,
}

impl AgentMetadata {
    /// Whether the agent knows a parameter of this name. To its library `-` and `_` are one.
    pub fn knows(&self, name: &str) -> bool {
        self.parameters.iter().any(|p| alike(&p.name, name))
    }

    /// The parameters that must be given and are not among these names, each under its
    /// newest name.
    pub fn missing<'a>(&'a self, given: &[&str]) -> Vec<&'a str> {
        let has = |name: &str| given.iter().any(|given| alike(given, name));
        let newest = |parameter: &Parameter| {
            let by = |p: &&Parameter| {
                p.obsoletes
                    .as_deref()
                    .is_some_and(|old| alike(old, &parameter.name))
            };
            self.parameters.iter().find(by).is_none()
        };
        let needed = |p: &&Parameter| p.required && !p.has_default && newest(p);
        let absent = |p: &&Parameter| !has(&p.name) && !p.obsoletes.as_deref().is_some_and(has);
        let missing = self.parameters.iter().filter(needed).filter(absent);
        missing
            .map(|p| p.name.as_str())
            .filter(|name| *name != "action")
            .collect()
    }
}

fn alike(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}

/// Asks an agent for its description.
///
/// # Errors
/// It does not end well in time, or says nothing that is one; how, in a person's words.
pub async fn metadata(program: &str, within: Duration) -> Result<AgentMetadata, String> {
    let argv = [program.to_owned()];
    let finished = run_with_input(&argv, &[], b"action=metadata\n", within, LONGEST).await;
    if !finished.succeeded() {
        let text = String::from_utf8_lossy(&finished.stderr.bytes);
        let line = text.lines().rev().find(|line| !line.trim().is_empty());
        return Err(failure(&finished.outcome, line.unwrap_or("")));
    }
    let read = read(&String::from_utf8_lossy(&finished.stdout.bytes));
    if finished.stdout.lost > 0 || read.parameters.is_empty() || read.actions.is_empty() {
        return Err("it does not describe itself as a fence agent".to_owned());
    }
    Ok(read)
}

/// The parameters and actions of a description. Only tags and their attributes count;
/// texts between them are skipped.
fn read(text: &str) -> AgentMetadata {
    let mut read = AgentMetadata::default();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (name, attributes, after) = tag(rest);
        rest = after;
        let value = |wanted: &str| {
            let found = attributes.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| plain(value))
        };
        match name {
            "parameter" => read.parameters.extend(value("name").map(|name| Parameter {
                name,
                required: value("required").is_some_and(|v| v == "1" || v == "true"),
                has_default: false,
                obsoletes: value("obsoletes"),
            })),
            "content" => {
                if let (Some(last), Some(_)) = (read.parameters.last_mut(), value("default")) {
                    last.has_default = true;
                }
            }
            "action" => read.actions.extend(value("name")),
            _ => {}
        }
    }
    read
}

/// The name and attributes of the tag that begins here, and what follows it.
fn tag(text: &str) -> (&str, Vec<(&str, &str)>, &str) {
    let end = |c: char| c.is_whitespace() || "/>".contains(c);
    let (name, mut rest) = text.split_at(text.find(end).unwrap_or(text.len()));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/' || c == '?');
        if rest.is_empty() {
            return (name, attributes, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (name, attributes, after);
        }
        let at = rest
            .find(|c: char| c == '=' || end(c))
            .unwrap_or(rest.len());
        let (key, after) = rest.split_at(at);
        rest = after;
        let quoted = after.strip_prefix('=').and_then(|value| {
            let quote = value.chars().next().filter(|c| "\"'".contains(*c))?;
            value[1..].split_once(quote)
        });
        if let Some((value, after)) = quoted {
            attributes.push((key, value));
            rest = after;
        } else if at == 0 {
            // An equals sign without a name: not XML, and not for ever.
            rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
        }
    }
}

/// A value without its entities.
fn plain(value: &str) -> String {
    value
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut from what `fence_apc -o metadata` of fence-agents 4.12 prints.
    const APC: &str = r#"<?xml version="1.0" ?>
<resource-agent name="fence_apc" shortdesc="Fence agent for APC &lt;over&gt; telnet/ssh" >
<!-- <parameter name="not_this" required="1"> -->
<parameters>
	<parameter name="action" unique="0" required="1">
		<getopt mixed="-o, --action=[action]" />
		<content type="string" default="reboot"  />
	</parameter>
	<parameter name="ip" unique="0" required="1" obsoletes="ipaddr">
		<getopt mixed="-a, --ip=[ip]" />
		<content type="string"  />
		<shortdesc lang="en">a < b, as some of them write</shortdesc>
	</parameter>
	<parameter name="ipaddr" unique="0" required="1" deprecated="1">
		<content type="string"  />
	</parameter>
	<parameter name='power-wait' unique="0" required="0"><content type="second" default="0"/></parameter>
</parameters>
<actions><action name="off" /><action name="status"/></actions>
</resource-agent>"#;

    #[test]
    fn a_description_is_read() {
        let apc = read(APC);
        let names: Vec<&str> = apc.parameters.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["action", "ip", "ipaddr", "power-wait"]);
        assert_eq!(apc.actions, ["off", "status"]);
        assert!(apc.knows("power_wait") && !apc.knows("plugg"));
        assert_eq!(apc.missing(&[]), ["ip"]);
        assert_eq!(apc.missing(&["ipaddr"]), Vec::<&str>::new());
        assert_eq!(apc.missing(&["ip"]), Vec::<&str>::new());
    }

    #[test]
    fn what_is_no_description_has_an_end() {
        for text in [
            "",
            "<",
            "<a",
            "<a =",
            "<a b=\"",
            "<a b=c>",
            "<!--",
            "< = = >é",
            "<action name='x'",
        ] {
            read(text);
        }
    }
}
