//! The com port option of telnet (RFC 2217), the client's end of it: it sets the line behind a
//! terminal server, holds it for a BREAK, and hears how line and modem are.
//!
//! ```text
//!   greeting: WILL COM-PORT-OPTION ──►  DO: settings, BREAK OFF, masks ──►  an answer to each
//!                                       DONT: Event::Agreed(false)
//! ```
//!
//! The settings are sent once, with the first agreement; answers are reported as they come, asked
//! for or not, and never answered in turn, so no server can draw a conversation out of this codec
//! that [`telnet`] would not allow. Strange commands and lengths are left out and
//! counted.

use super::telnet::{self, IAC, Telnet};

const SB: u8 = 250;
const SE: u8 = 240;
const COM_PORT_OPTION: u8 = 44;

// The commands as a client sends them; a server adds 100 in its answers and notices.
const SET_BAUDRATE: u8 = 1;
const SET_DATASIZE: u8 = 2;
const SET_PARITY: u8 = 3;
const SET_STOPSIZE: u8 = 4;
const SET_CONTROL: u8 = 5;
const NOTIFY_LINESTATE: u8 = 6;
const NOTIFY_MODEMSTATE: u8 = 7;
const SET_LINESTATE_MASK: u8 = 10;
const SET_MODEMSTATE_MASK: u8 = 11;
const FROM_SERVER: u8 = 100;

// Values of SET-CONTROL.
const LAST_FLOW: u8 = 3;
const BREAK_ON: u8 = 5;
const BREAK_OFF: u8 = 6;

/// Line state (NOTIFY-LINESTATE): the far end of the line sent a BREAK.
pub const LINE_BREAK: u8 = 0x10;
/// Line state: a character without a proper end, as a wrong speed makes them.
pub const LINE_FRAMING: u8 = 0x08;
/// Line state: a character with the wrong parity.
pub const LINE_PARITY: u8 = 0x04;
/// Line state: characters came faster than the server took them from its port.
pub const LINE_OVERRUN: u8 = 0x02;

/// Modem state (NOTIFY-MODEMSTATE): a carrier is detected.
pub const MODEM_CARRIER: u8 = 0x80;
/// Modem state: the machine on the line is there (DSR).
pub const MODEM_READY: u8 = 0x20;

/// Of what the server is to tell: all that is of use on a console.
const LINE_MASK: u8 = LINE_BREAK | LINE_FRAMING | LINE_PARITY | LINE_OVERRUN;
const MODEM_MASK: u8 = MODEM_CARRIER | MODEM_READY;

/// One thing that is set on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// Bits a second.
    Speed,
    /// Data bits of a character.
    Bits,
    /// 1 none, 2 odd, 3 even, 4 mark, 5 space.
    Parity,
    /// 1 one, 2 two, 3 one and a half.
    Stop,
    /// 1 none, 2 XON/XOFF, 3 RTS and CTS.
    Flow,
}

impl Setting {
    /// All, in the order in which they are sent.
    pub const ALL: [Setting; 5] = [
        Setting::Speed,
        Setting::Bits,
        Setting::Parity,
        Setting::Stop,
        Setting::Flow,
    ];

    /// A value of it in words: `9600 bit/s`, `parity even`.
    pub fn words(self, value: u32) -> String {
        let named = |what: &str, names: &[&str]| {
            let name = usize::try_from(value).ok().and_then(|at| names.get(at));
            name.map_or_else(
                || format!("{what} {value}"),
                |name| format!("{what} {name}"),
            )
        };
        match self {
            Setting::Speed => format!("{value} bit/s"),
            Setting::Bits => format!("{value} data bits"),
            Setting::Parity => named("parity", &["0", "none", "odd", "even", "mark", "space"]),
            Setting::Stop => named("stop bits", &["0", "1", "2", "1.5"]),
            Setting::Flow => named("flow control", &["0", "none", "XON/XOFF", "RTS/CTS"]),
        }
    }
}

/// How a line is to be set: values as [`Setting`] states them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Bits a second, not 0.
    pub speed: u32,
    /// Data bits.
    pub bits: u8,
    /// The parity's number.
    pub parity: u8,
    /// The stop bits' number.
    pub stop: u8,
    /// The flow control's number.
    pub flow: u8,
}

impl Line {
    /// The value of one setting.
    pub fn value(&self, setting: Setting) -> u32 {
        match setting {
            Setting::Speed => self.speed,
            Setting::Bits => self.bits.into(),
            Setting::Parity => self.parity.into(),
            Setting::Stop => self.stop.into(),
            Setting::Flow => self.flow.into(),
        }
    }
}

/// What came off the wire, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes of the console, never empty.
    Data(Vec<u8>),
    /// An answer that has to be written to the server as it is.
    Reply(Vec<u8>),
    /// The server speaks RFC 2217; or does not, or no longer.
    Agreed(bool),
    /// The line is set so now, by the server's word.
    Set(Setting, u32),
    /// The line is held (true), or let go.
    Held(bool),
    /// The modem's lines, `MODEM_…`.
    Modem(u8),
    /// What happened on the line, `LINE_…`.
    Line(u8),
    /// The server answered [`ComPort::poll`].
    Polled,
}

/// One connection's codec. A new connection needs a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComPort {
    telnet: Telnet,
    line: Line,
    sent: bool,
    set: [Option<u32>; Setting::ALL.len()],
    polling: bool,
    strange: u64,
}

