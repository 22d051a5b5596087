//! The line behind an RFC 2217 server, as a console needs it: what is wanted of it, when it is
//! ready to be typed on, which answers end the link, and what its modem tells of the machine.
//!
//! A line at another speed, character size, parity or stop bits than the cluster file says is
//! useless, and worse than none: what is typed on it arrives as something else. So the link ends
//! and says why. Flow control that the server will not have is warned of only: a console that is
//! read in time does without.

use crate::config::console::{Flow, LineSettings, Parity};
use crate::proto::rfc2217::{
    ComPort, Event, LINE_BREAK, LINE_FRAMING, LINE_OVERRUN, LINE_PARITY, Line, Setting,
};

use super::codec::Told;

/// How far a speed may be off, in hundredths: a UART divides its clock and hits few speeds
/// exactly, and 3 % is what a character of ten bits bears.
const SPEED_TOLERANCE: u64 = 3;

/// The codec of one connection, and what its server has told.
pub(super) struct RemoteLine {
    port: ComPort,
    events: Vec<Event>,
    agreed: bool,
    /// The modem's lines that were seen on: only those can tell by going off, for a cable need not
    /// have them.
    seen: u8,
    present: Option<bool>,
    /// Characters damaged on the line.
    damaged: u64,
}

impl RemoteLine {
    pub(super) fn new(line: LineSettings) -> RemoteLine {
        RemoteLine {
            port: ComPort::new(wanted(line)),
            events: Vec::new(),
            agreed: false,
            seen: 0,
            present: None,
            damaged: 0,
        }
    }

    pub(super) fn greeting(&self) -> &'static [u8] {
        self.port.greeting()
    }

    /// Whether the line is set, by the server's word.
    pub(super) fn is_set(&self) -> bool {
        self.agreed && self.port.unanswered().next().is_none()
    }

    /// The time to set the line is over: why it cannot be used, or what is not known of it.
    pub(super) fn overdue(&self) -> Result<String, String> {
        if !self.agreed {
            return Err(
                "has not agreed to set its line (RFC 2217): if it cannot, write telnet:// for it"
                    .to_owned(),
            );
        }
        let line = self.port.line();
        let silent = self.port.unanswered();
        let silent: Vec<String> = silent.map(|what| what.words(line.value(what))).collect();
        let silent = silent.join(", ");
        Ok(format!("has not said whether its line has {silent}"))
    }

    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        replies: &mut Vec<u8>,
        mut text: impl FnMut(&mut [u8]),
        mut told: impl FnMut(Told),
    ) {
        let mut events = std::mem::take(&mut self.events);
        self.port.receive(bytes, &mut events);
        for event in events.drain(..) {
            match event {
                Event::Data(mut bytes) => text(&mut bytes),
                Event::Reply(bytes) => replies.extend_from_slice(&bytes),
                Event::Agreed(true) => self.agreed = true,
                Event::Agreed(false) => told(Told::Unfit(refusal(self.agreed))),
                Event::Set(what, value) => {
                    if let Some(word) = differs(what, value, self.port.line().value(what)) {
                        told(word);
                    }
                }
                Event::Held(held) => told(Told::Held(held)),
                Event::Modem(lines) => {
                    if let Some(present) = self.modem(lines) {
                        told(Told::Carrier(present));
                    }
                }
                Event::Line(state) => {
                    if let Some(word) = self.line(state) {
                        told(Told::Warning(word));
                    }
                }
                Event::Polled => told(Told::Alive),
            }
        }
        self.events = events;
    }

    pub(super) fn may_poll(&self) -> bool {
        self.port.may_poll()
    }

    pub(super) fn poll(&mut self) -> Option<Vec<u8>> {
        self.port.poll()
    }

    /// Whether the carrier came or went: it is there while all lines that were ever on are on.
    fn modem(&mut self, lines: u8) -> Option<bool> {
        self.seen |= lines;
        let present = (self.seen != 0).then_some(lines == self.seen);
        let news = present != self.present;
        self.present = present;
        present.filter(|_| news)
    }

    /// What is to be said of the line's state: damage with every tenfold of its count.
    fn line(&mut self, state: u8) -> Option<String> {
        if state & LINE_BREAK != 0 {
            return Some("the machine on its line sent a BREAK, or has lost its power".to_owned());
        }
        if state & (LINE_FRAMING | LINE_PARITY | LINE_OVERRUN) == 0 {
            return None;
        }
        self.damaged += 1;
        let tenfold = self.damaged.checked_ilog10().map(|n| 10_u64.pow(n)) == Some(self.damaged);
        let what = match state {
            _ if state & LINE_FRAMING != 0 => "framing errors: is the speed right?",
            _ if state & LINE_PARITY != 0 => "parity errors: is the parity right?",
            _ => "overruns: characters are lost in the terminal server",
        };
        tenfold.then(|| format!("its line has {what} (told {} times)", self.damaged))
    }
}

