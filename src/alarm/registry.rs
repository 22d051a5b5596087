//! The open alarms: raised, counted, cleared.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tokio::sync::Notify;

use super::message::{at, millis};
use super::post::{Outgoing, Saved};
use super::{Acknowledged, Alarm, Told};
use crate::clock::Span;
use crate::scribe::{Book, Scribe, one_line, stamp};
use crate::script::program::Severity;
use crate::store::State;

/// An alarm that is said again and again is logged so often, and counted in between.
const LOGGED_EVERY: Duration = Duration::from_secs(600);

/// Changes that wait to be journalled; older ones go first, what is open is kept whole.
const UNKEPT: usize = 1000;

/// Alarms that are over and still listed.
const CLOSED: usize = 200;

/// Notices that wait for the routes; the oldest are dropped.
const NOTICES: usize = 1000;

/// What an alarm is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The cluster; empty for the monitoring host itself.
    pub cluster: String,
    /// The package; empty for the whole cluster.
    pub package: String,
}

impl Subject {
    /// The monitoring host itself.
    pub fn host() -> Subject {
        Subject::cluster("")
    }

    /// A route on which alarms leave this host.
    pub fn route(route: &str) -> Subject {
        Subject::package("", route)
    }

    /// A whole cluster.
    pub fn cluster(cluster: &str) -> Subject {
        Subject::package(cluster, "")
    }

    /// One package of a cluster.
    pub fn package(cluster: &str, package: &str) -> Subject {
        Subject {
            cluster: cluster.to_owned(),
            package: package.to_owned(),
        }
    }

    /// `cluster/package`, as operators name things.
    fn text(&self) -> String {
        match (self.cluster.as_str(), self.package.as_str()) {
            ("", "") => "this host".to_owned(),
            ("", route) => format!("this host/{route}"),
            (cluster, "") => cluster.to_owned(),
            (cluster, package) => format!("{cluster}/{package}"),
        }
    }
}

/// Whether an alarm was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// It was not open before, or less urgent.
    New,
    /// It was open and is counted.
    Again,
}

/// A change that the journal shall hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub subject: Subject,
    pub code: String,
    pub text: String,
}

/// The registry; share it in an `Arc`.
#[derive(Debug)]
pub struct Alarms {
    scribe: Arc<Scribe>,
    inner: Mutex<Inner>,
    pub(super) changed: Notify,
    outgoing: OnceLock<Outgoing>,
}

/// What an alarm is known by.
pub(super) type Key = (Subject, String);

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub open: BTreeMap<Key, Box<Open>>,
    /// Alarms that are over, the newest last.
    pub closed: VecDeque<Alarm>,
    /// What was said and does not stay open.
    pub notices: VecDeque<Alarm>,
    unkept: Vec<Change>,
}

#[derive(Debug)]
pub(super) struct Open {
    pub alarm: Alarm,
    logged: SystemTime,
    /// Since when nobody is there who said it.
    unsaid: Instant,
}

impl Inner {
    /// What this route was told of an alarm, open or over.
    pub fn told(&mut self, of: &Alarm, route: &str) -> Option<&mut Told> {
        let key = (Subject::package(&of.cluster, &of.package), of.code.clone());
        let alarm = match self.open.get_mut(&key) {
            Some(open) => &mut open.alarm,
            None => self.closed.iter_mut().rev().find(|over| {
                (&over.cluster, &over.package, &over.code) == (&of.cluster, &of.package, &of.code)
            })?,
        };
        alarm.told.get_mut(route)
    }
}

/// There is no such open alarm; here are the codes that are open there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOpen(pub Vec<String>);

impl Alarms {
    /// A registry that begins with what was open before, as [`super::load`] gives it.
    pub fn new(scribe: Arc<Scribe>, before: Saved) -> Alarms {
        let now = SystemTime::now();
        let mut inner = Inner {
            closed: before.closed.into(),
            ..Inner::default()
        };
        for mut alarm in before.open {
            alarm.from_before = true;
            let subject = Subject::package(&alarm.cluster, &alarm.package);
            let code = alarm.code.clone();
            let open = Open {
                alarm,
                logged: now,
                unsaid: Instant::now(),
            };
            inner.open.insert((subject, code), Box::new(open));
        }
        Alarms {
            scribe,
            inner: Mutex::new(inner),
            changed: Notify::new(),
            outgoing: OnceLock::new(),
        }
    }

    /// What carries the messages out, once [`super::post()`] has begun.
    pub fn outgoing(&self) -> Option<&Outgoing> {
        self.outgoing.get()
    }

    /// The supervisor had a turn, with so many clusters guarded and so many not: the heartbeat's food.
    pub fn beat(&self, guarded: usize, refused: usize) {
        if let Some(outgoing) = self.outgoing() {
            outgoing.beat(guarded, refused);
        }
    }

