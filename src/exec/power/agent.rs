//! A power leg that is a fence agent of ClusterLabs: `key=value` lines on its standard input,
//! the actions `off`, `on` and `status` (FenceAgentAPI in the fence-agents sources). Nothing
//! about it, not even its address, stands on its command line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{PowerOrder, PowerState, failure, short};
use crate::exec::run::{Finished, Outcome, run_with_input};
use crate::exec::secret::{Secret, SecretFault};

/// Output of an agent that is looked at, in bytes: more than any of them writes.
const OUTPUT: usize = 64 * 1024;

/// One power leg of a node, switched by a fence agent.
///
/// `status` is believed when its exit code (0 on, 2 off) and its words (`Status: ON`,
/// `Status: OFF`) agree: an exit code 2 alone is also what Python and the shells answer
/// when they cannot read a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentLeg {
    /// The program.
    pub program: String,
    /// What it is told, but for the action.
    pub parameters: Vec<(String, String)>,
    /// What it is told and nobody else: read from these files each time.
    pub secrets: Vec<(String, PathBuf)>,
    /// The end of each of its runs.
    pub within: Duration,
}

impl fmt::Display for AgentLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.program.rsplit('/').next().unwrap_or("");
        write!(f, "agent {}", name.escape_debug())?;
        for key in ["ip", "ipaddr", "plug", "port"] {
            if let Some((_, value)) = self.parameters.iter().find(|(name, _)| name == key) {
                write!(f, " {key}={}", value.escape_debug())?;
            }
        }
        Ok(())
    }
}

impl AgentLeg {
    /// Gives the order; or says why the agent did not end with exit code 0 in time.
    pub(super) async fn order(&self, order: PowerOrder) -> Result<(), String> {
        let answer = self.ask(&order.to_string()).await?;
        if answer.finished.succeeded() {
            return Ok(());
        }
        Err(answer.complaint())
    }

    /// Asks for the state.
    pub(super) async fn status(&self) -> PowerState {
        match self.ask("status").await {
            Ok(answer) => answer.state(),
            Err(why) => PowerState::Unknown(why),
        }
    }

    /// What takes one login at a time, as far as its parameters tell.
    pub(super) fn device(&self) -> String {
        let told = |names: &[&str]| {
            let found = self
                .parameters
                .iter()
                .find(|(name, _)| names.contains(&name.as_str()));
            found.map_or("", |(_, value)| value)
        };
        let (host, port) = (told(&["ip", "ipaddr"]), told(&["ipport"]));
        if host.is_empty() {
            // No device of its own, or one that another parameter names.
            return format!("{} {:?}", self.program, self.parameters);
        }
        format!("{} {host} {port}", self.program)
    }

    async fn ask(&self, action: &str) -> Result<Answer, String> {
        let files = self.secrets.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let read = |(name, path): (String, PathBuf)| Ok((name, Secret::read(&path)?));
            files.into_iter().map(read).collect::<Result<Vec<_>, _>>()
        });
        let secrets = reading.await.map_err(|err| err.to_string())?;
        let secrets =
            secrets.map_err(|fault: SecretFault| format!("{fault}; mend: {}", fault.help()))?;
        let input = input(action, &self.parameters, &secrets)?;
        let argv = [self.program.clone()];
        let device = device(self.device());
        let Ok(_alone) = timeout(self.within, device.lock()).await else {
            return Err("another leg kept its device busy".to_owned());
        };
        let finished = run_with_input(&argv, &[], input.as_bytes(), self.within, OUTPUT).await;
        let secrets = secrets.into_iter().map(|(_, secret)| secret).collect();
        Ok(Answer { finished, secrets })
    }
}

/// The lock of a device: many a power strip takes one login and refuses the second, so
/// two legs on one strip, of one node or of two clusters, ask it one after the other.
fn device(name: String) -> Arc<Mutex<()>> {
    /// As many as there are devices in the cluster files.
    static DEVICES: std::sync::Mutex<BTreeMap<String, Arc<Mutex<()>>>> =
        std::sync::Mutex::new(BTreeMap::new());
    let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(devices.entry(name).or_default())
}

