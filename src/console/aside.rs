//! What is said while a BREAK is a talk with what stands between: a service processor's words are
//! not the node's. They are shown and written down, and no evidence.
//!
//! ```text
//!   talk begins │ … node's line \n │ sc> break -y … sc> console -f … to return to ALOM │ the node
//!               │ ◄─ the node's ─► │ ◄────────────── between ───────────────────────► │
//! ```
//!
//! Whose the words were is known when the last awaited text has come, so they are held back until
//! then; if it does not come, all of them count as the node's.

/// What is held back at most, bytes. A talk that says more is none.
const MOST: usize = 16 << 10;

/// Bytes and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The node's.
    Node(Vec<u8>),
    /// What stands between's.
    Between(Vec<u8>),
}

/// A talk that is under way.
#[derive(Debug, Default)]
pub(super) struct Aside {
    held: Vec<u8>,
    /// Where the line of the first awaited text begins.
    line: Option<usize>,
    /// Whose they are is settled; what comes now is the node's.
    over: bool,
}

/// An awaited text that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Came {
    /// Where it ends in the bytes that brought it.
    pub(super) end: usize,
    /// Its length.
    pub(super) length: usize,
    /// Whether no other is awaited in this talk.
    pub(super) last: bool,
}

impl Aside {
    /// Whose these bytes are, and those that were held back, as far as it is known now.
    pub(super) fn take(&mut self, bytes: &[u8], came: Option<Came>) -> Vec<Piece> {
        if self.over {
            return vec![Piece::Node(bytes.to_vec())];
        }
        let (before, after) = bytes.split_at(came.map_or(bytes.len(), |came| came.end));
        self.held.extend_from_slice(before);
        if let Some(came) = came {
            let text = self.held.len().saturating_sub(came.length);
            let line = *self.line.get_or_insert_with(|| line_of(&self.held[..text]));
            if came.last {
                self.over = true;
                let between = self.held.split_off(line);
                let mut pieces = vec![
                    Piece::Node(std::mem::take(&mut self.held)),
                    Piece::Between(between),
                    Piece::Node(after.to_vec()),
                ];
                pieces.retain(|piece| !matches!(piece, Piece::Node(bytes) if bytes.is_empty()));
                return pieces;
            }
            self.held.extend_from_slice(after);
        }
        if self.held.len() > MOST {
            self.over = true;
            return vec![Piece::Node(std::mem::take(&mut self.held))];
        }
        Vec::new()
    }

    /// The talk ends, or its link: what is still held back was the node's.
    pub(super) fn end(self) -> Vec<u8> {
        self.held
    }
}

/// Where the last line of `said` begins; empty lines before it are part of it.
fn line_of(said: &[u8]) -> usize {
    let newline = |said: &[u8]| {
        said.iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1)
    };
    let mut line = newline(said);
    while line > 0 {
        let before = newline(&said[..line - 1]);
        if said[before..line]
            .iter()
            .any(|byte| !matches!(byte, b'\r' | b'\n'))
        {
            break;
        }
        line = before;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(end: usize, length: usize, last: bool) -> Option<Came> {
        Some(Came { end, length, last })
    }

    fn node(text: &str) -> Piece {
        Piece::Node(text.as_bytes().to_vec())
    }

    #[test]
    fn the_line_of_the_first_answer_begins_the_talk_and_the_last_answer_ends_it() {
        let mut aside = Aside::default();
        assert_eq!(aside.take(b"panic: x\r\nsc", None), []);
        assert_eq!(aside.take(b"> break -y", came(2, 4, false)), []);
        assert_eq!(aside.take(b"\r\nsc> ", came(6, 4, false)), []);
        let last = aside.take(b"to return to ALOM.\r\nok ", came(17, 17, true));
        let between = b"sc> break -y\r\nsc> to return to ALOM".to_vec();
        let expected = [
            node("panic: x\r\n"),
            Piece::Between(between),
            node(".\r\nok "),
        ];
        assert_eq!(last, expected);
        assert_eq!(aside.take(b"more", None), [node("more")]);
        assert_eq!(aside.end(), b"");
    }

    #[test]
    fn without_every_answer_all_of_it_was_the_nodes() {
        let mut aside = Aside::default();
        assert_eq!(aside.take(b"login: ", None), []);
        assert_eq!(aside.take(b"sc> x", came(4, 4, false)), []);
        assert_eq!(aside.end(), b"login: sc> x");
    }

    #[test]
    fn empty_lines_before_the_answer_are_part_of_it() {
        assert_eq!(line_of(b"\r\n\r\nsc"), 0);
        assert_eq!(line_of(b"x\r\n\r\nsc"), 3);
        assert_eq!(line_of(b"x\r\nsc"), 3);
        assert_eq!(line_of(b"x"), 0);
        assert_eq!(line_of(b""), 0);
    }

    #[test]
    fn a_flood_is_no_talk() {
        let flood = vec![b'x'; MOST + 1];
        let mut aside = Aside::default();
        assert_eq!(aside.take(&flood, None), [Piece::Node(flood.clone())]);
        assert_eq!(aside.take(b"ok ", None), [node("ok ")]);
    }
}