impl ComPort {
    /// The codec of a connection just made to a server whose line is to be set as `line`.
    pub fn new(line: Line) -> ComPort {
        ComPort {
            telnet: Telnet::for_com_port(),
            line,
            sent: false,
            set: [None; Setting::ALL.len()],
            polling: false,
            strange: 0,
        }
    }

    /// What is to be written first.
    pub fn greeting(&self) -> &'static [u8] {
        self.telnet.greeting()
    }

    /// How the line is to be set.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// The settings of which the server has said nothing yet.
    pub fn unanswered(&self) -> impl Iterator<Item = Setting> {
        let set = self.set;
        let silent = move |setting: &Setting| set[*setting as usize].is_none();
        Setting::ALL.into_iter().filter(silent)
    }

    /// Subnegotiations that meant nothing.
    pub fn strange(&self) -> u64 {
        self.strange
    }

    /// Asks for the present speed, which every server that lives answers: `None` before the
    /// option is agreed and while the last question is not answered.
    pub fn poll(&mut self) -> Option<Vec<u8>> {
        let may = self.may_poll();
        self.polling |= may;
        may.then(|| {
            let mut out = Vec::new();
            command(SET_BAUDRATE, &[0; 4], &mut out);
            out
        })
    }

    /// Whether [`ComPort::poll`] has a question.
    pub fn may_poll(&self) -> bool {
        self.sent && !self.polling
    }

    /// Takes `bytes` as they came, cut anywhere, and appends what they mean to `events`: at most
    /// one event for each byte, and one more with the first agreement.
    pub fn receive(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let mut heard = Vec::new();
        self.telnet.receive(bytes, &mut heard);
        for event in heard {
            match event {
                telnet::Event::Data(bytes) => events.push(Event::Data(bytes)),
                telnet::Event::Reply(bytes) => push_reply(bytes, events),
                telnet::Event::ComPort(agreed) => {
                    if agreed && !self.sent {
                        push_reply(self.settings(), events);
                        self.sent = true;
                    }
                    events.push(Event::Agreed(agreed));
                }
                telnet::Event::ComPortSays(said) => self.said(&said, events),
                // A BREAK towards us has no meaning, and timing marks are not asked for here.
                telnet::Event::Break | telnet::Event::TimingMark => {}
            }
        }
    }

    /// All that a new connection tells its server. BREAK OFF is among it: the last connection may
    /// have ended in the middle of a BREAK.
    fn settings(&self) -> Vec<u8> {
        let line = &self.line;
        let mut out = Vec::new();
        command(SET_CONTROL, &[BREAK_OFF], &mut out);
        command(SET_BAUDRATE, &line.speed.to_be_bytes(), &mut out);
        command(SET_DATASIZE, &[line.bits], &mut out);
        command(SET_PARITY, &[line.parity], &mut out);
        command(SET_STOPSIZE, &[line.stop], &mut out);
        command(SET_CONTROL, &[line.flow], &mut out);
        command(SET_LINESTATE_MASK, &[LINE_MASK], &mut out);
        command(SET_MODEMSTATE_MASK, &[MODEM_MASK], &mut out);
        out
    }

    fn said(&mut self, said: &[u8], events: &mut Vec<Event>) {
        let (command, value) = said.split_first().map_or((0, said), |(c, v)| (*c, v));
        match (command.wrapping_sub(FROM_SERVER), value) {
            (SET_BAUDRATE, &[a, b, c, d]) => {
                self.set(Setting::Speed, u32::from_be_bytes([a, b, c, d]), events);
                if std::mem::take(&mut self.polling) {
                    events.push(Event::Polled);
                }
            }
            (SET_DATASIZE, &[bits]) => self.set(Setting::Bits, bits.into(), events),
            (SET_PARITY, &[parity]) => self.set(Setting::Parity, parity.into(), events),
            (SET_STOPSIZE, &[stop]) => self.set(Setting::Stop, stop.into(), events),
            (SET_CONTROL, &[flow @ 0..=LAST_FLOW]) => self.set(Setting::Flow, flow.into(), events),
            (SET_CONTROL, &[BREAK_ON]) => events.push(Event::Held(true)),
            (SET_CONTROL, &[BREAK_OFF]) => events.push(Event::Held(false)),
            (NOTIFY_LINESTATE, &[state]) => events.push(Event::Line(state & LINE_MASK)),
            (NOTIFY_MODEMSTATE, &[state]) => events.push(Event::Modem(state & MODEM_MASK)),
            // The masks' answers say nothing new; DTR, RTS, signature, purge were not asked for.
            (SET_LINESTATE_MASK | SET_MODEMSTATE_MASK | SET_CONTROL, &[_]) => {}
            _ => self.strange += 1,
        }
    }

    fn set(&mut self, setting: Setting, value: u32, events: &mut Vec<Event>) {
        self.set[setting as usize] = Some(value);
        events.push(Event::Set(setting, value));
    }
}

/// Holds the line, or lets it go: bytes to be written as they are, once the option is agreed.
pub fn hold(hold: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let value = if hold { BREAK_ON } else { BREAK_OFF };
    command(SET_CONTROL, &[value], &mut out);
    out
}

/// A subnegotiation; its 255s are doubled (RFC 855).
fn command(command: u8, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[IAC, SB, COM_PORT_OPTION, command]);
    telnet::encode(value, out);
    out.extend_from_slice(&[IAC, SE]);
}

fn push_reply(reply: Vec<u8>, events: &mut Vec<Event>) {
    match events.last_mut() {
        Some(Event::Reply(bytes)) => bytes.extend(reply),
        _ => events.push(Event::Reply(reply)),
    }
}

#[cfg(test)]
mod tests;
