//! The RFC 2217 codec: how the wire was cut makes no difference, and nothing grows beyond what
//! came and the settings that are sent once.

use clusterd::proto::rfc2217::{ComPort, Event, Line};

/// More than all settings and masks of one connection take, bytes.
const SETTINGS: usize = 80;

/// The first byte chooses the line and the cutting, the others came off the wire.
pub fn hold(input: &[u8]) {
    let Some((&seed, wire)) = input.split_first() else {
        return;
    };
    let line = Line {
        speed: 300 << (seed & 7),
        bits: 5 + (seed >> 3 & 3),
        parity: 1,
        stop: 1,
        flow: 1,
    };
    let (whole, at_once) = received(line, &[wire]);
    let (pieces, in_pieces) = received(line, &super::cut(wire, seed));
    assert_eq!(whole, pieces, "the codec's state");
    assert_eq!(joined(&at_once), joined(&in_pieces), "what came");
}

fn received(line: Line, pieces: &[&[u8]]) -> (ComPort, Vec<Event>) {
    let mut port = ComPort::new(line);
    let mut all = Vec::new();
    let (mut came, mut data, mut replies) = (0, 0, 0);
    for piece in pieces {
        let before = all.len();
        port.receive(piece, &mut all);
        came += piece.len();
        for event in &all[before..] {
            match event {
                Event::Data(bytes) => data += bytes.len(),
                Event::Reply(bytes) => replies += bytes.len(),
                _ => {}
            }
        }
        assert!(data <= came, "more text than came");
        assert!(replies <= came + SETTINGS, "more replies than came");
    }
    let asked = port.poll().is_some();
    assert!(!asked || port.poll().is_none(), "one question at a time");
    assert!(all.len() <= came + 1, "an event for a byte at most");
    (port, all)
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
