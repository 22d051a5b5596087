//! What goes over the connection after an `attach`: frames, in both directions.
//!
//! ```text
//!  kind (1 byte, a letter) │ length (2 bytes, big endian, at most 4096) │ that many bytes
//! ```
//!
//! A kind that is not known is skipped, so that either end may be the newer one; a longer frame
//! is no frame, and ends the connection.

use serde::{Deserialize, Serialize};

/// Longest payload of a frame, bytes.
pub const PAYLOAD: usize = 4096;

/// How somebody is at a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grip {
    /// Looks on.
    Spy,
    /// Writes, if nobody else does; else looks on.
    Write,
    /// Writes beside whoever does.
    Join,
    /// Takes the pen from whoever has it.
    Force,
}

/// What a visitor wants: frames to the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// `t`: to type these bytes.
    Type(Vec<u8>),
    /// `b`: to send a BREAK.
    Break,
    /// `m`: to put a mark into the transcript.
    Mark(String),
    /// `w`: to know who else is there.
    Who,
    /// `s`, `a`, `j`, `f`: to spy, to write, to join, to force.
    Hold(Grip),
    /// `r`: the last screenful again.
    Replay,
    /// The visitor has gone; no frame, but the end of the connection.
    Leave,
}

/// What a visitor is told: frames from the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// `o`: the console said this.
    Output(Vec<u8>),
    /// `g`: this many bytes of output are missing here: they came faster than they were read.
    Gap(u64),
    /// `n`: one line for the person.
    Note(String),
    /// `k`: this many bytes of theirs went to the console; a BREAK counts as one.
    Typed(u32),
    /// `x`: what they typed did not go to the console, and why.
    Refused(String),
    /// `e`: it is over, and why.
    End(String),
}

impl Wish {
    /// As a frame; `None` for [`Wish::Leave`].
    pub fn frame(&self) -> Option<Vec<u8>> {
        Some(match self {
            Wish::Type(bytes) => frame(b't', bytes),
            Wish::Break => frame(b'b', &[]),
            Wish::Mark(text) => frame(b'm', text.as_bytes()),
            Wish::Who => frame(b'w', &[]),
            Wish::Hold(Grip::Spy) => frame(b's', &[]),
            Wish::Hold(Grip::Write) => frame(b'a', &[]),
            Wish::Hold(Grip::Join) => frame(b'j', &[]),
            Wish::Hold(Grip::Force) => frame(b'f', &[]),
            Wish::Replay => frame(b'r', &[]),
            Wish::Leave => return None,
        })
    }

    fn read(kind: u8, payload: Vec<u8>) -> Option<Wish> {
        Some(match kind {
            b't' => Wish::Type(payload),
            b'b' => Wish::Break,
            b'm' => Wish::Mark(String::from_utf8_lossy(&payload).into_owned()),
            b'w' => Wish::Who,
            b's' => Wish::Hold(Grip::Spy),
            b'a' => Wish::Hold(Grip::Write),
            b'j' => Wish::Hold(Grip::Join),
            b'f' => Wish::Hold(Grip::Force),
            b'r' => Wish::Replay,
            _ => return None,
        })
    }
}

impl Seen {
    /// As one or more frames.
    pub fn frames(&self) -> Vec<u8> {
        match self {
            Seen::Output(bytes) => bytes
                .chunks(PAYLOAD)
                .flat_map(|piece| frame(b'o', piece))
                .collect(),
            Seen::Gap(lost) => frame(b'g', &lost.to_be_bytes()),
            Seen::Note(text) => frame(b'n', text.as_bytes()),
            Seen::Typed(count) => frame(b'k', &count.to_be_bytes()),
            Seen::Refused(why) => frame(b'x', why.as_bytes()),
            Seen::End(why) => frame(b'e', why.as_bytes()),
        }
    }

    fn read(kind: u8, payload: Vec<u8>) -> Option<Seen> {
        let text = || String::from_utf8_lossy(&payload).into_owned();
        Some(match kind {
            b'g' => Seen::Gap(u64::from_be_bytes(payload.try_into().ok()?)),
            b'k' => Seen::Typed(u32::from_be_bytes(payload.try_into().ok()?)),
            b'n' => Seen::Note(text()),
            b'x' => Seen::Refused(text()),
            b'e' => Seen::End(text()),
            b'o' => Seen::Output(payload),
            _ => return None,
        })
    }
}

