//! How a console's bytes travel over its stream.

use std::collections::VecDeque;
use std::time::Duration;

use super::Address;
use super::steps::Step;
use crate::proto::telnet::{self, Event, Telnet, TelnetRole};

/// The codec of one connection.
pub(super) enum Codec {
    /// Bytes as they are.
    Raw,
    /// Telnet, with the room for its events.
    Telnet(Box<Telnet>, Vec<Event>),
}

/// What the far end said besides the node's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It has begun or ended a BREAK, as it was asked to.
    BreakDone,
    /// Its line has a carrier, or has lost it.
    Carrier(bool),
    /// It has answered a question that only a session that lives can answer.
    Alive,
}

impl Codec {
    pub(super) fn new(address: &Address) -> Codec {
        match address {
            Address::Telnet { .. } | Address::Rfc2217 { .. } => {
                Codec::Telnet(Box::new(Telnet::new(TelnetRole::Client)), Vec::new())
            }
            Address::Tcp { .. }
            | Address::Unix(_)
            | Address::Serial { .. }
            | Address::Ssh { .. }
            | Address::Exec(_) => Codec::Raw,
        }
    }

    /// Takes what came off the wire: the node's bytes go to `text`, answers to `replies`, what
    /// else is said to `told`.
    pub(super) fn receive(
        &mut self,
        bytes: &mut [u8],
        replies: &mut Vec<u8>,
        mut text: impl FnMut(&mut [u8]),
        _told: impl FnMut(Told),
    ) {
        match self {
            Codec::Raw => text(bytes),
            Codec::Telnet(telnet, events) => {
                telnet.receive(bytes, events);
                for event in events.drain(..) {
                    match event {
                        Event::Data(mut bytes) => text(&mut bytes),
                        Event::Reply(bytes) => replies.extend_from_slice(&bytes),
                        // A BREAK towards us has no meaning: we are no machine on a line.
                        Event::Break => {}
                    }
                }
            }
        }
    }

    /// Appends typed bytes to `out` as they go over the wire.
    pub(super) fn encode(&self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Codec::Raw => out.extend_from_slice(bytes),
            Codec::Telnet(..) => telnet::encode(bytes, out),
        }
    }

    /// Appends the steps of a BREAK that holds the line for `span`.
    pub(super) fn held_line(&self, span: Duration, _within: Duration, steps: &mut VecDeque<Step>) {
        steps.extend([Step::Hold(true), Step::Pause(span), Step::Hold(false)]);
    }

    /// A question that every session that lives answers, if there is one and the far end has
    /// shown that it speaks the protocol.
    pub(super) fn are_you_there(&self) -> Option<Vec<u8>> {
        None
    }
}
