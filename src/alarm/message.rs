//! What leaves the host about an alarm: one message, in the words of mails, pagers and programs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Alarm;
use crate::clock::Span;
use crate::scribe::stamp;
use crate::script::program::Severity;
use crate::store::utc_text;

/// What is said of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is open now.
    Raised,
    /// It is more urgent than was said.
    Worse,
    /// It is still open, and nobody acknowledged it.
    Again,
    /// Somebody acknowledged it.
    Acknowledged,
    /// Its cause is gone.
    Closed,
    /// It was said, and does not stay open.
    Notice,
    /// It is none: somebody tries the route.
    Test,
}

impl Kind {
    /// For programs.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Raised => "raised",
            Kind::Worse => "worse",
            Kind::Again => "again",
            Kind::Acknowledged => "acknowledged",
            Kind::Closed => "closed",
            Kind::Notice => "notice",
            Kind::Test => "test",
        }
    }
}

/// A message. In the outbox of the journal it stands as it is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What is said.
    pub kind: Kind,
    /// Of which alarm, as it was then.
    pub alarm: Alarm,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
}

/// A message on its road.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its number: the same when it is sent a second time.
    pub id: u64,
    /// The road.
    pub route: String,
    /// What it says.
    pub message: Message,
}

impl Message {
    /// The message that tries a route.
    pub fn test(route: &str, who: &str, now: SystemTime) -> Message {
        let at_ms = millis(now);
        Message {
            kind: Kind::Test,
            alarm: Alarm {
                package: route.to_owned(),
                code: "test".to_owned(),
                severity: Severity::Notice,
                text: format!("a test of the route {route}, asked for by {who}: nothing is wrong"),
                first_ms: at_ms,
                last_ms: at_ms,
                count: 1,
                ..Alarm::default()
            },
            at_ms,
        }
    }

    /// The line that stands for all of it: `CRITICAL pki-ca/ca primary_panic: ca1: panic[cpu0]`.
    pub fn subject(&self) -> String {
        let alarm = &self.alarm;
        let urgency = alarm.severity.text();
        let what = match self.kind {
            Kind::Raised | Kind::Notice => urgency.to_owned(),
            Kind::Worse => format!("{urgency}, worse"),
            Kind::Again => format!("{urgency}, still open"),
            Kind::Acknowledged => format!("{urgency}, acknowledged"),
            Kind::Closed => format!("closed, was {urgency}"),
            Kind::Test => "TEST".to_owned(),
        };
        format!("{what}: {} {}: {}", alarm.name(), alarm.code, alarm.text)
    }

    /// The lines of a mail.
    pub fn lines(&self, host: &str, id: u64) -> String {
        let alarm = &self.alarm;
        let mut text = format!(
            "{}\n\nwhere      {}\ncode       {}\nseverity   {}\n",
            alarm.text,
            alarm.name(),
            alarm.code,
            alarm.severity.text()
        );
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key:<10} {value}\n"));
        line("first", &utc(alarm.first_ms));
        if alarm.count > 1 {
            line("last", &utc(alarm.last_ms));
            line("count", &alarm.count.to_string());
        }
        if let Some(closed) = alarm.closed_ms {
            let lasted = Duration::from_millis(closed.saturating_sub(alarm.first_ms));
            line(
                "closed",
                &format!("{}, after {}", utc(closed), Span(lasted)),
            );
        }
        if let Some(acknowledged) = &alarm.acknowledged {
            line("taken by", &acknowledged.to_string());
        }
        line("host", host);
        line("message", &id.to_string());
        let open = matches!(self.kind, Kind::Raised | Kind::Worse | Kind::Again);
        if open && alarm.acknowledged.is_none() {
            text.push_str(&format!(
                "\nIt is sent again until it is over or somebody says:\n  clusterd ack {} {}\n",
                alarm.name(),
                alarm.code
            ));
        }
        text
    }

    /// What stands for a placeholder of a template, and in the environment of a command.
    pub fn value(&self, name: &str, host: &str, id: u64) -> String {
        let alarm = &self.alarm;
        match name {
            "kind" => self.kind.word().to_owned(),
            "severity" => alarm.severity.text().to_lowercase(),
            "cluster" => alarm.cluster.clone(),
            "package" => alarm.package.clone(),
            "name" => alarm.name(),
            "code" => alarm.code.clone(),
            "text" => alarm.text.clone(),
            "first" => rfc3339(alarm.first_ms),
            "last" => rfc3339(alarm.last_ms),
            "count" => alarm.count.to_string(),
            "host" => host.to_owned(),
            "id" => id.to_string(),
            "subject" => self.subject(),
            "acknowledged" => alarm
                .acknowledged
                .as_ref()
                .map(|word| word.who.clone())
                .unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// The message as programs get it that have no template.
    pub fn json(&self, host: &str, id: u64) -> Value {
        let alarm = &self.alarm;
        json!({
            "v": 1,
            "id": id,
            "host": host,
            "at": rfc3339(self.at_ms),
            "kind": self.kind.word(),
            "severity": alarm.severity.text().to_lowercase(),
            "name": alarm.name(),
            "cluster": alarm.cluster,
            "package": alarm.package,
            "code": alarm.code,
            "text": alarm.text,
            "first": rfc3339(alarm.first_ms),
            "last": rfc3339(alarm.last_ms),
            "closed": alarm.closed_ms.map(rfc3339),
            "count": alarm.count,
            "acknowledged": alarm.acknowledged.as_ref().map(|word| json!({
                "who": word.who,
                "at": rfc3339(word.at_ms),
                "reason": word.reason,
            })),
            "subject": self.subject(),
        })
    }
}

/// For programs.
fn rfc3339(at_ms: u64) -> String {
    utc_text(at(at_ms))
}

/// For people.
fn utc(at_ms: u64) -> String {
    stamp(at(at_ms))
}

/// Milliseconds since 1970.
pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The other way.
pub(super) fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}
