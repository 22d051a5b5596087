//! The telnet codec, both ends of it: for the client that talks to a terminal server, and for the
//! simulator's ports, which are one.
//!
//! - Framing and commands: RFC 854. A data byte 255 is doubled; BREAK is `IAC BRK` (FF F3).
//! - Options: RFC 1143 ("Q method"), for a party that asks only in its greeting and never asks to
//!   switch off, which leaves the states `No`, `WantYes` and `Yes`. No conversation can loop:
//!   an answer is given only with a change of state, a refusal once, and all answers come out of an
//!   allowance that only console output refills (but for a server's answer to a timing mark, which
//!   begets none).
//! - A subnegotiation is skipped, but for COM-PORT-OPTION's (RFC 2217) where a client has agreed to
//!   it: that is handed out whole, for `rfc2217` to read.
//! - Whether the far end lives is asked by `DO TIMING-MARK` (RFC 860), which it answers by WILL or WONT:
//!   once at a time, and only where it has negotiated anything itself, for to a peer that does not
//!   speak telnet it is three characters typed.
//! - RETURN is the bare CR that the caller gives, with BINARY agreed or without. RFC 854 asks for
//!   CR NUL outside of BINARY; QEMU's ports and many terminal servers hand that NUL to the machine
//!   as a second character, and none was found that wants it. In the other direction a NUL behind
//!   a CR is taken away from what a client receives until the server's BINARY is agreed.

mod option;

use option::{Options, Verb};

/// The telnet escape byte.
pub const IAC: u8 = 255;

/// What a BREAK is on the wire: `IAC BRK` (RFC 854). It has no duration; the server chooses one.
pub const BREAK: [u8; 2] = [IAC, BRK];

const BRK: u8 = 243;
const SB: u8 = 250;
const SE: u8 = 240;
const CR: u8 = b'\r';
const NUL: u8 = 0;

/// A subnegotiation longer than this (bytes) is taken as never ended: what follows is console
/// output again. Losing some of a strange peer's text is better than losing all of a console.
pub const SUBNEGOTIATION_LIMIT: usize = 512;

/// Which end of the conversation we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelnetRole {
    /// We called a terminal server.
    Client,
    /// We are the terminal server: a port of the simulator.
    Server,
}

/// What came off the wire, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes of the console, never empty.
    Data(Vec<u8>),
    /// The peer sent `IAC BRK`.
    Break,
    /// An answer that has to be written to the peer as it is.
    Reply(Vec<u8>),
    /// The peer answered [`Telnet::timing_mark`].
    TimingMark,
    /// The peer agreed to COM-PORT-OPTION, or refused it or took it back.
    ComPort(bool),
    /// What a subnegotiation of COM-PORT-OPTION held, undoubled; agreed to, and not too long.
    ComPortSays(Vec<u8>),
}

/// One connection's codec. A new connection needs a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telnet {
    role: TelnetRole,
    state: State,
    options: Options,
    last: u8,
    /// What a subnegotiation holds so far, where it may be of interest.
    held: Vec<u8>,
    /// Whether the peer has shown that it speaks telnet.
    speaks: bool,
    /// Whether a timing mark is asked for and not answered.
    marked: bool,
}

/// Where in the byte stream we stand: a command may be cut anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    Command,
    Option(Verb),
    Subnegotiation { length: usize, escaped: bool },
}

impl Telnet {
    /// The codec of a connection just made.
    pub fn new(role: TelnetRole) -> Telnet {
        Telnet::with(role, false)
    }

    /// The codec of a client that wants to set the line behind the server (RFC 2217).
    pub fn for_com_port() -> Telnet {
        Telnet::with(TelnetRole::Client, true)
    }

    fn with(role: TelnetRole, com_port: bool) -> Telnet {
        Telnet {
            role,
            state: State::Text,
            options: Options::new(role, com_port),
            last: 0,
            held: Vec::new(),
            speaks: false,
            marked: false,
        }
    }

