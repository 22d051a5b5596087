//! The host's own settings: `clusterd.yaml`. Every key may be left out, and so may the file.

use core::net::IpAddr;
use std::time::Duration;

use super::access::{self, Access};
use super::fields::{Fields, Mend, Report};
use super::metrics::{self, Metrics};
use super::route::{self, Heartbeat, Route};
use super::value;
use super::yaml::Tree;

/// What holds for the monitoring host as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The socket that `status` and its like talk to, as a path from the home directory.
    pub control_socket: String,
    /// The group that may open the control socket besides its owner.
    pub control_group: Option<String>,
    /// Who else may do what.
    pub access: Access,
    /// After so long without a key a person's pause of a script ends.
    pub keyboard_idle: Duration,
    /// `clusterd.log` and `alarms.log`.
    pub log: Rotation,
    /// Each cluster's `activity.log`.
    pub activity: Rotation,
    /// The nodes' console transcripts.
    pub transcript: Transcripts,
    /// How much the journal keeps of what passes by. Roles, intents and sieges stay always.
    pub journal: JournalSettings,
    /// Console links.
    pub console: ConsoleSettings,
    /// Pings.
    pub ping: PingSettings,
    /// On what roads alarms leave this host.
    pub routes: Vec<Route>,
    /// The sign of life to an outside address.
    pub heartbeat: Option<Heartbeat>,
    /// Where the metrics can be fetched; none: over the control socket alone.
    pub metrics: Option<Metrics>,
}

/// When a log file is put aside, and how many old ones stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes after which a file is put aside.
    pub size: u64,
    /// How many files stay, the present one not counted.
    pub keep: u32,
}

/// What is kept of the consoles' transcripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transcripts {
    /// Of each console.
    pub rotation: Rotation,
    /// Whether a file is put aside with the first record of each day (UTC) too.
    pub daily: bool,
    /// Bytes that all transcripts of the home may take; old ones beyond that go, oldest first.
    pub total: u64,
    /// Bytes that are to stay free on the disk: old ones go until they are. None: nothing goes for
    /// the disk's sake.
    pub free: Option<u64>,
}

/// How much of a cluster's passing entries the journal keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Older entries go.
    pub age: Duration,
    /// Never more entries of one cluster than this.
    pub most: u32,
}

/// How console links are opened and held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// How long a connection may take to open, name look-up included.
    pub connect_timeout: Duration,
    /// The pause before the first new try after a link was lost; doubled with each failure.
    pub backoff_first: Duration,
    /// The longest such pause.
    pub backoff_max: Duration,
    /// Silence after which TCP asks whether the other end is still there.
    pub keepalive: Duration,
    /// Time without any acknowledgement after which the link counts as lost.
    pub lost_after: Duration,
}

/// How addresses are pinged. The pings of one interval are always spread over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingSettings {
    /// A reply that comes later counts as missed.
    pub timeout: Duration,
    /// Which gateway vouches for this host's own side.
    pub gateway: Gateway,
}

