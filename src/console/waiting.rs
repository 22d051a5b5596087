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

    /// Whether bytes of the node are waited for that have not come yet.
    pub(super) fn awaits_text(&self) -> bool {
        matches!(&self.what, Awaited::Text(text, _) if !text.is_empty())
    }

    /// Looks for the awaited text in what the node says; it is taken away once it came.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        let Awaited::Text(text, window) = &mut self.what else {
            return;
        };
        if text.is_empty() {
            return;
        }
        window.extend_from_slice(bytes);
        if window
            .windows(text.len())
            .any(|part| part == text.as_slice())
        {
            text.clear();
            window.clear();
        } else {
            let kept = text.len() - 1;
            window.drain(..window.len().saturating_sub(kept));
        }
    }
}
