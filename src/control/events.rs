//! What `events` asks for and gets: the journal's entries, a page at a time. The stream of events is
//! the journal itself: who wants to follow it asks for what comes after the last entry they have.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::machine::Event;
use crate::machine::availability::Watch;
use crate::store::{EntryKind, PAGE, Page, Recorded, Start, Wanted, from_millis, utc_text};

/// The version of [`EventLine`]. Keys are only ever added within one.
pub const EVENT_VERSION: u32 = 1;

/// Which entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsAsked {
    /// Of this cluster; of all, and of the host itself, where none is named.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Of these kinds; of all where none is named.
    #[serde(default)]
    pub kinds: Vec<EntryKind>,
    /// Those after the entry of that number.
    #[serde(default)]
    pub after: Option<i64>,
    /// Those that happened since that time, milliseconds since 1970. Where neither this nor `after` is
    /// there, the newest.
    #[serde(default)]
    pub since_ms: Option<u64>,
    /// So many at the most; never more than [`PAGE`].
    #[serde(default = "most")]
    pub limit: u32,
    /// If there is none, wait so long for one, milliseconds; never longer than
    /// [`super::EVENTS_WAIT`].
    #[serde(default)]
    pub wait_ms: u64,
}

fn most() -> u32 {
    PAGE
}

impl Default for EventsAsked {
    fn default() -> EventsAsked {
        EventsAsked {
            cluster: None,
            kinds: Vec::new(),
            after: None,
            since_ms: None,
            limit: PAGE,
            wait_ms: 0,
        }
    }
}

impl EventsAsked {
    /// The same, as the journal takes it.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            cluster: self.cluster.clone(),
            kinds: self.kinds.clone(),
            from: match (self.after, self.since_ms) {
                (Some(after), _) => Start::After(after),
                (None, Some(since)) => Start::Since(from_millis(since)),
                (None, None) => Start::Newest,
            },
            limit: self.limit,
        }
    }
}

/// A page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    /// Entries, in their order.
    pub lines: Vec<EventLine>,
    /// The next page is `after` this.
    pub last: i64,
    /// Whether there is more already.
    pub more: bool,
}

impl From<Page> for EventPage {
    fn from(page: Page) -> EventPage {
        EventPage {
            lines: page.found.into_iter().map(EventLine::from).collect(),
            last: page.last,
            more: page.more,
        }
    }
}

/// One entry. `events --json` prints it as it is, one a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    /// [`EVENT_VERSION`].
    pub v: u32,
    /// Its number in the journal: it grows, and has gaps.
    pub seq: i64,
    /// When it happened: UTC, to the millisecond.
    pub at: String,
    /// The same, milliseconds since 1970.
    pub at_ms: u64,
    /// The cluster; empty for the monitoring host.
    pub cluster: String,
    /// What sort of thing it is.
    pub kind: EntryKind,
    /// The node or package, where the entry names one.
    pub subject: String,
    /// One line for people.
    pub text: String,
    /// The same for programs; null where there is no more to say.
    pub body: Value,
}

impl EventLine {
    /// The typed event, if it is one that this clusterd knows.
    pub fn event(&self) -> Option<Event> {
        match self.kind {
            EntryKind::Event
            | EntryKind::Evidence
            | EntryKind::Guard
            | EntryKind::Boot
            | EntryKind::Service => serde_json::from_value(self.body.clone()).ok(),
            _ => None,
        }
    }
}

impl EventLine {
    /// What the monitoring host says of its own watch, if it does.
    pub fn watch(&self) -> Option<Watch> {
        let of_host = self.kind == EntryKind::Service && self.cluster.is_empty();
        of_host.then(|| serde_json::from_value(self.body.clone()).ok())?
    }
}

impl From<Recorded> for EventLine {
    fn from(recorded: Recorded) -> EventLine {
        let at_ms = recorded.at_ms();
        let entry = recorded.entry;
        EventLine {
            v: EVENT_VERSION,
            seq: recorded.id,
            at: utc_text(recorded.at),
            at_ms,
            cluster: entry.cluster,
            kind: entry.kind,
            subject: entry.subject,
            text: entry.text,
            body: entry.body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Ask, Request};

    #[test]
    fn what_is_asked_is_plain_json() {
        let read = |text: &str| Request::read(text.as_bytes());
        assert_eq!(
            read(r#"{"v":1,"ask":{"do":"events"}}"#),
            Ok(Ask::Events(EventsAsked::default()))
        );
        let text = r#"{"v":1,"ask":{"do":"events","cluster":"pki","kinds":["role","hold"],"after":7,"limit":5,"wait_ms":100}}"#;
        let asked = EventsAsked {
            cluster: Some("pki".to_owned()),
            kinds: vec![EntryKind::Role, EntryKind::Hold],
            after: Some(7),
            since_ms: None,
            limit: 5,
            wait_ms: 100,
        };
        assert_eq!(read(text), Ok(Ask::Events(asked.clone())));
        assert_eq!(asked.wanted().from, Start::After(7));
        assert_eq!(EventsAsked::default().wanted().from, Start::Newest);
        for bad in [
            r#"{"v":1,"ask":{"do":"events","claster":"pki"}}"#,
            r#"{"v":1,"ask":{"do":"events","kinds":["rule"]}}"#,
            r#"{"v":1,"ask":{"do":"events","limit":-1}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_has_its_version_and_its_event() {
        let recorded = Recorded {
            id: 12,
            at: from_millis(1_793_714_709_123),
            entry: crate::store::Entry {
                cluster: "pki".to_owned(),
                kind: EntryKind::Event,
                subject: String::new(),
                body: serde_json::json!({ "event": "link_up", "node": "ca1" }),
                text: "ca1: console connected".to_owned(),
            },
        };
        let line = EventLine::from(recorded);
        let node = "ca1".to_owned();
        assert_eq!(line.event(), Some(Event::LinkUp { node }));
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"v":1,"seq":12,"at":"2026-11-03T14:05:09.123Z","at_ms":1793714709123,"cluster":"pki","kind":"event","subject":"","text":"ca1: console connected","body":{"event":"link_up","node":"ca1"}}"#
        );
    }
}
