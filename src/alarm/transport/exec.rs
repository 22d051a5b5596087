//! A command of the operator's: an SMS, an SNMP trap. It gets the message as JSON on its standard input and
//! piecewise in its environment; exit code 0 says that it was taken.

use super::{Carrier, Trouble, in_home};
use crate::alarm::message::Message;
use crate::config::route::PLACEHOLDERS;
use crate::exec::{Outcome, run_with_input};

/// The most that is kept of what a command says, bytes.
const SAID: usize = 1024;

pub(super) async fn send(
    argv: &[String],
    carrier: &Carrier,
    message: &Message,
    id: u64,
) -> Result<String, Trouble> {
    let mut env: Vec<(String, String)> = PLACEHOLDERS
        .iter()
        .map(|name| {
            let value = message.value(name, &carrier.host, id);
            (format!("CLUSTERD_{}", name.to_uppercase()), value)
        })
        .collect();
    env.push(("CLUSTERD_ROUTE".to_owned(), carrier.route.clone()));
    let json = format!("{}\n", message.json(&carrier.host, id));
    let argv = in_home(argv, &carrier.home);
    run(&argv, &env, json.as_bytes(), carrier.within).await
}

/// Runs a command to its end, and gives its last words.
pub(in crate::alarm) async fn run(
    argv: &[String],
    env: &[(String, String)],
    input: &[u8],
    within: std::time::Duration,
) -> Result<String, Trouble> {
    let finished = run_with_input(argv, env, input, within, SAID).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if finished.succeeded() {
        return Ok("exit code 0".to_owned());
    }
    let said = match text(&finished.stderr.bytes) {
        said if said.is_empty() => text(&finished.stdout.bytes),
        said => said,
    };
    let program = argv.first().map_or("", String::as_str);
    let why = match said.as_str() {
        "" => format!("{program}: {}", finished.outcome),
        said => format!("{program}: {}: {said}", finished.outcome),
    };
    match finished.outcome {
        // EX_TEMPFAIL of sysexits.h: later, please.
        Outcome::Exited(code) if code != 75 => Err(Trouble::Refused(why)),
        _ => Err(Trouble::Unreachable(why)),
    }
}
