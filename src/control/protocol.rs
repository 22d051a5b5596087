//! What is said over the control socket.

use serde::{Deserialize, Serialize};

use super::events::{EventPage, EventsAsked};
use super::frame::Grip;
use super::power_report::PowerReport;
use super::report::{AlarmList, ReloadReport, Report};
use crate::alarm::Alarm;
use crate::config::Right;
use crate::machine::weigh::Plan;
use crate::script::program::OperatorWord;

/// The protocol's version; a daemon refuses every other, by name.
pub const VERSION: u32 = 1;

/// One line to the daemon: `{"v":1,"ask":{"do":"status"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`].
    pub v: u32,
    /// What is wanted.
    pub ask: Ask,
}

impl Request {
    /// Reads one line; the version first, so that a request of another version is told just that.
    ///
    /// # Errors
    /// What is wrong with it, for whoever wrote it.
    pub fn read(line: &[u8]) -> Result<Ask, String> {
        let json: serde_json::Value =
            serde_json::from_slice(line).map_err(|err| format!("this is no JSON: {err}"))?;
        match json.get("v").and_then(serde_json::Value::as_u64) {
            Some(v) if v == u64::from(VERSION) => {}
            Some(v) => {
                return Err(format!(
                    "the request is of protocol version {v}, this clusterd speaks {VERSION}: use the clusterd of the same version"
                ));
            }
            None => return Err("the request has no version: \"v\" is missing".to_owned()),
        }
        serde_json::from_value::<Request>(json)
            .map(|request| request.ask)
            .map_err(|err| format!("this is no request: {err}"))
    }
}

/// What a client may want.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Is anybody there, and who?
    Ping,
    /// The state of one cluster, or of all.
    Status {
        /// The cluster's name.
        #[serde(default)]
        cluster: Option<String>,
    },
    /// To be at a console. After [`Answer::Attached`] the connection carries frames.
    Attach {
        /// The cluster's name.
        cluster: String,
        /// The node's.
        node: String,
        /// How.
        grip: Grip,
        /// Whether the last screenful comes first.
        #[serde(default = "yes")]
        screen: bool,
    },
    /// An operator's word to a cluster.
    Say {
        /// The cluster's name.
        cluster: String,
        /// What is said.
        word: Word,
        /// About which node.
        #[serde(default)]
        node: Option<String>,
    },
    /// To order something, or to know what that would do.
    Order {
        /// The cluster's name.
        cluster: String,
        /// What is ordered.
        order: OrderWord,
        /// About which node.
        #[serde(default)]
        node: Option<String>,
        /// Why, for the others.
        #[serde(default)]
        reason: Option<String>,
        /// What is no rule shall not stop it.
        #[serde(default)]
        force: bool,
        /// Only to say what it would do, and what speaks against it.
        #[serde(default)]
        dry_run: bool,
    },
    /// To take a cluster, or a node of it, into maintenance, or to prolong that.
    Maintain {
        /// The cluster's name.
        cluster: String,
        /// The node's; without it the whole cluster.
        #[serde(default)]
        node: Option<String>,
        /// For how long from now on, milliseconds.
        for_ms: u64,
        /// What for.
        reason: String,
    },
    /// What a cluster would do if something happened now; nothing is done.
    Emulate {
        /// The cluster's name.
        cluster: String,
        /// What happens: `panic`, `silence`, `power-loss`, `network-loss`, `standby-lost`, `switchover`; with
        /// `console` the line that it says.
        event: String,
        /// The node whose console says that line.
        #[serde(default)]
        console: Option<String>,
    },
    /// To end a maintenance.
    EndMaintenance {
        /// The cluster's name.
        cluster: String,
        /// The node's; without it the whole cluster.
        #[serde(default)]
        node: Option<String>,
    },
    /// To take a node out of service, by the word of a person who was asked twice, or to prolong that.
    OutOfService {
        /// The cluster's name.
        cluster: String,
        /// The node's.
        node: String,
        /// For how long from now on, milliseconds.
        for_ms: u64,
        /// What for.
        reason: String,
        /// Only to say what it would do, and what speaks against it.
        #[serde(default)]
        dry_run: bool,
    },
    /// To bring a node back that is out of service.
    BackInService {
        /// The cluster's name.
        cluster: String,
        /// The node's.
        node: String,
        /// Only to say what it would do, and what speaks against it.
        #[serde(default)]
        dry_run: bool,
    },
    /// To read all files again.
    Reload {
        /// Only to say what would change.
        #[serde(default)]
        dry_run: bool,
    },
    /// The alarms: open, over, and how the routes are.
    Alarms {
        /// Of this cluster, and of the host.
        #[serde(default)]
        cluster: Option<String>,
    },
    /// The page of the metrics.
    Metrics,
    /// Somebody takes care of an alarm.
    Acknowledge {
        /// The cluster; empty for the host itself.
        cluster: String,
        /// The package; empty for the whole cluster.
        #[serde(default)]
        package: String,
        /// The alarm's code.
        code: String,
        /// Why, or what they do.
        #[serde(default)]
        reason: Option<String>,
    },
    /// What happened: a page of the journal.
    Events(EventsAsked),
    /// What the power legs of a node say; nothing is switched.
    PowerStatus {
        /// The cluster's name.
        cluster: String,
        /// The node's.
        node: String,
    },
    /// A test message by one route.
    TestRoute {
        /// Its name.
        route: String,
    },
}

