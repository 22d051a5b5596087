//! The telnet codec, as client and as server: how the wire was cut makes no difference, nothing
//! grows beyond what came, and what was encoded comes back.

use clusterd::proto::telnet::{BREAK, Event, SUBNEGOTIATION_LIMIT, Telnet, TelnetRole, encode};

/// The first byte chooses the end and the cutting, the others came off the wire.
pub fn hold(input: &[u8]) {
    let Some((&seed, wire)) = input.split_first() else {
        return;
    };
    let end = match seed & 3 {
        0 => Telnet::new(TelnetRole::Client),
        2 => Telnet::for_com_port(),
        _ => Telnet::new(TelnetRole::Server),
    };
    let (whole, at_once) = received(&end, &[wire]);
    let (pieces, in_pieces) = received(&end, &super::cut(wire, seed));
    assert_eq!(whole, pieces, "the codec's state");
    assert_eq!(joined(&at_once), joined(&in_pieces), "what came");
    comes_back(wire, seed);
}

fn received(end: &Telnet, pieces: &[&[u8]]) -> (Telnet, Vec<Event>) {
    let mut telnet = end.clone();
    let mut all = Vec::new();
    for piece in pieces {
        let mut events = Vec::new();
        telnet.receive(piece, &mut events);
        // The first byte may end what began in the piece before, with a reply and a word about it.
        assert!(
            events.len() <= piece.len() + 1,
            "more events than bytes: {piece:02x?} {events:?}"
        );
        let (mut data, mut replies) = (0, 0);
        for event in &events {
            match event {
                Event::Data(bytes) => data += bytes.len(),
                Event::Reply(bytes) => replies += bytes.len(),
                Event::ComPortSays(bytes) => assert!(bytes.len() <= SUBNEGOTIATION_LIMIT),
                Event::Break | Event::TimingMark | Event::ComPort(_) => {}
            }
        }
        assert!(data <= piece.len() + 1, "more text than came");
        assert!(replies <= piece.len() + 2, "more replies than came");
        all.extend(events);
    }
    (telnet, all)
}

/// Neighbours of a kind as one.
fn joined(events: &[Event]) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    for event in events {
        match (all.last_mut(), event) {
            (Some(Event::Data(bytes)), Event::Data(more))
            | (Some(Event::Reply(bytes)), Event::Reply(more)) => bytes.extend_from_slice(more),
            (_, event) => all.push(event.clone()),
        }
    }
    all
}

/// What a client types, a BREAK within it, reaches a server as it was.
fn comes_back(text: &[u8], seed: u8) {
    let (before, after) = text.split_at(usize::from(seed).min(text.len()));
    let mut wire = Vec::new();
    encode(before, &mut wire);
    wire.extend_from_slice(&BREAK);
    encode(after, &mut wire);
    let server = Telnet::new(TelnetRole::Server);
    let (_, events) = received(&server, &super::cut(&wire, seed));
    let text = |bytes: &[u8]| Event::Data(bytes.to_vec());
    let mut expected = vec![text(before), Event::Break, text(after)];
    expected.retain(|event| *event != Event::Data(Vec::new()));
    assert_eq!(joined(&events), expected);
}
