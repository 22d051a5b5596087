//! Bytes as they stand in a transcript: ASCII that moves no terminal, and gives every byte back.
//!
//! Printable characters and tabs stand for themselves. A backslash is `\\`, CR is `\r`, LF `\n`,
//! every other byte `\xNN`; a quotation mark in quotes is `\"`. A text that ends with a lone
//! backslash goes on in the next record; one that ends with `\!` was cut by a crash.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Whether `byte` stands for itself.
pub(super) fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'[' | b']'..=b'~')
}

/// Appends one byte as it is written where it does not stand for itself.
pub(super) fn push_escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'"' => out.extend_from_slice(b"\\\""),
        _ => {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'x', high, low]);
        }
    }
}

/// Appends `bytes`, those in `also` escaped too, until `limit` bytes are written or all are
/// taken. Says how many were taken.
pub(super) fn push(bytes: &[u8], also: &[u8], limit: usize, out: &mut Vec<u8>) -> usize {
    let end = out.len() + limit;
    for (at, &byte) in bytes.iter().enumerate() {
        if out.len() >= end {
            return at;
        }
        if is_plain(byte) && !also.contains(&byte) {
            out.push(byte);
        } else {
            push_escape(byte, out);
        }
    }
    bytes.len()
}

/// Appends words of clusterd's, shortened at `limit` bytes.
pub(super) fn push_words(words: &str, also: &[u8], limit: usize, out: &mut Vec<u8>) {
    if push(words.as_bytes(), also, limit, out) < words.len() {
        out.extend_from_slice(b"[...]");
    }
}

/// How a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    GoesOn,
    Torn,
}

/// The bytes that `text` stands for, and how it ended. None if it has an escape that nobody writes.
pub(super) fn unescape(text: &[u8]) -> Option<(Vec<u8>, End)> {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    let mut rest = text;
    loop {
        let run = rest.iter().position(|&byte| byte == b'\\');
        let (plain, escape) = rest.split_at(run.unwrap_or(rest.len()));
        if !plain.iter().all(|&byte| is_plain(byte)) {
            return None;
        }
        bytes.extend_from_slice(plain);
        rest = match escape {
            [] => return Some((bytes, End::Whole)),
            [_] => return Some((bytes, End::GoesOn)),
            [_, b'!'] => return Some((bytes, End::Torn)),
            [_, b'x', high, low, after @ ..] => {
                bytes.push(hex(*high)? << 4 | hex(*low)?);
                after
            }
            [_, short, after @ ..] => {
                bytes.push(match short {
                    b'\\' | b'"' => *short,
                    b'r' => b'\r',
                    b'n' => b'\n',
                    _ => return None,
                });
                after
            }
        };
    }
}

fn hex(digit: u8) -> Option<u8> {
    let value = HEX.iter().position(|&other| other == digit)?;
    u8::try_from(value).ok()
}

/// How to end a line that a crash left without its end: keep so many bytes of it (an escape that is
/// not whole goes: it stands for no byte), then append the text.
pub fn mend(torn: &[u8]) -> (usize, &'static str) {
    let mut at = 0;
    while at < torn.len() {
        let length = match torn[at..] {
            [b'\\', b'x', ..] => 4,
            [b'\\', ..] => 2,
            _ => 1,
        };
        if at + length > torn.len() {
            break;
        }
        at += length;
    }
    (at, "\\!\n")
}