fn yes() -> bool {
    true
}

impl Ask {
    /// The rights of which it needs one.
    pub fn rights(&self) -> &'static [Right] {
        match self {
            Ask::Ping
            | Ask::Status { .. }
            | Ask::Alarms { .. }
            | Ask::Order { dry_run: true, .. }
            | Ask::OutOfService { dry_run: true, .. }
            | Ask::BackInService { dry_run: true, .. }
            | Ask::Events(_)
            | Ask::Metrics
            | Ask::Attach {
                grip: Grip::Spy, ..
            } => &[Right::Watch],
            Ask::Attach { .. } => &[Right::Write],
            Ask::PowerStatus { .. } => &[Right::Power, Right::Operate],
            Ask::Say { .. }
            | Ask::Order { .. }
            | Ask::Emulate { .. }
            | Ask::Maintain { .. }
            | Ask::EndMaintenance { .. }
            | Ask::OutOfService { .. }
            | Ask::BackInService { .. }
            | Ask::Acknowledge { .. }
            | Ask::TestRoute { .. }
            | Ask::Reload { .. } => &[Right::Operate],
        }
    }
}

/// An operator's words that can be said over the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// `confirm CLUSTER/NODE stopped`.
    Confirm,
    /// `adopt CLUSTER [--primary NODE]`.
    Adopt,
    /// `release CLUSTER`.
    Release,
    /// `confirm CLUSTER well`.
    Well,
}

impl Word {
    /// The machine's name for it.
    pub fn operator_word(self) -> OperatorWord {
        match self {
            Word::Confirm => OperatorWord::Confirm,
            Word::Adopt => OperatorWord::Adopt,
            Word::Release => OperatorWord::Release,
            Word::Well => OperatorWord::Well,
        }
    }
}

/// What can be ordered over the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderWord {
    /// `switchover CLUSTER [--to NODE]`.
    Switchover,
    /// `failback CLUSTER`.
    Failback,
    /// `hold CLUSTER`.
    Hold,
    /// `boot CLUSTER/NODE`.
    Boot,
    /// `fence CLUSTER/NODE`.
    Fence,
    /// `drill CLUSTER`.
    Drill,
}

impl OrderWord {
    /// The machine's name for it.
    pub fn operator_word(self) -> OperatorWord {
        match self {
            OrderWord::Switchover => OperatorWord::Switchover,
            OrderWord::Failback => OperatorWord::Failback,
            OrderWord::Hold => OperatorWord::Hold,
            OrderWord::Boot => OperatorWord::Boot,
            // Which of the two, the machine knows.
            OrderWord::Fence => OperatorWord::FenceStandby,
            OrderWord::Drill => OperatorWord::Drill,
        }
    }
}

/// One line from the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// [`VERSION`] of the daemon.
    pub v: u32,
    /// The answer.
    pub answer: Answer,
}

