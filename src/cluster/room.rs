//! One console with its visitors: who is there, who of them writes, and what is told to whom.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::screen::Screen;
use super::visitors::Errand;
use crate::clock::{Moment, Span};
use crate::control::{Outbox, Seen};
use crate::machine::input::{Deed, Input};
use crate::machine::setup::NodeId;

/// What a person wants to go to the console.
#[derive(Debug)]
pub(super) enum Key {
    Bytes(Vec<u8>),
    Break,
}

impl Key {
    pub(super) fn weight(&self) -> usize {
        match self {
            Key::Bytes(bytes) => bytes.len(),
            Key::Break => 64,
        }
    }
}

#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) id: u64,
    pub(super) who: String,
    pub(super) writes: bool,
    /// They were told that they only look on: once is enough.
    pub(super) told: bool,
    pub(super) since: Moment,
    pub(super) outbox: Arc<Outbox>,
}

/// Whether the machine leaves the console to the writers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pen {
    #[default]
    Free,
    Asked,
    Granted,
}

/// One console with its visitors.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) name: Arc<str>,
    pub(super) screen: Screen,
    pub(super) visitors: Vec<Visitor>,
    pub(super) pen: Pen,
    pub(super) pending: VecDeque<Key>,
}

impl Room {
    pub(super) fn visitor(&self, id: u64) -> Option<&Visitor> {
        self.visitors.iter().find(|visitor| visitor.id == id)
    }

    /// Gives what `writes` was.
    pub(super) fn set_writes(&mut self, id: u64, writes: bool) -> bool {
        let mut visitors = self.visitors.iter_mut();
        let visitor = visitors.find(|visitor| visitor.id == id);
        visitor.is_some_and(|visitor| {
            visitor.told = false;
            std::mem::replace(&mut visitor.writes, writes)
        })
    }

    pub(super) fn writers(&self) -> Option<String> {
        self.others_writing(0)
    }

    pub(super) fn others_writing(&self, id: u64) -> Option<String> {
        let others = self.visitors.iter().filter(|v| v.writes && v.id != id);
        let names: Vec<&str> = others.map(|visitor| visitor.who.as_str()).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }

    pub(super) fn send_to_look_on(&mut self, id: u64, who: &str) {
        for visitor in self.visitors.iter_mut().filter(|v| v.id != id && v.writes) {
            visitor.writes = false;
            let text = format!("{who} took the pen by force: you look on now; ^Ecf takes it back");
            visitor.outbox.note(text);
        }
        // What another one typed is not typed under this one's name.
        self.pending.clear();
    }

    pub(super) fn deed(&self, node: NodeId, deed: Deed) -> Errand {
        let who = self.writers().unwrap_or_else(|| "nobody".to_owned());
        Errand::Feed(Input::Person { node, who, deed })
    }

    pub(super) fn feed(&self, node: NodeId, key: Key) -> Option<Errand> {
        let deed = match key {
            Key::Bytes(bytes) => Deed::Types { bytes },
            Key::Break => Deed::Breaks,
        };
        self.writers().map(|_| self.deed(node, deed))
    }

    pub(super) fn put_down(&mut self, node: NodeId, why: &str) -> Errand {
        self.pen = Pen::Free;
        self.pending.clear();
        let why = why.to_owned();
        self.deed(node, Deed::Leaves { why })
    }

    /// What was typed and not yet passed on is not passed on.
    pub(super) fn refuse(&mut self, why: &str) {
        self.pen = Pen::Free;
        self.pending.clear();
        let text = format!("not typed: {why}");
        let writers = self.visitors.iter().filter(|visitor| visitor.writes);
        writers.for_each(|visitor| visitor.outbox.tell(Seen::Refused(text.clone())));
    }

    /// Who looks on is told so with their first key.
    pub(super) fn turn_away(&mut self, id: u64) {
        let text = match self.writers() {
            Some(writers) => format!(
                "not typed: you look on, and {writers} has the pen; ^Ecf takes it, ^Ecj writes beside them"
            ),
            None => "not typed: you look on; ^Eca takes the pen".to_owned(),
        };
        let mut visitors = self.visitors.iter_mut();
        let visitor = visitors.find(|visitor| visitor.id == id && !visitor.told);
        if let Some(visitor) = visitor {
            visitor.told = true;
            visitor.outbox.tell(Seen::Refused(text));
        }
    }

    pub(super) fn note_all_but(&self, id: u64, text: &str) {
        let others = self.visitors.iter().filter(|visitor| visitor.id != id);
        others.for_each(|visitor| visitor.outbox.note(text));
    }

    pub(super) fn note_writers(&self, text: &str) {
        let writers = self.visitors.iter().filter(|visitor| visitor.writes);
        writers.for_each(|visitor| visitor.outbox.note(text));
    }

    pub(super) fn note_others(&self, text: &str) {
        let Some(who) = self.writers() else { return };
        let others = self.visitors.iter().filter(|visitor| !visitor.writes);
        others.for_each(|visitor| visitor.outbox.note(format!("{who} {text}")));
    }

    pub(super) fn tell_who(&self, id: u64, now: Moment) {
        let Some(asks) = self.visitor(id) else { return };
        asks.outbox
            .note(format!("at the console of {}:", self.name));
        for visitor in &self.visitors {
            let how = if visitor.writes {
                "has the pen"
            } else {
                "looks on"
            };
            let you = if visitor.id == id { " (you)" } else { "" };
            let since = Span(Duration::from_secs(now.since(visitor.since).as_secs()));
            let text = format!("  {}{you}  {how}, for {since}", visitor.who);
            asks.outbox.note(text);
        }
        let script = match self.pen {
            Pen::Granted => "the script leaves this console to whoever types",
            Pen::Free | Pen::Asked => "the script watches and types here; a key makes it wait",
        };
        asks.outbox.note(format!("  {script}"));
    }
}