/// A longer payload is cut.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len().min(PAYLOAD);
    let [high, low] = u16::try_from(length).unwrap_or(0).to_be_bytes();
    let mut frame = vec![kind, high, low];
    frame.extend_from_slice(&payload[..length]);
    frame
}

/// What came is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what came is no frame of the control protocol")]
pub struct NoFrame;

/// Takes a stream apart, however it was cut. Never holds more than one frame and what was
/// pushed last.
#[derive(Debug, Default)]
pub struct Frames {
    waiting: Vec<u8>,
}

impl Frames {
    /// These bytes came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next wish that is here whole.
    ///
    /// # Errors
    /// What came is no frame.
    pub fn wish(&mut self) -> Result<Option<Wish>, NoFrame> {
        self.next(Wish::read)
    }

    /// The next thing told that is here whole.
    ///
    /// # Errors
    /// What came is no frame.
    pub fn seen(&mut self) -> Result<Option<Seen>, NoFrame> {
        self.next(Seen::read)
    }

    fn next<T>(&mut self, read: fn(u8, Vec<u8>) -> Option<T>) -> Result<Option<T>, NoFrame> {
        loop {
            let [kind, high, low, ..] = *self.waiting.as_slice() else {
                return Ok(None);
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            if length > PAYLOAD || !kind.is_ascii_lowercase() {
                return Err(NoFrame);
            }
            if self.waiting.len() < 3 + length {
                return Ok(None);
            }
            let payload = self.waiting[3..3 + length].to_vec();
            self.waiting.drain(..3 + length);
            if let Some(read) = read(kind, payload) {
                return Ok(Some(read));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read_however_it_is_cut() {
        let wishes = [
            Wish::Type(b"boot disk\r".to_vec()),
            Wish::Break,
            Wish::Mark("ticket 4711".to_owned()),
            Wish::Who,
            Wish::Hold(Grip::Spy),
            Wish::Hold(Grip::Write),
            Wish::Hold(Grip::Join),
            Wish::Hold(Grip::Force),
            Wish::Replay,
        ];
        let stream: Vec<u8> = wishes.iter().flat_map(|w| w.frame().unwrap()).collect();
        for cut in 1..stream.len() {
            let mut frames = Frames::default();
            let mut read = Vec::new();
            for piece in stream.chunks(cut) {
                frames.push(piece);
                while let Some(wish) = frames.wish().unwrap() {
                    read.push(wish);
                }
            }
            assert_eq!(read, wishes);
        }
        let seen = [
            Seen::Output(b"ok ".to_vec()),
            Seen::Gap(70_000),
            Seen::Note("hello".to_owned()),
            Seen::Typed(3),
            Seen::Refused("no".to_owned()),
            Seen::End("over".to_owned()),
        ];
        let mut frames = Frames::default();
        for seen in &seen {
            frames.push(&seen.frames());
        }
        for expected in seen {
            assert_eq!(frames.seen().unwrap(), Some(expected));
        }
    }

    #[test]
    fn long_output_is_several_frames_and_a_long_frame_is_none() {
        let mut frames = Frames::default();
        frames.push(&Seen::Output(vec![b'x'; PAYLOAD + 1]).frames());
        assert_eq!(frames.seen(), Ok(Some(Seen::Output(vec![b'x'; PAYLOAD]))));
        assert_eq!(frames.seen(), Ok(Some(Seen::Output(vec![b'x']))));
        assert_eq!(frames.seen(), Ok(None));
        frames.push(b"t\xff\xff");
        assert_eq!(frames.wish(), Err(NoFrame));
    }

    #[test]
    fn unknown_kinds_are_skipped() {
        let mut frames = Frames::default();
        frames.push(b"z\x00\x02hib\x00\x00");
        assert_eq!(frames.wish(), Ok(Some(Wish::Break)));
    }
}
