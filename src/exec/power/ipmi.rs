//! A power leg that is a service processor, spoken to by `ipmitool`. The password reaches it
//! as the name of a file (`-f`), never as a word of its command line.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{PowerOrder, PowerState, failure, short};
use crate::exec::run::{Finished, run};
use crate::exec::secret::Secret;

/// The program.
pub const IPMITOOL: &str = "ipmitool";

/// Output that is looked at, in bytes.
const OUTPUT: usize = 16 * 1024;

/// The longest password of IPMI 2.0, in bytes; ipmitool cuts a longer one without a word.
const LONGEST_PASSWORD: usize = 20;

/// One power leg of a node: its service processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpmiLeg {
    /// Its address or name.
    pub host: String,
    /// Its UDP port; none: 623.
    pub port: Option<u16>,
    /// Who logs in.
    pub username: Option<String>,
    /// The file of the password.
    pub password_file: PathBuf,
    /// ipmitool's `-I`: `lanplus` or `lan`.
    pub interface: &'static str,
    /// ipmitool's `-C`: the cipher suite.
    pub cipher: Option<u8>,
    /// ipmitool's `-L`: `OPERATOR` or `ADMINISTRATOR`.
    pub privilege: &'static str,
    /// The end of each run.
    pub within: Duration,
}

impl fmt::Display for IpmiLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ipmi {}", self.host)
    }
}

impl IpmiLeg {
    /// Gives the order; or says why it was not taken.
    pub(super) async fn order(&self, order: PowerOrder) -> Result<(), String> {
        let finished = self.run(&order.to_string()).await?;
        // Completion code d5h, as some service processors answer an off while they are off
        // (IPMI 2.0, table 5-2). Whether it is off is for the status to say.
        let already = said(&finished).contains("Command not supported in present state");
        if finished.succeeded() || already {
            return Ok(());
        }
        Err(complaint(&finished))
    }

    /// Asks for the state.
    pub(super) async fn status(&self) -> PowerState {
        let finished = match self.run("status").await {
            Ok(finished) => finished,
            Err(why) => return PowerState::Unknown(why),
        };
        if !finished.succeeded() {
            return PowerState::Unknown(complaint(&finished));
        }
        let text = String::from_utf8_lossy(&finished.stdout.bytes);
        match text.trim() {
            "Chassis Power is off" => PowerState::Off,
            "Chassis Power is on" => PowerState::On,
            "" => PowerState::Unknown("ipmitool said nothing".to_owned()),
            other => PowerState::Unknown(format!("ipmitool said \"{}\"", short(other))),
        }
    }

    /// The service processor.
    pub(super) fn device(&self) -> String {
        format!("ipmi {} {}", self.host, self.port.unwrap_or(623))
    }

    async fn run(&self, what: &str) -> Result<Finished, String> {
        let path = self.password_file.clone();
        let reading = tokio::task::spawn_blocking(move || Secret::read(&path));
        let secret = reading.await.map_err(|err| err.to_string())?;
        let secret = secret.map_err(|fault| format!("{fault}; mend: {}", fault.help()))?;
        if secret.line().len() > LONGEST_PASSWORD {
            return Err(format!(
                "a password of IPMI has at most {LONGEST_PASSWORD} bytes"
            ));
        }
        Ok(run(&self.argv(what), &[], self.within, OUTPUT).await)
    }

    /// ipmitool's command line. Three tries, a second or two apart, make six seconds for a
    /// host that does not answer; its own default makes twenty.
    fn argv(&self, what: &str) -> Vec<String> {
        let mut argv: Vec<String> = [IPMITOOL, "-N", "1", "-R", "2", "-I", self.interface]
            .map(str::to_owned)
            .into();
        let mut option = |name: &str, value: String| argv.extend([name.to_owned(), value]);
        option("-H", self.host.clone());
        if let Some(port) = self.port {
            option("-p", port.to_string());
        }
        if let Some(username) = &self.username {
            option("-U", username.clone());
        }
        if let Some(cipher) = self.cipher {
            option("-C", cipher.to_string());
        }
        option("-L", self.privilege.to_owned());
        option("-f", self.password_file.display().to_string());
        argv.extend(["chassis", "power", what].map(str::to_owned));
        argv
    }
}

/// All that it said of its troubles, in one line: the first of several is the cause.
fn said(finished: &Finished) -> String {
    let text = String::from_utf8_lossy(&finished.stderr.bytes);
    // Said of a file that is missing, and of a request that every old processor refuses.
    let noise = ["IANA PEN registry", "HPM.x Capabilities"];
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !noise.iter().any(|noise| line.contains(noise)));
    lines.collect::<Vec<_>>().join("; ")
}

fn complaint(finished: &Finished) -> String {
    failure(&finished.outcome, &said(finished))
}
