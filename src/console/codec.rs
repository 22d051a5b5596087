//! How a console's bytes travel over its stream.

use std::collections::VecDeque;
use std::time::Duration;

use super::Address;
use super::remote_line::RemoteLine;
use super::steps::Step;
use crate::proto::rfc2217;
use crate::proto::telnet::{self, Event, Telnet, TelnetRole};

/// The codec of one connection.
pub(super) enum Codec {
    /// Bytes as they are.
    Raw,
    /// Telnet.
    Telnet(Box<Telnet>),
    /// Telnet with a line that is set (RFC 2217).
    Rfc2217(Box<RemoteLine>),
}

/// What the far end said besides the node's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It holds its line, or has let it go, as it was asked to.
    Held(bool),
    /// Its line has a carrier, or has lost it.
    Carrier(bool),
    /// It has answered a question that only a session that lives can answer.
    Alive,
    /// Something to be logged; it goes on from the far end's name.
    Warning(String),
    /// Why nothing can be done over this link; it goes on from the far end's name.
    Unfit(String),
}

impl Codec {
    pub(super) fn new(address: &Address) -> Codec {
        match address {
            Address::Telnet { .. } => Codec::Telnet(Box::new(Telnet::new(TelnetRole::Client))),
            Address::Rfc2217 { line, .. } => Codec::Rfc2217(Box::new(RemoteLine::new(*line))),
            Address::Tcp { .. }
            | Address::Unix(_)
            | Address::Serial { .. }
            | Address::Ssh { .. }
            | Address::Exec(_) => Codec::Raw,
        }
    }

    /// What is to be written first.
    pub(super) fn greeting(&self) -> &'static [u8] {
        match self {
            Codec::Raw | Codec::Telnet(..) => &[],
            Codec::Rfc2217(line) => line.greeting(),
        }
    }

    /// Whether the far end is ready to be typed to.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Codec::Raw | Codec::Telnet(..) => true,
            Codec::Rfc2217(line) => line.is_set(),
        }
    }

    /// It is not ready and will not be waited for any longer: what is to be logged, or why the
    /// connection is of no use.
    pub(super) fn overdue(&self) -> Result<String, String> {
        match self {
            Codec::Raw | Codec::Telnet(..) => Ok(String::new()),
            Codec::Rfc2217(line) => line.overdue(),
        }
    }

    /// Takes what came off the wire: the node's bytes go to `text`, answers to `replies`, what
    /// else is said to `told`.
    pub(super) fn receive(
        &mut self,
        bytes: &mut [u8],
        replies: &mut Vec<u8>,
        mut text: impl FnMut(&mut [u8]),
        mut told: impl FnMut(Told),
    ) {
        match self {
            Codec::Raw => text(bytes),
            Codec::Telnet(telnet) => {
                let mut events = Vec::new();
                telnet.receive(bytes, &mut events);
                for event in events {
                    match event {
                        Event::Data(mut bytes) => text(&mut bytes),
                        Event::Reply(bytes) => replies.extend_from_slice(&bytes),
                        Event::TimingMark => told(Told::Alive),
                        // A BREAK towards us has no meaning: we are no machine on a line. A com
                        // port was not asked for.
                        Event::Break | Event::ComPort(_) | Event::ComPortSays(_) => {}
                    }
                }
            }
            Codec::Rfc2217(line) => line.receive(bytes, replies, text, told),
        }
    }

    /// Appends typed bytes to `out` as they go over the wire.
    pub(super) fn encode(&self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Codec::Raw => out.extend_from_slice(bytes),
            Codec::Telnet(..) | Codec::Rfc2217(_) => telnet::encode(bytes, out),
        }
    }

    /// Appends the steps of a BREAK that holds the line for `span`. What is not acknowledged
    /// `within` is done all the same, the end of the BREAK above all.
    pub(super) fn held_line(&self, span: Duration, within: Duration, steps: &mut VecDeque<Step>) {
        match self {
            Codec::Raw | Codec::Telnet(..) => {
                steps.extend([Step::Hold(true), Step::Pause(span), Step::Hold(false)]);
            }
            Codec::Rfc2217(_) => steps.extend([
                Step::Write(rfc2217::hold(true)),
                Step::Acknowledge { held: true, within },
                Step::Pause(span),
                Step::Write(rfc2217::hold(false)),
                Step::Acknowledge {
                    held: false,
                    within,
                },
            ]),
        }
    }

    /// Whether there is a question that every session that lives answers. There is none before the
    /// far end has shown that it speaks the protocol, nor while the last one is not answered.
    pub(super) fn may_ask(&self) -> bool {
        match self {
            Codec::Raw => false,
            Codec::Telnet(telnet) => telnet.may_mark(),
            Codec::Rfc2217(line) => line.may_poll(),
        }
    }

    /// That question; its answer is [`Told::Alive`].
    pub(super) fn ask(&mut self) -> Option<Vec<u8>> {
        match self {
            Codec::Raw => None,
            Codec::Telnet(telnet) => telnet.timing_mark().map(Vec::from),
            Codec::Rfc2217(line) => line.poll(),
        }
    }
}
