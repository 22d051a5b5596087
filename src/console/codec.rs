//! How a console's bytes and BREAK travel over its stream.

use super::{Address, Order};
use crate::proto::telnet::{self, Event, Telnet, TelnetRole};

/// The codec of one connection.
pub(super) enum Codec {
    /// Bytes as they are.
    Raw,
    /// Telnet, with the room for its events.
    Telnet(Box<Telnet>, Vec<Event>),
}

/// This console has no BREAK.
#[derive(Debug)]
pub(super) struct NoBreak;

impl Codec {
    pub(super) fn new(address: &Address) -> Codec {
        match address {
            Address::Telnet { .. } => {
                Codec::Telnet(Box::new(Telnet::new(TelnetRole::Client)), Vec::new())
            }
            Address::Tcp { .. } | Address::Unix(_) => Codec::Raw,
        }
    }

    /// Takes what came off the wire: the node's bytes go to `text`, answers to `replies`.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        replies: &mut Vec<u8>,
        mut text: impl FnMut(&[u8]),
    ) {
        match self {
            Codec::Raw => text(bytes),
            Codec::Telnet(telnet, events) => {
                telnet.receive(bytes, events);
                for event in events.drain(..) {
                    match event {
                        Event::Data(bytes) => text(&bytes),
                        Event::Reply(bytes) => replies.extend_from_slice(&bytes),
                        // A BREAK towards us has no meaning: we are no machine on a line.
                        Event::Break => {}
                    }
                }
            }
        }
    }

    /// Appends `order` to `out` as it goes over the wire.
    pub(super) fn encode(&self, order: &Order, out: &mut Vec<u8>) -> Result<(), NoBreak> {
        match (self, order) {
            (Codec::Raw, Order::Type { bytes, .. }) => out.extend_from_slice(bytes),
            (Codec::Raw, Order::Break { .. }) => return Err(NoBreak),
            (Codec::Telnet(..), Order::Type { bytes, .. }) => telnet::encode(bytes, out),
            (Codec::Telnet(..), Order::Break { .. }) => out.extend_from_slice(&telnet::BREAK),
        }
        Ok(())
    }
}