fn refusal(agreed_before: bool) -> String {
    match agreed_before {
        false => "does not set its line (it refuses RFC 2217): write telnet:// for it".to_owned(),
        true => "no longer lets its line be set (RFC 2217)".to_owned(),
    }
}

/// What is to be told of a line that is not set as it was wanted.
fn differs(what: Setting, got: u32, wanted: u32) -> Option<Told> {
    let (off, limit) = (
        u64::from(got.abs_diff(wanted)) * 100,
        u64::from(wanted) * SPEED_TOLERANCE,
    );
    if got == wanted || (what == Setting::Speed && off <= limit) {
        return None;
    }
    let (got, wanted) = (what.words(got), what.words(wanted));
    Some(match what {
        Setting::Flow => Told::Warning(format!(
            "has its line at {got} where {wanted} was asked for"
        )),
        _ => Told::Unfit(format!(
            "has its line at {got} where {wanted} was asked for: nothing could be read or typed so"
        )),
    })
}

/// RFC 2217's numbers for the line of a cluster file.
fn wanted(line: LineSettings) -> Line {
    Line {
        speed: line.speed,
        bits: line.bits,
        parity: match line.parity {
            Parity::None => 1,
            Parity::Odd => 2,
            Parity::Even => 3,
        },
        stop: line.stop,
        flow: match line.flow {
            Flow::None => 1,
            Flow::Software => 2,
            Flow::Hardware => 3,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(line: &mut RemoteLine, bytes: &[u8]) -> Vec<Told> {
        let mut told = Vec::new();
        line.receive(bytes, &mut Vec::new(), |_| {}, |word| told.push(word));
        told
    }

    fn agreed() -> RemoteLine {
        let mut line = RemoteLine::new(LineSettings::default());
        assert_eq!(heard(&mut line, b"\xff\xfd\x2c"), []);
        line
    }

    fn modem(state: u8) -> Vec<u8> {
        vec![255, 250, 44, 107, state, 255, 240]
    }

    #[test]
    fn a_line_is_set_when_all_is_answered() {
        let mut line = agreed();
        assert!(!line.is_set());
        assert_eq!(
            heard(&mut line, b"\xff\xfa\x2c\x65\0\0\x25\x80\xff\xf0"),
            []
        );
        let overdue = line.overdue().unwrap();
        assert_eq!(
            overdue,
            "has not said whether its line has 8 data bits, parity none, stop bits 1, flow control none"
        );
        for rest in [b"\x66\x08", b"\x67\x01", b"\x68\x01", b"\x69\x01"] {
            heard(
                &mut line,
                &[b"\xff\xfa\x2c", &rest[..], b"\xff\xf0"].concat(),
            );
        }
        assert!(line.is_set());
        assert!(RemoteLine::new(LineSettings::default()).overdue().is_err());
    }

    #[test]
    fn another_speed_ends_the_link_and_another_flow_control_does_not() {
        let told = heard(&mut agreed(), b"\xff\xfa\x2c\x65\0\0\x4b\0\xff\xf0");
        let [Told::Unfit(why)] = &told[..] else {
            panic!("{told:?}")
        };
        assert!(
            why.contains("19200 bit/s where 9600 bit/s was asked for"),
            "{why}"
        );
        assert_eq!(
            heard(&mut agreed(), b"\xff\xfa\x2c\x65\0\0\x25\x90\xff\xf0"),
            []
        );
        let told = heard(&mut agreed(), b"\xff\xfa\x2c\x69\x03\xff\xf0");
        assert!(matches!(&told[..], [Told::Warning(_)]), "{told:?}");
        let told = heard(&mut agreed(), b"\xff\xfe\x2c");
        assert!(matches!(&told[..], [Told::Unfit(why)] if why.starts_with("no longer")));
    }

    #[test]
    fn only_a_modem_line_that_was_on_can_be_lost() {
        let mut line = agreed();
        assert_eq!(heard(&mut line, &modem(0)), []);
        assert_eq!(heard(&mut line, &modem(0x20)), [Told::Carrier(true)]);
        assert_eq!(heard(&mut line, &modem(0x22)), []);
        assert_eq!(heard(&mut line, &modem(0)), [Told::Carrier(false)]);
        assert_eq!(heard(&mut line, &modem(0xa0)), [Told::Carrier(true)]);
        assert_eq!(heard(&mut line, &modem(0x20)), [Told::Carrier(false)]);
    }

    #[test]
    fn damage_is_told_with_every_tenfold() {
        let mut line = agreed();
        let framing = b"\xff\xfa\x2c\x6a\x08\xff\xf0";
        let told: usize = (0..1000).map(|_| heard(&mut line, framing).len()).sum();
        assert_eq!(told, 4);
    }
}
