//! The host's own settings: `clusterd.yaml`. Every key may be left out, and so may the file.

use std::time::Duration;

use super::fields::{Fields, Mend, Report};
use super::value;
use super::yaml::Tree;

/// What holds for the monitoring host as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The socket that `status` and its like talk to, as a path from the home directory.
    pub control_socket: String,
    /// `clusterd.log` and `alarms.log`.
    pub log: Rotation,
    /// Each cluster's `activity.log`.
    pub activity: Rotation,
    /// Each node's console transcript.
    pub transcript: Rotation,
    /// How long the journal keeps events. Roles, proofs and open intents are kept always.
    pub journal_keep: Duration,
    /// Console links.
    pub console: ConsoleSettings,
    /// Pings.
    pub ping: PingSettings,
}

/// When a log file is put aside, and how many old ones stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes after which a file is put aside.
    pub size: u64,
    /// How many files stay, the present one not counted.
    pub keep: u32,
}

/// How console links are opened and held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long a link may be idle before TCP asks whether the other end is still there.
    pub keepalive: Duration,
    /// The pause before the first new try after a link was lost; doubled with each failure.
    pub retry_first: Duration,
    /// The longest such pause.
    pub retry_most: Duration,
}

/// How addresses are pinged. The pings of one interval are always spread over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingSettings {
    /// A reply that comes later counts as missed.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            control_socket: "clusterd.sock".to_owned(),
            log: Rotation {
                size: 10 << 20,
                keep: 5,
            },
            activity: Rotation {
                size: 10 << 20,
                keep: 5,
            },
            transcript: Rotation {
                size: 20 << 20,
                keep: 5,
            },
            journal_keep: Duration::from_secs(400 * 24 * 3600),
            console: ConsoleSettings {
                connect_timeout: Duration::from_secs(10),
                keepalive: Duration::from_secs(10),
                retry_first: Duration::from_secs(1),
                retry_most: Duration::from_secs(30),
            },
            ping: PingSettings {
                timeout: Duration::from_secs(1),
            },
        }
    }
}

/// Reads the settings; what is missing or faulty has its default.
pub fn settings(tree: &Tree, report: &mut Report<'_>) -> Settings {
    let mut settings = Settings::default();
    let Some(mut fields) = Fields::open(tree, "clusterd.yaml", report) else {
        return settings;
    };
    put(
        &mut settings.control_socket,
        fields.maybe("control_socket", report, socket),
    );
    rotation("log", &mut settings.log, &mut fields, report);
    rotation("activity", &mut settings.activity, &mut fields, report);
    rotation("transcript", &mut settings.transcript, &mut fields, report);
    put(
        &mut settings.journal_keep,
        fields.maybe("journal_keep", report, value::span),
    );
    if let Some(tree) = fields.get("console") {
        console(tree, &mut settings.console, report);
    }
    if let Some(tree) = fields.get("ping")
        && let Some(mut ping) = Fields::open(tree, "`ping`", report)
    {
        put(
            &mut settings.ping.timeout,
            ping.maybe("timeout", report, value::span),
        );
        ping.close(report);
    }
    fields.close(report);
    settings
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn rotation(
    key: &'static str,
    rotation: &mut Rotation,
    fields: &mut Fields<'_>,
    report: &mut Report<'_>,
) {
    let Some(tree) = fields.get(key) else { return };
    let Some(mut fields) = Fields::open(tree, &format!("`{key}`"), report) else {
        return;
    };
    put(
        &mut rotation.size,
        fields.maybe("size", report, value::size),
    );
    let keep = fields.maybe("keep", report, |text| value::count(text, 1000));
    put(&mut rotation.keep, keep);
    fields.close(report);
}

fn console(tree: &Tree, console: &mut ConsoleSettings, report: &mut Report<'_>) {
    let Some(mut fields) = Fields::open(tree, "`console`", report) else {
        return;
    };
    for (key, place) in [
        ("connect_timeout", &mut console.connect_timeout),
        ("keepalive", &mut console.keepalive),
        ("retry_first", &mut console.retry_first),
        ("retry_most", &mut console.retry_most),
    ] {
        put(place, fields.maybe(key, report, value::span));
    }
    fields.close(report);
    if console.retry_first > console.retry_most {
        let message = "`retry_first` is longer than `retry_most`";
        report.error(
            tree,
            message,
            "the pause grows from the first to the second",
        );
    }
}

/// A socket path: Linux takes 107 bytes, the home directory's path included.
fn socket(text: &str) -> Result<String, Mend> {
    let plain = text.chars().all(|c| !c.is_control());
    if plain && !text.is_empty() && !text.ends_with('/') && text.len() <= 100 {
        return Ok(text.to_owned());
    }
    Err(Mend::new(
        format!("{text:?} is no path for a socket"),
        "write a short path; it is taken from the home directory",
    ))
}