/// The host's own gateway: once it has answered, its silence is a doubt of clusters without witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// That of the default route, if there is one.
    Auto,
    /// None is asked.
    None,
    /// This one.
    At(IpAddr),
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            control_socket: "clusterd.sock".to_owned(),
            control_group: None,
            access: Access::default(),
            keyboard_idle: Duration::from_secs(60),
            log: Rotation {
                size: 10 << 20,
                keep: 5,
            },
            activity: Rotation {
                size: 10 << 20,
                keep: 5,
            },
            transcript: Transcripts {
                rotation: Rotation {
                    size: 20 << 20,
                    keep: 30,
                },
                daily: true,
                total: 2 << 30,
                free: None,
            },
            journal: JournalSettings {
                age: Duration::from_secs(400 * 24 * 3600),
                most: 100_000,
            },
            console: ConsoleSettings {
                connect_timeout: Duration::from_secs(5),
                backoff_first: Duration::from_millis(250),
                backoff_max: Duration::from_secs(10),
                keepalive: Duration::from_secs(5),
                lost_after: Duration::from_secs(15),
            },
            ping: PingSettings {
                timeout: Duration::from_secs(1),
                gateway: Gateway::Auto,
            },
            routes: Vec::new(),
            heartbeat: None,
            metrics: None,
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
    settings.control_group = fields.maybe("control_group", report, access::account);
    if let Some(tree) = fields.get("access") {
        settings.access = access::read(tree, report);
    }
    let idle = fields.maybe("keyboard_idle", report, value::span);
    put(&mut settings.keyboard_idle, idle);
    rotation("log", &mut settings.log, &mut fields, report);
    rotation("activity", &mut settings.activity, &mut fields, report);
    if let Some(tree) = fields.get("transcript") {
        transcript(tree, &mut settings.transcript, report);
    }
    if let Some(tree) = fields.get("journal")
        && let Some(mut fields) = Fields::open(tree, "`journal`", report)
    {
        let journal = &mut settings.journal;
        put(&mut journal.age, fields.maybe("age", report, value::span));
        let most = fields.maybe("most", report, |text| value::count(text, 100_000_000));
        put(&mut journal.most, most);
        fields.close(report);
    }
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
        put(
            &mut settings.ping.gateway,
            ping.maybe("gateway", report, gateway),
        );
        ping.close(report);
    }
    if let Some(tree) = fields.get("routes") {
        settings.routes = route::routes(tree, report);
    }
    if let Some(tree) = fields.get("heartbeat") {
        settings.heartbeat = route::heartbeat(tree, report);
    }
    if let Some(tree) = fields.get("metrics") {
        settings.metrics = metrics::metrics(tree, report);
    }
    fields.close(report);
    settings
}

fn gateway(text: &str) -> Result<Gateway, Mend> {
    match text {
        "auto" => Ok(Gateway::Auto),
        "none" => Ok(Gateway::None),
        address => value::address(address).map(Gateway::At),
    }
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
    size_and_keep(rotation, &mut fields, report);
    fields.close(report);
}

fn size_and_keep(rotation: &mut Rotation, fields: &mut Fields<'_>, report: &mut Report<'_>) {
    put(
        &mut rotation.size,
        fields.maybe("size", report, value::size),
    );
    let keep = fields.maybe("keep", report, |text| value::count(text, 1000));
    put(&mut rotation.keep, keep);
}

fn transcript(tree: &Tree, kept: &mut Transcripts, report: &mut Report<'_>) {
    let Some(mut fields) = Fields::open(tree, "`transcript`", report) else {
        return;
    };
    size_and_keep(&mut kept.rotation, &mut fields, report);
    put(&mut kept.daily, fields.maybe("daily", report, truth));
    put(&mut kept.total, fields.maybe("total", report, value::size));
    kept.free = fields.maybe("free", report, value::size);
    fields.close(report);
    if kept.total < kept.rotation.size {
        let message = "`total` of all transcripts is less than `size` of one";
        report.error(tree, message, "make `total` larger, or `size` smaller");
    }
}

fn truth(text: &str) -> Result<bool, Mend> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Mend::new(
            format!("{text:?} is neither true nor false"),
            "write `true` or `false`",
        )),
    }
}

fn console(tree: &Tree, console: &mut ConsoleSettings, report: &mut Report<'_>) {
    let Some(mut fields) = Fields::open(tree, "`console`", report) else {
        return;
    };
    for (key, place) in [
        ("connect_timeout", &mut console.connect_timeout),
        ("backoff_first", &mut console.backoff_first),
        ("backoff_max", &mut console.backoff_max),
        ("keepalive", &mut console.keepalive),
        ("lost_after", &mut console.lost_after),
    ] {
        put(place, fields.maybe(key, report, value::span));
    }
    fields.close(report);
    if console.backoff_first > console.backoff_max {
        let message = "`backoff_first` is longer than `backoff_max`";
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
