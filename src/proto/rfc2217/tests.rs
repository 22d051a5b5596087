//! The codec against the RFC's own layout, any cutting, and hostile servers.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const DO: u8 = 253;
const DONT: u8 = 254;
const WONT: u8 = 252;
const WILL: u8 = 251;

const LINE: Line = Line {
    speed: 9600,
    bits: 8,
    parity: 1,
    stop: 1,
    flow: 1,
};

fn feed(port: &mut ComPort, bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    port.receive(bytes, &mut events);
    events
}

fn agreed() -> ComPort {
    let mut port = ComPort::new(LINE);
    feed(&mut port, &[IAC, DO, COM_PORT_OPTION]);
    port
}

/// What a server says.
fn says(what: u8, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    command(FROM_SERVER + what, value, &mut out);
    out
}

#[test]
fn the_line_is_set_once_the_server_agrees() {
    let mut port = ComPort::new(LINE);
    assert_eq!(port.greeting()[..3], [IAC, WILL, COM_PORT_OPTION]);
    assert_eq!(port.poll(), None);
    let events = feed(&mut port, &[IAC, DO, COM_PORT_OPTION]);
    let [Event::Reply(sent), Event::Agreed(true)] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(
        sent.starts_with(b"\xff\xfa\x2c\x05\x06\xff\xf0"),
        "{sent:x?}"
    );
    for part in [
        &b"\xff\xfa\x2c\x01\x00\x00\x25\x80\xff\xf0"[..],
        b"\xff\xfa\x2c\x02\x08\xff\xf0",
        b"\xff\xfa\x2c\x03\x01\xff\xf0",
        b"\xff\xfa\x2c\x04\x01\xff\xf0",
        b"\xff\xfa\x2c\x05\x01\xff\xf0",
    ] {
        assert!(sent.windows(part.len()).any(|bytes| bytes == part));
    }
    assert_eq!(port.unanswered().count(), 5);
    let answers = [
        says(SET_BAUDRATE, &[0, 0, 0x25, 0x80]),
        says(SET_DATASIZE, &[8]),
        says(SET_PARITY, &[1]),
        says(SET_STOPSIZE, &[2]),
        says(SET_CONTROL, &[1]),
    ];
    let events = feed(&mut port, &answers.concat());
    assert_eq!(events[0], Event::Set(Setting::Speed, 9600));
    assert_eq!(events[3], Event::Set(Setting::Stop, 2));
    assert_eq!(port.unanswered().count(), 0);
}

#[test]
fn a_server_that_refuses_is_told_of_and_gets_nothing() {
    let mut port = ComPort::new(LINE);
    assert_eq!(
        feed(&mut port, &[IAC, DONT, COM_PORT_OPTION]),
        [Event::Agreed(false)]
    );
    assert_eq!(feed(&mut port, &says(SET_PARITY, &[1])), []);
    let mut port = agreed();
    let refused = vec![IAC, WONT, COM_PORT_OPTION];
    let events = feed(&mut port, &[IAC, DONT, COM_PORT_OPTION]);
    assert_eq!(events, [Event::Reply(refused), Event::Agreed(false)]);
}

#[test]
fn a_doubled_255_inside_is_one() {
    let line = Line {
        speed: 0x00ff_00ff,
        ..LINE
    };
    let mut port = ComPort::new(line);
    let events = feed(&mut port, &[IAC, DO, COM_PORT_OPTION]);
    let Event::Reply(sent) = &events[0] else {
        panic!()
    };
    let part = b"\xff\xfa\x2c\x01\x00\xff\xff\x00\xff\xff\xff\xf0";
    assert!(
        sent.windows(part.len()).any(|bytes| bytes == part),
        "{sent:x?}"
    );
    let answer = b"\xff\xfa\x2c\x65\x00\xff\xff\x00\xff\xff\xff\xf0";
    assert_eq!(
        feed(&mut port, answer),
        [Event::Set(Setting::Speed, line.speed)]
    );
}

