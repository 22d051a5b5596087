//! The control socket: any bytes are lines or no lines, the same however they are cut; a line is
//! read or refused, and what was read says itself again; frames likewise.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use clusterd::control::{Frames, NoFrame, REQUEST, Reply, Request, VERSION, read_line};
use serde_json::{from_slice, to_vec};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// What came over a connection; the first byte chooses the cutting.
pub fn hold(input: &[u8]) {
    if let Some((&seed, bytes)) = input.split_first() {
        let whole = lines(&[bytes]);
        let cut = super::cut(bytes, seed);
        assert_eq!(whole, lines(&cut), "it was cut");
        whole.0.iter().for_each(|line| a_line(line));
        frames(bytes, &cut);
    }
    a_line(input);
}

/// One line.
fn a_line(line: &[u8]) {
    match Request::read(line) {
        Ok(ask) => {
            let request = Request { v: VERSION, ask };
            let again = to_vec(&request).expect("a request is JSON");
            assert_eq!(Request::read(&again).as_ref(), Ok(&request.ask));
        }
        Err(why) => assert!(!why.is_empty(), "refused without a word"),
    }
    if let Ok(request) = from_slice::<Request>(line) {
        let again = to_vec(&request).expect("a request is JSON");
        // What is shorter in the line: names that may be left out.
        assert!(again.len() <= line.len() * 6 + 200, "it grew");
        assert!(!again.contains(&b'\n'), "a request is one line");
        assert_eq!(
            from_slice::<Request>(&again).expect("it reads itself"),
            request
        );
    }
    if let Ok(reply) = from_slice::<Reply>(line) {
        let again = to_vec(&reply).expect("a reply is JSON");
        assert!(!again.contains(&b'\n'), "a reply is one line");
        assert_eq!(from_slice::<Reply>(&again).expect("it reads itself"), reply);
    }
}

type Lines = (Vec<Vec<u8>>, Option<io::ErrorKind>);

/// The lines of a connection, and how it ended.
fn lines(pieces: &[&[u8]]) -> Lines {
    let mut from = Pieces(pieces.to_vec());
    let mut lines = Vec::new();
    loop {
        let next = pin!(read_line(&mut from, REQUEST));
        let Poll::Ready(line) = next.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it waits for what is there");
        };
        match line {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => return (lines, None),
            Err(error) => return (lines, Some(error.kind())),
        }
    }
}

/// A connection on which bytes come in pieces.
struct Pieces<'a>(Vec<&'a [u8]>);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        unreachable!("lines are read through the buffer");
    }
}

impl AsyncBufRead for Pieces<'_> {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(Ok(self.get_mut().0.first().copied().unwrap_or_default()))
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        let pieces = &mut self.get_mut().0;
        if let Some(first) = pieces.first_mut() {
            *first = &first[count..];
            if first.is_empty() {
                pieces.remove(0);
            }
        }
    }
}

/// Frames, both ways: the same however they were cut.
fn frames(bytes: &[u8], cut: &[&[u8]]) {
    assert_eq!(
        taken_apart(&[bytes], Frames::wish),
        taken_apart(cut, Frames::wish),
        "wishes were cut"
    );
    assert_eq!(
        taken_apart(&[bytes], Frames::seen),
        taken_apart(cut, Frames::seen),
        "what is seen was cut"
    );
}

fn taken_apart<T>(
    pieces: &[&[u8]],
    next: fn(&mut Frames) -> Result<Option<T>, NoFrame>,
) -> (Vec<T>, Result<(), NoFrame>) {
    let mut frames = Frames::default();
    let mut all = Vec::new();
    for piece in pieces {
        frames.push(piece);
        loop {
            match next(&mut frames) {
                Ok(Some(one)) => all.push(one),
                Ok(None) => break,
                Err(error) => return (all, Err(error)),
            }
        }
    }
    (all, Ok(()))
}
