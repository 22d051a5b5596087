//! What a cluster's task does for the people at its consoles.

use std::sync::Arc;

use super::message::{Arrival, NoVisit};
use super::task::Guard;
use super::visitors;
use crate::clock::Moment;
use crate::console::Order;
use crate::control::Visit;
use crate::machine::Event;
use crate::machine::setup::NodeId;

impl Guard {
    pub(super) fn attach(
        &mut self,
        name: &str,
        arrival: Arrival,
        now: Moment,
    ) -> Result<Visit, NoVisit> {
        let Some(node) = self.node_of(name) else {
            let nodes = self.blueprint.setup.nodes.iter();
            return Err(NoVisit::NoSuchNode(
                nodes.map(|node| node.name.to_string()).collect(),
            ));
        };
        let (visit, errands) = self.visitors.attach(node, arrival, now)?;
        self.run_for_visitors(errands, now);
        Ok(visit)
    }

    pub(super) fn run_for_visitors(&mut self, errands: Vec<visitors::Errand>, now: Moment) {
        let setup = Arc::clone(&self.blueprint.setup);
        let name = |node| setup.node_name(node).to_owned();
        for errand in errands {
            match errand {
                visitors::Errand::Feed(input) => self.feed(input, now),
                visitors::Errand::Mark(node, text) => {
                    let book = self.console_book(node);
                    self.host.scribe.remark(book, &text);
                }
                visitors::Errand::Came(node, who, how) => self.event(Event::Attached {
                    node: name(node),
                    who,
                    how: how.to_owned(),
                }),
                visitors::Errand::Left(node, who) => self.event(Event::Detached {
                    node: name(node),
                    who,
                }),
            }
        }
    }

    /// A person's bytes: their echo is told from the console's own words, and they are not
    /// written down.
    pub(super) fn pass(&mut self, node: NodeId, epoch: u64, bytes: Vec<u8>) {
        if let Some(line) = self.lines.get_mut(node) {
            let count = bytes.len();
            line.order(Order::Type { epoch, bytes });
            self.visitors.typed(node, count);
        }
    }

    /// People stand in the transcript too; a BREAK of theirs is told to their client.
    pub(super) fn note_person(&mut self, event: &Event) {
        let (name, text, said) = match event {
            Event::PenTaken { node, who } => (node, format!("{who} types"), None),
            Event::PenLeft { node, who, .. } => (node, format!("{who} types no more"), None),
            Event::PersonBreak { node, who } => {
                (node, format!("BREAK of {who}"), Some("BREAK sent"))
            }
            Event::PersonBreakMerged { node, who } => (
                node,
                format!("BREAK of {who}: one with a BREAK that is already waiting"),
                Some("a BREAK is already waiting; this one is one with it"),
            ),
            _ => return,
        };
        let Some(node) = self.node_of(name) else {
            return;
        };
        if let Some(said) = said {
            self.visitors.typed(node, 1);
            self.visitors.note(node, said);
        }
        let book = self.console_book(node);
        self.host.scribe.remark(book, &text);
    }

    /// The node of that name.
    pub(super) fn node_of(&self, name: &str) -> Option<NodeId> {
        let mut nodes = self.blueprint.setup.nodes.iter();
        nodes.position(|node| node.name.as_str() == name)
    }
}