    /// What is to be written first: nothing as a client; as a server `WILL ECHO`,
    /// `WILL SUPPRESS-GO-AHEAD`, `WILL BINARY`, `DO BINARY`, as QEMU's telnet ports greet; for a com
    /// port `WILL COM-PORT-OPTION`, and BINARY and SUPPRESS-GO-AHEAD for both ends.
    pub fn greeting(&self) -> &'static [u8] {
        self.options.greeting()
    }

    /// Whether [`Telnet::timing_mark`] has a question.
    pub fn may_mark(&self) -> bool {
        self.speaks && !self.marked
    }

    /// `DO TIMING-MARK`, to be written as it is; [`Event::TimingMark`] is its answer. Not before
    /// the peer negotiated anything, nor while the last one is not answered.
    pub fn timing_mark(&mut self) -> Option<[u8; 3]> {
        let may = self.may_mark();
        self.marked |= may;
        may.then_some(option::DO_TIMING_MARK)
    }

    /// Takes `bytes` as they came, cut anywhere, and appends what they mean to `events`.
    /// It appends at most one event for each byte, and reply bytes never outnumber `bytes` by
    /// more than the two bytes of a command begun earlier.
    pub fn receive(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.state == State::Text {
                rest = self.take_text(rest, events);
            } else {
                self.take_command_byte(byte, events);
                rest = after;
            }
        }
    }

    /// Requests that were left unanswered because the peer's allowance was spent.
    pub fn ignored_requests(&self) -> u64 {
        self.options.ignored()
    }

    /// Takes the run of text at the start of `bytes`, and the byte that ends it if it is there.
    fn take_text<'a>(&mut self, bytes: &'a [u8], events: &mut Vec<Event>) -> &'a [u8] {
        let strip = self.role == TelnetRole::Client && !self.options.receives_binary();
        let special = |&byte: &u8| byte == IAC || (strip && byte == NUL);
        let Some(end) = bytes.iter().position(special) else {
            self.text(bytes, events);
            return &[];
        };
        self.text(&bytes[..end], events);
        match bytes[end] {
            IAC => self.state = State::Command,
            _ if self.last == CR => self.last = NUL,
            nul => self.text(&[nul], events),
        }
        &bytes[end + 1..]
    }

    fn take_command_byte(&mut self, byte: u8, events: &mut Vec<Event>) {
        match self.state {
            State::Text => unreachable!("text is taken in runs"),
            State::Command => self.command(byte, events),
            State::Option(verb) => {
                self.state = State::Text;
                self.negotiate(verb, byte, events);
            }
            State::Subnegotiation { escaped: true, .. } if byte == SE => {
                self.state = State::Text;
                self.speaks = true;
                if self.held.first() == Some(&option::COM_PORT)
                    && self.options.com_port() == Some(true)
                {
                    events.push(Event::ComPortSays(self.held.split_off(1)));
                }
            }
            // RFC 855 has only IAC IAC and IAC SE inside; any other command means that the end
            // was forgotten, as old servers do.
            State::Subnegotiation { escaped: true, .. } if byte != IAC => {
                self.command(byte, events);
            }
            State::Subnegotiation { length, escaped } => {
                let end_may_come = byte == IAC && !escaped;
                if self.options.com_port() == Some(true) && !end_may_come {
                    self.held.push(byte);
                }
                self.state = if length >= SUBNEGOTIATION_LIMIT {
                    State::Text
                } else {
                    State::Subnegotiation {
                        length: length + 1,
                        escaped: end_may_come,
                    }
                };
            }
        }
    }

    fn negotiate(&mut self, verb: Verb, option: u8, events: &mut Vec<Event>) {
        self.speaks = true;
        let answers = matches!(verb, Verb::Will | Verb::Wont);
        if self.marked && answers && option == option::TIMING_MARK {
            self.marked = false;
            events.push(Event::TimingMark);
            return;
        }
        let before = self.options.com_port();
        if let Some(reply) = self.options.request(verb, option) {
            push_reply(&reply, events);
        }
        if let Some(agreed) = self.options.com_port()
            && before != Some(agreed)
        {
            events.push(Event::ComPort(agreed));
        }
    }

    /// The byte behind an IAC. What is neither BREAK, negotiation nor a doubled IAC (NOP, data
    /// mark, EOF, abort, go-ahead, …) has no meaning on a console and is left out.
    fn command(&mut self, byte: u8, events: &mut Vec<Event>) {
        self.state = State::Text;
        match byte {
            IAC => self.text(&[IAC], events),
            BRK => events.push(Event::Break),
            SB => {
                self.held.clear();
                self.state = State::Subnegotiation {
                    length: 0,
                    escaped: false,
                };
            }
            _ => {
                if let Some(verb) = Verb::from_byte(byte) {
                    self.state = State::Option(verb);
                }
            }
        }
    }

    fn text(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let Some(&last) = bytes.last() else { return };
        self.last = last;
        self.options.earn(bytes.len());
        match events.last_mut() {
            Some(Event::Data(text)) => text.extend_from_slice(bytes),
            _ => events.push(Event::Data(bytes.to_vec())),
        }
    }
}

/// Appends `bytes` to `out` as telnet data: 255 doubled, all else as it is, CR too.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len());
    for run in bytes.split_inclusive(|&byte| byte == IAC) {
        out.extend_from_slice(run);
        if run.last() == Some(&IAC) {
            out.push(IAC);
        }
    }
}

fn push_reply(reply: &[u8], events: &mut Vec<Event>) {
    match events.last_mut() {
        Some(Event::Reply(bytes)) => bytes.extend_from_slice(reply),
        _ => events.push(Event::Reply(reply.to_vec())),
    }
}

#[cfg(test)]
mod tests;