/// What the daemon says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Ask::Ping`].
    Pong {
        /// The daemon's version.
        version: String,
        /// Its process number.
        pid: u32,
    },
    /// To [`Ask::Status`].
    Status {
        /// Everything.
        report: Box<Report>,
    },
    /// To [`Ask::Say`]: the cluster was told, and this is what it did at once.
    Told {
        /// The speaker, as the daemon knows them.
        who: String,
        /// Lines of the activity log.
        lines: Vec<String>,
    },
    /// To [`Ask::Order`] with `dry_run`: nothing was done.
    Weighed {
        /// What it would do, and what speaks against it.
        plan: Box<Plan>,
    },
    /// To [`Ask::Order`]: it began.
    Ordered {
        /// The speaker, as the daemon knows them.
        who: String,
        /// Its number, in the status of its package.
        number: u64,
        /// What it does.
        plan: Box<Plan>,
    },
    /// To [`Ask::Emulate`].
    Emulated {
        /// What is assumed.
        assumed: Vec<String>,
        /// What would happen.
        steps: Vec<EmulatedStep>,
        /// How it would stand at the end.
        end: String,
    },
    /// To [`Ask::Alarms`].
    Alarms {
        /// Everything.
        list: Box<AlarmList>,
    },
    /// To [`Ask::Events`].
    Events {
        /// Entries.
        page: Box<EventPage>,
    },
    /// To [`Ask::Metrics`].
    Metrics {
        /// The page, in Prometheus' text format.
        text: String,
    },
    /// To [`Ask::PowerStatus`].
    PowerStatus {
        /// What they say.
        report: Box<PowerReport>,
    },
    /// To [`Ask::Acknowledge`]: it is noted.
    Acknowledged {
        /// The alarm.
        alarm: Box<Alarm>,
    },
    /// To [`Ask::TestRoute`].
    Tested {
        /// Whether the other side took the message.
        good: bool,
        /// What it said, or what went wrong.
        text: String,
        /// How long it took, milliseconds.
        took_ms: u64,
    },
    /// To [`Ask::Attach`]: frames follow.
    Attached {
        /// The speaker, as the daemon knows them.
        who: String,
    },
    /// To [`Ask::Reload`]: what changed, or would.
    Reloaded {
        /// Everything.
        report: Box<ReloadReport>,
    },
    /// To [`Ask::Reload`]: files are wrong, and nothing was changed.
    Faulty {
        /// What is wrong, each with its file and line.
        faults: Vec<String>,
    },
    /// No.
    Refused {
        /// Why, for programs.
        code: Refusal,
        /// Why, for people.
        text: String,
    },
}

/// One thing that would happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmulatedStep {
    /// How long after the event, milliseconds.
    pub at_ms: u64,
    /// What.
    pub text: String,
}

/// Why the daemon refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The request is no request of this protocol's version.
    BadRequest,
    /// The peer has no right to this.
    NotYours,
    /// No such cluster or node.
    Unknown,
    /// The cluster is not guarded: its file is wrong, or its task does not run.
    NotGuarded,
    /// Too much at once, or no answer in time.
    Busy,
    /// It cannot be changed while clusterd runs.
    NeedsRestart,
    /// Another cluster has what this one is to get.
    InUse,
    /// Something speaks against an order.
    SpokenAgainst,
    /// The cluster does not do that as it stands; the text says why.
    NotNow,
}

impl Answer {
    /// A refusal.
    pub fn refused(code: Refusal, text: impl Into<String>) -> Answer {
        Answer::Refused {
            code,
            text: text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_plain_json() {
        for (text, ask) in [
            (r#"{"v":1,"ask":{"do":"ping"}}"#, Ask::Ping),
            (
                r#"{"v":1,"ask":{"do":"status"}}"#,
                Ask::Status { cluster: None },
            ),
            (
                r#"{"v":1,"ask":{"do":"say","cluster":"pki","word":"confirm","node":"ca1"}}"#,
                Ask::Say {
                    cluster: "pki".to_owned(),
                    word: Word::Confirm,
                    node: Some("ca1".to_owned()),
                },
            ),
        ] {
            let request: Request = serde_json::from_str(text).unwrap();
            assert_eq!(request, Request { v: 1, ask });
        }
        for bad in [
            r#"{"ask":{"do":"ping"}}"#,
            r#"{"v":1,"ask":{"do":"boot"}}"#,
            r#"{"v":1,"ask":{"do":"status","claster":"pki"}}"#,
        ] {
            assert!(serde_json::from_str::<Request>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_request_needs_its_right() {
        let order = |what: &str, dry_run: bool| {
            format!(
                r#"{{"do":"order","cluster":"pki","order":"{what}","node":"ca1","dry_run":{dry_run}}}"#
            )
        };
        let ack = r#"{"do":"acknowledge","cluster":"pki","code":"hold"}"#;
        let power = r#"{"do":"power_status","cluster":"pki","node":"ca1"}"#;
        for (text, rights) in [
            (r#"{"do":"alarms"}"#, &[Right::Watch][..]),
            (ack, &[Right::Operate]),
            (r#"{"do":"test_route","route":"ops"}"#, &[Right::Operate]),
            (power, &[Right::Power, Right::Operate]),
            (&order("fence", true), &[Right::Watch]),
            (&order("fence", false), &[Right::Operate]),
            (&order("boot", false), &[Right::Operate]),
            (&order("switchover", false), &[Right::Operate]),
        ] {
            let ask: Ask = serde_json::from_str(text).unwrap();
            assert_eq!(ask.rights(), rights, "{text}");
        }
    }
}
