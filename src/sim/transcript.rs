//! What went over a console port, with its times: the terminal server's own record, by which tests
//! judge what a watchdog really sent.

use std::collections::VecDeque;

use crate::clock::Moment;

/// Bytes kept for a port; the oldest entries go first.
const KEPT: usize = 4 << 20;

/// One thing that went over a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// The client of the port sent bytes.
    Typed(Vec<u8>),
    /// The client of the port sent a BREAK.
    Break,
    /// Somebody else typed: a person at another keyboard.
    Operator(Vec<u8>),
    /// Somebody or something else sent a BREAK.
    StrayBreak,
    /// The node wrote.
    Output(Vec<u8>),
}

/// All that went over one port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    entries: VecDeque<(Moment, Traffic)>,
    size: usize,
}

impl Transcript {
    pub(super) fn note(&mut self, at: Moment, traffic: Traffic) {
        self.size += size(&traffic);
        self.entries.push_back((at, traffic));
        while self.size > KEPT {
            let Some((_, oldest)) = self.entries.pop_front() else {
                return;
            };
            self.size -= size(&oldest);
        }
    }

    /// Everything, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &(Moment, Traffic)> {
        self.entries.iter()
    }

    /// How many BREAKs the client sent since `since`.
    pub fn breaks(&self, since: Moment) -> usize {
        let breaks =
            |(at, traffic): &&(Moment, Traffic)| *at >= since && *traffic == Traffic::Break;
        self.entries.iter().filter(breaks).count()
    }

    /// What the client typed since `since`, as text.
    pub fn typed(&self, since: Moment) -> String {
        self.text(since, |traffic| match traffic {
            Traffic::Typed(bytes) => Some(bytes),
            _ => None,
        })
    }

    /// What the node wrote since `since`, as text.
    pub fn output(&self, since: Moment) -> String {
        self.text(since, |traffic| match traffic {
            Traffic::Output(bytes) => Some(bytes),
            _ => None,
        })
    }

    fn text(&self, since: Moment, pick: impl Fn(&Traffic) -> Option<&Vec<u8>>) -> String {
        let late = self.entries.iter().filter(|(at, _)| *at >= since);
        let bytes: Vec<u8> = late
            .filter_map(|(_, traffic)| pick(traffic))
            .flatten()
            .copied()
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn size(traffic: &Traffic) -> usize {
    let bytes = match traffic {
        Traffic::Typed(bytes) | Traffic::Operator(bytes) | Traffic::Output(bytes) => bytes.len(),
        Traffic::Break | Traffic::StrayBreak => 0,
    };
    bytes + 32
}
