//! A node's console as the task holds it: the link, the ear behind it, and how it is.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::clock::Moment;
use crate::config::ConsoleSpec;
use crate::console::{Console, LinkSettings, Order, Placed, Said};
use crate::control::ConsoleReport;
use crate::machine::Attention;
use crate::matcher::{Ear, PatternSet};

/// One console.
#[derive(Debug)]
pub(super) struct Line {
    console: Console,
    pub ear: Ear,
    epoch: Option<u64>,
    since: Moment,
    why: Option<String>,
    connections: u64,
    pub lost: u64,
    /// Bytes that it has said.
    pub received: u64,
    /// Whether the line behind it has a carrier, as it was told last.
    carrier: Option<bool>,
}

impl Line {
    pub(super) fn open(
        spec: &Arc<ConsoleSpec>,
        settings: &LinkSettings,
        said: &Arc<Notify>,
        patterns: &Arc<PatternSet>,
        now: Moment,
    ) -> Line {
        Line {
            console: Console::told_at(Arc::clone(spec), settings.clone(), Arc::clone(said)),
            ear: Ear::new(Arc::clone(patterns)),
            epoch: None,
            since: now,
            why: None,
            connections: 0,
            lost: 0,
            received: 0,
            carrier: None,
        }
    }

    /// Whether it is what [`Line::open`] would open.
    pub(super) fn is(&self, spec: &ConsoleSpec, settings: &LinkSettings) -> bool {
        self.console.is(spec, settings)
    }

    /// The same link for another task, with an ear that has heard nothing yet.
    pub(super) fn again(self, patterns: &Arc<PatternSet>) -> Line {
        Line {
            ear: Ear::new(Arc::clone(patterns)),
            ..self
        }
    }

    /// What its link has said of itself, as far as it counts now.
    pub(super) fn state(&self) -> Vec<Said> {
        let carrier = |epoch| self.carrier.map(|present| Said::Carrier { epoch, present });
        match (self.epoch, &self.why) {
            (Some(epoch), _) => [Said::Up { epoch }]
                .into_iter()
                .chain(carrier(epoch))
                .collect(),
            (None, Some(why)) => vec![Said::Down {
                epoch: 0,
                why: why.clone(),
            }],
            (None, None) => Vec::new(),
        }
    }

    /// The line behind it has a carrier, or has lost it.
    pub(super) fn carrier(&mut self, present: bool) {
        self.carrier = Some(present);
    }

    /// A new link: the ear forgets the last one.
    pub(super) fn up(&mut self, epoch: u64, now: Moment) {
        self.ear.reset();
        self.epoch = Some(epoch);
        self.carrier = None;
        self.since = now;
        self.why = None;
        self.connections += 1;
    }

    pub(super) fn down(&mut self, why: &str, now: Moment) {
        if self.epoch.take().is_some() {
            self.since = now;
        }
        self.why = Some(why.to_owned());
    }

    /// The present link, if there is one.
    pub(super) fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// Orders bytes or BREAK; what is meant for another link is dropped by the console, and
    /// its echo not waited for.
    pub(super) fn order(&mut self, order: Order) -> Placed {
        if let Order::Type { epoch, bytes } = &order
            && self.epoch == Some(*epoch)
        {
            self.ear.sent(bytes);
        }
        self.console.order(order)
    }

    /// An order of this epoch was decided before clusterd stood still: the link is made anew instead.
    pub(super) fn too_late(&self, epoch: u64) {
        self.console.too_late(epoch);
    }

    pub(super) fn break_worked(&self) {
        self.console.break_worked();
    }

    pub(super) fn attend(&mut self, attention: Attention) {
        self.ear.set_text(attention == Attention::Dialogue);
    }

    pub(super) fn report(&self, node: &str, now: Moment) -> ConsoleReport {
        let since = now.since(self.since).as_millis();
        let lost_after = self.console.lost_after();
        ConsoleReport {
            node: node.to_owned(),
            address: self.console.address().to_string(),
            up: self.epoch.is_some(),
            since_ms: u64::try_from(since).unwrap_or(u64::MAX),
            why: self.why.clone(),
            connections: self.connections,
            lost: self.lost,
            received: self.received,
            lost_after_ms: lost_after
                .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
            asked: self.console.address().asked(),
            visitors: Vec::new(),
            last_lines: Vec::new(),
        }
    }
}

/// Waits until one of the consoles says something: which, and what. `news` is what they were opened
/// with. It is cancel safe: what is said stays with its console until it is given from here. Of
/// several that are ready `first` has the turn, then those after it.
pub(super) async fn next(lines: &mut [Line], news: &Notify, first: usize) -> (usize, Said) {
    let count = lines.len();
    loop {
        for turn in 0..count {
            let node = (first % count + turn) % count;
            if let Some(said) = lines[node].console.take() {
                return (node, said);
            }
        }
        // Of what is said between the look and this the notice is kept; one may stand for many.
        news.notified().await;
    }
}
