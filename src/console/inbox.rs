//! What a console said and nobody has read yet: bounded, the oldest bytes dropped first and told
//! as a gap in their place.

use std::collections::VecDeque;

use super::{Broke, Said};

/// Links that came and went unread and are still kept; older ones are left out whole.
const LINKS_KEPT: usize = 16;

/// BREAKs that are over and still to be told; older ones are left out.
const BREAKS_KEPT: usize = 16;

/// The most bytes that one [`Said::Bytes`] carries.
const CHUNK: usize = 16 << 10;

/// The queue. The bytes of all pieces lie end to end in one ring.
#[derive(Debug)]
pub(super) struct Inbox {
    pieces: VecDeque<Piece>,
    bytes: VecDeque<u8>,
    limit: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Up(u64),
    Down(u64, String),
    Bytes(u64, usize),
    Gap(u64, u64),
    Carrier(u64, bool),
    Broke(u64, Broke),
    Aside(u64, Vec<u8>),
}

impl Inbox {
    pub(super) fn new(limit: usize) -> Inbox {
        Inbox {
            pieces: VecDeque::new(),
            bytes: VecDeque::new(),
            limit,
        }
    }

    pub(super) fn up(&mut self, epoch: u64) {
        self.pieces.push_back(Piece::Up(epoch));
        self.forget_old_links();
    }

    /// Of several failed attempts in a row that nobody read, the last one counts.
    pub(super) fn down(&mut self, epoch: u64, why: String) {
        let length = self.pieces.len();
        let same = |piece: &Piece| matches!(piece, Piece::Down(of, _) if *of == epoch);
        if length >= 2 && self.pieces.range(length - 2..).all(same) {
            self.pieces.pop_back();
        }
        self.pieces.push_back(Piece::Down(epoch, why));
    }

    pub(super) fn bytes(&mut self, epoch: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes.extend(bytes);
        match self.pieces.back_mut() {
            Some(Piece::Bytes(of, length)) if *of == epoch => *length += bytes.len(),
            _ => self.pieces.push_back(Piece::Bytes(epoch, bytes.len())),
        }
        let excess = self.bytes.len().saturating_sub(self.limit);
        self.drop_oldest(excess);
    }

    /// Of a carrier that comes and goes unread the last state counts.
    pub(super) fn carrier(&mut self, epoch: u64, present: bool) {
        if matches!(self.pieces.back(), Some(Piece::Carrier(..))) {
            self.pieces.pop_back();
        }
        self.pieces.push_back(Piece::Carrier(epoch, present));
    }

    /// Not the node's words; a reader that stands still is told the last of them only.
    pub(super) fn aside(&mut self, epoch: u64, bytes: Vec<u8>) {
        let aside = |piece: &Piece| matches!(piece, Piece::Aside(..));
        if self.pieces.iter().filter(|piece| aside(piece)).count() >= BREAKS_KEPT
            && let Some(first) = self.pieces.iter().position(aside)
        {
            self.pieces.remove(first);
        }
        self.pieces.push_back(Piece::Aside(epoch, bytes));
    }

    /// A reader that stands still is told of the last BREAKs only.
    pub(super) fn broke(&mut self, epoch: u64, broke: Broke) {
        let told = |piece: &Piece| matches!(piece, Piece::Broke(..));
        if self.pieces.iter().filter(|piece| told(piece)).count() >= BREAKS_KEPT
            && let Some(first) = self.pieces.iter().position(told)
        {
            self.pieces.remove(first);
        }
        self.pieces.push_back(Piece::Broke(epoch, broke));
    }

    /// The oldest thing that was said and not yet read.
    pub(super) fn next(&mut self) -> Option<Said> {
        let said = match self.pieces.pop_front()? {
            Piece::Up(epoch) => Said::Up { epoch },
            Piece::Down(epoch, why) => Said::Down { epoch, why },
            Piece::Gap(epoch, lost) => Said::Gap { epoch, lost },
            Piece::Carrier(epoch, present) => Said::Carrier { epoch, present },
            Piece::Aside(epoch, bytes) => Said::Aside { epoch, bytes },
            Piece::Broke(epoch, broke) => Said::Broke { epoch, broke },
            Piece::Bytes(epoch, length) => {
                let taken = length.min(CHUNK);
                if length > taken {
                    self.pieces.push_front(Piece::Bytes(epoch, length - taken));
                }
                let bytes = if taken == self.bytes.len() {
                    let mut bytes = Vec::from(std::mem::take(&mut self.bytes));
                    if bytes.capacity() > 2 * taken {
                        // The end of a flood: it may wait long for the disk, and its room with it.
                        bytes.shrink_to_fit();
                    }
                    bytes
                } else {
                    self.bytes.drain(..taken).collect()
                };
                Said::Bytes { epoch, bytes }
            }
        };
        if self.pieces.is_empty() {
            // A console at rest says nothing for minutes.
            self.pieces = VecDeque::new();
        }
        Some(said)
    }

    /// Whether half of what may wait does: whoever reads is behind.
    pub(super) fn is_crowded(&self) -> bool {
        self.bytes.len() >= self.limit / 2
    }

    #[cfg(test)]
    pub(super) fn ends_with_bytes(&self) -> bool {
        !matches!(self.pieces.back(), Some(Piece::Down(..)))
    }

