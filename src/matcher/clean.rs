//! Takes out of a console's bytes what is not text: escape sequences, NUL, BEL, and all but one
//! of a run of CR and LF. Keeps its place across chunks.
//!
//! Sequences as in ECMA-48 and xterm's ctlseqs. A console is noisy, and what is inside a sequence
//! is not matched: so each kind has a length at which it is given up, and a CR or LF ends any.

/// The longest control sequence (`ESC [ …`) that is believed, in bytes after the `[`.
const CSI_LIMIT: u16 = 64;
/// The longest control string (`ESC ] …`, `ESC P …`) that is believed.
const STRING_LIMIT: u16 = 256;
/// The most intermediate bytes (`ESC ( B` has one) that are believed.
const INTERMEDIATE_LIMIT: u16 = 4;

/// A piece of cleaned text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Bytes of one line; never empty, no newline among them.
    Plain(&'a [u8]),
    /// The end of a line.
    Newline,
}

/// Where in the stream of one console the cleaning is.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Cleaner {
    within: Within,
    /// The last byte of text was a newline: CR and LF that follow belong to it.
    after_newline: bool,
}

#[derive(Clone, Copy, Debug, Default, Hash)]
enum Within {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and this many of 0x20..=0x2f: a charset or the like, one final byte is to come.
    Intermediate(u16),
    /// After `ESC [` and this many bytes.
    Csi(u16),
    /// In OSC, DCS, SOS, PM or APC, after this many bytes.
    String(u16),
    /// ESC in one of these: `\` would end it.
    StringEscape(u16),
}

impl Cleaner {
    /// Takes the next piece of text off the front of `rest`; `None` when nothing is left.
    pub(super) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Piece<'a>> {
        loop {
            if matches!(self.within, Within::Text) {
                let (plain, after) = rest.split_at(plain_length(rest));
                if !plain.is_empty() {
                    *rest = after;
                    self.after_newline = false;
                    return Some(Piece::Plain(plain));
                }
            }
            let (&byte, after) = rest.split_first()?;
            if matches!(byte, b'\r' | b'\n') {
                *rest = after;
                self.within = Within::Text;
                if !std::mem::replace(&mut self.after_newline, true) {
                    return Some(Piece::Newline);
                }
            } else if self.swallow(byte) {
                *rest = after;
            } else {
                self.within = Within::Text;
            }
        }
    }

    /// Moves on by one byte that is not CR or LF; false if the byte is text after all, so that
    /// the sequence was none, or was broken off.
    fn swallow(&mut self, byte: u8) -> bool {
        self.within = match (self.within, byte) {
            (Within::String(_), 0x07)
            | (Within::StringEscape(_), b'\\')
            | (Within::Csi(_), 0x40..=0x7e) => Within::Text,
            (within, 0x00 | 0x07) => within,
            (Within::String(n) | Within::StringEscape(n), 0x1b) => Within::StringEscape(n),
            (_, 0x1b) => Within::Escape,
            (Within::Text, _) => return false,
            (Within::Escape, b'[') => Within::Csi(0),
            (Within::Escape, b']' | b'P' | b'X' | b'^' | b'_') => Within::String(0),
            (Within::Escape, 0x20..=0x2f) => Within::Intermediate(1),
            // CAN and SUB break any sequence off.
            (Within::Escape | Within::Intermediate(_), 0x30..=0x7e) | (_, 0x18 | 0x1a) => {
                Within::Text
            }
            (Within::Intermediate(n), 0x20..=0x2f) if n < INTERMEDIATE_LIMIT => {
                Within::Intermediate(n + 1)
            }
            (Within::Csi(n), 0x20..=0x3f) if n < CSI_LIMIT => Within::Csi(n + 1),
            (Within::String(n) | Within::StringEscape(n), _) if n < STRING_LIMIT => {
                Within::String(n + 1)
            }
            _ => return false,
        };
        true
    }
}

/// How many bytes at the front of `bytes` are text as they stand. Eight at a time: a byte below
/// blank sets its top bit in `low`. (So may one above such a byte, by the borrow; the first is
/// right.)
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*word);
        let low = word.wrapping_sub(ONES * 0x20) & !word & (ONES * 0x80);
        if low == 0 {
            at += 8;
            continue;
        }
        at += low.trailing_zeros() as usize / 8;
        if is_special(bytes[at]) {
            return at;
        }
        at += 1;
    }
    let left = &bytes[at..];
    at + left
        .iter()
        .position(|&byte| is_special(byte))
        .unwrap_or(left.len())
}

/// Bytes that are not simply text. Tabs, backspaces and bytes from 0x80 up are.
fn is_special(byte: u8) -> bool {
    matches!(byte, 0x00 | 0x07 | b'\n' | b'\r' | 0x1b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(chunks: &[&[u8]]) -> String {
        let mut cleaner = Cleaner::default();
        let mut text = Vec::new();
        for mut rest in chunks.iter().copied() {
            while let Some(piece) = cleaner.next(&mut rest) {
                match piece {
                    Piece::Plain(plain) => text.extend_from_slice(plain),
                    Piece::Newline => text.push(b'\n'),
                }
            }
        }
        super::super::latin1(&text)
    }

    #[test]
    fn escapes_are_taken_out_however_they_are_cut() {
        let raw: &[u8] =
            b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07a\x1b]0;title\x1b\\b\x1b(Bc\x1b=d\x1bMe\0\x07\tf";
        for cut in 0..=raw.len() {
            let (one, two) = raw.split_at(cut);
            assert_eq!(cleaned(&[one, two]), "red abcde\tf", "cut at {cut}");
        }
    }

    #[test]
    fn a_run_of_returns_is_one_newline() {
        for raw in [
            "a\r\nb",
            "a\n\rb",
            "a\rb",
            "a\r\0\n\r\x1b[K\r\nb",
            "a\n\n\nb",
        ] {
            for cut in 0..=raw.len() {
                let (one, two) = raw.as_bytes().split_at(cut);
                assert_eq!(cleaned(&[one, two]), "a\nb", "{raw:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn the_first_byte_that_is_no_text_is_found() {
        for length in 0..40 {
            for special in [0x00, 0x07, b'\n', b'\r', 0x1b] {
                for plain in [b'x', b' ', b'\t', 0x08, 0x1f, 0x7f, 0x80, 0xff] {
                    let mut bytes = vec![plain; length];
                    assert_eq!(plain_length(&bytes), length);
                    bytes.extend([special, plain, special, 0xff, 0x80]);
                    assert_eq!(plain_length(&bytes), length);
                }
            }
        }
    }

    #[test]
    fn a_sequence_without_end_hides_little() {
        assert_eq!(cleaned(&[b"\x1b]0;no end\r\nok "]), "\nok ");
        let mut raw = b"\x1b]".to_vec();
        raw.extend([b'x'; 1000]);
        assert_eq!(cleaned(&[&raw]).len(), 1000 - 256);
        let mut raw = b"\x1b[".to_vec();
        raw.extend([b'1'; 1000]);
        assert_eq!(cleaned(&[&raw]).len(), 1000 - 64);
        assert_eq!(cleaned(&[b"\x1b[12\x18ok \x1b[3\x80x"]), "ok \u{80}x");
    }
}