/// What the agent reads: a line for each parameter, and no line for anything else.
fn input(
    action: &str,
    parameters: &[(String, String)],
    secrets: &[(String, Secret)],
) -> Result<String, String> {
    let mut input = format!("action={action}\n");
    let plain = parameters
        .iter()
        .map(|(name, value)| (name, value.as_str()));
    let secret = secrets.iter().map(|(name, secret)| (name, secret.line()));
    for (name, value) in plain.chain(secret) {
        let line = |text: &str| !text.chars().any(char::is_control);
        if !line(name) || name.contains('=') || !line(value) {
            return Err(format!(
                "{} is no parameter of one line",
                name.escape_debug()
            ));
        }
        input.push_str(&format!("{name}={value}\n"));
    }
    Ok(input)
}

/// What came of a run.
struct Answer {
    finished: Finished,
    /// What may not be repeated: agents do quote their input.
    secrets: Vec<Secret>,
}

impl Answer {
    fn state(&self) -> PowerState {
        let unknown = |why: &str| PowerState::Unknown(why.to_owned());
        let words = self.words();
        let lost = self.finished.stdout.lost;
        match (&self.finished.outcome, words.as_slice()) {
            (Outcome::Exited(0 | 2), _) if lost > 0 => {
                PowerState::Unknown(format!("it wrote {lost} bytes more than are read"))
            }
            (Outcome::Exited(2), [first, ..])
                if words.iter().all(|word| word == "off") && first == "off" =>
            {
                PowerState::Off
            }
            (Outcome::Exited(0), [first, ..])
                if words.iter().all(|word| word == "on") && first == "on" =>
            {
                PowerState::On
            }
            (Outcome::Exited(2), []) => PowerState::Unknown(format!(
                "{}; that is a fence agent's code for off, but it did not say `Status: OFF`",
                self.complaint()
            )),
            (Outcome::Exited(0), []) => match self.first_line() {
                line if line.is_empty() => unknown("it said nothing"),
                line => PowerState::Unknown(format!(
                    "it said \"{line}\", not `Status: ON` or `Status: OFF`"
                )),
            },
            (Outcome::Exited(code @ (0 | 2)), _) => PowerState::Unknown(format!(
                "its words (Status: {}) and its exit code {code} contradict each other",
                short(&words.join(", ")).to_uppercase()
            )),
            _ => PowerState::Unknown(self.complaint()),
        }
    }

    /// What follows each `Status:` of its output, in small letters.
    fn words(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.finished.stdout.bytes);
        let status = |line: &str| {
            let (label, word) = line.trim().split_once(':')?;
            label
                .eq_ignore_ascii_case("status")
                .then(|| word.trim().to_lowercase())
        };
        text.lines().filter_map(status).collect()
    }

    fn first_line(&self) -> String {
        let text = self.hide(&self.finished.stdout.bytes);
        short(
            text.lines()
                .map(str::trim)
                .find(|line| !line.is_empty())
                .unwrap_or(""),
        )
    }

    /// How it failed, in its own words: the last error of its log, or its last line.
    fn complaint(&self) -> String {
        let text = self.hide(&self.finished.stderr.bytes);
        let said = |line: &&str| !line.is_empty() && !line.ends_with("Please use '-h' for usage");
        let lines: Vec<&str> = text.lines().map(str::trim).filter(said).collect();
        let error = lines
            .iter()
            .rev()
            .find_map(|line| line.split_once("ERROR:"));
        let line = error
            .map(|(_, why)| why.trim_start_matches("root:"))
            .or(lines.last().copied());
        failure(&self.finished.outcome, line.unwrap_or(""))
    }

    fn hide(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.secrets
            .iter()
            .fold(text, |text, secret| secret.hide(&text))
    }
}