    fn drop_oldest(&mut self, mut excess: usize) {
        let mut at = 0;
        while excess > 0 {
            let Some(&Piece::Bytes(epoch, length)) = self.pieces.get(at) else {
                at += 1;
                continue;
            };
            let dropped = length.min(excess);
            self.bytes.drain(..dropped);
            excess -= dropped;
            if dropped == length {
                self.pieces.remove(at);
            } else {
                self.pieces[at] = Piece::Bytes(epoch, length - dropped);
            }
            let dropped = dropped as u64;
            match at
                .checked_sub(1)
                .and_then(|before| self.pieces.get_mut(before))
            {
                Some(Piece::Gap(of, lost)) if *of == epoch => *lost += dropped,
                _ => self.pieces.insert(at, Piece::Gap(epoch, dropped)),
            }
        }
    }

    /// Leaves out the oldest link that is here whole, from its `Up` to before the next `Up`, while
    /// there are too many: so a reader still sees each loss before the next link.
    fn forget_old_links(&mut self) {
        let ups = |piece: &Piece| matches!(piece, Piece::Up(_));
        while self.pieces.iter().filter(|piece| ups(piece)).count() > LINKS_KEPT {
            let mut places = (0..self.pieces.len()).filter(|&at| ups(&self.pieces[at]));
            let (Some(start), Some(end)) = (places.next(), places.next()) else {
                return;
            };
            let before: usize = self.pieces.range(..start).map(Piece::length).sum();
            let within: usize = self.pieces.range(start..end).map(Piece::length).sum();
            self.bytes.drain(before..before + within);
            self.pieces.drain(start..end);
        }
    }
}

impl Piece {
    fn length(&self) -> usize {
        match self {
            Piece::Bytes(_, length) => *length,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(inbox: &mut Inbox) -> Vec<Said> {
        std::iter::from_fn(|| inbox.next()).collect()
    }

    fn bytes(epoch: u64, text: &[u8]) -> Said {
        let bytes = text.to_vec();
        Said::Bytes { epoch, bytes }
    }

    fn down(epoch: u64, why: &str) -> Said {
        let why = why.to_owned();
        Said::Down { epoch, why }
    }

    #[test]
    fn the_oldest_is_dropped_and_counted_in_its_place() {
        let mut inbox = Inbox::new(10);
        inbox.up(1);
        inbox.bytes(1, b"0123456789");
        inbox.bytes(1, b"abc");
        inbox.bytes(1, b"d");
        let gap = Said::Gap { epoch: 1, lost: 4 };
        let expected = [Said::Up { epoch: 1 }, gap, bytes(1, b"456789abcd")];
        assert_eq!(all(&mut inbox), expected);
    }

    #[test]
    fn each_link_has_its_own_gap() {
        let mut inbox = Inbox::new(4);
        inbox.up(1);
        inbox.bytes(1, b"abc");
        inbox.down(1, "x".to_owned());
        inbox.up(2);
        inbox.bytes(2, b"0123456");
        let expected = [
            Said::Up { epoch: 1 },
            Said::Gap { epoch: 1, lost: 3 },
            down(1, "x"),
            Said::Up { epoch: 2 },
            Said::Gap { epoch: 2, lost: 3 },
            bytes(2, b"3456"),
        ];
        assert_eq!(all(&mut inbox), expected);
    }

    #[test]
    fn a_stalled_reader_of_a_flapping_link_costs_little_and_sees_the_losses() {
        let mut inbox = Inbox::new(1000);
        inbox.up(1);
        assert_eq!(inbox.next(), Some(Said::Up { epoch: 1 }));
        inbox.bytes(1, b"last words");
        for epoch in 1..500 {
            inbox.down(epoch, "closed".to_owned());
            for _ in 0..5 {
                inbox.down(epoch, "refused".to_owned());
            }
            inbox.up(epoch + 1);
            inbox.bytes(epoch + 1, b"hello");
        }
        let said = all(&mut inbox);
        assert!(said.len() <= 4 * (LINKS_KEPT + 1), "{}", said.len());
        let start = [
            bytes(1, b"last words"),
            down(1, "closed"),
            down(1, "refused"),
        ];
        assert_eq!(said[..3], start);
        assert_eq!(said.last(), Some(&bytes(500, b"hello")));
        let mut up = 1;
        for said in &said {
            match said {
                Said::Up { epoch } => {
                    assert!(*epoch > up);
                    up = *epoch;
                }
                Said::Down { epoch, .. }
                | Said::Bytes { epoch, .. }
                | Said::Carrier { epoch, .. }
                | Said::Broke { epoch, .. }
                | Said::Aside { epoch, .. }
                | Said::Gap { epoch, .. } => {
                    assert_eq!(*epoch, up);
                }
            }
        }
    }

    #[test]
    fn memory_is_given_back_after_a_flood() {
        let mut inbox = Inbox::new(1 << 20);
        for _ in 0..200 {
            inbox.bytes(1, &[b'x'; 8192]);
        }
        let read: usize = all(&mut inbox)
            .iter()
            .map(|said| match said {
                Said::Bytes { bytes, .. } => bytes.len(),
                _ => 0,
            })
            .sum();
        assert_eq!(read, 1 << 20);
        assert_eq!((inbox.bytes.capacity(), inbox.pieces.capacity()), (0, 0));
    }
}