    pub(super) fn goes_out_by(&self, outgoing: Outgoing) {
        // There is one post office a registry.
        let _ = self.outgoing.set(outgoing);
    }

    /// Raises an alarm, or counts it again. A notice is said and journalled, but does not stay
    /// open: there is nothing that anybody would have to end.
    pub fn raise(&self, subject: &Subject, severity: Severity, code: &str, text: &str) -> Raised {
        let now = SystemTime::now();
        let mut inner = self.lock();
        if severity == Severity::Notice {
            let (urgency, subject_text) = (severity.text(), subject.text());
            let line = format!("{urgency:<8}  {subject_text}  {code}: {text}");
            let mut said = Open::new(subject, severity, code, text, now).alarm;
            said.count = 1;
            if inner.notices.len() == NOTICES {
                inner.notices.pop_front();
            }
            inner.notices.push_back(said);
            self.note(&mut inner, subject, code, &line, now);
            return Raised::New;
        }
        let key = (subject.clone(), code.to_owned());
        let Inner { open, closed, .. } = &mut *inner;
        let open = open.entry(key).or_insert_with(|| {
            let mut open = Open::new(subject, severity, code, text, now);
            take_up(&mut open.alarm, closed);
            Box::new(open)
        });
        let raised = open.say(severity, text, now);
        let again = now.duration_since(open.logged).unwrap_or_default() >= LOGGED_EVERY;
        if raised == Raised::Again && !again {
            return raised;
        }
        open.logged = now;
        let times = match open.alarm.count {
            1 => String::new(),
            count => format!(
                " (said {count} times since {})",
                stamp(at(open.alarm.first_ms))
            ),
        };
        let line = format!(
            "{:<8}  {}  {code}: {text}{times}",
            severity.text(),
            subject.text()
        );
        self.note(&mut inner, subject, code, &line, now);
        raised
    }

    /// Ends an alarm, if it is open.
    pub fn clear(&self, subject: &Subject, code: &str) {
        let now = SystemTime::now();
        let mut inner = self.lock();
        let Some(mut open) = inner.open.remove(&(subject.clone(), code.to_owned())) else {
            return;
        };
        let lasted = Span(
            now.duration_since(at(open.alarm.first_ms))
                .unwrap_or_default(),
        );
        let text = &open.alarm.text;
        let line = format!(
            "{:<8}  {}  {code} after {lasted}: {text}",
            "cleared",
            subject.text()
        );
        open.alarm.closed_ms = Some(millis(now));
        if inner.closed.len() == CLOSED {
            inner.closed.pop_front();
        }
        inner.closed.push_back(open.alarm);
        self.note(&mut inner, subject, code, &line, now);
    }

    /// Somebody takes care of an open alarm: it is not sent again, until it gets worse or ends.
    ///
    /// # Errors
    /// It is not open.
    pub fn acknowledge(
        &self,
        subject: &Subject,
        code: &str,
        who: &str,
        reason: Option<&str>,
    ) -> Result<Alarm, NotOpen> {
        let now = SystemTime::now();
        let mut inner = self.lock();
        let Some(open) = inner.open.get_mut(&(subject.clone(), code.to_owned())) else {
            let here = inner.open.keys().filter(|(at, _)| at == subject);
            return Err(NotOpen(here.map(|(_, code)| code.clone()).collect()));
        };
        let acknowledged = Acknowledged {
            who: who.to_owned(),
            at_ms: millis(now),
            reason: reason.map(one_line),
        };
        open.alarm.acknowledged = Some(acknowledged);
        let alarm = open.alarm.clone();
        let why = reason.map_or(String::new(), |reason| format!(" ({reason})"));
        let line = format!(
            "{:<8}  {}  {code} acknowledged by {who}{why}: {}",
            alarm.severity.text(),
            subject.text(),
            alarm.text
        );
        self.note(&mut inner, subject, code, &line, now);
        Ok(alarm)
    }

    /// Ends every alarm of clusters that `known` does not know: nobody else ever would.
    pub fn forget_clusters(&self, known: &dyn Fn(&str) -> bool) {
        let gone: Vec<(Subject, String)> = self
            .lock()
            .open
            .keys()
            .filter(|(subject, _)| !subject.cluster.is_empty() && !known(&subject.cluster))
            .cloned()
            .collect();
        for (subject, code) in gone {
            self.clear(&subject, &code);
        }
    }

    /// A cluster begins anew: what was said of it is from before.
    pub fn begins_anew(&self, cluster: &str) {
        let mut inner = self.lock();
        for ((subject, _), open) in &mut inner.open {
            if subject.cluster == cluster {
                open.alarm.from_before = true;
                open.unsaid = Instant::now();
            }
        }
    }

