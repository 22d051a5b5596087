//! A step of an order that takes its time: a pause, an answer of the node, an acknowledgement.

use tokio::time::Instant;

/// A step that takes its time.
pub(super) struct Waiting {
    pub(super) until: Instant,
    pub(super) what: Awaited,
}

pub(super) enum Awaited {
    /// Nothing but the time.
    Time,
    /// These bytes; what came of late that may hold their beginning.
    Text(Vec<u8>, Vec<u8>),
    /// The far end's word that the line is held, or let go.
    Acknowledgement(bool),
}

impl Waiting {
    pub(super) fn over(&self, now: Instant) -> bool {
        let heard = matches!(&self.what, Awaited::Text(text, _) if text.is_empty());
        heard || now >= self.until
    }

    /// Looks for the awaited text in what is said; it is taken away once it came. Where it ends
    /// in `bytes`, and its length.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        let Awaited::Text(text, window) = &mut self.what else {
            return None;
        };
        if text.is_empty() {
            return None;
        }
        let before = window.len();
        window.extend_from_slice(bytes);
        let length = text.len();
        let found = window
            .windows(length)
            .position(|part| part == text.as_slice());
        if let Some(at) = found {
            text.clear();
            window.clear();
            // What was kept is shorter than the text, so its end lies in the new bytes.
            return Some(((at + length).saturating_sub(before), length));
        }
        window.drain(..window.len().saturating_sub(length - 1));
        None
    }
}