#[test]
fn break_states_and_polls_are_told_apart() {
    assert_eq!(hold(true), b"\xff\xfa\x2c\x05\x05\xff\xf0");
    assert_eq!(hold(false), b"\xff\xfa\x2c\x05\x06\xff\xf0");
    let mut port = agreed();
    assert_eq!(
        port.poll().unwrap(),
        b"\xff\xfa\x2c\x01\x00\x00\x00\x00\xff\xf0"
    );
    assert_eq!(port.poll(), None);
    let said = [
        says(SET_CONTROL, &[BREAK_ON]),
        b"x".to_vec(),
        says(SET_CONTROL, &[BREAK_OFF]),
        says(NOTIFY_MODEMSTATE, &[0xff]),
        says(NOTIFY_LINESTATE, &[LINE_FRAMING | 0x60]),
        says(SET_CONTROL, &[8]),
        says(SET_MODEMSTATE_MASK, &[0xff]),
        says(SET_BAUDRATE, &[0, 0, 0x25, 0x80]),
    ];
    let events = feed(&mut port, &said.concat());
    let expected = [
        Event::Held(true),
        Event::Data(b"x".to_vec()),
        Event::Held(false),
        Event::Modem(MODEM_CARRIER | MODEM_READY),
        Event::Line(LINE_FRAMING),
        Event::Set(Setting::Speed, 9600),
        Event::Polled,
    ];
    assert_eq!(events, expected);
    assert!(port.poll().is_some());
    assert_eq!(port.strange(), 0);
}

#[test]
fn what_is_unknown_or_cut_short_is_counted_and_left_out() {
    let mut port = agreed();
    let said = [
        says(SET_BAUDRATE, &[1]),
        says(SET_BAUDRATE, &[0; 5]),
        says(SET_PARITY, &[]),
        says(77, &[1, 2, 3]),
        b"\xff\xfa\x2c\xff\xf0".to_vec(),
        b"\xff\xfa\x2c\x01\x00\x00\x00\x00\xff\xf0".to_vec(),
    ];
    assert_eq!(feed(&mut port, &said.concat()), []);
    assert_eq!(port.strange(), 6);
    let endless = [
        &b"\xff\xfa\x2c\x65"[..],
        &[b'x'; telnet::SUBNEGOTIATION_LIMIT],
        b"panic",
    ];
    let events = feed(&mut port, &endless.concat());
    assert!(matches!(&events[..], [Event::Data(text)] if text.ends_with(b"panic")));
}

#[test]
fn settings_go_out_once_however_often_the_server_agrees() {
    let mut port = agreed();
    let mut replied = 0;
    for _ in 0..1000 {
        let toggle = [IAC, DONT, COM_PORT_OPTION, IAC, DO, COM_PORT_OPTION];
        for event in feed(&mut port, &toggle) {
            if let Event::Reply(bytes) = event {
                replied += bytes.len();
            }
        }
    }
    assert!(replied <= 3 * 64, "{replied}");
}

#[test]
fn a_setting_is_said_in_words() {
    assert_eq!(Setting::Speed.words(19200), "19200 bit/s");
    assert_eq!(Setting::Parity.words(3), "parity even");
    assert_eq!(Setting::Stop.words(77), "stop bits 77");
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        2 => Just(vec![IAC]),
        1 => prop_oneof![Just(DO), Just(DONT), Just(WILL), Just(WONT)]
            .prop_map(|verb| vec![IAC, verb, COM_PORT_OPTION]),
        3 => (95_u8..115, vec(any::<u8>(), 0..6)).prop_map(|(what, value)| {
            let mut out = Vec::new();
            command(what, &value, &mut out);
            out
        }),
        1 => Just(vec![IAC, SB, COM_PORT_OPTION]),
        1 => vec(any::<u8>(), 0..30),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut out: Vec<Event> = Vec::new();
    for event in events {
        match (out.last_mut(), event) {
            (Some(Event::Data(last)), Event::Data(next))
            | (Some(Event::Reply(last)), Event::Reply(next)) => last.extend(next),
            (_, event) => out.push(event),
        }
    }
    out
}

proptest! {
    #[test]
    fn any_cutting_means_the_same(bytes in hostile(), cuts in vec(1_usize..20, 1..80)) {
        let mut whole = ComPort::new(LINE);
        let expected = joined(feed(&mut whole, &bytes));
        let mut cut = ComPort::new(LINE);
        let mut events = Vec::new();
        let mut rest = bytes.as_slice();
        for length in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*length).min(rest.len()));
            cut.receive(piece, &mut events);
            rest = after;
        }
        prop_assert_eq!(joined(events), expected);
        prop_assert_eq!(&cut, &whole);
    }

    #[test]
    fn a_hostile_server_gets_little(bytes in hostile()) {
        let mut port = ComPort::new(LINE);
        let settings = port.settings().len();
        let events = feed(&mut port, &bytes);
        prop_assert!(events.len() <= bytes.len() + 1);
        let replied: usize = events.iter().map(|event| match event {
            Event::Reply(bytes) => bytes.len(),
            _ => 0,
        }).sum();
        prop_assert!(replied <= bytes.len() + settings);
    }
}