    /// Ends every alarm of the time before a start that is so long ago, and that nobody said again:
    /// the clusters have looked at everything anew since, and whatever is still wrong was said again.
    pub fn end_unsaid(&self, after: Duration) {
        let unsaid: Vec<(Subject, String)> = self
            .lock()
            .open
            .iter()
            .filter(|(_, open)| open.alarm.from_before && open.unsaid.elapsed() >= after)
            .map(|(key, _)| key.clone())
            .collect();
        for (subject, code) in unsaid {
            self.clear(&subject, &code);
        }
    }

    /// For so long nobody could say anything: those that are not said again yet have as much longer.
    pub fn stood_still(&self, span: Duration) {
        for open in self.lock().open.values_mut() {
            open.unsaid += span;
        }
    }

    /// The open alarms, of one cluster or all: the most urgent first, then the newest.
    pub fn open(&self, cluster: Option<&str>) -> Vec<Alarm> {
        let inner = self.lock();
        let mut open: Vec<Alarm> = inner
            .open
            .values()
            .map(|open| &open.alarm)
            .filter(|alarm| {
                cluster.is_none_or(|name| alarm.cluster == name || alarm.cluster.is_empty())
            })
            .cloned()
            .collect();
        open.sort_by_key(|alarm| Reverse((alarm.severity, alarm.first_ms)));
        open
    }

    /// The alarms that ended lately, of one cluster or all: the newest first.
    pub fn closed(&self, cluster: Option<&str>) -> Vec<Alarm> {
        let inner = self.lock();
        let closed = inner.closed.iter().rev().filter(|alarm| {
            cluster.is_none_or(|name| alarm.cluster == name || alarm.cluster.is_empty())
        });
        closed.cloned().collect()
    }

    /// What the journal does not hold yet.
    pub(super) fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut self.lock().unkept)
    }

    /// All that the journal shall hold: a [`Saved`], of which nothing is copied.
    pub(super) fn saved_state(&self) -> State {
        #[derive(Serialize)]
        struct Saving<'a> {
            open: Vec<&'a Alarm>,
            closed: &'a VecDeque<Alarm>,
        }
        let inner = self.lock();
        State::of(&Saving {
            open: inner.open.values().map(|open| &open.alarm).collect(),
            closed: &inner.closed,
        })
    }

    /// The same, as it is read again.
    #[cfg(test)]
    pub(super) fn saved(&self) -> Saved {
        serde_json::from_str(self.saved_state().text()).expect("it is read as it was written")
    }

    fn note(&self, inner: &mut Inner, subject: &Subject, code: &str, line: &str, now: SystemTime) {
        let line = one_line(line);
        self.scribe
            .line(Book::Alarms, &format!("{}  {line}", stamp(now)));
        tracing::info!(target: "alarm", "{line}");
        if inner.unkept.len() == UNKEPT {
            inner.unkept.remove(0);
        }
        inner.unkept.push(Change {
            subject: subject.clone(),
            code: code.to_owned(),
            text: line,
        });
        self.changed.notify_one();
    }

    /// Every change is made whole under the lock, so a poisoned one is still good.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An alarm that ended a moment ago is open again: what was told of it holds where its end was
/// not told yet. So an alarm that comes and goes is one alarm to those who are told of it.
fn take_up(alarm: &mut Alarm, closed: &mut VecDeque<Alarm>) {
    let same = |old: &Alarm| {
        old.cluster == alarm.cluster && old.package == alarm.package && old.code == alarm.code
    };
    let Some(place) = closed.iter().rposition(same) else {
        return;
    };
    if closed[place].told.values().all(|told| told.closed) {
        return;
    }
    let old = closed.remove(place).expect("it was found there");
    alarm.acknowledged = old.acknowledged.filter(|_| old.severity >= alarm.severity);
    alarm.told = old.told;
    alarm.told.retain(|_, told| !told.closed);
}

impl Open {
    fn new(subject: &Subject, severity: Severity, code: &str, text: &str, now: SystemTime) -> Open {
        let alarm = Alarm {
            cluster: subject.cluster.clone(),
            package: subject.package.clone(),
            code: code.to_owned(),
            severity,
            text: one_line(text),
            first_ms: millis(now),
            last_ms: millis(now),
            ..Alarm::default()
        };
        Open {
            alarm,
            logged: now,
            unsaid: Instant::now(),
        }
    }

    fn say(&mut self, severity: Severity, text: &str, now: SystemTime) -> Raised {
        let alarm = &mut self.alarm;
        let raised = if alarm.count == 0 || severity > alarm.severity {
            Raised::New
        } else {
            Raised::Again
        };
        if severity > alarm.severity {
            alarm.acknowledged = None;
        }
        alarm.count += 1;
        alarm.severity = alarm.severity.max(severity);
        alarm.text = one_line(text);
        alarm.last_ms = millis(now);
        alarm.from_before = false;
        raised
    }
}

#[cfg(test)]
mod tests;
