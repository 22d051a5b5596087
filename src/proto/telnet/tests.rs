//! The codec against the RFCs' own examples, any cutting, and hostile peers.

use proptest::collection::vec;
use proptest::prelude::*;

use super::option::{ALLOWANCE, TEXT_FOR_AN_ANSWER};
use super::*;

const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;

fn feed(telnet: &mut Telnet, bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    telnet.receive(bytes, &mut events);
    events
}

fn client(bytes: &[u8]) -> Vec<Event> {
    feed(&mut Telnet::new(TelnetRole::Client), bytes)
}

fn text(events: &[Event]) -> Vec<u8> {
    let parts = events.iter().filter_map(|event| match event {
        Event::Data(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    parts.collect::<Vec<_>>().concat()
}

fn replies(events: &[Event]) -> Vec<u8> {
    let parts = events.iter().filter_map(|event| match event {
        Event::Reply(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    parts.collect::<Vec<_>>().concat()
}

#[test]
fn plain_text_comes_through_and_a_doubled_iac_is_one_byte() {
    assert_eq!(
        client(b"ok \xff\xff\r\n"),
        [Event::Data(b"ok \xff\r\n".to_vec())]
    );
}

#[test]
fn break_is_told_in_its_place() {
    let mut server = Telnet::new(TelnetRole::Server);
    assert_eq!(
        feed(&mut server, b"a\xff\xf3b"),
        [
            Event::Data(b"a".to_vec()),
            Event::Break,
            Event::Data(b"b".to_vec())
        ]
    );
}

#[test]
fn the_greeting_of_a_qemu_port_is_accepted() {
    let greeting = b"\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00";
    assert_eq!(Telnet::new(TelnetRole::Server).greeting(), greeting);
    let accepted = b"\xff\xfd\x01\xff\xfd\x03\xff\xfd\x00\xff\xfb\x00";
    assert_eq!(client(greeting), [Event::Reply(accepted.to_vec())]);
}

#[test]
fn client_and_server_agree_and_then_are_silent() {
    let mut client = Telnet::new(TelnetRole::Client);
    let mut server = Telnet::new(TelnetRole::Server);
    let answer = replies(&feed(&mut client, server.greeting()));
    assert!(!answer.is_empty());
    assert_eq!(replies(&feed(&mut server, &answer)), b"");
    assert_eq!(text(&feed(&mut client, b"a\r\0b")), b"a\r\0b");
}

#[test]
fn what_is_not_spoken_is_refused_once() {
    let mut telnet = Telnet::new(TelnetRole::Client);
    let ask = [IAC, DO, 24, IAC, WILL, 5, IAC, DO, 1];
    let refused = [IAC, WONT, 24, IAC, DONT, 5, IAC, WONT, 1];
    assert_eq!(replies(&feed(&mut telnet, &ask)), refused);
    assert_eq!(replies(&feed(&mut telnet, &ask)), b"");
    assert_eq!(replies(&feed(&mut telnet, &[IAC, DONT, 24])), b"");
    assert_eq!(replies(&feed(&mut telnet, &[IAC, DO, 24])), [IAC, WONT, 24]);
}

#[test]
fn an_option_is_answered_with_each_change_only() {
    let mut telnet = Telnet::new(TelnetRole::Client);
    let will = [IAC, WILL, 1];
    let wont = [IAC, WONT, 1];
    assert_eq!(replies(&feed(&mut telnet, &wont)), b"");
    assert_eq!(replies(&feed(&mut telnet, &will)), [IAC, DO, 1]);
    assert_eq!(replies(&feed(&mut telnet, &will)), b"");
    assert_eq!(replies(&feed(&mut telnet, &wont)), [IAC, DONT, 1]);
    assert_eq!(replies(&feed(&mut telnet, &wont)), b"");
}

#[test]
fn a_server_refused_takes_it_silently() {
    let mut server = Telnet::new(TelnetRole::Server);
    assert_eq!(feed(&mut server, &[IAC, DONT, 1, IAC, WONT, 0]), []);
}

#[test]
fn a_nul_behind_cr_is_padding_until_binary_is_agreed() {
    assert_eq!(text(&client(b"a\r\0b\0c\r\r\0\0d")), b"a\rb\0c\r\r\0d");
    let mut telnet = Telnet::new(TelnetRole::Client);
    feed(&mut telnet, &[IAC, WILL, 0]);
    assert_eq!(text(&feed(&mut telnet, b"a\r\0b")), b"a\r\0b");
    let mut server = Telnet::new(TelnetRole::Server);
    assert_eq!(text(&feed(&mut server, b"a\r\0b")), b"a\r\0b");
}

#[test]
fn other_commands_and_subnegotiations_leave_no_trace() {
    for command in 236..=249 {
        if command != BRK && command != SE {
            assert_eq!(text(&client(&[b'a', IAC, command, b'b'])), b"ab");
        }
    }
    assert_eq!(
        text(&client(b"a\xff\xfa\x18\x01x\xff\xffy\xff\xf0b")),
        b"ab"
    );
}

#[test]
fn a_subnegotiation_without_its_end_does_not_swallow_the_console() {
    let mut bytes = vec![IAC, SB, 24];
    bytes.resize(bytes.len() + SUBNEGOTIATION_LIMIT, b'x');
    bytes.extend_from_slice(b"panic");
    assert_eq!(text(&client(&bytes)), b"panic");
    assert_eq!(
        client(b"\xff\xfa\x18xx\xff\xf3ok"),
        [Event::Break, Event::Data(b"ok".to_vec())]
    );
}

#[test]
fn a_command_cut_off_at_the_end_is_nothing() {
    for cut in [&b"a\xff"[..], b"a\xff\xfb", b"a\xff\xfa\x01\xff"] {
        assert_eq!(client(cut), [Event::Data(b"a".to_vec())], "{cut:x?}");
    }
}

#[test]
fn return_is_a_bare_cr_and_255_is_doubled() {
    let mut out = Vec::new();
    encode(b"\xff\rboot\r\xff", &mut out);
    assert_eq!(out, b"\xff\xff\rboot\r\xff\xff");
}

#[test]
fn a_peer_that_toggles_without_end_gets_its_allowance_and_no_more() {
    let mut telnet = Telnet::new(TelnetRole::Client);
    let mut answered = 0;
    for _ in 0..10_000 {
        let events = feed(&mut telnet, &[IAC, WILL, 1, IAC, WONT, 1]);
        answered += replies(&events).len();
    }
    assert_eq!(answered, 3 * ALLOWANCE as usize);
    assert!(telnet.ignored_requests() > 9_000);
    let earned = feed(&mut telnet, &[b'x'; TEXT_FOR_AN_ANSWER]);
    assert_eq!(replies(&earned), b"");
    let events = feed(&mut telnet, &[IAC, WILL, 1, IAC, WONT, 1]);
    assert_eq!(replies(&events).len(), 3);
}

#[test]
fn a_timing_mark_is_asked_for_once_at_a_time_and_of_a_telnet_peer_only() {
    let mut telnet = Telnet::new(TelnetRole::Client);
    feed(&mut telnet, b"login: \xff\xff\xff\xf1");
    assert_eq!(telnet.timing_mark(), None);
    feed(&mut telnet, &[IAC, WILL, 1]);
    for answer in [WILL, WONT, WILL] {
        assert_eq!(telnet.timing_mark(), Some([IAC, DO, 6]));
        assert_eq!(telnet.timing_mark(), None);
        assert_eq!(feed(&mut telnet, &[IAC, answer, 6]), [Event::TimingMark]);
    }
    // What nobody asked for is an option like any other.
    assert_eq!(replies(&feed(&mut telnet, &[IAC, WILL, 6])), [IAC, DONT, 6]);
    assert_eq!(feed(&mut telnet, &[IAC, WILL, 6, IAC, WONT, 6]), []);
}

#[test]
fn a_server_answers_every_timing_mark_and_a_client_those_of_its_allowance() {
    let mut server = Telnet::new(TelnetRole::Server);
    let mut client = Telnet::new(TelnetRole::Client);
    feed(&mut client, server.greeting());
    for _ in 0..1000 {
        let question = client.timing_mark().unwrap();
        let answer = replies(&feed(&mut server, &question));
        assert_eq!(feed(&mut client, &answer), [Event::TimingMark]);
    }
    let mut asked = Telnet::new(TelnetRole::Client);
    let answers = (0..1000).map(|_| replies(&feed(&mut asked, &[IAC, DO, 6])).len());
    assert_eq!(answers.sum::<usize>(), 3 * ALLOWANCE as usize);
}

/// Bytes rich in commands, as plain random ones are not.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => Just(IAC),
        3 => prop_oneof![Just(WILL), Just(WONT), Just(DO), Just(DONT)],
        1 => prop_oneof![Just(SB), Just(SE), Just(BRK), Just(CR), Just(NUL)],
        2 => 0_u8..8,
        2 => any::<u8>(),
    ];
    vec(byte, 0..700)
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
    fn any_cutting_means_the_same(bytes in hostile(), cuts in vec(1_usize..40, 1..80)) {
        for role in [TelnetRole::Client, TelnetRole::Server] {
            let mut whole = Telnet::new(role);
            let expected = feed(&mut whole, &bytes);
            let mut cut = Telnet::new(role);
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
    }

    #[test]
    fn a_hostile_peer_gets_little(bytes in hostile()) {
        let events = client(&bytes);
        prop_assert!(events.len() <= bytes.len());
        let answered = replies(&events).len();
        let text = text(&events).len();
        prop_assert!(text <= bytes.len());
        prop_assert!(answered <= 3 * (ALLOWANCE as usize + text / TEXT_FOR_AN_ANSWER));
        prop_assert!(answered <= bytes.len());
    }

    #[test]
    fn what_is_encoded_comes_out(bytes in vec(any::<u8>(), 0..2000)) {
        let mut wire = Vec::new();
        encode(&bytes, &mut wire);
        prop_assert!(wire.len() <= 2 * bytes.len());
        let mut server = Telnet::new(TelnetRole::Server);
        prop_assert_eq!(text(&feed(&mut server, &wire)), bytes.clone());
        let mut client = Telnet::new(TelnetRole::Client);
        feed(&mut client, &[IAC, WILL, 0]);
        prop_assert_eq!(text(&feed(&mut client, &wire)), bytes);
    }

    #[test]
    fn two_codecs_set_at_odds_by_a_third_fall_silent(bytes in hostile()) {
        let mut client = Telnet::new(TelnetRole::Client);
        let mut server = Telnet::new(TelnetRole::Server);
        let mut to_server = replies(&feed(&mut client, &bytes));
        let mut said = 0;
        while !to_server.is_empty() {
            let to_client = replies(&feed(&mut server, &to_server));
            said += to_client.len();
            prop_assert!(said <= 3 * ALLOWANCE as usize);
            to_server = replies(&feed(&mut client, &to_client));
        }
    }
}
